"""Numbers about a judge as metrics: a sum of rows over samples, and a function of that sum.

A score has the judge's verdict and the human's, where they exist: as numbers in `values` and, for
labels, as text in `tags`, under the keys "judge" and "human".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.metrics.basic import divide
from evalkit.records import SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

JUDGE, HUMAN = "judge", "human"
_NO_CHANCE = 1e-12  # chance disagreement below this share of the largest is rounding


def has_both_numbers(score: SampleScore) -> bool:
    """Whether there are a number by the judge and one by a human."""
    return JUDGE in score.values and HUMAN in score.values


def has_both_labels(score: SampleScore) -> bool:
    """Whether there are a label by the judge and one by a human."""
    return JUDGE in score.tags and HUMAN in score.tags


def kappa_of_labels(labels: Sequence[str]) -> Metric:
    """Cohen's kappa, (p_o - p_e) / (1 - p_e), of two raters who give labels.

    p_o is the share of equal labels, p_e the share that two raters with these marginals would have
    by chance: Cohen, Educational and Psychological Measurement 20 (1960), 37-46. The confusion
    table enters through its trace and its two marginals alone, so these are what is summed: 1 + 2k
    columns for k labels, where the cells would be k². NaN where p_e is 1.

    Args:
        labels: Every label that occurs.
    """
    order = tuple(labels)

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        judge, human = unit[0].tags[JUDGE], unit[0].tags[HUMAN]
        by_judge, by_human = (
            [float(given == label) for label in order] for given in (judge, human)
        )
        return (float(judge == human), *by_judge, *by_human)

    def value(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        import numpy as np

        by_judge, by_human = sums[..., 1 : 1 + len(order)], sums[..., 1 + len(order) :]
        n = by_judge.sum(axis=-1)
        expected = divide(np.stack([(by_judge * by_human).sum(axis=-1), n], axis=-1))
        return divide(np.stack([sums[..., 0] - expected, n - expected], axis=-1))

    return Metric(
        name="kappa",
        row=row,
        value=value,
        columns=1 + 2 * len(order),
        low=-1.0,
        only=has_both_labels,
    )


def kappa_of_ratings(low: float, high: float) -> Metric:
    """Cohen's weighted kappa of two raters who give numbers, with quadratic weights.

    1 - Σ w p_o / Σ w p_e over the cells of the confusion table of the values that occur, where a
    cell's weight w is the squared difference of its two ratings: Cohen, Psychological Bulletin 70
    (1968), 213-220. Weights are differences of values and not of ranks, so a rating that nobody
    gives moves nothing. With these weights Σ w p_o is the mean of (x - y)² and Σ w p_e is
    mean(x² + y²) - 2 mean(x) mean(y), as Fleiss and Cohen, Educational and Psychological
    Measurement 33 (1973), 613-619, use; so five sums do, however many values there are. NaN where
    all ratings are equal.

    Args:
        low: The smallest rating, or anything near; kappa does not depend on it but for rounding.
        high: The largest, above `low`.
    """
    centre, half = (low + high) / 2, (high - low) / 2

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        x, y = ((unit[0].values[who] - centre) / half for who in (JUDGE, HUMAN))
        return (1.0, x, y, (x - y) ** 2, x**2 + y**2)

    def value(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        import numpy as np

        n, x, y, apart, squares = np.moveaxis(sums, -1, 0)
        by_chance = squares - 2 * divide(np.stack([x * y, n], axis=-1))
        by_chance = np.where(by_chance > _NO_CHANCE * n, by_chance, 0.0)
        return 1 - divide(np.stack([apart, by_chance], axis=-1))

    return Metric(name="kappa", row=row, value=value, columns=5, low=-1.0, only=has_both_numbers)


def mean_difference(width: float) -> Metric:
    """The mean of judge - human: above 0 the judge is the milder of the two.

    Args:
        width: The largest possible difference.
    """

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        return (unit[0].values[JUDGE] - unit[0].values[HUMAN], 1.0)

    return Metric(
        name="judge - human",
        row=row,
        value=divide,
        columns=2,
        low=-width,
        high=width,
        higher_is_better=None,
        only=has_both_numbers,
    )


def prediction_powered(low: float, high: float) -> Metric:
    """The mean human verdict, estimated from the judge on all samples and humans on a few.

    The mean of the judge over all + the mean of human - judge over the labelled samples, which
    takes the judge's bias away whatever the judge: Angelopoulos, Bates, Fannjiang, Jordan and
    Zrnic, Science 382 (2023), 669-674, the estimator of a mean. Here it is a function of four sums,
    so that its interval counts clusters, and what the two means share, as that of any metric; the
    paper's counts samples, and takes the labelled ones for others than the judged ones. It is
    unbiased if the labelled samples are a random part of all. NaN where none is labelled.

    Args:
        low: The smallest possible verdict. The estimate may lie outside, its interval's ends only
            as far as the estimate.
        high: The largest.
    """

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        judge, human = unit[0].values[JUDGE], unit[0].values.get(HUMAN)
        return (judge, 1.0, *((0.0, 0.0) if human is None else (human - judge, 1.0)))

    def value(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return divide(sums[..., :2]) + divide(sums[..., 2:])

    return Metric(
        name="corrected mean",
        row=row,
        value=value,
        columns=4,
        low=low,
        high=high,
        only=lambda score: JUDGE in score.values,
    )
