"""A run folder, its run.json, or a baseline file -> a side of a comparison, checked.

Whatever does not bear the rest out is refused: a record that was edited, scores of another record,
numbers that the scores do not give, and a task whose rules have another version now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from evalkit import registry
from evalkit.compare import baseline_file
from evalkit.compare.borne_out import check_coverage, check_numbers, other_than
from evalkit.comparison import Side
from evalkit.errors import StaleError, UsageError
from evalkit.recorded_tasks import RecordedTasks
from evalkit.records import SampleScore
from evalkit.run_record import RunRecord, TaskResult
from evalkit.store import RunFolder, load_run
from evalkit.task import Task, file_stem


class Source(Protocol):
    """Where a side's scored samples are."""

    def scores(self, result: TaskResult) -> tuple[SampleScore, ...]:
        """The scored samples of a result; they have the digest that it says.

        Raises:
            StoreError: They are not there, or damaged.
            StaleError: They are others.
        """

    def texts(self, result: TaskResult) -> Mapping[str, str]:
        """What the model wrote, by sample id; empty where it is not kept.

        Raises:
            StoreError: It is damaged.
            StaleError: It is not what the result was made of.
        """

    def images(self, result: TaskResult) -> Mapping[str, tuple[str, ...]]:
        """SHA-256 of each picture that was shown, by sample id; empty where it is not kept.

        Raises:
            StoreError: It is damaged.
            StaleError: It is not what the result was made of.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a model wrote, as far as it can be shown.

    Attributes:
        texts: By sample id; empty where it is not kept, or not shown.
        withheld: Why what stands there is not shown; empty where it is.
        note: What a reader must know of it, in a sentence; empty for nothing.
    """

    texts: Mapping[str, str]
    withheld: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A side of a comparison with its scored samples, which are read when they are asked for.

    Attributes:
        side: Who it is.
        record: The run's record.
        source: Where the scored samples are.
        tasks: Where its tasks are from.
    """

    side: Side
    record: RunRecord
    source: Source
    tasks: RecordedTasks
    _known: dict[str, tuple[Task, tuple[SampleScore, ...]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def results(self) -> dict[str, TaskResult]:
        """The record's results by task, in its order."""
        return {result.task: result for result in self.record.results}

    def result(self, task: str) -> TaskResult:
        """A task's result.

        Raises:
            UsageError: There is none.
        """
        results = self.results
        if task not in results:
            known = ", ".join(results) or "none"
            message = f"{self.side.name} has no result of {task!r}; it has: {known}."
            raise UsageError(message)
        return results[task]

    def scores(self, task: str) -> tuple[SampleScore, ...]:
        """A task's scored samples, in order: those of the record, which give its numbers.

        Raises:
            UsageError: The side has no such task, or numbers of it alone, or the task is not known.
            StoreError: The scores are not there, or damaged.
            StaleError: They are not those of the record, or do not give its numbers, or the task
                has another version.
        """
        return self._counted(task)[1]

    def task(self, task: str) -> Task:
        """The task, with the metrics by which its result was counted; errors as `scores`."""
        return self._counted(task)[0]

    def texts(self, task: str) -> Mapping[str, str]:
        """What the model wrote, by sample id; empty where it is not at hand.

        Raises:
            StoreError: The predictions are damaged.
            StaleError: They are not those of the record.
        """
        return self.source.texts(self.result(task))

    def written(self, task: str) -> Written:
        """What the model wrote; where that is not what the record was made of, why it is not shown.

        Raises:
            StoreError: The predictions are damaged.
        """
        try:
            texts = self.texts(task)
        except StaleError as error:
            return Written(texts={}, withheld=str(error), note=f"Answers are not shown. {error}")
        if not texts or self.result(task).predictions is not None:
            return Written(texts=texts)
        note = (
            f"The record of {self.side.name} was made by an earlier evalkit and has no digest of "
            "its answers: nothing shows that those on disk are what was scored."
        )
        return Written(texts=texts, note=note)

    def images(self, task: str) -> Mapping[str, tuple[str, ...]]:
        """SHA-256 of each picture that was shown, by sample id; empty where it is not at hand.

        Errors are those of `texts`.
        """
        return self.source.images(self.result(task))

    def _installed(self, result: TaskResult) -> Task:
        try:
            return counted_task(result, self.tasks.paths, self.side.name)
        except UsageError as error:
            raise self.tasks.explained(error) from error

    def _counted(self, task: str) -> tuple[Task, tuple[SampleScore, ...]]:
        if task not in self._known:
            result = self.result(task)
            counted = self._installed(result)
            if result.scores is None:
                message = f"{self.side.name} has numbers of {task} but no scored samples."
                raise UsageError(message)
            scores = self.source.scores(result)
            if counted.foreign is not None:
                counted = replace(counted, metrics=counted.foreign.metrics(scores))
            check_numbers(counted, result, scores, self.side.name)
            check_coverage(result, scores, self.side.name)
            self._known[task] = counted, scores
        return self._known[task]


