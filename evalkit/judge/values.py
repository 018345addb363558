"""Verdicts as one value a sample, from a judged run or from published files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from evalkit import registry
from evalkit.answer_files import source
from evalkit.errors import UsageError
from evalkit.judge.labels import read_labels
from evalkit.judge.order import judging_of
from evalkit.judge.pairs import Pair, has_both
from evalkit.judge.review import one_object, read_review
from evalkit.judge.units import by_sample
from evalkit.judge.verdict_file import recorded_answers, recorded_verdicts
from evalkit.recorded_tasks import RecordedTasks
from evalkit.records import Verdict
from evalkit.rubric import Judging
from evalkit.store import RunFolder, load_run
from evalkit.task import file_stem


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a judge said of one answer.

    Attributes:
        verdict: The mean of the answer's ratings over all its verdicts, or the label of most of
            them; None where all failed.
        length: Characters of the answer; None where they are not known.
        cluster: What is not independent of others.
    """

    verdict: str | float | None
    length: int | None = None
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a judge said of the answers to one task.

    Attributes:
        by_sample: By sample id.
        labels: The labels that verdicts may have, the best last; none where they are ratings.
        notes: What a reader should know of them.
        scale: The smallest and the largest rating that the judge is asked for; None for labels, and
            where nothing says it.
    """

    by_sample: Mapping[str, Value]
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    scale: tuple[float, float] | None = None

    @property
    def verdicts(self) -> dict[str, str | float]:
        """The verdicts that there are, by sample id."""
        told = self.by_sample.items()
        return {key: value.verdict for key, value in told if value.verdict is not None}

    @property
    def scale_held(self) -> tuple[float, float] | None:
        """The scale, as wide as the judge took it: official words let any number count."""
        if self.scale is None:
            return None
        given = [float(verdict) for verdict in self.verdicts.values()]
        return min([self.scale[0], *given]), max([self.scale[1], *given])


def values_of(
    path: Path,
    task: str | None = None,
    references: Path | None = None,
    *,
    text: str | None = None,
    task_paths: Sequence[str] = (),
) -> Values:
    """A value for each judged sample.

    Args:
        path: A run's folder, or a grade or review file (`evalkit.judge.review`).
        task: The task, where the run has several.
        references: For grade and review files (`evalkit.judge.review.read_review`).
        text: What the file holds, where that is known already.
        task_paths: Files or folders with further tasks; none is those of a run that may be run
            (`evalkit.recorded_tasks`).

    Raises:
        UsageError: There are no verdicts, or of several tasks.
        StoreError: A file of the run is damaged, or its verdicts are not those of its record.
    """
    if path.is_dir():
        folder = RunFolder(path)
        stem = judged_stem(folder, task)
        return values_of_run(folder, stem, answer_texts(folder, stem), task_paths=task_paths)
    review = read_review(path, references, text=text)
    clusters = {sample.id: sample.cluster for sample in review.samples}
    notes = () if review.pictured else (f"In {path} each question is taken for independent.",)
    found = values(review.verdicts, {}, clusters)
    scale = judging_of(registry.load_task(review.task)).scale
    return Values(by_sample=found, notes=(*notes, *review.notes), scale=scale)


def answer_texts(folder: RunFolder, stem: str) -> dict[str, str]:
    """What a run answered to a task, by sample id; without what failed.

    Raises:
        StoreError: The file is damaged.
        StaleError: It holds others than those of the run's record.
    """
    made = recorded_answers(folder, stem)
    return {one.sample_id: one.text for one in made if one.text is not None}


def values_of_run(
    folder: RunFolder, stem: str, answers: Mapping[str, str], *, task_paths: Sequence[str] = ()
) -> Values:
    """A value for each judged sample of a run's task.

    Args:
        folder: The run's.
        stem: The task's name as a file name, of `judged_stem`.
        answers: What was judged, as `answer_texts`.
        task_paths: As for `values_of`.

    Raises:
        StoreError: A file of the run is damaged, or its verdicts are not those of its record.
    """
    lengths = {key: len(text) for key, text in answers.items()}
    verdicts, judging = recorded_verdicts(folder, stem), _judging_of(folder, stem, task_paths)
    labels = judging.labels if judging else ()
    return Values(
        by_sample=values(verdicts, lengths, folder.read_clusters(stem), labels),
        labels=labels,
        scale=judging.scale if judging else None,
    )


def _judging_of(folder: RunFolder, stem: str, task_paths: Sequence[str]) -> Judging | None:
    """What a run's task says of its judge."""
    record = load_run(folder.path)
    name = next(choice.name for choice in record.config.tasks if file_stem(choice.name) == stem)
    return RecordedTasks.of(record, task_paths, places=(folder.path,)).load(name).judging


