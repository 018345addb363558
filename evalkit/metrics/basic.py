"""Means, accuracies, and accuracies of groups: a sum by a count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evalkit.records import SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def divide(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The first statistic by the second; NaN where the second is 0.

    Args:
        sums: Shape (..., 2).

    Returns:
        Shape (...).
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: npt.NDArray[np.float64] = np.where(
            sums[..., 1] == 0, np.nan, sums[..., 0] / sums[..., 1]
        )
    return quotient


def mean(
    name: str = "accuracy",
    *,
    of: str = "score",
    only: Callable[[SampleScore], bool] | None = None,
    pairwise: bool = False,
) -> Metric:
    """The mean of a value in [0, 1], such as VQA's soft score.

    Args:
        name: The metric's name.
        of: The value's key in `SampleScore.values`.
        only: Which samples count; None is all.
        pairwise: Whether it is added as numpy's mean is.
    """

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        return (unit[0].values[of], 1.0)

    return Metric(name=name, row=row, value=divide, columns=2, only=only, pairwise=pairwise)


def accuracy(
    name: str = "accuracy",
    *,
    of: str = "correct",
    only: Callable[[SampleScore], bool] | None = None,
) -> Metric:
    """The share of samples whose value is 1: a plain proportion.

    Args:
        name: The metric's name.
        of: The value's key in `SampleScore.values`; it is 0 or 1.
        only: Which samples count; None is all.
    """
    return replace(mean(name, of=of, only=only), proportion=True)


def group_accuracy(name: str, *, of: str = "correct", size: int | None = None) -> Metric:
    """The share of groups in which every sample is right, such as MMVP's pairs.

    Args:
        name: The metric's name.
        of: The value's key in `SampleScore.values`; it is 0 or 1.
        size: How many samples a whole group has; other groups do not count. None: all groups do.
    """

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        if size is not None and len(unit) != size:
            return (0.0, 0.0)
        return (min(score.values[of] for score in unit), 1.0)

    return Metric(name=name, unit="group", row=row, value=divide, columns=2, proportion=True)
