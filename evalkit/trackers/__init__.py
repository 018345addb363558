"""Run records -> experiment trackers: names of trackers, each a module that is imported when asked.

A tracker is told of a run when its record is on disk, and of numbers alone: what it does with them
can change no number and no exit code.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable

from evalkit.errors import EvalkitError, UsageError
from evalkit.public import public, without_secrets
from evalkit.trackers.interface import Tracker

TRACKERS = {
    "wandb": "evalkit.trackers.wandb:Wandb",
    "mlflow": "evalkit.trackers.mlflow:MLflow",
    "tensorboard": "evalkit.trackers.tensorboard:TensorBoard",
}
"""The built-in trackers by name."""

_REASON = 300  # characters of another's error


def trackers_of(names: Iterable[str]) -> dict[str, Tracker]:
    """The trackers of these names, each once, ready to be told of a run.

    Args:
        names: Names of built-in trackers, or `module:Class` of others.

    Raises:
        UsageError: There is no such tracker, its package is not installed, or it is not set up.
    """
    found = {name: _tracker(name) for name in dict.fromkeys(names)}
    for name, tracker in found.items():
        _check(name, tracker)
    return found


def _check(name: str, tracker: Tracker) -> None:
    """See whether a tracker can be told; the boundary at which its package's errors are a sentence.

    Raises:
        UsageError: It cannot.
    """
    try:
        tracker.check()
    except EvalkitError as error:
        raise UsageError(without_secrets(str(error))) from error
    except (Exception, SystemExit) as error:
        message = f"--log-to {name}: it is not ready to be told of a run: {reason(error)}."
        raise UsageError(message) from error


def reason(error: BaseException) -> str:
    """Another's error as a part of a sentence: on one line, without secrets, and not long."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return public(words)[:_REASON].rstrip(".: ")


def _tracker(name: str) -> Tracker:
    place = TRACKERS.get(name, name)
    module_name, colon, class_name = place.partition(":")
    if not colon:
        close = difflib.get_close_matches(name, TRACKERS, n=1, cutoff=0.5)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        known = ", ".join(TRACKERS)
        message = f"There is no tracker {name!r}; known are {known}, or module:Class.{guess}"
        raise UsageError(message)
    try:
        made = getattr(importlib.import_module(module_name), class_name)()
        is_tracker = isinstance(made, Tracker)
    except (Exception, SystemExit) as error:
        message = f"The tracker {place!r} cannot be imported or made: {reason(error)}."
        raise UsageError(message) from error
    if not is_tracker:
        message = f"The tracker {place!r} has no methods check() and log(entry)."
        raise UsageError(message)
    tracker: Tracker = made
    return tracker
