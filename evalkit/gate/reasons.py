"""Why a rule has its verdict, and what a reader must know of a gate, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalkit.gate.damage import Damage
from evalkit.gate.demands import Demand
from evalkit.gate.ground import Runs
from evalkit.gate.limits import room
from evalkit.gate.peeks import FEWEST
from evalkit.gate.policy import EVERY, Policy, Waiver
from evalkit.report.table import number
from evalkit.verdicts import Family, Judgement, Verdict


def reason_of(
    demand: Demand,
    damage: Damage,
    verdict: Verdict,
    adjusted: float | None,
    *,
    needed: int | None,
    whole: int,
    family: Family,
) -> str:
    """One sentence: why the numbers of a rule come to its verdict.

    Args:
        demand: The rule.
        damage: Its numbers.
        verdict: What they say.
        adjusted: The corrected p-value.
        needed: Samples that would settle it; None is that no number would.
        whole: Samples that the benchmark has.
        family: How p-values are corrected.
    """
    if damage.low is None or damage.high is None:
        return f"How sure the number is cannot be said: {damage.method}."
    words = _floor_words if demand.is_alone else _drop_words
    if verdict != "inconclusive":
        return words(demand, damage, verdict)
    if damage.margin is not None and damage.low > damage.margin:
        looks = "" if demand.levels is None else ", and for looks"
        return (
            f"By itself it is beyond the margin (p = {damage.p:.4f}), but not among all rules that "
            f"count (p = {adjusted:.4f} after {family.title()}'s correction{looks})."
        )
    return f"{words(demand, damage, verdict)} {_needed_words(needed, damage.samples, whole)}"


def _drop_words(demand: Demand, damage: Damage, verdict: Verdict) -> str:
    low, high, margin, found = (
        "-" if value is None else number(value, damage.maximum)
        for value in (damage.low, damage.high, damage.margin, damage.damage)
    )
    sure = f"{100 * (1 - demand.alpha):.4g} %"
    if verdict == "pass":
        return f"The damage is at most {high}, within the margin of {margin}."
    if verdict == "regression":
        return f"The damage is {found}, at least {low}, beyond the margin of {margin}."
    return (
        f"The damage is {found}, but may be from {low} to {high} (either bound holds with "
        f"{sure}), and the margin of {margin} lies between."
    )


def _floor_words(demand: Demand, damage: Damage, verdict: Verdict) -> str:
    floor, sign = demand.bound.size, 1 if demand.kind == "min" else -1
    safe, bad = (
        number(floor - sign * (bound or 0.0), damage.maximum) for bound in (damage.high, damage.low)
    )
    limit, value = (
        "-" if n is None else number(n, damage.maximum) for n in (floor, damage.candidate)
    )
    least, most = ("at least", "at most") if sign > 0 else ("at most", "at least")
    name = "floor" if sign > 0 else "ceiling"
    if verdict == "pass":
        return (
            f"The candidate has {value}, {least} {safe}, on the right side of the {name} {limit}."
        )
    if verdict == "regression":
        return f"The candidate has {value}, {most} {bad}, which the {name} of {limit} forbids."
    return (
        f"The candidate has {value}, but may have from {safe} to {bad}, and the {name} of {limit} "
        "lies between."
    )


def _needed_words(needed: int | None, samples: int, whole: int) -> str:
    if needed is None:
        return "If that is the truth, no number of samples would settle it."
    if needed > whole:
        return (
            "If that is the truth, this benchmark cannot settle it: that takes more than all of "
            f"its {whole:,} samples; here are {samples:,}."
        )
    return f"If that is the truth, about {needed:,} samples would settle it; here are {samples:,}."


def waiver_words(waiver: Waiver) -> str:
    """Whose waiver it is, how long, and why."""
    return f"{waiver.owner}, until {waiver.expires}: {waiver.reason}"


def notes_of(
    policy: Policy, runs: Runs, wanted: Sequence[Demand], judgements: Sequence[Judgement]
) -> tuple[str, ...]:
    """What a reader must know: samples, waivers, tasks that nobody gates, error rates."""
    return tuple(
        dict.fromkeys(
            [
                *runs.notes,
                *_flaky_notes(policy),
                *_waiver_notes(policy, wanted, judgements),
                *_ungated(policy, runs, wanted),
                *_wide(runs, judgements),
                *_looks(runs, wanted),
                *_rates(policy, wanted, judgements, runs.rules),
            ]
        )
    )


def _flaky_notes(policy: Policy) -> Iterable[str]:
    for flaky in policy.flaky:
        yield f"{flaky.task}: {len(flaky.samples):,} flaky samples were measured: {flaky.measured}."


def _waiver_notes(
    policy: Policy, wanted: Sequence[Demand], judgements: Sequence[Judgement]
) -> Iterable[str]:
    for waiver in policy.expired:
        place = f"{waiver.task} {waiver.metric or '(every metric)'}"
        yield f"{place}: the waiver of {waiver_words(waiver)} has expired; the rules hold again."
    for demand, judgement in zip(wanted, judgements, strict=True):
        if demand.waiver is None:
            continue
        place, words = f"{demand.task} {demand.metric}", waiver_words(demand.waiver)
        if judgement.verdict == "pass":
            yield f"{place} ({demand.kind}): the waiver is not needed any more ({words})."
        elif judgement.waiver:
            yield f"{place} ({demand.kind}): waived by {words}."
        else:
            yield f"{place} ({demand.kind}): no waiver covers what cannot be judged ({words})."


def _ungated(policy: Policy, runs: Runs, wanted: Sequence[Demand]) -> Iterable[str]:
    """Tasks of the runs of which nothing is demanded: "*" stands for those of the baseline."""
    covered = {demand.task for demand in wanted}
    held = dict.fromkeys([*runs.baseline.results, *runs.candidate.results])
    new = [n for n in held if n not in runs.baseline.results and n not in covered]
    every = any(rule.task == EVERY for rule in policy.rules)
    if every and new:
        yield f"Not gated, as the baseline does not have it: {', '.join(new)}."
    if left := [n for n in held if n not in covered and not (every and n in new)]:
        yield f"Not gated, as no rule covers it: {', '.join(left)}."


def _wide(runs: Runs, judgements: Sequence[Judgement]) -> Iterable[str]:
    """Margins that let more than half of what the baseline can do be lost."""
    for j in judgements:
        if j.baseline is None or not j.margin:
            continue
        metric = next(m for m in runs.tasks[j.task].metrics if m.name == j.metric)
        left = room(metric, j.baseline, j.maximum)
        place, value = f"{j.task} {j.metric}", number(j.baseline, j.maximum)
        if left is not None and left <= 0:
            yield f"{place}: the baseline's {value} is the worst value; no candidate can be worse."
        elif left is not None and j.margin > left / 2:
            yield (
                f"{place}: a margin of {number(j.margin, j.maximum)} is {j.margin / left:.0%} of "
                f"what there is between the baseline's {value} and the worst value; it catches "
                "ruin, and little else."
            )


def _looks(runs: Runs, wanted: Sequence[Demand]) -> Iterable[str]:
    """What early stopping saved, of all that is gated, and what it means for the bounds."""
    if not runs.is_sequential:
        return
    results = runs.candidate.results
    gated = dict.fromkeys(d.task for d in wanted if d.decides and d.task in results)
    if not gated:
        return
    held = {task: runs.peeks(task) for task in gated}
    counted = sum(results[task].coverage.asked for task in gated)
    left = sum(p.samples - results[t].coverage.asked for t, p in held.items() if p is not None)
    stopped = [
        f"{task} at look {peeks.made} of {len(peeks.looks)}"
        for task, peeks in held.items()
        if peeks is not None and peeks.stopped
    ]
    words = (
        f"{left:,} of the {counted + left:,} gated samples ({left / (counted + left):.0%}) are not "
        f"counted{_unasked_words(runs, left)}"
        if left
        else f"all {counted:,} gated samples are counted"
    )
    yield f"Stopped early: {', '.join(stopped) or 'no task'}; {words}."
    if any(held.values()):
        yield (
            "All bounds hold at all looks together, as alpha is spent over them: they are at the "
            "level of a task's last look, which is beyond that of the table's header, and p is "
            "multiplied so that it compares with alpha."
        )
    yield from _unwatched(runs, [task for task, peeks in held.items() if peeks is None])


def _unasked_words(runs: Runs, left: int) -> str:
    """How many of the samples that are not counted were asked; nothing where nobody knows."""
    late = runs.late
    if late is None:
        return ""
    if not late:
        return ", and were never asked"
    if late >= left:
        return ": all of them had been asked, or were being asked, when their task ended"
    return (
        f": {left - late:,} were never asked, and {late:,} had been asked, or were being asked, "
        "when their task ended"
    )


def _unwatched(runs: Runs, tasks: Sequence[str]) -> Iterable[str]:
    """Gated tasks at which no look was made before they were whole."""
    few = [t for t in tasks if len({s.cluster for s in runs.candidate.scores(t)}) < 2 * FEWEST]
    if few:
        names = ", ".join(few)
        yield f"Too small to be looked at early (fewer than {2 * FEWEST} clusters): {names}."
    if others := [task for task in tasks if task not in few]:
        yield f"Looked at when whole, and not before: {', '.join(others)}."


def _rates(
    policy: Policy,
    wanted: Sequence[Demand],
    judgements: Sequence[Judgement],
    rules: int | None,
) -> Iterable[str]:
    """Both error rates, in the words that the statistics allow, of rules that can decide."""
    if not any(j.counts for j in judgements):
        yield "No rule decides: each is advisory, waived, or supporting and inconclusive."
        return
    held = [d for d, j in zip(wanted, judgements, strict=True) if d.decides or j.counts]
    critical = [d.alpha for d in held if d.tier == "critical"]
    if policy.inconclusive == "fail" and critical:
        yield (
            "Error rates: the gate passes a candidate of which a metric is truly worse than its "
            f"margin with probability {max(critical):.3g} at most, as every critical rule must "
            "pass (about: bounds are approximate)."
        )
    elif policy.inconclusive == "fail":
        yield "No rule is critical: damage that these samples cannot show does not fail the gate."
    else:
        yield (
            f'By the policy (inconclusive = "{policy.inconclusive}") damage that these samples '
            "cannot show does not fail the gate."
        )
    together = policy.family == "holm"
    name = "Holm" if rules is None else "Bonferroni"
    over = f"over all rules together ({name})" if together else "for each rule by itself"
    yield (
        "A regression is called although all metrics are within their margins with probability "
        f"{max(d.alpha for d in held):.3g} at most, {over}."
    )
