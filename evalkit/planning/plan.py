"""Runs and a question -> which tasks settle it, and how many samples of each it takes.

Subsets are whole clusters, so the variance of a difference falls as one by their number.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalkit.compare.comparing import shared_pairs
from evalkit.compare.matching import Pairs
from evalkit.compare.measuring import rows_of
from evalkit.compare.sides import Scored, shared_task
from evalkit.designs import MetricPlan, Plan, Stage
from evalkit.errors import UsageError
from evalkit.planning.question import Question, effect_of
from evalkit.planning.spread import Spread, spread_of, spread_of_one
from evalkit.power import detectable, needed, predicted_power
from evalkit.strata import strata_of
from evalkit.task import Metric, Task

PARTS = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""Shares of the data that are shown beside what is needed."""


def plan(runs: Sequence[Scored], question: Question, tasks: Collection[str] = ()) -> Plan:
    """Which tasks settle the question, and how many samples of each it takes.

    Args:
        runs: Runs, or baselines; where two have a task, each is paired with the first, and the pair
            that varies most counts.
        question: What shall be settled.
        tasks: Names of tasks; none is all that the runs have.

    Raises:
        UsageError: No run has a task, the question is none, or a task's code does not fit.
        EvalkitError: A run's scores cannot be had.
    """
    known = dict.fromkeys(name for run in runs for name in run.results)
    if absent := sorted(set(tasks) - set(known)):
        message = (
            f"None of the runs has {absent[0]!r}; run it on a few hundred samples first "
            f"(evalkit run {absent[0]} --limit 500), and give that run with --from."
        )
        raise UsageError(message)
    sources = {
        name: [run for run in runs if name in run.results and run.result(name).scores]
        for name in known
        if not tasks or name in tasks
    }
    found = [
        known_metric
        for name, own in sources.items()
        for known_metric in _known(name, own, question)
    ]
    return Plan(
        detect=question.detect,
        alpha=question.alpha,
        power=question.power,
        sides=question.sides,
        metrics=tuple(_of_metric(one, question) for one in found),
        notes=tuple(dict.fromkeys([*_lacking(sources, found), *_supposed(found, question)])),
    )


def _lacking(sources: Mapping[str, Sequence[Scored]], found: Sequence[_Known]) -> Iterator[str]:
    """Tasks of which nothing can be planned."""
    for name in sources.keys() - {one.task.name for one in found}:
        yield f"{name}: the runs do not tell how much its headline varies; it is not planned."


def _supposed(found: Sequence[_Known], question: Question) -> Iterator[str]:
    """What was supposed where the runs do not tell it."""
    for one in found:
        if len(one.runs) == 1:
            yield f"{one.task.name}: {_of_one_words(one, question)}"
        if one.whole.thinned:
            yield (
                f"{one.task.name}: {one.runs[0]} has {one.whole.share:.0%} of the samples, and not "
                "whole clusters, so how much clusters weigh is extrapolated; a run with "
                "--limit-by cluster would show it."
            )


