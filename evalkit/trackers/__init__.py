"""Run records -> experiment trackers: names of trackers, each a module that is imported when asked.

A tracker is told of a run when its record is on disk, and of numbers alone: what it does with them
can change no number and no exit code.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable

from evalkit.errors import UsageError
from evalkit.trackers.interface import Tracker

TRACKERS = {
    "wandb": "evalkit.trackers.wandb:Wandb",
    "mlflow": "evalkit.trackers.mlflow:MLflow",
    "tensorboard": "evalkit.trackers.tensorboard:TensorBoard",
}
"""The built-in trackers by name."""


def trackers_of(names: Iterable[str]) -> dict[str, Tracker]:
    """The trackers of these names, each once, ready to be told of a run.

    Args:
        names: Names of built-in trackers, or `module:Class` of others.

    Raises:
        UsageError: There is no such tracker, its package is not installed, or it is not set up.
    """
    found = {name: _tracker(name) for name in dict.fromkeys(names)}
    for tracker in found.values():
        tracker.check()
    return found


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
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        message = f"The tracker {place!r} cannot be imported: {error}."
        raise UsageError(message) from error
    if not isinstance(made, Tracker):
        message = f"The tracker {place!r} has no methods check() and log(entry)."
        raise UsageError(message)
    return made