def load(
    path: str | Path,
    task_paths: Sequence[str] = (),
    *,
    page: Path | None = None,
    more: Sequence[str] = (),
) -> Scored:
    """A side of a comparison.

    Args:
        path: A run's folder, its run.json, or a baseline file.
        task_paths: Files or folders with further tasks; none is those of the record that may be
            run (`evalkit.recorded_tasks`): a record from elsewhere chooses no code.
        page: The page that names the side, if one does.
        more: Task files that the page names.

    Raises:
        StoreError: There is no run, or it is damaged or of another schema.
        StaleError: The record is not what was written.
        UsageError: Its numbers are copied from a publication, so there are no samples.
    """
    place = Path(path)
    places = (place,) if page is None else (place, page)

    def tasks_of(record: RunRecord) -> RecordedTasks:
        return RecordedTasks.of(record, task_paths, places=places, more=more)

    if place.is_file() and place.name != "run.json":
        kept = baseline_file.read(place)
        return _scored(str(path), "baseline", kept.record, kept, tasks_of(kept.record))
    folder = RunFolder(place.parent if place.is_file() else place)
    record = load_run(place)
    return _scored(str(path), "run", record, _Folder(folder), tasks_of(record))


def _scored(
    name: str,
    kind: Literal["run", "baseline"],
    record: RunRecord,
    source: Source,
    tasks: RecordedTasks,
) -> Scored:
    if record.source == "self-reported":
        message = (
            f"{name} holds numbers copied from a publication, without samples: they can be shown "
            "and stand in tables, but not be compared, gated or kept as a baseline."
        )
        raise UsageError(message)
    side = Side(
        name=name,
        kind=kind,
        model=record.model.name,
        spec=record.model.spec,
        run=record.name,
        created=record.created,
        commit=record.commit,
        digest=record.digest,
    )
    return Scored(side=side, record=record, source=source, tasks=tasks)


def shared_task(name: str, own: Scored, *others: Scored) -> Task:
    """A task as a side has it, with metrics that fit all sides that have its scores.

    Of a task that another harness adds up the scores tell the range, and a run that has collapsed
    tells another one than its reference.

    Args:
        name: The task.
        own: The side.
        others: Those that it is compared with.

    Raises:
        EvalkitError: As `Scored.scores`.
    """
    task = own.task(name)
    if task.foreign is None:
        return task
    sides = [own, *(s for s in others if s is not own and name in s.results)]
    held = [side for side in sides if side.result(name).scores is not None]
    scores = [score for side in held for score in side.scores(name)]
    return replace(task, metrics=task.foreign.metrics(scores))


@dataclass(frozen=True, slots=True)
class _Folder:
    """The scored samples in a run's folder."""

    folder: RunFolder

    def scores(self, result: TaskResult) -> tuple[SampleScore, ...]:
        return self.folder.read_scores(file_stem(result.task), result.scores)

    def texts(self, result: TaskResult) -> Mapping[str, str]:
        made = self.folder.read_predictions(file_stem(result.task), result.predictions)
        return {one.sample_id: one.text for one in made if one.text is not None}

    def images(self, result: TaskResult) -> Mapping[str, tuple[str, ...]]:
        made = self.folder.read_predictions(file_stem(result.task), result.predictions)
        return {one.sample_id: one.images for one in made if one.images}


def counted_task(result: TaskResult, task_paths: Sequence[str] = (), name: str = "") -> Task:
    """The installed task with the metrics by which a result was counted; its scorer is not set.

    A task that another harness adds up has its metrics only with its scores (`Task.foreign`).

    Args:
        result: The numbers.
        task_paths: Files or folders with further tasks.
        name: Whose result it is, for the error's text.

    Raises:
        StaleError: The task has another version now.
        EvalkitError: The task cannot be had, or does not know the result's rules any more.
    """
    whose = f"{name}: " if name else ""
    try:
        task = registry.load_task(result.task, task_paths)
        if task.version == result.version:
            judged = result.judge is not None
            return task.judged(result.protocol) if judged else task.under(result.protocol)
    except UsageError as error:
        message = f"{whose}the numbers of {result.task} cannot be counted here. {error}"
        raise UsageError(message) from error
    message = (
        f"{whose}{result.task} was scored by version {result.version} of the task; here is version "
        f"{task.version}, whose numbers may be others. The command that made the run, given again, "
        "scores its answers anew."
    )
    raise StaleError(message)


def check_two_runs(baseline: Scored, candidate: Scored) -> None:
    """Check that two sides are two runs; a rerun of the same model that says the same is another.

    Raises:
        UsageError: The one is the other, or its copy: the same start of the same run, and the same
            scores of all that both have.
    """
    one, two = baseline.record, candidate.record
    begun = [(r.created, r.model.spec, r.name) for r in (one, two)]
    shared = baseline.results.keys() & candidate.results.keys()
    same = all(baseline.result(t).scores == candidate.result(t).scores for t in shared)
    if one.digest == two.digest or (begun[0] == begun[1] and shared and same):
        message = (
            f"{candidate.side.name} and {baseline.side.name} are one and the same run, so the gate "
            "would show nothing; give it another candidate (a rerun of the same model is one)."
        )
        raise UsageError(message)


def check_same_rules(task: Task, metric: str, side: Scored) -> None:
    """Check that the rules by which one side is counted give the other's number too.

    Two task files of one name and version may hold other code, each of which bears out its own run.

    Args:
        task: With the metrics of the one side.
        metric: Which of them is looked at.
        side: The other side, which has the task.

    Raises:
        StaleError: They give it another number than its record says.
    """
    result, own = side.result(task.name), side.task(task.name).metrics
    found = next((m for m in task.metrics if m.name == metric), None)
    if found is None or metric not in result.metrics or found in own:
        return
    then = result.metrics[metric].value
    if (now := other_than(then, task, found, side.scores(task.name))) is not None:
        message = (
            f"{side.side.name}: {metric} of {task.name} is {then:.6g} in its record, and {now:.6g} "
            "by the other run's rules: the task's code has changed without a new version. Give the "
            "task another version, and make both runs by it."
        )
        raise StaleError(message)
