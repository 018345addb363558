"""VQA: how the official evaluator, and its copies, normalise answers before they compare them.

Source: GT-Vision-Lab/VQA `PythonEvaluationTools/vqaEvaluation/vqaEval.py` at a013f004, which runs
on Python 2.7 only; Python 2.7 is followed here. `evalkit.answers.evalai` shares the steps and
follows Python 3, in which its evaluator runs. A port of the tool to Python 3 differs from it in

- which characters are digits: those of ASCII in 2.7, those of all scripts in 3, so that a full stop
  before an Arabic digit goes in 2.7 and stays in 3;
- the lower case of two letters: a dotted capital I gives one letter in 2.7 and two in 3; a capital
  sigma that ends a word gives an ordinary sigma in 2.7 and a final one in 3;
- white space: U+180E is white space in 2.7 only;
- `round` of exact ties, in what is printed: 3.125 gives 3.13 in 2.7 and 3.12 in 3
  (`evalkit.answers.agreement.two_decimals`).

Two harnesses carry copies. Both always normalise, where the tool compares unanimous answers as they
are written, and both run on Python 3:

- lmms-eval 0.7.3 (75571cfe), `tasks/vqav2/utils.py` and `tasks/_task_utils/vqa_eval_metric.py`:
  any run of commas between two digits makes all marks vanish; ten numbers are averaged exactly;
- VLMEvalKit (e8e78f05), `dataset/utils/vqa_eval.py` and `smp/misc.py`: a full stop stays if a digit
  stands before it, too; ten numbers are averaged by numpy, which adds in pairs.
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
_CACHED = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where Python 2.7, Python 3 and the copies in other harnesses disagree.

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
    if text.isascii():
        return text.lower().split()
    return "".join(letter.lower()[0] for letter in text).replace("\u180e", " ").split()


PYTHON2 = Dialect(
    joined=re.compile(r"[0-9],[0-9]"), period=re.compile(r"\.(?![0-9])"), words=_words_2
)
PYTHON3 = Dialect(
    joined=re.compile(r"\d,\d"), period=re.compile(r"\.(?!\d)"), words=lambda x: x.lower().split()
)
LMMS_EVAL = Dialect(joined=re.compile(r"\d,+\d"), period=PYTHON3.period, words=PYTHON3.words)
VLMEVALKIT = Dialect(
    joined=PYTHON3.joined, period=re.compile(r"(?<!\d)\.(?!\d)"), words=PYTHON3.words
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


@lru_cache(maxsize=_CACHED)
def stripped(text: str) -> str:
    """The text on one line, without white space at its ends; unanimous answers stay like this."""
    return text.replace("\n", " ").replace("\t", " ").strip(_SPACES_2)


@lru_cache(maxsize=_CACHED)
def vqa_answer(text: str) -> str:
    """The text as the VQA evaluator compares it where the ten people disagree."""
    return canonical_words(without_marks(stripped(text), PYTHON2), PYTHON2)


@lru_cache(maxsize=_CACHED)
def lmms_eval_answer(text: str) -> str:
    """The text as lmms-eval's VQAv2 compares it."""
    line = text.replace("\n", " ").replace("\t", " ").strip()
    return canonical_words(without_marks(line, LMMS_EVAL), LMMS_EVAL)


@lru_cache(maxsize=_CACHED)
def vlmevalkit_answer(text: str) -> str:
    """The text as VLMEvalKit's "vqa_score" compares it, for VQAv2 and TextVQA alike."""
    line = text.replace("\n", " ").replace("\t", " ").strip()
    return canonical_words(without_marks(line, VLMEVALKIT), VLMEVALKIT)


def as_compared(text: str, targets: Sequence[str]) -> tuple[str, tuple[str, ...], bool]:
    """A prediction and the ten answers as the VQA evaluator compares them.

    The official quirk: where all ten people said the same, nothing is normalised, neither their
    answers nor the prediction; "Yes" against ten times "yes" scores 0.

    Returns:
        The prediction, the ten answers, and whether the ten were the same.
    """
    if _same(targets):
        return stripped(text), (stripped(targets[0]),) * len(targets), True
    gold = tuple(map(vqa_answer, targets))
    if _same(gold):  # only then can the texts be the same but for white space at their ends
        said = tuple(map(stripped, targets))
        if _same(said):
            return stripped(text), said, True
    return vqa_answer(text), gold, False


def _same(texts: Sequence[str]) -> bool:
    return bool(texts) and texts.count(texts[0]) == len(texts)
