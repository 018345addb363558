"""A paired difference beside the textbook, scipy and statsmodels."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, binomtest, permutation_test, t, ttest_rel

from evalkit.errors import UsageError
from evalkit.metrics import (
    accuracy,
    group_accuracy,
    mean,
    mme_total,
    precision_recall_f1,
    relative_scores,
    yes_ratio,
)
from evalkit.paired import Draws, Paired, StudentT, estimate, gains, holm, pair
from evalkit.records import SampleScore
from evalkit.task import Metric

PRECISION, RECALL, F1, _ = precision_recall_f1()


def paired(first, second, codes=None, strata=None):
    """Rows of both runs; a list of numbers is a mean's values, and units are their own clusters."""
    first, second = (
        np.column_stack([rows, np.ones(len(rows))]) if np.ndim(rows) == 1 else np.asarray(rows)
        for rows in (first, second)
    )
    codes = np.arange(len(first)) if codes is None else np.asarray(codes)
    clusters = int(codes.max()) + 1
    return Paired(
        first=first,
        second=second,
        codes=codes,
        clusters=clusters,
        strata=np.zeros(clusters, int) if strata is None else np.asarray(strata),
    )


def answers(images=60, questions=6, seed=0, gain=0.1):
    """Right (1) and wrong (0) of two runs, and the image of each question."""
    random = np.random.default_rng(seed)
    skill = np.repeat(random.beta(4, 2, size=(2, images)), questions, axis=1)
    skill[1] += gain
    right = (random.random(skill.shape) < skill).astype(float)
    return right[0], right[1], np.repeat(np.arange(images), questions)


def counts(right):
    """tp, fp and fn, where every other question is to be answered "yes"."""
    there = np.tile([1.0, 0.0], len(right) // 2)
    return np.stack([right * there, (1 - right) * (1 - there), (1 - right) * there], axis=1)


def scored(number, value, *, cluster=None, group=None, **more):
    return SampleScore(
        sample_id=f"s{number}",
        answer="yes",
        targets=("yes",),
        values={"correct": float(value), **more},
        group=group,
        cluster=cluster or f"c{number}",
        tags={},
        failed=False,
    )


# Means


def test_samples_that_are_clusters_have_the_t_interval_of_scipy():
    first, second, _ = answers()
    found, peer = estimate(accuracy(), paired(first, second)), ttest_rel(second, first)
    assert found.method == "cluster-robust t"
    for level in (0.9, 0.95, 0.99):
        ends = peer.confidence_interval(level)
        assert found.interval(level) == pytest.approx((ends.low, ends.high), abs=1e-9)
    assert 2 * found.sampling.tail_above(0) == pytest.approx(peer.pvalue, abs=1e-9)
    assert found.error == pytest.approx((second - first).std(ddof=1) / len(first) ** 0.5, abs=1e-10)


@pytest.mark.parametrize("questions", [6, None])
def test_a_mean_has_the_clustered_error_of_statsmodels(questions):
    models = pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")
    first, second, codes = answers()
    if questions is None:  # clusters of unequal sizes
        codes = np.sort(np.random.default_rng(1).integers(0, 40, len(codes)))
    found = estimate(mean(), paired(first, second, codes))
    fit = models.OLS(second - first, np.ones(len(first))).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "df_correction": True}, use_t=True
    )
    assert found.error == pytest.approx(fit.bse[0], abs=1e-9)
    assert found.interval() == pytest.approx(tuple(fit.conf_int(0.05)[0]), abs=1e-8)


def test_the_error_of_a_mean_is_millers():
    first, second, codes = answers()
    found = estimate(accuracy(), paired(first, second, codes))
    moved = [Fraction(b) - Fraction(a) for a, b in zip(first, second, strict=True)]
    n, groups, centre = len(moved), 60, sum(moved) / len(moved)
    by_image = [sum(moved[i : i + 6]) - 6 * centre for i in range(0, n, 6)]
    variance = Fraction(groups, groups - 1) * sum(u * u for u in by_image) / n**2
    reach = t.ppf(0.975, groups - 1) * math.sqrt(variance)
    assert found.interval() == pytest.approx((centre - reach, centre + reach), abs=1e-9)
    assert (found.n, found.clusters) == (360, 60)


