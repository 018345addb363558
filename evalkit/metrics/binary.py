"""Precision, recall, F1 and yes-ratio of yes/no questions: counts, and functions of their sums.

A scorer gives each sample 1 in one of "tp", "fp", "tn" and "fn" and 0 in the others, and "yes" as 1
if the answer was yes. Under the official rules a failed prediction is a "fn" or a "fp", whichever
is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evalkit.metrics.basic import accuracy, divide
from evalkit.records import SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def precision_recall_f1() -> tuple[Metric, Metric, Metric, Metric]:
    """Metrics "precision", "recall", "f1" and "yes_ratio", pooled over all samples.

    Precision is NaN where nothing was answered yes, recall where nothing is true. F1 is 0 where no
    hit stands against an error (the official scripts divide by zero there), and NaN where there is
    neither.
    """
    return (
        Metric(name="precision", row=_hits_and("fp"), value=divide, columns=2),
        Metric(name="recall", row=_hits_and("fn"), value=divide, columns=2),
        Metric(name="f1", row=_counts, value=f1_of_counts, columns=3),
        yes_ratio(),
    )


def yes_ratio(*, of: str = "yes") -> Metric:
    """Metric "yes_ratio": a share of samples that is neither good nor bad.

    Args:
        of: The value's key in `SampleScore.values`: "yes" for answers.
    """
    return replace(accuracy("yes_ratio", of=of), higher_is_better=None)


def guarded_precision_recall_f1() -> tuple[Metric, Metric, Metric]:
    """Metrics "precision", "recall" and "f1", which are 0 where a division by zero would be.

    Source: lmms-eval 0.7.3 (75571cfe) `tasks/pope/utils.py`; VLMEvalKit e8e78f05
    `vlmeval/dataset/utils/yorn.py`, `POPE_rating`.
    """
    return (
        Metric(name="precision", row=_counted_hits_and("fp"), value=_guarded, columns=3),
        Metric(name="recall", row=_counted_hits_and("fn"), value=_guarded, columns=3),
        Metric(
            name="f1",
            row=lambda unit: (*_counts(unit), 1.0),
            value=_guarded_f1,
            columns=4,
        ),
    )


def macro_f1(name: str = "macro_f1", *, tag: str, slices: Sequence[str]) -> Metric:
    """The plain mean of the F1 of each slice, such as POPE's three splits.

    A slice whose F1 is undefined, such as one that the data do not have, is left out; NaN where all
    are.

    Args:
        name: The metric's name.
        tag: The tag that says which slice a sample is in.
        slices: The tag's values, in the order in which their F1 are added.
    """
    order = tuple(slices)

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        counts = _counts(unit)
        return tuple(n * (unit[0].tags[tag] == place) for place in order for n in counts)

    def value(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        import numpy as np

        each = [f1_of_counts(sums[..., k : k + 3]) for k in range(0, 3 * len(order), 3)]
        total, present = np.zeros(sums.shape[:-1]), np.zeros(sums.shape[:-1])
        for f1 in each:  # one by one, so that the sum is rounded as the official mean is
            total = total + np.nan_to_num(f1)
            present = present + ~np.isnan(f1)
        return divide(np.stack([total, present], axis=-1))

    return Metric(
        name=name,
        row=row,
        value=value,
        columns=3 * len(order),
        only=lambda score: score.tags.get(tag) in order,
    )


def f1_of_counts(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """F1 = 2pr / (p + r) from precision and recall, in the order of the official arithmetic.

    Args:
        sums: Shape (..., 3): true positives, false positives, false negatives.

    Returns:
        Shape (...). 0 without true positives, NaN where all three are 0.
    """
    import numpy as np

    hits = sums[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = hits / (hits + sums[..., 1]), hits / (hits + sums[..., 2])
        f1 = 2 * precision * recall / (precision + recall)
    empty = np.where(sums.sum(axis=-1) == 0, np.nan, 0.0)
    chosen: npt.NDArray[np.float64] = np.where(hits == 0, empty, f1)
    return chosen


def _counts(unit: Sequence[SampleScore]) -> Sequence[float]:
    values = unit[0].values
    return (values["tp"], values["fp"], values["fn"])


def _hits_and(misses: str) -> Callable[[Sequence[SampleScore]], Sequence[float]]:
    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        values = unit[0].values
        return (values["tp"], values["tp"] + values[misses])

    return row


def _counted_hits_and(misses: str) -> Callable[[Sequence[SampleScore]], Sequence[float]]:
    row = _hits_and(misses)
    return lambda unit: (*row(unit), 1.0)


def _guarded(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The first statistic by the second, 0 where that is 0; NaN where nothing was counted."""
    import numpy as np

    return _where_counted(np.nan_to_num(divide(sums[..., :2])), sums)


def _guarded_f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    return _where_counted(np.nan_to_num(f1_of_counts(sums[..., :3])), sums)


def _where_counted(
    values: npt.NDArray[np.float64], sums: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    import numpy as np

    return np.where(sums[..., -1] == 0, np.nan, values)
