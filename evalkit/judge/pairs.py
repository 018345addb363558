"""Pairs of verdicts, one by the judge and one by a human: checked, and made scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from evalkit.errors import UsageError
from evalkit.judge.kinds import Kind, kind_of, require_scale, require_tolerance, within
from evalkit.judge.measures import HUMAN, JUDGE
from evalkit.records import SampleScore


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One judged answer: the judge's verdict and, where there is one, a human's.

    Attributes:
        sample_id: Which sample; unique.
        judge: A label or a rating; None where the judge failed.
        human: The same by a human; None where there is no human label.
        length: Characters of the judged answer; None where they are not known.
        cluster: What is not independent, such as the image.
    """

    sample_id: str
    judge: str | float | None
    human: str | float | None
    length: int | None
    cluster: str


def has_both(pair: Pair) -> bool:
    """Whether the judge gave a verdict and a human a label."""
    return pair.judge is not None and pair.human is not None


def judge_of(pair: Pair) -> Any:
    """The judge's verdict: text or a number."""
    return pair.judge if isinstance(pair.judge, str) else float(pair.judge or 0)


def human_of(pair: Pair) -> Any:
    """The human verdict: text or a number."""
    return pair.human if isinstance(pair.human, str) else float(pair.human or 0)


def occurring(pairs: Iterable[Pair]) -> list[Any]:
    """All verdicts that occur in pairs with both, in order."""
    return sorted({verdict for pair in pairs for verdict in (judge_of(pair), human_of(pair))})


def checked_kind(
    pairs: Sequence[Pair],
    positive: str | None,
    tolerance: float,
    labels: Sequence[str],
    scale: tuple[float, float] | None,
) -> Kind:
    """The kind of all verdicts, if they and the options of `calibrate` fit together.

    Args:
        pairs: In the order of their sample ids.
        positive: The label that counts as 1.
        tolerance: Ratings that differ by this much agree.
        labels: All that the rubric knows.
        scale: The smallest and the largest rating.

    Raises:
        UsageError: They do not.
    """
    for one, two in pairwise(pairs):
        if one.sample_id == two.sample_id:
            message = f"The sample {one.sample_id!r} is given twice; a pair is one sample's."
            raise UsageError(message)
    require_tolerance(tolerance)
    kind = kind_of(_named(pairs))
    if kind == "labels":
        _check_labels(pairs, positive, labels)
    elif positive is not None or labels:
        message = "The verdicts are ratings, which have no labels; leave the labels out."
        raise UsageError(message)
    if scale is not None:
        _check_scale(pairs, scale)
    return kind


def _named(pairs: Iterable[Pair]) -> Iterable[tuple[str, str | float]]:
    for pair in pairs:
        if pair.judge is not None:
            yield f"the judge's verdict of sample {pair.sample_id!r}", pair.judge
        if pair.human is not None:
            yield f"the human label of sample {pair.sample_id!r}", pair.human


def _check_labels(pairs: Iterable[Pair], positive: str | None, labels: Sequence[str]) -> None:
    occurring = {str(verdict): what for what, verdict in _named(pairs)}
    known = list(labels) or sorted(occurring)
    if odd := sorted(occurring.keys() - set(known)):
        meant = [label for label in known if label.lower() == odd[0].strip().lower()]
        hint = f" Write it as {meant[0]!r}: case and blanks count." if meant else ""
        message = f"{occurring[odd[0]]} is {odd[0]!r}, which is none of: {', '.join(known)}.{hint}"
        raise UsageError(message[0].upper() + message[1:])
    if positive is not None and known and positive not in known:
        message = f"The positive label {positive!r} is none of those given: {', '.join(known)}."
        raise UsageError(message)


def _check_scale(pairs: Iterable[Pair], scale: tuple[float, float]) -> None:
    low, high = scale
    require_scale(scale)
    for what, verdict in _named(pairs):
        if isinstance(verdict, str) or not low <= verdict <= high:
            message = (
                f"On a scale from {low:g} to {high:g} {what} cannot be {verdict!r}; if people used "
                "another scale, --scale LOW HIGH names it."
            )
            raise UsageError(message)


def ends_of(
    pairs: Iterable[Pair], kind: Kind, positive: str | None, scale: tuple[float, float] | None
) -> tuple[float, float] | None:
    """The smallest and the largest possible number; None where verdicts are none, or all equal."""
    if kind == "labels":
        return None if positive is None else (0.0, 1.0)
    if scale is not None:
        return float(scale[0]), float(scale[1])
    numbers = [float(verdict) for _, verdict in _named(pairs)]
    return (min(numbers), max(numbers)) if min(numbers) < max(numbers) else None


def score_of(pair: Pair, kind: Kind, positive: str | None, tolerance: float) -> SampleScore:
    """A pair as a score: `evalkit.judge.measures` says what it holds."""
    given = {who: v for who, v in ((JUDGE, pair.judge), (HUMAN, pair.human)) if v is not None}
    values: dict[str, float] = {}
    if kind == "ratings":
        values = {who: float(verdict) for who, verdict in given.items()}
    elif positive is not None:
        values = {who: float(verdict == positive) for who, verdict in given.items()}
    if pair.judge is not None and pair.human is not None:
        values["agreed"] = float(_agree(pair.judge, pair.human, tolerance))
    return SampleScore(
        sample_id=pair.sample_id,
        answer=None,
        targets=(),
        values=values,
        group=None,
        cluster=pair.cluster,
        tags={who: v for who, v in given.items() if isinstance(v, str)},
        failed=pair.judge is None,
    )


def _agree(judge: str | float, human: str | float, tolerance: float) -> bool:
    if isinstance(judge, str) or isinstance(human, str):
        return judge == human
    return within(judge, human, tolerance)
