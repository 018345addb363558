"""`evalkit compare`: runs beside a reference, sample by sample, and what got better or worse."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.compare.comparing import Choice, Compared
    from evalkit.compare.sides import Scored
    from evalkit.comparison import Comparison, Flip
    from evalkit.report.flips import Questions

ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json", ".txt": "text"}
"""How a page is written, by the ending of its file, where `--out` does not say it."""

FORMATS = ("text", "html", "markdown", "json")
"""How a page can be written."""

FLIPS = 20
"""Of the worst and of the best samples of a task, so many are on an HTML page."""


@click.command(
    epilog="A run is its folder, its run.json, MODEL/RUN in results/, or a baseline: a file, or a "
    "name in results/baselines/. Exit codes: 0 compared, 13 not comparable (the text names every "
    "part that differs), 15 stale, 2 a mistake."
)
@click.argument("runs", nargs=-1, required=True, metavar="REFERENCE RUN...")
@click.option("--reference", metavar="RUN", help="Compare all with this one, not with the first.")
@click.option("--allow", multiple=True, metavar="PARTS", help="Parts that may differ: prompt,...")
@click.option(
    "--metrics",
    type=click.Choice(["headline", "all"]),
    default="headline",
    help="Those that stand for a task, or all that it has.",
)
@click.option("--tasks", multiple=True, metavar="NAMES", help="Only these: pope,mme,...")
@click.option(
    "--flips",
    type=click.IntRange(0),
    metavar="N",
    help="Show the N worst and the N best samples of each task.",
)
@click.option(
    "--out", "outs", multiple=True, metavar="[FORMAT=]FILE",
    help="Write a page: html (with pictures), markdown, json or text, by FORMAT or else by the "
    "ending (.html, .md, .json, .txt); may be repeated.",
)  # fmt: skip
@click.option("--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option(
    "--alpha",
    type=click.FloatRange(1e-6, 0.5),
    default=0.05,
    show_default=True,
    help="Chance that a table without a difference shows one.",
)
@click.option("--draws", type=click.IntRange(100), default=10_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--data", metavar="DIR", help="Where questions and pictures are; else as in the runs."
)
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
def command(
    *,
    runs: tuple[str, ...],
    reference: str | None,
    outs: tuple[str, ...],
    kind: str,
    flips: int | None,
    data: str | None,
    task_paths: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Compare runs with a reference: differences with intervals, and the samples behind them."""
    from evalkit.cli.pages import check_places, form_and_place, write_pages
    from evalkit.cli.screen import ENDLESS, terminal_columns
    from evalkit.cli.show import places_read
    from evalkit.compare.comparing import compare_all
    from evalkit.report.table import printable

    gc.disable()  # of some 100,000 scored samples none is garbage: a third of the time
    told = [form_and_place(out, FORMATS) for out in outs]
    pages = {path: form or _kind(path) for form, path in told}
    check_places([path for _, path in told], places_read(run for run in (*runs, reference) if run))
    first, others = _sides(runs, reference, task_paths)
    compared = compare_all(first, others, _choice(**chosen))
    sheet = _sheet(compared, data, flips, wants_pictures="html" in pages.values())
    write_pages((path, _page(sheet, form, ENDLESS)) for path, form in pages.items())
    print(_page(sheet, kind, terminal_columns()), end="")
    for path in pages:
        print(f"written: {printable(str(path))}", file=sys.stderr)


def _choice(
    *,
    allow: Sequence[str],
    metrics: Any,
    tasks: Sequence[str],
    alpha: float,
    draws: int,
    seed: int,
) -> Choice:
    from evalkit.compare.comparable import allowed
    from evalkit.compare.comparing import Choice

    names = [name.strip() for text in tasks for name in text.split(",")]
    return Choice(
        tasks=tuple(dict.fromkeys(filter(None, names))),
        metrics=metrics,
        allow=allowed(allow),
        draws=draws,
        seed=seed,
        alpha=alpha,
    )


def _kind(path: Path) -> str:
    if path.suffix.lower() not in ENDINGS:
        message = (
            f"{path} must end in {', '.join(ENDINGS)}, as the ending says how it is written; or "
            f"write FORMAT=FILE with a format of {', '.join(FORMATS)}."
        )
        raise UsageError(message)
    return ENDINGS[path.suffix.lower()]


def _sides(
    runs: Sequence[str], reference: str | None, task_paths: Sequence[str]
) -> tuple[Scored, list[Scored]]:
    """The reference, and what is compared with it.

    Raises:
        UsageError: There is nothing to compare it with.
    """
    from evalkit.cli.show import side_of
    from evalkit.compare.sides import load

    names = list(runs) if reference is None else [reference, *runs]
    places = list(dict.fromkeys(map(side_of, names))) if reference else list(map(side_of, names))
    if len(places) == 1:
        message = "One run alone cannot be compared; name the reference and another run."
        raise UsageError(message)
    first, *others = (load(place, task_paths) for place in places)
    return first, others


# Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What pages are made of: numbers, the flips to show, and what those samples asked."""

    comparisons: tuple[Comparison, ...]
    flips: tuple[tuple[Flip, ...], ...]
    questions: Questions
    absent: tuple[str, ...]


def _sheet(
    compared: Sequence[Compared], data: str | None, flips: int | None, *, wants_pictures: bool
) -> _Sheet:
    from evalkit.cli.asked import asked_of

    most = (FLIPS if wants_pictures else 0) if flips is None else flips
    shown = tuple(one.shown(most) for one in compared)
    sides = [compared[0].first, *(one.second for one in compared)]
    held = [flip for own in shown for flip in own.flips]
    found = asked_of(sides, held, data, pictures=wants_pictures)
    return _Sheet(
        comparisons=tuple(one.comparison for one in shown),
        flips=tuple(one.flips for one in shown),
        questions=found.questions,
        absent=found.absent,
    )


def _page(sheet: _Sheet, form: str, width: int) -> str:
    from evalkit.report import compare_page as pages
    from evalkit.report.spoken import json_text

    if form == "json":
        value = pages.compare_json(sheet.comparisons, sheet.flips)
        return json_text(value, indent=1) + "\n"
    if form == "markdown":
        return pages.compare_markdown(sheet.comparisons, sheet.flips, sheet.questions)
    if form == "html":
        return pages.compare_html(sheet.comparisons, sheet.flips, sheet.questions, sheet.absent)
    return _text(sheet, width)


def _text(sheet: _Sheet, width: int) -> str:
    """The page for a terminal: what came out first, then numbers, then what they are."""
    from evalkit.cli.screen import WIDEST
    from evalkit.report.compare_page import titled
    from evalkit.report.compare_table import compare_table, summaries
    from evalkit.report.flips import flip_lines, wrapped
    from evalkit.report.spoken import spoken
    from evalkit.report.table import Table
    from evalkit.report.text_table import folded, text_table

    room = min(width, WIDEST)
    table = compare_table(sheet.comparisons)
    bare = Table(header=table.header, rows=table.rows, notes=())
    keys = 1 if len(sheet.comparisons) == 1 else 2
    lines = [*wrapped(summaries(sheet.comparisons), room)]
    lines += [text_table(part, "").rstrip("\n") for part in folded(bare, keys, width)]
    lines += ["", *(f"  {line}" for line in wrapped(table.notes, room - 2))]
    for _, title, held in titled(sheet.comparisons, sheet.flips):
        lines += ["", *wrapped([title], room), *flip_lines(held, sheet.questions, room)]
    return spoken("\n".join(lines)) + "\n"
