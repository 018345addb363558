"""Where a table's rows are on disk, and the checks that need no look inside."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import DataError, MissingExtraError

_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.\w+")

KINDS = (".parquet", ".jsonl", ".json")
"""Endings of the files that are read as tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFiles:
    """The files of one table.

    Attributes:
        name: Config or split; the first part of its pictures' keys.
        paths: Shards in order, all of one kind.
        root: Folder that pictures named by path must be inside of; None: there are no such
            pictures (the hub's tables hold theirs).
    """

    name: str
    paths: tuple[Path, ...]
    root: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A task's dataset as it was found.

    Attributes:
        repository: Hub id, or the label of local data.
        revision: The commit; None for local data.
        table: The rows.
        joined: The second table; None where there is none, or where the rows already have its
            columns.
        notes: What a reader must know of the search.
    """

    repository: str
    revision: str | None
    table: TableFiles
    joined: TableFiles | None = None
    notes: tuple[str, ...] = ()


def require_datasets() -> None:
    """Check that the package `datasets` is there, for the hub and for large tables.

    Raises:
        MissingExtraError: It is not.
    """
    try:
        import datasets  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            package="datasets", extra="data", purpose="Reading a dataset"
        ) from error


def require_all_shards(paths: Sequence[Path]) -> None:
    """Check that names of the form `x-00000-of-00003` are all there.

    Raises:
        DataError: One is missing.
    """
    seen: dict[tuple[Path, str, str], set[int]] = defaultdict(set)
    for path in paths:
        if match := _SHARD.fullmatch(path.name):
            seen[path.parent, match[1], match[3]].add(int(match[2]))
    for (folder, stem, total), numbers in seen.items():
        if absent := sorted(set(range(int(total))) - numbers):
            message = (
                f"The folder {folder} has {len(numbers)} of the {int(total)} files {stem}-*; the "
                f"first that is missing is {stem}-{absent[0]:05d}-of-{total}. Fetch it again."
            )
            raise DataError(message)


def require_columns(place: Path, columns: Sequence[str], present: Sequence[str]) -> None:
    """Check that all `columns` are among those `present` in the file or folder `place`.

    Raises:
        DataError: Some are missing; the text lists them, and those that are there.
    """
    if missing := [name for name in columns if name not in present]:
        there = ", ".join(present) or "none"
        message = f"{place} lacks the columns {', '.join(missing)}; it has {there}."
        raise DataError(message)
