"""The option `--log-to`: which experiment trackers are told of a run when it is finished."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from evalkit.run_record import RunRecord
    from evalkit.trackers.interface import Tracker

Command = TypeVar("Command", bound=Callable[..., Any])


def log_to_option(command: Command) -> Command:
    """Give a command the option."""
    return click.option(
        "--log-to",
        "log_to",
        multiple=True,
        metavar="NAME",
        help="Tell a tracker of the finished run: wandb, mlflow or tensorboard (repeatable).",
    )(command)


def trackers_for(names: tuple[str, ...]) -> Mapping[str, Tracker]:
    """The trackers that are named; none of their modules is imported where none is.

    Raises:
        UsageError: As `evalkit.trackers.trackers_of`.
    """
    if not names:
        return {}
    from evalkit.trackers import trackers_of

    return trackers_of(names)


def send(trackers: Mapping[str, Tracker], record: RunRecord, folder: Path) -> None:
    """Tell trackers of a run. The record is on disk: what fails here is a sentence, and no more.

    Args:
        trackers: By name.
        record: The run's.
        folder: The run's.
    """
    if not trackers:
        return
    from evalkit.public import without_secrets
    from evalkit.report.spoken import spoken

    for name, tracker in trackers.items():
        try:
            with redirect_stdout(sys.stderr):  # standard output is the table's, or the record's
                said = f"  logged to {name}: {_told(tracker, record, folder)}"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - another's code; the run is safe
            said = _untold(name, error)
        print(spoken(without_secrets(said)), file=sys.stderr)


def _told(tracker: Tracker, record: RunRecord, folder: Path) -> str:
    from evalkit.trackers.entry import entry_of

    return str(tracker.log(entry_of(record, folder)))


def _untold(name: str, error: BaseException) -> str:
    from evalkit.trackers import reason

    return (
        f"evalkit: the run is finished and on disk, but {name} was not told of it: "
        f"{reason(error)}. The same command tells it again."
    )
