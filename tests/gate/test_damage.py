"""Bounds, p-values and power of a damage: laws that hold for every metric and margin."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from evalkit.gate.damage import counted_samples, lone_damage, paired_damage
from evalkit.gate.demands import Demand
from evalkit.gate.policy import Bound
from evalkit.metrics import accuracy, group_accuracy, precision_recall_f1
from evalkit.paired import pair
from evalkit.power import predicted_power
from evalkit.records import SampleScore
from evalkit.stats import wilson

ACCURACY = accuracy()
F1 = precision_recall_f1()[2]
PAIRS = group_accuracy("pairs")
ERROR = replace(ACCURACY, name="error", higher_is_better=False)


def scores(rights, per_cluster=2):
    return tuple(
        SampleScore(
            sample_id=str(i),
            answer="yes",
            targets=("yes" if i % 2 else "no",),
            values={
                "correct": float(right),
                "tp": float(i % 2 and right),
                "fn": float(i % 2 and not right),
                "fp": float(not i % 2 and not right),
                "tn": float(not i % 2 and right),
            },
            group=f"g{i // 2}",
            cluster=f"c{i // per_cluster}",
            tags={},
            failed=False,
        )
        for i, right in enumerate(rights)
    )


def demand(kind, size, *, alpha=0.05, points=False):
    return Demand(
        task="t",
        metric="m",
        kind=kind,
        bound=Bound(size=size, points=points),
        tier="critical",
        alpha=alpha,
        waiver=None,
    )


def damage(metric, first, second, wanted):
    paired = pair(metric, scores(first), scores(second))
    return paired_damage(wanted, metric, paired, samples=len(first), draws=2000, seed=0)


def runs(seed, n=400, one=0.8, two=0.7):
    dice = np.random.default_rng(seed)
    hard = dice.random(n)
    return hard < one + 0.05 * dice.standard_normal(n), hard < two + 0.05 * dice.standard_normal(n)


@pytest.mark.parametrize("metric", [ACCURACY, F1, PAIRS], ids=lambda m: m.name)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("seed", range(4))
def test_the_p_value_and_the_lower_bound_say_the_same(metric, alpha, seed):
    first, second = runs(seed)
    found = damage(metric, first, second, demand("max_drop", 0.05, alpha=alpha))
    for margin in np.linspace(found.low - 0.03, found.low + 0.03, 7):
        if abs(margin - found.low) > 0.004:  # draws are a grid
            p = damage(metric, first, second, demand("max_drop", max(margin, 0.0), alpha=alpha)).p
            assert (p < alpha) == (max(margin, 0.0) < found.low)


def test_points_are_hundredths_of_the_range():
    first, second = runs(1)
    assert damage(ACCURACY, first, second, demand("max_drop", 2.5, points=True)).margin == 0.025
    wide = replace(ACCURACY, high=2000.0)
    assert damage(wide, first, second, demand("max_drop", 1, points=True)).margin == 20.0
    half = replace(wide, reach=lambda _: 1000.0)
    assert damage(half, first, second, demand("max_drop", 1, points=True)).margin == 10.0


def test_where_less_is_better_more_is_damage():
    first, second = runs(2)
    up = damage(ACCURACY, first, second, demand("max_drop", 0.01))
    down = damage(ERROR, first, second, demand("max_drop", 0.01))
    assert down.damage == -up.damage
    assert (down.low, down.high) == pytest.approx((-up.high, -up.low))


def test_the_detectable_damage_is_one_sided_and_needed_samples_follow_from_it():
    first, second = runs(3)
    found = damage(ACCURACY, first, second, demand("max_drop", 0.05))
    z = norm.ppf(0.95) + norm.ppf(0.8)
    assert z == pytest.approx(2.4865, abs=1e-4)  # and not 2.8, which is two-sided
    assert found.df == 199
    assert found.detectable(0.05, 0.8) == pytest.approx(z * found.error, rel=0.01)
    shown = predicted_power(found.detectable(0.05, 0.8), found.error, sides=1, df=199)
    assert shown == pytest.approx(0.8)
    assert found.high - found.low == pytest.approx(2 * t.ppf(0.95, 199) * found.error)
    gap = found.damage - 0.05
    normal = 400 * (z * found.error / gap) ** 2
    assert normal < found.needed(0.05, 0.8) < normal + 12  # some clusters more, by t


def test_samples_are_counted_where_units_are_pairs():
    first, second = runs(3)
    found = damage(PAIRS, first, second, demand("max_drop", 0.05))
    assert (found.n, found.samples) == (200, 400)
    odd = replace(ACCURACY, only=lambda score: int(score.sample_id) % 2 == 1)
    assert counted_samples(odd, scores(first)) == 200


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.01, 0.3))
def test_a_relative_margin_is_never_surer_than_a_fixed_one(seed, share):
    first, second = runs(seed, n=120)
    wanted = demand("max_drop_relative", share)
    for metric in (ACCURACY, F1):
        found = damage(metric, first, second, wanted)
        fixed = damage(metric, first, second, demand("max_drop", found.margin))
        assert found.margin == pytest.approx(share * found.baseline)
        assert found.low <= fixed.low
        assert found.high >= fixed.high
        assert found.p >= fixed.p


def test_a_relative_margin_holds_its_error_rate():
    """At a damage of just the margin, 5 % of candidates may be passed, and 5 % called worse."""
    dice, passed, called, share = np.random.default_rng(5), 0, 0, 0.25
    wanted = demand("max_drop_relative", share)
    for _ in range(400):
        first = dice.random(200) < 0.8
        second = dice.random(200) < 0.8 * (1 - share)
        found = damage(ACCURACY, first, second, wanted)
        passed += found.high <= found.margin
        called += found.low > found.margin
    assert passed <= 0.05 * 400 + 3 * (400 * 0.05 * 0.95) ** 0.5
    assert called <= 0.05 * 400 + 3 * (400 * 0.05 * 0.95) ** 0.5
    assert passed + called > 0.02 * 400


def of_a_wide_share(metric):
    """Two runs, 0 or 1 in 800 questions, of which half the baseline is less sure than it looks."""
    dice = np.random.default_rng(11)
    first = dice.random(800) < 0.5
    if metric.higher_is_better:
        return first, first ^ (dice.random(800) < 0.03)
    return first, dice.random(800) < 0.83


@pytest.mark.parametrize("metric", [ACCURACY, ERROR], ids=["accuracy", "error"])
def test_the_bounds_of_a_relative_margin_by_hand(metric):
    """t of B - f A, of pairs of questions, f = 1/2 or 3/2; score bounds may be wider by some."""
    first, second = of_a_wide_share(metric)
    found = damage(metric, first, second, demand("max_drop_relative", 0.5))
    sign = 1 if metric.higher_is_better else -1
    worse = sign * ((1 - sign * 0.5) * first - second)
    moved = worse.reshape(400, 2).mean(axis=1)
    reach = t.ppf(0.95, 399) * moved.std(ddof=1) / 20
    fixed = damage(metric, first, second, demand("max_drop", found.margin))
    assert found.margin == pytest.approx(0.5 * first.mean())
    assert 0 <= found.margin + moved.mean() - reach - found.low < reach
    assert 0 <= found.high - found.margin - moved.mean() - reach < reach
    assert found.high - found.low > 1.1 * (fixed.high - fixed.low)


def test_a_relative_margin_where_less_is_better_takes_all_wrong_answers():
    """(1 + share) times an error of 1 is no value outside of the range."""
    first = np.arange(100) % 20 > 0
    found = damage(ERROR, first, first, demand("max_drop_relative", 0.1))
    assert (found.baseline, found.margin) == (0.95, pytest.approx(0.095))
    assert found.low <= 0 <= found.high < found.margin


LAYOUTS = {
    "twelve clusters": ((12,), (1,) * 12),
    "small strata": ((12, 2, 2, 1, 1), (4,) * 18),
    "a heavy cluster": ((40,), (20, *(1,) * 39)),
    "many": ((80,), (2,) * 80),
}


def in_layout(name, metric, seed):
    """Two runs of clusters of some sizes in some strata."""
    parts, sizes = LAYOUTS[name]
    codes, dice = np.repeat(np.arange(len(sizes)), sizes), np.random.default_rng(seed)
    first = dice.random(len(codes)) < 0.8
    second = np.where(dice.random(len(codes)) < 0.15, ~first, first)
    one, two = (
        tuple(replace(s, cluster=f"c{c}") for s, c in zip(scores(run), codes, strict=True))
        for run in (first, second)
    )
    names = np.repeat(np.arange(len(parts)), parts)
    return pair(metric, one, two, strata={f"c{i}": str(part) for i, part in enumerate(names)})


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("metric", [ACCURACY, F1, ERROR], ids=["accuracy", "f1", "error"])
@pytest.mark.parametrize("seed", range(3))
def test_a_small_share_of_the_baseline_is_a_fixed_margin(name, metric, seed):
    """What a margin of next to nothing does not move has the bounds of one that is fixed."""
    paired = in_layout(name, metric, seed)
    told = {"samples": len(paired.codes), "draws": 2000, "seed": 0}
    found = paired_damage(demand("max_drop_relative", 1e-6), metric, paired, **told)
    fixed = paired_damage(demand("max_drop", found.margin), metric, paired, **told)
    wide = fixed.high - fixed.low
    assert (found.low, found.high) == pytest.approx((fixed.low, fixed.high), abs=0.1 * wide)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_relative_margin_among_small_strata_has_an_error_of_the_usual_size(share):
    """It was read off a column as whether a cluster had a hundredth of the units."""
    paired = in_layout("small strata", ACCURACY, 1)
    told = {"samples": len(paired.codes), "draws": 2000, "seed": 0}
    found = paired_damage(demand("max_drop_relative", share), ACCURACY, paired, **told)
    fixed = paired_damage(demand("max_drop", found.margin), ACCURACY, paired, **told)
    assert found.high - found.low < 1.5 * (fixed.high - fixed.low)


@pytest.mark.parametrize("metric", [ACCURACY, ERROR], ids=["accuracy", "error"])
def test_power_and_error_beside_a_relative_margin_are_those_of_the_bounds_that_decide(metric):
    first, second = of_a_wide_share(metric)
    found = damage(metric, first, second, demand("max_drop_relative", 0.5))
    fixed = damage(metric, first, second, demand("max_drop", found.margin))
    assert found.error == pytest.approx((found.high - found.low) / 2 / t.ppf(0.95, found.df))
    assert found.error > 1.1 * fixed.error
    assert found.detectable(0.05, 0.8) > 1.1 * fixed.detectable(0.05, 0.8)
    assert found.needed(0.05, 0.8) > 1.2 * fixed.needed(0.05, 0.8)


def test_the_p_value_beside_a_relative_margin_is_the_larger():
    """A baseline that itself is unsure makes a regression less sure than a fixed margin does."""
    found = damage(ERROR, *of_a_wide_share(ERROR), demand("max_drop_relative", 0.5))
    fixed = damage(ERROR, *of_a_wide_share(ERROR), demand("max_drop", found.margin))
    assert 0.05 > found.p > 1.5 * fixed.p


def test_one_run_twice_has_no_damage_and_bounds_that_shrink_with_clusters():
    highs = []
    for n in (40, 400, 4000):
        same = np.arange(n) % 5 > 0
        found = damage(ACCURACY, same, same, demand("max_drop", 0.01))
        assert found.damage == 0.0
        assert found.low <= 0 <= found.high
        highs.append(found.high)
        if found.high > found.margin:
            needed = found.needed(0.05, 0.8)
            more = np.arange(needed) % 5 > 0
            settled = damage(ACCURACY, more, more, demand("max_drop", 0.01))
            assert settled.high <= 1.1 * settled.margin
    assert highs == sorted(highs, reverse=True)
    assert highs[0] > 0.05 > highs[-1] > 0


# The candidate alone


@pytest.mark.parametrize("metric", [ACCURACY, F1, ERROR], ids=lambda m: m.name)
def test_a_floors_p_value_and_bounds_say_the_same(metric):
    first, _ = runs(7)
    kind = "min" if metric.higher_is_better else "max"
    for floor in np.linspace(0.1, 0.9, 17):
        found = lone_damage(demand(kind, floor), metric, scores(first))
        assert found.low <= found.damage <= found.high
        assert (found.p < 0.05) == (found.low > 0)
        assert (found.p > 0.95) == (found.high < 0)
        assert found.margin == 0.0


def test_a_floor_at_the_value_is_even():
    found = lone_damage(demand("min", 0.8), ACCURACY, scores(np.arange(100) % 5 > 0))
    assert found.damage == 0.0
    assert found.p == pytest.approx(0.5, abs=1e-6)


def test_what_is_undefined_has_no_damage():
    never = replace(ACCURACY, only=lambda _: False)
    assert lone_damage(demand("min", 0.5), never, scores([True] * 4)) is None
    assert damage(never, [True] * 4, [True] * 4, demand("max_drop", 0.1)) is None


def test_one_cluster_knows_nothing():
    same = scores([True, False] * 4, per_cluster=100)
    paired = pair(ACCURACY, same, same)
    found = paired_damage(demand("max_drop", 0.1), ACCURACY, paired, samples=8, draws=200, seed=0)
    assert (found.low, found.high, found.p, found.error) == (None, None, None, None)
    assert found.method == "none (one cluster)"


def in_parts(sizes, seed=0):
    """Which clusters are right, in parts of so many; scores of four alike each; and the parts."""
    rights = np.random.default_rng(seed).random(sum(sizes)) < np.repeat([0.9, 0.2], sizes)
    made = scores(np.repeat(rights, 4), per_cluster=4)
    names = np.repeat(["easy", "hard"], sizes)
    return rights, made, {f"c{i}": str(name) for i, name in enumerate(names)}


def test_a_floor_of_a_benchmark_with_parts_has_the_variance_within_them():
    """By hand: t and Wilson's, whichever is wider, with the error of parts of 40 and 40."""
    metric = replace(ACCURACY, proportion=False)
    rights, made, strata = in_parts((40, 40))
    found = lone_damage(demand("min", 0.5), metric, made, strata)
    own = [rights[:40].var(ddof=1) / 40 / 4, rights[40:].var(ddof=1) / 40 / 4]
    error = sum(own) ** 0.5
    quantile = t.ppf(0.95, sum(own) ** 2 / sum(v**2 / 39 for v in own))
    value = rights.mean()
    weights = (
        np.repeat(rights, 4) + value
    )  # how much a question is in the value: |1 / n| and |v / n|
    size = min(value * (1 - value) / error**2, weights.sum() ** 2 / (weights @ weights))
    low, high = wilson(value, size, quantile)
    assert found.method == "cluster-robust t (stratified)"
    assert found.low == pytest.approx(0.5 - max(high, value + quantile * error))
    assert found.high == pytest.approx(0.5 - min(low, value - quantile * error))
    whole = lone_damage(demand("min", 0.5), metric, made)
    assert found.high - found.low < 0.85 * (whole.high - whole.low)


def test_a_floor_beside_a_part_of_one_cluster_is_no_surer_for_it():
    """The lone cluster has no other to differ from, and counts with what the others show."""
    metric = replace(ACCURACY, proportion=False)
    _, made, strata = in_parts((60, 1), seed=1)
    alone = lone_damage(demand("min", 0.5), metric, made, strata)
    among = lone_damage(demand("min", 0.5), metric, made, dict.fromkeys(strata, "one"))
    assert alone.high - alone.low > 0.97 * (among.high - among.low)
    assert alone.method == "cluster-robust t (stratified)"
