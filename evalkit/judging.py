"""Judging a run: what `run --judge` does after the model, and `judge` without it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from evalkit import provenance
from evalkit.alongside import Alongside, note_swap
from evalkit.errors import NotComparableError, StoreError, UsageError
from evalkit.finish import finish
from evalkit.judge.anchors import Anchors, judge_of, missing_in, parts_of
from evalkit.judge.design import asked_of, check_design
from evalkit.judge.forecast import forecast, forecast_lines
from evalkit.judge.order import (
    JudgeOrder,
    backend_of,
    check,
    check_questions,
    check_rubrics,
    rubric_of,
)
from evalkit.judge.result import Judged
from evalkit.judge.stage import JudgeStage
from evalkit.judge.values import Values, judged_stem, values
from evalkit.prediction_files import stored_predictions
from evalkit.prepare import Prepared, prepare
from evalkit.progress import Observer
from evalkit.recorded_tasks import RecordedTasks
from evalkit.records import Prediction
from evalkit.report.table import judge_line, number
from evalkit.run_record import RunConfig, RunRecord, TaskChoice, TaskResult
from evalkit.runner.lock import held
from evalkit.store import RunFolder, load_run
from evalkit.task import Task


def check_judge(tasks: Sequence[Task], order: JudgeOrder | None, *, unjudged: bool) -> None:
    """Check, before a model is loaded, that the tasks that need a judge have one.

    Raises:
        EvalkitError: A judged task has no judge, a rubric does not fit, or the judge cannot be
            asked.
    """
    judged = [task for task in tasks if task.judging is not None]
    needy = [task.name for task in judged if task.judging and task.judging.required]
    if order is None:
        if needy and not unjudged:
            message = (
                f"The task {needy[0]} is scored by a judge: give --judge SPEC, such as "
                "--judge openai:gpt-4o, or --no-judge to let the model answer now and judge later "
                "(`evalkit judge RUN`)."
            )
            raise UsageError(message)
        return
    check(order)
    if not judged:
        message = "None of the tasks needs a judge; leave --judge away."
        raise UsageError(message)
    check_rubrics(judged, order)
    with TemporaryDirectory() as place:  # the run's folder may not be there yet
        backend_class, options = backend_of(order, Path(place))
        backend_class.preflight(options)


def judge_run(
    path: str | Path,
    order: JudgeOrder,
    *,
    names: Sequence[str] = (),
    observer: Observer | None = None,
    task_paths: Sequence[str] = (),
) -> RunRecord:
    """Judge a finished run's tasks; the model is not asked again.

    Args:
        path: The run's folder, or its run.json.
        order: Which judge.
        names: Tasks; none is all that need a judge.
        observer: Who watches.
        task_paths: Files or folders with further tasks; none is those of the run that may be run
            (`evalkit.recorded_tasks`).

    Returns:
        The run's record, written anew.

    Raises:
        EvalkitError: The run, its data or the judge cannot be had, or the data have changed.
    """
    place = Path(path)
    watch, folder = observer or Observer(), RunFolder(place.parent if place.is_file() else place)
    check(order)
    if place.is_file() and place != folder.record_path:
        message = f"{place} is no run: give a run's folder, or its run.json."
        raise UsageError(message)
    _check_run(folder)  # the lock would make a folder where there is none
    with held(folder):
        record = load_run(folder.path)
        chosen, config = _judged_tasks(record, task_paths, names, folder)
        config = replace(config, offline=order.offline or config.offline)
        check_judge([task for task, _ in chosen], order, unjudged=False)
        prepared = [prepare(task, choice, config, watch, asked=False) for task, choice in chosen]
        record = judge_prepared(folder, record, prepared, order, watch)
    watch.stored(folder.path)
    return record


def _check_run(folder: RunFolder) -> None:
    """Check that there is a run, with answers.

    Raises:
        StoreError: There is none.
        UsageError: Its numbers are copied from a publication.
    """
    if load_run(folder.path).source == "self-reported":
        message = (
            f"The numbers in {folder.path} are copied from a publication: there are no answers "
            "that could be judged."
        )
        raise UsageError(message)


def _judged_tasks(
    record: RunRecord, task_paths: Sequence[str], names: Sequence[str], folder: RunFolder
) -> tuple[list[tuple[Task, TaskChoice]], RunConfig]:
    """The run's tasks that need a judge, or those that were named; and with which task files."""
    held, config = _tasks_of(record, task_paths, folder)
    chosen = [(t, c) for t, c in held if t.judging and (not names or t.name in names)]
    if absent := set(names) - {task.name for task, _ in chosen}:
        message = f"The run in {folder.path} has no judged task {min(absent)!r}."
        raise UsageError(message)
    if not chosen:
        message = f"No task of the run in {folder.path} needs a judge."
        raise UsageError(message)
    return chosen, config


