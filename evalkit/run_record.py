"""What a run becomes: numbers with their fingerprints, and the record that holds them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from evalkit.errors import MissingExtraError
from evalkit.judge_report import JudgeReport
from evalkit.publication import Publication
from evalkit.records import Coverage, Generation, MetricValue, plain
from evalkit.telemetry import Hardware, Telemetry

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 5
"""Version of the run record's schema; a reader refuses what it does not know."""

Own = Literal["demo", "local"]
"""Whose rows are asked in a benchmark's place: those of evalkit's demo, or of a local folder."""

WHOSE: Mapping[Own, str] = {
    "demo": "the demo's own made-up data",
    "local": "local data that may not be the benchmark's",
}
"""The same in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetIdentity:
    """Which data a number is about; what a publication does not say of its data is None.

    Attributes:
        repository: Hub id, or "local" for a folder, or "demo".
        config: The dataset's config, if it has any.
        split: The split; None where questions are from files that do not say it.
        requested_revision: What the task pins; None is recorded as unpinned.
        revision: The commit that was loaded; None for local files.
        rows: Rows that the split has.
        expected_rows: Rows that the task says it has.
        samples: Samples that were evaluated.
        digest: SHA-256 over ids and targets of those samples, in order.
        images: SHA-256 over the digests of the pictures that were shown; None when none was.
        context: SHA-256 over what else prompts, scorers and judges see of those samples, and what
            ties them: groups, clusters, tags and inputs, in order; None where it was not recorded.
    """

    repository: str | None
    config: str | None
    split: str | None
    requested_revision: str | None
    revision: str | None
    rows: int | None
    expected_rows: int | None
    samples: int | None
    digest: str | None
    images: str | None = None
    context: str | None = None

    @property
    def own(self) -> Own | None:
        """Whose rows these are, where they are not the benchmark's, or may not be.

        Local rows are taken for a copy of the benchmark's where there are as many.
        """
        if self.repository == "demo":
            return "demo"
        is_copy = self.rows is not None and self.rows == self.expected_rows
        return "local" if self.repository == "local" and not is_copy else None

    @property
    def size(self) -> int:
        """How many rows could be asked, as far as it is known: of own data, all that they have."""
        return max(self.rows or 0, 0 if self.own else self.expected_rows or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptIdentity:
    """Which words samples are asked in.

    Attributes:
        variant: The prompt variant's name.
        template: Its template.
        images_first: Whether pictures stand before the text.
        digest: SHA-256 over all rendered requests, in order.
    """

    variant: str
    template: str
    images_first: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerIdentity:
    """Whose rules score it, in which version of the task, and what was done to answers before.

    `source` is the digest of the task's file where it is one of the user's own, and of modules that
    it imports from its folder: its version moves only if somebody thinks of it. Of installed tasks
    the version says all, and `source` is None.
    """

    task: str
    version: int
    protocol: str
    conversion: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """All that can move a task's number, part by part; equal parts make numbers comparable.

    `preprocessing` says what happens to pictures before the model sees them; `judge` is reserved
    for judged tasks. `prompt` and `generation` are None, and `preprocessing` is empty, where
    answers come from a file that does not say how they were made: unknown, not equal.
    """

    dataset: DatasetIdentity
    prompt: PromptIdentity | None
    generation: Generation | None
    preprocessing: Mapping[str, str]
    scorer: ScorerIdentity
    judge: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """How a task's answers were read, and what hangs on it.

    Attributes:
        rules: Texts by the rule that read them; most frequent first.
        empty: Texts that are empty, or white space alone.
        refused: Texts that decline to answer (`evalkit.answers.refusal`).
        truncated: Texts cut off at the token limit; None where nothing says how they ended.
        unparsed: Texts in which the rules found no answer.
        ambiguous: Texts in which a careful reader could have read something else.
        bounds: The lowest and the highest value of each headline metric if every ambiguous answer
            had been wrong, or right.
    """

    rules: Mapping[str, int]
    empty: int
    refused: int
    truncated: int | None
    unparsed: int
    ambiguous: int
    bounds: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peeks:
    """How often a gate looked at a task before it was whole, and where that ended.

    Looks are at the first clusters of a random order, when all of their samples are answered.

    Attributes:
        looks: Clusters at each look that was planned, ascending; the last is all of them.
        made: The look at which the task ended, from 1.
        rules: Rules of the gate, over which it corrects regressions.
        samples: Samples that were planned.
        planned: The fingerprint of all that was planned, without pictures' digests.
    """

    looks: tuple[int, ...]
    made: int
    rules: int
    samples: int
    planned: Fingerprint

    @property
    def stopped(self) -> bool:
        """Whether the task ended before it was whole."""
        return self.made < len(self.looks)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """A task's numbers with their coverage and fingerprint.

    `breakdowns` is {tag: {slice: {metric: value}}}; `notes` are sentences that a reader must see,
    such as a row count that differs; `audit` says how the answers were read, `judge` how they were
    judged, and `peeks` whether the task was stopped early: then the numbers are of the samples that
    were asked until then, and `fingerprint` is theirs. `scores` is the digest of the scored samples
    (`evalkit.integrity`); None where there are none, as for published numbers, whose `coverage` is
    all 0. `predictions` is that of the answers, in the order of their file; None where nothing ties
    these to the record.
    """

    task: str
    version: int
    protocol: str
    headline: tuple[str, ...]
    metrics: Mapping[str, MetricValue]
    coverage: Coverage
    breakdowns: Mapping[str, Mapping[str, Mapping[str, float]]]
    fingerprint: Fingerprint
    notes: tuple[str, ...] = ()
    audit: Audit | None = None
    judge: JudgeReport | None = None
    scores: str | None = None
    peeks: Peeks | None = None
    predictions: str | None = None

    def _repr_html_(self) -> str:
        """All numbers of the task as a table: what a notebook shows."""
        from evalkit.report.notebook import result_html

        return result_html(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Which model answered.

    Attributes:
        spec: As the user named it.
        backend: The backend's name.
        name: The model's short name (a hub id, or a folder's name).
        revision: The hub commit; None for local weights.
        digest: SHA-256 of local weights; None for hub weights, which the revision names.
        architecture: Class name of the model; None where unknown.
        dtype: Number format of the weights in memory; None where unknown.
        parameters: Number of parameters; None where unknown.
    """

    spec: str
    backend: str
    name: str
    revision: str | None = None
    digest: str | None = None
    architecture: str | None = None
    dtype: str | None = None
    parameters: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChoice:
    """One line of a task list: the task and what was chosen for it (None: the run's setting)."""

    name: str
    limit: int | None = None
    prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStop:
    """By which gate a run may end tasks early: the digests of its policy and of its baseline."""

    policy: str
    baseline: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything a run was told, frozen: it can be saved, hashed and compared.

    Attributes:
        model: The model's spec, `backend:name[@revision][,option=value...]`.
        tasks: What to evaluate.
        prompt: Prompt variant for tasks that choose none; None is each task's default.
        limit: Samples per task, for tasks that choose none; None is all.
        limit_by: "cluster" where a limit takes whole clusters; None: whole groups.
        seed: Seeds the sample of `limit` and decoding.
        dtype: Number format of the weights.
        image_preprocess: "processor" or "pad-square".
        batch_size: Requests per batch; None is as many as the backend finds best.
        device: "auto", "cpu", "cuda", "cuda:1", ...
        workers: Processes that answer; 1 is this one.
        gpus_per_worker: Accelerators of each worker; None is 1 where there are any.
        ray_address: A Ray cluster's address, or "auto"; None starts workers on this machine.
        prefix_sharing: "auto", "on" or "off".
        data: Folder with one folder per task; None is the hub (or the demo set for `demo`).
        offline: Nothing is fetched.
        task_paths: Files or folders with further tasks.
        early_stop: The gate by which tasks end as soon as its verdict is certain; None: by none.
    """

    model: str
    tasks: tuple[TaskChoice, ...]
    prompt: str | None = None
    limit: int | None = None
    limit_by: Literal["cluster"] | None = None
    seed: int = 0
    dtype: str = "auto"
    image_preprocess: str = "processor"
    batch_size: int | None = None
    device: str = "auto"
    workers: int = 1
    gpus_per_worker: int | None = None
    ray_address: str | None = None
    prefix_sharing: str = "auto"
    data: str | None = None
    offline: bool = False
    task_paths: tuple[str, ...] = ()
    early_stop: EarlyStop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A finished run: what was asked of which model, how, and the numbers that came out.

    Attributes:
        schema: Version of this record's layout.
        name: The run's name, which is its folder's.
        created: When the run started, UTC, ISO 8601.
        finished: When its last task was scored.
        source: "measured" by evalkit, "scored" by evalkit from a file of answers, or
            "self-reported" (copied from a publication, which `publication` names).
        model: Which model answered.
        config: What the run was told.
        versions: Versions of evalkit, Python and the libraries that can move a number.
        commit: The commit of evalkit, where it runs from a checkout; None else.
        hardware: The machine.
        seconds: Wall time of generation, over all sessions of the run.
        results: One per task, in the order of the task list.
        telemetry: How the last session went; None where no model was asked.
        publication: Where self-reported numbers stand, as they are printed; None of all others.
        digest: SHA-256 over all the rest (`evalkit.integrity.record_digest`); empty until the
            record is written, or sealed by `evalkit.store.sealed`.
    """

    schema: int
    name: str
    created: str
    finished: str
    source: Literal["measured", "scored", "self-reported"]
    model: ModelIdentity
    config: RunConfig
    versions: Mapping[str, str]
    commit: str | None
    hardware: Hardware | None
    seconds: float
    results: tuple[TaskResult, ...]
    telemetry: Telemetry | None = None
    publication: Publication | None = None
    digest: str = ""

    def _repr_html_(self) -> str:
        """The headline numbers as a table: what a notebook shows."""
        from evalkit.report.notebook import record_html

        return record_html(self)

    def to_frame(self) -> pd.DataFrame:
        """The numbers as a pandas frame, one row a metric.

        Returns:
            Columns model, task, protocol, metric, headline (bool), value, low, high, method, n,
            clusters, maximum, asked, answered, failed, unparsed.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            package = "pandas"
            raise MissingExtraError(package, "data", "A frame of numbers") from error

        return pd.DataFrame(
            [
                {
                    "model": self.model.name,
                    "task": result.task,
                    "protocol": result.protocol,
                    "metric": name,
                    "headline": name in result.headline,
                    **plain(value),
                    **plain(result.coverage),
                }
                for result in self.results
                for name, value in result.metrics.items()
            ]
        )
