"""Samples that two runs answer differently well, as text: for tables, terminals and pages. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from evalkit.comparison import Asked, Comparison, Flip
from evalkit.report.table import Table, printable, shortened

Questions = Mapping[tuple[str, str], Asked]
"""What was asked, by task and sample id, where it is known."""

CAUSES = {
    "answer": "another answer",
    "format": "perhaps format alone",
    "verdict": "judged otherwise",
    "failure": "one of the two failed",
}
"""Why a sample flipped, in words."""

_LEAST = 20  # columns of a line
_TEXT = 60  # characters of a question or an answer


def flips_table(flips: Sequence[Flip], questions: Questions) -> Table:
    """A task's flips, worst first.

    Args:
        flips: The flips to show.
        questions: What was asked.
    """
    asked = any((flip.task, flip.sample_id) in questions for flip in flips)
    header = ("sample", "is", *(["question"] if asked else []), "right")
    rows = tuple(
        (
            shortened(flip.sample_id, _TEXT),
            word(flip),
            *([shortened(_question(flip, questions), _TEXT)] if asked else []),
            shortened(right(flip) or "-", _TEXT),
            *(shortened(told, _TEXT) for told in both_said(flip)),
            CAUSES[flip.cause],
        )
        for flip in flips
    )
    return Table(header=(*header, "reference", "run", "cause"), rows=rows, notes=())


def flip_lines(flips: Sequence[Flip], questions: Questions, width: int) -> Iterable[str]:
    """A task's flips as lines for a terminal, worst first.

    Args:
        flips: The flips to show.
        questions: What was asked.
        width: Columns of the terminal.
    """
    width = max(width, _LEAST)
    for flip in flips:
        head = f"{word(flip)}, {CAUSES[flip.cause]}: {flip.sample_id}"
        told = dict(zip(("reference", "run"), both_said(flip), strict=True))
        question = _question(flip, questions)
        named = {"question": question, "right": right(flip), **told}
        yield f"  {shortened(head, width - 2)}"
        for name, text in named.items():
            if text:
                yield f"    {name:<9}  {shortened(text, max(_TEXT // 2, width - 15))}"


def word(flip: Flip) -> str:
    """Whether the sample is worse or better in the second run."""
    return "worse" if flip.gain < 0 else "better"


def right(flip: Flip) -> str:
    """What would have been right, most frequent first; empty where it is not known."""
    return " / ".join(text for text, _ in Counter(flip.targets).most_common())


def _question(flip: Flip, questions: Questions) -> str:
    asked = questions.get((flip.task, flip.sample_id))
    if asked is None:
        return ""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    choices = (f"({a}) {choice}" for a, choice in zip(letters, asked.choices, strict=False))
    return " ".join((asked.question, *choices))


def both_said(flip: Flip) -> tuple[str, str]:
    """The two answers as they were read, with what the models wrote where that is more."""
    both = zip((flip.first, flip.second), flip.texts, flip.withheld, strict=True)
    one, two = (
        "(not shown)" if why and answer is None else said(answer, text)
        for answer, text, why in both
    )
    return one, two


def said(answer: str | None, text: str | None) -> str:
    """An answer as it was read, with what the model wrote where that is something else."""
    if answer is None:
        return "(no answer)" if text is None else f"(not read) {text}"
    return answer if text is None or is_said(answer, text) else f"{answer} (wrote: {text})"


def is_said(answer: str, text: str) -> bool:
    """Whether a text is the answer and no more: but for case, blanks and a full stop."""
    one, two = (written.strip().rstrip(".").casefold() for written in (answer, text))
    return one == two


def flips_titles(comparison: Comparison, flips: Sequence[Flip]) -> dict[str, str]:
    """A heading for each task that has flips to show."""
    shown: dict[str, list[Flip]] = {}
    for flip in flips:
        shown.setdefault(flip.task, []).append(flip)
    all_of = {task.task: task.flips for task in comparison.tasks}
    return {task: f"{task}: {_shown_words(held, all_of[task])}" for task, held in shown.items()}


def _shown_words(held: Sequence[Flip], counts: Mapping[str, tuple[int, int]]) -> str:
    better, worse = (sum(own) for own in zip((0, 0), *counts.values(), strict=True))
    shown = (
        (sum(f.gain < 0 for f in held), worse, "worse", "worst"),
        (sum(f.gain > 0 for f in held), better, "better", "best"),
    )
    told = [
        f"the {n:,} that got {word}" if n == all_of else f"the {n:,} {most} of {all_of:,} {word}"
        for n, all_of, word, most in shown
        if n
    ]
    return " and ".join(told)


def wrapped(notes: Iterable[str], width: int) -> tuple[str, ...]:
    """Sentences cut into lines of so many columns, or of `_LEAST` on a terminal without room."""
    room = max(width, _LEAST)
    return tuple(
        line
        for note in notes
        for line in textwrap.wrap(printable(note), room, subsequent_indent="  ")
    )
