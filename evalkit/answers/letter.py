"""The letter of a multiple-choice answer: ScienceQA as LLaVA reads it, and MMVP's (a) or (b)."""

import re
from collections.abc import Sequence

_SCIENCEQA_LETTERS = frozenset("ABCDE")
# The official last dot is any character but a newline: "The answer is Both" gives B.
_SCIENCEQA_SENTENCE = re.compile(r"The answer is ([A-Z]).")

_FIRST = re.compile(r"\(?([ab])(?:[).:。]|$)", re.IGNORECASE)
_BRACKETED = re.compile(r"\(([ab])\)", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:answer|option)(?:\s+is)?\s*:?\s*\(?([ab])(?=[).:,]|\s*$)", re.IGNORECASE)


def scienceqa_letter(text: str) -> str | None:
    """The letter that LLaVA's evaluator extracts; None where it fails.

    One of three forms, in this order: the text is a letter from A to E and nothing else; it starts
    with such a letter, a full stop and a space; or "The answer is X" with one more character stands
    in it exactly once. "a", "A.", "(A)" and "A" with a newline fail.

    Source: haotian-liu/LLaVA `llava/eval/eval_science_qa.py` at c121f043.

    Returns:
        A capital letter, which may lie beyond the choices of the question.
    """
    if text in _SCIENCEQA_LETTERS:
        return text
    if text[:1] in _SCIENCEQA_LETTERS and text[1:3] == ". ":
        return text[0]
    found = _SCIENCEQA_SENTENCE.findall(text)
    return str(found[0]) if len(found) == 1 else None


def mmvp_letter(text: str, choices: Sequence[str] = ()) -> str | None:
    """The letter that a text decides for, "A" or "B"; None where it names neither or both.

    A letter counts at the start with a bracket, a mark or nothing after it; anywhere in round
    brackets; and after "answer" or "option". The article does not count: "A butterfly" is no
    answer. A text without a letter counts if it is, in any case, the words of one choice.

    MMVP's official evaluator asks a judge, so there is no official rule. This one is stricter than
    that of lmms-eval (75571cf), whose last pattern finds an A in "banana is yellow".

    Args:
        text: What the model wrote.
        choices: The words of (a) and (b).
    """
    stripped = text.strip()
    first = _FIRST.match(stripped)
    letters = [*_BRACKETED.findall(stripped), *_NAMED.findall(stripped)]
    named = {letter.upper() for letter in [*letters, *(first.groups() if first else ())]}
    if not named:
        words = stripped.rstrip(".").casefold()
        named = {x for x, choice in zip("AB", choices, strict=False) if choice.casefold() == words}
    return named.pop() if len(named) == 1 else None
