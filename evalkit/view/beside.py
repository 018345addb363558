"""A task's samples in two runs, by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.records import differences
from evalkit.view.index import Index
from evalkit.view.opened import OpenTask

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NOTHING = 1e-9  # points that differ by less do not differ

Rows = slice | Sequence[int]
"""Rows that are looked at."""

ALL = slice(None)
"""All rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The other run of a task.

    Attributes:
        opened: The task as the other run has it.
        places: By the one run's rows: the other's, or -1.
        gains: By how many points the other run is better; NaN where nothing says it.
        group_gains: The same of the worst answer of each one's group: above 0 where the group is
            right in the other run alone. NaN for what is scored alone, and where a group is not
            whole in both runs.
        otherwise: Whether the answer was read otherwise.
        differing: Parts of the two fingerprints that differ, as dotted paths.
    """

    opened: OpenTask
    places: npt.NDArray[np.int64]
    gains: npt.NDArray[np.float64]
    group_gains: npt.NDArray[np.float64]
    otherwise: npt.NDArray[np.bool_]
    differing: tuple[str, ...]

    def in_state(self, show: str, rows: Rows = ALL) -> npt.NDArray[np.bool_]:
        """Which rows of the one run are in a state that needs another (`evalkit.view.filters`).

        Args:
            show: The state, of `PAIRED` or `GROUPED`.
            rows: The rows that are looked at.
        """
        if show == "otherwise":
            return self.otherwise[rows]
        if show == "missing":
            absent: npt.NDArray[np.bool_] = self.places[rows] < 0
            return absent
        word = show.removeprefix("group-")
        gains = (self.gains if word == show else self.group_gains)[rows]
        turned = {"flipped": abs(gains), "better": gains, "worse": -gains}
        moved: npt.NDArray[np.bool_] = turned[word] > _NOTHING
        return moved


def _group_gains(
    one: Index, two: Index, places: npt.NDArray[np.int64], points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """As `Beside.group_gains`; groups are those of the one run."""
    import numpy as np
    import pyarrow.compute as pc

    gains: npt.NDArray[np.float64] = one.groups.least(points) - one.groups.least(one.points)
    if not one.groups:
        return gains
    without = np.ones(len(two), dtype=np.bool_)
    without[places[places >= 0]] = False
    broken = two.groups.names.take(np.unique(two.groups.codes[without & (two.groups.codes >= 0)]))
    names = pc.is_in(one.groups.names, broken).to_numpy(zero_copy_only=False)
    gains[(one.groups.codes >= 0) & names[one.groups.codes]] = np.nan
    return gains


def set_beside(one: OpenTask, two: OpenTask) -> Beside:
    """Find each sample of a task in another run."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pc.index_in(one.index.ids, two.index.ids.combine_chunks())
    places = pc.fill_null(place, -1).to_numpy().astype(np.int64)
    shared = np.flatnonzero(places >= 0)
    points = np.full(len(one.index), np.nan)
    points[shared] = two.index.points[places[shared]]
    text = pa.large_string()
    said = one.index.answers.cast(text).take(shared)
    other = two.index.answers.cast(text).take(places[shared])
    same = pc.fill_null(pc.equal(said, other), pc.and_(said.is_null(), other.is_null()))
    otherwise = np.zeros(len(one.index), dtype=np.bool_)
    otherwise[shared] = ~same.to_numpy(zero_copy_only=False)
    return Beside(
        opened=two,
        places=places,
        gains=points - one.index.points,
        group_gains=_group_gains(one.index, two.index, places, points),
        otherwise=otherwise,
        differing=differences(one.result.fingerprint, two.result.fingerprint),
    )
