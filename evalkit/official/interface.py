"""What a benchmark's own files are asked for: samples, and whose answer is whose.

A task without files of its own uses `OfficialFiles` as it is: references are rows of its dataset,
and answers are matched by sample id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.records import Image, MetricValue, Sample, SampleScore
from evalkit.run_record import DatasetIdentity
from evalkit.task import Task

Treatment = Literal["wrong", "exclude"]
"""What becomes of a question without an answer: it counts as wrong, or it does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What answers are scored against.

    Attributes:
        samples: In the order of the references.
        label: What is recorded as the data's repository: "files", "predictions" or a hub id.
        extra: What the benchmark's own matching and numbers need, under names that only it knows.
        identity: Of the dataset that the samples are rows of; None where they are from files.
        notes: Sentences that a reader of the numbers must see.
    """

    samples: Sequence[Sample]
    label: str = "files"
    extra: Mapping[str, Any] = field(default_factory=dict)
    identity: DatasetIdentity | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Answers by the samples that they answer.

    Attributes:
        answers: By sample id; of several answers to one sample, the one that counts.
        samples: All samples that were asked, in the references' order.
        unknown: Answers to questions that the references do not have.
        repeated: Answers that another answer to the same sample replaced.
        conflicting: Those of them that said something else.
        notes: Sentences that a reader of the numbers must see.
        is_whole: False where a part of the references was left aside as nobody answered it.
    """

    answers: Mapping[str, Answer]
    samples: Sequence[Sample]
    unknown: tuple[Answer, ...] = ()
    repeated: int = 0
    conflicting: int = 0
    notes: tuple[str, ...] = ()
    is_whole: bool = True


class OfficialFiles:
    """The files of a benchmark; each method may be replaced by a benchmark's own."""

    missing: Treatment = "wrong"
    """What the official tool does with a question without an answer; where it stops, "wrong"."""

    missing_note: str = ""
    """What that tool does, in a sentence with its source; shown when an answer is missing."""

    def references(self, task: Task, path: Path) -> References | None:
        """The samples in official ground-truth files.

        Args:
            task: The task, with the protocol and labels that were asked for.
            path: A file, or a folder that holds several; plain or gzip.

        Returns:
            None where nothing there is an official file of the benchmark: the caller then reads
            the path as a folder of the dataset's rows.

        Raises:
            UsageError: A file is an official one, and damaged; the text names file and place.
        """
        del task, path
        return None

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The samples that the prediction file itself carries; None where it has no gold answers.

        MME's answer files and VLMEvalKit's tables do.
        """
        del task, answers
        return None

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """Which answer belongs to which sample.

        Raises:
            UsageError: The file's answers cannot be told apart, or fit nothing.
        """
        del task
        return matched_by_id(references, answers)

    def unanswered(self, sample: Sample) -> Sample | None:
        """A sample without an answer, as the official tool counts it; None: it does not count.

        Only asked where the official tool's own treatment applies.
        """
        return None if self.missing == "exclude" else sample

    def protocol(self, task: Task, asked: str | None, answers: AnswerFile) -> tuple[str, str]:
        """The protocol to be used, and a sentence about it that may be empty.

        Args:
            task: The task.
            asked: What the user asked for; None is the default.
            answers: What the file holds: judge replies, for instance.
        """
        del answers
        return asked or task.protocol, ""

    def further(
        self, references: References, answers: AnswerFile, scores: Sequence[SampleScore]
    ) -> tuple[Mapping[str, MetricValue], tuple[str, ...]]:
        """Numbers that need more than scores, such as GQA's consistency, and notes about them."""
        del references, answers, scores
        return {}, ()

    def further_slices(
        self, scores: Sequence[SampleScore]
    ) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
        """Further numbers of slices, {tag: {slice: {name: value}}}, beside those of the metrics."""
        del scores
        return {}


def matched_by(
    samples: Sequence[Sample],
    answers: AnswerFile,
    ids: Mapping[Any, str],
    keys: Iterable[Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Matched:
    """Match answers by a key; of several answers with one key the last one counts.

    Args:
        samples: All samples.
        answers: The prediction file.
        ids: Key -> sample id.
        keys: The key of each answer, in order; None is the answer's own id.
        notes: Passed on.
    """
    named = (answer.id for answer in answers.answers) if keys is None else keys
    places = [ids.get(key) for key in named]
    pairs = list(zip(places, answers.answers, strict=True))
    found = {place: answer for place, answer in pairs if place is not None}
    unknown = tuple(answer for place, answer in pairs if place is None)
    repeated = len(pairs) - len(unknown) - len(found)
    conflicting = sum(a.text != found[place].text for place, a in pairs if place is not None)
    return Matched(
        answers=found,
        samples=samples,
        unknown=unknown,
        repeated=repeated,
        conflicting=conflicting,
        notes=notes,
    )


def matched_by_id(references: References, answers: AnswerFile) -> Matched:
    """Answers by sample id; of several to one sample the last counts."""
    known = {sample.id for sample in references.samples}
    found = {answer.id: answer for answer in answers.answers if answer.id is not None}
    if not found.keys() <= known or len(found) < len(answers.answers):
        return matched_by(references.samples, answers, {name: name for name in known})
    return Matched(answers=found, samples=references.samples)


def names_samples(references: References, answers: AnswerFile) -> bool:
    """Whether the file calls questions by the ids of the samples, as one that is made by hand may.

    A bare number may be anything: it is taken for a sample's id only in a file that shows no
    prompts, as LLaVA's do, and only where every one of them is such an id.
    """
    if answers.format != "llava" or not answers.answers:
        return False
    known = {sample.id for sample in references.samples}
    ids = [answer.id for answer in answers.answers]
    if not known.issuperset(ids):
        return False
    bare = any(name is not None and name.isdecimal() for name in ids)
    return not bare or all(answer.prompt is None for answer in answers.answers)


def no_picture(key: str) -> Image:
    """The picture of a sample that is only scored: it has a name, and cannot be read."""
    return Image(key=key, read=partial(_not_here, key))


def _not_here(key: str) -> bytes:
    message = f"The picture {key!r} is not here: answers from a file are scored without it."
    raise OSError(message)
