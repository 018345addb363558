"""Which numbers of a column may stand beside each other, by fingerprint, and how others differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from evalkit.board.entries import Entry
from evalkit.compare.comparable import mismatches
from evalkit.comparison import Mismatch
from evalkit.report.marks import is_limited
from evalkit.run_record import TaskResult

UNKNOWN = "how it was asked is not known"
"""The title of numbers that may not even be compared with each other."""

SELF_REPORTED = "self-reported, and how it was asked is not known"
"""The same of numbers that were copied from publications."""

_FOLLOWS = {
    "dataset.samples": ("dataset.digest", "dataset.images", "dataset.context", "prompt.digest"),
    "dataset.digest": ("dataset.images", "dataset.context", "prompt.digest"),
    "dataset.images": ("dataset.context",),
    "prompt.variant": ("prompt.template", "prompt.digest", "dataset.context"),
    "prompt.template": ("prompt.digest", "dataset.context"),
    "scorer.protocol": ("dataset.context",),
}
"""What differs whenever another part does, and need not be said."""

_SHOWN = 60  # characters of a value in a title
_DIGEST = 64  # characters of one


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A result that is a candidate for a column.

    Attributes:
        entry: Its record.
        result: The result.
        label: Its row.
        waived: What differs from the rest of its group and was allowed to.
    """

    entry: Entry
    result: TaskResult
    label: str
    waived: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Candidates that may stand beside each other.

    Attributes:
        title: How they differ from the main ones; empty for these.
        differences: All that differs.
        comparable: Whether they may be compared with each other.
        newest: Of each row the newest of the fullest.
        earlier: All others.
    """

    title: str
    differences: tuple[Mismatch, ...]
    comparable: bool
    newest: tuple[Candidate, ...]
    earlier: tuple[Candidate, ...]


def together(
    candidates: Sequence[Candidate], allow: Collection[str] = (), reference: str | None = None
) -> tuple[Together, ...]:
    """Candidates of one column in groups, the main one first.

    The main one has the reference, if that is in the column; else it is of the benchmark's own
    data, if any is, then of the fullest (the whole, else the most samples), so that no trial run
    takes its place; of such groups it has the most rows, and of these the newest run.

    Args:
        candidates: The candidates, in any order.
        allow: Parts of fingerprints, or dotted paths, that may differ in a group.
        reference: The reference's row.
    """
    known: list[Candidate] = []
    unknown: list[Candidate] = []
    for one in sorted(candidates, key=_order, reverse=True):
        (known if _is_known(one, allow) else unknown).append(one)
    classes = _classes(known, allow)
    classes.sort(key=lambda held: _weight(held, reference), reverse=True)
    main = classes[0][0] if classes else None
    made = [_group(held, main, allow) for held in classes]
    titles: dict[str, int] = {}
    for place, group in enumerate(made):
        count = titles[group.title] = titles.get(group.title, 0) + 1
        if count > 1:
            made[place] = replace(group, title=f"{group.title} ({count})")
    copied = [one for one in unknown if one.entry.record.source == "self-reported"]
    others = [one for one in unknown if one.entry.record.source != "self-reported"]
    for title, held in ((UNKNOWN, others), (SELF_REPORTED, copied)):
        if held:
            found = mismatches(held[0].result, held[0].result)
            made.append(_grouped(held, title, found, comparable=False))
    return tuple(made)


def _order(one: Candidate) -> tuple[object, ...]:
    return *_fullness(one.result), *_age(one)


def _fullness(result: TaskResult) -> tuple[bool, int]:
    """Whether a result is of its whole data, and of how many samples."""
    stopped = result.peeks is not None and result.peeks.stopped
    samples = result.fingerprint.dataset.samples
    whole = samples is not None and not stopped and not is_limited(result)
    return whole, samples or 0


def _age(one: Candidate) -> tuple[str, str, str, str]:
    record = one.entry.record
    return record.created, record.finished, record.digest, one.entry.path


def _is_known(one: Candidate, allow: Collection[str]) -> bool:
    """Whether all is known of a result that must be; what is unknown is not equal to itself.

    What a self-reported record says of how its numbers were made, nothing here bears out.
    """
    measured = one.entry.record.source != "self-reported"
    return measured and all(m.waived for m in mismatches(one.result, one.result, allow))


def _classes(known: Sequence[Candidate], allow: Collection[str]) -> list[list[Candidate]]:
    """The candidates by what they may stand beside, in their order."""
    classes: list[list[Candidate]] = []
    for one in known:
        for held in classes:
            if all(m.waived for m in mismatches(held[0].result, one.result, allow)):
                held.append(one)
                break
        else:
            classes.append([one])
    return classes


def _weight(held: Sequence[Candidate], reference: str | None) -> tuple[object, ...]:
    labels = {one.label for one in held}
    first = held[0]
    is_benchmark = first.result.fingerprint.dataset.own is None
    full = _fullness(first.result)
    return reference in labels, is_benchmark, *full, len(labels), *_age(first)


def _group(held: Sequence[Candidate], main: Candidate | None, allow: Collection[str]) -> Together:
    if main is None or held[0] is main:
        return _grouped(_with_waived(held, allow), "", (), comparable=True)
    found = tuple(m for m in mismatches(main.result, held[0].result, allow) if not m.waived)
    return _grouped(_with_waived(held, allow), title_of(found), found, comparable=True)


def _with_waived(held: Sequence[Candidate], allow: Collection[str]) -> list[Candidate]:
    """The candidates with what of each differs from the first, and was allowed to."""
    first = held[0].result
    return [
        replace(one, waived=tuple(m for m in mismatches(first, one.result, allow) if m.waived))
        for one in held
    ]


def _grouped(
    held: Sequence[Candidate], title: str, found: tuple[Mismatch, ...], *, comparable: bool
) -> Together:
    newest: dict[str, Candidate] = {}
    earlier = []
    for one in held:  # the fullest first, and of these the newest
        if one.label in newest:
            earlier.append(one)
        else:
            newest[one.label] = one
    return Together(
        title=title,
        differences=found,
        comparable=comparable,
        newest=tuple(newest.values()),
        earlier=tuple(earlier),
    )


def title_of(found: Iterable[Mismatch]) -> str:
    """How a group differs from the main one, in words: each part that does not follow from one."""
    by_part = {m.part: m for m in found}
    follows = {part for first in by_part for part in _FOLLOWS.get(first, ())}
    told = [m for part, m in by_part.items() if part not in follows]
    return "; ".join(map(_difference, told))


def _difference(m: Mismatch) -> str:
    """A difference in words; a limit in the same words whatever the size of a task's data."""
    if m.part == "dataset.samples":
        return f"asked {m.second} samples, another number than the first rows"
    return f"{m.part}: {_cut(m.second)}, not {_cut(m.first)}"


def _cut(value: str) -> str:
    text = " ".join(value.split())
    if len(text) == _DIGEST and all(c in "0123456789abcdef" for c in text):
        return text[:12]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
