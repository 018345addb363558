"""Two runs' samples and a demand -> the damage in numbers, and what the numbers say."""

from __future__ import annotations

from evalkit.compare.measuring import rows_of
from evalkit.gate.coverage import Aligned
from evalkit.gate.damage import Damage, counted_samples, lone_damage, paired_damage
from evalkit.gate.demands import Demand
from evalkit.strata import strata_of
from evalkit.task import Task
from evalkit.verdicts import Verdict


def damage_of(
    task: Task, demand: Demand, ground: Aligned, *, draws: int, seed: int
) -> Damage | None:
    """What one demand comes to on some samples; None where its metric is undefined on them.

    Args:
        task: With the metrics that it is counted by.
        demand: What is demanded.
        ground: The samples.
        draws: Resamples of numbers that are no means.
        seed: Of their generator.
    """
    metric = next((m for m in task.metrics if m.name == demand.metric), None)
    if metric is None:
        return None
    if demand.is_alone:
        own = strata_of(ground.second, task.parts)
        return lone_damage(demand, metric, ground.second, own)
    samples = counted_samples(metric, ground.second)
    paired = rows_of(task, metric, ground.pairs, strata_of(ground.first, task.parts))
    return paired_damage(demand, metric, paired, samples=samples, draws=draws, seed=seed)


def corrected(demand: Demand, damage: Damage, rules: int) -> float | None:
    """The p-value, to be compared with alpha: over all rules (Bonferroni), and all looks.

    Of a demand that was looked at more than once it is scaled so that it is alpha where p is the
    level of the look.
    """
    if damage.p is None:
        return None
    factor = rules if demand.levels is None else demand.alpha / demand.levels[1]
    return min(1.0, damage.p * factor)


def verdict_of(damage: Damage, alpha: float, adjusted: float | None) -> Verdict:
    """What the numbers of a rule say."""
    if damage.low is None or damage.high is None or damage.margin is None or adjusted is None:
        return "inconclusive"
    if damage.high <= damage.margin:
        return "pass"
    return "regression" if damage.low > damage.margin and adjusted <= alpha else "inconclusive"
