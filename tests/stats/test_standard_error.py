"""Standard errors of single numbers beside the same written out, and draws beside all draws."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.stats import norm, t

from evalkit import leverage
from evalkit.metrics import accuracy, mean
from evalkit.paired import Paired, estimate
from evalkit.records import SampleScore
from evalkit.standard_error import redrawn, standard_error
from evalkit.stats import bootstrap_interval, interval, wilson
from evalkit.sums import Statistics, statistics
from evalkit.task import Metric


def scored(values, codes, **more):
    """Scores with a value each, in clusters by number."""
    return [
        SampleScore(
            sample_id=f"s{i}",
            answer="yes",
            targets=("yes",),
            values={"correct": value, "score": value},
            group=None,
            cluster=f"c{code}",
            tags={},
            failed=False,
        )
        for i, (value, code) in enumerate(zip(values, codes, strict=True))
    ]


HEAVY = np.repeat(np.arange(41), [20] + [2] * 40)


def skewed(seed=0):
    """Values of a benchmark in which one cluster has a fifth of the units."""
    return np.random.default_rng(seed).random(len(HEAVY)).round(3)


def left_out(values, codes):
    """The jackknife's error: what the mean moves if each cluster is left out."""
    without = [values[codes != cluster].mean() for cluster in np.unique(codes)]
    return float(((values.mean() - np.array(without)) ** 2).sum() ** 0.5)


# Clusters of unlike weight


def test_the_interval_of_a_mean_beside_a_heavy_cluster_is_the_jackknifes():
    values = skewed()
    found = interval(mean(), scored(values, HEAVY))
    df = leverage.degrees(np.bincount(HEAVY) / len(HEAVY))
    reach = t.ppf(0.975, df) * left_out(values, HEAVY)
    assert found.method == "cluster-robust t (jackknife)"
    assert 2 < df < 30
    assert (found.low, found.high) == pytest.approx((found.value - reach, found.value + reach))


def test_a_proportion_beside_a_heavy_cluster_has_the_jackknifes_design_effect():
    values = (skewed(1) < 0.95).astype(float)
    found = interval(accuracy(), scored(values, HEAVY))
    error, share = left_out(values, HEAVY), values.mean()
    quantile = t.ppf(0.975, leverage.degrees(np.bincount(HEAVY) / len(HEAVY)))
    size = min(share * (1 - share) / error**2, len(values))
    assert found.method == "Wilson (jackknife)"
    assert (found.low, found.high) == pytest.approx(wilson(share, size, quantile))


def test_like_clusters_have_plain_names():
    codes = np.repeat(np.arange(60), 2)
    values = np.random.default_rng(0).random(120).round(3)
    assert interval(mean(), scored(values, codes)).method == "cluster-robust t"
    assert interval(accuracy(), scored(np.ones(120), codes)).method == "Wilson"


# Parts


def parts_of(codes, sizes):
    """The parts of clusters, so many clusters each; and each cluster's part by name."""
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    return numbers, {f"c{code}": f"p{numbers[code]}" for code in np.unique(codes)}


def test_parts_are_drawn_each_for_itself():
    """The variance is that of parts, added; what lies between them is not in it."""
    codes = np.repeat(np.arange(30), 2)
    numbers, strata = parts_of(codes, [20, 10])
    values = np.random.default_rng(2).random(60).round(3) / 2 + numbers[codes] / 2
    found = interval(mean(), scored(values, codes), strata)
    own = [values.reshape(30, 2).sum(axis=1)[numbers == part] for part in (0, 1)]
    pieces = np.array([len(one) * one.var(ddof=1) for one in own]) / 60**2
    df = pieces.sum() ** 2 / (pieces**2 / (19, 9)).sum()
    reach = t.ppf(0.975, df) * pieces.sum() ** 0.5
    assert found.method == "cluster-robust t (stratified)"
    assert found.high - found.value == pytest.approx(reach)
    assert reach < 0.6 * (interval(mean(), scored(values, codes)).high - found.value)


def test_unlike_clusters_within_parts_have_both_and_the_fewer_degrees_of_freedom():
    numbers, strata = parts_of(HEAVY, [21, 20])
    counted = statistics(mean(), scored(skewed(3), HEAVY), strata)
    found = standard_error(mean(), counted)
    shares = np.bincount(HEAVY) / len(HEAVY)
    moved = (np.bincount(HEAVY, weights=skewed(3) - skewed(3).mean())) / len(HEAVY)
    variance = 0.0
    for part in (0, 1):
        own = moved[numbers == part]
        without = (own - own.mean()) / (1 - shares[numbers == part])
        variance += len(own) / (len(own) - 1) * (without**2).sum()
    plain = leverage.spread(leverage.centred(moved, numbers), numbers)[1]
    assert found.how == "stratified, jackknife"
    assert found.error == pytest.approx(variance**0.5)
    assert found.df == pytest.approx(min(plain, leverage.degrees(shares)))


# Draws


