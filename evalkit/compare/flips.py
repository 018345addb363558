"""What got better and what got worse, and whether the answer changed or only how it was read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from evalkit.compare.matching import Pairs
from evalkit.compare.measuring import rows_of
from evalkit.comparison import Flip
from evalkit.pairing import gains
from evalkit.records import SampleScore
from evalkit.task import Metric, Task

Cause = Literal["answer", "format", "failure"]

CAUSES: tuple[Cause, ...] = ("answer", "format", "failure")
"""Why a sample flips, most telling first."""

_ARTICLES = frozenset({"a", "an", "the"})
_NOTHING = 1e-6  # gains below this are rounding


def flips_of(
    task: Task,
    pairs: Pairs,
    texts: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
) -> tuple[Flip, ...]:
    """The samples that are better or worse in the second run, worst first.

    Better and worse is meant in the first headline metric in which more, or less, is better. Where
    it counts groups (MMVP's pairs), a group's gain is that of each sample in it that changed.

    Args:
        task: Whose metrics count.
        pairs: The samples of both runs.
        texts: What the two models wrote, by sample id; empty where it is not at hand.

    Raises:
        UsageError: The metric does not fit the scores.
    """
    metric = directed(task)
    if metric is None or not pairs.first:
        return ()
    found = [
        _flip(task.name, first, second, gain, texts)
        for first, second, gain in _gains(task, metric, pairs)
        if abs(gain) > _NOTHING
    ]
    return tuple(sorted(found, key=lambda flip: flip.gain))


def directed(task: Task) -> Metric | None:
    """The first headline metric that has a good direction; None where none has."""
    by_name = {metric.name: metric for metric in task.metrics}
    chosen = (by_name[name] for name in task.headline if name in by_name)
    return next((metric for metric in chosen if metric.higher_is_better is not None), None)


def counts(flips: Sequence[Flip]) -> dict[str, tuple[int, int]]:
    """How many samples got better, and how many worse, by cause."""
    better = Counter(flip.cause for flip in flips if flip.gain > 0)
    worse = Counter(flip.cause for flip in flips if flip.gain < 0)
    return {
        cause: (better[cause], worse[cause]) for cause in CAUSES if better[cause] + worse[cause]
    }


def _gains(
    task: Task, metric: Metric, pairs: Pairs
) -> Iterator[tuple[SampleScore, SampleScore, float]]:
    """Each counted sample in both runs, with its gain; none where the metric has no gradient."""
    moved = gains(metric, rows_of(task, metric, pairs))
    if moved is None:
        return
    for place, unit in enumerate(_units(metric, pairs)):
        for one, two in unit:
            if len(unit) == 1 or one.values != two.values:
                yield one, two, float(moved[place])


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
    task: str,
    first: SampleScore,
    second: SampleScore,
    gain: float,
    texts: tuple[Mapping[str, str], Mapping[str, str]],
) -> Flip:
    one, two = (side.get(first.sample_id) for side in texts)
    return Flip(
        task=task,
        sample_id=first.sample_id,
        gain=gain,
        first=first.answer,
        second=second.answer,
        targets=first.targets or second.targets,
        rules=(first.rule, second.rule),
        texts=(one, two),
        cause=cause_of(first, second, gain),
        tags=first.tags,
    )


def cause_of(first: SampleScore, second: SampleScore, gain: float) -> Cause:
    """Why a sample is scored otherwise in the second run.

    "format" where one of the answers could not be read, where both say the same but for case,
    marks and articles, or where a careful reader could have read the worse of the two otherwise
    (`SampleScore.ambiguous`): then the difference may be in how the answer was written.

    Args:
        first: The sample in the first run.
        second: In the second.
        gain: Above 0 where the second is better.
    """
    if first.failed or second.failed:
        return "failure"
    worse = first if gain > 0 else second
    if worse.ambiguous or first.answer is None or second.answer is None:
        return "format"
    return "format" if _words(first.answer) == _words(second.answer) else "answer"


def _words(answer: str) -> list[str]:
    """The answer without case, marks and articles; as it is where nothing else would be left."""
    words = [w for w in re.findall(r"\w+", answer.casefold()) if w not in _ARTICLES]
    return words or [answer]
