"""`evalkit baseline`: keep a run to be compared with, look at it, and say what would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.cli.show import BASELINES, kept_at
from evalkit.errors import StoreError, UsageError

if TYPE_CHECKING:
    from evalkit.compare.baseline import TaskChange
    from evalkit.compare.sides import Scored
    from evalkit.run_record import RunRecord, TaskResult

_task_paths = click.option(
    "--task-path", "task_paths", multiple=True, metavar="PATH", help="A file or folder with tasks."
)
_file = click.argument("file", metavar="FILE")
_run = click.argument("run", metavar="RUN")


@click.group()
def command() -> None:
    """A run to be compared with, as one small file that is committed and reviewed."""


@command.command()
@_run
@click.option("--name", metavar="NAME", help="Its name in results/baselines/; else the model's.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Another file.")
@click.option(
    "--allow-incomplete", is_flag=True, help="Take failed samples and missing verdicts as they are."
)
@_task_paths
def accept(
    run: str,
    name: str | None,
    out: Path | None,
    task_paths: tuple[str, ...],
    *,
    allow_incomplete: bool,
) -> None:
    """Write a run as a baseline: its record, and its scored samples without targets."""
    from evalkit.cli.show import place_of
    from evalkit.compare import baseline_file
    from evalkit.compare.baseline import accepted, changes
    from evalkit.compare.sides import load

    place = place_of(run)
    side, told = load(place, task_paths), baseline_file.told_record(place)
    path = out or BASELINES / f"{_name(name, side.record)}.json"
    before = _to_be_replaced(path)
    scores = accepted(side, allow_incomplete=allow_incomplete)
    baseline_file.write(path, side.record, scores, told=told)
    samples = sum(map(len, scores.values()))
    print(f"{path}: {len(scores)} tasks, {samples:,} samples, {path.stat().st_size:,} bytes")
    if before is not None:
        print(_page(before, side, changes(before, side)), end="")


@command.command()
@_file
@click.option("--format", "kind", type=click.Choice(["text", "json"]), default="text")
@click.option("--all", "every_metric", is_flag=True, help="All metrics.")
def show(file: str, kind: str, *, every_metric: bool) -> None:
    """Show what a baseline holds; every digest in it is checked."""
    from evalkit.cli.screen import print_json
    from evalkit.report.table import run_table
    from evalkit.report.text_table import text_table

    side = _baseline(file)
    counts = {task: len(side.source.scores(result)) for task, result in side.results.items()}
    if kind == "json":
        print_json({"record": side.record, "samples": counts}, indent=1)
        return
    record = side.record
    table = run_table(record, every_metric=every_metric)
    print(text_table(table, f"{record.model.name} ({record.name})"), end="")
    print("\n".join(_provenance(record)))
    for task, result in side.results.items():
        print(f"{task}: {counts[task]:,} samples; {_identity(result)}")


@command.command()
@_file
@_run
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_task_paths
def diff(file: str, run: str, task_paths: tuple[str, ...], *, as_json: bool) -> None:
    """Say what would change in a baseline if a run took its place."""
    from evalkit.cli.screen import print_json
    from evalkit.cli.show import place_of
    from evalkit.compare.baseline import changes
    from evalkit.compare.sides import load

    before, after = _baseline(file), load(place_of(run), task_paths)
    found = changes(before, after)
    if as_json:
        print_json({"before": before.side, "after": after.side, "tasks": found})
    else:
        print(_page(before, after, found), end="")


def _baseline(file: str) -> Scored:
    """The baseline of that name, or in that file.

    Raises:
        StoreError: There is none, or the file is damaged.
        UsageError: It is a run.
    """
    from evalkit.compare.sides import load

    place = kept_at(file) or Path(file)
    if not place.exists():
        message = f"There is no baseline at {file}, nor in {BASELINES}/."
        raise StoreError(message)
    side = load(place)
    if side.side.kind != "baseline":
        message = f"{place} is a run, not a baseline; `evalkit baseline accept` makes one of it."
        raise UsageError(message)
    return side


def _name(name: str | None, record: RunRecord) -> str:
    """The baseline's name: what was given, or the model's."""
    from evalkit.prepare import check_name

    if name is None:
        kept = "".join(c if c.isalnum() or c in "._-" else "__" for c in record.model.name)
        return kept.strip(".") or "baseline"
    check_name(name)
    return name


def _to_be_replaced(path: Path) -> Scored | None:
    """The baseline that stands where another shall; None where there is none, or an unreadable one.

    Raises:
        UsageError: Something else stands there, or the name is that of a run's record.
    """
    from evalkit.compare import baseline_file
    from evalkit.compare.sides import load
    from evalkit.errors import EvalkitError

    if path.name == "run.json":
        message = f"{path} is the name of a run's record; give the baseline another."
        raise UsageError(message)
    if not path.exists():
        return None
    if not baseline_file.is_baseline(path):
        message = f"{path} is no baseline file, and is not replaced; give --out another name."
        raise UsageError(message)
    try:
        return load(path)
    except EvalkitError:  # it may be replaced for this very reason
        return None


def _provenance(record: RunRecord) -> list[str]:
    """Where the numbers are from."""
    model, versions = record.model, record.versions
    weights = model.revision or model.digest or "unknown"
    evalkit = f"evalkit {versions.get('evalkit', 'unknown')} at {record.commit or 'unknown'}"
    return [
        f"model {model.spec}, weights {weights}",
        f"run {record.name} of {record.created}, {evalkit}",
        f"digest {record.digest}",
    ]


def _identity(result: TaskResult) -> str:
    """The fingerprint, in a line."""
    held, prompt = result.fingerprint.dataset, result.fingerprint.prompt
    data = f"{held.repository} {held.split or ''}".strip()
    words = "unknown" if prompt is None else f"{prompt.variant} {prompt.digest[:8]}"
    return (
        f"data {data} {held.revision or 'unpinned'} {(held.digest or 'unknown')[:8]}, "
        f"prompt {words}, rules {result.protocol} (version {result.version}), "
        f"scores {(result.scores or '')[:8]}"
    )


def _page(before: Scored, after: Scored, found: tuple[TaskChange, ...]) -> str:
    """What would change: the model, and task by task."""
    from evalkit.report.spoken import spoken

    models = [side.record.model for side in (before, after)]
    lines = [line for change in found for line in _lines(change)]
    if models[0] != models[1]:
        lines.insert(0, f"model {models[0].spec} -> {models[1].spec}: other weights or settings")
    return spoken("".join(f"{line}\n" for line in lines))


def _lines(change: TaskChange) -> list[str]:
    from evalkit.report.table import printable

    if not change.is_any:
        return [f"{change.task}: nothing changes ({change.same:,} samples)"]
    counts = {
        "other values": change.moved,
        "read otherwise": change.reread,
        "added": change.added,
        "removed": change.removed,
    }
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    failed = f"failed {change.failed[0]:,} -> {change.failed[1]:,}"
    return [
        f"{change.task}: {told or 'no sample changes'}, {change.same:,} the same; {failed}",
        *(
            f"  {name} {_number(before)} -> {_number(after)}"
            for name, (before, after) in change.numbers.items()
        ),
        *(printable(f"  {m.part}: {m.first} -> {m.second}") for m in change.parts),
    ]


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
