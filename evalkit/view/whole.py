"""The texts of a sample in their whole length: a card shows the beginning of long ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evalkit.errors import EvalkitError
from evalkit.records import Image, Message, Prediction, SampleScore
from evalkit.report.compare_page import LONGEST
from evalkit.report.table import printable
from evalkit.view.opened import OpenTask
from evalkit.view.questions import Questions

LINE = 200
"""Characters of what a card shows on one line."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Names of a question's options, in their order."""


class Text(NamedTuple):
    """A text as it was written, what it is, and how many characters of it a card shows."""

    name: str
    text: str
    most: int = LONGEST


def is_cut(texts: Iterable[Text]) -> bool:
    """Whether a card shows less than the whole of any of them."""
    return any(len(one.text) > one.most for one in texts)


def uncut(text: str) -> str:
    """A text of several lines without what could turn the writing round."""
    return "\n".join(map(printable, text.splitlines()))


def asked_texts(questions: Questions | None, row: int, score: SampleScore) -> Iterator[Text]:
    """What a sample is, what was asked, and what would have been right.

    Args:
        questions: What was asked; None where it is not known.
        row: The sample's place among the scores.
        score: The sample, scored.
    """
    yield Text("id", score.sample_id, LINE)
    if score.group is not None:
        yield Text("scored in the group", score.group, LINE)
    if questions is not None:
        sample = questions.samples[row]
        yield Text("question", sample.question)
        for letter, choice in zip(LETTERS, sample.choices, strict=False):
            yield Text(f"choice {letter}", choice)
        for role, text in turns_of(questions, row):
            yield Text(f"prompt, {printable(role)}", text)
    for target in dict.fromkeys(score.targets):
        yield Text("right", target)
    for name, held in score.tags.items():
        text = held if isinstance(held, str) else ", ".join(held)
        yield Text("tag", f"{name}: {text}", LINE)


def turns_of(questions: Questions, row: int) -> Iterator[tuple[str, str]]:
    """The conversation as (role, text), with pictures in their places."""
    try:
        messages = questions.messages(row)
    except EvalkitError as error:
        messages = (Message(role="not known", content=(str(error),)),)
    for message in messages:
        parts = ["[picture]" if isinstance(p, Image) else p for p in message.content]
        yield message.role, "\n".join(parts)


def said_texts(opened: OpenTask, row: int, score: SampleScore) -> Iterator[Text]:
    """What a run made of a sample: how it was read, what the model wrote, what a judge said."""
    if score.answer is not None:
        yield Text("answer", score.answer)
    yield Text("read by", score.rule, LINE)
    made = opened.answer(row, score.sample_id)
    if isinstance(made, Prediction):
        if made.text is not None:
            yield Text("wrote", made.text)
        if made.failure is not None:
            yield Text("failure", f"{made.failure.kind}: {made.failure.message}")
    for verdict in opened.verdicts.get(score.sample_id, ()):
        name = f"verdict {verdict.repetition}"
        if verdict.reply is not None:
            yield Text(name, verdict.reply)
        if verdict.failure is not None:
            yield Text(f"{name}, failure", verdict.failure.message)
