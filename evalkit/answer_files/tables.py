"""VLMEvalKit's tables: one row a question, with its answer key and the model's prediction."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_id, as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import content
from evalkit.errors import UsageError

_XLSX = b"PK\x03\x04"
_CELL_LIMIT = 32_767
_FAILED = "Failed to obtain answer via API"
_ENDINGS = (".xlsx", ".tsv", ".csv")


def table_ending(path: Path) -> str | None:
    """The ending that says that a file is a table, ".gz" aside; None where it says nothing."""
    name = path.name.lower().removesuffix(".gz")
    return next((ending for ending in _ENDINGS if name.endswith(ending)), None)


_DAMAGED = (
    *(AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError),
    *(ValueError, zlib.error),
)
"""What openpyxl lets through of a damaged workbook."""


def read_table(path: Path) -> AnswerFile:
    """The answers of an xlsx, tsv or csv table with the columns `index` and `prediction`.

    Raises:
        UsageError: The table cannot be read, or lacks one of the two.
    """
    raw = content(path)
    if raw.startswith(_XLSX):
        found = _xlsx(raw, path)
    else:
        found = _separated(raw, path, "," if table_ending(path) == ".csv" else "\t")
    answers: list[Answer] = []
    for place, row in found:
        if not answers and not {"index", "prediction"} <= row.keys():
            named = ", ".join(map(str, row))[:200]
            message = f"{path} has no columns 'index' and 'prediction'; it has: {named}."
            raise UsageError(message)
        answers.append(
            Answer(
                place=place, id=as_id(row["index"]), text=_text(row.get("prediction")), fields=row
            )
        )
    return AnswerFile(
        format="vlmevalkit", path=path, answers=tuple(answers), notes=tuple(_notes(answers, raw))
    )


def _text(cell: Any) -> str | None:
    """The answer in a cell; None where it is empty, or VLMEvalKit's mark of a failed request."""
    found = as_text(cell)
    return None if not found or _FAILED in found else found


def _notes(answers: Sequence[Answer], raw: bytes) -> Iterator[str]:
    if failed := sum(_FAILED in str(a.fields["prediction"]) for a in answers):
        yield f"{failed} cells say {_FAILED!r}: nothing was answered there."
    if cut := sum(len(a.text or "") >= _CELL_LIMIT for a in answers) * raw.startswith(_XLSX):
        yield f"{cut} answers are as long as a cell can be: they were cut off when it was saved."


def _xlsx(raw: bytes, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from zipfile import BadZipFile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        lines = book.worksheets[0].iter_rows(values_only=True)
        header = [str(name) for name in next(lines, ())]
        yield from _named(header, lines)
    except (*_DAMAGED, BadZipFile, InvalidFileException) as error:
        message = f"{path} cannot be read as an xlsx table: {error}."
        raise UsageError(message) from error


def _named(
    header: Sequence[str], lines: Iterator[Sequence[Any]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(lines, start=2):
        if any(value is not None for value in line):
            yield number, dict(zip_longest(header, line[: len(header)]))


def _separated(raw: bytes, path: Path, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow as pa
    from pyarrow import csv

    try:
        header = csv.read_csv(
            io.BytesIO(raw.split(b"\n", 1)[0] + b"\n"),
            parse_options=csv.ParseOptions(delimiter=delimiter),
        ).column_names
        table = csv.read_csv(
            io.BytesIO(raw),
            read_options=csv.ReadOptions(block_size=len(raw) + 1),  # a row may hold a picture
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as a table: {error}."
        raise UsageError(message) from error
    yield from enumerate(table.to_pylist(), start=2)
