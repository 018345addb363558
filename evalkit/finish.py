"""The end of a task: predictions, and verdicts, on disk, scored and summarised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from evalkit.audit import Texts, audit
from evalkit.judge.result import Judged, further, judged_task
from evalkit.judge.verdict_file import check_answers, read_verdicts
from evalkit.manifest import ShownPictures
from evalkit.prepare import Prepared
from evalkit.records import Prediction
from evalkit.run_record import Fingerprint, TaskResult
from evalkit.score import score_predictions, summarise
from evalkit.spool import Lazy
from evalkit.store import RunFolder
from evalkit.task import Task
from evalkit.writing import write_json


def finish(
    folder: RunFolder,
    prepared: Prepared,
    predictions: Mapping[str, Prediction],
    judged: Judged | None = None,
) -> TaskResult:
    """Score a task and put its predictions, verdicts, scores and submission on disk.

    Args:
        folder: The run's.
        prepared: The task, and what was asked.
        predictions: By sample id.
        judged: Its verdicts; None where it needs none, or has none yet.
    """
    task, stem = prepared.task, prepared.task.file_stem
    pictures, texts = ShownPictures(), Texts()
    made = (predictions[sample.id] for sample in prepared.samples)
    answers = folder.write_predictions(stem, _seen(made, pictures.add, texts.count))
    fingerprint = _fingerprint(prepared, pictures, judged)
    notes = [*prepared.notes, *_unjudged(folder, task, judged)]
    if judged is not None:
        task = judged_task(task, judged)
        folder.write_verdicts(stem, judged.verdicts)
    if task.submission is not None:
        answered = Lazy(prepared.samples, lambda s: (s, predictions[s.id].text or ""))
        name, value = task.submission(answered)
        write_json(folder.path / "submissions" / name, value)
        notes.append(f"{task.name}: a server scores this split; give it submissions/{name}.")
    scores = score_predictions(task, prepared.samples, predictions)
    digest = folder.write_scores(stem, scores)
    read = audit(task, prepared.samples, texts, scores)
    result = summarise(task, scores, fingerprint, tuple(notes), read, predictions=predictions)
    result = replace(result, scores=digest, predictions=answers)
    if judged is None:
        return result
    metrics = {**result.metrics, **further(task, scores)}
    return replace(result, metrics=metrics, judge=judged.report)


def _seen(
    predictions: Iterable[Prediction], *watchers: Callable[[Prediction], None]
) -> Iterator[Prediction]:
    """The predictions, each shown to all who watch: they are read once."""
    for made in predictions:
        for watch in watchers:
            watch(made)
        yield made


def _fingerprint(prepared: Prepared, pictures: ShownPictures, judged: Judged | None) -> Fingerprint:
    """The fingerprint with the pictures that were shown, and the judge."""
    known = prepared.fingerprint
    known = replace(known, dataset=replace(known.dataset, images=pictures.digest()))
    if judged is None:
        return known
    scorer = replace(known.scorer, protocol=judged.report.origin)
    return replace(known, scorer=scorer, judge=judged.fingerprint)


def _unjudged(folder: RunFolder, task: Task, judged: Judged | None) -> Iterator[str]:
    if judged is None and task.judging is not None and task.judging.required:
        yield f"{task.name}: not judged yet; `evalkit judge {folder.path} --judge ...` judges it."


def stored_verdicts(
    folder: RunFolder,
    prepared: Prepared,
    predictions: Mapping[str, Prediction],
    before: TaskResult,
) -> Judged | None:
    """What a judge said of these answers in an earlier session; None where it said nothing.

    Raises:
        StoreError: The file holds other verdicts than the record, or they are on other answers.
    """
    task, stem = prepared.task, prepared.task.file_stem
    if before.judge is None or before.fingerprint.judge is None or task.judging is None:
        return None
    verdicts = read_verdicts(folder, stem, before.judge)
    check_answers(folder, stem, before.judge, prepared.samples, predictions)
    return Judged(
        verdicts=verdicts,
        report=before.judge,
        fingerprint=before.fingerprint.judge,
    )
