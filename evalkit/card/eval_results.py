"""Runs as the hub's `.eval_results/*.yaml`, made and checked by huggingface_hub's own classes.

The format has one value for a benchmark's task, and room for a note: the interval, the number of
samples, protocol, prompt and judge go there. A page of such values is a leaderboard, so only
numbers of all data stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evalkit.card.entries import Entry
from evalkit.card.order import Benchmark
from evalkit.errors import IncompleteError, MissingExtraError, UsageError
from evalkit.public import public
from evalkit.report.marks import own_marks
from evalkit.report.table import interval, number, printable
from evalkit.run_record import RunRecord, TaskResult

if TYPE_CHECKING:
    from huggingface_hub import EvalResultEntry

FILE = ".eval_results/evalkit.yaml"
"""Where the values of a card are, below its folder."""


def eval_results(
    entries: Sequence[Entry], benchmarks: Sequence[Benchmark], source: str | None
) -> list[dict[str, Any]]:
    """The values of some benchmarks, of the card's first run.

    Args:
        entries: The runs of a card.
        benchmarks: Which metric is the value of which benchmark.
        source: Where a reader finds the record; None leaves it out.

    Raises:
        UsageError: The run has no such number, or two values are of one benchmark's task.
        IncompleteError: A number is self-reported, of a part of its data, of other data than the
            benchmark's, or of an unhealthy judge.
        MissingExtraError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import eval_result_entries_to_yaml
    except ImportError as error:
        package = "huggingface_hub"
        raise MissingExtraError(package, "data", "A file of .eval_results") from error

    named = [(one.dataset, one.task_id) for one in benchmarks]
    if twice := next((pair for pair in named if named.count(pair) > 1), None):
        message = f"The benchmark {twice[0]}, {twice[1]} would have two values; it may have one."
        raise UsageError(message)
    return eval_result_entries_to_yaml(list(_values(entries[0], benchmarks, source)))


def _values(
    entry: Entry, benchmarks: Sequence[Benchmark], source: str | None
) -> Iterator[EvalResultEntry]:
    from huggingface_hub import EvalResultEntry

    for one in benchmarks:
        result = _whole(entry, one)
        value = result.metrics[one.metric]
        yield EvalResultEntry(
            dataset_id=one.dataset,
            task_id=one.task_id,
            value=float(number(value.value, value.maximum)),
            dataset_revision=result.fingerprint.dataset.revision,
            date=entry.record.finished,
            source_url=source,
            source_name="evalkit" if source else None,
            notes=_notes(entry.record, result, one.metric),
        )


def _whole(entry: Entry, wanted: Benchmark) -> TaskResult:
    result = entry.result(wanted.task)
    if result is None or wanted.metric not in result.metrics:
        message = f"{entry.label} has no {wanted.metric} of {wanted.task}."
        raise UsageError(message)
    if own_marks(entry.record, result):
        message = (
            f"{wanted.task} of {entry.label} is self-reported, of a part of its data, of data that "
            "are not the benchmark's, or of an unhealthy judge; in .eval_results only whole, "
            "measured numbers may stand."
        )
        raise IncompleteError(message)
    return result


def _notes(record: RunRecord, result: TaskResult, metric: str) -> str:
    value, prompt = result.metrics[metric], result.fingerprint.prompt
    parts = [f"{result.task} {metric}"]
    if value.low is not None:
        parts.append(f"95 % interval {interval(value)}")
    parts += [f"n {value.n}", f"protocol {result.protocol}"]
    if prompt is not None:
        parts.append(f"prompt {prompt.variant} {prompt.digest[:16]}")
    if result.judge is not None:
        parts.append(f"judge {result.judge.judge}")
    parts.append(f"evalkit {record.versions.get('evalkit', '')}, record {record.digest[:16]}")
    return printable(public(", ".join(parts)))
