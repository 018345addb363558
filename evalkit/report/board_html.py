"""A leaderboard as one static page: sorted and filtered in the browser, light and dark. Pure.

The page asks for nothing: its own policy lets only this style and this script in, by their hashes.
Whatever is in it may be a stranger's: the template escapes all texts, and texts are made printable
first.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.report import board_cells as cells
from evalkit.report import board_charts as charts
from evalkit.report.board_cells import Unit, heading, sections, unit_of
from evalkit.report.environment import page_environment
from evalkit.report.marks import Mark
from evalkit.report.table import printable
from evalkit.standings import Column, Contender, Standing, Standings

View = dict[str, Any]
"""What the template shows."""


def board_html(standings: Standings) -> str:
    """The leaderboard as a page of its own."""
    from markupsafe import Markup

    environment = page_environment("evalkit.report")
    loader = environment.loader
    if loader is None:
        message = "the environment has a loader"
        raise AssertionError(message)
    style, script = (loader.get_source(environment, name)[0] for name in ("board.css", "board.js"))
    page = environment.get_template("board.html.j2").render(
        **_view(standings),
        style=Markup(style),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - the same
        style_hash=_hash(style),
        script_hash=_hash(script),
    )
    return page.lstrip() + "\n"


def _hash(text: str) -> str:
    """What a policy calls a text."""
    found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{found}"


def _view(standings: Standings) -> View:
    rows = {row.label: row for row in standings.contenders}
    tasks = list(dict.fromkeys(printable(column.task) for column in standings.columns))
    return {
        "title": printable(standings.title),
        "sentences": list(cells.sentences(standings)) if standings.columns else [],
        "tasks": tasks,
        "overview": _overview(standings),
        "aggregates": _aggregates(standings),
        "marks": [{"sign": n.mark.value, "text": n.text} for n in cells.used_footnotes(standings)],
        "notes": list(map(printable, cells.notes(standings))),
        "heat": charts.heat(standings) if standings.columns else None,
        "columns": [
            _column(column, place, rows, standings.reference)
            for place, column in enumerate(standings.columns)
        ],
        "left_out": [
            {"path": printable(one.path), "why": printable(one.why)} for one in standings.left_out
        ],
    }


def _name(text: str, kind: str = "text", *, first: str = "up", task: str = "") -> View:
    """A header: its text, how it is sorted, and its task."""
    shown = printable(text).replace("(of ", "(of\N{NO-BREAK SPACE}")
    return {"text": shown, "kind": kind, "first": first, "task": printable(task)}


def _first(column: Column) -> str:
    return "up" if column.better is False else "down"


def _shown(one: Standing, unit: Unit) -> View:
    """A number as the template shows it."""
    signs = {mark.value: mark.footnote for mark in Mark}
    return {
        "score": None if one.value is None else unit.text(one.value, one.decimals),
        "why": f"-({one.withheld})",
        "spread": cells.spread(one, unit),
        "marks": [{"sign": sign, "text": signs[sign]} for sign in one.marks],
        "leads": one.leads,
        "rank": cells.rank(one),
        "beside": printable(cells.beside(one)),
        "value": _sorted_by(one.value),
    }


def _sorted_by(value: float | None) -> str:
    return "" if value is None else repr(value)


def _overview(standings: Standings) -> list[View]:
    """The tables of the overview, each with the columns of which it has numbers."""
    found = []
    for section in sections(standings):
        places = [i for i in range(len(standings.columns)) if any(r[i] for _, r in section.rows)]
        columns = [standings.columns[i] for i in places]
        names = [_name(heading(c), "number", first=_first(c), task=c.task) for c in columns]
        rows = [
            {"label": printable(row.label), "cells": _row_cells(columns, [held[i] for i in places])}
            for row, held in section.rows
        ]
        title = printable(section.title)
        found.append({"title": title, "names": [_name("model"), *names], "rows": rows})
    return found


def _row_cells(columns: Sequence[Column], held: Sequence[Standing | None]) -> list[View]:
    return [
        {
            "task": printable(column.task),
            "shown": None if one is None else _shown(one, unit_of(column)),
        }
        for column, one in zip(columns, held, strict=True)
    ]


def _aggregates(standings: Standings) -> View | None:
    if not standings.aggregates:
        return None
    mean = standings.aggregate == "mean-rank"
    return {
        "caption": "Rows that have a rank in every column.",
        "names": [
            _name("model"),
            _name("mean of ranks", "number")
            if mean
            else _name("share of rivals below (Borda)", "number", first="down"),
        ],
        "rows": [
            {
                "label": printable(one.contender),
                "value": repr((one.low + one.high) / 2),
                "text": f"{one.low:.2f} to {one.high:.2f}" if mean else f"{one.low:.3f}",
            }
            for one in standings.aggregates
        ],
    }


def _column(
    column: Column, place: int, rows: Mapping[str, Contender], reference: str | None
) -> View:
    standings = [one for group in column.groups for one in group.standings]
    gaps = any(one.reference for one in standings)
    published = any(one.published for one in standings)
    further = cells.companion_names(standings)
    identifier = f"chart{place}"
    return {
        "task": printable(column.task),
        "heading": printable(heading(column)),
        "caption": _caption(column),
        "names": _names(column, further, reference if gaps else None, published=published),
        "groups": [
            {
                "title": printable(group.title),
                "rows": [
                    {
                        "label": printable(one.contender),
                        "cells": list(
                            _cells(one, column, rows, further, gaps=gaps, published=published)
                        ),
                    }
                    for one in group.standings
                ],
            }
            for group in column.groups
        ],
        "chart": charts.intervals(column, identifier),
        "economies": charts.economies(column, identifier),
        "histories": [
            charts.history(column, found, f"{identifier}-h{number}")
            for number, found in enumerate(column.histories)
        ],
    }


def _names(
    column: Column, further: Sequence[str], reference: str | None, *, published: bool
) -> list[View]:
    """The headers of a column's own table."""
    names = [_name("rank", "number"), _name("model")]
    names += [_name("score", "number", first=_first(column)), _name("95 % interval", "number")]
    names += [_name("n", "number", first="down"), _name("clusters", "number", first="down")]
    names += [_name(text, "number", first="down") for text in (*further, "unparsed")]
    if reference is not None:
        names.append(_name(f"beside {reference}", "number", first="down"))
    if published:
        names.append(_name("published (gap)", "number", first="down"))
    names += [_name("parameters", "number"), _name("s / sample", "number")]
    words = ("ranked by", "run of", "commit", "data", "prompt", "decoding", "protocol", "judge")
    return names + [_name(text) for text in words]


