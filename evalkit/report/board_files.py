"""A leaderboard as CSV and JSON, at full precision. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from evalkit.records import plain
from evalkit.report.spoken import json_text
from evalkit.report.table import printable
from evalkit.standings import Column, Contender, Group, Standing, Standings

SCHEMA = 1
"""Version of the JSON object's layout."""

_FORMULA = ("=", "+", "-", "@")

HEADER = (
    *("task", "metric", "group", "comparable", "rank_low", "rank_high", "ranked_by", "leads"),
    *("model", "name", "revision", "dtype", "parameters", "card"),
    *("value", "low", "high", "method", "n", "clusters", "maximum", "failed", "marks", "why_not"),
    *("beside", "unparsed", "trained_on"),
    *("reference", "reference_difference", "reference_low", "reference_high"),
    *("published", "published_gap", "published_card", "seconds_per_sample"),
    *("created", "commit", "evalkit", "backend", "data", "data_revision", "data_digest"),
    *("prompt", "prompt_digest", "decoding", "protocol", "judge"),
    *("record", "digest"),
)
"""Names of the CSV file's columns."""


def board_json(standings: Standings) -> str:
    """The leaderboard as one JSON object."""
    return json_text({"schema": SCHEMA, **plain(standings)}, indent=1) + "\n"


def board_csv(standings: Standings) -> str:
    """The leaderboard as a table, one row a number, in which no text is a spreadsheet's formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    rows = {row.label: row for row in standings.contenders}
    for column in standings.columns:
        for group in column.groups:
            for one in group.standings:
                found = _row(column, group, one, rows[one.contender])
                writer.writerow([_field(value) for value in found])
    return out.getvalue()


def _row(column: Column, group: Group, one: Standing, row: Contender) -> Iterator[Any]:
    yield from (column.task, column.metric, group.title, group.comparable)
    yield from (*(one.ranks or (None, None)), one.by, one.leads)
    yield from (row.label, row.model, row.revision, row.dtype, row.parameters, row.card)
    yield from (one.value, one.low, one.high, one.method, one.n, one.clusters, column.maximum)
    yield from (one.failed, "".join(one.marks), one.withheld or one.unranked)
    yield "; ".join(f"{held.name}={held.value!r}" for held in one.companions) or None
    yield one.unparsed
    yield "; ".join(said.data for said in one.trained_on) or None
    found = one.reference
    yield from (
        (None,) * 4
        if found is None
        else (*(found.beside, found.difference, found.low, found.high),)
    )
    yield _joined([gap.value for gap in one.published])
    yield _joined([gap.difference for gap in one.published])
    yield _joined([gap.beside for gap in one.published])
    origin = one.origin
    yield from (origin.seconds, origin.created, origin.commit, origin.evalkit, origin.backend)
    yield from (origin.data, origin.revision, origin.data_digest, origin.prompt)
    yield from (origin.prompt_digest, origin.decoding, origin.protocol, origin.judge)
    yield from (origin.record, origin.digest)


def _joined(values: Sequence[float | str]) -> float | str | None:
    """Several values in one field; a single one as it is."""
    if len(values) == 1:
        return values[0]
    return "; ".join(map(str, values)) or None


def _field(value: Any) -> str:
    """A value as a field; a text that a spreadsheet would compute gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return repr(value)
    text = printable(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
