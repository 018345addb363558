"""A task of a run, opened: its columns at once, what must be read whole on threads of its own."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from evalkit.errors import EvalkitError, StaleError, StoreError
from evalkit.integrity import ScoreDigest
from evalkit.recorded_tasks import RecordedTasks
from evalkit.records import Prediction, SampleScore, Verdict
from evalkit.run_record import RunRecord, TaskResult
from evalkit.score_rows import score_pieces, scores_at
from evalkit.store import RunFolder
from evalkit.task import file_stem
from evalkit.view.answers import Answers
from evalkit.view.index import Index, read_index
from evalkit.view.later import Later
from evalkit.view.questions import Questions, SourceOf, read_questions

_MOST_VERDICTS = 1 << 26
"""Bytes of a file of verdicts that is read: judged tasks are small."""

PATIENCE = 0.8
"""Seconds for which a page waits for questions, before it is shown without them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is looked at.

    Attributes:
        key: Names it in addresses: the first digits of its record's digest.
        label: Names it on pages: model and run.
        folder: Its folder.
        record: Its record.
    """

    key: str
    label: str
    folder: RunFolder
    record: RunRecord

    @property
    def results(self) -> dict[str, TaskResult]:
        """The results by the task's name as a file name."""
        return {file_stem(result.task): result for result in self.record.results}


class OpenTask:
    """One task of a run: columns, answers, verdicts, and what is found out meanwhile."""

    def __init__(self, run: Run, stem: str, source_of: SourceOf, tasks: RecordedTasks) -> None:
        """Open it, and begin to read its data and to check its files.

        Raises:
            StoreError: There are no scores at hand, or they are damaged.
        """
        self.run, self.stem = run, stem
        self.result = run.results[stem]
        self.index: Index = read_index(run.folder.scores_path(stem), self.result)
        self.answers = Answers(run.folder.predictions_path(stem))
        self.verdicts, self.verdicts_trouble = _verdicts(run.folder, stem, self.result)
        self._questions = Later(lambda: self._read_questions(source_of, tasks))
        self._check: Later[str] | None = None
        self._lock = Lock()

    def _read_questions(self, source_of: SourceOf, tasks: RecordedTasks) -> Questions:
        ids = self.index.ids.to_pylist()
        record = self.run.record
        return read_questions(record, self.result, ids, source_of(record), tasks)

    def questions(self, seconds: float | None = PATIENCE) -> Questions | str | None:
        """The questions; a sentence where they cannot be had, None where they take longer."""
        try:
            return self._questions.within(seconds)
        except (EvalkitError, OSError) as error:
            return f"Questions and pictures are not shown. {error}"

    def check(self, seconds: float | None = 0) -> str | None:
        """What is wrong with the files, as a sentence; empty for nothing, None: not known yet.

        It begins when questions are there, so that neither holds the other up.
        """
        with self._lock:
            if self._check is None:
                self._check = Later(self._checked)
        return self._check.within(seconds)

    def _checked(self) -> str:
        """Whether scores and answers are those of the record."""
        self.questions(None)
        try:
            digest = ScoreDigest()
            for some in score_pieces(self.index.path):
                digest.add(some)
            if self.result.scores is not None and digest.value != self.result.scores:
                return (
                    f"{self.index.path} does not hold the scores that its record is about: one of "
                    "the two was changed. Numbers and samples do not belong together."
                )
            self.answers.check(self.result.predictions)
        except (StaleError, StoreError) as error:
            return str(error)
        return ""

    def scores(self, rows: Sequence[int]) -> dict[int, SampleScore]:
        """The scored samples in some rows."""
        return scores_at(self.index.path, rows)

    def answer(self, row: int, sample_id: str) -> Prediction | str | None:
        """What the model wrote; a sentence where that cannot be read, None where it is not kept."""
        try:
            return self.answers.find(row, sample_id)
        except StoreError as error:
            return str(error)


def _verdicts(
    folder: RunFolder, stem: str, result: TaskResult
) -> tuple[Mapping[str, list[Verdict]], str]:
    """Verdicts by sample id, and what is wrong with them."""
    found: dict[str, list[Verdict]] = defaultdict(list)
    path = folder.verdicts_path(stem)
    if path.exists() and path.stat().st_size > _MOST_VERDICTS:
        return {}, f"{path} is too large: verdicts are not shown."
    try:
        for verdict in folder.read_verdicts(stem):
            found[verdict.sample_id].append(verdict)
    except StoreError as error:
        return {}, f"Verdicts are not shown. {error}"
    return dict(found), _other_verdicts(path, result)


def _other_verdicts(path: Path, result: TaskResult) -> str:
    """Whether the verdicts are those of the record: empty, or a sentence."""
    if result.judge is None and not path.exists():
        return ""
    content = path.read_bytes() if path.exists() else b""
    if result.judge is not None and hashlib.sha256(content).hexdigest() == result.judge.digest:
        return ""
    state = "is not the file with which" if path.exists() else "is gone, with which"
    return f"{path} {state} the run's record was made."
