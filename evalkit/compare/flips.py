"""What got better and what got worse, and whether the answer changed or only how it was read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from evalkit.comparison import Flip
from evalkit.compare.matching import Pairs
from evalkit.records import SampleScore
from evalkit.task import Metric, Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Cause = Literal["answer", "format", "failure"]

CAUSES: tuple[Cause, ...] = ("answer", "format", "failure")
"""Why a sample flips, most telling first."""

_ARTICLES = frozenset({"a", "an", "the"})


def cause_of(first: SampleScore, second: SampleScore, gain: float) -> Cause:
    """Why a sample is scored otherwise in the second run.

    "format" where one of the answers could not be read, where both say the same but for case,
    marks and articles, or where a careful reader could have read the worse of the two otherwise
    (`SampleScore.ambiguous`): then the difference may be in how the answer was written.

    Args:
        first: The sample in the first run.
        second: In the second.
        gain: Above 0 where the second is better.
    """
    if first.failed or second.failed:
        return "failure"
    worse = first if gain > 0 else second
    if worse.ambiguous or first.answer is None or second.answer is None:
        return "format"
    return "format" if _words(first.answer) == _words(second.answer) else "answer"


def _words(answer: str) -> list[str]:
    """The answer without case, marks and articles; as it is where nothing else would be left."""
    words = [w for w in re.findall(r"\w+", answer.casefold()) if w not in _ARTICLES]
    return words or [answer]
