"""What filters look at: the columns of a task's scores, held as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.run_record import TaskResult
from evalkit.score_rows import score_columns
from evalkit.view.groups import Groups, read_groups

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_POINTS = ("correct", "score", "official", "answer")
"""Values that say how good an answer is, in the order in which they are taken; else the first."""

_SHARES = ("correct", "official")
"""Values from 0 to 1 by their meaning: MME adds up the one, MM-Vet multiplies the other."""

_MOST_SLICES = 400
"""Values of a tag that are offered as a choice; of more none is."""

LONGEST_CHOICE = 200
"""Characters of a tag or a rule that is offered as a choice; longer ones can be searched for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A task's scored samples as columns of as many rows.

    Attributes:
        path: The file that they are from.
        ids: Sample ids.
        answers: Answers as they were read; null where there are none.
        rules: By which rule each was read.
        failed: Whether there is no text.
        ambiguous: Whether a careful reader could have read something else.
        points: What each answer is worth; NaN where nothing says it.
        points_name: The value's name; empty where there is none.
        is_share: Whether points are from 0 (wrong) to 1 (right).
        tags: Lists of texts by the tag's name.
        groups: Which samples are scored together.
    """

    path: Path
    ids: pa.ChunkedArray
    answers: pa.ChunkedArray
    rules: pa.ChunkedArray
    failed: npt.NDArray[np.bool_]
    ambiguous: npt.NDArray[np.bool_]
    points: npt.NDArray[np.float64]
    points_name: str
    is_share: bool
    tags: Mapping[str, pa.ChunkedArray]
    groups: Groups

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.ids)

    def place(self, sample_id: str) -> int | None:
        """The row of a sample; None where there is none."""
        import pyarrow.compute as pc

        row = pc.index(self.ids, sample_id).as_py()
        return None if row < 0 else int(row)

    def named(self, rows: Sequence[int]) -> list[str]:
        """The ids in some rows."""
        import pyarrow as pa

        found: list[str] = self.ids.take(pa.array(rows, type=pa.int64())).to_pylist()
        return found

    def choices(self) -> dict[str, list[str]]:
        """The rules that read answers (under ""), and each tag's values, as far as few differ."""
        columns = {"": self.rules.combine_chunks().dictionary, **self.tags}
        found = {}
        for name, column in columns.items():
            words = sorted(w for w in _distinct(column) if w and len(w) <= LONGEST_CHOICE)
            if 1 < len(words) <= _MOST_SLICES:
                found[name] = words
        return found


def read_index(path: Path, result: TaskResult) -> Index:
    """The columns of a task's scores.

    Args:
        path: Their file.
        result: What the record says of the task.

    Raises:
        StoreError: They are not there, or damaged.
    """
    table = score_columns(path, ("answer", "rule"))
    name = _points_name(table.column_names)
    points = _numbers(table, name)
    return Index(
        path=path,
        ids=table["sample_id"],
        answers=table["answer"],
        rules=table["rule"],
        failed=_flags(table, "failed"),
        ambiguous=_flags(table, "ambiguous"),
        points=points,
        points_name=name,
        is_share=_is_share(points, name, result),
        tags={
            column.removeprefix("tag."): table[column]
            for column in table.column_names
            if column.startswith("tag.")
        },
        groups=read_groups(table["group"]),
    )


def _points_name(columns: Sequence[str]) -> str:
    names = [name.removeprefix("value.") for name in columns if name.startswith("value.")]
    return next((name for name in _POINTS if name in names), names[0] if names else "")


def _is_share(points: npt.NDArray[np.float64], name: str, result: TaskResult) -> bool:
    """Whether a value is from 0 (wrong) to 1 (right): points of a judge may happen to be.

    A record tells the ends of numbers, not of values: those of `_SHARES` are shares whatever their
    metrics make of them, and others where headline numbers can be 1 and no more.
    """
    import numpy as np

    known = points[~np.isnan(points)]
    if not len(known) or known.min() < 0 or known.max() > 1:
        return False
    names = result.headline or tuple(result.metrics)
    ends = {result.metrics[one].maximum for one in names if one in result.metrics} - {None}
    return name in _SHARES or ends == {1}


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    import numpy as np
    import pyarrow.compute as pc

    if not name:
        return np.full(table.num_rows, np.nan)
    held: npt.NDArray[np.float64] = pc.fill_null(table[f"value.{name}"], np.nan).to_numpy()
    return held


def _flags(table: pa.Table, name: str) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    held: npt.NDArray[np.bool_] = pc.fill_null(table[name], False).to_numpy()  # noqa: FBT003
    return held


def _distinct(column: Any) -> list[str]:
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    is_listed = kinds.is_list(column.type) or kinds.is_large_list(column.type)
    flat = pc.list_flatten(column) if is_listed else column
    found: list[str] = pc.unique(flat).to_pylist()
    return found
