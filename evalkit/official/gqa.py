"""GQA's files: questions of one split, and whose answer is whose.

Beside the questions a folder may hold what `eval.py` needs for its further numbers: choices, scene
graphs and attention maps (`evalkit.official.gqa_folder`, `evalkit.official.gqa_further`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.answer_files.fields import as_number
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.answers.gqa import gqa_answer
from evalkit.errors import UsageError
from evalkit.official.gqa_folder import Material, read_material
from evalkit.official.gqa_further import further_numbers
from evalkit.official.interface import (
    Matched,
    OfficialFiles,
    References,
    matched_by,
    no_picture,
)
from evalkit.records import MetricValue, Sample, SampleScore
from evalkit.task import Task

_RESULT_LIST = "gqa"
_GOLD_FIELD = {"lmms-eval": "target", "vlmevalkit": "answer"}  # formats that number their rows
_OWN = "predictions"
_NO_PICTURES = (
    "The gold answers are those in the prediction file, which names neither question types nor "
    "images: there is no breakdown, and intervals take the questions as independent."
)


class GqaFiles(OfficialFiles):
    """Official question files; GQA result lists, LLaVA's answers and other harnesses' tables."""

    missing_note = "GQA's eval.py stops where a balanced question has no prediction."

    def references(self, task: Task, path: Path) -> References | None:
        """The balanced questions; the others only serve `further`."""
        found = read_material(path)
        if found is None:
            return None
        material, notes = found
        samples = tuple(
            task.to_sample({**question, "id": key, "image": no_picture(question["imageId"])})
            for key, question in material.questions.items()
            if question["isBalanced"]
        )
        if not samples:
            message = f"{path} has no balanced question ('isBalanced'): nothing there is scored."
            raise UsageError(message)
        return References(samples=samples, extra={"material": material}, notes=notes)

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The gold answers in another harness's file; without types, so without slices."""
        del task
        field = _GOLD_FIELD.get(answers.format)
        if field is None or not all(
            a.id and _is_text(a.fields.get(field)) for a in answers.answers
        ):
            return None
        samples: dict[str, Sample] = {}
        for answer in answers.answers:
            sample = _own_sample(answer, answer.fields[field])
            if samples.setdefault(sample.id, sample).targets != sample.targets:
                message = (
                    f"{answers.path} has two gold answers to the question {sample.id!r}: "
                    f"{samples[sample.id].targets[0]!r} and {sample.targets[0]!r}. Does it hold "
                    "two files?"
                )
                raise UsageError(message)
        return References(samples=tuple(samples.values()), label=_OWN, notes=(_NO_PICTURES,))

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """By the question's id; rows of another harness's table also by their number."""
        del task
        samples, notes = references.samples, _unconverted(answers)
        ids = {sample.id: sample.id for sample in samples}
        if answers.format == _RESULT_LIST:
            samples = tuple(map(_already_converted, samples))
        keys: list[str | None] = [answer.id for answer in answers.answers]
        if _by_row(references, answers, ids):
            keys = [_numbered(samples, answer, answers) for answer in answers.answers]
        found = matched_by(samples, answers, ids, keys, notes)
        material = references.extra.get("material")
        others = material.questions if isinstance(material, Material) else {}
        unknown = tuple(answer for answer in found.unknown if answer.id not in others)
        return replace(found, unknown=unknown)

    def further(
        self, references: References, answers: AnswerFile, scores: Sequence[SampleScore]
    ) -> tuple[Mapping[str, MetricValue], tuple[str, ...]]:
        """Consistency, validity, plausibility, grounding and distribution, where they can be had.

        They are those of `eval.py`, so they belong to the official protocol alone.
        """
        material = references.extra.get("material")
        if not isinstance(material, Material):
            return {}, ()
        given = {score.sample_id: score.answer for score in scores if not score.failed}
        if answers.format not in _GOLD_FIELD:
            given |= {a.id: _compared(answers, a) for a in answers.answers if a.id is not None}
        return further_numbers(material, given, scores)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _own_sample(answer: Answer, gold: str) -> Sample:
    name = answer.id or ""
    question = answer.prompt or str(answer.fields.get("question", ""))
    return Sample(id=name, question=question, targets=(gold,), cluster=name)


def _already_converted(sample: Sample) -> Sample:
    return replace(sample, inputs={**sample.inputs, "converted": "yes"})


def _compared(answers: AnswerFile, answer: Answer) -> str | None:
    """What `eval.py` compares."""
    if answer.text is None or answers.format == _RESULT_LIST:
        return answer.text
    return gqa_answer(answer.text)


def _unconverted(answers: AnswerFile) -> tuple[str, ...]:
    """A note where LLaVA's conversion would change what a GQA result list says."""
    if answers.format != _RESULT_LIST:
        return ()
    written = [answer.text for answer in answers.answers if answer.text is not None]
    changed = sum(gqa_answer(text) != text for text in written)
    if not changed:
        return ()
    note = (
        f"{changed:,} of {len(written):,} predictions have capitals or a full stop at the end. A "
        "GQA result list is compared as it is: eval.py converts nothing; LLaVA's converter, which "
        "is applied to LLaVA's own answer files, would have dropped them."
    )
    return (note,)


def _by_row(references: References, answers: AnswerFile, ids: Mapping[str, str]) -> bool:
    """Whether the file's ids are numbers of rows: lmms-eval's are, VLMEvalKit's may be."""
    if answers.format not in _GOLD_FIELD or references.label == _OWN:
        return False
    return answers.format == "lmms-eval" or not any(a.id in ids for a in answers.answers)


def _numbered(samples: Sequence[Sample], answer: Answer, answers: AnswerFile) -> str | None:
    """The sample in the answer's row, which must have the answer's question and gold answer.

    Raises:
        UsageError: It has not: the table was made from rows in another order.
    """
    place = as_number(answer.id)
    if place is None or place >= len(samples):
        return None
    sample, fields = samples[place], answer.fields
    asked = answer.prompt or fields.get("question")
    gold = fields.get(_GOLD_FIELD[answers.format])
    if (isinstance(asked, str) and sample.question not in asked) or (
        isinstance(gold, str) and gold != sample.targets[0]
    ):
        message = (
            f"{answers.path} and the references are in another order, and the file names no "
            f"question ids: row {place} asks {str(asked or gold)[:80]!r}, the references have "
            f"{sample.question!r} there. Leave --references out to use the file's gold answers."
        )
        raise UsageError(message)
    return sample.id
