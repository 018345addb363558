"""The texts of a sample in their whole length: a card shows the beginning of long ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from evalkit.errors import EvalkitError
from evalkit.records import Image, Message, Prediction, Sample, SampleScore, Verdict
from evalkit.report.compare_page import LONGEST
from evalkit.report.table import printable
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


Turns = Sequence[tuple[str, str]]
"""A conversation as (role, text) turn by turn, with pictures in their places."""


def asked_texts(sample: Sample | None, turns: Turns, score: SampleScore) -> Iterator[Text]:
    """What a sample is, what was asked, and what would have been right.

    Args:
        sample: The sample; None where it is not known.
        turns: The conversation; empty where it is not known.
        score: The sample, scored.
    """
    yield Text("id", score.sample_id, LINE)
    if score.group is not None:
        yield Text("scored in the group", score.group, LINE)
    if sample is not None:
        yield Text("question", sample.question)
        for letter, choice in zip(LETTERS, sample.choices, strict=False):
            yield Text(f"choice {letter}", choice)
    for role, text in turns:
        yield Text(f"prompt, {printable(role)}", text)
    for target in dict.fromkeys(score.targets):
        yield Text("right", target)
    for name, held in score.tags.items():
        text = held if isinstance(held, str) else ", ".join(held)
        yield Text("tag", f"{name}: {text}", LINE)


def asked_of(questions: Questions | None, row: int) -> tuple[Sample | None, Turns]:
    """A sample and its conversation; None and nothing where questions are not known."""
    if questions is None:
        return None, ()
    try:
        messages = questions.messages(row)
    except EvalkitError as error:
        messages = (Message(role="not known", content=(str(error),)),)
    turns = [(message.role, "\n".join(map(_part, message.content))) for message in messages]
    return questions.samples[row], turns


def _part(part: str | Image) -> str:
    return "[picture]" if isinstance(part, Image) else part


def said_texts(
    score: SampleScore, made: Prediction | str | None, verdicts: Iterable[Verdict]
) -> Iterator[Text]:
    """What a run made of a sample: how it was read, what the model wrote, what a judge said.

    Args:
        score: The sample, scored.
        made: What the model wrote (`OpenTask.answer`).
        verdicts: What a judge said.
    """
    if score.answer is not None:
        yield Text("answer", score.answer)
    yield Text("read by", score.rule, LINE)
    if isinstance(made, Prediction):
        if made.text is not None:
            yield Text("wrote", made.text)
        if made.failure is not None:
            yield Text("failure", f"{made.failure.kind}: {made.failure.message}")
    for verdict in verdicts:
        name = f"verdict {verdict.repetition}"
        if verdict.reply is not None:
            yield Text(name, verdict.reply)
        if verdict.failure is not None:
            yield Text(f"{name}, failure", verdict.failure.message)


def searched_texts(
    score: SampleScore, sample: Sample | None, made: Prediction | str | None
) -> tuple[str, ...]:
    """What search looks at, each text once: id, answer, question, and what the model wrote."""
    texts = [score.sample_id, score.answer]
    texts.append(None if sample is None else sample.question)
    texts.append(made.text if isinstance(made, Prediction) else None)
    return tuple(dict.fromkeys(text for text in texts if text))
