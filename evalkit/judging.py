"""Judging a run: what `run --judge` does after the model, and `judge` without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit import provenance, registry
from evalkit.errors import NotComparableError, StoreError, UsageError
from evalkit.finish import finish
from evalkit.judge.estimate import estimate
from evalkit.judge.order import JudgeOrder, backend_of, check, rubric_of
from evalkit.judge.stage import JudgeStage, price_of
from evalkit.judge.units import units_of
from evalkit.prepare import Prepared, prepare
from evalkit.progress import Observer
from evalkit.records import Prediction
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
    for task in judged:
        rubric_of(task, order)
    backend_class, options = backend_of(order, Path())
    backend_class.preflight(options)


def judge_run(
    path: str | Path,
    order: JudgeOrder,
    *,
    names: Sequence[str] = (),
    observer: Observer | None = None,
) -> RunRecord:
    """Judge a finished run's tasks; the model is not asked again.

    Args:
        path: The run's folder.
        order: Which judge.
        names: Tasks; none is all that need a judge.
        observer: Who watches.

    Returns:
        The run's record, written anew.

    Raises:
        EvalkitError: The run, its data or the judge cannot be had, or the data have changed.
    """
    watch = observer or Observer()
    folder = RunFolder(Path(path))
    check(order)
    load_run(folder.path)  # the lock would make a folder where there is none
    with held(folder):
        record = load_run(folder.path)
        config = replace(record.config, offline=order.offline or record.config.offline)
        chosen = _chosen(folder, config, names)
        for task, _ in chosen:
            rubric_of(task, order)
        prepared = [prepare(task, choice, config, watch) for task, choice in chosen]
        record = judge_prepared(folder, record, prepared, order, watch)
    watch.stored(folder.path)
    return record


def _chosen(
    folder: RunFolder, config: RunConfig, names: Sequence[str]
) -> list[tuple[Task, TaskChoice]]:
    """The judged tasks of a run, or those of them that were named.

    Raises:
        UsageError: There are none, or one that was named is not among them.
    """
    tasks = [(registry.load_task(c.name, config.task_paths), c) for c in config.tasks]
    chosen = [(t, c) for t, c in tasks if t.judging and (not names or t.name in names)]
    if absent := set(names) - {task.name for task, _ in chosen}:
        message = f"The run in {folder.path} has no judged task {min(absent)!r}."
        raise UsageError(message)
    if not chosen:
        message = f"No task of the run in {folder.path} needs a judge."
        raise UsageError(message)
    return chosen


def judge_prepared(
    folder: RunFolder,
    record: RunRecord,
    prepared: Sequence[Prepared],
    order: JudgeOrder,
    watch: Observer,
) -> RunRecord:
    """Judge those of a run's tasks that need it, and write the record anew.

    Raises:
        EvalkitError: The judge cannot be had, or the questions are not those that were answered.
    """
    wanted = [p for p in prepared if p.task.judging is not None]
    before = {result.task: result for result in record.results}
    answers = {p.task.name: _answers(folder, p, before[p.task.name]) for p in wanted}
    for p in wanted:
        _announce(p, answers[p.task.name], order, watch)
    results = dict(before)
    with JudgeStage(order, folder.path, [p.task for p in wanted]) as stage:
        for p in wanted:
            name = p.task.name
            judged = stage.judge(p.task, p.samples, answers[name], _told(watch, name))
            known = before[name].fingerprint
            own = replace(p.fingerprint, preprocessing=known.preprocessing)
            results[name] = finish(folder, replace(p, fingerprint=own), answers[name], judged)
            record = replace(record, results=tuple(results.values()), finished=provenance.now())
            folder.write_record(record)
    return record


def _answers(folder: RunFolder, prepared: Prepared, before: TaskResult) -> dict[str, Prediction]:
    """The stored answers to the very questions that the data hold now."""
    now, then = prepared.fingerprint, before.fingerprint
    if now.dataset.digest != then.dataset.digest or now.prompt != then.prompt:
        message = (
            f"The questions of {prepared.task.name} have changed since the run in {folder.path} "
            "answered them; run the model again."
        )
        raise NotComparableError(message)
    stored = {made.sample_id: made for made in folder.read_predictions(prepared.task.file_stem)}
    if missing := [sample.id for sample in prepared.samples if sample.id not in stored]:
        message = (
            f"{folder.path} holds no answer of {prepared.task.name} to {missing[0]!r} and "
            f"{len(missing) - 1} more; give the command of the run again."
        )
        raise StoreError(message)
    return stored


def _announce(
    prepared: Prepared, answers: dict[str, Prediction], order: JudgeOrder, watch: Observer
) -> None:
    """Say what the judging will take, before the first question."""
    rubric = rubric_of(prepared.task, order)
    swap = order.swap and rubric.pairwise
    units = units_of(prepared.samples, answers, order.votes, swap=swap)
    price = price_of(order)
    share = 0.5 if order.batch else 1.0
    found = estimate(prepared.task.name, rubric, units, price[0] if price else None, share)
    watch.note(found.line(prepared.task.name))


def _told(watch: Observer, name: str) -> Callable[[int, int], None]:
    def told(done: int, total: int) -> None:
        watch.judged(name, done, total)

    return told