def _of_one_words(one: _Known, question: Question) -> str:
    """What was supposed of a metric that was planned from one run, and why."""
    supposed = (
        f"two runs are supposed to have a correlation of {question.correlation:g} (--correlation)"
    )
    if one.same:
        return (
            f"{' and '.join([*one.runs, *one.same])} say the same by {one.metric.name}, "
            f"which tells nothing of how two models differ; so {supposed}. A run of "
            "another checkpoint on the same samples would show it."
        )
    return (
        f"planned from one run ({one.runs[0]}); {supposed}. A second run on the same samples would "
        "show it."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the runs tell of a headline metric.

    Attributes:
        task: The task.
        metric: The metric.
        spread: How much its difference varies.
        runs: The runs that tell it.
        same: Runs beside the first that do not differ from it.
        whole: All of the task's data.
        speed: Seconds a sample; None where no run tells it.
    """

    task: Task
    metric: Metric
    spread: Spread
    runs: tuple[str, ...]
    same: tuple[str, ...]
    whole: _Whole
    speed: float | None


def _known(name: str, sources: Sequence[Scored], question: Question) -> Iterator[_Known]:
    """What the runs tell of a task's headline metrics."""
    if not sources:
        return
    task = shared_task(name, *sources)
    for metric in (m for m in task.metrics if m.name in task.headline):
        spread, runs, same = _widest(task, metric, sources, question)
        if spread is not None:
            yield _Known(
                task=task,
                metric=metric,
                spread=spread,
                runs=runs,
                same=same,
                whole=_Whole.of(sources[0], name),
                speed=_seconds_a_sample(name, sources),
            )


# How much a difference varies


def _widest(
    task: Task, metric: Metric, sources: Sequence[Scored], question: Question
) -> tuple[Spread | None, tuple[str, ...], tuple[str, ...]]:
    """The spread of the pair that varies most, or of one run; the names of the runs, and of others.

    The others are runs that do not differ from the one.
    """
    first, found, same = sources[0], [], []
    for other in sources[1:]:
        pairs = shared_pairs(first, other, task.name)
        if pairs is None:
            continue
        paired = rows_of(task, metric, pairs, strata_of(pairs.first, task.parts))
        spread = spread_of(metric, paired, len(pairs.first), seed=question.seed)
        if spread is not None:
            found.append((spread, (first.side.name, other.side.name)))
        elif (paired.first == paired.second).all():
            same.append(other.side.name)
    if found:
        return *max(found, key=lambda one: one[0].error), ()
    scores = first.scores(task.name)
    alone = Pairs(first=scores, second=scores, only_first=(), only_second=())
    paired = rows_of(task, metric, alone, strata_of(scores, task.parts))
    spread = spread_of_one(metric, paired, len(scores), question.correlation)
    return spread, (first.side.name,), tuple(same)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """All of a task's data, as far as a run tells.

    Attributes:
        samples: That the data have.
        share: Of them that the run has.
        thinned: Whether the run has some samples of a cluster and not others.
        size: Samples of a cluster, on average.
        effective: The same weighted by size, Σ m² / Σ m; that of the run.
    """

    samples: int
    share: float
    thinned: bool
    size: float
    effective: float

    @classmethod
    def of(cls, run: Scored, name: str) -> _Whole:
        scores, data = run.scores(name), run.result(name).fingerprint.dataset
        samples = max(data.rows or 0, len(scores))
        sizes: dict[str, int] = {}
        units: dict[str, set[str]] = {}
        for score in scores:
            sizes[score.cluster] = sizes.get(score.cluster, 0) + 1
            units.setdefault(score.cluster, set()).add(score.group or score.sample_id)
        whole = run.record.config.limit_by == "cluster" or len(scores) == samples
        paired = all(score.group is not None for score in scores)
        alone = paired and all(len(own) == 1 for own in units.values())
        effective = sum(m * m for m in sizes.values()) / len(scores)
        share, thinned = len(scores) / samples, not whole and not alone
        size = 1 + (effective - 1) / share if thinned else len(scores) / len(sizes)
        return cls(samples=samples, share=share, thinned=thinned, size=size, effective=effective)

    def inflated(self, spread: Spread) -> float:
        """By how much an error is larger if the clusters are whole."""
        if not self.thinned or not spread.alike:
            return 1.0
        alike = max(spread.alike, 0.0)
        now, then = (1 + (m - 1) * alike for m in (self.effective, self.size))
        return float((then / now) ** 0.5)


# From the spread to stages


def _of_metric(known: _Known, question: Question) -> MetricPlan:
    spread, whole = known.spread, known.whole
    effect = effect_of(question.detect, known.metric, spread.value, spread.maximum)
    inflation = whole.inflated(spread)
    seen = spread.samples / whole.size  # clusters, were they whole
    aim = _Aim(
        effect=effect,
        lone=spread.error * inflation * seen**0.5,
        growth=(spread.df + spread.strata) / max(spread.clusters, seen),
        strata=spread.strata,
        question=question,
    )
    total, clusters = max(2, round(whole.samples / whole.size)), aim.clusters()
    shown = {max(2, round(total * part)) for part in PARTS}
    shown |= {clusters} if clusters < total else set()
    exact = math.ceil(clusters * whole.size)
    roomy = min(math.ceil((clusters + 1) * whole.size), whole.samples)  # clusters differ in size
    return MetricPlan(
        task=known.task.name,
        metric=known.metric.name,
        effect=effect,
        value=spread.value,
        maximum=spread.maximum if known.metric.bounded else None,
        width=spread.maximum - known.metric.low if known.metric.bounded else None,
        runs=known.runs,
        deviation=spread.deviation,
        correlation=spread.correlation,
        alike=spread.alike,
        design=None if spread.design is None else spread.design * inflation**2,
        samples=whole.samples,
        clusters=total,
        needed=roomy if clusters <= total else exact,
        stages=tuple(_stage(count, known, aim, total) for count in sorted(shown)),
    )


def _stage(count: int, known: _Known, aim: _Aim, total: int) -> Stage:
    whole, question = known.whole, aim.question
    samples = whole.samples if count == total else min(round(count * whole.size), whole.samples)
    error = aim.lone / count**0.5
    return Stage(
        samples=samples,
        clusters=count,
        error=error,
        detectable=detectable(
            error,
            alpha=question.alpha,
            power=question.power,
            sides=question.sides,
            df=aim.freedom(count),
        ),
        power=aim.power(count),
        seconds=None if known.speed is None else samples * known.speed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    """An effect that is to be found.

    Attributes:
        effect: Its size.
        lone: Standard error of the difference on one cluster.
        growth: Degrees of freedom that a cluster adds: 1 where all are alike and counted.
        strata: Strata of the clusters, each of which takes one.
        question: With which error rates.
    """

    effect: float
    lone: float
    growth: float
    strata: int
    question: Question

    def power(self, clusters: int) -> float:
        """The chance to find it, by t."""
        return predicted_power(
            self.effect,
            self.lone / clusters**0.5,
            alpha=self.question.alpha,
            sides=self.question.sides,
            df=self.freedom(clusters),
        )

    def freedom(self, clusters: int) -> float:
        """Degrees of freedom of so many clusters."""
        return max(clusters * self.growth - self.strata, 1)

    def clusters(self) -> int:
        """The smallest number of clusters that has the power."""
        asked = self.question
        found = needed(
            self.effect,
            self.lone,
            1,
            alpha=asked.alpha,
            power=asked.power,
            sides=asked.sides,
            df=self.growth - self.strata,
            strata=self.strata,
        )
        return max(2, found or 2)


def _seconds_a_sample(name: str, sources: Sequence[Scored]) -> float | None:
    """What a sample of the task took in the last run that says it."""
    for run in reversed(sources):
        speeds = run.record.telemetry.tasks if run.record.telemetry else ()
        own = [speed for speed in speeds if speed.task == name and speed.samples]
        if own:
            return sum(s.seconds for s in own) / sum(s.samples for s in own)
        asked = sum(result.coverage.asked for result in run.record.results)
        if run.record.seconds and asked:
            return run.record.seconds / asked
    return None
