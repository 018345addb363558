"""POPE's gold answers where a prediction file carries them: lmms-eval's and VLMEvalKit's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from evalkit.answer_files.fields import as_id, as_number
from evalkit.answer_files.interface import Answer, AnswerFile
from evalkit.errors import UsageError
from evalkit.official.interface import References, no_picture
from evalkit.official.pope_splits import asked_question, image_stem
from evalkit.records import Sample
from evalkit.task import Task

_IMAGE_QUESTIONS = 6  # POPE asks so many about each image, one after the other


def lmms_references(task: Task, answers: AnswerFile) -> References | None:
    """The gold answers that lmms-eval notes beside each score; None where it does not."""
    sample = _maker(task, answers)
    samples = {}
    for answer in answers.answers:
        told = [value for value in answer.fields.values() if isinstance(value, dict)]
        gold = next((value for value in told if "ground_truth" in value), None)
        if gold is None or answer.id is None:
            return None
        number = as_number(as_id(gold.get("question_id")))
        image = answer.id if number is None else f"image {(number - 1) // _IMAGE_QUESTIONS + 1}"
        question = asked_question(answer.prompt) or ""
        row = {"question": question, "answer": gold["ground_truth"], "image_source": image}
        samples[answer.id] = replace(sample(answer, row), id=answer.id)
    note = (
        "lmms-eval's sample files do not say of which split a question is: give the split files as "
        "references for numbers by split."
    )
    return References(
        samples=tuple(samples.values()),
        label="predictions",
        extra={"answers": {name: (name,) for name in samples}},
        notes=(note,),
    )


def table_references(task: Task, answers: AnswerFile) -> References | None:
    """The answer key in VLMEvalKit's table; None where it has none.

    A row that stands for several splits becomes a sample in each, as VLMEvalKit counts it.
    """
    if not all({"question", "answer"} <= answer.fields.keys() for answer in answers.answers):
        return None
    sample = _maker(task, answers)
    samples: dict[str, Sample] = {}
    ids: dict[str, list[str]] = {}
    names_images = True
    for answer in answers.answers:
        image = image_stem(word(answer.fields.get("image_path")))
        names_images = names_images and image is not None
        row = {
            "question": word(answer.fields["question"]) or "",
            "answer": answer.fields["answer"],
            "image_source": image or row_name(answer),
        }
        for category in categories(answer) or ("",):
            made = sample(answer, row | {"category": category})
            if made.id not in samples:
                samples[made.id] = made
                ids.setdefault(row_name(answer), []).append(made.id)
    note = "The table does not name images: intervals take its rows as independent of each other."
    return References(
        samples=tuple(samples.values()),
        label="predictions",
        extra={"answers": ids},
        notes=() if names_images else (note,),
    )


def _maker(task: Task, answers: AnswerFile) -> Callable[[Answer, Mapping[str, Any]], Sample]:
    """Makes the sample of an answer from what a row of the dataset holds."""

    def sample(answer: Answer, row: Mapping[str, Any]) -> Sample:
        gold = str(row["answer"])
        if gold.strip().lower() not in ("yes", "no"):
            message = (
                f"{answers.path}, line {answer.place}, has the gold answer {gold[:40]!r}; those of "
                "POPE are yes and no."
            )
            raise UsageError(message)
        named = {"question_id": row_name(answer), "image": no_picture(row["image_source"])}
        return task.to_sample({"category": "", **row, **named, "answer": gold})

    return sample


def row_name(answer: Answer) -> str:
    """What an answer's row is called: by its id, or by its place."""
    return answer.id if answer.id is not None else f"row {answer.place}"


def categories(answer: Answer) -> tuple[str, ...]:
    """The splits in a line's own field, which VLMEvalKit joins by commas."""
    joined = word(answer.fields.get("category")) or ""
    return tuple(dict.fromkeys(name for name in map(str.strip, joined.split(",")) if name))


def word(value: Any) -> str | None:
    """The value if it is a text that is not empty."""
    return value if isinstance(value, str) and value else None
