"""Clusters that outweigh the others, and strata of one cluster, beside the same written out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binom, norm, t

from evalkit import leverage
from evalkit.metrics import accuracy, mme_total, precision_recall_f1
from evalkit.paired import Paired, estimate
from evalkit.records import SampleScore
from evalkit.stats import bounding, interval, wilson
from evalkit.sums import Statistics


def uneven(sizes, seed=0):
    """Values of 0 and 1, the cluster of each, and what each cluster moves their mean."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(seed).integers(0, 2, len(codes)).astype(float)
    moved = np.bincount(codes, weights=values - values.mean()) / len(codes)
    return values, codes, moved


def test_the_jackknife_of_a_mean_leaves_one_cluster_out():
    values, codes, moved = uneven([30, 2, 5, 1, 9, 4])
    error, _ = leverage.jackknifed(moved, leverage.leverages(codes, 6))
    without = [values[codes != cluster].mean() for cluster in range(6)]
    assert error**2 == pytest.approx(((values.mean() - np.array(without)) ** 2).sum(), abs=1e-12)


def test_degrees_of_freedom_are_those_of_a_quadratic_form():
    """Bell and McCaffrey's, as matrices: 2 E² / Var of Σ (u_g / (1 - h_g))² for normal units."""
    sizes = np.array([30, 2, 5, 1, 9, 4])
    _, codes, moved = uneven(sizes)
    shares = sizes / sizes.sum()
    spread = np.diag(1 / sizes) - 1 / sizes.sum()  # the covariance of means around the whole mean
    scale = np.diag(shares / (1 - shares))
    form = scale @ spread @ scale
    expected = np.trace(form) ** 2 / np.trace(form @ form)
    assert leverage.jackknifed(moved, leverage.leverages(codes, 6))[1] == pytest.approx(expected)


def test_like_clusters_have_as_many_degrees_of_freedom_as_ever():
    _, codes, moved = uneven([3] * 20)
    assert leverage.jackknifed(moved, leverage.leverages(codes, 20))[1] == pytest.approx(19)
    variance, df = leverage.spread(moved, np.zeros(20, int))
    assert (variance, df) == pytest.approx((20 / 19 * (moved**2).sum(), 19))


@pytest.mark.parametrize(
    ("sizes", "heaviest"),
    [([40] + [1] * 60, 0.4), ([12] + [1] * 88, 0.12), ([9] + [1] * 91, 0), ([2, 3, 2], 0)],
)
def test_a_heavy_cluster_has_a_tenth_and_twice_its_even_share(sizes, heaviest):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    assert leverage.heaviest(leverage.leverages(codes, len(sizes))) == heaviest


@pytest.mark.parametrize(("clusters", "share"), [(30, 0.2), (30, 0.4), (100, 0.15), (100, 0.4)])
def test_a_bound_is_missed_as_often_as_it_says_beside_a_heavy_cluster(clusters, share):
    """Normal clusters whose units go together a little; three standard errors of 4,000 draws."""
    sizes = np.ones(clusters) * 10
    sizes[0] = share / (1 - share) * 10 * (clusters - 1)
    weights = sizes / sizes.sum()
    noise = np.random.default_rng(1).standard_normal((4_000, clusters))
    sums = noise * (sizes * (1 + (sizes - 1) * 0.046)) ** 0.5
    missed = 0
    for own in sums:
        mean = own.sum() / sizes.sum()
        error, df = leverage.jackknifed((own - sizes * mean) / sizes.sum(), weights)
        missed += mean > t.ppf(0.95, df) * error
    assert missed / len(sums) <= 0.05 + 3 * (0.05 * 0.95 / len(sums)) ** 0.5


# In estimates


def right(codes, *, gain, seed):
    """Right answers of two runs, rows of an accuracy, with an image's effect of each run's own."""
    random = np.random.default_rng(seed)
    skill = random.normal(0.5, 0.15, (2, codes.max() + 1))[:, codes] + [[0], [gain]]
    return [np.column_stack([one, np.ones(len(one))]) for one in random.random(skill.shape) < skill]


