"""Yes or no, as the official evaluators of POPE and of MME read it, and as two harnesses do.

The official rules differ on many texts: "NO" is a yes for POPE and a no for MME; "There is no dog"
is a no for POPE and nothing for MME. The harnesses follow neither: lmms-eval wants POPE's answer to
be the bare word, VLMEvalKit looks for one of the two words anywhere.
"""

from __future__ import annotations

import re

from evalkit.answers.vqa import VLMEVALKIT, without_marks
from evalkit.records import Reading

_POPE_NO = frozenset({"No", "not", "no"})
_EITHER = re.compile(r"\b(?:yes|no)\b")
_INITIALS = {"y": "yes", "n": "no"}
_START = 4


def pope_reading(text: str) -> Reading:
    """What POPE reads: "no" if the first sentence says so in one of three words, else "yes".

    Commas are deleted, then the text before the first full stop is cut at single spaces. Whatever
    has none of the words "No", "not" and "no" is a yes: "NO", "No!", "maybe" and nothing at all.

    Source: RUCAIBox/POPE `evaluate.py` at 3df3ba1; LLaVA's `eval_pope.py` at c121f043 agrees.
    """
    sentence, _, _ = text.partition(".")
    words = sentence.replace(",", "").split(" ")
    said = _said(sentence)
    if not _POPE_NO.isdisjoint(words):
        return Reading("no", "no in the first sentence", ambiguous="yes" in said)
    if "yes" in said:
        return Reading("yes", "yes in the first sentence", ambiguous="no" in said)
    return Reading("yes", "yes by default", ambiguous=bool(text.strip()))


def mme_reading(text: str) -> Reading:
    """What MME reads in the first four characters; None where it finds neither.

    Case does not matter, white space does: " yes" is a yes, "  yes" is not. "eyes" is a yes, "know"
    and "none" are a no, "The answer is no" and "**Yes**" are neither, and so is the letter "y".

    Source: `calculation.py` in MME's `eval_tool.zip` (branch Evaluation of
    BradyFU/Awesome-Multimodal-Large-Language-Models, dd29509). Its first test, for exactly "yes" or
    "no", is contained in this one.
    """
    return _four_characters(text.lower(), text)


def lmms_pope_reading(text: str) -> Reading:
    """What lmms-eval reads for POPE: the text in lower case, if it is nothing but yes or no.

    Source: lmms-eval 0.7.3 (75571cfe) `tasks/pope/utils.py`, `pope_process_results`. It keeps any
    other text as the prediction, which equals no gold answer.
    """
    word = text.lower().strip()
    if word in ("yes", "no"):
        return Reading(word, "the bare word")
    return Reading(None, "not the bare word", ambiguous=bool(word))


def lmms_mme_reading(text: str) -> Reading:
    """What lmms-eval reads for MME: the official rule on a text without ends and full stops.

    A lone "y" or "n" counts, too.

    Source: lmms-eval 0.7.3 (75571cfe) `tasks/mme/utils.py`, `parse_pred_ans`.
    """
    bare = text.lower().strip().replace(".", "")
    if bare in _INITIALS:
        return Reading(_INITIALS[bare], "the letter y or n")
    if len(bare) == 1:
        return Reading(None, "neither in the first four characters", ambiguous=True)
    return _four_characters(bare, text)


def vlmevalkit_reading(text: str) -> Reading:
    """What VLMEvalKit reads: one of the words yes and no if the other does not occur.

    Words are those that its punctuation step leaves (`evalkit.answers.vqa.without_marks`). None is
    its "Unknown", which an LLM may be asked about; without one ("exact_matching") it is wrong.

    Source: VLMEvalKit e8e78f05 `vlmeval/dataset/utils/yorn.py`, `YOrN_Extraction`.
    """
    words = set(without_marks(text.lower(), VLMEVALKIT).split())
    said = words & {"yes", "no"}
    if len(said) == 1:
        return Reading(said.pop(), "one of the two words")
    rule = "both words" if said else "neither word"
    return Reading(None, rule, ambiguous=bool(text.strip()))


def _four_characters(lowered: str, text: str) -> Reading:
    start, said = lowered[:_START], _said(text)
    for word in ("yes", "no"):
        if word in start:
            return Reading(word, f"{word} in the first four characters", ambiguous=said != {word})
    return Reading(None, "neither in the first four characters", ambiguous=bool(text.strip()))


def _said(text: str) -> set[str]:
    """Which of the words yes and no a person sees."""
    return set(_EITHER.findall(text.lower()))
