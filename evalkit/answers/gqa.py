"""A short answer as GQA's rules compare it: the official ones, and those of two other harnesses.

Each reading says which of its steps changed the text, so that two of them can be laid side by side.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence

from evalkit.records import Outcome, Reading

_Step = tuple[str, Callable[[str], str]]
_AS_WRITTEN = "as written"
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = frozenset({"a", "an", "the"})


def gqa_answer(text: str) -> str:
    """The text in lower case without the full stops at its end; nothing else is touched.

    GQA's own `eval.py` compares with `==`. A space at either end, an exclamation mark or an article
    therefore makes an answer wrong.

    Source: haotian-liu/LLaVA `scripts/convert_gqa_for_eval.py` at c121f043.
    """
    return text.rstrip(".").lower()


def gqa_reading(text: str) -> Reading:
    """`gqa_answer`, with the steps that it took."""
    return _after(text, (("full stop dropped", _no_full_stop), ("lower case", str.lower)))


def result_list_reading(text: str) -> Reading:
    """The text as it is: `eval.py` converts nothing, so in a GQA result list "Yes" is no "yes".

    Source: `eval.py` of the GQA site, as in haotian-liu's gist db6eddc2 (for test-dev).
    """
    return Reading(text, _AS_WRITTEN)


def lmms_eval_reading(text: str) -> Reading:
    """Ends stripped, lower case, ASCII punctuation dropped: "T-Shirt!" is "tshirt".

    The comparison is made in numpy arrays of fixed width, whose ways are kept: NUL characters at
    the end vanish, and lower case may not lengthen a text ("İstanbul" loses its last letter).
    The same steps are taken on the gold answer.

    Source: lmms-eval 0.7.3 (75571cfe) `tasks/gqa/gqa.yaml`, `process_results` in `api/task.py` and
    `exact_match_hf_evaluate` in `api/metrics.py`.
    """
    steps = (
        ("ends stripped", _stripped),
        ("lower case", _lower_in_place),
        ("punctuation dropped", _unpunctuated),
    )
    return _after(text, steps)


def vlmevalkit_reading(text: str) -> Reading:
    """Ends stripped and lower case, and nothing else: "Yes." is wrong where "yes" is gold.

    Source: VLMEvalKit (e8e78f05) `vlmeval/dataset/utils/vqa_eval.py`, `process_line` with the
    method "accuracy".
    """
    return _after(text, (("ends stripped", str.strip), ("lower case", str.lower)))


def exact_match(
    text: str | None, gold: str, read: Callable[[str], Reading], *, both: bool = False
) -> Outcome:
    """Whether a text, as it is read, equals the gold answer.

    Args:
        text: What a model wrote; None, a failure, is wrong.
        gold: The gold answer.
        read: What becomes of the text.
        both: Whether the same becomes of the gold answer.
    """
    if text is None:
        return Outcome(answer=None, values={"correct": 0.0})
    reading = read(text)
    correct = reading.answer == (read(gold).answer if both else gold)
    return Outcome(
        answer=reading.answer,
        values={"correct": float(correct)},
        rule=reading.rule,
        ambiguous=not correct and could_mean(text, gold),
    )


def could_mean(text: str, gold: str) -> bool:
    """Whether a careful reader could take the text for the gold answer.

    True where the gold answer stands in the text as whole words, or both are equal once case,
    punctuation, spaces and articles are dropped ("It is a t-shirt." and "t-shirt"; "tshirt" too).
    """
    said, meant = _words(text), _words(gold)
    if not meant:
        return False
    return f" {' '.join(meant)} " in f" {' '.join(said)} " or "".join(said) == "".join(meant)


def _after(text: str, steps: Sequence[_Step]) -> Reading:
    """The text after the steps; the rule names those that changed it."""
    taken = []
    for name, step in steps:
        changed = step(text)
        if changed != text:
            taken.append(name)
        text = changed
    return Reading(text, ", ".join(taken) or _AS_WRITTEN)


def _no_full_stop(text: str) -> str:
    return text.rstrip(".")


def _stripped(text: str) -> str:
    return text.strip()


def _lower_in_place(text: str) -> str:
    return text.rstrip("\0").lower()[: len(text)]  # the width counts NULs that the text loses


def _unpunctuated(text: str) -> str:
    return text.translate(_NO_PUNCTUATION).rstrip("\0")


def _words(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return [word for word in words if word not in _ARTICLES] or words
