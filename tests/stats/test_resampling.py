"""Clusters drawn again: moments written out, and the same draws whatever the order."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from evalkit import resampling
from evalkit.resampling import all_exchanges, collapse, exchanged, precedes, resampled, settled

ROWS = np.array([[1.0, 5], [2, 5], [2, 5], [4, 5], [9, 5], [0, 3], [1, 7], [8, 7]])
STRATA = np.array([0, 0, 0, 0, 0, 1, 2, 2])
TABLES = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 2)), min_size=1, max_size=30)


def variance(rows, strata):
    """The unbiased variance of the sums: Σ n_h / (n_h - 1) Σ (row - mean)², strata of one left."""
    total = 0.0
    for stratum in set(strata.tolist()):
        held = rows[strata == stratum]
        if len(held) > 1:
            total = total + len(held) * held.var(axis=0, ddof=1)
    return total


def repeated(times):
    """The clusters several times over: many equal ones, so that they are drawn together."""
    return np.tile(ROWS, (times, 1)), np.tile(STRATA, times)


@pytest.mark.parametrize("times", [1, 20])
@pytest.mark.parametrize("many", [1_000, 0])
def test_resampled_sums_have_the_unbiased_variance(monkeypatch, times, many):
    monkeypatch.setattr(resampling, "_MANY", many)  # 0: coins are tossed, of few clusters as well
    rows, strata = repeated(times)
    sums, expected = resampled(rows, strata, 40_000, seed=1), variance(rows, strata)
    error = (expected / 40_000) ** 0.5
    assert (np.abs(sums.mean(axis=0) - rows.sum(axis=0)) <= 4 * error + 1e-9).all()
    assert sums.var(axis=0) == pytest.approx(expected, rel=0.04)


def test_columns_that_do_not_vary_are_added_and_not_drawn():
    sums = resampled(ROWS, np.array([0] * 5 + [1] + [2] * 2), 50, seed=0)
    assert (sums[:, 1] == 5 * 5 + 3 + 2 * 7).all()


def test_a_stratum_of_one_cluster_does_not_vary():
    assert (resampled(ROWS[:3], np.arange(3), 20, seed=0) == ROWS[:3].sum(axis=0)).all()


def test_counting_and_multinomial_numbers_agree():
    """What is drawn by whole numbers of equal clusters is what is drawn one by one."""
    rows = np.repeat(ROWS, 10, axis=0)
    strata = np.zeros(len(rows), int)
    together = resampled(rows, strata, 5_000, seed=1)[:, 0]
    apart = resampled(rows + 1e-9 * np.arange(len(rows))[:, None], strata, 5_000, seed=2)[:, 0]
    assert ks_2samp(together, apart).pvalue > 0.001


@settings(deadline=None, max_examples=40)
@given(rows=TABLES, seed=st.integers(0, 99))
def test_draws_do_not_depend_on_the_order(rows, seed):
    rows = np.array(rows, dtype=float)
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    none = np.zeros(len(rows), int)
    assert np.array_equal(resampled(rows, none, 9, seed), resampled(shuffled, none, 9, seed))
    assert np.array_equal(exchanged(rows, 9, seed), exchanged(shuffled, 9, seed))


@settings(deadline=None, max_examples=40)
@given(rows=TABLES)
def test_collapsed_rows_are_all_of_them_in_order(rows):
    rows = np.array(rows, dtype=float)
    different, counts = collapse(rows)
    assert sorted(map(tuple, rows)) == [*map(tuple, np.repeat(different, counts, axis=0))]
    assert len({*map(tuple, different)}) == len(different)


@settings(deadline=None, max_examples=40)
@given(rows=TABLES)
def test_one_of_two_orders_precedes(rows):
    rows = np.array(rows, dtype=float)
    both = precedes(rows, -rows), precedes(-rows, rows)
    same = sorted(map(tuple, rows)) == sorted(map(tuple, -rows))
    assert both == (True, True) if same else sum(both) == 1


@pytest.mark.parametrize("times", [1, 60])
def test_random_exchanges_have_fair_coins(times):
    """Seven rows differ; sixty of each are tossed at once."""
    rows = np.repeat(ROWS, times, axis=0)
    sums = exchanged(rows, 40_000, seed=3)
    expected = (rows**2).sum(axis=0)
    assert (np.abs(sums.mean(axis=0)) <= 4 * (expected / 40_000) ** 0.5).all()
    assert sums.var(axis=0) == pytest.approx(expected, rel=0.04)


def test_all_exchanges_are_all_signs():
    found = all_exchanges(ROWS[:4])
    signs = product((1, -1), repeat=4)
    expected = [tuple(np.array(sign) @ ROWS[:4]) for sign in signs]
    assert sorted(map(tuple, found)) == sorted(expected)
    assert tuple(found[0]) == tuple(ROWS[:4].sum(axis=0))


def test_chunks_are_one_stream(monkeypatch):
    rows = np.random.default_rng(0).random((60, 2))
    none = np.zeros(60, int)
    whole = resampled(rows, none, 100, 1), exchanged(rows, 100, 1)
    monkeypatch.setattr(resampling, "_CELLS", 60 * 8)
    again = resampled(rows, none, 100, 1), exchanged(rows, 100, 1)
    for one, two in zip(whole, again, strict=True):
        assert one == pytest.approx(two, abs=1e-9)


def test_settled_rows_forget_the_order_of_additions():
    one, two = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1
    assert one != two
    assert settled(np.array([[one]])) == settled(np.array([[two]]))
    assert settled(np.zeros((2, 1))).tolist() == [[0.0], [0.0]]
