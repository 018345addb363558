"""Places of a leaderboard's charts: intervals, a heat map, number beside cost, history. Pure.

A chart is a mapping that `templates/board_charts.j2` draws as SVG. Coordinates have one decimal, so
that the same numbers give the same bytes; colours are classes of the page, which is light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.report import board_cells as cells
from evalkit.report.board_cells import Unit, heading, unit_of
from evalkit.report.table import printable, shortened
from evalkit.standings import Column, Economy, History, Past, Standing, Standings

Chart = dict[str, Any]
"""What a macro of the template draws."""

WIDTH = 340
"""Of all charts but the heat map: as wide as a small screen allows."""

_TINY = 1e-9  # what no scale tells apart
_ROW = 36  # height of a row of intervals
_LABEL = 27  # characters of a label in a row
_CELL = 72  # width of a cell of the heat map
_NAMES = 176  # width of the names beside it
_STEPS = 8  # colours of the heat map, less one
_DARK = 6  # from this step on the colour is dark
_FRONT = "front"
_POINT = 28  # characters of a point's name
_LETTER = 6.2  # width of one of them


def _place(value: float) -> float:
    return round(value, 1) + 0.0


class Scale:
    """A range of numbers on a range of places."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        """From `low` at the place `start` to `high` at `end`; an empty range is widened."""
        slack = abs(low) * 0.05 if abs(low) > _TINY else 0.05
        is_wide = high - low > _TINY * max(abs(low), abs(high), 1.0)
        self.low, self.high = (low, high) if is_wide else (low - slack, high + slack)
        self.start, self.end = start, end

    def at(self, value: float) -> float:
        """Where a number is."""
        share = (value - self.low) / (self.high - self.low)
        return _place(self.start + share * (self.end - self.start))

    def ticks(self, count: int) -> list[float]:
        """Round numbers inside the range, about `count`."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(k * power for k in (1, 2, 5, 10) if k * power >= rough)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


# Intervals


