"""Records and a layout -> a card's tables, as Markdown and as HTML with spans. Pure.

    tables = card_tables(load_layout("card.toml"), records)
    for table in tables:
        table.heading, table.text, table.notes, table.footnotes
    definitions(layout, tables)

Whatever comes from a record is escaped by `evalkit.report.markdown.safe`; labels and titles are the
layout's own words, of which nothing can end a cell or begin HTML. Numbers are rounded as
`evalkit.card.cells.shown` says.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from evalkit.card.cells import Cell, Choice, Grid, GridRow, grids
from evalkit.card.entries import Best, labels
from evalkit.card.intervals import intervals
from evalkit.card.layout import Align, Kind, Layout, Line, TableLayout, Texts
from evalkit.card.titles import Titles
from evalkit.compare.sides import Scored
from evalkit.report.markdown import escaped, safe
from evalkit.report.marks import Footnote, footnotes, suffix
from evalkit.report.table import printable
from evalkit.run_record import RunRecord

if TYPE_CHECKING:
    from markupsafe import Markup


BESIDE = "the first number of its metric"
"""What a number with a mark stands beside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTable:
    """A table of a card. What is Markdown is marked as such, so templates do not escape it again.

    Attributes:
        name: The layout's name of it.
        kind: What its rows and columns are.
        section: The heading below which it stands; None where there is none.
        heading: Its title as Markdown; empty where it has none.
        text: The table: Markdown, a list with one entry, or HTML.
        intervals: A table of the intervals and n of its measured numbers, as Markdown; empty where
            there are none, or the layout wants none.
        notes: Sentences below it, as Markdown.
        footnotes: What its marks say.
        references: Keys of the links that it uses.
        grid: Its cells: which number of which record stands where.
    """

    name: str
    kind: Kind
    section: str | None
    heading: Markup
    text: Markup
    intervals: Markup
    notes: tuple[Markup, ...]
    footnotes: tuple[Footnote, ...]
    references: frozenset[str]
    grid: Grid


def card_tables(
    layout: Layout,
    records: Sequence[RunRecord],
    *,
    published: Texts | None = None,
    best: Best | None = None,
    scored: Mapping[str, Scored | None] | None = None,
    titles: Titles | None = None,
) -> tuple[CardTable, ...]:
    """The tables of a layout, filled from records, in the layout's order.

    Args:
        layout: What the tables look like.
        records: The runs, measured and published; each cell is of one of them.
        published: "printed": published numbers stand as they are printed; "value": they are written
            like others; None is what the layout says.
        best: Which of some results of one metric are set in bold; called with at least two.
        scored: Scored samples by the record's digest, where the best are told apart by them.
        titles: What readers call the tasks, as far as it is known.

    Raises:
        UsageError: A cell could be of several records.
    """
    choice = Choice(
        records=tuple(records),
        labels=dict(zip((record.digest for record in records), labels(records), strict=True)),
        scored=scored or {},
        published=published or layout.published,
        best=best,
    )
    made, section = [], None
    for table, cells in zip(layout.tables, grids(layout, choice), strict=True):
        section = table.section or section
        found = intervals(cells, choice.labels, titles or {}) if layout.intervals else ""
        made.append(replace(_table(table, cells), section=section, intervals=_markdown(found)))
    return tuple(made)


def definitions(layout: Layout, tables: Iterable[CardTable]) -> Markup:
    """Definitions of the links that some tables use, a line each, in the layout's order."""
    used = frozenset[str]().union(*(table.references for table in tables))
    return _markdown(
        "\n".join(f"[{key}]: {link}" for key, link in layout.references.items() if key in used)
    )


def _table(table: TableLayout, cells: Grid) -> CardTable:
    lone = table.kind == "small" and len(cells.rows) == len(cells.columns) == 1
    write = _spans if table.kind == "spans" else _bullet if lone else _pipe
    heads = [*table.groups, *table.sections, *cells.columns, *(row.head for row in cells.rows)]
    used = {table.reference, *(head.reference for head in heads)} - {None}
    return CardTable(
        name=table.name,
        kind=table.kind,
        section=table.section,
        heading=_markdown(_heading(table)),
        text=_markdown(write(table, cells)),
        intervals=_markdown(""),
        notes=tuple(_markdown(printable(note).replace("<", "&lt;")) for note in table.notes),
        footnotes=footnotes(cells.used, BESIDE),
        references=frozenset(key for key in used if key is not None),
        grid=cells,
    )


