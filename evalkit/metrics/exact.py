"""Scorers that compare what is read with the gold answer: 1 in the value "correct", or 0."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.records import Outcome, Reading, Sample
from evalkit.task import Scorer


def exact_match(read: Callable[[Sample, str], Reading], gold: str | None = None) -> Scorer:
    """A scorer: whether the answer that is read is the gold one.

    Args:
        read: Reads a text that answers a sample.
        gold: What is right, whatever the sample; None is the sample's first target.
    """

    def score(sample: Sample, text: str | None) -> Outcome:
        found = Reading(None, "") if text is None else read(sample, text)
        right = found.answer == (gold or sample.targets[0])
        return Outcome(
            answer=found.answer,
            values={"correct": float(right)},
            rule=found.rule,
            ambiguous=found.ambiguous,
        )

    return score
