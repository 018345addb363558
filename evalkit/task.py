"""What a task file may say: the task, its dataset, its prompts, its metrics.

A task is one file with a docstring, a function `to_sample(row)` and one constant `TASK`. It knows
no model; models know no task. Numbers are described by `Metric`: a sum, and a function of that sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from evalkit.errors import UsageError
from evalkit.records import Generation, Image, Message, Outcome, Request, Sample, SampleScore

if TYPE_CHECKING:
    import jinja2
    import numpy as np
    import numpy.typing as npt

    from evalkit.foreign import Foreign
    from evalkit.rubric import Judging

Row = Mapping[str, Any]
"""One row of a dataset: its columns, image columns as `Image` (None where the row has none), and
"__index__", the row's place in its split, from 0."""

Scorer = Callable[[Sample, "str | None"], Outcome]
"""Scores one text. None stands for a failed prediction, and must come out wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A second table of the same repository, joined to the first by a key.

    Attributes:
        config: Config of the second table.
        split: Its split; None is the first table's.
        key: Column of the second table.
        on: Column of the first table that holds the same values.
        columns: What is taken over from the second table.
    """

    config: str
    split: str | None = None
    key: str
    on: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRef:
    """Where a task's rows come from.

    Attributes:
        repositories: Hub ids; the first that exists is used.
        config: The config, if the dataset has any.
        split: The split.
        columns: Columns that must be there.
        optional_columns: Columns that are read where the first table has them; else a row lacks the
            key. Others are not read.
        image_columns: Those of them that hold pictures.
        rows: Rows that the split is known to have.
        revision: Commit that is pinned; None is unpinned, and recorded as such.
        join: A second table, if the rows need one.
    """

    repositories: tuple[str, ...]
    config: str | None = None
    split: str
    columns: tuple[str, ...]
    optional_columns: tuple[str, ...] = ()
    image_columns: tuple[str, ...] = ()
    rows: int
    revision: str | None = None
    join: Join | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """How a sample is asked: a jinja2 template (sandboxed, undefined names are errors).

    The template sees `question`, `choices`, `letters` ("A", "B", ... one a choice) and every key of
    `Sample.inputs`.

    Attributes:
        template: The template's text; its result is used as it is, white space included.
        images_first: Pictures stand before the text; else after it.
    """

    template: str
    images_first: bool = True

    def render(self, sample: Sample) -> str:
        """The sample's text.

        Raises:
            UsageError: The template is broken or uses a name that the sample does not have.
        """
        import jinja2

        letters = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(sample.choices)])
        names = {**sample.inputs, "question": sample.question, "choices": sample.choices}
        try:
            return _compiled(self.template).render(**names, letters=letters)
        except (jinja2.TemplateError, *_TEMPLATE_ERRORS) as error:
            message = f"The prompt template of sample {sample.id!r} cannot be rendered: {error}."
            raise UsageError(message) from error

    def content(self, sample: Sample) -> tuple[str | Image, ...]:
        """The parts of the user's turn: pictures and text in the prompt's order."""
        text = self.render(sample)
        return (*sample.images, text) if self.images_first else (text, *sample.images)

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """The turns of the conversation: one, the user's."""
        return (Message(role="user", content=self.content(sample)),)


def file_stem(name: str) -> str:
    """A task's name as a file name."""
    return name.replace(":", "-").replace("/", "-")


SHORT_ANSWER_PROMPTS: Mapping[str, Prompt] = MappingProxyType(
    {
        "llava": Prompt(
            template="{{ question }}\nAnswer the question using a single word or phrase."
        ),
        "qwen": Prompt(template="{{ question }} Answer:"),
        "paligemma": Prompt(template="answer en {{ question }}"),
    }
)
"""How open and yes/no questions are asked for a short answer, by the models' own evaluations."""

_TEMPLATE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an expression inside a template can raise, beside jinja2's own errors."""


