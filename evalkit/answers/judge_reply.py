"""A judge's reply -> ratings: one function for each official way of reading one."""

from __future__ import annotations

import math


def leading_grade(reply: str) -> tuple[float] | None:
    """MM-Vet's grade: the first piece before a blank, as a number from 0 to 1.

    The official script splits at blanks alone and strips the piece, so a leading blank leaves
    nothing to read while a leading line break does no harm. It lets "nan" through, which would make
    the total no number; here that cannot be read.

    Source: yuweihao/MM-Vet acde843, mm-vet_evaluator.py.
    """
    grade = _number(reply.split(" ", maxsplit=1)[0].strip())
    return None if grade is None or not 0 <= grade <= 1 else (grade,)


def first_line_pair(reply: str) -> tuple[float, float] | None:
    """LLaVA-Bench's pair: the first line holds two numbers with one blank, or one comma, between.

    A comma followed by a blank is two blanks, and cannot be read; nor can a trailing blank. There
    is no check of the range. "nan" and "inf" would pass the official parser; here they cannot be
    read.

    Source: haotian-liu/LLaVA c121f043, llava/eval/eval_gpt_review_bench.py.
    """
    pieces = reply.split("\n", maxsplit=1)[0].replace(",", " ").split(" ")
    numbers = [_number(piece) for piece in pieces]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:  # noqa: PLR2004 - a pair
        return None
    return (numbers[0], numbers[1])


def _number(text: str) -> float | None:
    """What Python's `float` makes of a text, where it is finite."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
