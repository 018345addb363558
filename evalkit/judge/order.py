"""Which judge, how it is asked, and what must be true before it is: the order for a judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from evalkit import registry
from evalkit.backends.interface import Backend, BackendOptions, check_options
from evalkit.errors import BackendError, EvalkitError, UsageError
from evalkit.judge.recorded import RecordedBackend
from evalkit.prices import Price, parse_prices
from evalkit.rubric import Judging, Rubric
from evalkit.runner.inline import workers_of
from evalkit.runner.workers import Workers
from evalkit.task import Task

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
    judging = judging_of(task)
    path = order.rubrics.get(task.folder) or order.rubrics.get("")
    if path is None:
        return judging.own
    try:
        return judging.read(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"The rubric {path} cannot be read: {error.strerror}."
        raise UsageError(message) from error
    except (ValueError, UnicodeDecodeError) as error:
        message = f"The rubric {path} does not fit the task {task.name!r}: {error}."
        raise UsageError(message) from error


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
    """The share of the price that is paid: a batch service costs half."""
    return 0.5 if order.batch else 1.0


def is_served(order: JudgeOrder) -> bool:
    """Whether the judge is behind a server, so that it takes nothing from a model here.

    Raises:
        UsageError: The spec is wrong.
    """
    return registry.parse_model(order.model).backend == "openai"


@contextmanager
def judge_workers(order: JudgeOrder, state: Path) -> Iterator[Workers]:
    """The judge, loaded; closed in the end.

    Args:
        order: Which one.
        state: Where a batch that is under way is remembered.

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
    with closing(loaded) as backend, closing(workers_of(backend)) as workers:
        yield workers


def backend_of(order: JudgeOrder, state: Path) -> tuple[type[Backend], BackendOptions]:
    """The judge's backend and its options.

    Raises:
        UsageError: The spec is wrong, an option is unknown, or the backend has no batch service.
    """
    spec = registry.parse_model(order.model)
    options = BackendOptions(
        spec=order.model,
        name=spec.name,
        revision=spec.revision,
        offline=order.offline,
        options=spec.options,
    )
    if spec.backend == "replay":
        check_options(RecordedBackend, options)
        return RecordedBackend, options
    check_options(registry.backend_class(spec), options)
    if order.batch:
        if spec.backend != "openai":
            message = f"Only openai: judges have a batch service, not {order.model!r}."
            raise UsageError(message)
        spec = replace(spec, backend="openai-batch")
        options = replace(options, options={**options.options, "state": str(state)})
    if spec.backend.startswith("openai"):  # one seed would give every vote the same reply
        omitted = options.options.get("omit", "")
        omit = "+".join(dict.fromkeys([*filter(None, omitted.split("+")), "seed"]))
        options = replace(options, options={**options.options, "omit": omit})
    if spec.backend == "openai":  # each reply is on disk as soon as it is there, and paid for once
        options = replace(options, batch_size=1)
    return registry.backend_class(spec), options