def kinked():
    """The larger of two shares: no derivative where they are equal."""
    return Metric(
        name="better half",
        row=lambda unit: (unit[0].values["a"], unit[0].values["b"], 1.0),
        value=lambda sums: np.maximum(sums[..., 0], sums[..., 1]) / sums[..., 2],
        columns=3,
    )


def in_parts(first, second, sizes):
    """Statistics of a cluster a unit, with as much of both shares."""
    rows = np.column_stack([first, second, np.ones(len(first))])
    parts = np.repeat(np.arange(len(sizes)), sizes)
    return Statistics(rows=rows, codes=np.arange(len(rows)), clusters=len(rows), strata=parts)


FIVES = in_parts(
    np.array([0.0, 0.2, 0.1, 0.3, 0.4, 0.9, 1.0, 0.8, 0.6, 0.7]),
    np.array([0.4, 0.3, 0.2, 0.0, 0.1, 0.7, 0.8, 1.0, 0.9, 0.6]),
    [5, 5],
)


def all_draws(metric, counted):
    """The metric over all 4 clusters of 5 that a part may give, in both parts; each weighs 5/4."""
    sums = []
    for part in (0, 1):
        own = counted.cluster_sums[counted.strata == part]
        sums.append(
            np.array([own[list(drawn)].sum(axis=0) for drawn in product(range(5), repeat=4)])
        )
    both = 5 / 4 * (sums[0][:, None] + sums[1][None])
    return metric.value(both).ravel()


def test_a_metric_with_a_kink_is_drawn_part_by_part():
    metric = kinked()
    exact = all_draws(metric, FIVES)
    drawn = redrawn(metric, FIVES, 20_000, seed=1)
    assert (drawn.how, drawn.df) == ("stratified", 8)
    assert drawn.values.std() == pytest.approx(exact.std(), rel=0.03)
    assert drawn.values.mean() == pytest.approx(exact.mean(), abs=4 * exact.std() / 20_000**0.5)
    outside = norm.cdf(t.ppf(0.025, 8))
    ends = bootstrap_interval(metric, FIVES, draws=20_000)
    assert ends == pytest.approx(np.quantile(exact, [outside, 1 - outside]), abs=0.01)


def test_what_lies_between_parts_is_not_drawn():
    metric = kinked()
    whole = bootstrap_interval(metric, replace(FIVES, strata=None), draws=4_000)
    parts = bootstrap_interval(metric, FIVES, draws=4_000)
    assert parts[1] - parts[0] < 0.6 * (whole[1] - whole[0])


def test_a_part_of_one_cluster_is_not_without_variance():
    """Beside ten clusters in a part: what it adds is their variance, of a sum over one."""
    values = np.linspace(0, 0.9, 10)
    counted = in_parts(np.append(values, 0.5), np.append(values[::-1], 0.5), [10, 1])
    metric = replace(kinked(), value=lambda sums: sums[..., 0] / sums[..., 2])
    drawn = redrawn(metric, counted, 40_000, seed=0).values
    known = standard_error(metric, counted)
    assert drawn.var() == pytest.approx(known.error**2, rel=0.03)
    inner = 10 * values.var(ddof=1) / 11**2
    assert known.error**2 > 1.05 * inner


def test_the_name_says_that_the_bootstrap_was_stratified():
    scores = [
        replace(score, values={"a": score.values["score"], "b": 1 - score.values["score"]})
        for score in scored([float(i % 2) for i in range(60)], range(60))
    ]
    _, strata = parts_of(np.arange(60), [30, 30])
    found = interval(kinked(), scores, strata)
    assert found.method == "cluster bootstrap (stratified)"
    assert found.low <= found.value == 0.5 < found.high
    assert interval(kinked(), scores).method == "cluster bootstrap"


# Jumps of differences within parts of few


def test_a_jump_in_a_part_of_few_is_the_whole_effect_and_not_around_its_mean():
    """Twenty clusters in a part and two in another; one of each is lost in the second run."""
    n, strata = 22, np.repeat([0, 1], [20, 2])
    first = np.ones((n, 2))
    second = first.copy()
    second[[0, 20], 0] = 0
    both = Paired(first=first, second=second, codes=np.arange(n), clusters=n, strata=strata)
    found = estimate(accuracy(), both, draws=99)
    assert found.method == "score (few discordant clusters)"
    sizes = np.array([(1 - 1 / 20) / n, 1 / n])  # around the mean of twenty; whole
    mean_square = ((sizes**2).sum() + 1 / n**2) / 3
    expected = max(mean_square**0.5, (sizes**3).sum() / (sizes**2).sum())
    assert found.sampling.jump == pytest.approx(expected, rel=1e-6)


def test_a_jump_without_parts_is_around_the_mean():
    n = 22
    first = np.ones((n, 2))
    second = first.copy()
    second[[0, 20], 0] = 0
    alone = np.zeros(n, int)
    both = Paired(first=first, second=second, codes=np.arange(n), clusters=n, strata=alone)
    size = (1 - 2 / n) / n
    expected = ((2 * size**2 + 1 / n**2) / 3) ** 0.5
    assert estimate(accuracy(), both, draws=99).sampling.jump == pytest.approx(expected, rel=1e-6)
