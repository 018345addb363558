"""MME's totals: accuracy and pair accuracy of each subtask, each by 100, added up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.metrics.basic import divide
from evalkit.records import SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_COLUMNS = 4
_FULL_MARKS = 200.0


def mme_total(name: str, subtasks: Sequence[str]) -> Metric:
    """The sum over subtasks of 100 x accuracy + 100 x share of images with both answers right.

    Its unit is an image (a sample's `group`) with its questions; the tag "subtask" says where it
    belongs. Subtasks that the data do not have add nothing, so a slice that holds one subtask shows
    that subtask's score, from 0 to 200. NaN where there is none at all.

    Source: `calculation.py` in MME's `eval_tool.zip` (branch Evaluation, dd29509), whose order of
    additions is kept.

    Args:
        name: The metric's name.
        subtasks: In the official order.
    """
    order = tuple(subtasks)

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        right = [score.values["correct"] for score in unit]
        counts = (sum(right), len(right), min(right), 1.0)
        place = order.index(unit[0].tags["subtask"])
        return tuple(n * (k == place) for k in range(len(order)) for n in counts)

    return Metric(
        name=name,
        unit="group",
        row=row,
        value=_total,
        columns=_COLUMNS * len(order),
        high=_FULL_MARKS * len(order),
        only=lambda score: score.tags["subtask"] in order,
    )


def _total(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    total = np.zeros(sums.shape[:-1])
    for k in range(0, sums.shape[-1], _COLUMNS):  # one by one, in the official order
        scored = divide(sums[..., k : k + 2]) * 100 + divide(sums[..., k + 2 : k + 4]) * 100
        total = total + np.nan_to_num(scored)
    empty: npt.NDArray[np.bool_] = sums.sum(axis=-1) == 0
    return np.where(empty, np.nan, total)
