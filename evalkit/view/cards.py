"""A sample as a template shows it: texts in which nothing is hidden, cut where they are long."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.errors import EvalkitError
from evalkit.records import Image, Message, Prediction, SampleScore, Verdict
from evalkit.report.compare_page import shown
from evalkit.report.flips import is_said
from evalkit.report.table import printable, shortened
from evalkit.view.beside import Beside
from evalkit.view.index import LONGEST_CHOICE
from evalkit.view.opened import OpenTask
from evalkit.view.questions import Questions

_LINE = 200  # characters of what stands on one line
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

PictureAt = Callable[[int, int], str]
"""Address of a sample's picture: by the sample's row, and the picture's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A sample on a page; all texts are printable, and none is escaped yet.

    Attributes:
        row: Its place among the scores.
        sample_id: Its id as it is, for addresses.
        name: Its id, to be read.
        state: "right", "partly", "wrong", "failed" or "" where nothing says it.
        moved: "better" or "worse" beside the other run; "" else.
        question: The question; empty where it is not known.
        choices: Options with their letters.
        turns: What the model was asked: (role, text) turn by turn.
        pictures: Addresses of small and of large pictures.
        flags: The states of `evalkit.view.filters` in which it is, but for wrong and right.
        slices: "name=value" of its tags, as they are.
        rule: The rule that took the answer, as it is.
        targets: What would have been right, most frequent first.
        tags: "name: value" each.
        group: What it is scored together with; empty for nothing.
        sides: One for each run.
    """

    row: int
    sample_id: str
    name: str
    state: str
    moved: str
    question: str
    choices: tuple[str, ...]
    turns: tuple[tuple[str, str], ...]
    pictures: tuple[str, ...]
    flags: tuple[str, ...]
    slices: tuple[str, ...]
    rule: str
    targets: tuple[str, ...]
    tags: tuple[str, ...]
    group: str
    sides: tuple[Mapping[str, Any], ...]


def cards(
    opened: OpenTask,
    rows: Sequence[int],
    questions: Questions | None,
    beside: Beside | None,
    picture_at: PictureAt,
) -> list[Card]:
    """The samples in some rows.

    Args:
        opened: The task.
        rows: Which of its rows.
        questions: What was asked; None where it is not known.
        beside: The other run; None where there is none.
        picture_at: Where pictures are.
    """
    scores = opened.scores(rows)
    others: Mapping[int, SampleScore] = {}
    if beside is not None:
        places = [int(beside.places[row]) for row in rows]
        others = beside.opened.scores([place for place in places if place >= 0])
    found = []
    for row in rows:
        sides = [_side(opened, row, scores[row])]
        if beside is not None:
            place = int(beside.places[row])
            sides.append(
                _side(beside.opened, place, others[place]) if place >= 0 else {"absent": True}
            )
        asked = _asked(questions, row, picture_at)
        moved = _moved(beside, row)
        flags = (*_flags(scores[row]), *_paired_flags(beside, row, moved))
        found.append(_card(scores[row], sides, row=row, moved=moved, flags=flags, **asked))
    return found


def _card(
    score: SampleScore, sides: Sequence[Mapping[str, Any]], *, row: int, **given: Any
) -> Card:
    targets = Counter(score.targets).most_common()
    return Card(
        row=row,
        sample_id=score.sample_id,
        name=shortened(score.sample_id, _LINE),
        state=sides[0]["state"],
        slices=tuple(
            f"{name}={word}"
            for name, held in score.tags.items()
            for word in ((held,) if isinstance(held, str) else held)
            if len(word) <= LONGEST_CHOICE
        ),
        rule=score.rule[:LONGEST_CHOICE],
        targets=tuple(
            shown(text) + (f" ({n} of {len(score.targets)})" if n > 1 else "")
            for text, n in targets
        ),
        tags=tuple(_tags(score)),
        group=shortened(score.group or "", _LINE),
        sides=tuple(sides),
        **given,
    )


def _flags(score: SampleScore) -> Iterator[str]:
    if score.failed:
        yield "failed"
    elif score.answer is None:
        yield "unparsed"
    if score.ambiguous:
        yield "ambiguous"


def _paired_flags(beside: Beside | None, row: int, moved: str) -> Iterator[str]:
    if beside is None:
        return
    if moved:
        yield from ("flipped", moved)
    if beside.otherwise[row]:
        yield "otherwise"
    if beside.places[row] < 0:
        yield "missing"


def _tags(score: SampleScore) -> Iterator[str]:
    for name, held in score.tags.items():
        yield shortened(f"{name}: {held if isinstance(held, str) else ', '.join(held)}", _LINE)


def _moved(beside: Beside | None, row: int) -> str:
    if beside is None or not abs(gain := float(beside.gains[row])) > 0:
        return ""
    return "better" if gain > 0 else "worse"


# What was asked


def _asked(questions: Questions | None, row: int, picture_at: PictureAt) -> dict[str, Any]:
    if questions is None:
        return {"question": "", "choices": (), "turns": (), "pictures": ()}
    sample = questions.samples[row]
    lettered = zip(_LETTERS, sample.choices, strict=False)
    return {
        "question": shown(sample.question),
        "choices": tuple(f"({letter}) {shown(choice)}" for letter, choice in lettered),
        "turns": tuple(_turns(questions, row)),
        "pictures": tuple(picture_at(row, number) for number in range(len(sample.images))),
    }


def _turns(questions: Questions, row: int) -> Iterator[tuple[str, str]]:
    """The conversation with pictures in their places."""
    try:
        messages = questions.messages(row)
    except EvalkitError as error:
        messages = (Message(role="not known", content=(str(error),)),)
    for message in messages:
        parts = ["[picture]" if isinstance(p, Image) else shown(p) for p in message.content]
        yield printable(message.role), "\n".join(parts)


# What was answered


def _side(opened: OpenTask, row: int, score: SampleScore) -> dict[str, Any]:
    """What one run made of a sample."""
    made = opened.answer(row, score.sample_id)
    prediction = made if isinstance(made, Prediction) else None
    written = None if prediction is None else prediction.text
    failure = None if prediction is None else prediction.failure
    points = float(opened.index.points[row])
    return {
        "absent": False,
        "state": _state(opened, points, failed=score.failed),
        "answer": None if score.answer is None else shown(score.answer),
        "written": _beyond(score.answer, written),
        "trouble": printable(made) if isinstance(made, str) else "",
        "failure": failure and (printable(failure.kind), shown(failure.message)),
        "failed": score.failed,
        "finish": prediction.finish if prediction is not None else None,
        "rule": shortened(score.rule, _LINE),
        "ambiguous": score.ambiguous,
        "points": "" if math.isnan(points) else f"{points:.4g}",
        "values": [(printable(name), f"{value:.4g}") for name, value in score.values.items()],
        "verdicts": list(map(_verdict, opened.verdicts.get(score.sample_id, ()))),
    }


def _beyond(answer: str | None, text: str | None) -> str:
    """What the model wrote, where that is not the answer itself."""
    if text is None or (answer is not None and is_said(answer, text)):
        return ""
    return shown(text) or "(an empty text)"


def _state(opened: OpenTask, points: float, *, failed: bool) -> str:
    if failed:
        return "failed"
    if not opened.index.is_share or math.isnan(points):
        return ""
    return "wrong" if points <= 0 else "right" if points >= 1 else "partly"


def _verdict(verdict: Verdict) -> dict[str, Any]:
    ratings = verdict.ratings or ()
    failure = verdict.failure
    return {
        "name": f"verdict {verdict.repetition}" + (", other order" if verdict.swapped else ""),
        "ratings": " / ".join(f"{rating:g}" for rating in ratings),
        "reason": shown(verdict.reply or ""),
        "failure": failure and (printable(failure.kind), shown(failure.message)),
    }
