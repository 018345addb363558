"""How answers were read: by which rule, how many doubtful, and what hangs on the doubtful ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from evalkit import score
from evalkit.answers.refusal import is_refusal
from evalkit.records import Prediction, Sample, SampleScore
from evalkit.run_record import Audit
from evalkit.spool import Lazy, Spool
from evalkit.task import Metric, Task


@dataclass(slots=True, kw_only=True)
class Texts:
    """What is counted of predictions alone, one after another.

    Attributes:
        empty: Texts that are empty, or white space alone.
        refused: Texts that decline to answer.
        truncated: Texts cut off at the token limit.
        ended: Texts of which it is known how they ended.
    """

    empty: int = 0
    refused: int = 0
    truncated: int = 0
    ended: int = 0

    def count(self, made: Prediction) -> None:
        """Take in one more."""
        if made.text is not None:
            self.empty += not made.text.strip()
            self.refused += is_refusal(made.text)
        self.ended += made.finish is not None
        self.truncated += made.finish == "length"

    @classmethod
    def of(cls, predictions: Iterable[Prediction]) -> Texts:
        """Those of the predictions."""
        texts = cls()
        for made in predictions:
            texts.count(made)
        return texts


def audit(
    task: Task,
    samples: Sequence[Sample],
    texts: Texts,
    scores: Sequence[SampleScore],
) -> Audit:
    """How the task's scorer read the predictions.

    Args:
        task: Whose rules were applied.
        samples: What was asked.
        texts: What was counted of the predictions.
        scores: What `evalkit.score.score_predictions` made of the two, in the samples' order.
    """
    read = _Readings()
    for place, given in enumerate(scores):
        read.count(place, given)
    return Audit(
        rules=dict(read.rules.most_common()),
        empty=texts.empty,
        refused=texts.refused,
        truncated=texts.truncated if texts.ended else None,
        unparsed=read.unparsed,
        ambiguous=len(read.doubtful),
        bounds=_bounds(task, samples, scores, read.doubtful),
    )


@dataclass(slots=True)
class _Readings:
    """How the texts were read; the doubtful ones by place."""

    rules: Counter[str] = field(default_factory=Counter)
    unparsed: int = 0
    doubtful: list[int] = field(default_factory=list)

    def count(self, place: int, given: SampleScore) -> None:
        if not given.failed:
            self.unparsed += given.answer is None
            if given.rule:
                self.rules[given.rule] += 1
        if given.ambiguous:
            self.doubtful.append(place)


def _bounds(
    task: Task,
    samples: Sequence[Sample],
    scores: Sequence[SampleScore],
    doubtful: Sequence[int],
) -> dict[str, tuple[float, float]]:
    """Each headline metric with all ambiguous answers wrong and with all of them right."""
    asked = Lazy(doubtful, samples.__getitem__)
    wrong = Spool(SampleScore, (score.scored(task, s, None) for s in asked))
    right = Spool(SampleScore, (score.scored(task, s, best_text(task, s)) for s in asked))
    found = {}
    for metric in _headline(task):
        cases = (wrong, right) if doubtful else ()
        ends = score.totals_if(task, metric, scores, doubtful, cases)
        if not any(map(math.isnan, ends)):
            found[metric.name] = (min(ends), max(ends))
    return found


def best_text(task: Task, sample: Sample) -> str | None:
    """A text that scores as well on the sample as any; None where it has no gold answer."""
    if task.best is not None:
        return task.best(sample)
    return sample.targets[0] if sample.targets else None


def _headline(task: Task) -> list[Metric]:
    return [metric for metric in task.metrics if metric.name in task.headline]
