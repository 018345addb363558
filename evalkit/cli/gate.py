"""`evalkit gate`: may the candidate replace the baseline? The answer is the exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from evalkit.cli.lazy import LazyGroup
from evalkit.errors import ExitCode, UnwritableError, UsageError

if TYPE_CHECKING:
    from evalkit.compare.sides import Scored
    from evalkit.verdicts import GateResult

OTHERS: Mapping[str, tuple[str, str]] = {
    "calibrate": ("evalkit.cli.gate_calibrate", "Say what margins do, from runs that there are."),
}
"""Verbs below `gate`, with their modules and lines; without one the gate itself is meant."""

FORMATS = ("text", "json", "junit", "github", "markdown")
"""How a verdict can be written."""

_KEYS = 3  # columns that name a rule


@click.group(
    cls=LazyGroup,
    verbs=OTHERS,
    invoke_without_command=True,
    epilog="Exit codes: 0 pass, 10 regression, 11 inconclusive, 12 incomplete, 13 not comparable, "
    "14 judge unhealthy, 15 stale, 2 a mistake in the command or the policy, 20 infrastructure.",
)
@click.option("--baseline", metavar="RUN", help="A run's folder, its run.json, or a baseline.")
@click.option("--candidate", metavar="RUN", help="The run that is judged, named alike.")
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="A TOML file.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="text",
    help="github prints annotations, and adds the comment to the step's summary.",
)
@click.option(
    "--out",
    "outs",
    multiple=True,
    metavar="[FORMAT=]FILE",
    help="Write to a file (in --format, or its own), and the text to the screen; may be repeated.",
)
@click.option("--allow", multiple=True, metavar="PARTS", help="Parts that may differ: prompt,...")
@click.option("--draws", type=click.IntRange(100), default=10_000, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> int:
    """Judge a candidate run beside a baseline by a policy."""
    if context.invoked_subcommand is not None:
        return 0
    runs = {name: given.pop(name) for name in ("baseline", "candidate", "policy")}
    if absent := [f"--{name}" for name, value in runs.items() if value is None]:
        message = f"The gate needs {' and '.join(absent)} (see evalkit gate --help)."
        raise UsageError(message)
    return _gate(**runs, **given)


def _gate(
    *,
    baseline: str,
    candidate: str,
    policy: Path,
    kind: str,
    outs: Sequence[str],
    allow: Sequence[str],
    draws: int,
    seed: int,
    task_paths: Sequence[str],
) -> int:
    from evalkit.cli.pages import form_and_place, write_pages
    from evalkit.cli.screen import terminal_columns
    from evalkit.cli.show import places_read
    from evalkit.cli.step_summary import summarised, summary_place
    from evalkit.compare.comparable import allowed
    from evalkit.gate.decide import decide
    from evalkit.gate.policy import load_policy

    gc.disable()  # of some 100,000 scored samples none is garbage: a third of the time
    now = datetime.now(UTC)
    told = [form_and_place(out, FORMATS) for out in outs]
    targets = [(form or kind, path) for form, path in told]
    pages, read = [path for _, path in targets], [policy, *places_read((baseline, candidate))]
    _forget(pages, read)
    summary = summary_place(read, pages) if kind == "github" else None
    rules = load_policy(policy, now.date())
    first, second = _sides(baseline, candidate, task_paths)
    found = decide(rules, first, second, allow=allowed(allow), draws=draws, seed=seed)
    write_pages((path, page(found, form, policy, now)) for form, path in targets)
    as_text = kind == "text" or any(form == kind for form, _ in targets)
    shown_page = text(found, terminal_columns()) if as_text else page(found, kind, policy, now)
    code = shown(shown_page, int(found.exit_code), sys.stdout)
    return (
        code if summary is None else summarised(summary, page(found, "markdown", policy, now), code)
    )


def _sides(baseline: str, candidate: str, task_paths: Sequence[str]) -> tuple[Scored, Scored]:
    """Both runs, counted by the baseline's own task files, or by those that are named.

    Errors are those of `evalkit.compare.sides.load`.
    """
    from evalkit.cli.show import side_of
    from evalkit.compare.sides import load
    from evalkit.gate.reviewed import reviewed

    first, second = (load(side_of(run), task_paths) for run in (baseline, candidate))
    return (first, second) if task_paths else reviewed(first, second)


def _forget(paths: Sequence[Path], given: Sequence[Path]) -> None:
    """Remove the pages of an earlier gate: a pass must not outlive a gate that cannot judge.

    Raises:
        UsageError: A page would take the place of what was given, or be in a run's folder.
        UnwritableError: A page cannot be removed.
    """
    from evalkit.cli.pages import check_places

    check_places(paths, given)
    for path in paths:
        if path.is_file():
            try:
                path.unlink()
            except OSError as error:
                raise UnwritableError(str(path), error) from error


def shown(text: str, code: int, stream: TextIO) -> int:
    """Print a page; that nobody reads to its end, or a full disk, does not change a verdict.

    Args:
        text: The page.
        code: The verdict's exit code.
        stream: Where it is printed.

    Returns:
        The code, or that of infrastructure where a pass cannot be told.
    """
    try:
        print(text, end="", file=stream, flush=True)
    except OSError as error:  # the interpreter must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"evalkit: The verdict cannot be printed: {error.strerror}.", file=sys.stderr)
            return code or int(ExitCode.INFRASTRUCTURE)
    return code


def page(found: GateResult, form: str, policy: Path, now: datetime) -> str:
    """The verdict in one of `FORMATS`."""
    from evalkit.cli.screen import ENDLESS
    from evalkit.report.gate_comment import gate_comment
    from evalkit.report.gate_page import gate_annotations
    from evalkit.report.junit import gate_junit
    from evalkit.report.spoken import json_text

    if form == "json":
        return json_text(found, indent=1) + "\n"
    if form == "junit":
        return gate_junit(found, now.strftime("%Y-%m-%dT%H:%M:%S"))
    if form == "markdown":
        return gate_comment(found)
    if form == "github":
        return gate_annotations(found, str(policy))
    return text(found, ENDLESS)


def text(found: GateResult, width: int) -> str:
    """The verdict for a terminal of so many columns: what it is first, then numbers, then flips."""
    from evalkit.cli.screen import ENDLESS, WIDEST
    from evalkit.report.flips import wrapped
    from evalkit.report.gate_page import flips_table, gate_table, title
    from evalkit.report.spoken import spoken
    from evalkit.report.table import Table
    from evalkit.report.text_table import folded, text_table

    room = min(width, WIDEST) if width < ENDLESS else width
    table, flips = gate_table(found), flips_table(found)
    bare = Table(header=table.header, rows=table.rows, notes=())
    lines = [*wrapped([title(found)], room)]
    lines += [text_table(part, "").rstrip("\n") for part in folded(bare, _KEYS, width)]
    lines += ["", *(f"  {line}" for line in wrapped(table.notes, room - 2))]
    if flips.rows:
        lines += ["", "The worst flips", text_table(flips, "").rstrip("\n")]
    return spoken("\n".join(lines)) + "\n"
