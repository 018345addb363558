"""Scores -> sums: a metric's rows, one a unit, added up in order, over all scores or slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from evalkit.errors import UsageError
from evalkit.records import SampleScore
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a metric needs of the scores, and which units belong together.

    Attributes:
        rows: Shape (units, k): the metric's row of each unit, in the order of the samples.
        codes: Shape (units,): the cluster of each unit, numbered from 0 by first appearance.
        clusters: Number of clusters, G.
        pairwise: Whether the rows are added in pairs, as `Metric.pairwise` says.
    """

    rows: npt.NDArray[np.float64]
    codes: npt.NDArray[np.intp]
    clusters: int
    pairwise: bool = False

    @property
    def sums(self) -> npt.NDArray[np.float64]:
        """Shape (k,): the sum of the rows."""
        return _added(self.rows, pairwise=self.pairwise)

    @property
    def cluster_sums(self) -> npt.NDArray[np.float64]:
        """Shape (G, k): the sum of the rows of each cluster."""
        import numpy as np

        sums = np.zeros((self.clusters, self.rows.shape[1]))
        np.add.at(sums, self.codes, self.rows)
        return sums


def _added(rows: npt.NDArray[np.float64], *, pairwise: bool) -> npt.NDArray[np.float64]:
    """The sum of rows, added one by one.

    numpy adds pairwise where it can, which rounds better and otherwise than a running sum. The
    official evaluators run a sum, and numbers are to equal theirs in every digit; those that take
    numpy's mean add in pairs.
    """
    import numpy as np

    if pairwise or not len(rows):
        paired: npt.NDArray[np.float64] = np.ascontiguousarray(rows.T).sum(axis=1)
        return paired
    last: npt.NDArray[np.float64] = np.add.accumulate(rows, axis=0)[-1]
    return last


def statistics(metric: Metric, scores: Sequence[SampleScore]) -> Statistics:
    """The metric's rows over the scores that it counts, by unit, in order of first appearance.

    Raises:
        UsageError: The samples of one group lie in more than one cluster.
    """
    import numpy as np

    units = _units(metric, scores)
    codes: dict[str, int] = {}
    numbers = [codes.setdefault(unit[0].cluster, len(codes)) for unit in units]
    return Statistics(
        rows=_rows(metric, units),
        codes=np.array(numbers, dtype=np.intp),
        clusters=len(codes),
        pairwise=metric.pairwise,
    )


def _rows(metric: Metric, units: Iterable[Sequence[SampleScore]]) -> npt.NDArray[np.float64]:
    """Shape (units, k): the metric's row of each unit."""
    import numpy as np

    flat = chain.from_iterable(map(metric.row, units))
    return np.fromiter(flat, dtype=np.float64).reshape(-1, metric.columns)


def _units(metric: Metric, scores: Sequence[SampleScore]) -> list[list[SampleScore]]:
    counted = [score for score in scores if metric.only is None or metric.only(score)]
    if metric.unit == "sample":
        return [[score] for score in counted]
    units: dict[tuple[str | None, str], list[SampleScore]] = {}
    for score in counted:
        alone = score.sample_id if score.group is None else ""
        units.setdefault((score.group, alone), []).append(score)
    for unit in units.values():
        if len({score.cluster for score in unit}) > 1:
            message = (
                f"The samples of the group {unit[0].group!r} lie in more than one cluster; a "
                "cluster holds whole groups, so the task's to_sample must give them the same one."
            )
            raise UsageError(message)
    return list(units.values())


def total(metric: Metric, scores: Sequence[SampleScore]) -> float:
    """The metric over the scores; NaN where it is undefined, as it is over none."""
    rows = _rows(metric, _units(metric, scores))
    return float(metric.value(_added(rows, pairwise=metric.pairwise)))


def totals(
    metric: Metric, scores: Sequence[SampleScore], slices: Mapping[Key, Sequence[int]]
) -> dict[Key, float]:
    """The metric over slices of the scores; NaN where it is undefined.

    Rows of single samples are made once, however many slices a sample is in. Groups are formed
    anew in each slice.

    Args:
        metric: The metric.
        scores: All scores.
        slices: Name -> places in `scores`, ascending.
    """
    if metric.unit == "group":
        return {name: total(metric, [scores[i] for i in held]) for name, held in slices.items()}
    rows = _rows_of_all(metric, scores)
    return {
        name: float(metric.value(_added(rows[list(held)], pairwise=metric.pairwise)))
        for name, held in slices.items()
    }


def totals_if(
    metric: Metric, scores: Sequence[SampleScore], changes: Sequence[Mapping[int, SampleScore]]
) -> list[float]:
    """The metric if some of the scores were others; NaN where it is undefined.

    Args:
        metric: The metric.
        scores: The scores as they are.
        changes: Each a case: place -> the score in its stead, which counts as the other did.
    """
    if metric.unit == "group":
        cases = ([case.get(i, score) for i, score in enumerate(scores)] for case in changes)
        return [total(metric, case) for case in cases]
    rows, found = _rows_of_all(metric, scores), []
    for case in changes:
        changed = rows.copy()
        if case:
            changed[list(case)] = _rows_of_all(metric, list(case.values()))
        found.append(float(metric.value(_added(changed, pairwise=metric.pairwise))))
    return found


def _rows_of_all(metric: Metric, scores: Sequence[SampleScore]) -> npt.NDArray[np.float64]:
    """Shape (samples, k): each sample's row; what does not count adds nothing."""
    import numpy as np

    if metric.only is None:
        return _rows(metric, ((score,) for score in scores))
    rows = np.zeros((len(scores), metric.columns))
    counts = [place for place, score in enumerate(scores) if metric.only(score)]
    rows[counts] = _rows(metric, ((scores[place],) for place in counts))
    return rows
