"""Scores -> sums: a metric's rows, one a unit, added up in order, over all scores or slices."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from evalkit.errors import UsageError
from evalkit.records import SampleScore
from evalkit.spool import Lazy
from evalkit.strata import numbered
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
        strata: Shape (G,): the stratum of each cluster, from 0 on; None is one stratum.
    """

    rows: npt.NDArray[np.float64]
    codes: npt.NDArray[np.intp]
    clusters: int
    pairwise: bool = False
    strata: npt.NDArray[np.intp] | None = None

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

    def part(self, keep: npt.NDArray[np.bool_]) -> Statistics:
        """The same of some units, whose clusters are numbered anew in their old order.

        Args:
            keep: Shape (units,): which ones.
        """
        import numpy as np

        left, codes = np.unique(self.codes[keep], return_inverse=True)
        return Statistics(
            rows=self.rows[keep],
            codes=codes,
            clusters=len(left),
            pairwise=self.pairwise,
            strata=None if self.strata is None else self.strata[left],
        )


def weighty(metric: Metric, counted: Statistics) -> npt.NDArray[np.bool_]:
    """Shape (units,): which units carry weight in the metric."""
    import numpy as np

    if metric.weight is None:
        return np.ones(len(counted.rows), dtype=np.bool_)
    heavy: npt.NDArray[np.bool_] = counted.rows[:, metric.weight] != 0
    return heavy


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


def statistics(
    metric: Metric, scores: Sequence[SampleScore], strata: Mapping[str, str] | None = None
) -> Statistics:
    """The metric's rows over the scores that it counts, by unit, in order of first appearance.

    Args:
        metric: The metric.
        scores: The scores.
        strata: Cluster -> the name of its stratum; None is one stratum.

    Raises:
        UsageError: The samples of one group lie in more than one cluster, or one has no stratum.
    """
    import numpy as np

    codes: dict[str, int] = {}
    numbers = array("q")

    def coded() -> Iterator[Sequence[SampleScore]]:
        for unit in _units(metric, scores):
            numbers.append(codes.setdefault(unit[0].cluster, len(codes)))
            yield unit

    rows = _rows(metric, coded())
    return Statistics(
        rows=rows,
        codes=np.array(numbers, dtype=np.intp),
        clusters=len(codes),
        pairwise=metric.pairwise,
        strata=None if strata is None else numbered(metric, scores, strata, len(codes)),
    )


def _rows(metric: Metric, units: Iterable[Sequence[SampleScore]]) -> npt.NDArray[np.float64]:
    """Shape (units, k): the metric's row of each unit."""
    import numpy as np

    flat = chain.from_iterable(map(metric.row, units))
    return np.fromiter(flat, dtype=np.float64).reshape(-1, metric.columns)


def _units(metric: Metric, scores: Sequence[SampleScore]) -> Iterator[Sequence[SampleScore]]:
    """The units that the metric counts, each read when it is its turn."""
    if metric.unit == "sample":
        for score in scores:
            if metric.only is None or metric.only(score):
                yield (score,)
        return
    for places in _groups(metric, scores):
        unit = [scores[place] for place in places]
        if len({score.cluster for score in unit}) > 1:
            message = (
                f"The samples of the group {unit[0].group!r} lie in more than one cluster; a "
                "cluster holds whole groups, so the task's to_sample must give them the same one."
            )
            raise UsageError(message)
        yield unit


def _groups(metric: Metric, scores: Sequence[SampleScore]) -> Iterable[Sequence[int]]:
    """Places of the scores that the metric counts, by group, in order of first appearance."""
    groups: dict[tuple[str | None, str], array[int]] = {}
    for place, score in enumerate(scores):
        if metric.only is None or metric.only(score):
            alone = score.sample_id if score.group is None else ""
            groups.setdefault((score.group, alone), array("Q")).append(place)
    return groups.values()


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
    import numpy as np

    if metric.unit == "group":
        of = scores.__getitem__
        return {name: total(metric, Lazy(held, of)) for name, held in slices.items()}
    rows = _rows_of_all(metric, scores)
    return {
        name: float(
            metric.value(_added(rows[np.array(held, dtype=np.intp)], pairwise=metric.pairwise))
        )
        for name, held in slices.items()
    }


def totals_if(
    metric: Metric,
    scores: Sequence[SampleScore],
    places: Sequence[int],
    cases: Sequence[Sequence[SampleScore]],
) -> list[float]:
    """The metric over the scores, and if some of them were others; NaN where it is undefined.

    Args:
        metric: The metric.
        scores: The scores as they are.
        places: Of those that may be others.
        cases: In each, what stands at those places instead, and counts as the others did.
    """
    if metric.unit == "group":
        number = {place: number for number, place in enumerate(places)}
        changed = [_exchanged(scores, number, case) for case in cases]
        return [total(metric, case) for case in (scores, *changed)]
    rows = _rows_of_all(metric, scores)
    found = [float(metric.value(_added(rows, pairwise=metric.pairwise)))]
    for case in cases:
        changed_rows = rows.copy()
        changed_rows[list(places)] = _rows_of_all(metric, case)
        found.append(float(metric.value(_added(changed_rows, pairwise=metric.pairwise))))
    return found


def _exchanged(
    scores: Sequence[SampleScore], number: Mapping[int, int], others: Sequence[SampleScore]
) -> Sequence[SampleScore]:
    """The scores with others at the numbered places."""

    def at(place: int) -> SampleScore:
        return others[number[place]] if place in number else scores[place]

    return Lazy(range(len(scores)), at)


def _rows_of_all(metric: Metric, scores: Sequence[SampleScore]) -> npt.NDArray[np.float64]:
    """Shape (samples, k): each sample's row; what does not count adds nothing."""
    import numpy as np

    counts = np.ones(len(scores), dtype=np.bool_)

    def counted() -> Iterator[Sequence[SampleScore]]:
        for place, score in enumerate(scores):
            if metric.only is None or metric.only(score):
                yield (score,)
            else:
                counts[place] = False

    own = _rows(metric, counted())
    if len(own) == len(scores):
        return own
    rows = np.zeros((len(scores), metric.columns))
    rows[counts] = own
    return rows
