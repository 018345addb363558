"""A folder -> the files below it that should be records, and what could not be looked into."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from evalkit.store import RunFolder

BASELINES = "baselines"
"""The name of folders in which baseline files are looked for."""

Passed = Callable[[Path, str], None]
"""Is told of a place that was passed by, and why."""


def record_files(folder: Path, passed: Passed) -> Iterator[Path]:
    """Files below a folder that should be records; nothing inside a run's own folder.

    Args:
        folder: The folder.
        passed: Is told of folders that cannot be read, of links to folders elsewhere, and of runs
            that have no record.
    """

    def unread(error: OSError) -> None:
        passed(Path(os.fsdecode(error.filename)), f"cannot be read: {error.strerror}.")

    for place, folders, files in os.walk(folder, onerror=unread):
        here = Path(place)
        if "run.json" in (*files, *folders):
            folders.clear()
            yield here / "run.json"
            continue
        if _holds_a_run(here, folders, files):
            folders.clear()
            why = "has no run.json: the run was not finished; the same `evalkit run` finishes it."
            passed(here, why)
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            if _leads_out(here / name, folder):
                passed(here / name, "is a link to a folder elsewhere; give that folder itself.")
        if here.name == BASELINES:
            yield from (here / name for name in files if name.endswith(".json"))


def _holds_a_run(here: Path, folders: list[str], files: list[str]) -> bool:
    may = "started.json" in files or not {"journal", "predictions"}.isdisjoint(folders)
    return may and RunFolder(here).holds_a_run


def _leads_out(place: Path, folder: Path) -> bool:
    link = os.path.islink(place)  # noqa: PTH114 - Path.is_symlink fails where a path is too long
    return link and not place.resolve().is_relative_to(folder.resolve())
