"""Looks at a task before it is whole: when, with which levels, and whether its verdict is certain.

Both claims spend their error over the looks (`evalkit.sequential`). A pass spends alpha: a gate
passes only if every rule does, so no rule needs a correction. A regression spends alpha over the
number of rules (Bonferroni): Holm's correction needs the p-values of all rules at once, and while a
task is looked at, others are not there. Bounds at a look's levels hold at all looks together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from evalkit.gate.coverage import Aligned
from evalkit.gate.demands import Demand
from evalkit.gate.measured import corrected, damage_of, verdict_of
from evalkit.paired import DRAWS
from evalkit.run_record import Peeks
from evalkit.sequential import levels
from evalkit.task import Task
from evalkit.verdicts import Verdict

LOOKS = 10
"""Looks at a task, the last of them at all of it; more of them save little."""

FEWEST = 20
"""Clusters before which nothing is looked at: of fewer, t says too little. A task with less than
twice as many is looked at when it is whole."""


def looks_of(strata: Sequence[str]) -> tuple[int, ...]:
    """After how many clusters a task is looked at; the last are all of them.

    Before each stratum is there with two clusters, or all of its own, a total of strata would be
    one of fewer, and its damage smaller.

    Args:
        strata: The stratum of each cluster, in the order in which they are asked.
    """
    clusters, sizes, seen = len(strata), Counter(strata), Counter[str]()
    if clusters < 2 * FEWEST:
        return (clusters,)
    fewest, lacking = FEWEST, len(sizes)
    for count, stratum in enumerate(strata, start=1):
        seen[stratum] += 1
        lacking -= seen[stratum] == min(2, sizes[stratum])
        if not lacking:
            fewest = max(FEWEST, count)
            break
    equal = (-(-clusters * look // LOOKS) for look in range(1, LOOKS))
    return (*sorted({count for count in equal if fewest <= count < clusters}), clusters)


def rules_of(demands: Iterable[Demand], family: str) -> int:
    """Over how many rules a regression is corrected: all that decide, or none."""
    return max(1, sum(demand.decides for demand in demands)) if family == "holm" else 1


def at_look(demand: Demand, looks: Sequence[int], made: int, rules: int) -> Demand:
    """The demand with the levels of a look.

    Args:
        demand: What is demanded.
        looks: As `Peeks.looks`.
        made: Which of them it is, from 1.
        rules: Over how many rules a regression is corrected.
    """
    shares = [count / looks[-1] for count in looks[:made]]
    found = levels(shares, demand.alpha)[-1], levels(shares, demand.alpha / rules)[-1]
    return replace(demand, levels=found)


def after(demand: Demand, peeks: Peeks) -> Demand:
    """The demand with the levels of the look at which its task ended."""
    return at_look(demand, peeks.looks, peeks.made, peeks.rules)


def is_certain(
    task: Task,
    demands: Sequence[Demand],
    grounds: tuple[Aligned, Aligned],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> bool:
    """Whether further samples cannot change what a task means for the gate.

    That is so where each demand that decides is settled, and where one of them is a regression:
    nothing else of the task can make up for it.

    Args:
        task: With the metrics that it is counted by.
        demands: What is demanded of it, with the levels of the look.
        grounds: Its samples until then: of both runs, and of the candidate alone.
        draws: Resamples of numbers that are no means; a run takes `DRAWS`.
        seed: Of their generator; a run takes 0, whatever the gate is given later.
    """
    if any(ground.verdict is not None for ground in grounds):
        return False
    found = [
        _verdict(task, demand, grounds[demand.is_alone], draws, seed)
        for demand in demands
        if demand.decides
    ]
    return "regression" in found or all(verdict == "pass" for verdict in found)


def _verdict(task: Task, demand: Demand, ground: Aligned, draws: int, seed: int) -> Verdict:
    damage = damage_of(task, demand, ground, draws=draws, seed=seed)
    if damage is None:
        return "inconclusive"
    return verdict_of(damage, demand.alpha, corrected(demand, damage, 1))
