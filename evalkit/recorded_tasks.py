"""Which own task files of a record are run: one that came from elsewhere chooses no code.

A record names task files, and so does a leaderboard's page. One is run where the user names it
(`--task-path`), and otherwise only where all of this holds:

- it is below the current folder, which is the project whose code is trusted;
- it is not below that folder of the current one in which the record, or the page, is, as `results`:
  a folder that was downloaded brings its own record, and may bring a file that fits it;
- it has, with the modules of its folder that it imports, the digest that the record has of the task
  (`scorer.source`): what the run was made by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit import registry
from evalkit.errors import UsageError
from evalkit.run_record import RunRecord
from evalkit.task import Task
from evalkit.task_source import is_below, task_digest

_ELSEWHERE = "not below the current folder"
_BESIDE = "in the folder that the record came in"
_CHANGED = "gone, or not what the run was made by"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTasks:
    """The tasks of a record.

    Attributes:
        paths: Files or folders with further tasks: those that the user names, or else the files of
            the record that may be run.
        strange: What the record names and is not taken.
        why: Why it is not.
    """

    paths: tuple[str, ...]
    strange: tuple[str, ...] = ()
    why: str = ""

    @classmethod
    def of(
        cls,
        record: RunRecord,
        given: Sequence[str] = (),
        *,
        places: Sequence[Path],
        more: Sequence[str] = (),
    ) -> RecordedTasks:
        """The tasks of a record.

        Args:
            record: The record.
            given: The task files that the user names; none is those of the record.
            places: Where the record is (a run's folder, a file), and the page that names it.
            more: Task files that the page names.
        """
        if given:
            return cls(paths=tuple(given))
        here, sources = Path.cwd().resolve(), sources_of(record)
        brought = [folder for place in places if (folder := _brought(place, here))]
        taken: list[str] = []
        refused: dict[str, str] = {}
        for told in dict.fromkeys((*record.config.task_paths, *more)):
            held = []
            if not is_below(told, here):
                refused[told] = _ELSEWHERE
            elif any(is_below(told, folder) for folder in brought):
                refused[told] = _BESIDE
            elif held := [file for file in _files(told) if digest_of(Path(file)) in sources]:
                taken += held
            else:
                refused[told] = _CHANGED
        why = ", or ".join(dict.fromkeys(refused.values()))
        return cls(paths=tuple(taken), strange=tuple(refused), why=why)

    def load(self, name: str) -> Task:
        """A task; errors are those of `load_task`, and say which files were not taken."""
        try:
            return registry.load_task(name, self.paths)
        except UsageError as error:
            raise self.explained(error) from error

    def explained(self, error: UsageError) -> UsageError:
        """An error about a task, with the files that were not taken."""
        if not self.strange:
            return error
        return UsageError(
            f"{error} The run's record names the task files {', '.join(self.strange)}; "
            f"{self.why}, they are run only if --task-path names them."
        )


def sources_of(record: RunRecord) -> set[str]:
    """The digests of own tasks in a record."""
    sources = {result.fingerprint.scorer.source for result in record.results}
    return {source for source in sources if source is not None}


def digest_of(file: Path) -> str | None:
    """The digest of a task file; None where it cannot be read."""
    try:
        return task_digest(file)
    except (OSError, ValueError):
        return None


def _brought(place: Path, here: Path) -> Path | None:
    """The folder of the current one in which a place is; None where it is in none."""
    try:
        parts = place.resolve().relative_to(here).parts
    except (OSError, RuntimeError, ValueError):
        return None
    first = here / parts[0] if parts else here
    return first if first != here and first.is_dir() else None


def _files(told: str) -> Iterator[str]:
    """The task files that a path names; those of a folder by the folder's name."""
    try:
        found = [file.path for file in registry.path_files([told])]
    except (UsageError, OSError, ValueError):
        return
    is_folder = Path(told).is_dir()
    yield from ((Path(told) / file.name).as_posix() if is_folder else told for file in found)
