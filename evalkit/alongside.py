"""A judge at work while the model still answers: a thread that takes answers that are on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Event, Thread
from typing import Self

from evalkit.errors import EvalkitError
from evalkit.judge.forecast import forecast, forecast_lines
from evalkit.judge.order import JudgeOrder, check_questions, is_served, swap_note
from evalkit.judge.stage import JudgeStage
from evalkit.prepare import Prepared
from evalkit.progress import Observer
from evalkit.records import Prediction
from evalkit.store import RunFolder

GRACE = 2.0
"""Seconds that a run which is interrupted waits for replies of its judge that are out."""


class Alongside:
    """A judge behind a server, at work while the model still answers; a context manager.

    It sees to the cache and to the journal of replies; verdicts are made of them in the end, when
    what went wrong here comes up again.
    """

    def __init__(self, stage: JudgeStage, prepared: Sequence[Prepared]) -> None:
        """Wait for answers on a thread of its own."""
        self._stage = stage
        self._tasks = {p.task.name: p for p in prepared if p.task.judging is not None}
        self._answers: SimpleQueue[tuple[str, Sequence[Prediction]] | None] = SimpleQueue()
        self._ended = Event()  # a join that is interrupted takes the thread for ended
        Thread(target=self._run, daemon=True).start()

    def predicted(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Take answers that are on disk."""
        if task in self._tasks:
            self._answers.put((task, predictions))

    def __enter__(self) -> Self:
        """The judge itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the thread: after its work, or soon where something went wrong or was interrupted."""
        if kind is not None:
            self._stage.stop()
            self._answers.put(None)
            if not self._ended.wait(GRACE):
                self._stage.abandon()
        self.stage()

    def stage(self) -> JudgeStage:
        """The judge, when it has seen to all answers, or nothing works any more."""
        self._answers.put(None)
        self._ended.wait()
        return self._stage

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._ended.set()

    def _work(self) -> None:
        more = True
        while more:
            waiting = [self._answers.get()]
            while not self._answers.empty():
                waiting.append(self._answers.get())
            more = None not in waiting
            found: dict[str, dict[str, Prediction]] = {}
            for task, predictions in filter(None, waiting):
                found.setdefault(task, {}).update({made.sample_id: made for made in predictions})
            with suppress(EvalkitError):  # it will come up again when verdicts are made
                for name, answers in found.items():
                    own = self._tasks[name]
                    samples = [own.samples[own.places[sample_id]] for sample_id in answers]
                    self._stage.judge(own.task, samples, answers)


@contextmanager
def judge_alongside(
    folder: RunFolder, prepared: Sequence[Prepared], order: JudgeOrder | None, watch: Observer
) -> Iterator[Alongside | None]:
    """The judge at work beside the model, if it is behind a server and answers at once; else None.

    What it will take is said before, from the longest answers that there can be.

    Raises:
        EvalkitError: The judge cannot be had.
    """
    wanted = [p for p in prepared if p.task.judging is not None]
    if order is not None:
        for p in wanted:
            check_questions(p.task, p.samples, order)
    if order is None or order.batch or not is_served(order):
        yield None
        return
    note_swap(watch, wanted, order)
    found = {p.task.name: forecast(p.task, order, p.samples) for p in wanted}
    for line in forecast_lines(found, order):
        watch.note(f"At most: {line}" if line.startswith("Judging") else line)
    with (
        JudgeStage(order, folder.path, [p.task for p in wanted]) as stage,
        Alongside(stage, wanted) as alongside,
    ):
        yield alongside


def note_swap(watch: Observer, wanted: Sequence[Prepared], order: JudgeOrder) -> None:
    """Say once which tasks are not asked in both orders, though both were ordered.

    Args:
        watch: Who is told.
        wanted: The judged tasks.
        order: Which judge, and how.
    """
    if note := swap_note([p.task for p in wanted], order):
        watch.note(note)
