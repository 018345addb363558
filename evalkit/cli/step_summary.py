"""The summary of a GitHub workflow's step: a file that is added to, and never one that is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from evalkit.errors import ExitCode, UnwritableError, UsageError

_VARIABLE = "GITHUB_STEP_SUMMARY"


def summary_place(read: Sequence[Path], pages: Sequence[Path]) -> Path | None:
    """Where the summary stands; None where this is no step of a workflow.

    Args:
        read: Files and run folders that the command reads.
        pages: Pages that it writes.

    Raises:
        UsageError: It would be one of these, in a run's folder, a baseline, or no file.
        UnwritableError: Nothing can be added to it.
    """
    from evalkit.cli.pages import check_places
    from evalkit.compare.baseline_file import is_baseline

    if not (told := os.environ.get(_VARIABLE)):
        return None
    place = Path(told)
    try:
        check_places([place], [*read, *pages])
    except UsageError as error:
        message = f"{_VARIABLE}: {error}"
        raise UsageError(message) from error
    if place.is_file() and is_baseline(place):
        message = f"{_VARIABLE} names {place}, which is a baseline; a summary is a file of its own."
        raise UsageError(message)
    if place.exists() and not (place.is_file() or place.is_dir()):
        message = f"{_VARIABLE} names {place}, which is no file; a summary is one, or a new one."
        raise UsageError(message)
    _add(place, "")
    return place


def summarised(place: Path, comment: str, code: int) -> int:
    """Add a comment to the summary; a verdict that is no pass keeps its code where that fails.

    Args:
        place: As `summary_place` gives it.
        comment: Markdown.
        code: The verdict's exit code.

    Returns:
        The code, or that of infrastructure where a pass cannot be told.
    """
    try:
        _add(place, comment + "\n")
    except UnwritableError as error:
        from evalkit.report.spoken import spoken

        print("evalkit: " + spoken(str(error)), file=sys.stderr)
        return code or int(ExitCode.INFRASTRUCTURE)
    return code


def _add(place: Path, text: str) -> None:
    try:
        with place.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        what = f"{place} (which {_VARIABLE} names)"
        raise UnwritableError(what, error) from error
