"""A folder of results -> its records, each with where its scored samples are, and what is damaged.

Records are `run.json` files, and baseline files in a folder `baselines`; a baseline of a run that
stands there too serves as its scored samples, so that what is committed is enough.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from evalkit.board.places import record_files
from evalkit.compare import baseline_file, sides
from evalkit.compare.sides import Scored
from evalkit.errors import EvalkitError, StaleError, StoreError
from evalkit.run_record import RunRecord
from evalkit.standings import LeftOut
from evalkit.store import load_run

ScoresFrom = Literal["auto", "baselines", "none"]
"""Where scored samples are taken from: wherever they are, from committed baselines alone, or not
at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record of the leaderboard.

    Attributes:
        path: The record's file, relative to the root, with "/".
        record: The record.
        scores: The baseline file or the run's folder that has its scored samples, relative to the
            root; None where none are used.
        scored: The same, to be read; None likewise.
        root: What paths are relative to.
    """

    path: str
    record: RunRecord
    scores: str | None
    scored: Scored | None
    root: Path = field(default=Path(), compare=False)

    def fresh(self) -> Scored | None:
        """Its scored samples, to be read anew: what was read is held as long as this is."""
        return None if self.scored is None else replace(self.scored)

    def told(self, text: str) -> str:
        """A text about the record, without its path at the beginning and without the root."""
        return (
            _without(text, self.root).removeprefix(f"{self.path} ").removeprefix(f"{self.path}: ")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What stands below a folder.

    Attributes:
        entries: The records, by path; of copies the first.
        left_out: Files that are no whole record, and places that were not looked into.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A record as a page names it: its file, its digest, and where its scored samples are."""

    path: str
    digest: str
    scores: str | None


def read(
    folder: Path,
    *,
    scores: ScoresFrom = "auto",
    task_paths: Sequence[str] = (),
    root: Path = Path(),
) -> Folder:
    """All records below a folder.

    Args:
        folder: The folder, relative to the root or not.
        scores: Where scored samples are taken from.
        task_paths: Files or folders with further tasks.
        root: What paths are relative to.

    Raises:
        StoreError: There is no such folder.
    """
    if not folder.is_dir():
        message = f"There is no folder {folder}; give the folder in which runs are, as results/."
        raise StoreError(message)
    found: dict[str, Entry] = {}
    left_out: list[LeftOut] = []

    def passed(place: Path, why: str) -> None:
        path = _from(root, place).encode(errors="backslashreplace").decode()
        left_out.append(LeftOut(path=path, why=why))

    places = record_files(folder, passed)
    for place in sorted(places, key=lambda path: path.as_posix()):
        try:
            entry = _whole(root, _from(root, place), scores, task_paths)
        except EvalkitError as error:
            passed(place, str(error))
            continue
        held = found.get(entry.record.digest)
        found[entry.record.digest] = entry if held is None else _joined(held, entry)
    entries = tuple(sorted(found.values(), key=lambda entry: entry.path))
    return Folder(entries=entries, left_out=tuple(left_out))


def _whole(root: Path, path: str, scores: ScoresFrom, task_paths: Sequence[str]) -> Entry:
    """The entry of a file.

    Raises:
        StoreError: It is none; the text says why, and not where.
    """
    if not _is_unicode(path):
        message = "its path is no valid Unicode; give it another name."
        raise StoreError(message)
    try:
        return _entry(root, path, scores, task_paths)
    except EvalkitError as error:
        message = _without(str(error), root).removeprefix(f"{path} ")
        raise StoreError(message) from error
    except OSError as error:
        message = f"cannot be read: {error.strerror}."
        raise StoreError(message) from error


def _from(root: Path, place: Path) -> str:
    """A place as a path from the root, with "/"."""
    return Path(os.path.relpath(place, root)).as_posix()


def _is_unicode(path: str) -> bool:
    return path.encode(errors="replace").decode() == path


def _without(text: str, root: Path) -> str:
    """A text without the place of the root: pages say the same on every machine."""
    return text if root == Path() else text.replace(f"{root.as_posix()}/", "")


def load(
    records: Sequence[Named],
    *,
    task_paths: Sequence[str] = (),
    root: Path = Path(),
    page: Path | None = None,
    more: Sequence[str] = (),
) -> tuple[Entry, ...]:
    """The records that a page names, each the one that it was made of.

    Args:
        records: The records, as the page names them.
        task_paths: Files or folders with further tasks, as the user names them.
        root: What paths are relative to.
        page: The page.
        more: Task files that the page names; they are run as `evalkit.recorded_tasks` says.

    Raises:
        StoreError: A record is not there, or damaged.
        StaleError: A record is another one, or its scored samples are gone.
    """
    entries = []
    for told in records:
        entry = _entry(root, told.path, "none", task_paths)
        if told.scores is not None:
            own = Path(entry.path).parent.as_posix() == told.scores
            place = root / (entry.path if own else told.scores)
            scored = sides.load(place, task_paths, page=page, more=more)
            entry = replace(entry, scores=told.scores, scored=scored)
        held = {entry.record.digest} | ({entry.scored.record.digest} if entry.scored else set())
        if held != {told.digest}:
            message = (
                f"{told.path} is not the record that the page was made of; make the page again "
                "with `evalkit leaderboard`."
            )
            raise StaleError(message)
        entries.append(entry)
    return tuple(entries)


def named(entry: Entry) -> Named:
    """An entry as a page names it: what `load` reads."""
    return Named(path=entry.path, digest=entry.record.digest, scores=entry.scores)


def _entry(root: Path, path: str, scores: ScoresFrom, task_paths: Sequence[str]) -> Entry:
    place = root / path
    is_run = place.name == "run.json"
    if not is_run and not baseline_file.is_baseline(place):
        message = f"{place} is no baseline file: it is not one's JSON, or cannot be read."
        raise StoreError(message)
    holds = (place.parent / "scores").is_dir() if is_run else True
    if not holds or scores == "none" or (is_run and scores == "baselines"):
        record = load_run(place) if is_run else baseline_file.read(place).record
        return Entry(path=path, record=record, scores=None, scored=None, root=root)
    side = sides.load(place, task_paths)
    where = Path(path).parent.as_posix() if is_run else path
    return Entry(path=path, record=side.record, scores=where, scored=side, root=root)


def _joined(one: Entry, two: Entry) -> Entry:
    """Of a run and its baseline the run, with the baseline's scores; of copies the first."""
    run, other = (two, one) if two.path.endswith("/run.json") else (one, two)
    if other.path.endswith("/run.json") or not run.path.endswith("/run.json"):
        kept = min(one, two, key=lambda entry: entry.path)
        spare = two if kept is one else one
        return kept if kept.scored else replace(kept, scores=spare.scores, scored=spare.scored)
    if other.scored is None:
        return run
    return replace(run, scores=other.scores, scored=other.scored)
