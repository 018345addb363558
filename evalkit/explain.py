"""Why two protocols give two numbers: the samples they score differently, and by which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from evalkit.errors import UsageError
from evalkit.records import MetricValue, SampleScore
from evalkit.rescore import Order, score_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one protocol made of an answer.

    Attributes:
        answer: As it was compared; None where nothing could be read.
        rule: By which rule.
        targets: The gold answers that it was compared with.
        score: The sample's score: its value "score" or "correct", or the first that it has.
    """

    targets: tuple[str, ...]
    answer: str | None
    rule: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A sample that two protocols score differently.

    Attributes:
        sample_id: The sample.
        text: What the model wrote; None where it did not answer.
        first: What the first protocol made of it.
        second: What the second made of it.
    """

    sample_id: str
    text: str | None
    first: Reading
    second: Reading

    @property
    def kind(self) -> tuple[str, str, float, float]:
        """The two rules and scores; a rule that both follow differs by its answer key alone."""
        rules = (self.first.rule, self.second.rule)
        if self.first.answer == self.second.answer and self.first.targets != self.second.targets:
            rules = ("its answer key", "another answer key")
        return (*rules, self.first.score, self.second.score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Two protocols on the same answers.

    Attributes:
        task: The task's name.
        protocols: Names of the two.
        sources: Whose rules they are.
        metrics: {metric: (first, second)} of those that either has; None where one has it not.
        shared: Samples that both score: those with an answer, unless `missing` says otherwise.
        unanswered: Questions without an answer.
        disagreements: Those that are scored differently, in the references' order.
    """

    task: str
    protocols: tuple[str, str]
    sources: tuple[str, str]
    metrics: dict[str, tuple[float | None, float | None]]
    shared: int
    unanswered: int
    disagreements: tuple[Disagreement, ...]

    def rules(self) -> list[tuple[str, str, float, float, int]]:
        """(first rule, second rule, first score, second score, samples), most frequent first."""
        counted = Counter(d.kind for d in self.disagreements)
        return [(*key, n) for key, n in counted.most_common()]


def explain(order: Order, first: str, second: str) -> Explanation:
    """Score the same answers under two protocols and compare them sample by sample.

    Args:
        order: The answers; its protocol is not looked at.
        first: Name of a protocol.
        second: Name of another.

    Raises:
        UsageError: The two are one, or as `score_file`.
    """
    missing = order.missing or "exclude"  # the same questions for both
    one, two = (
        score_file(replace(order, protocol=name, missing=missing)) for name in (first, second)
    )
    if one.task.protocol == two.task.protocol:
        message = f"{first!r} and {second!r} are the same protocol for these answers; name two."
        raise UsageError(message)
    others = {score.sample_id: score for score in two.scores}
    pairs = [(s, others[s.sample_id]) for s in one.scores if s.sample_id in others]
    texts = {made.sample_id: made.text for made in one.predictions.values()}
    return Explanation(
        task=one.task.name,
        protocols=(one.task.protocol, two.task.protocol),
        sources=(one.task.source or one.task.name, two.task.source or two.task.name),
        metrics=_side_by_side(one.result.metrics, two.result.metrics),
        shared=len(pairs),
        unanswered=one.result.coverage.failed,
        disagreements=tuple(
            Disagreement(
                sample_id=a.sample_id,
                text=texts.get(a.sample_id),
                first=_reading(a),
                second=_reading(b),
            )
            for a, b in pairs
            if _main(a) != _main(b)
        ),
    )


def _side_by_side(
    one: Mapping[str, MetricValue], two: Mapping[str, MetricValue]
) -> dict[str, tuple[float | None, float | None]]:
    return {
        name: (
            one[name].value if name in one else None,
            two[name].value if name in two else None,
        )
        for name in dict.fromkeys([*one, *two])
    }


def _reading(score: SampleScore) -> Reading:
    return Reading(targets=score.targets, answer=score.answer, rule=score.rule, score=_main(score))


def _main(score: SampleScore) -> float:
    """The number that says how right a sample is."""
    for name in ("score", "correct"):
        if name in score.values:
            return score.values[name]
    return next(iter(score.values.values()), 0.0)
