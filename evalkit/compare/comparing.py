"""Whole runs side by side: every task that both have, and one family of p-values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from evalkit.compare.comparable import check, mismatched_pictures, mismatches_with_scores
from evalkit.compare.flips import counts, extremes, flips_of, with_texts
from evalkit.compare.matching import Pairs, pair_by_id, unwhole, without
from evalkit.compare.measuring import measure, rows_by_metric
from evalkit.compare.sides import Scored, check_same_rules, shared_task
from evalkit.comparison import Comparison, Difference, Flip, Mismatch, TaskComparison
from evalkit.errors import NotComparableError, UsageError
from evalkit.paired import DRAWS, holm
from evalkit.power import ALPHA
from evalkit.run_record import TaskResult
from evalkit.score import absent_parts
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
        alpha: An adjusted p-value up to this is called a difference; intervals have the level
            1 - alpha.
    """

    tasks: tuple[str, ...] = ()
    metrics: Chosen = "headline"
    allow: frozenset[str] = frozenset()
    draws: int = DRAWS
    seed: int = 0
    alpha: float = ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A comparison with the samples behind it.

    Attributes:
        first: The reference.
        second: The run.
        comparison: The numbers.
        flips: All samples that are better or worse, worst first in each task; without what the
            models wrote, which is read for those that are shown (`shown`).
    """

    first: Scored
    second: Scored
    comparison: Comparison
    flips: tuple[Flip, ...]

    def shown(self, most: int) -> Compared:
        """The same with the worst and the best flips alone, with what both models wrote.

        What must be known of that (it is not what the record was made of) is in the tasks' notes.

        Args:
            most: At most so many of the worst of each task, and of the best.

        Raises:
            StoreError: Predictions are damaged.
        """
        found: list[Flip] = []
        notes: dict[str, str] = {}  # each with the first task that it is about
        for task, held in groupby(extremes(self.flips, most), key=lambda flip: flip.task):
            one, two = self.first.written(task), self.second.written(task)
            found += with_texts(list(held), one, two)
            for note in filter(None, (one.note, two.note)):
                notes.setdefault(note, task)
        tasks = tuple(
            replace(task, notes=(*task.notes, *(n for n, of in notes.items() if of == task.task)))
            for task in self.comparison.tasks
        )
        return replace(self, flips=tuple(found), comparison=replace(self.comparison, tasks=tasks))

    def _repr_html_(self) -> str:
        """The comparison as a table: what a notebook shows."""
        return self.comparison._repr_html_()


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


def shared_pairs(first: Scored, second: Scored, task: str) -> Pairs | None:
    """The samples of a task that two runs share, whole groups alone, whatever else differs.

    Returns:
        None where there are none, or the two are not about the same data.

    Raises:
        EvalkitError: Scores cannot be had.
    """
    scores = first.scores(task), second.scores(task)
    found = mismatches_with_scores(first.result(task), second.result(task), scores)
    if any(m.part.startswith("dataset") for m in found):
        return None
    pairs = pair_by_id(*scores)
    pairs = without(pairs, unwhole(pairs, *scores))
    return pairs if pairs.first else None


def compare_all(
    reference: Scored,
    others: Sequence[Scored],
    choice: Choice = Choice(),
) -> tuple[Compared, ...]:
    """Compare runs with one reference; Holm's family is every headline of every run.

    Errors are those of `compare`; what differs is named for all runs and tasks at once.
    """
    plans = [_plan(reference, other, choice) for other in others]
    many = len(plans) > 1
    if refused := [
        f"{plan.second.side.name}: {line}" if many else line
        for plan in plans
        for line in plan.refused
    ]:
        raise NotComparableError("\n".join(refused))
    return _adjusted([_compared(plan, choice) for plan in plans])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is compared of two runs: tasks with what differs in each, and what is left out, why."""

    first: Scored
    second: Scored
    different: Mapping[str, tuple[Mismatch, ...]]
    absent: tuple[str, ...]
    refused: tuple[str, ...]


def _plan(first: Scored, second: Scored, choice: Choice) -> _Plan:
    """The tasks that both runs have, with what differs in their fingerprints.

    Raises:
        NotComparableError: There is no such task.
    """
    names, absent = _common(first, second, choice.tasks)
    different: dict[str, tuple[Mismatch, ...]] = {}
    refused = []
    for name in names:
        results = first.result(name), second.result(name)
        scores = first.scores(name), second.scores(name)
        found = mismatches_with_scores(*results, scores, choice.allow)
        if [s.sample_id for s in scores[0]] != [s.sample_id for s in scores[1]]:
            found += mismatched_pictures(first.images(name), second.images(name), choice.allow)
        different[name] = found
        try:
            check(different[name], name)
        except NotComparableError as error:
            refused.append(str(error))
    return _Plan(
        first=first, second=second, different=different, absent=absent, refused=tuple(refused)
    )


