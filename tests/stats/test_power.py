"""Power, beside published figures, simulations and scipy."""

import math

import numpy as np
import pytest
from scipy.stats import nct, norm, t

from evalkit.power import design_effect, detectable, intraclass, needed, predicted_power


def test_two_sides_at_80_percent_take_two_point_eight_errors():
    assert detectable(1.0) == pytest.approx(1.959964 + 0.841621, abs=1e-5)
    assert detectable(0.5, sides=1) == pytest.approx((1.644854 + 0.841621) / 2, abs=1e-5)


def test_millers_example_needs_969_questions():
    """Miller 2024, section 5: 3 points, alpha 0.05, power 0.8, variance 1/9 of the difference."""
    assert needed(0.03, (1 / 9 / 1000) ** 0.5, 1000) == 969


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("df", [None, 1, 2.5, 11, 400, 1e6])
@pytest.mark.parametrize(("alpha", "power"), [(0.01, 0.9), (0.05, 0.2), (0.1, 0.999)])
def test_what_is_detectable_is_found_with_its_power(sides, df, alpha, power):
    effect = detectable(0.7, alpha=alpha, power=power, sides=sides, df=df)
    found = predicted_power(effect, 0.7, alpha=alpha, sides=sides, df=df)
    assert found == pytest.approx(power, abs=1e-8)


def test_few_clusters_show_less():
    found = [detectable(1.0, df=df) for df in (2, 5, 30, 1000, None)]
    assert found == sorted(found, reverse=True)
    assert found[1] == pytest.approx(3.5139, abs=1e-4)  # nct with 5 degrees, one side of two
    assert detectable(1.0, power=0.05) == 0.0


def test_a_t_test_finds_what_is_detectable_as_often_as_it_says():
    """Eight clusters, 40,000 times over."""
    effect = detectable(8**-0.5, df=7)
    draws = np.random.default_rng(0).normal(effect, 1, (40_000, 8))
    found = np.abs(draws.mean(axis=1)) / (draws.std(axis=1, ddof=1) / 8**0.5) > t.ppf(0.975, 7)
    assert found.mean() == pytest.approx(0.8, abs=0.008)


@pytest.mark.parametrize("df", [3, 19, 300])
@pytest.mark.parametrize("effect", [0.002, 0.02, 0.2])
def test_what_is_needed_of_a_t_test_is_the_least_that_settles_it(effect, df):
    n = needed(effect, 0.013, 400, df=df)

    def power(samples):
        own = max((df + 1) * samples / 400 - 1, 1)
        return predicted_power(effect, 0.013 * math.sqrt(400 / samples), df=own)

    assert power(n) >= 0.8 - 1e-9
    assert n == 1 or power(n - 1) < 0.8
    assert n >= needed(effect, 0.013, 400)


@pytest.mark.parametrize("sides", [1, 2])
def test_an_effect_that_nothing_hides_is_found(sides):
    """scipy's noncentral t has no number so far out."""
    assert predicted_power(60.0, 1.0, df=12, sides=sides) == 1.0
    assert predicted_power(-60.0, 1.0, df=12, sides=sides) == sides - 1


def test_what_is_needed_makes_the_effect_detectable():
    n = needed(0.02, 0.013, 400)
    assert detectable(0.013 * math.sqrt(400 / n)) <= 0.02
    assert detectable(0.013 * math.sqrt(400 / (n - 1))) > 0.02
    assert needed(-0.02, 0.013, 400) == n
    assert needed(0.0, 0.013, 400) is None
    assert needed(9.0, 0.013, 400) == 1


def test_no_effect_is_found_as_often_as_alpha():
    assert predicted_power(0.0, 1.0) == pytest.approx(0.05)
    assert predicted_power(0.0, 1.0, sides=1, alpha=0.1) == pytest.approx(0.1)
    assert predicted_power(0.0, 1.0, df=5) == pytest.approx(0.05)


def test_one_side_does_not_find_the_other():
    assert predicted_power(-3.0, 1.0, sides=1) < 1e-5
    assert predicted_power(-3.0, 1.0) == pytest.approx(predicted_power(3.0, 1.0))


def test_the_power_of_a_t_test_is_noncentral():
    limit = t.ppf(0.975, 11)
    expected = nct.sf(limit, 11, 2.5) + nct.cdf(-limit, 11, 2.5)
    assert predicted_power(2.5, 1.0, df=11) == pytest.approx(expected, abs=1e-6)
    assert predicted_power(2.5, 1.0, df=1e6) == pytest.approx(predicted_power(2.5, 1.0), abs=1e-4)


def test_predicted_power_is_that_of_a_simulation():
    random = np.random.default_rng(0)
    found = random.normal(0.3, 0.12, 20_000)
    share = np.mean(np.abs(found) / 0.12 > norm.ppf(0.975))
    assert predicted_power(0.3, 0.12) == pytest.approx(share, abs=0.01)


def nested(clusters, size, alike, seed=0):
    random = np.random.default_rng(seed)
    own = np.repeat(random.normal(0, alike**0.5, clusters), size)
    return own + random.normal(0, (1 - alike) ** 0.5, clusters * size)


def test_intraclass_is_what_was_put_in():
    values = nested(4000, 5, 0.3)
    assert intraclass(values, np.repeat(np.arange(4000), 5)) == pytest.approx(0.3, abs=0.02)
    kept = np.random.default_rng(1).random(len(values)) < 0.6
    codes = np.unique(np.repeat(np.arange(4000), 5)[kept], return_inverse=True)[1]
    assert intraclass(values[kept], codes) == pytest.approx(0.3, abs=0.03)


def test_intraclass_of_equal_clusters_is_one_and_of_opposites_below_0():
    codes = np.repeat(np.arange(10), 2)
    assert intraclass(np.repeat(np.arange(10.0), 2), codes) == pytest.approx(1.0)
    assert intraclass(np.tile([0.0, 1.0], 10), codes) == pytest.approx(-1.0)
    assert intraclass(np.ones(20), codes) is None
    assert intraclass(np.arange(20.0), np.arange(20)) is None
    assert intraclass(np.arange(20.0), np.zeros(20, int)) is None


def test_the_design_effect_is_what_clusters_cost():
    size, alike = 8, 0.2
    means = [nested(50, size, alike, seed).mean() for seed in range(3000)]
    assert np.var(means) * 50 * size == pytest.approx(design_effect(size, alike), rel=0.08)


@pytest.mark.parametrize("strata", [1, 3, 8])
def test_each_stratum_takes_a_degree_of_freedom_of_what_is_needed(strata):
    """On 20 clusters there are 20 less the strata; of so many as are needed the same."""
    found = needed(1.0, 1.0, 20, df=20 - strata, strata=strata)

    def power(n):
        return predicted_power(1.0, (20 / n) ** 0.5, df=n - strata)

    assert power(found) >= 0.8 > power(found - 1)
