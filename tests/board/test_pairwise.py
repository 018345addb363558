"""p-values of pairs: beside those of a comparison of two runs, by laws, and under equal models."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.board.counting import Counted
from evalkit.board.pairwise import adjusted_p
from evalkit.leverage import leverages
from evalkit.metrics import accuracy, group_accuracy, mme_total, precision_recall_f1
from evalkit.paired import Paired, estimate

NOISE = 0.004  # of a p-value near 0.05 from 10,000 draws: four of its standard errors and less
FEW = 9  # discordant clusters of which all exchanges are looked at, and nothing else

(F1,) = (m for m in precision_recall_f1() if m.name == "f1")


def shares_of(right):
    """Rows of a share: a unit each, right (1) or wrong (0)."""
    right = np.asarray(right, dtype=float)
    return np.column_stack([right, np.ones(len(right))])


def counts_of(right):
    """Rows of F1: tp, fp and fn, where every other question is to be answered "yes"."""
    right = np.asarray(right, dtype=float)
    there = np.arange(len(right)) % 2 == 0
    return np.stack([right * there, (1 - right) * ~there, (1 - right) * there], axis=1)


def totals_of(right, subtasks):
    """Rows of MME's total: two questions a picture, alike, and the subtask of each picture."""
    right = np.asarray(right, dtype=float)
    ones = np.ones(len(right))
    four = np.stack([2 * right, 2 * ones, right, ones], axis=1)
    spots = np.eye(max(subtasks) + 1)[subtasks]
    return (spots[:, :, None] * four[:, None, :]).reshape(len(four), -1)


def counted(metric, rows, codes=None, strata=None):
    codes = np.arange(len(rows)) if codes is None else np.asarray(codes)
    count = int(codes.max()) + 1
    by_cluster = np.zeros((count, rows.shape[1]))
    np.add.at(by_cluster, codes, rows)
    return Counted(
        metric=metric,
        samples="same",
        sums=rows.sum(axis=0),
        by_cluster=by_cluster,
        scale=np.abs(rows).sum(axis=0),
        strata=np.zeros(count, dtype=np.intp) if strata is None else np.asarray(strata),
        leverages=leverages(codes, count),
    )


def both(metric, first, second, codes=None, strata=None):
    """The p-value on a board of the two, and that of all exchanges, ties whole."""
    sides = [counted(metric, rows, codes, strata) for rows in (first, second)]
    return adjusted_p(sides)[0, 1], exchanged(metric, *sides)


def exchanged(metric, one, two):
    """The share of all exchanges, each made outright, whose difference is as large, or larger."""
    count = len(one.by_cluster)
    swap = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(float)
    first = (1 - swap) @ one.by_cluster + swap @ two.by_cluster
    second = swap @ one.by_cluster + (1 - swap) @ two.by_cluster
    found = abs(metric.value(one.sums) - metric.value(two.sums))
    return (abs(metric.value(first) - metric.value(second)) >= found - 1e-9).mean()


def losing(count, losses):
    """All right, and all right but the first so many."""
    right = np.ones(count)
    return right, np.where(np.arange(count) < losses, 0.0, right)


# Beside all exchanges


