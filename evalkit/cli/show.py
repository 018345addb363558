"""`evalkit show`: the numbers of a finished run, without asking any model."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import click

from evalkit.errors import StoreError, UsageError
from evalkit.store import RunFolder, load_run
from evalkit.writing import write_text

RESULTS = Path("results")
"""Where runs are kept."""

PUBLISHED = RESULTS / "published"
"""Where records of published numbers stand, by MODEL/RUN or PUBLICATION/MODEL."""

BASELINES = RESULTS / "baselines"
"""Where baselines are kept by name."""


@click.command()
@click.argument("run", metavar="RUN")
@click.option("--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option("--all", "every_metric", is_flag=True, help="All metrics, and slices.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the page to a file.")
def command(run: str, kind: str, out: str | None, *, every_metric: bool) -> None:
    """Show the numbers of a finished run: its folder, its run.json, or MODEL/RUN in results/."""
    from evalkit.report.markdown import run_page
    from evalkit.report.spoken import json_text
    from evalkit.report.table import breakdown_tables, run_table
    from evalkit.report.text_table import text_table

    record = load_run(place_of(run))
    if out is not None and Path(out).name == "run.json":
        message = f"{out} is the name of a run's record; give the page another."
        raise UsageError(message)
    if kind == "json":
        page = json_text(record, indent=1) + "\n"
    elif kind == "markdown":
        page = run_page(record)
    else:
        title = f"{record.model.name} ({record.name})"
        page = text_table(run_table(record, every_metric=every_metric), title)
        for result in record.results if every_metric else ():
            for name, table in breakdown_tables(result):
                page += "\n" + text_table(table, f"{result.task} {name}")
    if out is None:
        print(page, end="")
    else:
        write_text(Path(out), page)


def place_of(run: str, what: str = "run") -> Path:
    """Where the run stands.

    Args:
        run: Its folder, its record, or MODEL/RUN in results/, or in results/published/.
        what: What it could be instead, in words, for the error's text.

    Raises:
        StoreError: There is none there, or it was not finished; the text says what to do.
    """
    place = next((p for p in _places(run) if p.exists()), None)
    if place is None:
        message = f"There is no {what} at {run}, nor in {RESULTS}/.{_near(run)}"
        raise StoreError(message)
    folder = RunFolder(place)
    if folder.record_path.exists() or place.is_file():
        return place
    if folder.started_path.exists():
        message = (
            f"The run {place} was not finished. Its answers are on disk: the command that started "
            "it, given again, goes on from there."
        )
        raise StoreError(message)
    message = f"There is no run record in {place}.{_near(run)}"
    raise StoreError(message)


def _places(run: str) -> tuple[Path, ...]:
    """Where a run of that name may stand, the first of them first."""
    return Path(run), RESULTS / run, PUBLISHED / run


def side_of(name: str) -> Path:
    """Where a side of a comparison stands: a run as `place_of`, or a baseline by its bare name.

    Raises:
        StoreError: There is neither.
    """
    try:
        return place_of(name)
    except StoreError:
        if (kept := kept_at(name)) is None:
            raise
        return kept


def kept_at(name: str) -> Path | None:
    """The file of a baseline, by its path or its name in results/baselines; None: there is none."""
    places = (Path(name), BASELINES / name, BASELINES / f"{name}.json")
    return next((place for place in places if place.is_file()), None)


def places_read(names: Iterable[str]) -> list[Path]:
    """All places at which a side of such a name may stand: nothing is written there."""
    return [
        place for name in names for place in (*_places(name), kept_at(name)) if place is not None
    ]


def _near(run: str) -> str:
    """The run folders that may have been meant: those below, and those of a like name."""
    files = [*RESULTS.glob("*/*/run.json"), *PUBLISHED.glob("*/*/run.json")]
    found = sorted(file.parent for file in files)
    below = [path for path in found if Path(run).resolve() in path.resolve().parents]
    by_name = {path.name: path for path in found}
    close = get_close_matches(Path(run).name, by_name, n=3, cutoff=0.5)
    near = below or [path for path in found if path.name in close]
    return f" Did you mean {' or '.join(map(str, near[:3]))}?" if near else ""
