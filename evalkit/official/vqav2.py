"""VQAv2's files: annotations, questions and result lists of visualqa.org.

Annotations are `{"annotations": [{question_id, image_id, answers, question_type, answer_type}]}`;
questions, `{"questions": [{question_id, question}]}`, only give texts and may be missing.

`answer_id` is not read. The official tool (GT-Vision-Lab/VQA a013f004) leaves out each person in
turn by comparing whole entries; ids make entries differ, so it leaves out one. In annotations
without ids it would leave out all equal entries with the one, and ten people who agree would be
nobody. Here a person is a place in the list, with and without ids.

The tool compares the ids of results and annotations as sets and stops where they differ; it stops
at a missing answer, and at one that is no text. Here what can be scored is scored: an id is its
text (7 and "7" are the same question), a number is its digits, and a missing answer is wrong.
The tool's report, to two decimals, is a note.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from evalkit.answer_files.interface import AnswerFile
from evalkit.answers.agreement import two_decimals
from evalkit.errors import UsageError
from evalkit.official.interface import Matched, OfficialFiles, References, matched_by_id, no_picture
from evalkit.official.vqa_rows import (
    checked,
    entries,
    json_files,
    lists_in,
    matched_by_row,
    the_one,
)
from evalkit.records import Image, MetricValue, SampleScore
from evalkit.task import Task


class Given(TypedDict):
    """What one person said."""

    answer: str


class Annotation(TypedDict):
    """One question of the annotations: the fields that are read, and two that a row has beside."""

    question_id: int | str
    image_id: int | str
    question: NotRequired[str]
    image: NotRequired[Any]
    answers: NotRequired[list[Given] | None]
    answer_type: NotRequired[str | None]
    question_type: NotRequired[str | None]


class Question(TypedDict):
    """One question of the questions file: the fields that are read."""

    question_id: int | str
    question: str


_ROUNDED = "accuracy_rounded"


class Vqav2Files(OfficialFiles):
    """The official annotations, and result lists by question id."""

    missing_note = (
        "The official tool stops unless the results have exactly the questions of the annotations "
        "(GT-Vision-Lab/VQA a013f004, vqaTools/vqa.py, loadRes)."
    )

    def references(self, task: Task, path: Path) -> References | None:
        """The annotated questions, in the annotations' order."""
        annotations: dict[Path, list[msgspec.Raw]] = {}
        questions: dict[Path, list[msgspec.Raw]] = {}
        for file in json_files(path):
            held = lists_in(file, ("annotations", "questions"))
            if "annotations" in held:
                annotations[file] = held["annotations"]
            elif "questions" in held:
                questions[file] = held["questions"]
        if annotations:
            file, raws = the_one(annotations, "annotation files")
            rows = _rows(file, raws, _texts(questions))
            return checked(
                tuple(map(task.to_sample, rows)), file, "the mean is over those there are."
            )
        if questions:
            message = f"{path} has questions but no annotations; give the annotations, too."
            raise UsageError(message)
        return None

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """Answers by question id; lmms-eval's by row of the dataset."""
        by_row = answers.format == "lmms-eval"
        found = (matched_by_row if by_row else matched_by_id)(references, answers)
        if task.protocol != "official" or answers.format != "vqa":
            return found
        return replace(found, notes=tuple(_stops(found)))

    def further(
        self, references: References, answers: AnswerFile, scores: Sequence[SampleScore]
    ) -> tuple[Mapping[str, MetricValue], tuple[str, ...]]:
        """The accuracy as the official tool rounds it."""
        del references, answers
        if not scores or not all("score" in score.values for score in scores):
            return {}, ()
        rounded = MetricValue(
            value=_rounded([score.values["score"] for score in scores]),
            low=None,
            high=None,
            method="rounded to two decimals of percent, as the official tool does",
            n=len(scores),
            clusters=len({score.cluster for score in scores}),
            maximum=1.0,
        )
        return {_ROUNDED: rounded}, ()

    def further_slices(
        self, scores: Sequence[SampleScore]
    ) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """The same by answer type and by question type."""
        members: dict[tuple[str, Any], list[float]] = {}
        for score in scores:
            value = score.values.get("score", 0.0)
            for item in score.tags.items():
                members.setdefault(item, []).append(value)
        slices: dict[str, dict[str, dict[str, float]]] = {}
        for (tag, name), held in members.items():
            slices.setdefault(tag, {})[name] = {_ROUNDED: _rounded(held)}
        return slices


def _rounded(scores: Sequence[float]) -> float:
    """Two decimals of percent as a fraction of four decimals: 55.4 by 100 is no 0.554."""
    return round(two_decimals(scores) / 100, 4)


def _texts(files: Mapping[Path, list[msgspec.Raw]]) -> dict[int | str, str]:
    """The text of each question."""
    return {
        question["question_id"]: question["question"]
        for file, raws in files.items()
        for question in entries(raws, Question, f"{file}, question")
    }


def _rows(
    file: Path, raws: list[msgspec.Raw], texts: Mapping[int | str, str]
) -> Iterator[Mapping[str, Any]]:
    """The annotations as rows of the dataset; what is asked about one picture shares it."""
    pictures: dict[int | str, Image] = {}
    for row in entries(raws, Annotation, f"{file}, annotation"):
        image = row["image_id"]
        if image not in pictures:
            pictures[image] = no_picture(str(image))
        row["question"], row["image"] = texts.get(row["question_id"], ""), pictures[image]
        yield row


def _stops(found: Matched) -> Iterator[str]:
    """Where the official tool would have stopped, other than at a missing question."""
    if found.unknown:
        yield "The official tool stops at answers to questions that the annotations do not have."
    if any(answer.text is None for answer in found.answers.values()):
        yield "The official tool stops at an entry without an answer."
