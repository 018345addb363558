"""VQA: the official normalisation of answers, and the soft score against ten people.

Source: GT-Vision-Lab/VQA `PythonEvaluationTools/vqaEvaluation/vqaEval.py` at a013f004, which runs
on Python 2.7 only. Python 3 differs in three respects, all of them rare: which characters are
digits, what the lower case of two letters is, and whether U+180E is white space. Python 2.7 is
followed here; `evalai` shares the steps and follows Python 3, in which its evaluator runs.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evalkit.answers.vqa_tables import ARTICLES, CONTRACTIONS, MARKS, NUMBER_WORDS

# White space of Python 2.7: that of Python 3 and the Mongolian vowel separator.
_SPACES_2 = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
# The official call passes `re.UNICODE`, which is 32, where `re.sub` expects how many to replace.
_PERIODS_AT_MOST = 32
_NEEDED = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where Python 2.7 and Python 3 disagree.

    Attributes:
        joined: Finds a comma between two digits.
        period: Finds a full stop that is not followed by a digit. The official pattern was meant to
            look at what stands before it, too, and does not.
        words: Cuts a text into words in lower case.
    """

    joined: re.Pattern[str]
    period: re.Pattern[str]
    words: Callable[[str], list[str]]


def _words_2(text: str) -> list[str]:
    # Python 2.7 lowers letter by letter: a dotted capital I gives one letter, and a sigma that ends
    # a word is like any other.
    return "".join(letter.lower()[0] for letter in text).replace("\u180e", " ").split()


PYTHON2 = Dialect(
    joined=re.compile(r"[0-9],[0-9]"), period=re.compile(r"\.(?![0-9])"), words=_words_2
)
PYTHON3 = Dialect(
    joined=re.compile(r"\d,\d"), period=re.compile(r"\.(?!\d)"), words=lambda x: x.lower().split()
)


def without_marks(text: str, dialect: Dialect) -> str:
    """The text without punctuation.

    A mark is deleted everywhere if it touches a space anywhere, or if a comma stands between two
    digits anywhere; else it becomes a space. Then full stops go, but not those before a digit.
    """
    joined = dialect.joined.search(text) is not None
    kept = text
    for mark in MARKS:
        if mark in text:
            touches = f"{mark} " in text or f" {mark}" in text
            kept = kept.replace(mark, "" if joined or touches else " ")
    return dialect.period.sub("", kept, count=_PERIODS_AT_MOST)


def canonical_words(text: str, dialect: Dialect) -> str:
    """The words in lower case: digits for number words, no articles, contractions spelt out."""
    digits = (NUMBER_WORDS.get(word, word) for word in dialect.words(text))
    return " ".join(CONTRACTIONS.get(word, word) for word in digits if word not in ARTICLES)


def stripped(text: str) -> str:
    """The text on one line, without white space at its ends; unanimous answers stay like this."""
    return text.replace("\n", " ").replace("\t", " ").strip(_SPACES_2)


@lru_cache(maxsize=1 << 16)
def vqa_answer(text: str) -> str:
    """The text as the VQA evaluator compares it where the ten people disagree."""
    return canonical_words(without_marks(stripped(text), PYTHON2), PYTHON2)


def as_compared(text: str, targets: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """A prediction and the ten answers as the VQA evaluator compares them.

    The official quirk: where all ten people said the same, nothing is normalised, neither their
    answers nor the prediction; "Yes" against ten times "yes" scores 0.
    """
    gold = tuple(stripped(target) for target in targets)
    if len(set(gold)) == 1:
        return stripped(text), gold
    return vqa_answer(text), tuple(vqa_answer(target) for target in gold)


def soft_score(answer: str, targets: Sequence[str]) -> float:
    """How far people agree with an answer: 0, .3, .6, .9 or 1 for 0, 1, 2, 3 or more of ten.

    Each person is left out in turn, three equal answers among the others are full agreement, and
    the ten numbers are averaged, in this order: the floating-point sums are the official ones.
    Equal answers of two people are two answers: the official tool tells them apart by `answer_id`,
    which every real annotation has.
    """
    matches = sum(target == answer for target in targets)
    total = sum(min(1.0, (matches - (target == answer)) / _NEEDED) for target in targets)
    return total / len(targets)
