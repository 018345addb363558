"""Records and a table's layout -> its cells: which number stands where, and how it is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evalkit.board.ranks import Better
from evalkit.card.entries import Best
from evalkit.card.layout import Layout, Line, Style, TableLayout, Texts
from evalkit.compare.comparable import mismatches
from evalkit.compare.sides import Scored
from evalkit.errors import UsageError
from evalkit.records import MetricValue
from evalkit.report.marks import Mark, beside_marks, is_limited, own_marks
from evalkit.report.table import number
from evalkit.run_record import RunRecord, TaskResult

_FEWEST = 2  # numbers of which one can be the best


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes:
        text: What stands there, not yet escaped; the layout's `missing` where there is no number.
        record: Whose number it is; None where there is none, and for a factor.
        result: The record's result that has it.
        metric: Its metric.
        marks: Its marks, those that stand at the head of its row or column left out.
        better: What is better, as the layout says it.
        bold: Whether it is set in bold.
        foreign: Whether the text is a record's, and not the layout's.
        style: How its number is written.
    """

    text: str
    record: RunRecord | None = None
    result: TaskResult | None = None
    metric: str = ""
    marks: frozenset[Mark] = frozenset()
    better: Better | None = None
    bold: bool = False
    foreign: bool = False
    style: Style = field(default_factory=Style)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """A row: its head, its cells, and the mark of what holds for all its numbers."""

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
        marks: The mark of what holds for all numbers of a column, by column.
        used: All marks that stand somewhere.
    """

    columns: tuple[Line, ...]
    rows: tuple[GridRow, ...]
    marks: tuple[frozenset[Mark], ...]
    used: frozenset[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What grids are made of beside their layout.

    Attributes:
        records: The runs.
        labels: Names that tell them apart, by the record's digest.
        scored: Their scored samples by the record's digest, where the best are told apart by them.
        published: Whether published numbers stand as printed.
        best: Which of the results of one metric are bold; None: none.
    """

    records: tuple[RunRecord, ...]
    labels: Mapping[str, str]
    scored: Mapping[str, Scored | None] = field(default_factory=dict)
    published: Texts = "value"
    best: Best | None = None


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


def grids(layout: Layout, choice: Choice) -> tuple[Grid, ...]:
    """The cells of a layout's tables, in its order.

    Raises:
        UsageError: A cell could be of several records.
    """
    filled = [_filled(layout, table, choice) for table in layout.tables]
    sources = {record.source for rows in filled for row in rows for record, *_ in _held(row.cells)}
    hidden = {Mark.SELF_REPORTED} if _is_alike(layout, sources) else set()
    return tuple(
        _gathered(table, _columns(table), _bold(_marked(rows, hidden), choice))
        for table, rows in zip(layout.tables, filled, strict=True)
    )


def _is_alike(layout: Layout, sources: Collection[str]) -> bool:
    """Whether all numbers are self-reported, and the layout says that they need no mark then."""
    return layout.marks == "mixed" and sources == {"self-reported"}


def _filled(layout: Layout, table: TableLayout, choice: Choice) -> list[GridRow]:
    """A table's rows, with the marks that numbers have by themselves."""
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
        for head in table.rows or _heads(table, choice)
    ]
    if table.drop_empty:
        rows = [row for row in rows if any(cell.record for cell in row.cells)]
    return rows


def factors(layout: Layout, record: RunRecord) -> Mapping[str, str]:
    """What a record is picked by: its factors, and model, run, source and digest."""
    said = {} if record.publication is None else record.publication.factors
    return {
        **said,
        **layout.models.get(record.model.name, {}),
        "model": record.model.name,
        "run": record.name,
        "source": record.source,
        "record": record.digest,
    }


def _columns(table: TableLayout) -> tuple[Line, ...]:
    """The columns, once for each group; a group's task is theirs."""
    if not table.groups:
        return table.columns
    return tuple(
        replace(column, task=group.task) for group in table.groups for column in table.columns
    )


