"""The words for a rule's verdict: which correction, and whose error rates."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from evalkit.gate.damage import Damage
from evalkit.gate.demands import Demand
from evalkit.gate.policy import Bound
from evalkit.gate.reasons import _rates, reason_of

RULE = Demand(
    task="sight",
    metric="accuracy",
    kind="max_drop",
    bound=Bound(size=0.01, points=False),
    tier="critical",
    alpha=0.05,
    waiver=None,
)


@pytest.mark.parametrize(
    ("family", "levels", "words"),
    [
        ("holm", None, "after Holm's correction)."),
        ("bonferroni", None, "after Bonferroni's correction)."),
        ("bonferroni", (0.01, 0.005), "after Bonferroni's correction, and for looks)."),
    ],
)
def test_the_correction_that_is_named_is_the_one_that_was_made(family, levels, words):
    damage = Damage(damage=0.03, low=0.02, high=0.04, margin=0.01, p=0.01, samples=100)
    told = reason_of(
        replace(RULE, levels=levels),
        damage,
        "inconclusive",
        0.1,
        needed=200,
        whole=100,
        family=family,
    )
    assert told.endswith(words)


def rates(*tiers_and_alphas):
    """What is said of rules of some tiers that all pass."""
    rules = [replace(RULE, tier=tier, alpha=alpha) for tier, alpha in tiers_and_alphas]
    verdicts = [SimpleNamespace(counts=rule.tier != "advisory") for rule in rules]
    policy = SimpleNamespace(inconclusive="fail", family="holm")
    return " ".join(_rates(policy, rules, verdicts, None))


def test_error_rates_are_those_of_rules_that_decide():
    told = rates(("critical", 0.01), ("supporting", 0.1), ("advisory", 0.3))
    assert "worse than its margin with probability 0.01 at most" in told
    assert "within their margins with probability 0.1 at most" in told
    assert "No rule is critical" in rates(("supporting", 0.1), ("advisory", 0.3))
