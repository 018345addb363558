"""Units, sums and intervals: hand-made cases with known answers."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binomtest, norm, t

from evalkit.errors import UsageError
from evalkit.metrics import accuracy, group_accuracy, mean, precision_recall_f1
from evalkit.records import SampleScore
from evalkit.standard_error import influence, redrawn, standard_error
from evalkit.stats import (
    bootstrap_interval,
    delta_interval,
    interval,
    wilson,
)
from evalkit.sums import Statistics, statistics, total
from evalkit.task import Metric

F1 = precision_recall_f1()[2]


def scored(number, value, *, cluster=None, group=None, **more):
    return SampleScore(
        sample_id=f"s{number}",
        answer="yes",
        targets=("yes",),
        values={"correct": float(value), "score": float(value), **more},
        group=group,
        cluster=cluster or f"c{number}",
        tags={},
        failed=False,
    )


def series(values, size=1):
    """Samples in clusters of one size, in order."""
    return [scored(i, value, cluster=f"c{i // size}") for i, value in enumerate(values)]


def test_units_are_groups_in_order_of_first_appearance():
    scores = [
        scored(0, 1, group="b", cluster="x"),
        scored(1, 1, group="a", cluster="y"),
        scored(2, 0, group="b", cluster="x"),
        scored(3, 1, group=None, cluster="y"),
        scored(4, 0, group=None, cluster="y"),
    ]
    counted = statistics(group_accuracy("pairs"), scores)
    assert counted.rows.tolist() == [[0, 1], [1, 1], [1, 1], [0, 1]]
    assert counted.codes.tolist() == [0, 1, 1, 1]
    assert counted.cluster_sums.tolist() == [[0, 1], [2, 3]]


def test_only_chooses_the_samples():
    metric = accuracy(only=lambda score: score.sample_id != "s0")
    assert total(metric, series([1, 0, 0, 1])) == 1 / 3


def test_a_group_in_two_clusters_is_named():
    scores = [scored(0, 1, group="pair 7", cluster="x"), scored(1, 1, group="pair 7", cluster="y")]
    with pytest.raises(UsageError, match="'pair 7' lie in more than one cluster"):
        statistics(group_accuracy("pairs"), scores)


def test_sums_are_running_sums():
    values = [0.3, 0.6, 0.9, 1.0, 0.1] * 2000
    running = 0.0
    for value in values:
        running += value
    assert total(mean(), series(values)) == running / len(values)
    assert running != math.fsum(values)


def test_no_sample_is_no_number():
    assert math.isnan(total(accuracy(), []))
    assert interval(accuracy(), []) is None


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (8, 10, 0.4901625, 0.9433178),  # statsmodels, proportion_confint(8, 10, method="wilson")
        (0, 10, 0.0, 0.2775328),
        (10, 10, 0.7224672, 1.0),
        (1, 1, 0.2065493, 1.0),
    ],
)
def test_wilson_is_what_is_published(hits, n, low, high):
    values = [1] * hits + [0] * (n - hits)
    found = interval(accuracy(), series(values))
    assert found.method == "Wilson"
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    peer = binomtest(hits, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((peer.low, peer.high), abs=1e-12)


def test_wilson_holds_the_score_test():
    low, high = wilson(0.3, 17.5, 2.0)
    for end in (low, high):
        assert abs(0.3 - end) / math.sqrt(end * (1 - end) / 17.5) == pytest.approx(2.0)


@pytest.mark.parametrize("value", [0, 1])
def test_agreeing_clusters_count_as_one_unit_each(value):
    by_image = interval(accuracy(), series([value] * 60, size=6))
    assert by_image.method == "Wilson"
    assert (by_image.n, by_image.clusters) == (60, 10)
    ten = interval(accuracy(), series([value] * 10))
    assert (by_image.low, by_image.high) == (ten.low, ten.high)


def test_one_cluster_tells_nothing_of_a_mean():
    found = interval(mean(), series([0.3, 1, 0], size=3))
    assert (found.low, found.high, found.method) == (None, None, "none (one cluster)")
    assert found.value == pytest.approx(1.3 / 3)


def test_one_cluster_of_a_proportion_counts_as_one_unit():
    found = interval(accuracy(), series([1, 1, 0], size=3))
    assert found.method == "Wilson"
    assert (found.low, found.high) == pytest.approx(wilson(2 / 3, 1, 1.959964), abs=1e-6)


def test_a_mean_of_equal_clusters_has_wilsons_bounds():
    found = interval(mean(), series([1.0] * 50))
    plain = interval(accuracy(), series([1] * 50))
    assert found.method == "Wilson (no variation)"
    assert (found.low, found.high) == pytest.approx((plain.low, 1.0))


def test_the_error_of_a_mean_is_the_textbook_one():
    clusters = [[1, 1, 0], [0, 0, 0], [1, 0, 1], [1, 1, 1], [0, 1, 0]] * 8
    values = [Fraction(v) for own in clusters for v in own]
    n, groups, centre = len(values), len(clusters), sum(values) / len(values)
    moved = [sum(Fraction(v) - centre for v in own) for own in clusters]
    variance = Fraction(groups, groups - 1) * sum(m * m for m in moved) / n**2
    reach = 2.022690911734728 * math.sqrt(variance)  # t, 97.5 %, 39 degrees of freedom
    found = interval(accuracy(), series(values, size=3))
    assert found.method == "cluster-robust t"
    assert (found.low, found.high) == pytest.approx((centre - reach, centre + reach), abs=1e-9)


def yes_no(units, seed=3):
    """Yes/no samples, six per image; images differ in how often they are answered right."""
    random = np.random.default_rng(seed)
    skill = random.beta(4, 2, size=units // 6)
    right = random.random(units) < np.repeat(skill, 6)
    there = random.random(units) < 0.5
    return [
        scored(
            i,
            right[i],
            cluster=f"c{i // 6}",
            tp=float(right[i] & there[i]),
            fp=float(~right[i] & ~there[i]),
            fn=float(~right[i] & there[i]),
            tn=float(right[i] & ~there[i]),
        )
        for i in range(units)
    ]


def test_delta_and_bootstrap_agree_on_f1():
    counted = statistics(F1, yes_no(1200))
    delta, drawn = delta_interval(F1, counted), bootstrap_interval(F1, counted)
    assert drawn == pytest.approx(delta, abs=0.1 * (delta[1] - delta[0]))


def test_influence_of_f1_is_the_linearised_ratio():
    counted = statistics(F1, yes_no(120))
    tp, fp, fn = counted.cluster_sums.T
    hits, size = 2 * tp, 2 * tp + fp + fn
    expected = (hits - hits.sum() / size.sum() * size) / size.sum()
    assert influence(F1, counted) == pytest.approx(expected, abs=1e-9)


def test_f1_without_hits_is_zero_and_has_a_wide_interval():
    scores = [scored(i, 0, tp=0.0, fp=1.0, fn=0.0, tn=0.0) for i in range(40)]
    found = interval(F1, scores)
    assert (found.value, found.low, found.method) == (0.0, 0.0, "Wilson (no variation)")
    assert 0.05 < found.high < 0.2


def test_f1_with_one_hit_stays_in_range():
    scores = [scored(i, 0, tp=float(i == 0), fp=1.0, fn=0.0) for i in range(40)]
    found = interval(F1, scores)
    assert found.low == 0.0 < found.value < found.high


def kinked(name="worse half"):
    """The smaller of two shares: no derivative where they are equal."""
    return Metric(
        name=name,
        row=lambda unit: (unit[0].values["a"], unit[0].values["b"], 1.0),
        value=lambda sums: np.minimum(sums[..., 0], sums[..., 1]) / sums[..., 2],
        columns=3,
    )


def test_a_kink_calls_for_the_bootstrap():
    scores = [scored(i, 1, a=float(i % 2), b=float(i % 2 == 0)) for i in range(60)]
    found = interval(kinked(), scores)
    assert found.method == "cluster bootstrap"
    assert found.low < found.value <= found.high
    assert found.value == 0.5


def test_the_bootstrap_is_undefined_when_many_draws_are():
    metric = accuracy(only=None)
    rows = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    counted = Statistics(rows=rows, codes=np.arange(3), clusters=3)
    assert bootstrap_interval(metric, counted) is None


def test_the_bootstrap_is_a_function_of_its_seed_alone(monkeypatch):
    counted = statistics(F1, yes_no(120))
    whole = bootstrap_interval(F1, counted, draws=300, seed=1)
    monkeypatch.setattr("evalkit.resampling._CELLS", 7 * counted.clusters)
    assert bootstrap_interval(F1, counted, draws=300, seed=1) == whole
    assert bootstrap_interval(F1, counted, draws=300, seed=2) != whole


def test_draws_of_a_single_number_vary_like_the_unbiased_error_of_few_clusters():
    """Of five clusters, G of G drawn would vary a fifth less; and ends are at the shares of t."""
    metric = accuracy()
    counted = statistics(metric, yes_no(30))
    drawn, found = redrawn(metric, counted, 20_000, 0), standard_error(metric, counted)
    assert (drawn.df, drawn.how) == (4.0, "")
    assert drawn.values.std(ddof=1) == pytest.approx(found.error, rel=0.06)
    share = norm.cdf(-t.ppf(0.975, 4))
    ends = np.quantile(drawn.values, [share, 1 - share])
    assert bootstrap_interval(metric, counted, draws=20_000) == pytest.approx(ends)


def test_numbers_are_plain_floats():
    found = interval(F1, yes_no(120))
    assert {type(n) for n in (found.value, found.low, found.high)} == {float}
    assert (type(found.n), type(found.clusters), found.maximum) == (int, int, 1.0)
