"""VLMEvalKit's tables: one row a question, with its answer key and the model's prediction."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.answer_files.fields import as_id, as_text
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answer_files.source import content
from evalkit.errors import UsageError

_XLSX = b"PK\x03\x04"
_CELL_LIMIT = 32_767


def read_table(path: Path) -> AnswerFile:
    """The answers of an xlsx, tsv or csv table with the columns `index` and `prediction`.

    Raises:
        UsageError: The table cannot be read, or lacks one of the two.
    """
    raw = content(path)
    if raw.startswith(_XLSX):
        found = _xlsx(raw, path)
    else:
        found = _separated(raw, path, "," if ".csv" in path.suffixes else "\t")
    answers: list[Answer] = []
    for place, row in found:
        if not answers and not {"index", "prediction"} <= row.keys():
            named = ", ".join(map(str, row))[:200]
            message = f"{path} has no columns 'index' and 'prediction'; it has: {named}."
            raise UsageError(message)
        text = as_text(row["prediction"])
        answers.append(Answer(place=place, id=as_id(row["index"]), text=text or "", fields=row))
    cut = sum(len(a.text or "") >= _CELL_LIMIT for a in answers)
    notes = (
        (f"{cut} answers are as long as a cell can be: they were cut off when it was saved.",)
        if cut and raw.startswith(_XLSX)
        else ()
    )
    return AnswerFile(format="vlmevalkit", path=path, answers=tuple(answers), notes=notes)


def _xlsx(raw: bytes, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    from zipfile import BadZipFile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        lines = book.worksheets[0].iter_rows(values_only=True)
        header = [str(name) for name in next(lines, ())]
        yield from _named(header, lines)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, IndexError) as error:
        message = f"{path} cannot be read as an xlsx table: {error}."
        raise UsageError(message) from error


def _named(
    header: Sequence[str], lines: Iterator[Sequence[Any]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(lines, start=2):
        if any(value is not None for value in line):
            yield number, dict(zip(header, line, strict=False))


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
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as a table: {error}."
        raise UsageError(message) from error
    yield from enumerate(table.to_pylist(), start=2)
