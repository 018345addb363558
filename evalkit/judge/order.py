"""Which judge, how it is asked, and what must be true before it is: the order for a judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit import registry
from evalkit.backends.interface import Backend, BackendOptions, check_options
from evalkit.errors import BackendError, EvalkitError, UsageError
from evalkit.judge.purse import Purse
from evalkit.judge.recorded import RecordedBackend
from evalkit.prices import Price, parse_prices
from evalkit.records import Sample
from evalkit.rubric import Judging, Rubric, checked
from evalkit.runner.inline import workers_of
from evalkit.runner.workers import Workers
from evalkit.task import Task

MOST_BYTES = 1_000_000
"""The largest rubric file that can be meant."""

MOST_VOTES = 100
"""The largest number of votes that can be meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOrder:
    """How answers are judged.

    Attributes:
        model: The judge's spec, as a model's: "openai:gpt-4o,base_url=...", "hf:...",
            "replay:FILE" (replies that were recorded).
        rubrics: Rubric files by task; "" is for every judged task.
        votes: How often each question is put.
        swap: Whether pairwise questions are put in both orders.
        budget: USD that this judge may cost in this run, all sessions together; None is no limit.
        max_failures: Share of verdicts that may fail before the result is unhealthy.
        cache: The file of replies that are known; None keeps none.
        batch: Whether the server's batch service is asked: later, and for half the price.
        offline: Nothing is fetched.
    """

    model: str
    rubrics: Mapping[str, Path] = field(default_factory=dict)
    votes: int = 1
    swap: bool = False
    budget: float | None = None
    max_failures: float = 0.01
    cache: Path | None = None
    batch: bool = False
    offline: bool = False


def judging_of(task: Task) -> Judging:
    """What the task says of its judge.

    Raises:
        UsageError: It needs none.
    """
    if task.judging is None:
        message = f"The task {task.name!r} needs no judge."
        raise UsageError(message)
    return task.judging


def rubric_of(task: Task, order: JudgeOrder) -> Rubric:
    """The rubric that an order chooses for a task: a file's, or evalkit's own.

    Raises:
        UsageError: The file cannot be read, or is of another form.
    """
    judging, path = judging_of(task), _file_of(task, order)
    if path is None:
        return checked(judging.own, task.name, judging)
    words = _words(path)
    try:
        return checked(judging.read(words), task.name, judging)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:  # the last: its depth
        raise _misfit(path, task, error) from error


def _file_of(task: Task, order: JudgeOrder) -> Path | None:
    names = (task.name, task.folder, "")
    return next((order.rubrics[name] for name in names if name in order.rubrics), None)


def _words(path: Path) -> str:
    """A rubric file's text.

    Raises:
        UsageError: It cannot be read, or is no text of a sensible length.
    """
    try:
        wrong = "is no file" if not path.is_file() else _size_fault(path.stat().st_size)
        words = "" if wrong else path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"The rubric {path} cannot be read: {error.strerror}."
        raise UsageError(message) from error
    except UnicodeDecodeError as error:
        message = f"The rubric {path} is no text in UTF-8: {error}."
        raise UsageError(message) from error
    if not wrong and not words.strip():
        wrong = "is empty"
    if not wrong and "\0" in words:
        wrong = "is no text"
    if wrong:
        message = f"The rubric {path} {wrong}; give a file of the judge's words."
        raise UsageError(message)
    return words


def _size_fault(size: int) -> str:
    return f"is too large ({size:,} bytes; {MOST_BYTES:,} are allowed)" if size > MOST_BYTES else ""


def _misfit(path: Path, task: Task, error: Exception) -> UsageError:
    words = f"{type(error).__name__}: {error}"
    if isinstance(error, (ValueError, UsageError)):
        words = str(error)
    elif isinstance(error, (RecursionError, MemoryError)):
        words = "it is nested too deeply"
    return UsageError(
        f"The rubric {path} does not fit the task {task.name!r}: {words.rstrip('.')}."
    )


def check_rubrics(tasks: Iterable[Task], order: JudgeOrder) -> None:
    """Check that every rubric is for a task that is judged, and of its form.

    Raises:
        UsageError: It is not; or both orders of two answers are wanted where no task has two.
    """
    judged = [task for task in tasks if task.judging is not None]
    names = {name for task in judged for name in (task.name, task.folder)}
    if unknown := sorted(set(order.rubrics) - names - {""}):
        message = (
            f"The rubric {order.rubrics[unknown[0]]} is for {unknown[0]!r}, which is no task that "
            f"is judged here; these are: {', '.join(sorted(task.name for task in judged))}."
        )
        raise UsageError(message)
    pairwise = [rubric_of(task, order).pairwise for task in judged]
    if order.swap and judged and not any(pairwise):
        message = (
            f"--swap shows two answers in both orders, and the judge of {judged[0].name} sees one; "
            "leave it away."
        )
        raise UsageError(message)


def swap_note(tasks: Iterable[Task], order: JudgeOrder) -> str:
    """Which of the judged tasks `--swap` does not apply to, in a sentence; empty where it does.

    Raises:
        UsageError: A rubric cannot be read, or is of another form.
    """
    single = [task.name for task in tasks if order.swap and not rubric_of(task, order).pairwise]
    if not single:
        return ""
    return f"--swap does not apply to {', '.join(single)}: there the judge sees one answer."


