"""What a person sees of a run: progress while it goes on, and its table.

On a terminal a bar per task with speed, time left and running headline; elsewhere plain lines, at
most one every few seconds a task. All of it goes to standard error; tables go to standard output.
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from evalkit.progress import Observer, TaskProgress
from evalkit.records import plain
from evalkit.report.spoken import json_text, spoken
from evalkit.report.table import run_table
from evalkit.report.text_table import text_table
from evalkit.run_record import RunRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY = 10.0
"""Seconds between two plain lines of one task."""

WIDEST = 110
"""Columns of a note, at most."""

ENDLESS = 10_000
"""Columns of what is no terminal."""


class Screen(Observer):
    """Shows a run's progress on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Make a screen; a quiet one shows nothing."""
        self._quiet = quiet
        self._bars: Progress | None = None
        self._ids: dict[str, TaskID] = {}
        self._printed: dict[str, float] = {}
        self.folder = Path()

    def __enter__(self) -> Self:
        """The screen itself."""
        return self

    def judged(self, task: str, done: int, total: int) -> None:
        """Print how many verdicts are there."""
        self.note(f"{task}: {done:,} of {total:,} verdicts")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bars away, whatever happened."""
        self.done()

    def note(self, text: str) -> None:
        """Print one sentence."""
        if self._quiet:
            return
        text = spoken(text)
        with suppress(OSError):  # nobody may be watching; the run goes on
            if self._bars is not None:
                self._bars.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=sys.stderr, flush=True)

    def started(self, tasks: Sequence[TaskProgress]) -> None:
        """Draw the bars, or say in plain lines what is to be done."""
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._draw(tasks)
            return
        for task in tasks:
            done = f", {task.done} of them done before" if task.done else ""
            self.note(f"{task.task}: {task.total} samples{done}")

    def _draw(self, tasks: Sequence[TaskProgress]) -> None:
        from rich import progress
        from rich.console import Console

        self._bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[speed]}"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[headline]}"),
            console=Console(stderr=True),
        )
        for task in tasks:
            self._ids[task.task] = self._bars.add_task(
                task.task, total=task.total, completed=task.done, speed="", headline=""
            )
        self._bars.start()

    def progressed(self, task: TaskProgress) -> None:
        """Move the task's bar, or print a line."""
        if self._quiet:
            return
        if self._bars is not None:
            self._bars.update(
                self._ids[task.task],
                completed=task.done,
                speed=f"{task.per_second:.1f}/s",
                headline=_headline(task),
            )
            return
        now = time.monotonic()
        if task.done == task.total or now - self._printed.get(task.task, 0.0) >= LINE_EVERY:
            self._printed[task.task] = now
            self.note(_line(task))

    def done(self) -> None:
        """Leave the bars as they are and go back to plain printing."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def stored(self, folder: Path) -> None:
        """Remember where everything stands."""
        self.folder = folder


def _line(task: TaskProgress) -> str:
    left = (task.total - task.done) / task.per_second if task.per_second else 0.0
    remaining = f", {left:.0f} s left" if left else ""
    failed = f", {task.failed} failed" if task.failed else ""
    return (
        f"{task.task}: {task.done}/{task.total}, {task.per_second:.1f} samples/s{remaining}{failed}"
        f"  {_headline(task)}"
    ).rstrip()


def _headline(task: TaskProgress) -> str:
    return "  ".join(f"{name} {_short(value)}" for name, value in task.headline.items())


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.1f}"


def terminal_columns() -> int:
    """Columns of the terminal; `ENDLESS` where the output is no terminal."""
    return shutil.get_terminal_size((ENDLESS, 24)).columns


def print_run(record: RunRecord, folder: Path) -> None:
    """Print a run's headline table and where everything stands."""
    print(text_table(run_table(record), f"{record.model.spec} ({record.name})"), end="")
    print(spoken(f"  record, predictions and scores: {folder}"))


def print_json(value: Any, indent: int | None = None) -> None:
    """Print a record, or what is made of records, as one JSON value on standard output.

    A number that is none, such as a share of nothing, is null: JSON has no NaN.
    """
    print(json_text(_finite(plain(value)), indent=indent))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_finite(held) for held in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
