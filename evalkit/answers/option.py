"""The choice that an answer stands for, as VLMEvalKit infers it without asking a judge.

VLMEvalKit e8e78f05, `vlmeval/utils/matching_util.py` (`can_infer`), which all its multiple-choice
benchmarks share. It prefers a judge model for what it cannot infer; under its policy
`exact_matching`, followed here, that is wrong.
"""

import re
import string
from collections.abc import Sequence

from evalkit.answers.letter import unread
from evalkit.records import Reading

_BLANKED = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_LAST_WORDS = 4
_MANY_WORDS = 3
_API_FAILURE = "Failed to obtain answer via API"
_REFUSALS = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
# Letters beyond D are not looked for here, whatever the number of choices.
_SENTENCE = re.compile(r"answer\s+is\s+\**([a-d])", re.IGNORECASE)


def option(text: str, choices: Sequence[str]) -> Reading:
    """The letter of the choice that the text stands for.

    1. Marks become spaces. If exactly one of the question's letters is a word of the text, in this
       case and first among the last four words, it is the answer: "A cat is black" gives A. (With
       the environment variable VERBOSE, VLMEvalKit refuses an A among more than three words; it is
       not set by default, and such an answer is doubtful here.)
    2. Without any letter, a word Z, or one of four phrases of refusal, is no choice.
    3. "answer is X" anywhere, in any case, with X from A to D: "the answer is both" gives B.
    4. A text of at most twice the length of all choices that holds the words of exactly one.

    Args:
        text: What the model wrote.
        choices: The words of each choice, A first.
    """
    letters = string.ascii_uppercase[: len(choices)]
    if _API_FAILURE not in text:
        reading = _by_letter(text, letters)
        if reading is not None:
            return reading
    return _by_words(text, dict(zip(letters, choices, strict=False)))


def _by_letter(text: str, letters: str) -> Reading | None:
    """The letter that is named, or the refusal; None where neither is found."""
    if any(phrase in text for phrase in _REFUSALS):
        return Reading(None, "refusal")
    words = text.translate(_BLANKED).split()
    named = [letter for letter in letters if letter in words]
    if len(named) == 1 and words.index(named[0]) >= len(words) - _LAST_WORDS:
        perhaps_article = named[0] == "A" and len(words) > _MANY_WORDS
        return Reading(named[0], "letter as a word", ambiguous=perhaps_article)
    if not named and "Z" in words:
        return Reading(None, "letter Z")
    found = _SENTENCE.search(text)
    if found and found[1].upper() in letters:
        goes_on = text[found.end(1) : found.end(1) + 1].isalnum()
        return Reading(found[1].upper(), "answer is X", ambiguous=goes_on)
    return None


def _by_words(text: str, choices: dict[str, str]) -> Reading:
    """The one choice whose words stand in the text; doubtful unless they are the whole text."""
    lowered = text.lower()
    if len(lowered) > 2 * sum(map(len, choices.values())):
        return unread(text, "no letter, long text")
    held = [letter for letter, words in choices.items() if words.lower() in lowered]
    if len(held) != 1:
        return unread(text, "words of several choices" if held else "no letter, no choice")
    whole = lowered.strip().rstrip(".") == choices[held[0]].lower().strip().rstrip(".")
    return Reading(held[0], "words of a choice", ambiguous=not whole)
