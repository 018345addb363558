"""Datasets in local folders: `--data DIR` holds one folder per task.

The files of a split are `<split>*.parquet`, `<split>*.jsonl` or `<split>*.json`, where the split's
name is followed by "-", "." or nothing: `test-00000-of-00003.parquet` belongs to `test`, and
`testdev.parquet` does not. They are looked for in `DIR/<task>/<config>/`, then `DIR/<task>/data/`,
then `DIR/<task>/` (so that a clone of a hub repository is such a folder). A file of another name is
never guessed to be the split.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.data.files import KINDS, Found, TableFiles, require_all_shards
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.task import Task


def find(task: Task, data: Path, label: str) -> Found:
    """The task's files under the folder `data`.

    Raises:
        UsageError: The folder or the split's files are not there, or are of several kinds.
        DataError: A shard is missing.
    """
    folder = task_folder(task, data)
    ref = task.dataset
    places = [folder / ref.config] if ref.config else []
    paths = _split_files([*places, folder / "data", folder], ref.split)
    if not paths:
        raise UsageError(_nothing_found(folder, ref.config, ref.split))
    table = TableFiles(name=ref.config or ref.split, paths=paths, root=data)
    return Found(repository=label, revision=None, table=table, joined=_joined(task, data, folder))


def task_folder(task: Task, data: Path) -> Path:
    """The task's folder under the folder `data`.

    Raises:
        UsageError: One of the two is not there.
    """
    if not data.is_dir():
        what = "is a file, not a folder" if data.exists() else "does not exist"
        message = f"The data folder {data} {what}: give a folder that holds one folder per task."
        raise UsageError(message)
    folder = data / task.folder
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        message = f"The folder {folder} {what}: it must hold the rows of the task {task.name!r}."
        raise UsageError(message)
    return folder


def _joined(task: Task, data: Path, folder: Path) -> TableFiles | None:
    join = task.dataset.join
    if join is None or not (folder / join.config).is_dir():
        return None
    split = join.split or task.dataset.split
    paths = _split_files([folder / join.config], split)
    if not paths:
        raise UsageError(_nothing_found(folder / join.config, None, split))
    return TableFiles(name=join.config, paths=paths, root=data)


def _split_files(places: list[Path], split: str) -> tuple[Path, ...]:
    for place in places:
        paths = [path for path in _tables(place) if _belongs(path, split)]
        if kinds := sorted({path.suffix for path in paths}):
            if len(kinds) > 1:
                message = (
                    f"The folder {place} holds the split {split!r} as {' and as '.join(kinds)}: "
                    "keep one of them."
                )
                raise UsageError(message)
            require_all_shards(paths)
            return tuple(paths)
    return ()


def _tables(place: Path) -> list[Path]:
    try:
        found = place.iterdir() if place.is_dir() else iter(())
        return sorted(path for path in found if path.suffix in KINDS and path.is_file())
    except OSError as error:
        message = f"The folder {place} cannot be read: {error.strerror}."
        raise UsageError(message) from error


def _belongs(path: Path, split: str) -> bool:
    return path.name.startswith((f"{split}-", f"{split}."))


def _nothing_found(folder: Path, config: str | None, split: str) -> str:
    names = [path.name for place in (folder / (config or "."), folder) for path in _tables(place)]
    there = ", ".join(dict.fromkeys(names)) or "none"
    place = f"{folder}/{config} or {folder}" if config else str(folder)
    return (
        f"No file of the split {split!r} is in {place}: it is called {split}*.parquet, "
        f"{split}*.jsonl or {split}*.json (table files that are there: {there})."
    )