def paired(rows, codes, strata=None):
    clusters = int(codes.max()) + 1
    strata = np.zeros(clusters, int) if strata is None else np.asarray(strata)
    return Paired(first=rows[0], second=rows[1], codes=codes, clusters=clusters, strata=strata)


def counts(rows):
    """tp, fp and fn, where every other question is to be answered "yes"."""
    hit, there = rows[:, 0], np.tile([1.0, 0.0], len(rows))[: len(rows)]
    return np.stack([hit * there, (1 - hit) * (1 - there), (1 - hit) * there], axis=1)


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_a_heavy_cluster_is_left_out_by_turns(metric):
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    rows = right(codes, gain=0.1, seed=3)
    if metric == "f1":
        found = estimate(precision_recall_f1()[2], paired([counts(r) for r in rows], codes))
    else:
        found = estimate(accuracy(), paired(rows, codes))
    assert found.method == "cluster-robust t (jackknife)"
    assert 2 < found.sampling.df < 8
    moved = rows[1][:, 0] - rows[0][:, 0]
    if metric == "accuracy":
        without = [moved[codes != cluster].mean() for cluster in range(61)]
        expected = ((found.difference - np.array(without)) ** 2).sum() ** 0.5
        assert found.error == pytest.approx(expected, rel=1e-6)


def test_a_heavy_cluster_that_agrees_does_not_make_a_small_bound():
    """Nothing differs: a cluster with 40 % of the questions might have, and moves that much."""
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    rows = right(codes, gain=0, seed=3)[0]
    found = estimate(accuracy(), paired([rows, rows], codes))
    assert found.method == "Wilson (no difference)"
    assert found.interval()[1] > 0.4


def test_a_heavy_cluster_within_strata_leaves_no_interval():
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    rows = right(codes, gain=0.1, seed=3)
    found = estimate(accuracy(), paired(rows, codes, strata=[0] * 30 + [1] * 31))
    assert (found.sampling, found.method) == (None, "none (one cluster has 40% of the units)")


# Strata of one


def test_strata_of_one_vary_as_they_differ_from_each_other():
    effects = np.array([1.0, 3.0, 5.0, 0.3, 0.1, 0.3, 0.1, 0.2])
    found = leverage.collapsed(effects, np.array([0, 1, 2, 3, 3, 3, 3, 3]))
    assert (found.variance, found.df) == (pytest.approx(3 * 4.0), 2)


def test_strata_of_few_vary_no_less_than_the_others():
    """Two clusters that agree by chance, and one alone, beside five with a variance of 10."""
    effects = np.array([7.0, 1.0, 1.0, 1.0, 3.0, 5.0, 7.0, 9.0])
    found = leverage.collapsed(effects, np.array([0, 1, 1, 2, 2, 2, 2, 2]))
    within = 40 / 5  # one degree of freedom of the pair, four of the five
    assert (found.variance, found.df) == (pytest.approx(within + within / 2), 5)