@pytest.mark.parametrize(
    ("metric", "rows", "method"),
    [
        (accuracy(), lambda r: np.column_stack([r, np.ones(len(r))]), "cluster-robust t"),
        (RECALL, lambda r: counts(r)[:, [0, 0]] + counts(r)[:, [1, 2]] * [0, 1], "cluster"),
        (PRECISION, lambda r: counts(r)[:, [0, 0]] + counts(r)[:, [1, 1]] * [0, 1], "paired"),
        (F1, counts, "paired cluster bootstrap"),
    ],
)
def test_a_mean_is_known_by_its_rows(metric, rows, method):
    """Recall's denominator is the truth's, and so the same in both runs; precision's is not."""
    first, second, codes = answers()
    found = estimate(metric, paired(rows(first), rows(second), codes), draws=200)
    assert found.method.startswith(method)


# Other metrics


def linearised(first, second, codes):
    """F1's difference and its error by the linearisation of ratios, written out."""
    shares, values = [], []
    for right in (first, second):
        tp, fp, fn = (np.bincount(codes, weights=column) for column in counts(right).T)
        hits, size = 2 * tp, 2 * tp + fp + fn
        values.append(hits.sum() / size.sum())
        shares.append((hits - values[-1] * size) / size.sum())
    moved = shares[1] - shares[0]
    groups = len(moved)
    return values[1] - values[0], (groups / (groups - 1) * moved @ moved) ** 0.5


def test_the_bootstrap_of_f1_agrees_with_the_linearisation():
    first, second, codes = answers(images=200)
    found = estimate(F1, paired(counts(first), counts(second), codes))
    difference, error = linearised(first, second, codes)
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.error == pytest.approx(error, rel=0.03)
    reach = t.ppf(0.975, 199) * error
    assert found.interval() == pytest.approx(
        (difference - reach, difference + reach), abs=0.1 * reach
    )


def mme_rows(right, subtasks):
    """Rows of MME's total: two questions an image, and the subtask of each image."""
    by_image = right.reshape(-1, 2)
    ones = np.ones(len(by_image))
    four = np.stack([by_image.sum(axis=1), 2 * ones, by_image.min(axis=1), ones], axis=1)
    spots = np.eye(max(subtasks) + 1)[subtasks]
    return (spots[:, :, None] * four[:, None, :]).reshape(len(four), -1)


def test_mme_is_resampled_within_its_subtasks():
    """The stratified error written out: small subtasks weigh much, and vary by n_h - 1."""
    first, second, _ = answers(images=110, questions=2)
    subtasks = np.repeat([0, 1, 2], [10, 20, 80])
    rows = [mme_rows(right, subtasks) for right in (first, second)]
    metric = mme_total("total", ["a", "b", "c"])
    found = estimate(metric, paired(*rows, strata=subtasks))
    moved = (second - first).reshape(-1, 2).mean(axis=1)
    moved += second.reshape(-1, 2).min(axis=1) - first.reshape(-1, 2).min(axis=1)
    parts = [
        100**2 * moved[subtasks == place].var(ddof=1) / (subtasks == place).sum()
        for place in range(3)
    ]
    assert found.method == "paired cluster bootstrap"
    assert found.error == pytest.approx(sum(parts) ** 0.5, rel=0.03)
    freedom = sum(parts) ** 2 / (np.square(parts) / [9, 19, 79]).sum()  # Satterthwaite's
    assert found.sampling.df == pytest.approx(freedom)


def test_a_subtask_by_itself_is_a_mean():
    first, second, _ = answers(images=110, questions=2)
    rows = [mme_rows(right, np.zeros(110, int)) for right in (first, second)]
    assert estimate(mme_total("total", ["a"]), paired(*rows)).method == "cluster-robust t"


def test_relative_scores_of_few_images_have_wider_percentiles_than_the_plain_ones():
    random = np.random.default_rng(2)
    rows = [
        np.column_stack([random.integers(4, 10, 60), random.integers(7, 11, 60), np.ones(60)])
        for _ in range(2)
    ]
    found = estimate(relative_scores()[0], paired(*rows, codes=np.repeat(np.arange(12), 5)))
    low, high = found.interval()
    plain = np.quantile(found.sampling.values, [0.025, 0.975])
    assert high - low == pytest.approx((plain[1] - plain[0]) * t.ppf(0.975, 11) / 1.96, rel=0.06)


