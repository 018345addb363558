"""Where a self-reported number was published, and how it is printed there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedCell:
    """One cell of a publication's table.

    Attributes:
        task: The task's name in the record's results.
        metric: The metric's name there.
        text: Exactly what is printed, such as "66.2", "19.9%" or, with a slip, "73.8.".
        unit: What the printed number counts: "fraction" (0.75), "percent" (75.0), or "points", a
            sum or a number that is no share (MME's 0 to 2000, CIDEr times 100).
        table: Which of the publication's tables it stands in.
        erratum: What is known to be wrong with it; None where nothing is.
    """

    task: str
    metric: str
    text: str
    unit: Literal["fraction", "percent", "points"]
    table: str
    erratum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Where self-reported numbers were read.

    Attributes:
        card: The card's file name.
        digest: SHA-256 of that file.
        title: The card's title.
        url: Its address; None where it was not given.
        factors: What tells the publication's models apart, by the names of its columns, such as
            {"size": "3B", "resolution": "224"}.
        cells: Its numbers as they are printed, in the order of the tables.
    """

    card: str
    digest: str
    title: str
    url: str | None
    factors: Mapping[str, str]
    cells: tuple[PrintedCell, ...]
