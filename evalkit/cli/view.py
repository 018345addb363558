"""`evalkit view`: look through runs, sample by sample, in a browser."""

from __future__ import annotations

import importlib.util
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.errors import EvalkitError, MissingExtraError, StoreError, UsageError
from evalkit.store import RunFolder

if TYPE_CHECKING:
    from evalkit.data import DataSource
    from evalkit.run_record import RunRecord
    from evalkit.view.library import Library
    from evalkit.view.opened import Run

_KEY = 12  # digits of a digest that name a run in addresses


@click.command(
    epilog="A run is its folder, its run.json, or MODEL/RUN in results/; none is all in results/. "
    "The page is seen from this machine alone, by the address with its token; Ctrl-C ends it."
)
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: any that is free.")
@click.option(
    "--export", "folder", type=click.Path(path_type=Path), metavar="DIR",
    help="Write the pages to a folder, to be opened without a server.",
)  # fmt: skip
@click.option(
    "--samples", "most", type=click.IntRange(1), default=1000, show_default=True,
    help="With --export, the most samples of a task.",
)  # fmt: skip
@click.option(
    "--data", metavar="DIR", help="Where questions and pictures are; else as in the runs."
)
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
def command(
    *,
    runs: tuple[str, ...],
    port: int,
    folder: Path | None,
    most: int,
    data: str | None,
    task_paths: tuple[str, ...],
    opens: bool,
) -> None:
    """Look through runs: numbers, and samples with picture, prompt, answer, score and verdict."""
    library = _library(runs, data, task_paths)
    if folder is not None:
        _export(library, folder, most)
    else:
        _serve(library, port, opens=opens)


def _export(library: Library, folder: Path, most: int) -> None:
    from evalkit.cli.local_places import say_local
    from evalkit.report.table import printable
    from evalkit.view.export import check_folder, export

    check_folder(folder, library)
    number = 0
    for number, path in enumerate(export(library, folder, most), start=1):  # noqa: B007
        pass
    print(f"written: {printable(str(path))} ({number} pages)")
    for run in library.runs.values():
        say_local(f"The page of {run.record.model.name}/{run.record.name}", run.record)


def _serve(library: Library, port: int, *, opens: bool) -> None:
    """Serve until the user has seen enough: an interrupt is how this command ends."""
    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "view", "evalkit view")
    from evalkit.view.door import LOOPBACK
    from evalkit.view.server import application, listening, serve

    token = secrets.token_urlsafe(24)
    with listening(port) as door:
        own = door.getsockname()[1]
        address = f"http://{LOOPBACK}:{own}/?token={token}"
        print(f"{address}\nThe page is open to this machine alone; Ctrl-C ends it.", flush=True)
        if opens:
            import webbrowser

            webbrowser.open(address)
        try:
            serve(application(library, token, f"evalkit-{own}"), door)
        except KeyboardInterrupt:
            print(file=sys.stderr)


# Which runs


def _library(names: Sequence[str], data: str | None, task_paths: Sequence[str]) -> Library:
    """The runs that are named, or all in results/.

    Raises:
        StoreError: One that is named is not there or damaged, or there is none at all.
        StaleError: One that is named was edited.
        UsageError: One that is named is a baseline.
    """
    from evalkit.view.library import Library

    troubles: list[str] = []
    found = [_run(_place(name)) for name in names] if names else _all_runs(troubles)
    if not found:
        why = f" {troubles[0]}" if troubles else ""
        message = (
            "There is no finished run in results/: `evalkit run demo` makes one, and "
            f"`evalkit view RUN` shows one that is elsewhere.{why}"
        )
        raise StoreError(message)

    def source_of(record: RunRecord) -> DataSource:
        return _source(record, data)

    return Library(found, source_of, task_paths=task_paths, troubles=troubles)


def _place(name: str) -> Path:
    """Where a run stands.

    Raises:
        StoreError: There is none there.
        UsageError: It is a baseline.
    """
    from evalkit.cli.show import kept_at, place_of, side_of

    if (kept := kept_at(name)) is not None and kept.name != "run.json" and side_of(name) == kept:
        _refuse_baseline(kept)
    return place_of(name)


def _refuse_baseline(place: Path) -> None:
    from evalkit.compare import baseline_file

    try:
        record = baseline_file.read(place).record
    except StoreError:
        return  # it is none
    message = (
        f"{place} is a baseline: it keeps scores, and neither texts nor pictures. View the run "
        f"that it was made of, {record.model.name} ({record.name}) of {record.created}; `evalkit "
        "compare` says which samples another run answers otherwise."
    )
    raise UsageError(message)


def _all_runs(troubles: list[str]) -> list[Run]:
    """Every finished run in results/; a damaged one is a sentence among the troubles."""
    from evalkit.cli.show import RESULTS

    found = []
    for path in sorted(RESULTS.glob("*/*/run.json")):
        try:
            found.append(_run(path.parent))
        except EvalkitError as error:
            troubles.append(str(error))
    return found


def _run(place: Path) -> Run:
    from evalkit.store import load_run
    from evalkit.view.opened import Run

    record = load_run(place)
    return Run(
        key=record.digest[:_KEY],
        label=f"{record.model.name} ({record.name})",
        folder=RunFolder(place.parent if place.is_file() else place),
        record=record,
    )


def _source(record: RunRecord, data: str | None) -> DataSource:
    """Where a run's data are: as `--data` says, or as it had them; nothing is fetched."""
    from evalkit.data import DataSource
    from evalkit.prepare import demo_source

    place = data or record.config.data
    if place == "demo":
        return demo_source()
    return DataSource(folder=Path(place) if place else None, offline=True)
