"""The end of a task: predictions, and verdicts, on disk, scored and summarised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evalkit.audit import audit
from evalkit.judge.result import Judged, further, judged_task
from evalkit.manifest import image_digest
from evalkit.prepare import Prepared
from evalkit.records import Prediction
from evalkit.run_record import TaskResult
from evalkit.score import score_predictions, summarise
from evalkit.store import RunFolder, write_json
from evalkit.task import Task


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
    folder.write_predictions(stem, [predictions[s.id] for s in prepared.samples])
    images = image_digest(predictions[s.id] for s in prepared.samples)
    dataset = replace(prepared.fingerprint.dataset, images=images)
    fingerprint = replace(prepared.fingerprint, dataset=dataset)
    notes = list(prepared.notes)
    if judged is not None:
        task = judged_task(task, judged)
        folder.write_verdicts(stem, judged.verdicts)
        scorer = replace(fingerprint.scorer, protocol=task.protocol)
        fingerprint = replace(fingerprint, scorer=scorer, judge=judged.fingerprint)
    elif task.judging is not None and task.judging.required:
        notes.append(
            f"{task.name}: not judged yet; `evalkit judge {folder.path} --judge ...` judges it."
        )
    if task.submission is not None:
        pairs = [(s, predictions[s.id].text or "") for s in prepared.samples]
        name, value = task.submission(pairs)
        write_json(folder.path / "submissions" / name, value)
        notes.append(f"{task.name}: a server scores this split; give it submissions/{name}.")
    scores = score_predictions(task, prepared.samples, predictions)
    folder.write_scores(stem, scores)
    read = audit(task, prepared.samples, predictions, scores)
    result = summarise(task, scores, fingerprint, tuple(notes), read, predictions=predictions)
    if judged is None:
        return result
    metrics = {**result.metrics, **further(task, scores)}
    return replace(result, metrics=metrics, judge=judged.report)


def stored_verdicts(folder: RunFolder, task: Task, before: TaskResult) -> Judged | None:
    """What a judge said in an earlier session; None where it said nothing."""
    if before.judge is None or before.fingerprint.judge is None or task.judging is None:
        return None
    return Judged(
        verdicts=folder.read_verdicts(task.file_stem),
        report=before.judge,
        fingerprint=before.fingerprint.judge,
    )