# The test


@pytest.mark.parametrize("images", [9, 40])
def test_exchanges_are_those_of_scipys_permutation_test(images):
    """Its p-value but for ties, of which it counts all and evalkit half."""
    first, second, codes = answers(images=images, gain=0.2)
    found = estimate(accuracy(), paired(first, second, codes))
    sums = [np.bincount(codes, weights=right) for right in (first, second)]
    peer = permutation_test(
        sums,
        lambda a, b, axis: np.sum(b - a, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=10_000,
        rng=np.random.default_rng(3),
    )
    size = np.abs(peer.null_distribution) - abs(peer.statistic)
    expected = (size > 1e-9).mean() + (np.abs(size) <= 1e-9).mean() / 2
    exact = images == 9
    assert found.p_method.startswith("all" if exact else "10,000")
    assert found.p == pytest.approx(expected, abs=1e-12 if exact else 0.015)
    assert found.p < peer.pvalue


def test_exchanges_of_an_accuracy_are_mcnemars_test():
    """Samples that are clusters: the mid-p of wins among discordant samples."""
    first, second = np.zeros(40), np.zeros(40)
    first[:3], second[3:13] = 1, 1
    found = estimate(accuracy(), paired(first, second))
    assert (found.won, found.lost, found.tied, found.discordant) == (10, 3, 27, 13)
    assert found.p_method == "all 8,192 exchanges, ties half"
    assert found.p == pytest.approx(binomtest(10, 13).pvalue - binom.pmf(10, 13, 0.5), abs=1e-12)


def test_as_many_wins_as_losses_surprise_nobody():
    found = estimate(accuracy(), paired([1, 0, 1, 1], [0, 1, 1, 1]))
    assert (found.difference, found.discordant, found.p) == (0.0, 2, 1.0)


def test_exchanges_of_f1_value_the_metric_on_each():
    """Two clusters differ; two of four exchanges are as far apart as they were, none further."""
    first = np.array([[1.0, 0, 0], [1, 0, 1], [0, 1, 0]])
    second = np.array([[1.0, 0, 0], [2, 0, 0], [1, 0, 0]])
    found = estimate(F1, paired(first, second))
    assert (found.p, found.p_method) == (0.25, "all 4 exchanges, ties half")


def test_a_cluster_whose_changes_cancel_is_not_discordant():
    found = estimate(accuracy(), paired([1, 0, 1, 1], [0, 1, 1, 1], codes=[0, 0, 1, 1]))
    assert (found.discordant, found.won, found.lost, found.p) == (0, 1, 1, 1.0)


# Few discordant clusters


def test_equal_runs_have_an_interval_by_the_number_of_clusters():
    right = np.tile([1.0, 0, 1, 1], 75)
    found = estimate(accuracy(), paired(right, right, np.repeat(np.arange(100), 3)))
    assert (found.difference, found.error, found.p) == (0.0, None, 1.0)
    assert found.method == "Wilson (no difference)"
    assert found.interval() == pytest.approx([-0.03937, 0.03937], abs=1e-4)  # t² / 100
    assert found.interval(0.9)[1] == pytest.approx(0.0276, abs=1e-4)  # rule of three: 0.0295


def test_two_equal_runs_are_no_surer_than_two_that_hardly_differ():
    """One image of 500 with one flip of 18 questions: no wider than what was not seen at all."""
    first = np.ones(9000)
    second, codes = first.copy(), np.repeat(np.arange(500), 18)
    same = estimate(accuracy(), paired(first, first, codes)).interval()
    second[5] = 0
    found = estimate(accuracy(), paired(first, second, codes))
    low, high = found.interval()
    assert found.method == "score (few discordant clusters)"
    assert same[0] < low < found.difference < 0 < high < same[1]
    assert low < -0.4 * same[1]


def test_few_discordant_pairs_have_tangos_interval():
    """b = 2, c = 5 of 10,000: Tango's score interval of the difference of paired proportions."""
    first, second = np.zeros(10_000), np.zeros(10_000)
    first[:2], second[2:7] = 1, 1
    found = estimate(accuracy(), paired(first, second))
    for end in found.interval():
        supposed = end * 10_000  # the rates of the two kinds that are most likely under it
        lost = (7 - 2 * supposed + ((7 - 2 * supposed) ** 2 + 8 * 2 * supposed) ** 0.5) / 4
        z = (3 - supposed) / (supposed + 2 * lost) ** 0.5
        assert abs(z) == pytest.approx(1.96, abs=0.01)


def test_all_clusters_won_alike_is_far_from_chance():
    found = estimate(accuracy(), paired(np.zeros(40), np.ones(40)))
    low, high = found.interval()
    assert (found.difference, high) == (1.0, 1.0)
    assert 0.5 < low < 1.0
    assert found.sampling.tail_above(0) < 1e-6


def test_one_cluster_tells_nothing():
    found = estimate(accuracy(), paired([1, 0, 1], [0, 0, 1], codes=[0, 0, 0]))
    assert (found.sampling, found.interval(), found.error) == (None, None, None)
    assert (found.method, found.p) == ("none (one cluster)", 0.5)


# What is said of units


def test_gains_of_an_accuracy_are_wins_and_losses():
    both = paired([1, 0, 1, 0], [0, 1, 1, 0])
    assert gains(accuracy(), both) == pytest.approx([-1, 1, 0, 0], abs=1e-8)


def test_gains_of_f1_know_a_miss_from_a_false_alarm():
    both = paired(counts(np.array([0.0, 0, 1, 1])), counts(np.array([1.0, 1, 1, 1])))
    found = gains(F1, both)
    assert found[0] > found[1] > 0
    assert found[2:] == pytest.approx([0, 0])


def test_descriptions_have_no_winners():
    found = estimate(yes_ratio(), paired([1, 0, 1, 0], [0, 1, 1, 1]))
    assert (found.won, found.lost, found.tied) == (None, None, None)
    assert found.difference == 0.25


def test_correlation_is_that_of_the_values():
    first, second, codes = answers()
    found = estimate(accuracy(), paired(first, second, codes))
    assert found.correlation == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-9)
    assert estimate(accuracy(), paired(np.ones(9), first[:9])).correlation is None


