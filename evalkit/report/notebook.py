"""Records as small pieces of HTML, for notebooks: what `_repr_html_` of a record returns. Pure.

A piece is a table with its marks and notes. It has no script, link, picture or attribute made of
a record's words, and asks the notebook to read no formula in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

from evalkit.comparison import Comparison
from evalkit.report.compare_table import compare_table, compare_title, summaries
from evalkit.report.marks import Mark, footnotes, own_marks, suffix
from evalkit.report.table import (
    Table,
    judge_line,
    numeric_columns,
    printable,
    result_table,
    run_table,
    shortened,
)
from evalkit.run_record import RunRecord, TaskResult

_COLUMNS = ("task", "protocol", "metric", "value", "95 % interval", "of", "n", "failed", "unparsed")
_LEFT_OUT = ("p", "won", "lost", "could see", "clusters", "r")  # of a comparison's columns
_TITLE = 120  # characters of a title


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """What a notebook shows: a title, a table, the marks in it, and sentences below it."""

    title: str
    table: Table
    marks: Iterable[Mark] = ()


def record_html(record: RunRecord) -> str:
    """A run: its headline numbers with intervals and marks, and what a reader must know."""
    rows: list[tuple[str, ...]] = []
    used: set[Mark] = set()
    for result in record.results:
        marks = own_marks(record, result)
        rows += _marked(result_table(result, every_metric=False), marks)
        used.update(marks)
    whole = run_table(record)
    title = f"{record.model.name}: {record.name} ({record.source}, {record.created})"
    table = Table(header=whole.header, rows=tuple(rows), notes=whole.notes)
    return _html(_Piece(title=title, table=_chosen(table, _COLUMNS), marks=used))


def result_html(result: TaskResult) -> str:
    """A task: all of its numbers with intervals and marks, and what a reader must know."""
    table, marks = result_table(result), own_marks(None, result)
    judged = [judge_line(result.judge, result.metrics)] if result.judge else []
    notes = (f"headline: {', '.join(result.headline)}", *table.notes, *judged)
    shown = replace(table, rows=_marked(table, marks), notes=notes)
    title = f"{result.task}, version {result.version}"
    return _html(_Piece(title=title, table=_chosen(shown, _COLUMNS), marks=marks))


def comparison_html(comparison: Comparison) -> str:
    """A comparison: the differences of headline metrics, in words and in numbers."""
    tasks = [
        replace(task, differences=tuple(d for d in task.differences if d.headline))
        for task in comparison.tasks
    ]
    own = [replace(comparison, tasks=tuple(tasks))]
    table = compare_table(own, _LEFT_OUT)
    chosen = _chosen(table, [name for name in table.header if name not in _LEFT_OUT])
    shown = replace(chosen, notes=(*summaries(own), *table.notes))
    return _html(_Piece(title=compare_title(own), table=shown))


def _marked(table: Table, marks: Iterable[Mark]) -> tuple[tuple[str, ...], ...]:
    """The table's rows, with marks behind their values."""
    place, after = table.header.index("value"), suffix(marks)
    return tuple((*row[:place], row[place] + after, *row[place + 1 :]) for row in table.rows)


def _chosen(table: Table, names: Sequence[str]) -> Table:
    """The table with some of its columns."""
    places = [table.header.index(name) for name in names]
    rows = tuple(tuple(row[i] for i in places) for row in table.rows)
    return Table(header=tuple(names), rows=rows, notes=table.notes)


def _html(piece: _Piece) -> str:
    """The piece; jupyter's own classes keep dollar signs from being read as formulas."""
    right = numeric_columns(piece.table)
    sentences = [f"{note.mark.value} {note.text}" for note in footnotes(piece.marks)]
    lines = [
        '<div class="evalkit tex2jax_ignore mathjax_ignore">',
        "<table>",
        f"<caption>{_text(shortened(piece.title, _TITLE))}</caption>",
        f"<thead>{_row('th', piece.table.header, right)}</thead>",
        "<tbody>",
        *(_row("td", row, right) for row in piece.table.rows),
        "</tbody>",
        "</table>",
        *_list([*sentences, *piece.table.notes]),
        "</div>",
    ]
    return "\n".join(lines) + "\n"


def _row(cell: str, texts: Sequence[str], right: Sequence[bool]) -> str:
    sides = ("left", "right")
    cells = [
        f'<{cell} style="text-align: {sides[turned]}">{_text(text)}</{cell}>'
        for text, turned in zip(texts, right, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _list(sentences: Sequence[str]) -> list[str]:
    """Sentences below a table; nothing where there are none."""
    items = [f"<li>{_text(sentence)}</li>" for sentence in dict.fromkeys(sentences)]
    return ["<ul>", *items, "</ul>"] if items else []


def _text(text: str) -> str:
    """Any text as HTML that can only be that text, on one line."""
    return escape(printable(text))
