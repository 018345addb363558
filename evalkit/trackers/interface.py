"""What a tracker is, and what each of them asks of its package."""

from __future__ import annotations

import importlib.util
from typing import Protocol, runtime_checkable

from evalkit.errors import MissingExtraError, UsageError
from evalkit.trackers.entry import Entry

PROJECT = "evalkit"
"""The project, or experiment, in which runs stand unless the tracker's own settings name one."""


@runtime_checkable
class Tracker(Protocol):
    """Writes a run into an experiment tracker."""

    def check(self) -> None:
        """See, before a run begins, whether it can be written after it.

        Raises:
            UsageError: The tracker's package is not installed, or it is not set up.
        """

    def log(self, entry: Entry) -> str:
        """Write a run; one that is there already, by the entry's key, is written over.

        Returns:
            Where it stands now, for people.

        Raises:
            Exception: Whatever the tracker's package raises; the caller makes a sentence of it.
        """


def require(package: str) -> None:
    """Refuse a tracker whose package is not installed, without importing it.

    Raises:
        UsageError: It is not. A folder of that name, as trackers leave behind, is no package.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        missing = MissingExtraError(package, "trackers", f"--log-to {package}")
        raise UsageError(str(missing))
