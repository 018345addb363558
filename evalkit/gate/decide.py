"""A policy and two runs -> the gate's verdict.

Every rule is judged by itself, and the gate passes only if every rule that counts does. So a gate
passes a candidate of which any metric is truly worse than its margin with probability alpha at
most, without any correction (Berger, Technometrics 24 (1982), 295-300: the intersection-union
test). Calling a regression is the other way round: many rules have many chances to be wrong, so
Holm's correction (Scandinavian Journal of Statistics 6 (1979), 65-70) holds the rate over all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evalkit.compare.sides import Scored, check_same_rules, check_two_runs
from evalkit.errors import ExitCode
from evalkit.gate.coverage import Aligned
from evalkit.gate.damage import UNKNOWN, Damage
from evalkit.gate.demands import Demand, demands
from evalkit.gate.examples import worst_flips
from evalkit.gate.ground import Runs, incomplete
from evalkit.gate.limits import check_margin, check_room
from evalkit.gate.looked import check_looks
from evalkit.gate.measured import corrected, damage_of, verdict_of
from evalkit.gate.peeks import after
from evalkit.gate.policy import Policy
from evalkit.gate.reasons import notes_of, reason_of, waiver_words
from evalkit.paired import DRAWS, holm
from evalkit.verdicts import CODES, Family, GateResult, Judgement, Verdict

_WAIVABLE = frozenset({"regression", "inconclusive"})
"""What a waiver covers: what the numbers say. Without numbers there is nothing to waive."""

_HEARD = ("critical", "supporting")
"""Tiers that decide, ..."""

_FIRM = ("critical",)
"""... and those that do so by a verdict that is inconclusive."""


def decide(
    policy: Policy,
    baseline: Scored,
    candidate: Scored,
    *,
    allow: Collection[str] = (),
    draws: int = DRAWS,
    seed: int = 0,
) -> GateResult:
    """What a policy says of a candidate beside a baseline.

    Args:
        policy: What is demanded.
        baseline: The run that the candidate is held to.
        candidate: The run that is judged.
        allow: Parts of the fingerprint that may differ, beside those that the policy allows.
        draws: Resamples of numbers that are no means.
        seed: Of their generator; the verdict is a function of it.

    Raises:
        UsageError: The policy demands something of a task or metric that there is not, or that
            cannot gate; or the candidate is the baseline itself.
        StaleError: A record, or its scores, are not what was written.
        StoreError: Scores are not there, or damaged.
    """
    check_two_runs(baseline, candidate)
    runs = Runs(policy, baseline, candidate, frozenset([*policy.allow, *allow]))
    wanted = demands(policy, runs.tasks, tuple(baseline.results))
    check_room(wanted, runs.tasks, baseline.results)
    check_looks(runs, wanted)
    wanted = tuple(_looked_at(runs, demand) for demand in wanted)
    found = [(demand, *_measured(runs, demand, draws, seed)) for demand in wanted]
    adjusted = _adjusted(runs, [(demand, damage) for demand, damage, _ in found])
    judgements = tuple(
        _judgement(runs, demand, damage, ground, corrected)
        for (demand, damage, ground), corrected in zip(found, adjusted, strict=True)
    )
    return _result(policy, runs, judgements, notes_of(policy, runs, wanted, judgements))


def _result(
    policy: Policy, runs: Runs, judgements: tuple[Judgement, ...], notes: tuple[str, ...]
) -> GateResult:
    """The verdict over all rules, after the policy's word on inconclusive ones."""
    verdict = _overall(judgements)
    if verdict == "inconclusive" and policy.inconclusive == "pass":
        verdict = "pass"
    neutral = verdict == "inconclusive" and policy.inconclusive == "neutral"
    flips, told = worst_flips(runs, judgements)
    return GateResult(
        verdict=verdict,
        exit_code=ExitCode.OK if neutral else CODES[verdict],
        baseline=runs.baseline.side,
        candidate=runs.candidate.side,
        policy=policy.digest,
        power=policy.power,
        family=_family(runs),
        inconclusive=policy.inconclusive,
        judgements=judgements,
        flips=flips,
        waived=runs.waived,
        notes=(*notes, *told),
    )


def _family(runs: Runs) -> Family:
    """How regressions are corrected: of a run with looks by the number of rules."""
    asked = runs.policy.family
    return "bonferroni" if asked == "holm" and runs.rules is not None else asked


def _measured(runs: Runs, demand: Demand, draws: int, seed: int) -> tuple[Damage, Aligned]:
    """The damage in numbers, and the samples; no numbers where there is nothing to compare."""
    ground = runs.ground(demand.task, alone=demand.is_alone)
    if ground.verdict is not None:
        return UNKNOWN, ground
    task = runs.tasks[demand.task]
    if not demand.is_alone:
        check_same_rules(task, demand.metric, runs.baseline)
    damage = damage_of(task, demand, ground, draws=draws, seed=seed)
    if damage is None:
        return UNKNOWN, incomplete(f"{demand.metric} is not defined on the samples.")
    if demand.kind == "max_drop" and damage.maximum is not None:
        metric = next(m for m in task.metrics if m.name == demand.metric)
        check_margin(task.name, metric, demand.bound, damage.maximum)
    return damage, ground


def _looked_at(runs: Runs, demand: Demand) -> Demand:
    """The demand with the levels of its task's last look; as it is where there was none."""
    peeks = runs.peeks(demand.task)
    return demand if peeks is None else after(demand, peeks)


def _adjusted(runs: Runs, found: Sequence[tuple[Demand, Damage]]) -> list[float | None]:
    """The p-values, corrected over those rules that decide, and over looks."""
    if (rules := runs.rules) is not None:
        return [corrected(*each, rules) for each in found]
    values = [damage.p for _, damage in found]
    if runs.policy.family == "none":
        return values
    family = [place for place, (demand, _) in enumerate(found) if demand.decides]
    for place, value in zip(family, holm([values[p] for p in family]), strict=True):
        values[place] = value
    return values


def _judgement(
    runs: Runs, demand: Demand, damage: Damage, ground: Aligned, adjusted: float | None
) -> Judgement:
    """A rule with its verdict."""
    power = runs.policy.power
    verdict = ground.verdict or verdict_of(damage, demand.alpha, adjusted)
    waived = demand.waiver if verdict in _WAIVABLE else None
    needed = damage.needed(demand.alpha, power) if verdict == "inconclusive" else None
    whole, family = runs.whole(demand.task), _family(runs)
    words = reason_of(demand, damage, verdict, adjusted, needed=needed, whole=whole, family=family)
    return Judgement(
        task=demand.task,
        metric=demand.metric,
        rule=demand.kind,
        tier=demand.tier,
        verdict=verdict,
        counts=waived is None and demand.tier in (_FIRM if verdict == "inconclusive" else _HEARD),
        baseline=damage.baseline,
        candidate=damage.candidate,
        damage=damage.damage,
        low=damage.low,
        high=damage.high,
        margin=damage.margin,
        alpha=demand.alpha,
        p=damage.p,
        adjusted=adjusted,
        method=damage.method,
        n=damage.n,
        clusters=damage.clusters,
        discordant=damage.discordant,
        detectable=damage.detectable(demand.alpha, power),
        needed=needed,
        waiver="" if waived is None else waiver_words(waived),
        reason=ground.reason or words,
        maximum=damage.maximum,
    )


def _overall(judgements: Sequence[Judgement]) -> Verdict:
    """The gravest verdict of those that count; where none does, nothing was judged."""
    held = {j.verdict for j in judgements if j.counts}
    return next((verdict for verdict in CODES if verdict in held), "incomplete")
