"""A card's tables -> what the templates that show them are given. Pure.

What is Markdown already is marked as such (`markupsafe.Markup`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from evalkit.card.layout import Layout
from evalkit.card.spelled import spelled
from evalkit.card.tables import BESIDE, CardTable, definitions
from evalkit.report.markdown import escaped, safe
from evalkit.report.marks import footnotes
from evalkit.run_record import RunRecord

if TYPE_CHECKING:
    from markupsafe import Markup

_PRINTED = "Published numbers stand as they are printed."
_ROUNDING = (
    "Numbers of run records are rounded half to even from their full precision, to the decimals "
    "that the layout names; where it names none, to four where a metric reaches at most 1, and to "
    "two where it reaches more."
)


def section_context(layout: Layout, tables: Sequence[CardTable]) -> dict[str, Any]:
    """What a template of tables is given.

    Args:
        layout: The layout of the tables.
        tables: The tables, as `evalkit.card.tables.card_tables` makes them.

    Returns:
        sections: Pairs of a heading and the tables below it, of those that have a number; the
            heading is empty where there is none.
        footnotes: The footnotes of all marks in them, each once.
        is_ranked: Whether some number is in bold.
        sources: A sentence on each publication whose numbers they have.
        slips: A sentence on each printed number that is known to be wrong.
        intervals: Whether tables of intervals stand below some of them.
        rounding: How their numbers are rounded, in a sentence or two.
        definitions: The links that they use, as Markdown.
    """
    from markupsafe import Markup

    held = [table for table in tables if any(cell.record for cell in _cells([table]))]
    return {
        "sections": _sections(held),
        "footnotes": footnotes((note.mark for t in held for note in t.footnotes), BESIDE),
        "is_ranked": any(cell.bold for cell in _cells(held)),
        "sources": tuple(Markup(line) for line in _sources(held)),  # noqa: S704 - escaped there
        "slips": tuple(Markup(line) for line in _slips(held)),  # noqa: S704 - escaped there
        "intervals": any(table.intervals for table in held),
        "rounding": _rounding(layout, held),
        "definitions": definitions(layout, held),
    }


def _rounding(layout: Layout, tables: Sequence[CardTable]) -> str:
    printed = layout.published == "printed" and _publications(tables)
    return f"{_PRINTED} {_ROUNDING}" if printed else _ROUNDING


def _sections(tables: Sequence[CardTable]) -> list[tuple[Markup, list[CardTable]]]:
    from markupsafe import Markup

    return [
        (Markup(escaped(heading or "")), list(own))  # noqa: S704 - escaped here
        for heading, own in groupby(tables, key=lambda table: table.section)
    ]


def _cells(tables: Iterable[CardTable]) -> Iterator[Any]:
    return (cell for table in tables for row in table.grid.rows for cell in row.cells)


def _publications(tables: Sequence[CardTable]) -> dict[str, RunRecord]:
    """A record of each publication that has a number in the tables, by the publication's digest."""
    found: dict[str, RunRecord] = {}
    for cell in _cells(tables):
        if cell.record is not None and cell.record.publication is not None:
            found.setdefault(cell.record.publication.digest, cell.record)
    return found


def _sources(tables: Sequence[CardTable]) -> Iterator[str]:
    for digest, record in _publications(tables).items():
        if (source := record.publication) is not None:
            yield (
                f"Published numbers are copied from {safe(source.title)} ({safe(source.card)}, "
                f"SHA-256 {spelled(digest[:12])}), not measured here."
            )


def _slips(tables: Sequence[CardTable]) -> Iterator[str]:
    """What is known to be wrong with numbers that stand in the tables, each sentence once."""
    told = dict.fromkeys(
        f"{cell.result.task} {cell.metric}: {printed.erratum}"
        for cell in _cells(tables)
        if cell.record is not None and cell.record.publication is not None
        for printed in cell.record.publication.cells
        if printed.erratum and (printed.task, printed.metric) == (cell.result.task, cell.metric)
    )
    yield from map(safe, told)
