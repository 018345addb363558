"""Which own task files a gate runs: those that its baseline was made by, as they were then.

Who may change a candidate's record, or files beside it, must not choose the code that judges it. A
baseline is reviewed before it is accepted, and its record has the digest of each own task
(`scorer.source`). So its files may stand beside it, which those of other records may not
(`evalkit.recorded_tasks`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from evalkit import registry
from evalkit.compare.sides import Scored
from evalkit.errors import UsageError
from evalkit.recorded_tasks import digest_of, sources_of
from evalkit.task_source import is_below

_CHANGED = "not below the current folder, or not what they were then"
_STRANGE = "not those of the baseline's record, or these are gone or changed"


def reviewed(baseline: Scored, candidate: Scored) -> tuple[Scored, Scored]:
    """Both sides, counted by own task files of the baseline; no file of the candidate is run.

    Args:
        baseline: The reviewed side, with the task files of its record; those that the user names
            are not for this.
        candidate: The other one, alike.
    """
    known, told = (sources_of(side.record) for side in (baseline, candidate))
    found = ((file, digest_of(file)) for file in _files(baseline, below=True))
    held = {file: digest for file, digest in found if digest in known}
    shared = [file for file, digest in held.items() if digest in told]
    return _by(baseline, held, _CHANGED), _by(candidate, shared, _STRANGE)


def _files(side: Scored, *, below: bool = False) -> list[Path]:
    """The task files that a side's record names; a path that is not there as it is.

    Args:
        side: The side.
        below: Leave out those that are not below the current folder.
    """
    found: list[Path] = []
    here = Path.cwd().resolve()
    for path in side.record.config.task_paths:
        if below and not is_below(path, here):
            continue
        try:
            found += [file.path for file in registry.path_files([path])]
        except UsageError:
            found.append(Path(path))
    return found


def _by(side: Scored, files: Collection[Path], why: str) -> Scored:
    """A side that is counted by some files; the others that its record names are strange."""
    strange = tuple(str(file) for file in _files(side) if file not in files)
    paths = tuple(map(str, files))
    return replace(side, tasks=replace(side.tasks, paths=paths, strange=strange, why=why))