def _markdown(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - made here, of texts that are escaped one by one


def _heading(table: TableLayout) -> str:
    if table.title is None:
        return ""
    shown = _linked(Line(label=table.title, reference=table.reference))
    return f"**{shown}**" if table.kind == "small" else shown


def _linked(line: Line) -> str:
    """A label as Markdown, with its link and what qualifies it."""
    label = safe(line.label) if line.foreign else escaped(line.label)
    shown = f"[{label}][{line.reference}]" if line.reference else label
    return f"{shown} ({escaped(line.qualifier)})" if line.qualifier else shown


# Markdown


def _bullet(_: TableLayout, cells: Grid) -> str:
    """A single value as a list of one entry."""
    row, column = cells.rows[0], cells.columns[0]
    return f"* {_linked(row.head)}{suffix(row.marks)}, {_linked(column)}: {_filled(row.cells[0])}"


def _pipe(table: TableLayout, cells: Grid) -> str:
    """A table in GitHub's Markdown, its columns as wide as their widest cell."""
    has_labels = not any(column.factor is not None for column in cells.columns)
    head = [
        _linked(column) + suffix(marks)
        for column, marks in zip(cells.columns, cells.marks, strict=True)
    ]
    aligns: list[Align] = [column.align for column in cells.columns]
    rows = [_texts(row, has_labels=has_labels) for row in cells.rows]
    if has_labels:
        head, aligns = [escaped(table.corner), *head], [table.align, *aligns]
    wide = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        [
            _line(head, wide),
            _line([_RULES[a](w) for a, w in zip(aligns, wide, strict=True)], wide),
            *(_line(row, wide) for row in rows),
        ]
    )


_RULES = {
    "plain": lambda width: "-" * width,
    "left": lambda width: ":" + "-" * (width - 1),
    "center": lambda width: ":" + "-" * (width - 2) + ":",
    "right": lambda width: "-" * (width - 1) + ":",
}


def _line(texts: Sequence[str], wide: Sequence[int]) -> str:
    return f"| {' | '.join(text.ljust(width) for text, width in zip(texts, wide, strict=True))} |"


def _texts(row: GridRow, *, has_labels: bool) -> list[str]:
    """A row's texts; its marks stand in the first of them."""
    cells = [_filled(cell) for cell in row.cells]
    texts = [_linked(row.head), *cells] if has_labels else cells
    return [texts[0] + suffix(row.marks), *texts[1:]]


def _filled(cell: Cell) -> str:
    text = safe(cell.text) if cell.foreign else escaped(cell.text)
    return f"{f'**{text}**' if cell.bold else text}{suffix(cell.marks)}"


# HTML


def _spans(table: TableLayout, cells: Grid) -> str:
    """An HTML table: columns in groups below two header rows, rows in sections."""
    many = len(table.columns)
    lines = ["<table>", "  <col>"]  # columns come before the first row: else it is no valid HTML
    lines += [f'  <colgroup span="{many}"></colgroup>' for _ in table.groups]
    groups = [
        f'<th colspan="{many}" scope="colgroup">{_spoken(group)}</th>' for group in table.groups
    ]
    lines += _row([f"<th>{_quoted(table.corner)}</th>", *groups])
    columns = [f'<th scope="col">{_spoken(column)}</th>' for column in cells.columns]
    lines += _row([f"<th>{_quoted(table.subcorner)}</th>", *columns])
    above: Line | None = None
    for row in cells.rows:
        if row.section is not None and row.section is not above:
            head = f'<th colspan="{len(cells.columns)}" scope="colgroup">'
            lines += _row(["<th></th>", f"{head}{_spoken(row.section)}</th>"])
        above = row.section
        lines += _row(_html_cells(table, row))
    return "\n".join([*lines, "</table>"])


def _html_cells(table: TableLayout, row: GridRow) -> Iterator[str]:
    label = _spoken(row.head) + suffix(row.marks)
    yield f'<th scope="row">{label}</th>' if table.row_heads else f"<td>{label}</td>"
    for cell in row.cells:
        text = safe(cell.text) if cell.foreign else _quoted(cell.text)
        yield f"<td>{f'<strong>{text}</strong>' if cell.bold else text}{suffix(cell.marks)}</td>"


def _row(cells: Iterable[str]) -> list[str]:
    return ["  <tr>", *(f"    {cell}" for cell in cells), "  </tr>"]


def _spoken(line: Line) -> str:
    return safe(line.label) if line.foreign else _quoted(line.label)


def _quoted(text: str) -> str:
    return html.escape(printable(text))