def test_an_undefined_metric_has_no_estimate():
    said_no = np.array([[0.0, 0.0], [0.0, 0.0]])
    assert estimate(PRECISION, paired(said_no, np.array([[1.0, 1.0], [0.0, 0.0]]))) is None


def test_a_metric_that_most_resamples_leave_undefined_has_no_interval():
    odd = Metric(
        name="odd",
        row=lambda unit: (0.0,),
        columns=1,
        value=lambda sums: np.where(np.abs(sums[..., 0] - 10) < 1e-3, sums[..., 0] / 20, np.nan),
    )
    values = np.array([[1.0], [0.0]] * 10)
    found = estimate(odd, paired(values, values[::-1]), draws=200)
    assert (found.method, found.interval()) == ("none (undefined on resamples)", None)


# From scores


def test_pairs_are_units_of_both_runs():
    first = [scored(i, i != 2, group=f"g{i // 2}", cluster=f"g{i // 2}") for i in range(6)]
    second = [scored(i, i != 4, group=f"g{i // 2}", cluster=f"g{i // 2}") for i in range(6)]
    both = pair(group_accuracy("pairs"), first, second, strata={"g0": "b", "g1": "a", "g2": "b"})
    assert both.first.tolist() == [[1, 1], [0, 1], [1, 1]]
    assert both.second.tolist() == [[1, 1], [1, 1], [0, 1]]
    assert (both.codes.tolist(), both.strata.tolist()) == ([0, 1, 2], [1, 0, 1])


