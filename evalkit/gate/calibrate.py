"""What margins do: the gate's bounds on simulated runs that are equally good, from real ones.

Clusters of two runs are drawn again, and the runs of each are exchanged by the toss of a coin: so
the two are as different as the real ones, and none is better. Of one run a second is supposed:
in a share r of the clusters it answers alike, in the others as the run answers another cluster of
like size, which gives the two the correlation r. A cluster drawn brings all of its units, so that
it weighs what it weighs in a real run, and on each pair stand the gate's own bounds. Damage that is
larger by d moves both by d, so they tell what happens with every margin, and if the candidate is
worse by any amount.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit.compare.comparing import shared_pairs
from evalkit.compare.matching import Pairs
from evalkit.compare.measuring import rows_of
from evalkit.compare.sides import Scored, shared_task
from evalkit.designs import SUPPOSED, Calibration, MarginRates, MetricCalibration
from evalkit.errors import UsageError
from evalkit.gate.damage import UNKNOWN, Damage, paired_damage
from evalkit.gate.demands import Demand, demands
from evalkit.gate.policy import Bound, Policy
from evalkit.paired import Paired
from evalkit.strata import strata_of
from evalkit.task import Metric, Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

TIMES = (0.5, 1.0, 1.5, 2.0)
"""Margins that are shown, as multiples of the suggested one."""

_DIGITS = 2  # of a suggested margin
_NEAR = 20  # the part of a stratum's clusters, on either side, that are of like size


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetitions:
    """How often runs are simulated, and how each is judged.

    Attributes:
        number: Simulated pairs of runs of each metric.
        draws: Resamples of numbers that are no means, on each.
        seed: Of all generators.
        correlation: Of two runs, where only one is at hand.
    """

    number: int = 1000
    draws: int = 499
    seed: int = 0
    correlation: float = SUPPOSED


def calibrate(
    policy: Policy, runs: Sequence[Scored], repetitions: Repetitions = Repetitions()
) -> Calibration:
    """What the policy's margins do, and others.

    Args:
        policy: Its rules say which metrics, and with which alpha.
        runs: The baseline, and further runs on the same samples; each is paired with the first.
        repetitions: How much is simulated.

    Raises:
        UsageError: There is no run, or the policy demands no drop of anything that they have.
        EvalkitError: A run's scores cannot be had.
    """
    if not runs:
        message = "A calibration needs a run; two, of the same model, are better."
        raise UsageError(message)
    first = runs[0]
    scored = [name for name, result in first.results.items() if result.scores]
    tasks = {name: shared_task(name, *runs) for name in scored}
    held: dict[tuple[str, str], list[Demand]] = {}
    for demand in demands(policy, tasks, tuple(tasks)):
        if not demand.is_alone:
            held.setdefault((demand.task, demand.metric), []).append(demand)
    if not held:
        message = "The policy holds no metric to a baseline (max_drop): there is no margin."
        raise UsageError(message)
    cases = [_Case.of(tasks[task], metric, runs, own) for (task, metric), own in held.items()]
    return Calibration(
        policy=policy.digest,
        power=policy.power,
        repetitions=repetitions.number,
        seed=repetitions.seed,
        metrics=tuple(_calibrated(case, policy, repetitions) for case in cases),
        notes=tuple(dict.fromkeys(_notes(cases, policy, repetitions))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One metric, and what is known of it.

    Attributes:
        task: Its task.
        metric: The metric.
        demands: What the policy demands of it.
        sources: The rows of each pair of runs; of one run, twice the same.
        runs: Names of the runs.
    """

    task: Task
    metric: Metric
    demands: tuple[Demand, ...]
    sources: tuple[Paired, ...]
    runs: tuple[str, ...]

    @classmethod
    def of(cls, task: Task, name: str, runs: Sequence[Scored], held: Sequence[Demand]) -> _Case:
        metric = next(m for m in task.metrics if m.name == name)
        found: dict[str, Pairs] = {}
        for other in runs[1:]:
            has = task.name in other.results and other.result(task.name).scores
            pairs = shared_pairs(runs[0], other, task.name) if has else None
            if pairs is not None:
                found[other.side.name] = pairs
        if not found:
            own = runs[0].scores(task.name)
            found[""] = Pairs(first=own, second=own, only_first=(), only_second=())
        sources = tuple(
            rows_of(task, metric, pairs, strata_of(pairs.first, task.parts))
            for pairs in found.values()
        )
        return cls(
            task=task,
            metric=metric,
            demands=tuple(held),
            sources=sources,
            runs=(runs[0].side.name, *filter(None, found)),
        )

    @property
    def is_alone(self) -> bool:
        """Whether there is one run."""
        return len(self.runs) == 1


