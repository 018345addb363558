"""Whether two results may be compared: their fingerprints part by part, and what was allowed.

What is not known is not equal: of a published file of answers nobody says how it was asked.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalkit.comparison import UNKNOWN, Mismatch
from evalkit.errors import NotComparableError, UsageError
from evalkit.records import SampleScore, plain
from evalkit.run_record import DatasetIdentity, Fingerprint, TaskResult

PARTS = ("dataset", "prompt", "generation", "preprocessing", "scorer", "judge")
"""The parts of a fingerprint, as `--allow` takes them."""

_SHOWN = 70  # characters of a value in a refusal: a digest is whole
_BEFORE = 12  # of those, characters that both values have before they part

_PLACE = ("repository", "config", "split", "revision", "rows")
_CONTENT = ("samples", "digest", "images", "context")


def allowed(words: Iterable[str]) -> frozenset[str]:
    """The words of `--allow`: parts, or dotted paths inside them; commas separate several.

    Raises:
        UsageError: A word names no part.
    """
    found = {word.strip() for text in words for word in text.split(",")} - {""}
    check_allowed(sorted(found), "--allow")
    return frozenset(found)


def check_allowed(names: Iterable[str], place: str) -> None:
    """Refuse names that are no part of a fingerprint.

    Args:
        names: What may differ.
        place: Who says so, for the error.

    Raises:
        UsageError: One of the names is no part.
    """
    for name in names:
        if name.partition(".")[0] not in PARTS:
            message = (
                f"{place}: there is no part {name!r} to allow; the parts are: {', '.join(PARTS)}, "
                "and dotted paths below them."
            )
            raise UsageError(message)


def mismatches(
    first: TaskResult,
    second: TaskResult,
    allow: Collection[str] = (),
    *,
    same_samples: bool = True,
) -> tuple[Mismatch, ...]:
    """What differs in the fingerprints of two results of a task.

    Data are the same where their contents are: digests cover ids, targets, clusters, tags, inputs,
    pictures and rendered words, so names and commits may differ. Where the two results are of
    other samples (a limit), digests cannot agree, and what names the data must.

    Args:
        first: A result.
        second: Another of the same task.
        allow: Parts or dotted paths that may differ; such mismatches are `waived`.
        same_samples: Whether both are about the same samples in the same order.
    """
    one, two = first.fingerprint, second.fingerprint
    found = [
        *_of_dataset(one, two, same_samples=same_samples),
        *_of_prompt(one, two, same_samples=same_samples),
        *_of("generation", one.generation, two.generation),
        *_of_preprocessing(one, two),
        *_of("scorer", one.scorer, two.scorer),
        *_of_judge(first, second),
    ]
    return tuple(
        Mismatch(part=part, first=_text(a), second=_text(b), waived=_is_waived(part, allow))
        for part, a, b in found
    )


def mismatches_with_scores(
    first: TaskResult,
    second: TaskResult,
    scores: tuple[Sequence[SampleScore], Sequence[SampleScore]],
    allow: Collection[str] = (),
) -> tuple[Mismatch, ...]:
    """As `mismatches`, of results whose scored samples are at hand.

    Where the two are about other samples, those that they share must have the same targets,
    clusters, groups and tags; where targets are not kept (a baseline file) and no commit names the
    data, nothing shows that the questions are the same.
    """
    ids = [[score.sample_id for score in side] for side in scores]
    same = ids[0] == ids[1]
    found = mismatches(first, second, allow, same_samples=same)
    if same and not any(m.part.startswith("dataset") for m in found):
        return found
    known = first.fingerprint.dataset.revision is not None
    more = () if same else _of_shared(*scores, is_named=known)
    return found + tuple(
        Mismatch(part=part, first=_text(a), second=_text(b), waived=_is_waived(part, allow))
        for part, a, b in more
    )


def mismatched_pictures(
    first: Mapping[str, tuple[str, ...]],
    second: Mapping[str, tuple[str, ...]],
    allow: Collection[str] = (),
) -> tuple[Mismatch, ...]:
    """The first sample of which two runs were shown other pictures.

    For runs of other samples (a limit): digests over all pictures cannot agree there.

    Args:
        first: SHA-256 of each picture by sample id, as far as it is known.
        second: The same of the other run.
        allow: Parts or dotted paths that may differ.
    """
    part = "dataset.images"
    for name, one in first.items():
        if (two := second.get(name, one)) != one:
            told = (f"{' '.join(own)} of the sample {name}" for own in (one, two))
            return (
                Mismatch(
                    part=part, first=next(told), second=next(told), waived=_is_waived(part, allow)
                ),
            )
    return ()


def check(found: Iterable[Mismatch], task: str) -> None:
    """Check that all mismatches of a task were allowed.

    Raises:
        NotComparableError: One was not; the text names each, with both values.
    """
    if left := [m for m in found if not m.waived]:
        told = "; ".join(f"{m.part} is {_both(m)}" for m in left)
        parts = ",".join(dict.fromkeys(m.part.partition(".")[0] for m in left))
        message = (
            f"The two results of {task} are not comparable: {told}. Where that may differ, "
            f"--allow {parts} says so, and the output will."
        )
        raise NotComparableError(message)


def _both(m: Mismatch) -> str:
    """The two values, each from where they part and cut where it is long."""
    if m.first == m.second:
        return f"{m.first} in both"
    places = enumerate(zip(m.first, m.second, strict=False))
    parting = next((place for place, (a, b) in places if a != b), 0)
    is_long = max(len(m.first), len(m.second)) > _SHOWN
    start = max(0, parting - _BEFORE) if is_long else 0
    return " and ".join(_cut(value, start) for value in (m.first, m.second))


def _cut(value: str, start: int) -> str:
    text = " ".join(value[start:].split())
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"...{shown}" if start else shown or "empty"


Found = Iterator[tuple[str, Any, Any]]
"""(dotted path, value in the first, value in the second), of what differs."""


def _of_dataset(one: Fingerprint, two: Fingerprint, *, same_samples: bool) -> Found:
    if not same_samples:
        yield from _differing("dataset", _PLACE, one.dataset, two.dataset)
        return
    for name in _CONTENT:
        a, b = getattr(one.dataset, name), getattr(two.dataset, name)
        if name == "images" and None in (one.prompt, two.prompt):
            continue  # what was shown is a part of how it was asked: the prompt is unknown
        if a != b or (a in ("", None) and name != "images"):
            yield f"dataset.{name}", a or None, b or None


def _differing(
    part: str, names: Sequence[str], one: DatasetIdentity, two: DatasetIdentity
) -> Found:
    for name in names:
        a, b = getattr(one, name), getattr(two, name)
        if a != b:
            yield f"{part}.{name}", a, b


def _of_prompt(one: Fingerprint, two: Fingerprint, *, same_samples: bool) -> Found:
    for path, a, b in _of("prompt", one.prompt, two.prompt):
        if path != "prompt.digest" or same_samples:
            yield path, a, b


def _of_preprocessing(one: Fingerprint, two: Fingerprint) -> Found:
    """Empty settings are unknown where the prompt is; else the model has none."""
    told = [
        None if not f.preprocessing and f.prompt is None else f.preprocessing for f in (one, two)
    ]
    return _of("preprocessing", *told)


def _of_judge(first: TaskResult, second: TaskResult) -> Found:
    """No judge is no judge; of a published file of verdicts the judge is unknown."""
    told = [
        None if side.judge and not side.fingerprint.judge else side.fingerprint.judge or {}
        for side in (first, second)
    ]
    return _of("judge", *told)


def _of(part: str, one: Any, two: Any) -> Found:
    """Where two parts of a fingerprint differ; None is unknown, and not equal to itself."""
    if one is None or two is None:
        yield part, None if one is None else "known", None if two is None else "known"
        return
    a, b = plain(one), plain(two)
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            held = ["none" if side.get(name) is None else side[name] for side in (a, b)]
            yield f"{part}.{name}", held[0], held[1]


def _of_shared(
    first: Sequence[SampleScore], second: Sequence[SampleScore], *, is_named: bool
) -> Found:
    """What the samples that both have do not agree on."""
    before = {score.sample_id: score for score in first}
    pairs = [(before[s.sample_id], s) for s in second if s.sample_id in before]
    for name in ("cluster", "group", "tags"):
        yield from _of_pairs(name, pairs)
    kept = [p for p in pairs if p[0].targets and p[1].targets]
    yield from _of_pairs("targets", kept)
    if pairs and not is_named and not kept:
        yield "dataset.revision", None, None


def _of_pairs(name: str, pairs: Iterable[tuple[SampleScore, SampleScore]]) -> Found:
    """The first pair of scores in which a field differs."""
    for pair in pairs:
        one, two = (_comparable(getattr(score, name)) for score in pair)
        if one != two:
            where = f" of the sample {pair[0].sample_id}"
            yield f"dataset.{name}", f"{_text(one)}{where}", f"{_text(two)}{where}"
            return


def _comparable(value: Any) -> Any:
    """Tags as lists: whether one of them is a text depends on the others that were read."""
    if not isinstance(value, Mapping):
        return value
    return {name: (tag,) if isinstance(tag, str) else tag for name, tag in value.items()}


def _is_waived(part: str, allow: Collection[str]) -> bool:
    steps = part.split(".")
    return any(".".join(steps[:i]) in allow for i in range(1, len(steps) + 1))


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, Mapping):
        return json.dumps(plain(value), ensure_ascii=False)
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
