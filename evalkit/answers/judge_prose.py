"""A judge's reply to evalkit's own words -> ratings, as judges write them. evalkit's own rules.

Official scripts read what they read (`evalkit.answers.judge_reply`, `evalkit.answers.verdict`).
Here " 0.4", "**0.7**", "Grade: 0.7", "0.7/1" and "0.7." are ratings, and reasons may follow. What
can be meant in two ways is none: two numbers, a number beyond the scale or of another one, a range,
a yes that takes itself back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Scale = tuple[float, float]
"""The smallest and the largest rating that is asked for."""

_EMPHASIS = re.compile(r"[*_`]+")

_NUMBER = r"(?:[0-9]{1,3}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})"
_RATED = rf"({_NUMBER})(?:(?: ?/ ?| ?\(?out of )({_NUMBER})\)?)?"
_LABEL = (
    r"(?:(?:the|my|final|overall|total|correctness) ){0,3}(?:grade|score|rating|correctness)"
    r"(?: is| would be)? ?[:=]? ?"
)
_WORDS = r"(?!(?:or|to|and|through|maybe|perhaps|possibly|but)\b)[^\W\d_]\D*"
_REASON = (  # on the same line, without a further number
    r"(?:[.!]?|\.? ?\(\D*"
    rf"|(?:[.;:,]| [-\u2013\u2014]) {_WORDS}"
    rf"| (?:because|since|as)\b\D*| (?-i:(?=[A-Z])){_WORDS})"
)
_GRADE = re.compile(rf"({_LABEL})?{_RATED}{_REASON}", re.IGNORECASE)

_NAME = (
    r"(?:(?:the )?(?:rating|score) (?:of |for )?)?"
    r"(?:the )?(?:answer|assistant|response|rating|score) ?"
)
_FIRST = rf"{_NAME}1 ?[:=] ?{_RATED}"
_PAIR = re.compile(
    rf"(?:(?:the )?(?:ratings?|scores?)(?: are)? ?[:=]? ?)?[(\[]?{_RATED}"
    rf"(?: ?[,;|&] ?| and | ){_RATED}[)\]]?\.?",
    re.IGNORECASE,
)
_NAMED_PAIR = re.compile(rf"{_FIRST} ?[,;.|&]?(?: and)? {_NAME}2 ?[:=] ?{_RATED}\.?", re.IGNORECASE)
_NAMED_FIRST = re.compile(rf"{_FIRST} ?[,;.]?", re.IGNORECASE)

_VERDICT = re.compile(
    r"(?:(?:(?:the|my|final) ){0,2}(?:verdict|answer|reply)(?: is)? ?: ?)?(yes|no)"
    r"(?:[.!]?(?:\n.*)?|(?:[.,;:!]| [-\u2013\u2014]) \S.*)",
    re.IGNORECASE | re.DOTALL,
)
_AGAINST = {
    "yes": re.compile(r"\b(?:no|not|but|however|wrong|incorrect|maybe|perhaps)\b", re.IGNORECASE),
    "no": re.compile(r"\b(?:yes|but|however|maybe|perhaps)\b", re.IGNORECASE),
}


def written_grade(reply: str, scale: Scale) -> tuple[float] | None:
    """The grade that a reply gives, alone on its first line or after a word such as "Grade:".

    Reasons may follow, after the number as words without a further number, or on other lines. Two
    lines that give different grades give none.
    """
    lines = list(_lines(reply))
    found = [(place, _GRADE.fullmatch(line)) for place, line in enumerate(lines)]
    given = [match for place, match in found if match and (place == 0 or match[1])]
    grades = {_rating(match[2], match[3], scale) for match in given}
    grade = grades.pop() if len(grades) == 1 else None
    return None if grade is None else (grade,)


def written_pair(reply: str, scale: Scale) -> tuple[float, float] | None:
    """The two ratings on a reply's first line, or on its first two, named in that order.

    Between them stands a blank, a comma, a semicolon, a bar or "and"; "8/10" is one of them.
    """
    lines = list(_lines(reply))
    if not lines:
        return None
    whole = ", ".join(lines[:2]) if _NAMED_FIRST.fullmatch(lines[0]) else lines[0]
    match = _PAIR.fullmatch(whole) or _NAMED_PAIR.fullmatch(whole)
    if match is None:
        return None
    first, second = _rating(match[1], match[2], scale), _rating(match[3], match[4], scale)
    return None if first is None or second is None else (first, second)


def written_verdict(reply: str) -> str | None:
    """The "yes" or "no" that a reply begins with, in any case, where no later word disputes it."""
    match = _VERDICT.fullmatch("\n".join(_lines(reply)))
    if match is None:
        return None
    word = match[1].lower()
    return None if _AGAINST[word].search(match[0], match.end(1)) else word


def _lines(reply: str) -> Iterator[str]:
    """Lines that hold something, with single blanks, and without marks around and in them."""
    for line in reply.splitlines():
        bare = " ".join(_EMPHASIS.sub(_unless_between_digits, line).split())
        if bare := bare.lstrip("#> ").strip("\"'\u201c\u201d "):
            yield bare


def _unless_between_digits(marks: re.Match[str]) -> str:
    """Marks of Markdown are left out; "0*5" is no 05."""
    before, after = marks.string[: marks.start()][-1:], marks.string[marks.end() :][:1]
    return marks[0] if before.isdigit() and after.isdigit() else ""


def _rating(number: str, of: str | None, scale: Scale) -> float | None:
    """A number of the scale; None where it lies beyond, or is said to be of another scale."""
    low, high = scale
    rating = float(number)
    return rating if low <= rating <= high and (of is None or float(of) == high) else None
