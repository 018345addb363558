"""Tables of JSON: one object a line (`.jsonl`), or one array of objects (`.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.data.files import TableFiles, require_columns
from evalkit.data.pictures import picture_file
from evalkit.errors import DataError

_Row = tuple[Path, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTable:
    """Rows that are read when they are asked for; a column that a row lacks is None there.

    Lines are read one at a time, an array whole. Pictures are paths relative to the file that names
    them.
    """

    files: TableFiles

    @classmethod
    def open(cls, files: TableFiles, columns: Sequence[str]) -> JsonTable:
        """Read all rows once, to check them.

        Raises:
            DataError: A file is not JSON, or no row has one of the columns.
        """
        present, rows = dict[str, None](), 0
        for _, row in _all(files):
            present.update(dict.fromkeys(row))
            rows += 1
        if rows:
            require_columns(files.paths[0].parent, columns, tuple(present))
        return cls(files=files)

    @staticmethod
    def columns(files: TableFiles) -> frozenset[str]:
        """What any row has.

        Raises:
            DataError: A file is not JSON.
        """
        return frozenset(name for _, row in _all(files) for name in row)

    def rows(self, columns: Sequence[str], pictures: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Every row in order: its `columns`, of which `pictures` are `Image` or None.

        Raises:
            DataError: A picture's file is not there.
        """
        for number, (path, line) in enumerate(_all(self.files)):
            row = {name: line.get(name) for name in columns}
            for name in pictures:
                where = f"Row {number} of {path.name}, column {name!r},"
                row[name] = picture_file(row[name], path.parent, self.files.root, where)
            yield row


def _all(files: TableFiles) -> Iterator[_Row]:
    return ((path, row) for path in files.paths for row in _read(path))


def _read(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            if path.suffix == ".json":
                yield from _array(path, file.read())
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _object(path, _parsed(path, line.rstrip("\n"), number), number)
    except (OSError, UnicodeDecodeError) as error:
        message = f"The file {path} cannot be read: {error}."
        raise DataError(message) from error


def _array(path: Path, text: str) -> Iterator[Mapping[str, Any]]:
    rows = _parsed(path, text, 1)
    if not isinstance(rows, list):
        message = f"The file {path} must hold a JSON array of objects, one a row."
        raise DataError(message)
    for number, row in enumerate(rows, 1):
        yield _object(path, row, number)


def _parsed(path: Path, text: str, line: int) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"The file {path} is not JSON at line {line}: {error}."
        raise DataError(message) from error


def _object(path: Path, value: object, number: int) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        message = f"Row {number} of {path} must be a JSON object, not a {type(value).__name__}."
        raise DataError(message)
    return value