def test_only_chooses_in_both_runs():
    metric = accuracy(only=lambda score: score.sample_id != "s1")
    both = pair(metric, [scored(i, 1) for i in range(3)], [scored(i, 0) for i in range(3)])
    assert (len(both.first), both.clusters) == (2, 2)


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ([scored(0, 1)], "one run has 2 samples and the other 1"),
        ([scored(1, 1), scored(0, 1)], "'s0' .* stands beside 's1'"),
        ([scored(0, 1), scored(1, 1, cluster="x")], r"cluster 'c1'\) stands beside 's1' .*'x'"),
    ],
)
def test_other_samples_are_refused(second, sentence):
    with pytest.raises(UsageError, match=sentence):
        pair(accuracy(), [scored(0, 1), scored(1, 1)], second)


def test_a_sample_that_counts_in_one_run_alone_is_refused():
    metric = accuracy(only=lambda score: score.values["correct"] > 0)
    with pytest.raises(UsageError, match="'s1' counts in one run"):
        pair(metric, [scored(0, 1), scored(1, 1)], [scored(0, 1), scored(1, 0)])


def test_a_cluster_without_a_stratum_is_refused():
    scores = [scored(0, 1), scored(1, 1)]
    with pytest.raises(UsageError, match="'c1' has no stratum"):
        pair(accuracy(), scores, scores, strata={"c0": "a"})


# Sampling, and a family


def test_numbers_are_plain():
    first, second, codes = answers()
    for found in (
        estimate(accuracy(), paired(first, second, codes)),
        estimate(F1, paired(counts(first), counts(second), codes), draws=100),
    ):
        numbers = (found.first, found.difference, found.error, found.p, *found.interval())
        assert {type(n) for n in numbers} == {float}
        assert {type(n) for n in (found.n, found.clusters, found.discordant, found.won)} == {int}


def test_the_seed_moves_the_bootstrap_and_the_exchanges():
    first, second, codes = answers()
    both = paired(counts(first), counts(second), codes)
    one, two, three = (estimate(F1, both, draws=300, seed=seed) for seed in (1, 1, 2))
    assert (one.interval(), one.p) == (two.interval(), two.p)
    assert one.interval() != three.interval()


def test_a_p_value_of_draws_is_never_0():
    found = Draws(values=np.linspace(1, 2, 99), df=1e9)
    assert found.tail_above(0.5) == pytest.approx(0.01)
    assert found.tail_below(0.5) == 1.0
    assert found.tail_below(1.5) == pytest.approx(0.51)


def test_t_tails_are_students():
    found = StudentT(centre=0.3, error=0.1, df=7)
    assert found.tail_above(0.0) == pytest.approx(t.sf(3, 7))
    assert found.tail_below(0.45) == pytest.approx(t.cdf(-1.5, 7))


def test_holm_is_what_is_published():
    """Holm's steps by hand: 0.01 * 4, then 0.013 * 3, and no smaller than the one before."""
    found = holm([0.01, None, 0.04, 0.013, 0.03])
    assert found[1] is None
    assert [p for p in found if p is not None] == pytest.approx([0.04, 0.06, 0.04, 0.06])
    assert holm([0.6, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


def test_holm_is_that_of_statsmodels():
    multitest = pytest.importorskip(
        "statsmodels.stats.multitest", reason="statsmodels is not installed"
    )
    p_values = np.random.default_rng(0).random(20) ** 4
    peer = multitest.multipletests(p_values, method="holm")[1]
    assert holm(p_values.tolist()) == pytest.approx(tuple(peer), abs=1e-12)


# Ranges


def test_values_outside_of_the_declared_range_are_refused():
    """A score of 0 to 100 in a metric of 0 to 1: bounds would be cut to less than the damage."""
    first, second = np.full(200, 90.0), np.full(200, 25.0)
    for one, two in ((first, second), (second / 100, first)):
        with pytest.raises(UsageError, match=r"outside of the range from 0 to 1 that its task"):
            estimate(mean(), paired(one, two))
    few = np.where(np.arange(200) == 7, 1.5, 0.5)  # the mean itself is within
    with pytest.raises(UsageError, match=r"accuracy is 1\.5 somewhere"):
        estimate(mean(), paired(few, few))


def test_an_interval_of_what_has_no_range_holds_what_was_found():
    rising = np.arange(200) % 7 + 2000.0
    free = replace(mean(), bounded=False)
    found = estimate(free, paired(rising, rising[::-1] * 3))
    low, high = found.interval()
    assert low <= found.difference <= high
