"""The letter in the sentence "The answer is X", which ScienceQA's chains of thought end with."""

import re

from evalkit.records import Reading

# The official last dot is any character but a newline: "The answer is Both" gives B.
_SENTENCE = re.compile(r"The answer is ([A-Z])(.)")


def sentence_letter(text: str) -> Reading:
    """The letter of "The answer is X" with one more character, where that stands exactly once.

    It is doubtful where the letter begins a word. "The answer is B" at the end of the text or of a
    line has no further character, and fails.

    Source: haotian-liu/LLaVA `llava/eval/eval_science_qa_gpt4.py` and
    `eval_science_qa_gpt4_requery.py` at c121f043; for the third form, `eval_science_qa.py`.

    Returns:
        A capital letter, which may lie beyond the choices of the question.
    """
    found = _SENTENCE.findall(text)
    if len(found) == 1:
        letter, after = found[0]
        return Reading(letter, "The answer is X", ambiguous=after.isalnum())
    if not text.strip():
        return Reading(None, "empty")
    return Reading(None, "several sentences" if found else "no letter", ambiguous=True)
