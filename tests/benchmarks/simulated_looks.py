"""A gate that stops early, on simulated models whose damage is known: errors, and what it saves.

The clusters of each repetition are asked in a random order and looked at as `evalkit run
--sequential` does, with the gate's own bounds at the levels of the look. Two truths are simulated:

- the candidate is worse by just the margin, the least favourable truth of both claims: it shall
  pass at any look with probability alpha at most, and be called a regression likewise;
- the two are equal: it shall pass, and the sooner the better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from simulated_models import Layout, Measure

from evalkit.data import in_random_order
from evalkit.gate.damage import paired_damage
from evalkit.gate.demands import Demand
from evalkit.gate.peeks import at_look, looks_of
from evalkit.gate.policy import Bound
from evalkit.paired import Paired

MARGIN = 3.0
"""The margin in standard errors of the difference of equal models: 0.9 of them pass one look."""

Answers = Iterator[npt.NDArray[np.float64]]
"""Both models' answers, over and over."""


def ordered(layout: Layout, seed: int) -> npt.NDArray[np.intp]:
    """The places of a layout's clusters in the order in which they are asked."""
    strata = {str(place): str(code) for place, code in enumerate(layout.strata.tolist())}
    return np.array([int(name) for name in in_random_order(strata, seed)])


@cache
def _stages(demand: Demand, looks: tuple[int, ...]) -> list[tuple[int, Demand]]:
    """After how many clusters there is a look, and the demand at its levels."""
    return [(count, at_look(demand, looks, made, 1)) for made, count in enumerate(looks, start=1)]


@dataclass(frozen=True)
class Looks:
    """A gate on one measure of a layout, looked at ten times.

    Attributes:
        layout: The layout.
        measure: What is gated; more of it is better.
        margin: Damage that is allowed.
        alpha: Both error rates.
        draws: Resamples, where bounds need them.
    """

    layout: Layout
    measure: Measure
    margin: float
    alpha: float
    draws: int

    @property
    def demand(self) -> Demand:
        """What is demanded, by one look."""
        return Demand(
            task=self.layout.name,
            metric=self.measure.metric.name,
            kind="max_drop",
            bound=Bound(size=self.margin),
            tier="critical",
            alpha=self.alpha,
            waiver=None,
        )

    def end(self, given: npt.NDArray[np.float64], seed: int) -> tuple[str, float]:
        """The verdict on two models' answers, and the share of the clusters that it took."""
        whole = self.layout.paired(self.measure, given)
        order = ordered(self.layout, seed)
        looks = looks_of([str(code) for code in whole.strata[order].tolist()])
        sums = [run.cluster_sums for run in whole.runs]
        for count, demand in _stages(self.demand, looks):
            verdict = self._verdict(demand, sums, whole.strata, order[:count], seed)
            if verdict != "inconclusive":
                return verdict, count / self.layout.images
        return "inconclusive", 1.0

    def at_once(self, given: npt.NDArray[np.float64], seed: int) -> str:
        """The verdict on all answers, looked at once."""
        whole = self.layout.paired(self.measure, given)
        sums = [run.cluster_sums for run in whole.runs]
        every = np.arange(self.layout.images)
        return self._verdict(self.demand, sums, whole.strata, every, seed)

    def _verdict(
        self,
        demand: Demand,
        sums: list[npt.NDArray[np.float64]],
        strata: npt.NDArray[np.intp],
        chosen: npt.NDArray[np.intp],
        seed: int,
    ) -> str:
        places = np.sort(chosen)
        part = Paired(
            first=sums[0][places],
            second=sums[1][places],
            codes=np.arange(len(places)),
            clusters=len(places),
            strata=strata[places],
        )
        metric = self.measure.metric
        told = {"samples": len(places), "draws": self.draws, "seed": seed}
        damage = paired_damage(demand, metric, part, **told)
        if damage is None or damage.low is None or damage.high is None:
            return "inconclusive"
        if damage.high <= self.margin:
            return "pass"
        return "regression" if damage.low > self.margin else "inconclusive"


def rates(gate: Looks, equal: Answers, worse: Answers) -> dict[str, float]:
    """Errors, and what is saved; see the module's docstring.

    Args:
        gate: The gate.
        equal: Answers of equal models.
        worse: Those of a candidate that is worse by just the margin.

    Returns:
        `margin`; `passed_worse` and `failed_good`, the errors at any look if the candidate is worse
        by just the margin; `false_stop`, how often it ends before the last look then; `passed` and
        `passed_at_once`, how often equal models pass, and how often with one look; `saved`, the
        share of the clusters that need not be asked of equal models.
    """
    ends = [gate.end(given, seed) for seed, given in enumerate(worse)]
    found = [
        (*gate.end(given, seed), gate.at_once(given, seed)) for seed, given in enumerate(equal)
    ]
    n, m = len(ends), len(found)
    return {
        "margin": float(gate.margin),
        "passed_worse": sum(verdict == "pass" for verdict, _ in ends) / n,
        "failed_good": sum(verdict == "regression" for verdict, _ in ends) / n,
        "false_stop": sum(share < 1 for _, share in ends) / n,
        "passed": sum(verdict == "pass" for verdict, _, _ in found) / m,
        "passed_at_once": sum(once == "pass" for _, _, once in found) / m,
        "saved": sum(1 - share for _, share, _ in found) / m,
    }
