"""What one run tells of how much two like it would differ."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t

from evalkit.metrics import accuracy
from evalkit.pairing import Paired
from evalkit.planning.spread import spread_of_one
from evalkit.standard_error import standard_error
from evalkit.stats import delta_interval
from evalkit.task import Metric


def alone(rows, strata=None):
    """One run, each row a cluster."""
    parts = np.zeros(len(rows), int) if strata is None else np.asarray(strata)
    codes = np.arange(len(rows))
    return Paired(first=rows, second=rows, codes=codes, clusters=len(rows), strata=parts)


def right(values):
    return np.column_stack([values, np.ones(len(values))]).astype(float)


def test_the_spread_of_a_mean_is_the_textbook_one():
    values = np.arange(50) % 3 > 0
    found = spread_of_one(accuracy(), alone(right(values)), 50, supposed=0.75)
    assert found.error == pytest.approx((0.5 * values.var(ddof=1) / 50) ** 0.5)


def test_parts_with_one_cluster_count_with_the_variance_of_the_others():
    """By hand: ten clusters in a part, and two parts of one, each of which varies as the ten do."""
    values = np.array([1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1])
    parts = [0] * 10 + [1, 2]
    found = spread_of_one(accuracy(), alone(right(values), parts), 12, supposed=0.5)
    squares = 10 * values[:10].var()
    pooled = (9 / 11) ** 2 * squares / 10  # of leaving one out, nine times; 12 less 2 are free
    assert found.error**2 == pytest.approx(10 / 9 * squares / 12**2 + 2 * pooled)


def sum_of_parts(parts, *, kinked):
    """The parts' accuracies, added; a part that is absent adds nothing."""
    least = 1.0 if kinked else 0.5  # at a count of 1 the larger of it and 1 has a kink

    def value(sums):
        hits, counts = sums[..., :parts], sums[..., parts:]
        return (hits / np.maximum(counts, least)).sum(axis=-1)

    return Metric(name="sum", row=lambda unit: (), value=value, columns=2 * parts, high=parts)


@pytest.mark.parametrize(("kinked", "near"), [(False, 1e-6), (True, 0.08)])
def test_a_benchmark_of_parts_of_one_cluster_each_is_not_known_for_sure(kinked, near):
    """MME with a limit: by what is drawn within parts it does not vary at all."""
    values = np.array([1.0, 0.25, 0.75, 0.0])
    rows = np.hstack([np.diag(values), np.eye(4)])
    metric = sum_of_parts(4, kinked=kinked)
    found = spread_of_one(metric, alone(rows, range(4)), 4, supposed=0.5)
    assert found.error == pytest.approx((4 * values.var(ddof=1)) ** 0.5, rel=near)
    assert (found.deviation is None) == kinked


def test_a_difference_is_as_sure_as_the_runs_own_interval():
    """With a correlation of a half the difference varies as the number itself does."""
    values = np.array([1, 0, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1] * 4)
    paired = alone(right(values), [0] * 40 + [1] * 6 + [2, 3])
    metric = replace(accuracy(), low=-9.0, high=9.0)
    found = spread_of_one(metric, paired, 48, supposed=0.5)
    df = standard_error(metric, paired.runs[0]).df
    low, high = delta_interval(metric, paired.runs[0], 0.9)
    assert found.error == pytest.approx((high - low) / 2 / t.ppf(0.95, df))


def test_a_metric_with_a_kink_varies_as_its_draws():
    metric = Metric(
        name="better half",
        row=lambda unit: (0.0, 0.0, 1.0),
        value=lambda sums: np.maximum(sums[..., 0], sums[..., 1]) / sums[..., 2],
        columns=3,
    )
    values = np.arange(80) % 2
    rows = np.column_stack([values, 1 - values, np.ones(80)]).astype(float)
    found = spread_of_one(metric, alone(rows), 80, supposed=0.5)
    # The larger of a share and the rest of it is a half and |d|, with d normal
    expected = (1 - 2 / np.pi) ** 0.5 * 0.5 / 80**0.5
    assert found.error == pytest.approx(expected, rel=0.1)


def test_what_does_not_vary_tells_nothing():
    assert spread_of_one(accuracy(), alone(right(np.ones(20))), 20, supposed=0.5) is None
    assert spread_of_one(accuracy(), alone(right(np.ones(1))), 1, supposed=0.5) is None


def test_a_heavy_cluster_leaves_its_few_degrees_of_freedom():
    """Of 40 questions about one picture and 60 about others each, as its interval has them."""
    codes = np.repeat(np.arange(61), [40] + [1] * 60)
    rows = right(np.arange(100) % 3 > 0)
    paired = Paired(first=rows, second=rows, codes=codes, clusters=61, strata=np.zeros(61, int))
    found = spread_of_one(accuracy(), paired, 100, supposed=0.5)
    assert found.df == standard_error(accuracy(), paired.runs[0]).df < 5
