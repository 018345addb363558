"""The judge's cache as rows: its queries, and what a row says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from evalkit.errors import StoreError
from evalkit.judge.cache_database import DAMAGED
from evalkit.judge.cache_lines import CacheLine, fault

COLUMNS = tuple(field.name for field in fields(CacheLine))
"""Columns of the table, in its order."""

FIND = "SELECT * FROM replies WHERE key IN (SELECT value FROM json_each(?))"

KEEP = (
    "INSERT INTO replies VALUES (:key, :backend, :model, :rubric, :text, :finish,"
    " :prompt_tokens, :output_tokens, :served, :asked) ON CONFLICT (key) DO NOTHING"
)
"""INSERT OR IGNORE would also pass over what is wrong with a row in silence."""

DIFFERING = (
    "SELECT count(*) FROM replies WHERE key = :key AND (backend, model, rubric, text, finish)"
    " IS NOT (:backend, :model, :rubric, :text, :finish)"
)
"""Whether the known reply to a key says something else than a row."""

CHOSEN = (
    " FROM replies WHERE (:before IS NULL OR asked < :before)"
    " AND (:model IS NULL OR model = :model) AND (:rubric IS NULL OR rubric = :rubric)"
)
"""The replies that a choice names; a time is after the day that it begins with."""

GROUPS = (
    "SELECT backend, model, rubric, count(*) AS replies,"
    " coalesce(sum(prompt_tokens), 0) AS prompt_tokens,"
    " coalesce(sum(output_tokens), 0) AS output_tokens"
    " FROM replies GROUP BY backend, model, rubric ORDER BY backend, model, rubric"
)
"""What `CacheGroup` says, in the order of its fields."""


def choice(before: date | None, model: str | None, rubric: str | None) -> Mapping[str, str | None]:
    """The parameters of `CHOSEN`; None is no condition.

    Args:
        before: The day (UTC) before which replies were asked.
        model: The judge's name.
        rubric: The rubric's digest.
    """
    day = None if before is None else before.isoformat()
    return {"before": day, "model": model, "rubric": rubric}


def row_of(line: CacheLine) -> Mapping[str, Any]:
    """A reply as the parameters of `KEEP`.

    Args:
        line: What is to be kept.
    """
    told = {name: getattr(line, name) for name in COLUMNS}
    return {**told, "served": json.dumps(line.served, ensure_ascii=False)}


def line_of(row: Sequence[Any], path: Path) -> CacheLine:
    """A row as a reply.

    Args:
        row: All columns.
        path: The cache, for errors.

    Raises:
        StoreError: The row holds what `row_of` does not give.
    """
    held = dict(zip(COLUMNS, row, strict=True))
    try:
        line = CacheLine(**{**held, "served": tuple(json.loads(held["served"]))})
        said = fault(line)
    except (TypeError, ValueError) as error:
        said = str(error)
    if said:
        message = f"The judge's cache {path} {DAMAGED} ({said})."
        raise StoreError(message)
    return line
