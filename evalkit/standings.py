"""What a leaderboard says: who stands where in which column, and beside whom it may stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalkit.comparison import Mismatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A row: one model, with the weights and the number format that answered.

    Attributes:
        label: Its name, with what tells it from others of the same name.
        model: The model's short name.
        revision: The hub's commit, or the digest of local weights; None where it is not known.
        dtype: Number format of the weights; None where it is not known.
        image_preprocess: What was done to pictures before the model's own processor.
        parameters: Number of parameters; None where it is not known.
        card: The publication that its numbers are copied from; None where they are not.
    """

    label: str
    model: str
    revision: str | None
    dtype: str | None
    image_preprocess: str | None
    parameters: int | None
    card: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which run a number is from, and how it was made.

    Attributes:
        record: The record's path.
        digest: SHA-256 of the record.
        created: When the run started, UTC, ISO 8601.
        commit: The commit of evalkit; None where it is not known.
        evalkit: The version of evalkit; None where it is not known.
        data: The data's repository, config and split, by "/".
        revision: The data's commit; None where it is not pinned.
        samples: Samples that were asked; None where it is not known.
        data_digest: SHA-256 over ids and targets of the samples; None where it is not known.
        prompt: The prompt variant; None where it is not known.
        prompt_digest: SHA-256 over all rendered requests; None where it is not known.
        decoding: How answers were decoded, in words; None where it is not known.
        backend: What answered; None of copied numbers.
        protocol: Whose rules counted.
        judge: Who judged; None where nobody did.
        seconds: Wall time of the task by sample; None where it is not known.
    """

    record: str
    digest: str
    created: str
    commit: str | None
    evalkit: str | None
    data: str
    revision: str | None
    samples: int | None
    data_digest: str | None
    prompt: str | None
    prompt_digest: str | None
    decoding: str | None
    backend: str | None
    protocol: str
    judge: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """By how much a number differs from another: from the reference's, or from a published one.

    Attributes:
        beside: Whose number the other one is: a label, or a card's file name.
        value: The other number.
        difference: The number less the other one, in the metric's unit.
        low: Lower end of the difference's 95 % interval; None where there is none.
        high: Its upper end.
        method: How the interval was made; empty where there is none.
    """

    beside: str
    value: float
    difference: float
    low: float | None = None
    high: float | None = None
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """A number that is neither good nor bad, and without which another misleads: a yes-ratio.

    Attributes:
        name: The metric.
        value: Its number.
        low: Lower end of its 95 % interval; None where there is none.
        high: Its upper end.
        maximum: The largest possible value; None where it is not known.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """Somebody's word that models were trained on data of benchmarks.

    Attributes:
        models: The models' short names, or rows' labels.
        tasks: The benchmarks whose numbers are touched.
        data: What they were trained on, such as "the train split of VQAv2".
        source: Who says so, such as "its card, under Training data".
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    data: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model's number in a column.

    Attributes:
        contender: The row's label.
        value: The number in the metric's unit; None where it is withheld.
        low: Lower end of its own 95 % interval; None where there is none.
        high: Its upper end.
        method: How the interval was made.
        n: Units that were counted; None where it is not known.
        clusters: Independent clusters among them; None likewise.
        failed: Share of the samples that failed, 0 to 1.
        withheld: Why there is no number; empty where there is one.
        marks: What may be the matter with it (`evalkit.report.marks`), in their order.
        ranks: The best and the worst rank that it may have in its group, from 1; None: not ranked.
        unranked: Why it has no rank; empty where it has one.
        leads: Whether it may be first: its ranks begin at 1.
        by: What ranks rest on: "scores" (paired, sample by sample), "intervals", or "both"; empty
            where there is none.
        reference: Its difference to the reference; None where there is none.
        published: Published numbers of the same model, and the gaps to them.
        waived: What differs from the rest of the group and was allowed to.
        origin: Where it is from.
        decimals: Of a copied number, how many are printed of its column's unit; None of others.
        erratum: What is known to be wrong with a copied number; empty where nothing is.
        companions: What its task describes answers by, beside numbers that are good or bad.
        unparsed: Share of the samples whose answer no rule could read, 0 to 1; None where it is
            not known.
        trained_on: What is said of data of its benchmark that its model was trained on.
    """

    contender: str
    value: float | None
    low: float | None
    high: float | None
    method: str
    n: int | None
    clusters: int | None
    failed: float
    withheld: str
    marks: tuple[str, ...]
    ranks: tuple[int, int] | None
    unranked: str
    leads: bool
    by: str
    reference: Gap | None
    published: tuple[Gap, ...]
    waived: tuple[Mismatch, ...]
    origin: Origin
    decimals: int | None = None
    erratum: str = ""
    companions: tuple[Companion, ...] = ()
    unparsed: float | None = None
    trained_on: tuple[TrainedOn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Numbers of a column that may stand beside each other.

    Attributes:
        title: How they differ from the column's main group; empty for that one.
        differences: All that differs, part by part of the fingerprint.
        comparable: Whether they may be compared with each other: what is not known is not equal.
        standings: The best first.
    """

    title: str
    differences: tuple[Mismatch, ...]
    comparable: bool
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """A model's number beside what it costs.

    Attributes:
        contender: The row's label.
        value: Its number.
        cost: Parameters, or seconds by sample.
        standing: "front": no model that costs no more has a higher number; "near": one has, but the
            comparisons cannot tell the two apart; "behind": one is better for sure.
    """

    contender: str
    value: float
    cost: float
    standing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One of several runs of a model that may stand beside each other.

    Attributes:
        created: When it started.
        commit: The commit of evalkit; None where it is not known.
        revision: Of the weights; None where it is not known.
        value: Its number.
        low: Lower end of its interval; None where there is none.
        high: Its upper end.
        record: The record's path.
        marks: What may be the matter with it, as in `Standing`.
    """

    created: str
    commit: str | None
    revision: str | None
    value: float
    low: float | None
    high: float | None
    record: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The runs of one model in one group of a column, the oldest first; two or more."""

    model: str
    group: str
    past: tuple[Past, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One headline metric of a task, with all who have it.

    Attributes:
        task: The task.
        metric: The metric.
        maximum: The largest possible value; None where it is not known.
        better: Whether more is better; None where nobody says.
        groups: The main group first; then those that may not stand beside it.
        economies: By "parameters" and "seconds per sample": the main group, the cheapest first.
        histories: Runs of the same model.
        notes: Sentences that a reader must see.
    """

    task: str
    metric: str
    maximum: float | None
    better: bool | None
    groups: tuple[Group, ...]
    economies: Mapping[str, tuple[Economy, ...]]
    histories: tuple[History, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the column is called."""
        return f"{self.task} {self.metric}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A record in the folder that is not in the leaderboard, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """What stands for a row over all columns, where all of them have it ranked in the main group.

    Attributes:
        contender: The row's label.
        low: Mean of its best ranks; of Borda's count, the share of rivals that are worse.
        high: Mean of its worst ranks; the same as `low` of Borda's count.
    """

    contender: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """A leaderboard.

    Attributes:
        title: Its title.
        reference: The reference's label; None where there is none.
        allowed: Parts of fingerprints that may differ inside a group.
        level: Of intervals, and of all ranks of a group together.
        columns: By task, in the order of headlines.
        contenders: All rows, the first column's best first.
        aggregate: "mean-rank", "borda", or None.
        aggregates: One for each row that has it, the best first; empty where none was asked for.
        left_out: Records that are not in it.
        same: Rows of measured numbers, each with the published rows that it is said to be.
        unmeasured: Tasks that are not shown, since there are published numbers of them alone.
    """

    title: str
    reference: str | None
    allowed: tuple[str, ...]
    level: float
    columns: tuple[Column, ...]
    contenders: tuple[Contender, ...]
    aggregate: str | None
    aggregates: tuple[Aggregate, ...]
    left_out: tuple[LeftOut, ...]
    same: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unmeasured: tuple[str, ...] = ()
