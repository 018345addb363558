"""`evalkit score`: anyone's prediction file under anyone's rules, without a model."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.answer_files import FORMATS
from evalkit.cli.log_to import log_to_option, send, trackers_for
from evalkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from evalkit.trackers.interface import Tracker

_PATH = click.Path(path_type=Path)


@click.command(
    epilog="Formats are found out; MME's answers are a folder. References are the benchmark's own "
    "ground-truth files, or a folder with rows of the dataset; without them, what the answer file "
    "carries, else the task's dataset. Exit code 12: questions without an answer."
)
@click.argument("task")
@click.option("--predictions", "-p", required=True, type=_PATH, metavar="FILE", help="The answers.")
@click.option(
    "--references",
    "-r",
    type=_PATH,
    metavar="FILE|DIR",
    help="The gold answers; demo: the embedded rows.",
)
@click.option(
    "--protocol",
    metavar="NAME",
    help="official (default; own for tasks of your own), lmms-eval or vlmevalkit: whose rules.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["auto", *FORMATS]),
    default="auto",
    metavar="NAME",
    help=f"auto (default), {', '.join(FORMATS)}.",
)
@click.option("--labels", type=click.Choice(["original", "corrected"]), help="MMVP's answer key.")
@click.option("--convert", metavar="NAME", help="llava: LLaVA's conversion before submission.")
@click.option(
    "--missing",
    type=click.Choice(["wrong", "exclude", "fail"]),
    help="Questions without an answer (default: as the official tool has it, which may also leave "
    "them out of some numbers; wrong under other protocols).",
)
@click.option("--out", type=_PATH, metavar="DIR", help="Write a run folder, as `run` does.")
@click.option("--model", metavar="NAME", help="The model's name in the record.")
@click.option("--explain", metavar="A,B", help="List the answers that two protocols score apart.")
@click.option("--limit", type=click.IntRange(min=0), default=20, help="Answers that are listed.")
@click.option("--offline", is_flag=True, help="Fetch nothing; fail where data is missing.")
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
@log_to_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    task: str,
    *,
    kind: str,
    labels: str | None,
    as_json: bool,
    limit: int,
    log_to: tuple[str, ...],
    **given: Any,
) -> int:
    """Score a file of answers, without a model, a GPU or a network."""
    from evalkit.rescore import Order

    explain, out, model = (given.pop(name) for name in ("explain", "out", "model"))
    wanted = None if kind == "auto" else kind
    order = Order(task=_labelled(task, labels), format=wanted, **given)
    if log_to and (out is None or explain is not None):
        message = "--log-to tells trackers of a run: give --out DIR, and leave --explain away."
        raise UsageError(message)
    if explain is not None:
        if out or model or order.protocol:
            message = "--explain names its protocols and writes nothing: leave --out, --model and "
            raise UsageError(message + "--protocol away.")
        return _explain(order, explain, limit, as_json=as_json)
    return _score(order, out, model, trackers=trackers_for(log_to), as_json=as_json)


def _labelled(task: str, labels: str | None) -> str:
    """The task with the chosen answer key, which is a variant of the task."""
    if labels in (None, "original"):
        return task
    if ":" in task:
        message = f"The task {task!r} names a variant already; leave --labels {labels} away."
        raise UsageError(message)
    return f"{task}:{labels}"


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the search for cycles: records make none, and a million of them make it slow."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@_no_collector()
def _score(
    order: Any,
    out: Path | None,
    model: str | None,
    *,
    trackers: Mapping[str, Tracker],
    as_json: bool,
) -> int:
    from evalkit import scored_folder
    from evalkit.cli.score_page import json_object, print_scored
    from evalkit.cli.screen import print_json
    from evalkit.rescore import score_file

    scored = score_file(order)
    record = None if out is None else scored_folder.write(scored, out, model)
    if as_json:
        print_json(json_object(scored))
    else:
        print_scored(scored, record or scored_folder.record_of(scored, "scored", model), out)
    if record is not None and out is not None:
        send(trackers, record, out)
    is_complete = scored.is_whole and not scored.result.coverage.failed
    return ExitCode.OK if is_complete else ExitCode.INCOMPLETE


def _explain(order: Any, names: str, limit: int, *, as_json: bool) -> int:
    from evalkit.cli.score_page import print_explanation
    from evalkit.cli.screen import print_json
    from evalkit.explain import explain

    first, comma, second = (part.strip() for part in names.partition(","))
    if not comma or not second or "," in second:
        message = f"--explain takes two protocols, such as official,lmms-eval, not {names!r}."
        raise UsageError(message)
    found = explain(order, first, second)
    if as_json:
        print_json(found)
    else:
        print_explanation(found, limit)
    return ExitCode.INCOMPLETE if found.unanswered else ExitCode.OK
