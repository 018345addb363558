"""Whole runs side by side: every task that both have, every metric, and one family of p-values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from evalkit.compare.comparable import check, mismatches_with_scores
from evalkit.compare.flips import counts, flips_of
from evalkit.compare.matching import Pairs, pair_by_id
from evalkit.compare.measuring import measure
from evalkit.compare.sides import Scored
from evalkit.comparison import Comparison, Flip, TaskComparison
from evalkit.errors import NotComparableError, UsageError
from evalkit.paired import DRAWS, holm
from evalkit.run_record import TaskResult
from evalkit.task import Metric, Task

Chosen = Literal["headline", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is compared of two runs, and how.

    Attributes:
        tasks: Names of tasks; none is all that both have.
        metrics: Each task's headline, or all of its metrics.
        allow: Parts of fingerprints, or dotted paths, that may differ.
        draws: Resamples, and exchanges, of every number.
        seed: Of their generator.
    """

    tasks: tuple[str, ...] = ()
    metrics: Chosen = "headline"
    allow: frozenset[str] = frozenset()
    draws: int = DRAWS
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A comparison with what its pages show beside the numbers: the flips, worst first."""

    comparison: Comparison
    flips: tuple[Flip, ...]


def compare(first: Scored, second: Scored, choice: Choice = Choice()) -> Compared:
    """Compare a run with a reference, on the samples that both have, paired by id.

    Args:
        first: The reference.
        second: The run.
        choice: What is compared.

    Raises:
        NotComparableError: Fingerprints differ in what is not allowed, or there is nothing in
            common.
        StaleError: A record, its scores or the task's rules are not what they were.
        EvalkitError: A run or a task cannot be had.
    """
    return compare_all(first, [second], choice)[0]


def compare_all(
    reference: Scored,
    others: Sequence[Scored],
    choice: Choice = Choice(),
) -> tuple[Compared, ...]:
    """Compare runs with one reference; Holm's family is every headline of every run.

    Errors are those of `compare`.
    """
    return _adjusted([_compared(reference, other, choice) for other in others])


def _compared(first: Scored, second: Scored, choice: Choice) -> Compared:
    names, absent = _common(first, second, choice.tasks)
    found = [_task(first, second, name, choice) for name in names]
    comparison = Comparison(
        first=first.side,
        second=second.side,
        tasks=tuple(task for task, _ in found),
        absent=absent,
        draws=choice.draws,
        seed=choice.seed,
    )
    return Compared(comparison=comparison, flips=tuple(f for _, flips in found for f in flips))


def _common(
    first: Scored, second: Scored, wanted: Collection[str]
) -> tuple[list[str], tuple[str, ...]]:
    """The tasks that both have, and a sentence for each that only one has."""
    one, two = first.results, second.results
    if unknown := sorted(set(wanted) - {*one, *two}):
        message = f"Neither {first.side.name} nor {second.side.name} has a task {unknown[0]!r}."
        raise UsageError(message)
    asked = [name for name in dict.fromkeys([*one, *two]) if not wanted or name in wanted]
    shared = [name for name in asked if name in one and name in two]
    absent = tuple(
        f"{name}: in {(first if name in one else second).side.name} alone"
        for name in asked
        if name not in shared
    )
    if not shared:
        told = f" ({'; '.join(absent)})" if absent else ""
        message = (
            f"{first.side.name} and {second.side.name} have no task in common{told}: there is "
            "nothing to compare."
        )
        raise NotComparableError(message)
    return shared, absent


def _task(
    first: Scored, second: Scored, name: str, choice: Choice
) -> tuple[TaskComparison, tuple[Flip, ...]]:
    one, two = first.result(name), second.result(name)
    scores = first.scores(name), second.scores(name)
    different = mismatches_with_scores(one, two, scores, choice.allow)
    check(different, name)
    pairs, task = pair_by_id(*scores), first.task(name)
    if not pairs.first:
        message = f"The two results of {name} have no sample in common."
        raise NotComparableError(message)
    flips = flips_of(task, pairs, (first.texts(name), second.texts(name)))
    made = TaskComparison(
        task=name,
        protocol=one.protocol,
        samples=len(pairs.first),
        only_first=len(pairs.only_first),
        only_second=len(pairs.only_second),
        failed=_failed(pairs),
        unhealthy=_is_unhealthy(one) or _is_unhealthy(two),
        mismatches=different,
        differences=measure(
            task, pairs, _chosen(task, choice.metrics), draws=choice.draws, seed=choice.seed
        ),
        flips=counts(flips),
        notes=tuple(_notes(name, pairs, one, two)),
    )
    return made, flips


def _chosen(task: Task, chosen: Chosen) -> list[Metric]:
    """The metrics to compare, headline first."""
    by_name = {metric.name: metric for metric in task.metrics}
    first = [by_name[name] for name in task.headline if name in by_name]
    rest = [metric for metric in task.metrics if metric.name not in task.headline]
    return [*first, *rest] if chosen == "all" else first


def _failed(pairs: Pairs) -> tuple[int, int]:
    return sum(s.failed for s in pairs.first), sum(s.failed for s in pairs.second)


def _is_unhealthy(result: TaskResult) -> bool:
    return result.judge is not None and not result.judge.healthy


def _notes(name: str, pairs: Pairs, one: TaskResult, two: TaskResult) -> Iterator[str]:
    for left, which in ((pairs.only_first, "first"), (pairs.only_second, "second")):
        if left:
            yield (
                f"{name}: {len(left):,} samples are in the {which} run alone and are not compared."
            )
    for side, result in (("first", one), ("second", two)):
        if _is_unhealthy(result):
            yield f"{name}: too many verdicts of the judge failed in the {side} run."
    failed = _failed(pairs)
    if any(failed):
        yield (
            f"{name}: {failed[0]:,} of the compared samples failed in the first run and "
            f"{failed[1]:,} in the second; they count as wrong."
        )
    if one.fingerprint.dataset.samples < one.fingerprint.dataset.rows:
        yield (
            f"{name}: {len(pairs.first):,} samples of the {one.fingerprint.dataset.rows:,} rows of "
            "the data."
        )


def _adjusted(compared: Sequence[Compared]) -> tuple[Compared, ...]:
    """The comparisons with Holm's p-values over all headlines of all of them."""
    family = [
        difference.p if difference.headline else None
        for one in compared
        for task in one.comparison.tasks
        for difference in task.differences
    ]
    adjusted = iter(holm(family))
    return tuple(
        replace(
            one,
            comparison=replace(
                one.comparison,
                tasks=tuple(
                    replace(
                        task,
                        differences=tuple(
                            replace(d, adjusted=next(adjusted)) for d in task.differences
                        ),
                    )
                    for task in one.comparison.tasks
                ),
            ),
        )
        for one in compared
    )