def intervals(column: Column, identifier: str) -> Chart:
    """The numbers of a column with their intervals, group by group."""
    unit = unit_of(column)
    held = [one for group in column.groups for one in group.standings if one.value is not None]
    known = [value for one in held for value in (one.value, one.low, one.high) if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = (high - low) * 0.04
    scale = Scale(low - margin, high + margin, 6, WIDTH - 6)
    rows = list(_rows(column, scale, unit))
    bottom = (rows[-1]["y"] if rows else 0) + 22
    leaders = [one.contender for one in held if one.leads]
    return {
        "id": identifier,
        "width": WIDTH,
        "height": bottom + 22,
        "top": 4,
        "bottom": bottom,
        "ticks": _ticks(scale, unit, 4),
        "rows": rows,
        "title": printable(f"{heading(column)}: numbers with their 95 % intervals"),
        "told": printable(_told(held, unit, leaders)),
        "caption": "Numbers with their 95 % intervals. Filled: may be first; diamond: no interval.",
    }


def _told(held: Sequence[Standing], unit: Unit, leaders: Sequence[str]) -> str:
    shown = "; ".join(f"{one.contender} {cells.score(one, unit)}" for one in held)
    first = f" May be first: {', '.join(leaders)}." if leaders else ""
    return f"{shown or 'no number'}.{first}"


def _rows(column: Column, scale: Scale, unit: Unit) -> Iterator[Chart]:
    y = 16
    for group in column.groups:
        if group.title:
            title = f"Not comparable: {group.title}"
            yield {"heading": shortened(title, 56), "whole": printable(title), "y": y}
            y += 22
        for one in group.standings:
            yield _row(one, scale, unit, y, apart=bool(group.title))
            y += _ROW


def _row(one: Standing, scale: Scale, unit: Unit, y: int, *, apart: bool) -> Chart:
    has = one.low is not None and one.high is not None
    return {
        "heading": "",
        "y": y,
        "label": shortened(one.contender, _LABEL),
        "whole": printable(one.contender),
        "score": cells.score(one, unit),
        "leads": one.leads,
        "apart": apart,
        "x": None if one.value is None else scale.at(one.value),
        "low": scale.at(one.low or 0.0) if has else None,
        "high": scale.at(one.high or 0.0) if has else None,
    }


def _ticks(scale: Scale, unit: Unit, count: int) -> list[Chart]:
    found = []
    for value in scale.ticks(count):
        x = scale.at(value)
        anchor = "start" if x < scale.start + 12 else "end" if x > scale.end - 12 else "middle"
        found.append({"x": x, "anchor": anchor, "text": f"{value * unit.factor:g}"})
    return found


def _levels(scale: Scale, unit: Unit) -> list[Chart]:
    return [{"y": scale.at(value), "text": f"{value * unit.factor:g}"} for value in scale.ticks(4)]


# The heat map


def heat(standings: Standings) -> Chart:
    """Models by columns: the main group, each cell with its number.

    A colour is the share of the largest possible number, or of the column's largest where that is
    not known; of a column in which less is better it is turned round.
    """
    columns = [column for column in standings.columns if _by_row(column)]
    held = [(column, _by_row(column)) for column in columns]
    rows: list[Chart] = []
    for row in standings.contenders:
        shown = [(column, by_row.get(row.label)) for column, by_row in held]
        if any(one for _, one in shown):
            cells_ = [_cell(column, one, place) for place, (column, one) in enumerate(shown)]
            label, whole = shortened(row.label, 24), printable(row.label)
            y = 38 + 26 * len(rows)
            rows.append({"label": label, "whole": whole, "y": y, "cells": cells_})
    told = "; ".join(
        f"{row['whole']}: {', '.join(c['text'] for c in row['cells'])}" for row in rows
    )
    return {
        "id": "heat",
        "width": _NAMES + _CELL * len(columns),
        "height": 44 + 26 * len(rows),
        "cell": _CELL,
        "names": _names(columns),
        "rows": rows,
        "title": "Heat map of models by columns",
        "told": f"Numbers in the order of the columns. {told}.",
        "caption": "Rows that may stand beside each other; darker is nearer to the largest "
        "possible number. Bold: may be first.",
    }


def _names(columns: Sequence[Column]) -> list[Chart]:
    """What stands above the heat map: of each column the task, and below it the metric."""
    return [
        {
            "text": shortened(word, 11),
            "whole": printable(heading(column)),
            "x": _NAMES + place * _CELL + (_CELL - 2) / 2,
            "y": 14 + 14 * line,
        }
        for place, column in enumerate(columns)
        for line, word in enumerate((column.task, column.metric))
    ]


def _by_row(column: Column) -> dict[str, Standing]:
    main = column.groups[0]
    return {} if main.title else {one.contender: one for one in main.standings}


def _cell(column: Column, one: Standing | None, place: int) -> Chart:
    x = _NAMES + place * _CELL
    blank = {"x": x, "middle": x + (_CELL - 2) / 2, "fill": "none", "ink": "", "leads": False}
    if one is None or one.value is None:
        return {**blank, "text": "-"}
    step = round(_STEPS * _share(column, one.value))
    ink = "on-dark" if step >= _DARK else "on-light"
    text = cells.short_score(one, unit_of(column))
    return {**blank, "fill": f"h{step}", "ink": ink, "text": text, "leads": one.leads}


def _share(column: Column, value: float) -> float:
    """The share of the largest number, from 0 to 1; turned round where less is better."""
    values = [one.value or 0.0 for one in column.groups[0].standings]
    largest = column.maximum or max(map(abs, values)) or 1.0
    share = min(max(value / largest, 0.0), 1.0)
    return 1 - share if column.better is False else share


# A number beside what it costs, and over time


def economies(column: Column, identifier: str) -> list[Chart]:
    """A chart for each kind of cost."""
    return [
        _economy(column, kind, held, f"{identifier}-{number}")
        for number, (kind, held) in enumerate(column.economies.items())
    ]


def _economy(column: Column, kind: str, held: Sequence[Economy], identifier: str) -> Chart:
    unit, frame = unit_of(column), _frame([one.value for one in held])
    costs = [math.log10(one.cost) for one in held]
    across = Scale(min(costs), max(costs), frame["left"] + 10, WIDTH - 16)
    marks = {one.contender: cells.signs(one) for one in column.groups[0].standings}
    points = [
        _point(column, kind, one, across, frame["scale"], marks=marks[one.contender])
        for one in held
    ]
    _label(points)
    front = [point for point in points if point["standing"] == _FRONT]  # the cheapest first
    path = " ".join(f"{'L' if i else 'M'}{p['x']} {p['y']}" for i, p in enumerate(front))
    shown = "; ".join(point["whole"] for point in points)
    machine = "" if kind == "parameters" else " of this task, each on the machine of its run"
    ends = sorted({min(costs), max(costs)})
    return {
        **frame,
        "id": identifier,
        "levels": _levels(frame["scale"], unit),
        "ticks": [
            {"x": across.at(c), "anchor": anchor, "text": cells.cost(kind, 10**c)}
            for c, anchor in zip(ends, ("start", "end"), strict=False)
        ],
        "front": path,
        "points": points,
        "title": printable(f"{heading(column)} beside {kind}"),
        "told": f"{shown}.",
        "caption": f"Score beside {kind}{machine}. Filled: none that costs no more has a better "
        "one; other colour: such a one is better for sure.",
    }


def _frame(values: Sequence[float]) -> Chart:
    margin = (max(values) - min(values)) * 0.12
    scale = Scale(min(values) - margin, max(values) + margin, 168, 24)
    return {
        "width": WIDTH,
        "height": 196,
        "left": 44,
        "right": WIDTH,
        "top": 16,
        "bottom": 172,
        "scale": scale,
    }


def _point(
    column: Column, kind: str, one: Economy, across: Scale, up: Scale, *, marks: str
) -> Chart:
    x = across.at(math.log10(one.cost))
    is_right = x > WIDTH / 2
    words = {
        "front": "none that costs no more is better",
        "near": "another is better, not for sure",
        "behind": "another is better for sure",
    }
    shown = f"{unit_of(column).text(one.value)} {marks}".rstrip()
    told = f"{shown}, {cells.cost(kind, one.cost)}"
    return {
        "x": x,
        "y": up.at(one.value),
        "standing": one.standing,
        "label": f"{shortened(one.contender.rpartition('/')[2], _POINT)} {marks}".rstrip(),
        "anchor": "end" if is_right else "start",
        "whole": printable(f"{one.contender}: {told}, {words[one.standing]}"),
    }


def _label(points: Sequence[Chart]) -> None:
    """Place the names of points where there is room, of the front first; others are told only."""
    taken = [(p["x"] - 5, p["y"] - 5, p["x"] + 5, p["y"] + 5) for p in points]
    for point in sorted(points, key=lambda p: p["standing"] != _FRONT):
        free = (each for each in _spots(point) if not any(_meet(each[1], other) for other in taken))
        anchor, spot = next(free, ("", None))
        if spot is None:
            point["label"] = ""
            continue
        taken.append(spot)
        point["anchor"], point["text_y"] = anchor, _place(spot[1] + 10)


def _spots(point: Chart) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    """Where a point's name may stand, each with how it is anchored."""
    x, y, width = point["x"], point["y"], _LETTER * len(point["label"])
    for anchor in dict.fromkeys((point["anchor"], "start", "end")):
        left = x - width if anchor == "end" else x
        for top in (y - 19, y + 8):
            if left >= 0 and left + width <= WIDTH and top >= 0:
                yield anchor, (left, top, left + width, top + 11)


def _meet(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    """Whether two boxes (left, top, right, bottom) touch."""
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def history(column: Column, found: History, identifier: str) -> Chart:
    """A model's runs, the oldest at the left."""
    unit = unit_of(column)
    ends = [v for past in found.past for v in (past.value, past.low, past.high) if v is not None]
    frame = _frame(ends)
    across = Scale(0, len(found.past) - 1, frame["left"] + 10, WIDTH - 16)
    up = frame["scale"]
    last = len(found.past) - 1
    points = [
        _run(past, unit, across.at(place), up, is_last=place == last)
        for place, past in enumerate(found.past)
    ]
    return {
        **frame,
        "id": identifier,
        "levels": _levels(up, unit),
        "ticks": [
            {"x": across.at(i), "anchor": anchor, "text": found.past[i].created[:10]}
            for i, anchor in ((0, "start"), (last, "end"))
        ],
        "front": " ".join(f"{'L' if i else 'M'}{p['x']} {p['y']}" for i, p in enumerate(points)),
        "points": points,
        "title": printable(f"{heading(column)}: runs of {found.model}"),
        "told": f"{'; '.join(point['whole'] for point in points)}.",
        "caption": printable(
            f"Runs of {found.model}, the newest at the right"
            + (f" ({found.group})" if found.group else "")
        ),
    }


def _run(past: Past, unit: Unit, x: float, up: Scale, *, is_last: bool) -> Chart:
    """A run's point; its marks stand beside it."""
    commit = f", commit {past.commit[:12]}" if past.commit else ""
    weights = f", weights {past.revision[:12]}" if past.revision else ""
    marks = cells.signs(past)
    shown = f"{unit.text(past.value)} {marks}".rstrip()
    has = past.low is not None and past.high is not None
    return {
        "x": x,
        "y": up.at(past.value),
        "low": up.at(past.low or 0.0) if has else None,
        "high": up.at(past.high or 0.0) if has else None,
        "marks": marks,
        "marks_x": _place(x - 7 if is_last else x + 7),
        "anchor": "end" if is_last else "start",
        "whole": printable(f"{past.created[:10]}: {shown}{commit}{weights}, {past.record}"),
    }