def _tasks_of(
    record: RunRecord, task_paths: Sequence[str], folder: RunFolder
) -> tuple[list[tuple[Task, TaskChoice]], RunConfig]:
    """A run's tasks, and its settings with the task files that they are from."""
    config = record.config
    tasks = RecordedTasks.of(record, task_paths, places=(folder.path,))
    held = [(tasks.load(choice.name), choice) for choice in config.tasks]
    return held, replace(config, task_paths=tasks.paths)


def judged_again(
    path: Path,
    order: JudgeOrder,
    task: str | None,
    observer: Observer | None = None,
    *,
    task_paths: Sequence[str] = (),
) -> Anchors:
    """What the judge says now of a judged run's answers; nothing is taken from the cache.

    Args:
        path: The run's folder.
        order: Which judge.
        task: The task, where the run has several.
        observer: Who watches.
        task_paths: As for `judge_run`.

    Raises:
        NotComparableError: It would be asked in another way than for the run's verdicts.
        EvalkitError: The run, its data or the judge cannot be had.
    """
    watch, folder = observer or Observer(), RunFolder(path)
    check(order)
    stem, record = judged_stem(folder, task), load_run(path)
    held, config = _tasks_of(record, task_paths, folder)
    own, choice = next((t, c) for t, c in held if t.file_stem == stem)
    before = _result_of(folder, record, own)
    check_rubrics([own], order)
    check_design(judge_of(folder, stem), asked_of(order, rubric_of(own, order)), str(path))
    ready = prepare(own, choice, config, watch, asked=False)
    check_questions(own, ready.samples, order)
    answers = _answers(folder, ready, before)
    _say_forecast([ready], {own.name: answers}, order, watch)
    with _kept_meanwhile(folder, order, watch) as place:
        with JudgeStage(replace(order, cache=None), place, [own]) as stage:
            judged = stage.judge(own, ready.samples, answers, _told(watch, own.name))
        if judged.report.healthy:  # else the same command asks again for what is missing
            shutil.rmtree(place)
    watch.note(f"{own.name}: {judge_line(judged.report)}")
    return _anchors(order.model, own, stem, judged)


def _anchors(name: str, task: Task, stem: str, judged: Judged) -> Anchors:
    """What a judge has said, as verdicts to be compared."""
    labels = task.judging.labels if task.judging else ()
    return Anchors(
        name=name,
        values=Values(by_sample=values(judged.verdicts, {}, {}, labels), labels=labels),
        judge=parts_of(judged.fingerprint, stem),
        missing=missing_in(judged.report.failed, judged.report.verdicts),
        healthy=judged.report.healthy,
        unasked=judged.report.unasked > 0 and not judged.report.fails,
    )


@contextmanager
def _kept_meanwhile(folder: RunFolder, order: JudgeOrder, watch: Observer) -> Iterator[Path]:
    """Where replies, and batches that are out, are kept until the judge has given all verdicts.

    It is beside the cache, or in the run where there is none, and the same for the same order.
    """
    about = [str(folder.path.resolve()), order.model, order.votes, order.swap, order.batch]
    rubrics = sorted((name, str(path.resolve())) for name, path in order.rubrics.items())
    name = hashlib.sha256(json.dumps([*about, rubrics]).encode()).hexdigest()[:12]
    place = (order.cache.parent if order.cache else folder.path) / "judge-drift" / name
    with held(RunFolder(place)):
        if any(path.stat().st_size for path in (place / "judge").glob("*.json*")):
            watch.note(
                f"Going on where the same command ended too early: what {place} holds is not asked "
                "again (remove it to begin anew)."
            )
        yield place
    with suppress(OSError):  # it is empty, unless there is more that was stopped
        place.parent.rmdir()


