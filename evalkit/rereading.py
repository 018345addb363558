"""A run in which nothing is left to ask: it is read, and its answers are scored anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evalkit import provenance
from evalkit.finish import finish, stored_verdicts
from evalkit.judge.result import Judged
from evalkit.manifest import (
    Manifest,
    answered_otherwise,
    before_judging,
    check_pictures,
    check_same,
    manifest_of,
    settings,
    with_weights,
)
from evalkit.prediction_files import Predictions
from evalkit.prepare import Prepared
from evalkit.progress import Observer
from evalkit.records import Prediction
from evalkit.run_record import RunConfig, RunRecord, TaskResult
from evalkit.stopping import Stopping
from evalkit.store import RunFolder, load_run
from evalkit.task import Task


def finished(
    folder: RunFolder,
    config: RunConfig,
    prepared: Sequence[Prepared],
    weights: Callable[[], str | None],
    watch: Observer,
    *,
    stopping: Stopping,
    judged_anew: bool,
) -> RunRecord | None:
    """The record of a run in which nothing is left to ask; None if there is work to do.

    The stored answers are scored anew, so that a changed scorer is never answered with old numbers.
    `weights` may take minutes, and is asked only where there is a record to compare with. Where a
    judge follows, verdicts are not looked at: one that was killed may have written other ones.
    """
    if not folder.record_path.exists() or folder.started_path.exists():
        return None
    record = load_run(folder.path)
    before = {result.task: result for result in record.results}
    prepared = [_as_recorded(p, before.get(p.task.name)) for p in prepared]
    now = Manifest(
        settings=settings(config),
        model=with_weights(record.model, weights()),
        fingerprints={p.task.name: p.fingerprint for p in prepared},
        versions=record.versions,
    )
    check_same(before_judging(manifest_of(record), now), now, folder.path)
    stored = {p.task.name: _judged_answers(folder, p.task, before) for p in prepared}
    failed = any(result.coverage.failed for result in record.results)
    if failed or not all(_is_whole(p, stored[p.task.name], stopping) for p in prepared):
        return None
    for p in prepared:
        check_pictures(p.samples, stored[p.task.name], p.fingerprint, folder.path)
    _say_finished(folder, answered_otherwise(record.config, config), watch)
    left = [p for p in prepared if p.task.judging is None or not judged_anew]
    results = _scored_anew(folder, left, stored, record, stopping)
    same = _as_told(results, record) == record.results
    return record if same else _mended(folder, record, results, watch)


def _scored_anew(
    folder: RunFolder,
    prepared: Sequence[Prepared],
    stored: Mapping[str, Mapping[str, Prediction]],
    record: RunRecord,
    stopping: Stopping,
) -> tuple[TaskResult, ...]:
    """A record's results, with those of some tasks as the stored answers and verdicts give them."""
    results = {result.task: result for result in record.results}
    told = [
        stored_verdicts(folder, p, stored[p.task.name], results[p.task.name]) for p in prepared
    ]  # all of them, before anything is written
    for p, judged in zip(prepared, told, strict=True):
        results[p.task.name] = result_of(folder, p, stored[p.task.name], judged, stopping)
    return tuple(results.values())


def _as_told(results: Sequence[TaskResult], record: RunRecord) -> tuple[TaskResult, ...]:
    """Results without the digests of answers that an earlier version of evalkit did not record."""
    return tuple(
        replace(now, predictions=None) if then.predictions is None else now
        for now, then in zip(results, record.results, strict=True)
    )


def _is_whole(prepared: Prepared, stored: Mapping[str, Prediction], stopping: Stopping) -> bool:
    """Whether all is answered of a task that was to be asked, until it was stopped early."""
    stopping.start({prepared.task.name: stored})
    return all(sample.id in stored for sample in stopping.narrowed(prepared).samples)


def result_of(
    folder: RunFolder,
    prepared: Prepared,
    predictions: Mapping[str, Prediction],
    judged: Judged | None,
    stopping: Stopping,
) -> TaskResult:
    """A task's result, over what was asked until it ended."""
    made = finish(folder, stopping.narrowed(prepared), predictions, judged)
    return stopping.finished(prepared, made)


def _say_finished(folder: RunFolder, otherwise: str, watch: Observer) -> None:
    """Nothing is asked; and where other settings were asked for, they have no effect."""
    watch.note(f"Nothing is left to ask: {folder.record_path} is read (--fresh asks again).")
    if otherwise:
        watch.note(f"It was answered with {otherwise}, not as asked now; --fresh asks again.")


def _as_recorded(prepared: Prepared, result: TaskResult | None) -> Prepared:
    """The task with what only a loaded model can say, as it was recorded."""
    if result is None:
        return prepared
    told = replace(prepared.fingerprint, preprocessing=result.fingerprint.preprocessing)
    return replace(prepared, fingerprint=told)


def _mended(
    folder: RunFolder, record: RunRecord, results: tuple[TaskResult, ...], watch: Observer
) -> RunRecord:
    """Write the record anew with the numbers that the stored answers give now."""
    watch.note(
        "The stored answers, or the numbers that they give, are others than in run.json, which is "
        "written anew: the task's code or an answer has changed."
    )
    return folder.write_record(replace(record, results=results, finished=provenance.now()))


def _judged_answers(folder: RunFolder, task: Task, before: Mapping[str, TaskResult]) -> Predictions:
    """The predictions of a finished task; those that a judge has seen must be the record's.

    Raises:
        StaleError: They are others. (Others that no judge has seen are scored anew.)
    """
    result = before.get(task.name)
    judged = result is not None and result.judge is not None
    digest = result.predictions if result is not None and judged else None
    return Predictions.stored(folder.predictions_path(task.file_stem), digest)


def stored_answers(folder: RunFolder, task: Task) -> Predictions:
    """The predictions of a finished task by sample id."""
    return Predictions.stored(folder.predictions_path(task.file_stem))
