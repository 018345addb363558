"""What a gate says: a verdict for each rule of a policy, and one for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from evalkit.comparison import Flip, Side
from evalkit.errors import ExitCode

Tier = Literal["critical", "supporting", "advisory"]

Family = Literal["holm", "bonferroni", "none"]

Verdict = Literal[
    "pass",
    "regression",
    "inconclusive",
    "incomplete",
    "not comparable",
    "judge unhealthy",
    "stale",
]

CODES: Mapping[Verdict, ExitCode] = {
    "stale": ExitCode.STALE,
    "not comparable": ExitCode.NOT_COMPARABLE,
    "regression": ExitCode.REGRESSION,
    "judge unhealthy": ExitCode.JUDGE_UNHEALTHY,
    "incomplete": ExitCode.INCOMPLETE,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "pass": ExitCode.OK,
}
"""Verdicts and their exit codes, gravest first: where rules disagree, the gravest is the gate's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one rule of the policy comes to.

    Damage is how much worse the candidate is, in the metric's own unit; below 0 it is better.

    Attributes:
        task: The rule's task.
        metric: The rule's metric.
        rule: What is demanded: "max_drop", "max_drop_relative" (to the baseline), or "min" and
            "max" (of the candidate alone).
        tier: How much it counts.
        verdict: What the numbers say.
        counts: Whether the verdict decides: not for advisory rules, nor inconclusive supporting
            ones, nor waived ones.
        baseline: The metric's value; None where there is none.
        candidate: The metric's value; None where there is none.
        damage: `baseline` - `candidate` where more is better; for "min", floor - candidate.
        low: One-sided lower bound of the damage at the rule's alpha; None where there is none. For
            "max_drop_relative" the uncertainty of the margin is in it.
        high: One-sided upper bound of it.
        margin: Damage that the rule allows; None where it hangs on a baseline that is not there.
        alpha: Both error rates of the rule by itself.
        p: One-sided p-value of "the damage is within the margin".
        adjusted: `p` after correction over the gated family.
        method: How the bounds were made.
        n: Units that were compared.
        clusters: Independent clusters among them.
        discordant: Clusters in which the two runs differ.
        detectable: By how much the damage must be beyond the margin, or within it, to be settled
            with the policy's power.
        needed: Samples that would settle an inconclusive verdict with the policy's power, if the
            damage is what it seems; None where the verdict is settled or no number would do.
        waiver: Whose waiver covers the rule, and why; empty where none does.
        reason: One sentence: why the verdict is what it is.
        maximum: The metric's largest possible value; None where it means nothing.
    """

    task: str
    metric: str
    rule: str
    tier: Tier
    verdict: Verdict
    counts: bool
    baseline: float | None
    candidate: float | None
    damage: float | None
    low: float | None
    high: float | None
    margin: float | None
    alpha: float
    p: float | None
    adjusted: float | None
    method: str
    n: int
    clusters: int
    discordant: int
    detectable: float | None
    needed: int | None
    waiver: str
    reason: str
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The gate's verdict over a policy.

    Attributes:
        verdict: The gravest of those that count.
        exit_code: That verdict's exit code, after the policy's word on inconclusive ones.
        baseline: Against which run.
        candidate: Which run.
        policy: SHA-256 of the policy file.
        power: The policy's power.
        family: How regressions are corrected over all rules that count: by Holm's rule, by the
            number of rules ("bonferroni", of a run that may have stopped early), or not ("none").
        inconclusive: What the policy makes of an inconclusive gate: "fail", "pass" or "neutral".
        judgements: One a rule, in the policy's order.
        flips: The worst flips of the gated tasks, which take turns: the worst of each, then the
            second of each.
        waived: What the policy or the command allowed to differ, and which waivers were used.
        notes: Sentences that a reader must see: expired waivers, left out samples, error rates.
    """

    verdict: Verdict
    exit_code: int
    baseline: Side
    candidate: Side
    policy: str
    power: float
    family: Family
    inconclusive: str
    judgements: tuple[Judgement, ...]
    flips: tuple[Flip, ...]
    waived: tuple[str, ...]
    notes: tuple[str, ...]