@lru_cache(maxsize=256)
def _compiled(template: str) -> jinja2.Template:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    compiled = environment.from_string(template)
    compiled.globals = dict(compiled.globals)  # a chain of maps is copied slowly, each time anew
    return compiled


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number over samples: a sum of rows, and a function of that sum.

    Attributes:
        name: Its key in results, such as "accuracy".
        unit: What one row is about: a sample, or all samples of one `group`.
        row: The k statistics of one unit. Receives the unit's scores (one, or a group's).
        value: Maps sums of shape (..., k) to numbers of shape (...), many sums at once; NaN where
            the number is undefined.
        columns: k, the number of statistics.
        low: Smallest possible value.
        high: Largest possible value; what gold answers reach, if `higher_is_better`.
        pairwise: Whether rows are added in pairs, as numpy's mean does, and not one by one.
        proportion: Whether it is hits by n of single units, (hits, n): Wilson may apply.
        higher_is_better: Whether more is better; None for descriptions such as a yes-ratio.
        only: Samples that count at all; None is every one. It must not depend on the answer.
        bounded: Whether `high` means something to a reader; else it is not shown.
        reach: The largest value that sums of shape (k,) could have had, where parts of the
            benchmark were not asked; None is `high`.
        weight: The column that says how much a unit counts, where a missing verdict makes it 0:
            intervals and counts are then of the others alone. None: each unit counts.
    """

    name: str
    unit: Literal["sample", "group"] = "sample"
    row: Callable[[Sequence[SampleScore]], Sequence[float]]
    value: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
    columns: int
    low: float = 0.0
    high: float = 1.0
    pairwise: bool = False
    proportion: bool = False
    higher_is_better: bool | None = True
    only: Callable[[SampleScore], bool] | None = None
    bounded: bool = True
    reach: Callable[[npt.NDArray[np.float64]], float] | None = None
    weight: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Somebody else's rules for the same benchmark: what another harness computes.

    Attributes:
        source: Whose rules these are, with version, commit and file.
        score: Its scorer.
        metrics: Its numbers, under the task's own names where they mean the same.
        headline: Which of them stand for the task.
        breakdowns: Tags by which it reports slices; None is the task's own.
        slice_metrics: What is reported of a slice; None is `metrics`.
        best: As `Task.best`.
    """

    source: str
    score: Scorer
    metrics: tuple[Metric, ...]
    headline: tuple[str, ...]
    breakdowns: tuple[str, ...] | None = None
    slice_metrics: tuple[Metric, ...] | None = None
    best: Callable[[Sample], str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A benchmark: data, words, decoding, rules and numbers.

    Attributes:
        name: The file's name, and that of its folder under `--data`.
        version: Moves whenever a number of the task can move.
        dataset: Where the rows come from.
        to_sample: Makes a sample of a row.
        prompts: Variants by the name of their origin ("llava", "qwen", "paligemma"); the first is
            the default.
        generation: Decoding settings.
        score: The scorer, by the rules of `protocol`.
        metrics: The numbers, in the order in which tables show them.
        headline: Names of the metrics that stand for the task in a table (MME has two).
        protocol: Whose rules `score` follows, as a name: "official" for those of a published
            evaluator, "own" where there is none.
        source: The same with version or commit, and file.
        breakdowns: Tags by which metrics are also reported, slice by slice.
        parts: Tag -> slices that the headline adds up or averages; where one has no sample, the
            result says so.
        slice_metrics: What is reported of a slice; None is `metrics`.
        best: A text that scores as well on a sample as any; None is its first target.
        protocols: Other rules for the same benchmark by name ("lmms-eval", "vlmevalkit").
        conversions: What may be done to published answers before they are scored, by name.
        files: "module:name" of what knows the benchmark's published files (an
            `evalkit.official.interface.OfficialFiles`); None where answers are matched by sample id
            and references are the dataset's rows.
        variants: Named changes of fields, addressed as "task:variant".
        submission: Makes (file name, JSON value) of all predictions, for splits without gold
            answers; None where there is none.
        judging: What a judge is asked about an answer, and what its verdicts are worth; None where
            no judge is needed.
        foreign: Another harness's code that reads the rows and adds up numbers in evalkit's place;
            None is evalkit's own.
    """

    name: str
    version: int
    dataset: DatasetRef
    to_sample: Callable[[Row], Sample]
    prompts: Mapping[str, Prompt]
    generation: Generation
    score: Scorer
    metrics: tuple[Metric, ...]
    headline: tuple[str, ...]
    protocol: str = "own"
    source: str = ""
    breakdowns: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slice_metrics: tuple[Metric, ...] | None = None
    best: Callable[[Sample], str] | None = None
    protocols: Mapping[str, Protocol] = field(default_factory=dict)
    conversions: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    files: str | None = None
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    submission: Callable[[Sequence[tuple[Sample, str]]], tuple[str, Any]] | None = None
    judging: Judging | None = None
    foreign: Foreign | None = None

    @property
    def folder(self) -> str:
        """The folder under `--data` that holds the task's rows; variants share it."""
        return self.name.partition(":")[0]

    @property
    def file_stem(self) -> str:
        """The task's name as a file name."""
        return file_stem(self.name)

    def variant(self, name: str) -> Task:
        """The task with the named changes applied.

        Raises:
            UsageError: The task has no such variant.
        """
        if name not in self.variants:
            known = ", ".join(self.variants) or "none"
            message = f"The task {self.name!r} has no variant {name!r}; it has: {known}."
            raise UsageError(message)
        return replace(self, name=f"{self.name}:{name}", variants={}, **self.variants[name])

    def under(self, protocol: str) -> Task:
        """The task under the rules of a protocol; its own name gives the task itself.

        Raises:
            UsageError: The task has no such protocol.
        """
        if protocol == self.protocol:
            return self
        if protocol not in self.protocols:
            known = ", ".join([self.protocol, *self.protocols])
            message = f"The task {self.name!r} has no protocol {protocol!r}; it has: {known}."
            raise UsageError(message)
        rules = self.protocols[protocol]
        return replace(
            self,
            protocol=protocol,
            source=rules.source,
            score=rules.score,
            metrics=rules.metrics,
            headline=rules.headline,
            breakdowns=self.breakdowns if rules.breakdowns is None else rules.breakdowns,
            slice_metrics=rules.slice_metrics,
            best=rules.best,
        )

    def judged(self, origin: str) -> Task:
        """The task as the verdicts on a rubric of that origin are counted; its scorer is as it was.

        Raises:
            UsageError: The task needs no judge, or knows no rubric of that origin.
        """
        if self.judging is None:
            message = f"The task {self.name!r} needs no judge."
            raise UsageError(message)
        if origin not in self.judging.headline:
            known = ", ".join(self.judging.headline)
            message = f"The task {self.name!r} has no rubric of {origin!r}; it has: {known}."
            raise UsageError(message)
        return replace(
            self,
            protocol=origin,
            source=self.judging.source,
            metrics=self.judging.metrics,
            headline=self.judging.headline[origin],
            breakdowns=self.judging.breakdowns,
        )

    def prompt(self, name: str | None) -> tuple[str, Prompt]:
        """The named prompt variant, or the default, with its name.

        Raises:
            UsageError: The task has no such prompt variant.
        """
        chosen = next(iter(self.prompts)) if name is None else name
        if chosen not in self.prompts:
            known = ", ".join(self.prompts)
            message = f"The task {self.name!r} has no prompt variant {chosen!r}; it has: {known}."
            raise UsageError(message)
        return chosen, self.prompts[chosen]

    def request(self, sample: Sample, prompt: Prompt) -> Request:
        """The sample as a request, in the words of the prompt."""
        return Request(
            task=self.name,
            sample_id=sample.id,
            messages=prompt.messages(sample),
            generation=self.generation,
            kin=sample.cluster,
        )
