"""How answers were read: by which rule, how many doubtful, and what hangs on the doubtful ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from evalkit import score
from evalkit.answers.refusal import is_refusal
from evalkit.records import Prediction, Sample, SampleScore
from evalkit.run_record import Audit
from evalkit.task import Metric, Task


def audit(
    task: Task,
    samples: Sequence[Sample],
    predictions: Mapping[str, Prediction],
    scores: Sequence[SampleScore],
) -> Audit:
    """How the task's scorer read the predictions.

    Args:
        task: Whose rules were applied.
        samples: What was asked.
        predictions: By sample id.
        scores: What `evalkit.score.score_predictions` made of the two, in the samples' order.
    """
    made = [predictions[sample.id] for sample in samples if sample.id in predictions]
    texts = [prediction.text for prediction in made if prediction.text is not None]
    read = Counter(given.rule for given in scores if not given.failed and given.rule)
    return Audit(
        rules=dict(read.most_common()),
        empty=sum(not text.strip() for text in texts),
        refused=sum(map(is_refusal, texts)),
        truncated=_truncated(made),
        unparsed=sum(not given.failed and given.answer is None for given in scores),
        ambiguous=sum(given.ambiguous for given in scores),
        bounds=_bounds(task, samples, scores),
    )


def _truncated(made: Sequence[Prediction]) -> int | None:
    ends = [prediction.finish for prediction in made if prediction.finish is not None]
    return ends.count("length") if ends else None


def _bounds(
    task: Task, samples: Sequence[Sample], scores: Sequence[SampleScore]
) -> dict[str, tuple[float, float]]:
    """Each headline metric with all ambiguous answers wrong and with all of them right."""
    doubtful = [place for place, given in enumerate(scores) if given.ambiguous]
    wrong = {place: score.scored(task, samples[place], None) for place in doubtful}
    right = {
        place: score.scored(task, samples[place], best_text(task, samples[place]))
        for place in doubtful
    }
    found = {}
    for metric in _headline(task):
        ends = score.totals_if(task, metric, scores, ({}, wrong, right) if doubtful else ({},))
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