# Simulated runs


def _pairs_of(case: _Case, repetitions: Repetitions) -> Iterator[Paired]:
    """Pairs of equally good runs, with all units of the clusters drawn; sources take turns."""
    import numpy as np

    generator = np.random.default_rng(repetitions.seed)
    sources = [_Units.of(source) for source in case.sources]
    for place in range(repetitions.number):
        units = sources[place % len(sources)]
        drawn = _drawn(units.strata, generator)
        if case.is_alone:
            others = _others(units, drawn, generator)
            alike = generator.random(len(drawn)) < repetitions.correlation
            yield units.paired(drawn, np.where(alike, drawn, others))
        else:
            yield units.exchanged(drawn, generator.random(len(drawn)) < 0.5)  # noqa: PLR2004 - fair


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """The rows of a pair of runs, cluster after cluster.

    Attributes:
        source: The pair, its units in the order of their clusters.
        sizes: Shape (G,): units of each cluster.
        starts: Shape (G,): the first unit of each.
    """

    source: Paired
    sizes: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]

    @classmethod
    def of(cls, source: Paired) -> _Units:
        import numpy as np

        order = np.argsort(source.codes, kind="stable")
        sizes = np.bincount(source.codes, minlength=source.clusters)
        ordered = replace(
            source,
            first=source.first[order],
            second=source.second[order],
            codes=source.codes[order],
        )
        return cls(source=ordered, sizes=sizes, starts=np.cumsum(sizes) - sizes)

    @property
    def strata(self) -> npt.NDArray[np.intp]:
        """Shape (G,): the stratum of each cluster."""
        return self.source.strata

    def exchanged(self, drawn: npt.NDArray[np.intp], kept: npt.NDArray[np.bool_]) -> Paired:
        """Both runs on the clusters drawn, exchanged in those that are not kept."""
        import numpy as np

        codes, places = self._laid(drawn)
        own, first, second = (
            kept[codes, None],
            self.source.first[places],
            self.source.second[places],
        )
        return self._made(np.where(own, first, second), np.where(own, second, first), codes)

    def paired(self, drawn: npt.NDArray[np.intp], said: npt.NDArray[np.intp]) -> Paired:
        """The first run on the clusters drawn, and one that answers as it does other clusters.

        A cluster that is answered like one with fewer units begins again with that one's first.
        """
        codes, places = self._laid(drawn)
        within, other = places - self.starts[drawn][codes], said[codes]
        rows = self.source.first
        return self._made(
            rows[places], rows[self.starts[other] + within % self.sizes[other]], codes
        )

    def _laid(
        self, drawn: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """The place among the drawn ones, and the row, of each unit of the clusters drawn."""
        import numpy as np

        sizes = self.sizes[drawn]
        codes = np.repeat(np.arange(len(drawn)), sizes)
        before = np.cumsum(sizes) - sizes
        return codes, np.arange(len(codes)) + (self.starts[drawn] - before)[codes]

    def _made(
        self,
        first: npt.NDArray[np.float64],
        second: npt.NDArray[np.float64],
        codes: npt.NDArray[np.intp],
    ) -> Paired:
        return replace(self.source, first=first, second=second, codes=codes)


def _drawn(strata: npt.NDArray[np.intp], generator: np.random.Generator) -> npt.NDArray[np.intp]:
    """Shape (G,): for each cluster one of its stratum, drawn with replacement."""
    import numpy as np

    found = np.empty(len(strata), dtype=np.intp)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        found[members] = members[generator.integers(len(members), size=len(members))]
    return found


def _others(
    units: _Units, drawn: npt.NDArray[np.intp], generator: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Shape (G,): for each drawn cluster another of its stratum, of like size.

    Of a stratum's clusters by size, those of like size in a random order, it is one of the next
    twentieth on either side: one of another size would vary more, or less, than its place does.
    """
    import numpy as np

    order = np.lexsort((generator.random(len(drawn)), units.sizes, units.strata))
    counts = np.bincount(units.strata)
    ranks, begin = np.empty_like(order), (np.cumsum(counts) - counts)[units.strata][drawn]
    ranks[order] = np.arange(len(order))
    members, own = counts[units.strata][drawn], ranks[drawn] - begin
    span = np.minimum(2 * np.maximum(members // _NEAR, 1), members - 1)
    low = np.clip(own - span // 2, 0, members - 1 - span)
    found = low + generator.integers(np.maximum(span, 1))
    found += (found >= own) & (span > 0)
    others: npt.NDArray[np.intp] = order[begin + found]
    return others


# Rates


def _calibrated(case: _Case, policy: Policy, repetitions: Repetitions) -> MetricCalibration:
    """The rates of one metric.

    Raises:
        UsageError: It is not defined on the runs.
    """
    import numpy as np

    real = [_damage(demand, case, case.sources[0], repetitions) for demand in case.demands]
    plain = replace(case.demands[0], kind="max_drop", bound=Bound(size=0.0))
    made = [_damage(plain, case, paired, repetitions) for paired in _pairs_of(case, repetitions)]
    lows = np.array([-np.inf if one.low is None else one.low for one in made])
    highs = np.array([np.inf if one.high is None else one.high for one in made])
    suggested = _suggested(highs, policy.power)
    chosen = {one.margin for one in real if one.margin is not None}
    others = {_up(times * suggested) for times in TIMES} if suggested is not None else set()
    return MetricCalibration(
        task=case.task.name,
        metric=case.metric.name,
        alpha=plain.alpha,
        value=real[0].baseline or 0.0,
        maximum=real[0].maximum,
        runs=case.runs,
        method=", ".join(sorted({one.method for one in made})),
        clusters=case.sources[0].clusters,
        discordant=float(np.mean([one.discordant for one in made])),
        passed_worse=float((highs <= 0).mean()),
        failed_good=float((lows > 0).mean()),
        suggested=suggested,
        margins=tuple(
            MarginRates(
                margin=margin,
                chosen=margin in chosen,
                power=float((highs <= margin).mean()),
                false_alarm=float((lows > margin).mean()),
                found=float((lows > -margin).mean()),
            )
            for margin in sorted(chosen | others)
        ),
    )


def _damage(demand: Demand, case: _Case, paired: Paired, repetitions: Repetitions) -> Damage:
    """The gate's bounds on two runs; none where the metric is undefined on simulated ones."""
    draws, seed = repetitions.draws, repetitions.seed
    units = len(paired.codes)
    found = paired_damage(demand, case.metric, paired, samples=units, draws=draws, seed=seed)
    if found is None and paired is case.sources[0]:
        message = f"{case.metric.name} of {case.task.name} is not defined on {case.runs[0]}."
        raise UsageError(message)
    return found or UNKNOWN


def _suggested(highs: npt.NDArray[np.float64], power: float) -> float | None:
    """The smallest margin, in few digits, within which the bound is with the power."""
    import numpy as np

    least = float(np.sort(highs)[math.ceil(power * len(highs)) - 1])
    return _up(least) if math.isfinite(least) else None


def _up(margin: float) -> float:
    """The next larger number of `_DIGITS` digits; 0 where it is none above 0."""
    if margin <= 0:
        return 0.0
    digits = _DIGITS - 1 - math.floor(math.log10(margin))
    shown = round(margin, digits)
    return shown if shown >= margin else round(shown + 10.0**-digits, digits)


def _notes(cases: Sequence[_Case], policy: Policy, repetitions: Repetitions) -> Iterator[str]:
    """What was supposed, and what the figures leave out."""
    for case in cases:
        if case.is_alone:
            yield (
                f"{case.task.name}: simulated from one run; a second is supposed to have a "
                f"correlation of {repetitions.correlation:g} with it (--correlation). A second run "
                "on the same samples would show it."
            )
        elif not any((source.first != source.second).any() for source in case.sources):
            yield (
                f"{case.task.name}: the runs do not differ in {case.metric.name}. That shows that "
                "a rerun is exact, and nothing of how two models differ."
            )
    if policy.family == "holm":
        yield "A rule by itself; Holm's correction over all rules calls fewer regressions."
