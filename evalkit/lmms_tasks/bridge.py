"""The process that holds lmms-eval's tasks, as evalkit asks it."""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from evalkit.backends.lmms_process import Process, interpreter
from evalkit.errors import BackendError, DataError

Answer = TypeVar("Answer")

PROGRAM = Path(__file__).with_name("program.py")
"""What the process runs."""

TIMEOUT = 3600.0
"""Seconds for one answer; the first one may fetch a dataset."""

DEATHS = 4
"""So often in a row the process ends over questions of one kind before none is asked any more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a process is told to open: a task, and where its rows are."""

    name: str
    folder: str | None
    offline: bool


class Bridge:
    """A process that is started when it is first asked, and again when it has died.

    It travels to other processes as what it has opened: there it starts a process of its own.
    """

    def __init__(self, openings: tuple[Opening, ...] = ()) -> None:
        """Nothing runs yet."""
        self._openings = {opening.name: opening for opening in openings}
        self._opened: set[str] = set()
        self._process: Process | None = None
        self._ended = weakref.finalize(self, lambda: None)
        self._deaths = Counter[str]()
        self._why = ""
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, tuple[tuple[Opening, ...]]]:
        """What it has opened; equal openings share one process."""
        return _attached, (tuple(self._openings.values()),)

    def open(self, opening: Opening) -> Mapping[str, Any]:
        """Open a task's rows.

        Raises:
            DataError: They cannot be had.
            BackendError: lmms-eval's process cannot be started, or ends.
        """
        with self._lock:
            self._deaths.clear()
            self._openings[opening.name] = opening
            return self._twice(lambda: self._reopened(opening.name))

    def ask(self, task: str | None = None, **message: Any) -> tuple[Mapping[str, Any], bytes]:
        """One question, one answer; about a task that was opened, or about lmms-eval.

        Where the process ends over a question, a new one is asked once more.

        Raises:
            DataError: lmms-eval's code raises.
            BackendError: Its process cannot be started, or ends again and again.
            MissingExtraError: There is no lmms-eval.
        """
        with self._lock:
            if task is None:
                self._deaths.clear()
                return self._twice(lambda: self._asked(message))
            return self._twice(lambda: self._of_task(task, message))

    def clean(self, text: str) -> str:
        """What lmms-eval's code said, without secrets, in a few hundred characters."""
        return "" if self._process is None else self._process.clean(text, 300)

    def _twice(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except ProcessEndedError:
            return ask()

    def _of_task(self, task: str, message: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
        self._running()
        if task not in self._opened:
            self._reopened(task)
        return self._asked({"name": task, **message})

    def _reopened(self, task: str) -> Mapping[str, Any]:
        told, _ = self._asked({"do": "open", **asdict(self._openings[task])})
        self._opened.add(task)
        return told

    def _asked(self, message: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes]:
        kind = message["do"]
        if self._deaths[kind] >= DEATHS:
            text = f"lmms-eval's process for tasks failed {DEATHS} times in a row: {self._why}"
            raise BackendError(text)
        process = self._running()
        try:
            told, content = process.ask(dict(message))
        except BackendError as error:
            self._deaths[kind] += 1
            self._why = str(error)
            text = f"lmms-eval's process for tasks failed: {error}"
            raise ProcessEndedError(text) from error
        del self._deaths[kind]
        if told.get("missing"):
            text = f"The Python {process.python} has no package lmms_eval: install lmms-eval there."
            raise BackendError(text)
        if "error" in told:
            text = f"lmms-eval's code failed: {process.clean(told['error'])}"
            raise DataError(text)
        return told, content

    def _running(self) -> Process:
        if self._process is not None and self._process.is_alive():
            return self._process
        self._ended()
        self._opened.clear()
        python = interpreter(None, "A task of lmms-eval")
        self._process = Process(python, TIMEOUT, os.environ, PROGRAM)
        self._ended = weakref.finalize(self, self._process.close)
        return self._process


class ProcessEndedError(BackendError):
    """The process ended over a question, or gave no answer in time."""


@lru_cache(maxsize=1)
def shared() -> Bridge:
    """The bridge of this process: importing lmms-eval and reading its task files takes seconds."""
    return Bridge()


@lru_cache(maxsize=8)
def _attached(openings: tuple[Opening, ...]) -> Bridge:
    """The bridge of a worker to what its driver has opened."""
    return Bridge(openings)