@pytest.mark.parametrize("count", range(6, 13))
def test_one_sided_losses_are_as_sure_as_their_exchanges(count):
    for losses in range(1, count + 1):
        good, bad = (shares_of(right) for right in losing(count, losses))
        sides = [counted(accuracy(), rows) for rows in (good, bad)]
        found, exact = adjusted_p(sides)[0, 1], 2 * 0.5**losses
        assert found == pytest.approx(exact, abs=NOISE), losses


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_losses_that_fill_strata_are_as_sure_as_those_that_do_not(size):
    strata = np.repeat(np.arange(12 // size), size)
    for losses in range(4, FEW + 1):
        good, bad = (shares_of(right) for right in losing(12, losses))
        found, exact = both(accuracy(), good, bad, strata=strata)
        assert found == pytest.approx(exact, abs=NOISE), losses


def test_eight_losses_in_two_whole_strata():
    good, bad = losing(56, 8)
    strata = np.repeat(np.arange(14), 4)
    p = adjusted_p([counted(accuracy(), shares_of(one), strata=strata) for one in (good, bad)])
    assert p[0, 1] == pytest.approx(2 / 2**8, abs=NOISE)


@pytest.mark.parametrize(("count", "size", "losses"), [(55, 4, 44), (41, 1, 41)])
def test_many_losses_that_fill_strata_are_sure(count, size, losses):
    """What all clusters of each stratum do alike has no variance, and none by rounding."""
    rows = [shares_of(right) for right in losing(count, losses)]
    strata = np.arange(count) // size
    assert adjusted_p([counted(accuracy(), one, strata=strata) for one in rows])[0, 1] < 0.001


def test_a_heavy_cluster_is_exchanged_whole():
    codes = np.repeat(np.arange(10), [9, *[1] * 9])
    for lost in ([0], [0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7, 8]):
        worse = shares_of(~np.isin(codes, lost))
        found, exact = both(accuracy(), shares_of(np.ones(18)), worse, codes)
        assert found == pytest.approx(exact, abs=NOISE), lost


@given(st.lists(st.sampled_from([(1, 1), (1, 0), (0, 1), (0, 0)]), min_size=6, max_size=FEW))
@settings(max_examples=15, deadline=None)
def test_f1_and_sums_and_pairs_are_as_sure_as_their_exchanges(outcomes):
    right = np.array([*outcomes, (1, 1), (1, 1)], dtype=float).T
    subtasks, total = np.arange(right.shape[1]) % 3, mme_total("total", ["a", "b", "c"])
    cases = [
        (F1, [counts_of(one) for one in right], None),
        (total, [totals_of(one, subtasks) for one in right], subtasks),
        (group_accuracy("pairs"), [shares_of(one) for one in right], None),
    ]
    for metric, (first, second), strata in cases:
        found, exact = both(metric, first, second, strata=strata)
        assert found == pytest.approx(exact, abs=3 * NOISE), metric.name


def test_a_board_counts_ties_whole_where_a_comparison_counts_half():
    good, bad = (shares_of(right) for right in losing(20, 5))
    codes, strata = np.arange(20), np.zeros(20, dtype=np.intp)
    paired = Paired(first=good, second=bad, codes=codes, clusters=20, strata=strata)
    assert estimate(accuracy(), paired).p == 2 / 2**5 / 2
    found = adjusted_p([counted(accuracy(), rows) for rows in (good, bad)])[0, 1]
    assert found == pytest.approx(2 / 2**5, abs=NOISE)


# Laws


@given(
    st.integers(6, 60),
    st.sampled_from([1, 2, 3, 4, 60]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=15, deadline=None)
def test_more_one_sided_losses_are_never_less_sure(count, size, source):
    strata = np.arange(count) // size
    order = list(range(count))
    if source.random() < 0.5:
        source.shuffle(order)  # else one stratum is filled after the other
    last = 1.0
    for losses in sorted(source.sample(range(1, count + 1), 6)):
        bad = np.ones(count)
        bad[order[:losses]] = 0
        rows = [shares_of(right) for right in (np.ones(count), bad)]
        p = adjusted_p([counted(accuracy(), one, strata=strata) for one in rows])[0, 1]
        assert p <= last + NOISE, losses
        last = min(p, last)


def test_a_difference_of_what_is_flat_is_not_known():
    steps = replace(accuracy(), value=lambda sums: np.floor(3 * sums[..., 0] / sums[..., 1]) / 3)
    good, bad = (counted(steps, shares_of(right)) for right in ([1] * 20 + [0] * 9, [0] * 29))
    assert np.isnan(adjusted_p([good, bad])[0, 1])


# Error


def equal(generator, count, per, models=4):
    """Models of one skill, each with clusters of its own that are hard for it."""
    hard = generator.normal(0.7, 1, count) + generator.normal(0, 1, (models, count))
    right = generator.random((models, count, per)) < 1 / (1 + np.exp(-hard[:, :, None]))
    return right.reshape(models, -1).astype(float), np.repeat(np.arange(count), per)


@pytest.mark.parametrize(("count", "size"), [(9, 9), (16, 4)])
def test_equal_models_of_few_clusters_are_rarely_told_apart(count, size):
    """Of 150 groups of four, 7 or 8 at most may be; 16 and more come of that once in 400."""
    generator, wrong = np.random.default_rng(count), 0
    for _ in range(150):
        right, codes = equal(generator, count, 5)
        strata = np.arange(count) // size
        members = [counted(accuracy(), shares_of(one), codes, strata) for one in right]
        wrong += bool((adjusted_p(members, draws=2000) <= 0.05).any())
    assert wrong <= 15
