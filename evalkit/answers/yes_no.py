"""Yes or no, as the official evaluators of POPE and of MME read it.

The two rules differ on many texts: "NO" is a yes for POPE and a no for MME; "There is no dog" is a
no for POPE and nothing for MME.
"""

_POPE_NO = frozenset({"No", "not", "no"})


def pope_answer(text: str) -> str:
    """The answer that POPE reads: "no" if the first sentence says so in one of three words.

    Commas are deleted, then the text before the first full stop is cut at single spaces. Whatever
    has none of the words "No", "not" and "no" is a yes: "NO", "No!", "maybe" and nothing at all.

    Source: RUCAIBox/POPE `evaluate.py` at 3df3ba1; LLaVA's `eval_pope.py` at c121f043 agrees.

    Returns:
        "yes" or "no".
    """
    sentence, _, _ = text.partition(".")
    return "no" if _POPE_NO.intersection(sentence.replace(",", "").split(" ")) else "yes"


def mme_answer(text: str) -> str | None:
    """The answer that MME reads in the first four characters; None where it finds neither.

    Case does not matter, white space does: " yes" is a yes, "  yes" is not. "eyes" is a yes, "know"
    and "none" are a no, "The answer is no" and "**Yes**" are neither, and so is the letter "y".

    Source: `calculation.py` in MME's `eval_tool.zip` (branch Evaluation of
    BradyFU/Awesome-Multimodal-Large-Language-Models, dd29509). Its first test, for exactly "yes" or
    "no", is contained in this one.
    """
    start = text.lower()[:4]
    if "yes" in start:
        return "yes"
    return "no" if "no" in start else None
