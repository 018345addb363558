"""Records and a table's layout -> its cells: which number stands where, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.card.layout import Layout, Line, Style, TableLayout, Texts
from evalkit.errors import UsageError
from evalkit.records import MetricValue
from evalkit.report.marks import Mark, own_marks
from evalkit.report.table import is_void, number
from evalkit.run_record import RunRecord, TaskResult

Best = Callable[[Sequence[tuple[RunRecord, TaskResult]], str], Collection[int]]
"""(results, metric) -> places of those that are set in bold: the best, and what may be as good."""

Marks = Callable[[RunRecord, TaskResult], Collection[Mark]]
"""(record, its result) -> what a reader must know of the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: What stands there, not yet escaped; the layout's `missing` where there is no number.
        record: Whose number it is; None where there is none, and for a factor.
        result: The record's result that has it.
        metric: Its metric.
        marks: Its marks, those that stand at the head of its row or column left out.
        bold: Whether it is set in bold.
        foreign: Whether the text is a record's, and not the layout's.
    """

    text: str
    record: RunRecord | None = None
    result: TaskResult | None = None
    metric: str = ""
    marks: frozenset[Mark] = frozenset()
    bold: bool = False
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """A row: its head, its cells, and the marks that all its numbers share."""

    head: Line
    section: Line | None
    cells: tuple[Cell, ...]
    marks: frozenset[Mark] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table's cells.

    Attributes:
        columns: The columns; of kind "spans" those of all groups.
        rows: The rows, sections one after the other.
        marks: Marks that all numbers of a column share, by column.
        used: All marks that stand somewhere.
    """

    columns: tuple[Line, ...]
    rows: tuple[GridRow, ...]
    marks: tuple[frozenset[Mark], ...]
    used: frozenset[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a grid is made of beside its layout.

    Attributes:
        records: The runs.
        published: Whether published numbers stand as printed.
        best: Which of the results of one metric are bold; None: none.
        marks: The marks of a number.
    """

    records: tuple[RunRecord, ...]
    published: Texts = "value"
    best: Best | None = None
    marks: Marks = own_marks


def shown(value: MetricValue, style: Style) -> str:
    """A value as it is written.

    It is multiplied by the scale and rounded half to even on the binary value, as Python's `format`
    does it (`evalkit.report.table`, where nothing says how many decimals); no zero has a sign.
    """
    scale = 1.0 if style.scale is None else style.scale
    scaled, suffix = value.value * scale, style.suffix or ""
    if style.decimals is None:
        return number(scaled, None if value.maximum is None else value.maximum * scale) + suffix
    return f"{scaled:z.{style.decimals}f}{suffix}"


def grid(layout: Layout, table: TableLayout, choice: Choice) -> Grid:
    """The cells of a table.

    Raises:
        UsageError: A cell could be of several records.
    """
    columns = _columns(table)
    rows = [
        GridRow(
            head=head,
            section=section,
            cells=tuple(
                _cell(layout, table, _meeting(table, section, head, column), choice)
                for column in columns
            ),
        )
        for section in table.sections or (None,)
        for head in table.rows or _heads(layout, table, choice.records)
    ]
    if table.drop_empty:
        rows = [row for row in rows if any(cell.record for cell in row.cells)]
    return _gathered(table, columns, _mixed(layout, _bold(rows, choice.best)))


def factors(layout: Layout, record: RunRecord) -> Mapping[str, str]:
    """What a record is picked by: its factors, and model, run and source."""
    said = {} if record.publication is None else record.publication.factors
    return {
        **said,
        **layout.models.get(record.model.name, {}),
        "model": record.model.name,
        "run": record.name,
        "source": record.source,
    }


def _columns(table: TableLayout) -> tuple[Line, ...]:
    """The columns, once for each group; a group's task is theirs."""
    if not table.groups:
        return table.columns
    return tuple(
        replace(column, task=group.task) for group in table.groups for column in table.columns
    )


def _heads(layout: Layout, table: TableLayout, records: Sequence[RunRecord]) -> tuple[Line, ...]:
    """A row for each record that has a number in one of the columns."""
    wanted = {(column.task, column.metric) for column in table.columns}
    return tuple(
        Line(
            label=record.model.name,
            where={key: factors(layout, record)[key] for key in ("model", "run", "source")},
            foreign=True,
        )
        for record in records
        if any((r.task, metric) in wanted for r in record.results for metric in r.metrics)
    )


def _meeting(table: TableLayout, section: Line | None, row: Line, column: Line) -> Line:
    """Where a row meets a column: what both say together picks the number."""
    metric = column.metric or row.metric
    return Line(
        label=f"{row.label} / {column.label}",
        where={**row.where, **column.where},
        task=column.task or row.task,
        metric=f"{section.metric}_{metric}" if section is not None else metric,
        factor=column.factor,
        style=row.style.over(column.style).over(table.style),
    )


def _cell(layout: Layout, table: TableLayout, place: Line, choice: Choice) -> Cell:
    picked = [
        record
        for record in choice.records
        if place.where.items() <= factors(layout, record).items()
    ]
    if place.factor is not None:
        said = dict.fromkeys(factors(layout, record).get(place.factor, "") for record in picked)
        return Cell(text=" or ".join(filter(None, said)), foreign=True)
    metric = place.metric or ""
    held = [
        (record, result)
        for record in picked
        for result in record.results
        if result.task == place.task and metric in result.metrics
    ]
    if len(held) > 1:
        raise _ambiguous(layout, table, place, [record for record, _ in held])
    if not held:
        return Cell(text=table.missing)
    ((record, result),) = held
    marks = frozenset(choice.marks(record, result))
    if result.judge is not None and is_void(result.judge):  # a number of no verdict is none
        return Cell(text=table.missing, marks=marks)
    return Cell(
        text=_text(record, result, place, choice.published),
        record=record,
        result=result,
        metric=metric,
        marks=marks,
        foreign=True,
    )


def _text(record: RunRecord, result: TaskResult, place: Line, published: Texts) -> str:
    metric = place.metric or ""
    if published == "printed" and record.publication is not None:
        for cell in record.publication.cells:
            if (cell.task, cell.metric) == (result.task, metric):
                return cell.text
    return shown(result.metrics[metric], place.style)


def _ambiguous(
    layout: Layout, table: TableLayout, place: Line, records: Sequence[RunRecord]
) -> UsageError:
    named = [f"{r.model.name}/{r.name} ({r.source})" for r in records]
    return UsageError(
        f"{layout.place}, table {table.name}: the cell {place.label} could be of "
        f"{', '.join(named)}; tell them apart by model, run, source or a factor in `where`."
    )


def _bold(rows: Sequence[GridRow], best: Best | None) -> list[GridRow]:
    """The rows with the best cells in bold: those of one metric of a task are held together."""
    held: dict[tuple[str, str], list[tuple[RunRecord, TaskResult]]] = {}
    for row in rows if best is not None else ():
        for cell in _numbers(row.cells):
            held.setdefault((cell[1].task, cell[2]), []).append(cell[:2])
    chosen = {
        (id(record), task, metric)
        for (task, metric), results in held.items()
        if best is not None and len(results) > 1
        for place in best(results, metric)
        for record, _ in (results[place],)
    }

    def is_best(cell: Cell) -> bool:
        named = [(id(r), result.task, metric) for r, result, metric in _numbers([cell])]
        return any(name in chosen for name in named)

    return [
        replace(row, cells=tuple(replace(cell, bold=is_best(cell)) for cell in row.cells))
        for row in rows
    ]


def _numbers(cells: Sequence[Cell]) -> Iterator[tuple[RunRecord, TaskResult, str]]:
    for cell in cells:
        if cell.record is not None and cell.result is not None:
            yield cell.record, cell.result, cell.metric


def _mixed(layout: Layout, rows: Sequence[GridRow]) -> list[GridRow]:
    """The rows; where all numbers are self-reported, and the layout says so, without that mark."""
    sources = {record.source for row in rows for record, _, _ in _numbers(row.cells)}
    if layout.marks == "always" or sources != {"self-reported"}:
        return list(rows)
    return [
        replace(
            row,
            cells=tuple(
                replace(cell, marks=cell.marks - {Mark.SELF_REPORTED}) for cell in row.cells
            ),
        )
        for row in rows
    ]


def _gathered(table: TableLayout, columns: tuple[Line, ...], rows: Sequence[GridRow]) -> Grid:
    """The grid: marks that all numbers of a model share stand at the head of its row or column."""
    used = frozenset(mark for row in rows for cell in row.cells for mark in cell.marks)
    shared = [_shared([row.cells[place] for row in rows]) for place in range(len(columns))]
    if table.kind != "pivot":
        shared = [frozenset()] * len(columns)
    made = []
    for row in rows:
        own = _shared(row.cells) if table.kind in ("models", "small") else frozenset()
        cells = tuple(
            replace(cell, marks=cell.marks - own - above)
            for cell, above in zip(row.cells, shared, strict=True)
        )
        made.append(replace(row, cells=cells, marks=own))
    return Grid(columns=columns, rows=tuple(made), marks=tuple(shared), used=used)


def _shared(cells: Sequence[Cell]) -> frozenset[Mark]:
    held = [cell.marks for cell in cells if cell.record is not None]
    return frozenset.intersection(*held) if held else frozenset()
