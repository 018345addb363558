"""The letter of a multiple-choice answer: ScienceQA's and MMVP's, as three parties read them.

ScienceQA as LLaVA reads it and as lmms-eval does; MMVP by a rule of evalkit's own and by that of
lmms-eval. VLMEvalKit reads both in one way: `evalkit.answers.option`.
"""

import re
from collections.abc import Sequence

from evalkit.answers.sentence import sentence_letter
from evalkit.records import Reading

_SCIENCEQA_LETTERS = frozenset("ABCDE")

_FIRST = re.compile(r"\(?([ab])(?:[).:。]|$)", re.IGNORECASE)
_BRACKETED = re.compile(r"\(([ab])\)", re.IGNORECASE)
_NAMED = re.compile(  # bounded, as a text may hold a million spaces
    r"\b(?:answer|option)(?:\s{1,3}is)?\s{0,3}:?\s{0,3}\(?([ab])(?=[).:,]|\s*$)", re.IGNORECASE
)

_LMMS_EVAL_MMVP = (
    ("letter alone", re.compile(r"^\(?([ab])\)?\.?$", re.IGNORECASE)),
    ("letter at the start", re.compile(r"^\(?([ab])\)?[.\s]", re.IGNORECASE)),
    ("letter after 'answer is'", re.compile(r"answer\s+is\s+\(?([ab])", re.IGNORECASE)),
    ("letter after 'option'", re.compile(r"option\s+\(?([ab])", re.IGNORECASE)),
    # Nothing need stand before the letter: "banana is" gives A.
    ("letter before a space", re.compile(r"([ab])\)?(?:\s|$)", re.IGNORECASE)),
    ("first character", re.compile(r"^([ab])", re.IGNORECASE)),
)
"""In the order in which lmms-eval tries them."""


def unread(text: str, rule: str) -> Reading:
    """No answer: by which rule, and doubtful unless the text is empty."""
    empty = not text.strip()
    return Reading(None, "empty" if empty else rule, ambiguous=not empty)


def scienceqa_letter(text: str) -> Reading:
    """The letter that LLaVA's evaluator extracts.

    One of three forms, in this order: the text is a letter from A to E and nothing else; it starts
    with such a letter, a full stop and a space; or "The answer is X" with one more character stands
    in it exactly once. "a", "A.", "(A)" and "A" with a newline fail. "-1" is how result files write
    that there is no choice.

    Source: haotian-liu/LLaVA `llava/eval/eval_science_qa.py` at c121f043.

    Returns:
        A capital letter, which may lie beyond the choices of the question.
    """
    if text in _SCIENCEQA_LETTERS:
        return Reading(text, "letter alone")
    if text[:1] in _SCIENCEQA_LETTERS and text[1:3] == ". ":
        return Reading(text[0], "letter and full stop")
    if text == "-1":
        return Reading(None, "-1, no choice")
    return sentence_letter(text)


def lmms_eval_scienceqa_letter(text: str) -> Reading:
    """The letter that lmms-eval compares with the gold one.

    The text without its ends is a letter in any case, or it starts with a capital and a full stop.

    Source: lmms-eval 0.7.3 (75571cfe) `lmms_eval/tasks/scienceqa/utils.py`.
    """
    stripped = text.strip()
    letter = stripped.lower() if len(stripped) == 1 else ""
    if letter.isascii() and letter.isalpha():
        return Reading(letter.upper(), "letter alone")
    start = stripped[:1]
    if start.isupper() and stripped[1:2] == ".":
        return Reading(start.lower().upper(), "letter and full stop")
    return unread(text, "no letter")


def mmvp_letter(text: str, choices: Sequence[str] = ()) -> Reading:
    """The letter that a text decides for, "A" or "B"; none where it names neither or both.

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
    if len(named) == 1:
        letter, rule = named.pop(), "letter at the start" if first else "letter within"
        return Reading(letter, rule, ambiguous=_speaks_against(stripped, letter, choices))
    if named:
        return unread(text, "both letters")
    words = stripped.rstrip(".").casefold()
    named = {x for x, choice in zip("AB", choices, strict=False) if choice.casefold() == words}
    return (
        Reading(named.pop(), "words of a choice") if len(named) == 1 else unread(text, "no letter")
    )


def _speaks_against(text: str, letter: str, choices: Sequence[str]) -> bool:
    """Whether the words of the other choice stand in the text, and those of the letter do not."""
    if len(choices) != 2:  # noqa: PLR2004 - (a) and (b)
        return False
    own, other = choices if letter == "A" else reversed(choices)
    words = text.casefold()
    return other.casefold() in words and own.casefold() not in words


def lmms_eval_mmvp_letter(text: str) -> Reading:
    """The letter that lmms-eval finds, "A" or "B": the first of six patterns that fits.

    It is doubtful where the letter belongs to a word, may be the article, or the other letter also
    stands in brackets.

    Source: lmms-eval 0.7.3 (75571cfe) `lmms_eval/tasks/mmvp/utils.py`.
    """
    stripped = text.strip()
    for rule, pattern in _LMMS_EVAL_MMVP:
        found = pattern.search(stripped)
        if found:
            letter = found[1].upper()
            return Reading(letter, rule, ambiguous=_is_doubtful(stripped, found, letter))
    return unread(text, "no letter")


def _is_doubtful(text: str, found: re.Match[str], letter: str) -> bool:
    before, after = text[: found.start(1)], text[found.end(1) :]
    is_article = letter == "A" and after[:1].isspace()
    bracketed = {other.upper() for other in _BRACKETED.findall(text)}
    return before[-1:].isalnum() or after[:1].isalnum() or is_article or bool(bracketed - {letter})
