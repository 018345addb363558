"""MME's totals: accuracy and pair accuracy of each subtask, each by 100, added up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evalkit.metrics.basic import divide
from evalkit.records import SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_Value = Callable[["npt.NDArray[np.float64]"], "npt.NDArray[np.float64]"]
_Row = Callable[[Sequence[SampleScore]], Sequence[float]]

_COLUMNS = 4
_MEAN_COLUMNS = 3
_FULL_MARKS = 200.0
_PAIR = 2


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
    return _over_subtasks(name, tuple(subtasks), _counts, _total, _COLUMNS)


def mme_score(name: str = "score") -> Metric:
    """What one subtask adds to its total, from 0 to 200; its unit is an image.

    Args:
        name: The metric's name.
    """
    return Metric(
        name=name, unit="group", row=_counts, value=_total, columns=_COLUMNS, high=_FULL_MARKS
    )


def mme_mean_total(name: str, subtasks: Sequence[str]) -> Metric:
    """The sum over subtasks of the mean score of an image: 100 x accuracy, and 100 if all is right.

    The same number as `mme_total` but for the last bits. lmms-eval adds the subtasks in the order
    in which they first appear. Where a scorer gives the value "place", where a sample stands in its
    file, the mean place of a subtask tells that order, if subtasks stand together.

    Source: lmms-eval 0.7.3 (75571cfe) `tasks/mme/utils.py`, `mme_aggregate_results`.

    Args:
        name: The metric's name.
        subtasks: In the order in which they are added where no place is known.
    """
    return _over_subtasks(name, tuple(subtasks), _image_score, _sum_of_means, _MEAN_COLUMNS)


def _over_subtasks(
    name: str, order: tuple[str, ...], count: _Row, value: _Value, columns: int
) -> Metric:
    """A metric with `columns` statistics for each subtask, whose unit is an image.

    The second of them counts something; where it is zero the subtask was not asked, and its 200
    points could not be had.
    """
    return Metric(
        name=name,
        unit="group",
        row=_by_subtask(count, order),
        value=value,
        columns=columns * len(order),
        high=_FULL_MARKS * len(order),
        only=lambda score: score.tags.get("subtask") in order,
        reach=lambda sums: _FULL_MARKS * int((sums[1::columns] > 0).sum()),
    )


def _by_subtask(count: _Row, order: Sequence[str]) -> _Row:
    """The row with a column for each subtask, all zero but in that of the unit."""

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        counts = count(unit)
        place = unit[0].tags["subtask"]
        return tuple(n if name == place else 0.0 for name in order for n in counts)

    return row


def _counts(unit: Sequence[SampleScore]) -> Sequence[float]:
    """An image of which one question is there is no pair: nothing says that both were right."""
    right = [score.values["correct"] for score in unit]
    is_pair = len(right) >= _PAIR
    return (sum(right), len(right), min(right) * is_pair, float(is_pair))


def _image_score(unit: Sequence[SampleScore]) -> Sequence[float]:
    right = [score.values["correct"] for score in unit]
    place = min(score.values.get("place", 0.0) for score in unit)
    both = min(right) if len(right) >= _PAIR else 0.0
    return (100.0 * both + sum(right) / len(right) * 100.0, 1.0, place)


def _sum_of_means(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    each = sums.reshape(*sums.shape[:-1], -1, _MEAN_COLUMNS)
    means, places = np.nan_to_num(divide(each[..., :2])), divide(each[..., [2, 1]])
    order = np.argsort(places, axis=-1, kind="stable")  # subtasks that are not there come last
    ordered = np.take_along_axis(means, order, axis=-1)
    total = np.add.accumulate(ordered, axis=-1)[..., -1]
    empty: npt.NDArray[np.bool_] = each[..., 1].sum(axis=-1) == 0
    return np.where(empty, np.nan, total)


def _total(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    total = np.zeros(sums.shape[:-1])
    for k in range(0, sums.shape[-1], _COLUMNS):  # one by one, in the official order
        alone, both = divide(sums[..., k : k + 2]) * 100, divide(sums[..., k + 2 : k + 4]) * 100
        total = total + (np.nan_to_num(alone) + np.nan_to_num(both))
    empty: npt.NDArray[np.bool_] = sums.sum(axis=-1) == 0
    return np.where(empty, np.nan, total)