def _caption(column: Column) -> str:
    said = {True: "More is better.", False: "Less is better.", None: "Nothing says what is better."}
    return said[column.better]


def _cell(text: str, value: float | str | None = None, kind: str = "text", title: str = "") -> View:
    sorted_by = printable(value) if isinstance(value, str) else _sorted_by(value)
    return {"text": printable(text), "value": sorted_by, "kind": kind, "title": printable(title)}


def _cells(
    one: Standing,
    column: Column,
    rows: Mapping[str, Contender],
    further: Sequence[str],
    *,
    gaps: bool,
    published: bool,
) -> Iterator[View]:
    unit, row = unit_of(column), rows[one.contender]
    rank = None if one.ranks is None else sum(one.ranks) / 2
    why = f"not ranked: {one.unranked}" if one.unranked else f"ranked by {cells.grounds(one)}"
    yield _cell(cells.rank(one), rank, "number", why)
    yield _cell(one.contender, one.contender, "model")
    yield {"kind": "score", "value": _sorted_by(one.value), "shown": _shown(one, unit)}
    yield _cell(cells.ends(one.low, one.high, unit), one.low, "number", one.method)
    for count in (one.n, one.clusters):
        yield _cell("-" if count is None else f"{count:,}", count, "number")
    for name in further:
        yield _cell(*cells.companion(one, name), kind="number")
    yield _cell(cells.share(one.unparsed), one.unparsed, "number")
    if gaps:
        found = one.reference
        difference = None if found is None else found.difference
        method = "" if found is None else found.method or "no scored samples: no interval"
        yield _cell(cells.gap(found, unit), difference, "number", method)
    if published:
        told = one.published[0] if one.published else None
        cards = ", ".join(gap.beside for gap in one.published)
        difference = None if told is None else told.difference
        yield _cell(cells.published(one.published, unit), difference, "number", cards)
    size, seconds = row.parameters, one.origin.seconds
    yield _cell("-" if size is None else cells.cost("parameters", size), size, "number")
    yield _cell("-" if seconds is None else f"{seconds:.3g}", seconds, "number")
    yield _cell(cells.grounds(one), one.by)
    yield from _source(one)


def _digest(found: str | None) -> str:
    return "" if found is None else f"SHA-256 {found}"


def _source(one: Standing) -> Sequence[View]:
    found = one.origin
    data = cells.data(one)
    return (
        _cell(cells.day(one), found.created, title=found.record),
        _cell((found.commit or "-")[: cells.REVISION], found.commit or ""),
        _cell(data, data, title=_digest(found.data_digest)),
        _cell(found.prompt or "unknown", found.prompt or "", title=_digest(found.prompt_digest)),
        _cell(found.decoding or "unknown", found.decoding or ""),
        _cell(found.protocol, found.protocol),
        _cell(found.judge or "-", found.judge or ""),
    )
