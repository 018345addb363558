"""What got better and what got worse, and whether the answer changed or only how it was read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from evalkit.compare.matching import Pairs
from evalkit.compare.measuring import rows_of
from evalkit.compare.sides import Written
from evalkit.comparison import Flip
from evalkit.pairing import Paired, gains
from evalkit.records import SampleScore
from evalkit.task import Metric, Task

Cause = Literal["answer", "format", "verdict", "failure"]

CAUSES: tuple[Cause, ...] = ("answer", "verdict", "format", "failure")
"""Why a sample flips, most telling first."""

_ARTICLES = frozenset({"a", "an", "the"})
_NOTHING = 1e-6  # gains below this are rounding
_DIGITS = 9  # of a gain: gradients are numeric


def flips_of(
    task: Task,
    pairs: Pairs,
    texts: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    *,
    rows: Mapping[str, Paired] | None = None,
) -> tuple[Flip, ...]:
    """The samples that are better or worse in the second run, worst first.

    Better and worse is meant in the first headline metric that counts the sample and in which more,
    or less, is better. Where it counts groups (MMVP's pairs), a group's gain is that of each sample
    in it that changed.

    Args:
        task: Whose metrics count.
        pairs: The samples of both runs.
        texts: What the two models wrote, by sample id; empty where it is not at hand.
        rows: The metrics' rows by name, where they were made before (`rows_by_metric`).

    Raises:
        UsageError: The metric does not fit the scores.
    """
    found: dict[str, Flip | None] = {}
    for metric in directed(task):
        known = None if rows is None else rows.get(metric.name)
        for first, second, gain in _gains(task, metric, pairs, known):
            if first.sample_id not in found:
                moved = abs(gain) > _NOTHING
                flip = _flip(task, first, second, gain, texts) if moved else None
                found[first.sample_id] = flip
    return tuple(sorted((f for f in found.values() if f), key=lambda flip: flip.gain))


def directed(task: Task) -> tuple[Metric, ...]:
    """The headline metrics that have a good direction."""
    by_name = {metric.name: metric for metric in task.metrics}
    chosen = (by_name[name] for name in task.headline if name in by_name)
    return tuple(metric for metric in chosen if metric.higher_is_better is not None)


def extremes(flips: Sequence[Flip], most: int) -> tuple[Flip, ...]:
    """The worst and the best flips of each task, at most so many of either, worst first."""
    by_task: dict[str, list[Flip]] = {}
    for flip in flips:
        by_task.setdefault(flip.task, []).append(flip)
    return tuple(
        flip
        for held in by_task.values()
        for flip in (
            *[f for f in held if f.gain < 0][:most],
            *[f for f in held if f.gain > 0][max(0, sum(f.gain > 0 for f in held) - most) :],
        )
    )


def with_texts(flips: Sequence[Flip], first: Written, second: Written) -> tuple[Flip, ...]:
    """The flips of a task with what the two models wrote, or why that is not shown."""
    withheld = (first.withheld, second.withheld)
    return tuple(
        replace(
            flip,
            texts=(first.texts.get(flip.sample_id), second.texts.get(flip.sample_id)),
            withheld=withheld,
        )
        for flip in flips
    )


def counts(flips: Sequence[Flip]) -> dict[str, tuple[int, int]]:
    """How many samples got better, and how many worse, by cause."""
    better = Counter(flip.cause for flip in flips if flip.gain > 0)
    worse = Counter(flip.cause for flip in flips if flip.gain < 0)
    return {
        cause: (better[cause], worse[cause]) for cause in CAUSES if better[cause] + worse[cause]
    }


def _gains(
    task: Task, metric: Metric, pairs: Pairs, known: Paired | None
) -> Iterator[tuple[SampleScore, SampleScore, float]]:
    """Each counted sample in both runs with its gain; none where the metric has no gradient."""
    if not pairs.first:
        return
    moved = gains(metric, known or rows_of(task, metric, pairs))
    if moved is None:
        return
    for unit, gain in zip(_units(metric, pairs), moved.tolist(), strict=True):
        for one, two in unit:
            changed = len(unit) == 1 or one.values != two.values
            yield one, two, gain if changed else 0.0


def _units(metric: Metric, pairs: Pairs) -> list[list[tuple[SampleScore, SampleScore]]]:
    """The metric's units in the order of its rows (`evalkit.sums.statistics`)."""
    found: dict[tuple[str | None, str], list[tuple[SampleScore, SampleScore]]] = {}
    for one, two in zip(pairs.first, pairs.second, strict=True):
        if metric.only is None or metric.only(one):
            alone = metric.unit == "sample" or one.group is None
            key = (None if alone else one.group, one.sample_id if alone else "")
            found.setdefault(key, []).append((one, two))
    return list(found.values())


def _flip(
    task: Task,
    first: SampleScore,
    second: SampleScore,
    gain: float,
    texts: tuple[Mapping[str, str], Mapping[str, str]],
) -> Flip:
    one, two = (side.get(first.sample_id) for side in texts)
    judged = task.judging is not None and task.metrics == task.judging.metrics
    return Flip(
        task=task.name,
        sample_id=first.sample_id,
        gain=round(gain, _DIGITS),
        first=first.answer,
        second=second.answer,
        targets=first.targets or second.targets,
        rules=(first.rule, second.rule),
        texts=(one, two),
        cause=cause_of(first, second, gain, judged=judged),
        tags=first.tags,
    )


def cause_of(
    first: SampleScore, second: SampleScore, gain: float, *, judged: bool = False
) -> Cause:
    """Why a sample is scored otherwise in the second run.

    "format" where one of the answers could not be read, where both say the same but for case,
    marks and articles, or where a careful reader could have read the worse of the two otherwise
    (`SampleScore.ambiguous`): then the difference may be in how the answer was written.

    Args:
        first: The sample in the first run.
        second: In the second.
        gain: Above 0 where the second is better.
        judged: Whether a judge said what the answers are worth; what is kept as the answer is then
            the verdict.
    """
    if first.failed or second.failed:
        return "failure"
    if judged:
        return "verdict"
    worse = first if gain > 0 else second
    if worse.ambiguous or first.answer is None or second.answer is None:
        return "format"
    return "format" if _words(first.answer) == _words(second.answer) else "answer"


def _words(answer: str) -> list[str]:
    """The answer without case, marks and articles; as it is where nothing else would be left."""
    words = [w for w in re.findall(r"\w+", answer.casefold()) if w not in _ARTICLES]
    return words or [answer]
