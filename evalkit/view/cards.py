"""A sample as a template shows it: texts in which nothing is hidden, cut where they are long."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.records import Prediction, Sample, SampleScore, Verdict
from evalkit.report.compare_page import shown
from evalkit.report.flips import is_said
from evalkit.report.table import printable, shortened
from evalkit.view.beside import Beside
from evalkit.view.filters import GROUPED, PAIRED
from evalkit.view.index import LONGEST_CHOICE
from evalkit.view.opened import OpenTask
from evalkit.view.questions import Questions
from evalkit.view.whole import (
    LETTERS,
    LINE,
    Text,
    Turns,
    asked_of,
    asked_texts,
    is_cut,
    said_texts,
    searched_texts,
)

_MOST_MATES = 6  # samples of a group that are linked one by one

PictureAt = Callable[[int, int], str]
"""Address of a sample's picture: by the sample's row, and the picture's number."""

WholeAt = Callable[[OpenTask, int], str]
"""Address of the whole texts of a run's sample, by its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where that stands which a card leads to.

    Attributes:
        picture: Where pictures are.
        whole: Where whole texts are.
        rows: The rows that have a card; None is all.
    """

    picture: PictureAt
    whole: WholeAt
    rows: Container[int] | None = None


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
        whole: Where its texts stand whole, where what was asked is cut here; empty else.
        searched: The texts that search looks at, as they are.
        flags: The states of `evalkit.view.filters` in which it is, but for wrong and right.
        slices: "name=value" of its tags, as they are.
        rule: The rule that took the answer, as it is.
        targets: What would have been right, most frequent first.
        tags: "name: value" each.
        group: What it is scored together with, as it is; empty where it is too long for a filter.
        group_name: The same, to be read; empty for nothing.
        group_moved: "better" or "worse" where its group is that beside the other run; "" else.
        mates: The others of its group: id as it is, and to be read; none where there are many.
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
    group_name: str
    group_moved: str
    mates: tuple[tuple[str, str], ...]
    whole: str
    searched: tuple[str, ...]
    sides: tuple[Mapping[str, Any], ...]


def cards(
    opened: OpenTask,
    rows: Sequence[int],
    questions: Questions | None,
    beside: Beside | None,
    places: Places,
) -> list[Card]:
    """The samples in some rows.

    Args:
        opened: The task.
        rows: Which of its rows.
        questions: What was asked; None where it is not known.
        beside: The other run; None where there is none.
        places: Where pictures and whole texts are.
    """
    scores = opened.scores(rows)
    others: Mapping[int, SampleScore] = {}
    if beside is not None:
        there = [int(beside.places[row]) for row in rows]
        others = beside.opened.scores([place for place in there if place >= 0])
    found = []
    for row in rows:
        made = opened.answer(row, scores[row].sample_id)
        sides = [_side(opened, row, scores[row], made, places)]
        if beside is not None:
            sides.append(_other_side(beside, int(beside.places[row]), others, places))
        sample, turns = asked_of(questions, row)
        given = {
            **_asked(sample, turns, row, places.picture),
            **_compared(beside, row),
            "mates": tuple(_mates(opened, row, places)),
            "whole": _whole(places, opened, row, asked_texts(sample, turns, scores[row])),
            "searched": searched_texts(scores[row], sample, made),
        }
        given["flags"] = (*_flags(scores[row]), *given["flags"])
        found.append(_card(scores[row], sides, row=row, **given))
    return found


def _other_side(
    beside: Beside, place: int, scores: Mapping[int, SampleScore], places: Places
) -> dict[str, Any]:
    """What the other run made of a sample; where it has none its place is -1."""
    if place < 0:
        return {"absent": True}
    made = beside.opened.answer(place, scores[place].sample_id)
    return _side(beside.opened, place, scores[place], made, places)


def _whole(places: Places, opened: OpenTask, row: int, texts: Iterator[Text]) -> str:
    """Where the texts stand whole; empty where all of them do on the card."""
    return places.whole(opened, row) if is_cut(texts) else ""


def _mates(opened: OpenTask, row: int, places: Places) -> Iterator[tuple[str, str]]:
    rows = opened.index.groups.mates(row)
    if len(rows) > _MOST_MATES:
        return
    led = [place for place in rows if places.rows is None or place in places.rows]
    for sample_id in opened.index.named(led):
        yield sample_id, shortened(sample_id, LINE)


def _card(
    score: SampleScore, sides: Sequence[Mapping[str, Any]], *, row: int, **given: Any
) -> Card:
    targets, group = Counter(score.targets).most_common(), score.group or ""
    return Card(
        row=row,
        sample_id=score.sample_id,
        name=shortened(score.sample_id, LINE),
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
        group=group if len(group) <= LONGEST_CHOICE else "",
        group_name=shortened(group, LINE),
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


def _compared(beside: Beside | None, row: int) -> dict[str, Any]:
    """What the other run made of it, and of its group."""
    if beside is None:
        return {"moved": "", "group_moved": "", "flags": ()}
    held = [name for name in PAIRED | GROUPED if beside.in_state(name, [row])[0]]
    moved = [word for word in ("better", "worse") if word in held]
    group = [word for word in ("better", "worse") if f"group-{word}" in held]
    return {"moved": "".join(moved), "group_moved": "".join(group), "flags": held}


def _tags(score: SampleScore) -> Iterator[str]:
    for name, held in score.tags.items():
        yield shortened(f"{name}: {held if isinstance(held, str) else ', '.join(held)}", LINE)


# What was asked


def _asked(sample: Sample | None, turns: Turns, row: int, picture_at: PictureAt) -> dict[str, Any]:
    if sample is None:
        return {"question": "", "choices": (), "turns": (), "pictures": ()}
    lettered = zip(LETTERS, sample.choices, strict=False)
    return {
        "question": shown(sample.question),
        "choices": tuple(f"({letter}) {shown(choice)}" for letter, choice in lettered),
        "turns": tuple((printable(r), shown(text)) for r, text in turns),
        "pictures": tuple(picture_at(row, number) for number in range(len(sample.images))),
    }


# What was answered


def _side(
    opened: OpenTask,
    row: int,
    score: SampleScore,
    made: Prediction | str | None,
    places: Places,
) -> dict[str, Any]:
    """What one run made of a sample."""
    verdicts = opened.verdicts.get(score.sample_id, ())
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
        "rule": shortened(score.rule, LINE),
        "ambiguous": score.ambiguous,
        "points": _points(points, is_share=opened.index.is_share),
        "values": [(printable(name), f"{value:.4g}") for name, value in score.values.items()],
        "verdicts": list(map(_verdict, verdicts)),
        "group": _group(opened, row),
        "whole": _whole(places, opened, row, said_texts(score, made, verdicts)),
    }


def _points(points: float, *, is_share: bool) -> str:
    if math.isnan(points):
        return ""
    return f"{points:.4g} of 1" if is_share else f"{points:.4g}"


def _group(opened: OpenTask, row: int) -> str:
    """How much of its group is right; empty where it has none, or nothing says it."""
    index = opened.index
    rows = [row, *index.groups.mates(row)]
    if len(rows) < 2 or not index.is_share:  # noqa: PLR2004  a group of one is a sample
        return ""
    right = int((index.points[rows] >= 1).sum())
    return f"{right} of {len(rows)} right"


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