def _heads(table: TableLayout, choice: Choice) -> tuple[Line, ...]:
    """A row for each record that has a number in one of the columns."""
    wanted = {(column.task, column.metric) for column in table.columns}
    return tuple(
        Line(label=choice.labels[record.digest], where={"record": record.digest}, foreign=True)
        for record in choice.records
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
        better=row.better or column.better or (section and section.better) or table.better,
    )


def _cell(layout: Layout, table: TableLayout, place: Line, choice: Choice) -> Cell:
    picked = [
        record
        for record in choice.records
        if place.where.items() <= factors(layout, record).items()
    ]
    if place.factor is not None:
        said = dict.fromkeys(_factor(layout, record, place.factor, choice) for record in picked)
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
    marks = frozenset(own_marks(record, result))
    if result.judge is not None and result.judge.is_void:  # a number of no verdict is none
        return Cell(text=table.missing, marks=marks)
    return Cell(
        text=_text(record, result, place, choice.published),
        record=record,
        result=result,
        metric=metric,
        marks=marks,
        better=place.better,
        foreign=True,
        style=place.style,
    )


def _factor(layout: Layout, record: RunRecord, name: str, choice: Choice) -> str:
    """A factor as it stands in a cell; of the model what tells it from others of its name."""
    return (
        choice.labels[record.digest] if name == "model" else factors(layout, record).get(name, "")
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
        f"{', '.join(named)}; tell them apart by model, run, source, record or a factor in `where`."
    )


def _marked(rows: Sequence[GridRow], hidden: Collection[Mark]) -> list[GridRow]:
    """The rows, with marks of what differs from the first number of a metric, but for some."""
    first: dict[tuple[str, str], TaskResult] = {}
    for _, result, metric, _ in (one for row in rows for one in _held(row.cells)):
        first.setdefault((result.task, metric), result)

    def marks(cell: Cell) -> frozenset[Mark]:
        if cell.result is None:
            return cell.marks
        found = mismatches(first[cell.result.task, cell.metric], cell.result)
        beside = beside_marks(found, limited=is_limited(cell.result))
        return (cell.marks | beside) - frozenset(hidden)

    return [
        replace(row, cells=tuple(replace(cell, marks=marks(cell)) for cell in row.cells))
        for row in rows
    ]


def _bold(rows: Sequence[GridRow], choice: Choice) -> list[GridRow]:
    """The rows with the best cells in bold: those of one metric of a task are held together."""
    held: dict[tuple[str, str], list[tuple[RunRecord, TaskResult, str, Better | None]]] = {}
    for one in (one for row in rows for one in _held(row.cells)):
        held.setdefault((one[1].task, one[2]), []).append(one)
    chosen = {
        (results[place][0].digest, task, metric)
        for (task, metric), results in held.items()
        for place in _best(results, metric, choice)
    }

    def is_best(cell: Cell) -> bool:
        return any((r.digest, t.task, metric) in chosen for r, t, metric, _ in _held([cell]))

    return [
        replace(row, cells=tuple(replace(cell, bold=is_best(cell)) for cell in row.cells))
        for row in rows
    ]


def _best(
    results: Sequence[tuple[RunRecord, TaskResult, str, Better | None]], metric: str, choice: Choice
) -> Collection[int]:
    if choice.best is None or len(results) < _FEWEST:
        return ()
    better = next((said for *_, said in results if said is not None), None)
    held = [(record, result, choice.scored.get(record.digest)) for record, result, *_ in results]
    return choice.best(held, metric, better)


def _held(cells: Sequence[Cell]) -> Iterator[tuple[RunRecord, TaskResult, str, Better | None]]:
    """Whose numbers cells are, of which metric, and what is better."""
    for cell in cells:
        if cell.record is not None and cell.result is not None:
            yield cell.record, cell.result, cell.metric, cell.better


def _gathered(table: TableLayout, columns: tuple[Line, ...], rows: Sequence[GridRow]) -> Grid:
    """The grid: that all numbers of a model are self-reported is said at its row or column's head.

    All other marks belong to numbers, and stand at them.
    """
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
    return frozenset.intersection(*held) & {Mark.SELF_REPORTED} if held else frozenset()