def judge_prepared(
    folder: RunFolder,
    record: RunRecord,
    prepared: Sequence[Prepared],
    order: JudgeOrder,
    watch: Observer,
    *,
    beside: Alongside | None = None,
) -> RunRecord:
    """Judge those of a run's tasks that need it, and write the record anew.

    Where the judge is at work `beside` the model already, it is asked, and no other is loaded.

    Raises:
        EvalkitError: The judge cannot be had, or the questions are not those that were answered.
    """
    wanted = [p for p in prepared if p.task.judging is not None]
    results = {result.task: result for result in record.results}
    for p in wanted:
        _say_replaced(_result_of(folder, record, p.task), p.task, order, watch)
        check_questions(p.task, p.samples, order)
    answers = {p.task.name: _answers(folder, p, results[p.task.name]) for p in wanted}
    with ExitStack() as stack:
        if beside is None:
            note_swap(watch, wanted, order)
            _say_forecast(wanted, answers, order, watch)
            judge = stack.enter_context(JudgeStage(order, folder.path, [p.task for p in wanted]))
        else:
            judge = beside.stage()
        for p in wanted:
            name = p.task.name
            judged = judge.judge(p.task, p.samples, answers[name], _told(watch, name))
            known = results[name].fingerprint.preprocessing
            own = replace(p, fingerprint=replace(p.fingerprint, preprocessing=known))
            results[name] = finish(folder, own, answers[name], judged)
            record = replace(record, results=tuple(results.values()), finished=provenance.now())
            record = folder.write_record(record)
    return record


def _say_forecast(
    wanted: Sequence[Prepared],
    answers: Mapping[str, Mapping[str, Prediction]],
    order: JudgeOrder,
    watch: Observer,
) -> None:
    found = {p.task.name: forecast(p.task, order, p.samples, answers[p.task.name]) for p in wanted}
    for line in forecast_lines(found, order):
        watch.note(line)


def _result_of(folder: RunFolder, record: RunRecord, task: Task) -> TaskResult:
    """A task's result in the record.

    Raises:
        StoreError: It has none.
    """
    found = next((result for result in record.results if result.task == task.name), None)
    if found is None:
        message = (
            f"{folder.record_path} holds no result of {task.name}; give the command of the run "
            "again."
        )
        raise StoreError(message)
    return found


def _say_replaced(before: TaskResult, task: Task, order: JudgeOrder, watch: Observer) -> None:
    """Say whose verdicts will be no more; nothing where the same judge goes on."""
    report, rubric = before.judge, rubric_of(task, order)
    if report is None:
        return
    then = (report.judge, report.rubric, report.votes, report.swapped)
    if then == (order.model, rubric.digest, order.votes, order.swap and rubric.pairwise):
        return
    numbers = [
        number(value.value, value.maximum)
        for name in before.headline
        if (value := before.metrics.get(name)) is not None and not report.is_void
    ]
    said = f" ({', '.join(numbers)})" if numbers else ""
    watch.note(f"{task.name}: replaces the verdicts of {report.judge}{said}.")


def _answers(folder: RunFolder, prepared: Prepared, before: TaskResult) -> Mapping[str, Prediction]:
    """The stored answers to the very questions that the data hold now.

    Raises:
        NotComparableError: The questions have changed.
        StaleError: The answers are not those of the record.
        StoreError: An answer is missing, or damaged.
    """
    now, then = prepared.fingerprint, before.fingerprint
    held, known = now.dataset, then.dataset
    same = held.digest == known.digest and known.context in (None, held.context)
    if not same or now.prompt != then.prompt:
        message = (
            f"The questions of {prepared.task.name} have changed since the run in {folder.path} "
            "answered them; run the model again."
        )
        raise NotComparableError(message)
    path = folder.predictions_path(prepared.task.file_stem)
    stored = stored_predictions(path, before.predictions)
    if missing := [s.id for s in prepared.samples if s.id not in stored]:
        message = (
            f"{folder.path} holds no answer of {prepared.task.name} to {missing[0]!r} and "
            f"{len(missing) - 1} more; give the command of the run again."
        )
        raise StoreError(message)
    return stored


def _told(watch: Observer, name: str) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        watch.judged(name, done, total)

    return told
