"""A judge's reply to evalkit's own words -> ratings, as judges write them. evalkit's own rules.

Official scripts read what they read (`evalkit.answers.judge_reply`, `evalkit.answers.verdict`).
Here " 0.4", "**0.7**", "Grade: 0.7", "0.7/1" and "0.7." are grades, each alone on its line, and
reasons stand on other lines. What can be meant in two ways is none: an item of a list ("1. The
answer"), two numbers, a number beyond the scale or of another one, a yes that takes itself back, a
reply that corrects itself (`evalkit.answers.judge_reasons`).
"""

from __future__ import annotations

import re

from evalkit.answers.judge_reasons import (
    NUMBER,
    Scale,
    corrects,
    gives_a_grade,
    gives_a_pair,
    rating,
)

LONGEST = 20_000
"""Characters of a reply that is looked at; what judges are let write is a tenth of it."""

_EMPHASIS = re.compile(r"[*_`]+")
_HEADING = re.compile(r"#{1,6} ")
_QUOTES = frozenset({('"', '"'), ("'", "'"), ("\u201c", "\u201d")})

_LABEL = (
    r"(?:(?:the|my|final|overall|total|correctness) ){0,3}(?:grade|score|rating|correctness)"
    r"(?: is| would be)? ?[:=]? ?"
)
_GRADE = re.compile(rf"({_LABEL})?({NUMBER})(?: ?/ ?({NUMBER}))?(\.?)", re.IGNORECASE)

_RATED = rf"({NUMBER})(?:(?: ?/ ?| ?\(?out of )({NUMBER})\)?)?"
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
    """The grade that a reply gives, alone on its first line, or on a line after "Grade:".

    On its line only "/1" (the scale's end) and a full stop may follow it. Reasons may stand on
    other lines, unless one gives something that could be a grade too.
    """
    lines = _lines(reply)
    found = [(place, _GRADE.fullmatch(line)) for place, line in enumerate(lines)]
    given = [(place, match) for place, match in found if match and (place == 0 or match[1])]
    if len(given) != 1:
        return None
    place, match = given[0]
    reasons = lines[:place] + lines[place + 1 :]
    if reasons and match[4] and match[2].isdigit() and not (match[1] or match[3]):
        return None  # "1." above other lines may be an item of a list
    if any(gives_a_grade(line, scale) for line in reasons) or any(map(corrects, reasons)):
        return None
    grade = rating(match[2], match[3], scale)
    return None if grade is None else (grade,)


def written_pair(reply: str, scale: Scale) -> tuple[float, float] | None:
    """The two ratings on a reply's first line, or on its first two, named in that order.

    Between them stands a blank, a comma, a semicolon, a bar or "and"; "8/10" is one of them. An
    explanation may follow on other lines, unless it gives another pair or corrects itself.
    """
    lines = _lines(reply)
    if not lines:
        return None
    used = 2 if _NAMED_FIRST.fullmatch(lines[0]) else 1
    whole = ", ".join(lines[:used])
    match = _PAIR.fullmatch(whole) or _NAMED_PAIR.fullmatch(whole)
    if match is None:
        return None
    first, second = rating(match[1], match[2], scale), rating(match[3], match[4], scale)
    if first is None or second is None:
        return None
    pair, reasons = (first, second), lines[used:]
    if any(gives_a_pair(line, pair, scale) for line in reasons) or any(map(corrects, reasons)):
        return None
    return pair


def written_verdict(reply: str) -> str | None:
    """The "yes" or "no" that a reply begins with, in any case, where no later word disputes it."""
    lines = _lines(reply)
    match = _VERDICT.fullmatch("\n".join(lines))
    if match is None or any(map(corrects, lines)):
        return None
    word = match[1].lower()
    return None if _AGAINST[word].search(match[0], match.end(1)) else word


def _lines(reply: str) -> list[str]:
    """Lines that hold something, with single blanks, and without marks around and in them.

    There are none of a reply that is longer than any that was asked for.
    """
    if len(reply) > LONGEST:
        return []
    return [bare for line in reply.splitlines() if (bare := _bare(line))]


def _bare(line: str) -> str:
    bare = " ".join(_EMPHASIS.sub(_unless_between_digits, line).split())
    bare = _HEADING.sub("", bare, count=1) if _HEADING.match(bare) else bare
    return bare[1:-1].strip() if len(bare) > 1 and (bare[0], bare[-1]) in _QUOTES else bare


def _unless_between_digits(marks: re.Match[str]) -> str:
    """Marks of Markdown are left out; "0*5" is no 05."""
    start, end = marks.span()
    before, after = marks.string[max(start - 1, 0) : start], marks.string[end : end + 1]
    return marks[0] if before.isdigit() and after.isdigit() else ""