def _compared(plan: _Plan, choice: Choice) -> Compared:
    first, second = plan.first, plan.second
    found = [_task(first, second, name, held, choice) for name, held in plan.different.items()]
    comparison = Comparison(
        first=first.side,
        second=second.side,
        tasks=tuple(task for task, _ in found),
        absent=plan.absent,
        draws=choice.draws,
        seed=choice.seed,
        alpha=choice.alpha,
    )
    flips = tuple(flip for _, held in found for flip in held)
    return Compared(first=first, second=second, comparison=comparison, flips=flips)


def _common(
    first: Scored, second: Scored, wanted: Collection[str]
) -> tuple[list[str], tuple[str, ...]]:
    """The tasks of which both have scored samples, and a sentence for each other one."""
    one, two = first.results, second.results
    if unknown := sorted(set(wanted) - {*one, *two}):
        message = f"Neither {first.side.name} nor {second.side.name} has a task {unknown[0]!r}."
        raise UsageError(message)
    asked = [name for name in dict.fromkeys([*one, *two]) if not wanted or name in wanted]
    lacking = {name: why for name in asked if (why := _lacking(first, second, name))}
    absent = tuple(f"{name}: {why}" for name, why in lacking.items())
    if len(lacking) == len(asked):
        told = f" ({'; '.join(absent)})" if absent else ""
        message = (
            f"{first.side.name} and {second.side.name} have no task in common{told}: there is "
            "nothing to compare."
        )
        raise NotComparableError(message)
    return [name for name in asked if name not in lacking], absent


def _lacking(first: Scored, second: Scored, name: str) -> str:
    """Why a task cannot be compared; empty where it can."""
    for side, other in ((first, second), (second, first)):
        result = side.results.get(name)
        if result is None:
            return f"in {other.side.name} alone"
        if result.scores is None:
            return f"{side.side.name} has numbers of it but no scored samples"
    return ""


def _task(
    first: Scored, second: Scored, name: str, different: tuple[Mismatch, ...], choice: Choice
) -> tuple[TaskComparison, tuple[Flip, ...]]:
    one, two = first.result(name), second.result(name)
    task = shared_task(name, first, second)
    scores = first.scores(name), second.scores(name)
    pairs = pair_by_id(*scores)
    halves = unwhole(pairs, *scores)
    pairs = without(pairs, halves)
    if not pairs.first:
        message = f"The two results of {name} have no sample in common."
        raise NotComparableError(message)
    chosen = _chosen(task, choice.metrics)
    for metric in chosen:
        check_same_rules(task, metric.name, second)
    rows = rows_by_metric(task, pairs, chosen)
    flips = flips_of(task, pairs, rows=rows)
    differences = measure(
        task, pairs, chosen, draws=choice.draws, seed=choice.seed, alpha=choice.alpha, rows=rows
    )
    made = TaskComparison(
        task=name,
        protocol=one.protocol,
        samples=len(pairs.first),
        only_first=len(pairs.only_first),
        only_second=len(pairs.only_second),
        failed=_failed(pairs),
        unhealthy=_is_unhealthy(one) or _is_unhealthy(two),
        mismatches=different,
        differences=differences,
        flips=counts(flips),
        notes=(
            *_undefined(chosen, differences),
            *absent_parts(task, pairs.first),
            *_notes(pairs, len(halves), one, two),
        ),
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


def _undefined(chosen: Sequence[Metric], found: Sequence[Difference]) -> Iterator[str]:
    """A sentence on metrics of which there is no difference."""
    known = {difference.metric for difference in found}
    if missing := [metric.name for metric in chosen if metric.name not in known]:
        yield f"{', '.join(missing)}: undefined in one of the two on these samples."
    if not chosen:
        yield "there is no metric to compare."


def _notes(pairs: Pairs, halves: int, one: TaskResult, two: TaskResult) -> Iterator[str]:
    """What a reader must know of a task, without its name."""
    for left, whose in ((pairs.only_first, "the reference"), (pairs.only_second, "the other run")):
        if left:
            yield f"{_samples(len(left))} left out that {whose} alone has."
    if halves:
        yield f"{_samples(halves)} left out whose group is not whole in both runs."
    yield from _of_result("the reference", one)
    yield from _of_result("the other run", two)
    failed = _failed(pairs)
    if any(failed):
        yield (
            f"{failed[0]:,} of the compared samples failed in the reference and {failed[1]:,} in "
            "the other run; they count as wrong."
        )
    rows = one.fingerprint.dataset.rows
    if rows is not None and len(pairs.first) < rows:
        yield f"{len(pairs.first):,} of the {rows:,} rows of the data are compared."


def _of_result(whose: str, result: TaskResult) -> Iterator[str]:
    if _is_unhealthy(result):
        yield f"too many verdicts of the judge failed in {whose}."
    elif result.judge is not None and (lost := sum(result.judge.failed.values())):
        told = f"{lost:,} of {result.judge.verdicts:,} verdicts of the judge are missing in {whose}"
        yield f"{told}; what was not judged is in no mean of what was."
    if result.peeks is not None and result.peeks.stopped:
        yield (
            f"{whose} was stopped early, when a gate was sure of it: what is compared was chosen "
            "by that, and differences look larger than they are."
        )


def _samples(count: int) -> str:
    return f"{count:,} sample{'' if count == 1 else 's'}"


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