def test_strata_of_few_that_vary_more_than_the_others_add_nothing():
    effects = np.array([0.0, 90.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert leverage.collapsed(effects, np.array([0, 0, 1, 1, 1, 1, 1])).variance == 0


def test_strata_of_many_and_a_single_stratum_add_nothing():
    assert leverage.collapsed(np.arange(10.0), np.repeat([0, 1], 5)) == leverage.Added()
    assert leverage.collapsed(np.array([1.0, 2]), np.array([0, 0])) == leverage.Added()


def test_variances_are_added_with_their_degrees_of_freedom():
    both = leverage.Added(variance=2.0, df=3).to(1.0, 10)
    assert both == pytest.approx((3.0, 9 / (0.1 + 4 / 3)))
    assert leverage.Added().to(1.0, 10) == (1.0, 10)


SUBTASKS = ("a", "b", "c", "d")


def mme(images, seed=0):
    """Scores of MME's images, so many of each subtask, of two runs; and the images' subtasks."""
    random = np.random.default_rng(seed)
    places = np.repeat(SUBTASKS, images)
    strata = {f"i{place}": str(name) for place, name in enumerate(places)}
    runs = [
        [
            SampleScore(
                sample_id=f"{image}/{turn}",
                answer="yes",
                targets=("yes",),
                values={"correct": float(random.random() < skill)},
                group=image,
                cluster=image,
                tags={"subtask": name},
                failed=False,
            )
            for image, name in strata.items()
            for turn in range(2)
        ]
        for skill in (0.8, 0.6)
    ]
    return runs, strata


def error_of(images):
    from evalkit.pairing import pair

    runs, strata = mme(images)
    metric = mme_total("total", SUBTASKS)
    return estimate(metric, pair(metric, *runs, strata=strata), draws=4_000)


def test_a_subtask_with_one_image_adds_to_the_error():
    """More than each of two images would: by itself it cannot be drawn again."""
    single, pairs = error_of([20, 20, 20, 1]), error_of([20, 20, 20, 2])
    assert single.method == "paired cluster bootstrap"
    assert single.error > pairs.error


def test_the_interval_of_a_total_knows_of_subtasks_with_one_image():
    runs, strata = mme([20, 20, 1, 1])
    metric = mme_total("total", SUBTASKS)
    whole, parts = interval(metric, runs[0]), interval(metric, runs[0], strata)
    assert parts.value == whole.value
    assert parts.high - parts.low > 1.5 * (whole.high - whole.low)


# What gates rest on


def lost(losses, of):
    """Rows of two runs: all right, and so many lost."""
    first = np.ones((of, 2))
    second = first.copy()
    second[:losses, 0] = 0
    return first, second


@pytest.mark.parametrize("questions", [24, 60, 130, 400])
def test_a_candidate_that_only_loses_passes_no_more_often_than_it_may(questions):
    """Exact: whatever the margin, if damage is the margin, the bound is within it for few.

    Whole numbers of losses make it swing: at some margins it is more than 5 %, by half as much at
    most; t's bound was within the margin in 10 % at 400 questions.
    """
    codes = np.arange(questions)
    highs = np.array(
        [
            -estimate(accuracy(), paired(lost(k, questions), codes), draws=1).bounds(0.9)[0]
            for k in range(questions * 2 // 5)
        ]
    )
    rates = [binom.cdf((highs <= m + 1e-12).sum() - 1, questions, m) for m in highs[highs < 0.3]]
    assert max(rates) < 0.075
    assert np.mean(np.array(rates) > 0.06) < 0.05


@pytest.mark.parametrize("proportion", [True, False])
@pytest.mark.parametrize("questions", [24, 130, 400])
def test_a_floor_is_reached_by_chance_no_more_often_than_it_may(questions, proportion):
    """Exact, as above: of means near their ceiling, t's bound was beyond the floor in 25 %."""
    metric = accuracy() if proportion else replace(accuracy(), proportion=False)
    codes = np.arange(questions)
    lows = [
        bounding(
            metric, Statistics(rows=lost(k, questions)[1], codes=codes, clusters=questions), 0.9
        )
        for k in range(questions)
    ]
    lows = np.array([ends[0] for _, ends in lows])
    rates = [binom.cdf((lows >= f - 1e-12).sum() - 1, questions, 1 - f) for f in lows[lows > 0.5]]
    assert max(rates) < 0.08


def passes(sizes, rate, repetitions=150):
    """How often a candidate passes that loses whole clusters, if that is all that is allowed."""
    random, codes = np.random.default_rng(7), np.repeat(np.arange(len(sizes)), sizes)
    first, passed = np.ones((len(codes), 2)), 0
    for seed in range(repetitions):
        second = first.copy()
        second[:, 0] = random.random(len(sizes))[codes] >= rate
        found = estimate(accuracy(), paired((first, second), codes), draws=1, seed=seed)
        passed += -found.bounds(0.9)[0] <= rate
    return passed / repetitions


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([99] * 5 + [5] * 101, id="five just below a tenth"),
        pytest.param([45] * 2 + [5] * 82, id="two"),
        pytest.param([6] * 100, id="like clusters"),
    ],
)
def test_some_heavy_clusters_pass_nothing_that_is_worse(sizes):
    assert passes(sizes, 0.1) < 0.1


def test_a_floor_has_no_bounds_where_a_heavy_cluster_stands_among_parts():
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    rows = right(codes, gain=0, seed=3)[0]
    parts = np.array([0] * 30 + [1] * 31)
    counted = Statistics(rows=rows, codes=codes, clusters=61, strata=parts)
    assert bounding(accuracy(), counted, 0.9) == ("none (one cluster has 40% of the units)", None)
    whole = replace(counted, strata=None)
    low, high = bounding(accuracy(), whole, 0.9)[1]
    assert high - low > 0.4  # of 3.5 degrees of freedom


def test_effects_of_single_numbers_are_those_of_whole_strata():
    """Subtasks of two images each: the variance is theirs, as if it had been written out."""
    runs, strata = mme([2, 2, 2, 2], seed=5)
    metric = mme_total("total", SUBTASKS)
    found = interval(metric, runs[0], strata)
    by_image = {}
    for score in runs[0]:
        by_image.setdefault(score.cluster, []).append(score.values["correct"])
    worth = np.array([100 * np.mean(v) + 100 * min(v) for v in by_image.values()]).reshape(4, 2)
    own = worth.var(axis=1, ddof=1)
    variance = (np.maximum(own, own.mean()) / 2).sum()
    added = (np.maximum(own.mean() - own, 0) / 2).sum()
    df = 1 / (((own / 2 / variance) ** 2).sum() + (added / variance) ** 2 / 4)
    reach = t.ppf(0.975, df) * variance**0.5
    assert found.high - found.value == pytest.approx(min(reach, 800 - found.value), rel=1e-4)


def test_a_floor_does_not_pass_for_one_heavy_picture_and_many_light_ones_that_are_right():
    """Nothing varies, and nothing is known of what else the picture of 40 questions could be."""
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    counted = Statistics(rows=np.ones((100, 2)), codes=codes, clusters=61)
    for metric in (accuracy(), replace(accuracy(), proportion=False)):
        low, high = bounding(metric, counted, 0.9)[1]
        assert (low, high) == (pytest.approx(wilson(1.0, 2.5, norm.ppf(0.95))[0]), 1.0)
    even = replace(counted, codes=np.arange(100), clusters=100)
    assert bounding(accuracy(), even, 0.9)[1][0] == wilson(1.0, 100, ndtri(0.95))[0]


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
)
def test_no_mean_varies_more_than_one_of_as_many_trials(sizes, seed):
    """Clusters all right or all wrong, each with its own chance: the variance that is largest."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    chances, shares = np.random.default_rng(seed).random(len(sizes)), np.array(sizes) / sum(sizes)
    mean = float(shares @ chances)
    variance = float(shares**2 @ (chances * (1 - chances)))
    assert variance <= mean * (1 - mean) / leverage.trials(codes, len(sizes)) * (1 + 1e-9)
    assert leverage.trials(np.repeat(np.arange(7), sizes[0]), 7) == 7.0


def test_one_stratum_that_is_left_is_one_whatever_its_number():
    """A metric counts one list of two, and the strata keep the numbers that they had."""
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    ones = np.ones(61, int)
    rows = right(codes, gain=0, seed=3)
    counted = Statistics(rows=rows[0], codes=codes, clusters=61, strata=ones)
    same = replace(counted, strata=None)
    metric = accuracy()
    assert bounding(metric, counted, 0.9) == bounding(metric, same, 0.9)
    found = estimate(metric, paired(rows, codes, ones))
    assert found == estimate(metric, paired(rows, codes))
    assert found.method == "cluster-robust t (jackknife)"
    moved = np.random.default_rng(0).standard_normal(61)
    shares = leverage.leverages(codes, 61)
    assert leverage.variance_of(moved, shares, ones) == leverage.variance_of(
        moved, shares, 0 * ones
    )
