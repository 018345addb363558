"""Tables of numbers as pages show them: with their marks, and what these say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evalkit.report.marks import Mark, footnotes, own_marks, suffix
from evalkit.report.table import (
    Table,
    breakdown_tables,
    numeric_columns,
    printable,
    result_table,
    run_table,
)
from evalkit.run_record import RunRecord, TaskResult
from evalkit.view.opened import OpenTask

_COLUMNS = ("metric", "value", "95 % interval", "n")
"""What stands above samples."""

_NONE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A table as a template shows it; all texts are printable, and none is escaped yet.

    Attributes:
        header: Names of columns.
        right: Which columns are set to the right.
        rows: Cells, numbers with their marks.
        footnotes: What the marks say.
        notes: Sentences to stand below it.
    """

    header: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    footnotes: tuple[str, ...]
    notes: tuple[str, ...]


def run_numbers(record: RunRecord, *, every_metric: bool = False) -> Numbers:
    """A run's numbers.

    Args:
        record: The run.
        every_metric: All metrics; else each task's headline.
    """
    rows: list[tuple[str, ...]] = []
    used: set[Mark] = set()
    for result in record.results:
        marks = own_marks(record, result)
        rows += _marked(result_table(result, every_metric=every_metric), marks)
        used.update(marks)
    return _shown(run_table(record, every_metric=every_metric), rows, used)


def task_numbers(shown: Sequence[OpenTask]) -> Numbers:
    """A task's headline numbers with their intervals, of one run or two."""
    tables = [_headline(one) for one in shown]
    notes = tuple(dict.fromkeys(note for one in shown for note in one.result.notes))
    if len(shown) == 1:  # the page's title says of which run
        whole = replace(tables[0], notes=notes)
    else:
        named = zip(shown, tables, strict=True)
        rows = tuple((one.run.label, *row) for one, table in named for row in table.rows)
        whole = Table(header=("run", *_COLUMNS), rows=rows, notes=notes)
    used = {mark for one in shown for mark in _marks(one)}
    return _shown(whole, whole.rows, used)


def slice_numbers(record: RunRecord, result: TaskResult) -> Iterator[tuple[str, Numbers]]:
    """The numbers of a result's slices: a table for each tag, with its title."""
    marks = own_marks(record, result)
    after = suffix(marks)
    for title, table in breakdown_tables(result):
        rows = [
            (slice_, *(cell + after if cell != _NONE else cell for cell in cells))
            for slice_, *cells in table.rows
        ]
        yield title, _shown(table, rows, marks)


def _headline(one: OpenTask) -> Table:
    table = result_table(one.result, every_metric=False)
    places = [table.header.index(name) for name in _COLUMNS]
    rows = tuple(tuple(row[i] for i in places) for row in _marked(table, _marks(one)))
    return Table(header=_COLUMNS, rows=rows, notes=())


def _marks(one: OpenTask) -> tuple[Mark, ...]:
    return own_marks(one.run.record, one.result)


def _marked(table: Table, marks: Iterable[Mark]) -> Iterator[tuple[str, ...]]:
    """The table's rows, with marks behind their values."""
    place, after = table.header.index("value"), suffix(marks)
    for row in table.rows:
        yield (*row[:place], row[place] + after, *row[place + 1 :])


def _shown(table: Table, rows: Iterable[tuple[str, ...]], marks: Iterable[Mark]) -> Numbers:
    """A table with other rows, in which marks stand."""
    return Numbers(
        header=tuple(map(printable, table.header)),
        right=tuple(numeric_columns(table)),
        rows=tuple(tuple(map(printable, row)) for row in rows),
        footnotes=tuple(f"{note.mark.value} {note.text}" for note in footnotes(marks)),
        notes=tuple(map(printable, table.notes)),
    )