def check_questions(task: Task, samples: Iterable[Sample], order: JudgeOrder) -> None:
    """Check that the rubric has a question about every sample, before a model or judge is asked.

    Raises:
        UsageError: It has none; the text names the file and the sample.
    """
    rubric, path = rubric_of(task, order), _file_of(task, order)
    for sample in samples if path else ():
        try:
            rubric.ask(sample, "An answer.", False)  # noqa: FBT003 - not swapped
        except UsageError as error:
            raise _misfit(path or Path(), task, error) from error


def check(order: JudgeOrder) -> None:
    """Check what can be checked without asking anybody.

    Raises:
        UsageError: A number cannot be meant, or a budget is given and no price is known.
    """
    if not 1 <= order.votes <= MOST_VOTES:
        message = f"The votes must be between 1 and {MOST_VOTES}, not {order.votes}."
        raise UsageError(message)
    if order.budget is not None and not order.budget >= 0:
        message = f"The budget must be an amount of USD, not {order.budget}."
        raise UsageError(message)
    if not 0 <= order.max_failures <= 1:
        message = f"The share of failures must be between 0 and 1, not {order.max_failures}."
        raise UsageError(message)
    if order.budget is not None and price_of(order) is None:
        spec = registry.parse_model(order.model)
        named = spec.options.get("prices")
        message = (
            "A budget needs prices: give the judge the option prices=FILE (or --judge-prices FILE)."
            if named is None
            else f"A budget needs a price, and the price table {named} has none of the judge "
            f'{spec.name!r}: add [models."{spec.name}"] with input and output.'
        )
        raise UsageError(message)


def price_of(order: JudgeOrder) -> tuple[Price, str] | None:
    """The judge's price and its day, where its spec names a table that has it.

    Raises:
        UsageError: The table cannot be read.
    """
    spec = registry.parse_model(order.model)
    named = spec.options.get("prices")
    if named is None:
        return None
    path = Path(named).expanduser()
    try:
        table = parse_prices(path.read_text(encoding="utf-8"), named)
    except (OSError, UnicodeDecodeError) as error:
        message = f"The price table {named} cannot be read: {error}."
        raise UsageError(message) from error
    price = table.models.get(spec.name)
    return None if price is None else (price, table.day)


def share_of(order: JudgeOrder) -> float:
    """The share of the price that is paid, which is less at a batch service.

    Raises:
        UsageError: The spec is wrong, or the judge has no batch service.
    """
    return backend_of(order, Path())[0].price_share


def counted_as(order: JudgeOrder) -> str | None:
    """The judge's name, where OpenAI's vocabularies may count its tokens and may be fetched."""
    spec = spec_of(order)
    return spec.name if spec.backend.startswith("openai") and not order.offline else None


def is_served(order: JudgeOrder) -> bool:
    """Whether the judge is behind a server, so that it takes nothing from a model here.

    Raises:
        UsageError: The spec is wrong.
    """
    return spec_of(order).backend == "openai"


def cache_of(order: JudgeOrder) -> Path | None:
    """The file of replies that are known; None for recorded replies, which are in a file already.

    Raises:
        UsageError: The spec is wrong.
    """
    return None if registry.parse_model(order.model).backend == "replay" else order.cache


@contextmanager
def judge_workers(order: JudgeOrder, state: Path, purse: Purse) -> Iterator[Workers]:
    """The judge, loaded; closed in the end.

    Args:
        order: Which one.
        state: Where a batch that is under way is remembered.
        purse: What it may cost.

    Raises:
        EvalkitError: It cannot be had.
    """
    backend_class, options = backend_of(order, state)
    backend_class.preflight(options)
    try:
        loaded = backend_class.load(options)
    except EvalkitError:
        raise
    except Exception as error:
        message = f"The judge {order.model!r} cannot be loaded: {type(error).__name__}: {error}."
        raise BackendError(message) from error
    if purse.budget is not None:
        purse.settled = loaded.keep_within(purse)
    with closing(loaded) as backend, closing(workers_of(backend)) as workers:
        yield workers


def spec_of(order: JudgeOrder) -> registry.ModelSpec:
    """The judge's spec; where its batch service is asked, that of the service.

    Raises:
        UsageError: The spec is wrong, or the judge has no batch service.
    """
    spec = registry.parse_model(order.model)
    if not order.batch:
        return spec
    if spec.backend not in ("openai", "openai-batch"):
        message = f"Only openai: judges have a batch service, not {order.model!r}."
        raise UsageError(message)
    return replace(spec, backend="openai-batch")


def backend_of(order: JudgeOrder, state: Path) -> tuple[type[Backend], BackendOptions]:
    """The judge's backend and its options.

    Args:
        order: Which one.
        state: Where a batch that is under way is remembered, unless its spec says where.

    Raises:
        UsageError: The spec is wrong, an option is unknown, or the backend has no batch service.
    """
    spec = spec_of(order)
    options = BackendOptions(
        spec=order.model,
        name=spec.name,
        revision=spec.revision,
        offline=order.offline,
        unbilled=True,  # a trial question is in no bill; the first question is one
        options=spec.options,
    )
    if spec.backend == "replay":
        check_options(RecordedBackend, options)
        return RecordedBackend, options
    check_options(registry.backend_class(spec), options)
    if spec.backend == "openai-batch":
        options = replace(options, options={"state": str(state), **options.options})
    if spec.backend.startswith("openai"):  # one seed would give every vote the same reply
        omitted = options.options.get("omit", "")
        omit = "+".join(dict.fromkeys([*filter(None, omitted.split("+")), "seed"]))
        options = replace(options, options={**options.options, "omit": omit})
    if spec.backend == "openai":  # each reply is on disk as soon as it is there, and paid for once
        options = replace(options, batch_size=1)
    return registry.backend_class(spec), options
