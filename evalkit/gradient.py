"""How fast a metric moves with each of its sums: central differences of its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

STEP = 6e-6
"""The step relative to a column: the cube root of the machine epsilon, best for these."""

_KINK = 1e-3  # a jump between one-sided slopes that moves an interval by less is no kink


def gradient(
    metric: Metric, sums: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Central differences, with steps relative to what each column could have summed to.

    Sums are often 0 (no false positive), where a step relative to the sum would vanish; so the
    scale is that of the absolute rows. A column of zeros moves no cluster and is left alone: beside
    it stand the metrics' own special cases, such as absent subtasks. scipy.differentiate searches
    its steps, needs scipy 1.15, and cannot leave a column alone.

    Args:
        metric: The metric.
        sums: Shape (k,): where.
        scale: Shape (k,): the sum of the absolute rows.

    Returns:
        Shape (k,); None where the value has a kink, or is undefined beside the sums.
    """
    import numpy as np

    steps = np.diag(scale * STEP)
    above, below = metric.value(sums + steps), metric.value(sums - steps)
    here = metric.value(sums)
    if not np.isfinite(np.stack([above, below])).all():
        return None
    kinks = np.abs(above - 2 * here + below) / STEP
    if (kinks > _KINK * (metric.high - metric.low)).any():
        return None
    used = scale > 0
    slopes: npt.NDArray[np.float64] = np.zeros_like(scale)
    slopes[used] = (above - below)[used] / (2 * STEP * scale[used])
    return slopes
