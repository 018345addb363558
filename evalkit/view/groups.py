"""Samples that are scored together: the two questions of a pair, or those on one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Which of a task's samples are scored together.

    Attributes:
        names: The groups, each once.
        codes: Shape (samples,): each sample's place in `names`; -1 where it is scored alone.
    """

    names: pa.Array
    codes: npt.NDArray[np.int64]

    def __bool__(self) -> bool:
        """Whether there is any group."""
        return bool((self.codes >= 0).any())

    def members(self, name: str) -> npt.NDArray[np.int64]:
        """The rows of a group, ascending; none where there is no such group."""
        import numpy as np
        import pyarrow.compute as pc

        code = pc.index(self.names, name.encode("utf-8", "replace").decode()).as_py()
        return np.flatnonzero(self.codes == code) if code >= 0 else np.array([], dtype=np.int64)

    def mates(self, row: int) -> list[int]:
        """The other rows of a row's group."""
        import numpy as np

        code = self.codes[row]
        found = np.flatnonzero(self.codes == code).tolist() if code >= 0 else []
        return [place for place in found if place != row]

    def least(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Shape (samples,): what the worst answer of each one's group is worth.

        So a group is right where all of it is, as `evalkit.metrics.group_accuracy` counts.

        Args:
            points: Shape (samples,): what each answer is worth; NaN makes its whole group NaN.

        Returns:
            NaN for samples that are scored alone.
        """
        import numpy as np

        held, unknown = self.codes >= 0, np.isnan(points)
        worst = np.full(len(self.names), np.inf)
        known = held & ~unknown
        np.minimum.at(worst, self.codes[known], points[known])
        worst[self.codes[held & unknown]] = np.nan
        found = np.full(len(self.codes), np.nan)
        found[held] = worst[self.codes[held]]
        return found


def read_groups(column: pa.ChunkedArray) -> Groups:
    """The groups of a column that names each sample's; null where it has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(column).combine_chunks()
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return Groups(names=coded.dictionary.cast(pa.large_string()), codes=codes.astype("int64"))
