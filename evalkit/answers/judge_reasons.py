"""The lines beside a judge's ratings -> whether they put the ratings in doubt. evalkit's own rules.

A judge may say why. What it says may be longer than what was asked for, and may take it back; then
it is asked again, which is better than a wrong number. The rules are few and look at one line at a
time, so that it can be said of any reply why it was not read.
"""

from __future__ import annotations

import re

Scale = tuple[float, float]
"""The smallest and the largest rating that is asked for."""

NUMBER = r"(?:[0-9]{1,3}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})"
"""A rating as judges write it."""

_NUMBERS = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?P<part> ?(?:[%/]|percent|out of))?", re.IGNORECASE)
_FRACTIONS = re.compile("[\u00bc-\u00be\u2150-\u215f\u2189]")
_LABELLED = re.compile(
    r"\b(?:grade|score|rating|correctness)(?: ?\([^)]{0,40}\))?"
    r" ?(?:[:=]|\b(?:is|was|would|should|must)\b)",
    re.IGNORECASE,
)
_SIDE_BY_SIDE = re.compile(
    rf"(?<![\w.])({NUMBER})(?:/{NUMBER})?(?: ?[,;|&] ?| )({NUMBER})(?:/{NUMBER})?(?![\w%]|\.\d)"
)
_NAMED = re.compile(
    rf"\b(?:answer|assistant|response|rating|score) ?([12]) ?[:=] ?({NUMBER})(?!\w|\.\d)",
    re.IGNORECASE,
)
_CORRECTION = re.compile(
    r"(?:^|[.!?] | [-\u2013\u2014] )(?:(?:no|oh|oops|hmm),? )?(?:i am |i'm )?"
    r"(?:sorry|correction|wait|apologies|oops|scratch that|on second thoughts?)\b"
    r"|\bi (?:actually )?mean(?:t)?\b|\bi made (?:a|an) (?:mistake|error)\b"
    r"|\blet me (?:correct|revise|reconsider)\b"
    r"|\b(?:corrected|revised) (?:ratings?|scores?|grades?|verdict)\b",
    re.IGNORECASE,
)


def gives_a_grade(line: str, scale: Scale) -> bool:
    """Whether a line holds what could be a grade: a number of the scale, a share, or a label.

    "It misses 2 of 3 parts" holds none where grades end at 1; "90 %", "2/3", "9 out of 10" and
    "Grade: none" do.
    """
    low, high = scale
    numbers = _NUMBERS.finditer(line)
    return (
        any(found["part"] or low <= float(found[0]) <= high for found in numbers)
        or _FRACTIONS.search(line) is not None
        or _LABELLED.search(line) is not None
    )


def gives_a_pair(line: str, pair: tuple[float, float], scale: Scale) -> bool:
    """Whether a line gives ratings beside a pair that has been given.

    That is a line of numbers without a letter, two numbers of the scale side by side, or a rating
    after an answer's name ("Answer 1: 3") that is not the one of the pair. Numbers in sentences
    ("answer 1 says 3 things") are none.
    """
    low, high = scale
    digits = any(letter.isdigit() for letter in line)
    if digits and not any(letter.isalpha() for letter in line):
        return True
    beside = ((float(found[1]), float(found[2])) for found in _SIDE_BY_SIDE.finditer(line))
    if any(low <= min(both) and max(both) <= high for both in beside):
        return True
    return any(float(found[2]) != pair[int(found[1]) - 1] for found in _NAMED.finditer(line))


def corrects(line: str) -> bool:
    """Whether a line takes back what was said: "Sorry, ...", "I mean ...", "Revised grade"."""
    return _CORRECTION.search(line) is not None


def rating(number: str, of: str | None, scale: Scale) -> float | None:
    """A number of the scale; None where it lies beyond, or is said to be of another scale."""
    low, high = scale
    found = float(number)
    return found if low <= found <= high and (of is None or float(of) == high) else None
