"""Bounds of looks beside published ones, and laws: error is spent, never more, and in order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri, stdtrit

from evalkit.sampling import Draws
from evalkit.sequential import bounds, crossed, levels, spent

FIVE = [0.2, 0.4, 0.6, 0.8, 1.0]

looks = st.lists(st.integers(1, 40), min_size=1, max_size=8, unique=True).map(
    lambda found: [place / max(found) for place in sorted(found)]
)
errors = st.sampled_from([0.001, 0.0125, 0.025, 0.05, 0.1])


def test_the_published_bounds_of_five_equal_looks():
    # Two-sided 0.05 is 0.025 on each side; the two sides do not meet.
    assert bounds(FIVE, 0.025) == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=6e-4)


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        (lambda t: 2.040 / t**0.5, 0.05),  # O'Brien and Fleming, K = 5
        (lambda _: 2.413, 0.05),  # Pocock, K = 5
    ],
)
def test_published_constants_spend_what_they_say(shape, error):
    assert 2 * sum(crossed(FIVE, [shape(t) for t in FIVE])) == pytest.approx(error, abs=1e-4)


@given(errors)
def test_one_look_is_the_plain_test(alpha):
    assert bounds([1.0], alpha)[0] == pytest.approx(-ndtri(alpha), abs=1e-9)
    assert levels([1.0], alpha)[0] == pytest.approx(alpha, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(looks, errors)
def test_each_look_spends_its_share_and_all_of_them_alpha(fractions, alpha):
    shares = crossed(fractions, bounds(fractions, alpha))
    assert sum(shares) == pytest.approx(alpha, abs=1e-9)
    for place, fraction in enumerate(fractions, start=1):
        assert sum(shares[:place]) == pytest.approx(spent(fraction, alpha), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(looks, errors)
def test_bounds_are_above_that_of_one_look_and_those_of_a_prefix_are_the_same(fractions, alpha):
    found = bounds(fractions, alpha)
    assert min(found) >= -ndtri(alpha) - 1e-9
    assert all(level <= alpha + 1e-9 for level in levels(fractions, alpha))
    half = len(fractions) // 2
    assert bounds(fractions[:half], alpha) == pytest.approx(found[:half])


@given(st.floats(0.001, 1), st.floats(0.001, 1), errors)
def test_what_is_spent_never_falls_and_is_alpha_in_the_end(one, other, alpha):
    low, high = sorted((one, other))
    assert 0 <= spent(low, alpha) <= spent(high, alpha) <= spent(1.0, alpha) + 1e-12
    assert spent(1.0, alpha) == pytest.approx(alpha)


def test_two_looks_by_the_bivariate_normal_distribution():
    from scipy.stats import multivariate_normal

    fractions, alpha = [0.3, 1.0], 0.05
    first, last = bounds(fractions, alpha)
    r = 0.3**0.5
    both = multivariate_normal(cov=[[1, r], [r, 1]])
    neither = both.cdf([first, last])
    assert 1 - neither == pytest.approx(alpha, abs=1e-6)
    assert ndtr(-first) == pytest.approx(spent(0.3, alpha), abs=1e-12)


def test_draws_end_no_nearer_than_t_where_they_do_not_reach():
    draws = Draws(values=np.sort(np.random.default_rng(0).normal(2, 3, size=500)), df=40)
    reach = [draws.interval(level)[1] for level in (0.9, 0.99, 0.9999, 1 - 2e-9)]
    assert reach == sorted(reach)
    assert reach[-1] == pytest.approx(2 + 3 * stdtrit(40, 1 - 1e-9), rel=0.1)
    assert draws.interval(0.9)[1] == pytest.approx(2 + 3 * stdtrit(40, 0.95), rel=0.1)
