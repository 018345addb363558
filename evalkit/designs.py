"""What is known before a run: how many samples settle a question, and what a margin would do."""

from __future__ import annotations

from dataclasses import dataclass

SUPPOSED = 0.5
"""The correlation of two runs where only one is at hand: models of a kind are rarely less alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A subset of a task by whole clusters; smaller ones lie within larger ones.

    Attributes:
        samples: How many it has, about.
        clusters: Clusters among them.
        error: Standard error of the difference of two runs on it.
        detectable: The difference that it shows with the power.
        power: The chance that it shows the effect that was asked about.
        seconds: What it takes, at the speed of the runs; None where no run says it.
    """

    samples: int
    clusters: int
    error: float
    detectable: float
    power: float
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlan:
    """What of a task settles a question of a size.

    Attributes:
        task: Its name.
        metric: The metric; each of the task's headline has its own plan.
        effect: The size of the question, in the metric's unit.
        value: The metric in the first run.
        maximum: The largest possible value; None where it means nothing.
        width: The largest possible difference; None as `maximum`.
        runs: From which runs it is known, one or two.
        deviation: Standard deviation of what a unit differs by, in the metric's unit; None where
            the metric has no gradient.
        correlation: Of the two runs, unit by unit; of one run it is supposed. None if unknown.
        alike: Correlation of two units of a cluster; None where no cluster has two.
        design: By how much clusters of full size inflate the variance; None as `deviation`.
        samples: All that the data have.
        clusters: Clusters among them, about.
        needed: Samples that settle the question, in whole clusters, whether the data have as many
            or not.
        stages: Subsets, the smallest first: parts of the data, and what is needed of it.
    """

    task: str
    metric: str
    effect: float
    value: float
    maximum: float | None
    width: float | None
    runs: tuple[str, ...]
    deviation: float | None
    correlation: float | None
    alike: float | None
    design: float | None
    samples: int
    clusters: int
    needed: int
    stages: tuple[Stage, ...]

    @property
    def settles(self) -> bool:
        """Whether the data have as many samples as it takes."""
        return self.needed <= self.samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which tasks settle a question, and with how many samples.

    Attributes:
        detect: The question's size, as it was asked.
        alpha: Chance of a false alarm.
        power: Chance to find what is there.
        sides: In how many directions is looked.
        metrics: One a headline metric.
        notes: What was supposed, and what cannot be planned.
    """

    detect: str
    alpha: float
    power: float
    sides: int
    metrics: tuple[MetricPlan, ...]
    notes: tuple[str, ...]

    @property
    def limits(self) -> dict[str, int | None]:
        """The samples of each task that settles the question; None is all of them."""
        held: dict[str, list[MetricPlan]] = {}
        for one in self.metrics:
            held.setdefault(one.task, []).append(one)
        found = {}
        for task, own in held.items():
            if all(one.settles for one in own):
                most = max(one.needed for one in own)
                found[task] = None if most >= max(one.samples for one in own) else most
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRates:
    """What a gate does with a margin, as simulated from runs.

    Attributes:
        margin: Damage that is allowed, in the metric's unit.
        chosen: Whether it is the policy's own.
        power: How often the gate passes a candidate that is as good as the baseline.
        false_alarm: How often it calls a regression of such a candidate.
        found: How often it calls a regression of one that is worse by twice the margin.
    """

    margin: float
    chosen: bool
    power: float
    false_alarm: float
    found: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCalibration:
    """What margins do for one metric.

    Attributes:
        task: The rule's task.
        metric: The rule's metric.
        alpha: Both error rates that the rule promises.
        value: The metric in the first run.
        maximum: The largest possible value; None where it means nothing.
        runs: From which runs it is simulated.
        method: How the gate's bounds are made.
        clusters: Independent clusters.
        discordant: Clusters in which the runs differ; of one run, as simulated.
        passed_worse: How often a candidate passes that is worse by just the margin, or more.
        failed_good: How often a regression is called of one that is worse by just the margin.
        suggested: The smallest margin with which equal models pass with the power; None where no
            number is known.
        margins: Some margins, the smallest first.
    """

    task: str
    metric: str
    alpha: float
    value: float
    maximum: float | None
    runs: tuple[str, ...]
    method: str
    clusters: int
    discordant: float
    passed_worse: float
    failed_good: float
    suggested: float | None
    margins: tuple[MarginRates, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a policy's margins do, by simulation from runs.

    Attributes:
        policy: SHA-256 of the policy file.
        power: The policy's power.
        repetitions: Simulated pairs of runs of each metric.
        seed: Of their generator.
        metrics: One a metric that the policy holds to a baseline.
        notes: What was supposed, and what was left out.
    """

    policy: str
    power: float
    repetitions: int
    seed: int
    metrics: tuple[MetricCalibration, ...]
    notes: tuple[str, ...]