def judged_stem(folder: RunFolder, task: str | None) -> str:
    """The file stem of a run's judged task.

    Args:
        folder: The run's.
        task: The task's name, or its file's.

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
    if task is not None and file_stem(task) not in stems:
        message = f"{folder.path} holds no verdicts of {task!r}; it has {', '.join(stems)}."
        raise UsageError(message)
    return stems[0] if task is None else file_stem(task)


def values(
    verdicts: Iterable[Verdict],
    lengths: Mapping[str, int],
    clusters: Mapping[str, str],
    labels: Sequence[str] = (),
) -> dict[str, Value]:
    """A value for each sample that has a verdict; lengths and clusters by sample id.

    Args:
        verdicts: In any order.
        lengths: Characters of the answers, where they are known.
        clusters: What is not independent of others.
        labels: What the ratings 0, 1, ... say, where verdicts are words.
    """
    found: dict[str, Value] = {}
    for sample_id, own in by_sample(tuple(verdicts)).items():
        ratings = [verdict.ratings[-1] for verdict in own if verdict.ratings]
        found[sample_id] = Value(
            verdict=_one(ratings, labels) if ratings else None,
            length=lengths.get(sample_id),
            cluster=clusters.get(sample_id, sample_id),
        )
    return found


def _one(ratings: Sequence[float], labels: Sequence[str]) -> str | float:
    """The mean of ratings, or the label of most of them; of two that are as frequent the worse."""
    if not labels:
        return fmean(ratings)
    times = Counter(map(int, ratings))
    return labels[max(sorted(times), key=times.__getitem__)]


def human_values(
    path: Path,
    references: Path | None = None,
    *,
    task: str | None = None,
    labels: Sequence[str] = (),
    task_paths: Sequence[str] = (),
) -> dict[str, str | float]:
    """What people said: a labels file (`evalkit.judge.labels`), a run, or a grade or review file.

    Args:
        path: The file, or the run's folder.
        references: For grade and review files.
        task: The task, where it is a run with several.
        labels: The labels of the judge's verdicts; people may give their numbers, 0, 1, ...
        task_paths: As for `values_of`.

    Raises:
        UsageError: It is neither, or a rating is the number of no label.
    """
    text = None if path.is_dir() else source.text(path)  # once: it may be a pipe
    if text is not None and _is_labels(path, text):
        found = read_labels(path, text)
    else:
        found = values_of(path, task, references, text=text, task_paths=task_paths).verdicts
    return {key: _labelled(key, value, labels) for key, value in found.items()}


def _labelled(sample_id: str, value: str | float, labels: Sequence[str]) -> str | float:
    """A verdict of people as a label, where the judge's are labels."""
    if isinstance(value, str) or not labels:
        return value
    if value not in range(len(labels)):
        known = ", ".join(f"{label} ({number})" for number, label in enumerate(labels))
        message = f"The human rating {value:g} of sample {sample_id!r} is no label: {known}."
        raise UsageError(message)
    return labels[int(value)]


def _is_labels(path: Path, text: str) -> bool:
    """Whether a file is one of labels: no object of grades, and no lines about questions.

    A first line with a sample_id is about a sample, whatever else it has.
    """
    if one_object(path, text) is not None:
        return False
    first = next((line for line in text.split("\n") if line.strip()), "")
    if _has_sample_id(first):
        return True
    return '"question_id"' not in first and '"content"' not in first


def _has_sample_id(line: str) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "sample_id" in row


def pairs_of(judged: Values, people: Mapping[str, str | float]) -> tuple[list[Pair], str]:
    """The judge's verdicts, each with that of people where there is one.

    Args:
        judged: The judge's.
        people: Human verdicts by sample id.

    Returns:
        The pairs, and a sentence on the human verdicts that are about no judged sample; empty where
        there is none.

    Raises:
        UsageError: All of them are about none, or about samples without a verdict.
    """
    pairs = [
        Pair(
            sample_id=sample_id,
            judge=value.verdict,
            human=people.get(sample_id),
            length=value.length,
            cluster=value.cluster,
        )
        for sample_id, value in judged.by_sample.items()
    ]
    strays = [name for name in people if name not in judged.by_sample]
    if pairs and not strays and not any(map(has_both, pairs)):
        message = (
            f"None of the {len(people):,} labels is about a sample with a verdict: the judge has "
            f"given {len(judged.verdicts):,} to {len(pairs):,} samples."
        )
        raise UsageError(message)
    if not strays:
        return pairs, ""
    said = f"{len(strays):,} of {len(people):,} labels are about samples that were not judged here"
    if len(strays) < len(people):
        return pairs, f"{said} ({strays[0]!r} first); they are left out."
    known = next(iter(judged.by_sample), "")
    message = f"{said}: {strays[0]!r} is the first, while {known!r} is a judged sample's id."
    raise UsageError(message)
