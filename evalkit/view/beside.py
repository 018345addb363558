"""A task's samples in two runs, by id."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from evalkit.records import differences
from evalkit.view.opened import OpenTask

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NOTHING = 1e-9  # points that differ by less do not differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The other run of a task.

    Attributes:
        opened: The task as the other run has it.
        places: By the one run's rows: the other's, or -1.
        gains: By how many points the other run is better; NaN where nothing says it.
        differing: Parts of the two fingerprints that differ, as dotted paths.
    """

    opened: OpenTask
    places: npt.NDArray[np.int64]
    gains: npt.NDArray[np.float64]
    otherwise: npt.NDArray[np.bool_]
    differing: tuple[str, ...]

    def in_state(self, show: str) -> npt.NDArray[np.bool_]:
        """Which rows of the one run are in a state of `evalkit.view.filters.PAIRED`."""
        states = {
            "flipped": abs(self.gains) > _NOTHING,
            "better": self.gains > _NOTHING,
            "worse": self.gains < -_NOTHING,
            "otherwise": self.otherwise,
            "missing": self.places < 0,
        }
        return states[show]


@lru_cache(maxsize=4)
def set_beside(one: OpenTask, two: OpenTask) -> Beside:
    """Find each sample of a task in another run."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    place = pc.index_in(one.index.ids, two.index.ids.combine_chunks())
    places = pc.fill_null(place, -1).to_numpy().astype(np.int64)
    shared = np.flatnonzero(places >= 0)
    gains = np.full(len(one.index), np.nan)
    gains[shared] = two.index.points[places[shared]] - one.index.points[shared]
    text = pa.large_string()
    said = one.index.answers.cast(text).take(shared)
    other = two.index.answers.cast(text).take(places[shared])
    same = pc.fill_null(pc.equal(said, other), pc.and_(said.is_null(), other.is_null()))
    otherwise = np.zeros(len(one.index), dtype=np.bool_)
    otherwise[shared] = ~same.to_numpy(zero_copy_only=False)
    return Beside(
        opened=two,
        places=places,
        gains=gains,
        otherwise=otherwise,
        differing=differences(one.result.fingerprint, two.result.fingerprint),
    )
