"""What a comparison of two runs is: who was compared, what differs, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

UNKNOWN = "unknown"
"""What stands for a value that nothing says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the runs that are compared.

    Attributes:
        name: As the user named it: a folder or a file.
        kind: "run", or "baseline" for a file that `evalkit baseline accept` wrote.
        model: The model's short name.
        spec: The model as it was asked for.
        run: The run's own name.
        created: When the run started, UTC, ISO 8601.
        commit: The commit of evalkit, where it is known.
        digest: SHA-256 of the run's record.
    """

    name: str
    kind: Literal["run", "baseline"]
    model: str
    spec: str
    run: str
    created: str
    commit: str | None
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A part of two fingerprints that is not the same.

    Attributes:
        part: Its dotted path, such as "prompt.digest"; the first word is what `--allow` takes.
        first: What it is in the first run; "unknown" where nothing says it.
        second: What it is in the second.
        waived: Whether the user said that it may differ.
    """

    part: str
    first: str
    second: str
    waived: bool = False

    @property
    def known(self) -> bool:
        """Whether both sides say what it is."""
        return UNKNOWN not in (self.first, self.second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """By how much one metric of a task differs between two runs, on the same samples.

    Attributes:
        metric: Its name.
        headline: Whether it stands for the task.
        first: Its value in the first run, over the samples that are compared.
        second: Its value in the second run.
        difference: `second` - `first`, in the metric's own unit.
        error: Standard error of the difference; None where it is not known.
        low: Lower end of the difference's interval, at the level 1 - `Comparison.alpha`; None where
            there is none.
        high: Its upper end.
        method: How the interval was made.
        n: Units that were compared (samples, or pairs).
        clusters: Independent clusters among them.
        discordant: Clusters in which the two runs differ.
        won: Units that are better in the second run; None where a unit has no direction.
        lost: Units that are worse in it.
        correlation: Of what the units add to the number in the two runs; None where undefined.
        p: Two-sided p-value of "no difference", by exchanging the runs cluster by cluster.
        p_method: How many exchanges, or all of them.
        adjusted: `p` after Holm's correction over all differences of the table that are headlines.
        detectable: The true difference that these samples would show with 80 % power, at
            `Comparison.alpha`; None where the error is not known.
        better: Whether more is better; None where the metric is a description.
        maximum: The largest possible value; None where it means nothing.
    """

    metric: str
    headline: bool
    first: float
    second: float
    difference: float
    error: float | None
    low: float | None
    high: float | None
    method: str
    n: int
    clusters: int
    discordant: int
    won: int | None
    lost: int | None
    correlation: float | None
    p: float | None
    p_method: str
    adjusted: float | None
    detectable: float | None
    better: bool | None
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A sample that the two runs answer differently well.

    Attributes:
        task: Its task.
        sample_id: Its id.
        gain: By how much it is better in the second run, in the value that is compared (the
            metric's change if this sample alone changed, times the number of units); below 0 where
            it is worse.
        first: The parsed answer of the first run; None where there is none.
        second: That of the second run.
        targets: What would have been right; empty where it is not known.
        rules: By which rule the two texts were read.
        texts: What the two models wrote, where predictions are at hand; None else.
        withheld: Why what stands in the two files of predictions is not shown: it is not what the
            record was made of. Empty where it is, and where there is none.
        cause: "answer": another answer; "format": the same words read otherwise, or one of the two
            not read; "verdict": a judge says otherwise of it, whatever the answer; "failure": one
            of the two has failed.
        tags: The sample's slices.
    """

    task: str
    sample_id: str
    gain: float
    first: str | None
    second: str | None
    targets: tuple[str, ...]
    rules: tuple[str, str]
    texts: tuple[str | None, str | None]
    cause: Literal["answer", "format", "verdict", "failure"]
    tags: Mapping[str, str | tuple[str, ...]]
    withheld: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a sample asked, for pages that show flips.

    Attributes:
        question: As the dataset has it.
        choices: Options of a multiple-choice question.
        pictures: Small versions of its pictures as data URLs.
        lacking: Why a picture is not there; empty where all are.
    """

    question: str
    choices: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    lacking: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskComparison:
    """Two results of one task side by side.

    Attributes:
        task: Its name.
        protocol: Whose rules counted.
        samples: Samples that are compared: those that both runs have.
        only_first: Samples that the first run alone has.
        only_second: Samples that the second run alone has.
        failed: Samples whose prediction failed, in the first and in the second run.
        unhealthy: Whether too many verdicts of a judge failed, in either run.
        mismatches: What differs in the fingerprints; all of it waived, or nothing is compared.
        differences: One a metric.
        flips: The number of samples that got better, and that got worse, by cause.
        notes: Sentences that a reader must see, without the task's name.
    """

    task: str
    protocol: str
    samples: int
    only_first: int
    only_second: int
    failed: tuple[int, int]
    unhealthy: bool
    mismatches: tuple[Mismatch, ...]
    differences: tuple[Difference, ...]
    flips: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run against a reference.

    Attributes:
        first: The reference.
        second: What is compared with it.
        tasks: One for each task that both have and that may be compared.
        absent: Tasks that are not compared, each with the reason.
        draws: Resamples, and exchanges, of every number.
        seed: Of their generator.
        alpha: An adjusted p-value up to this is called a difference.
    """

    first: Side
    second: Side
    tasks: tuple[TaskComparison, ...]
    absent: tuple[str, ...]
    draws: int
    seed: int
    alpha: float

    def _repr_html_(self) -> str:
        """The differences of headline metrics as a table: what a notebook shows."""
        from evalkit.report.notebook import comparison_html

        return comparison_html(self)
