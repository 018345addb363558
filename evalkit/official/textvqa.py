"""TextVQA's files: `TextVQA_0.5.1_val.json`, LLaVA's answers to it, VLMEvalKit's table.

LLaVA's `eval_textvqa.py` (haotian-liu/LLaVA c121f043) joins an answer to its question by the image
(`question_id` in its files) and the question's text in lower case, which it reads back from the
prompt. Its mean is over the lines of the answer file: a question that was not asked does not count,
and one that two lines ask counts twice. Lines are kept in their order, in which its sums run.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from evalkit.answer_files.fields import sound
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.official.interface import (
    Matched,
    OfficialFiles,
    References,
    matched_by_id,
    names_samples,
    no_picture,
)
from evalkit.official.vqa_rows import (
    checked,
    entries,
    json_files,
    lists_in,
    matched_by_row,
    the_one,
)
from evalkit.records import Sample
from evalkit.task import Task

_SHORT_ANSWER = re.compile(r"Question: (.*?) Short answer:", re.DOTALL)
_OCR = ("Reference OCR token", "OCR tokens:")


class Question(TypedDict):
    """One question of the official file: the fields that are read."""

    question_id: int | str
    image_id: int | str
    question: str
    answers: NotRequired[list[str] | None]


class TextvqaFiles(OfficialFiles):
    """The official file, and answers joined by image and question."""

    missing = "exclude"
    missing_note = (
        "The official script's mean is over the lines of the answer file; questions without a line "
        "are not noticed (haotian-liu/LLaVA c121f043, llava/eval/eval_textvqa.py)."
    )

    def references(self, task: Task, path: Path) -> References | None:
        """The questions of the official file, in its order."""
        found: dict[Path, list[msgspec.Raw]] = {}
        for file in json_files(path):
            if raws := lists_in(file, ("data",)).get("data"):
                found[file] = raws
        if not found:
            return None
        file, raws = the_one(found, "TextVQA files")
        samples = tuple(map(task.to_sample, _rows(file, raws)))
        return checked(samples, file, "the official evaluator stops there.")

    def own_references(self, task: Task, answers: AnswerFile) -> References | None:
        """The questions of VLMEvalKit's table, whose `answer` is the text of a Python list."""
        rows = answers.answers
        if answers.format != "vlmevalkit" or not all("answer" in a.fields for a in rows):
            return None
        samples = tuple(map(task.to_sample, map(_table_row, rows)))
        return References(samples=_unique(samples), label="predictions")

    def match(self, task: Task, references: References, answers: AnswerFile) -> Matched:
        """Answers by image and question, by question id, or by row, as their format says."""
        del task
        if references.label == "predictions":
            pairs = zip(references.samples, answers.answers, strict=True)
            return Matched(answers={s.id: a for s, a in pairs}, samples=references.samples)
        if answers.format == "llava" and not names_samples(references, answers):
            return _joined(references, answers)
        if answers.format == "lmms-eval":
            asked = [_submitted(answer) for answer in answers.answers]
            if None not in asked:
                named = [replace(a, id=i) for a, i in zip(answers.answers, asked, strict=True)]
                return matched_by_id(references, replace(answers, answers=tuple(named)))
            return matched_by_row(references, answers)
        ids = {sample.id for sample in references.samples}
        if answers.format == "vlmevalkit" and not all(a.id in ids for a in answers.answers):
            return matched_by_row(references, answers)
        return matched_by_id(references, answers)


def _rows(file: Path, raws: list[msgspec.Raw]) -> Iterator[Mapping[str, Any]]:
    for row in entries(raws, Question, f"{file}, question"):
        picture = no_picture(str(row["image_id"]))
        yield {**row, "answers": row.get("answers") or (), "image": picture, "ocr_tokens": ()}


def _table_row(answer: Answer) -> Mapping[str, Any]:
    """A row of VLMEvalKit's table as a row of the dataset; without a picture's name, its own."""
    image = str(answer.fields.get("image_path") or f"row {answer.place}")
    return {
        "question_id": answer.id or answer.place,
        "image_id": image,
        "image": no_picture(image),
        "question": str(answer.fields.get("question", "")),
        "answers": listed(str(answer.fields["answer"])),
        "ocr_tokens": (),
    }


