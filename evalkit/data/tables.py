"""Tables opened for reading row by row, whatever the kind of their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from evalkit.data.arrow import ArrowTable, check_parquet, schemas_of
from evalkit.data.files import TableFiles
from evalkit.data.jsonl import JsonTable


class Table(Protocol):
    """Rows with named columns."""

    def rows(self, columns: Sequence[str], pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Every row in order: its `columns`, of which `pictures` are `Image` or None."""


def open_table(files: TableFiles, columns: Sequence[str]) -> Table:
    """The table, of which only `columns` will be read.

    Raises:
        DataError: A file cannot be read, or a column is missing.
    """
    if files.paths[0].suffix == ".parquet":
        return ArrowTable.open(files, columns)
    return JsonTable.open(files, columns)


def check_table(files: TableFiles, columns: Sequence[str]) -> None:
    """A cheap look whether `open_table` will succeed; of Parquet only the schema is read.

    Raises:
        DataError: A file cannot be read, or a column is missing.
    """
    if files.paths[0].suffix == ".parquet":
        check_parquet(files, columns)
    else:
        JsonTable.open(files, columns)


def present(files: TableFiles, names: Sequence[str]) -> list[str]:
    """Those of the names that are columns of the table; of Parquet, of each of its files.

    Raises:
        DataError: A file cannot be read.
    """
    if not names:
        return []
    if files.paths[0].suffix == ".parquet":
        held = frozenset.intersection(*(frozenset(schema.names) for schema in schemas_of(files)))
    else:
        held = JsonTable.columns(files)
    return [name for name in names if name in held]
