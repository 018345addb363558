"""Verdicts as one value a sample, from a judged run or from published files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from evalkit.errors import UsageError
from evalkit.judge.labels import read_labels
from evalkit.judge.review import read_review
from evalkit.judge.units import by_sample
from evalkit.judge.verdict_file import recorded_verdicts
from evalkit.records import Verdict
from evalkit.store import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a judge said of one answer.

    Attributes:
        rating: The mean of the answer's ratings over all verdicts; None where all failed.
        length: Characters of the answer; 0 where it is not known.
        cluster: What is not independent of others.
    """

    rating: float | None
    length: int = 0
    cluster: str


def values_of(
    path: Path, task: str | None = None, references: Path | None = None
) -> dict[str, Value]:
    """A value for each judged sample.

    Args:
        path: A run's folder, or a grade or review file (`evalkit.judge.review`).
        task: The task, where the run has several.
        references: For MM-Vet's grade files.

    Raises:
        UsageError: There are no verdicts, or of several tasks.
        StoreError: A file of the run is damaged, or its verdicts are not those of its record.
    """
    if path.is_dir():
        return _of_run(RunFolder(path), task)
    review = read_review(path, references)
    clusters = {sample.id: sample.cluster for sample in review.samples}
    return values(review.verdicts, {}, clusters)


def _of_run(folder: RunFolder, task: str | None) -> dict[str, Value]:
    stem = judged_stem(folder, task)
    lengths = {made.sample_id: len(made.text or "") for made in folder.read_predictions(stem)}
    return values(recorded_verdicts(folder, stem), lengths, folder.read_clusters(stem))


def judged_stem(folder: RunFolder, task: str | None) -> str:
    """The file stem of a run's judged task.

    Raises:
        UsageError: It has none, several and none was named, or not the one that was.
    """
    stems = sorted(path.stem for path in folder.verdicts_path("x").parent.glob("*.jsonl"))
    if not stems:
        message = f"{folder.path} holds no verdicts; `evalkit judge {folder.path}` makes them."
        raise UsageError(message)
    if task is None and len(stems) > 1:
        message = f"{folder.path} holds verdicts of {', '.join(stems)}; name one with --task."
        raise UsageError(message)
    if task is not None and task not in stems:
        message = f"{folder.path} holds no verdicts of {task!r}; it has {', '.join(stems)}."
        raise UsageError(message)
    return task or stems[0]


def values(
    verdicts: Iterable[Verdict], lengths: Mapping[str, int], clusters: Mapping[str, str]
) -> dict[str, Value]:
    """A value for each sample that has a verdict; lengths and clusters by sample id."""
    found: dict[str, Value] = {}
    for sample_id, own in by_sample(tuple(verdicts)).items():
        ratings = [verdict.ratings[-1] for verdict in own if verdict.ratings]
        found[sample_id] = Value(
            rating=fmean(ratings) if ratings else None,
            length=lengths.get(sample_id, 0),
            cluster=clusters.get(sample_id, sample_id),
        )
    return found


def human_values(path: Path, references: Path | None = None) -> dict[str, str | float]:
    """What people said: a labels file (`evalkit.judge.labels`), or a grade or review file.

    Raises:
        UsageError: It is neither.
    """
    if path.is_dir() or not _is_labels(path):
        found = values_of(path, references=references)
        return {key: value.rating for key, value in found.items() if value.rating is not None}
    return dict(read_labels(path))


def _is_labels(path: Path) -> bool:
    """Whether the first line names a sample and no question."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            first = next((line for line in file if line.strip()), "")
    except OSError as error:
        message = f"The file {path} cannot be read: {error.strerror}."
        raise UsageError(message) from error
    return '"question_id"' not in first and '"content"' not in first