def listed(text: str) -> tuple[str, ...]:
    """The texts of a Python list that a table holds as text; other text is the one answer."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return (text,)
    return tuple(sound(str(one)) for one in value) if isinstance(value, list) else (text,)


def _unique(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """The samples with a number behind each id that an earlier one has."""
    seen: dict[str, int] = {}
    kept = []
    for sample in samples:
        times = seen[sample.id] = seen.get(sample.id, 0) + 1
        kept.append(sample if times == 1 else replace(sample, id=f"{sample.id}#{times}"))
    return tuple(kept)


def _submitted(answer: Answer) -> str | None:
    """The question id in lmms-eval's `submission`; None where a line has none."""
    entry = answer.fields.get("submission")
    found = entry.get("question_id") if isinstance(entry, dict) else None
    return None if found is None else str(found)


def question_of(prompt: str) -> str | None:
    """The question in one of LLaVA's four prompt layouts, in lower case; None in any other.

    Source: `prompt_processor` of `eval_textvqa.py`, which stops at another layout.
    """
    if prompt.startswith("OCR tokens: "):
        found = _SHORT_ANSWER.search(prompt)
        return found[1].lower() if found else None
    lines = prompt.split("\n")
    if "Reference OCR token: " in prompt and len(lines) == 3:  # noqa: PLR2004 - with the tokens
        return lines[prompt.startswith("Reference OCR token:")].lower()
    return lines[0].lower() if len(lines) == 2 else None  # noqa: PLR2004 - without


def _joined(references: References, answers: AnswerFile) -> Matched:
    """LLaVA's answers by image and question; by question id where the file has those."""
    places = {(s.cluster, s.question.lower()): s for s in references.samples}
    images = {sample.cluster for sample in references.samples}
    if not any(answer.id in images for answer in answers.answers):
        return replace(matched_by_id(references, answers), notes=_ocr_notes(answers.answers))
    asked, lines, unknown = [], [], []
    for answer in answers.answers:
        sample = places.get((answer.id or "", question_of(answer.prompt or "") or ""))
        if sample is None:
            unknown.append(answer)
        else:
            asked.append(sample)
            lines.append(answer)
    samples, held = _unique(asked), {sample.id for sample in asked}
    return Matched(
        answers={s.id: a for s, a in zip(samples, lines, strict=True)},
        samples=(*samples, *(s for s in references.samples if s.id not in held)),
        unknown=tuple(unknown),
        notes=(
            *_ocr_notes(answers.answers),
            *_layout_notes(unknown),
            *_repeat_notes(len(asked) - len(held)),
        ),
    )


def _ocr_notes(answers: Sequence[Answer]) -> tuple[str, ...]:
    prompts = [answer.prompt for answer in answers if answer.prompt]
    if not prompts:
        return ()
    count = sum(any(mark in prompt for mark in _OCR) for prompt in prompts)
    if not count:
        return ("The prompts hold no OCR tokens; LLaVA-1.5's published numbers are with them.",)
    which = "The" if count == len(prompts) else f"{count} of {len(prompts)}"
    return (f"{which} prompts hold OCR tokens of the dataset, as LLaVA-1.5's published runs.",)


def _layout_notes(unknown: Sequence[Answer]) -> tuple[str, ...]:
    odd = [answer.place for answer in unknown if question_of(answer.prompt or "") is None]
    if not odd:
        return ()
    named = ", ".join(map(str, odd[:5])) + (", ..." if odd[5:] else "")
    said = f"{len(odd)} prompts (line {named}) have none of LLaVA's four layouts, so nobody knows"
    return (f"{said} their question; the official script stops there.",)


def _repeat_notes(repeated: int) -> tuple[str, ...]:
    if not repeated:
        return ()
    said = f"{repeated} lines ask a question that an earlier line asks, too"
    return (f"{said}; each counts, as in the official script.",)
