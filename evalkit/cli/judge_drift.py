"""`evalkit judge drift`: whether a judge still gives the verdicts that it gave."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.judge_options import (
    REFERENCES,
    TASK_PATHS,
    VerdictPath,
    judge_options,
    judge_order,
)
from evalkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from evalkit.judge.anchors import Anchors
    from evalkit.judge.order import JudgeOrder

_PATH = VerdictPath()
_FILE = click.Path(path_type=Path, exists=True)


@click.command(
    epilog="Anchors: a judged run, whose answers are judged again without the cache (--judge), or "
    "a grade or review file, beside another of the same answers (--now). Exit code 14: the judge "
    "has moved, another judge differs, or too many verdicts are missing; 12: the budget ended it "
    "before all anchors were asked, and those that were show no movement beyond doubt (p at most "
    "0.001); 11: too few anchors to tell; 13: the verdicts were asked for in different ways, or "
    "are about different answers."
)
@click.option("--anchors", type=_PATH, required=True, metavar="RUN|FILE", help="The verdicts then.")
@click.option("--now", type=_PATH, metavar="RUN|FILE", help="The verdicts now, if there are any.")
@click.option("--task", metavar="NAME", help="The judged task, where the run has several.")
@click.option("--references", "-r", type=_FILE, metavar="FILE", help=REFERENCES)
@click.option(
    "--tolerance", type=float, default=0.0, help="Ratings that differ by this much are the same."
)
@click.option(
    "--allowed", type=float, default=0.1, show_default=True, help="Share that may flip by chance."
)
@judge_options
@TASK_PATHS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    anchors: Path,
    now: Path | None,
    *,
    task: str | None,
    references: Path | None,
    as_json: bool,
    tolerance: float,
    allowed: float,
    task_paths: tuple[str, ...],
    **given: Any,
) -> int:
    """Whether a judge still gives the verdicts that it gave: flips, direction, size."""
    from evalkit.cli.screen import print_json
    from evalkit.judge.anchors import anchors_of, compared
    from evalkit.judge.drift import drift
    from evalkit.report.judge_pages import drift_page

    order = judge_order(given)
    if now and order:
        message = "--now has the verdicts, so no judge is asked; leave --judge away, or --now."
        raise UsageError(message)
    read = partial(anchors_of, task=task, references=references, task_paths=task_paths)
    before = read(anchors)
    after = read(now) if now else _again(anchors, task, order, task_paths)
    another, notes = compared(before, after)
    found = drift(
        before.values.verdicts,
        after.values.verdicts,
        tolerance=tolerance,
        allowed=allowed,
        another=another,
        notes=notes,
        unhealthy="" if after.healthy else after.missing,
        early=after.unasked,
    )
    print_json(found) if as_json else print(drift_page(found), end="")
    return _exit_code(found.verdict, unasked=after.unasked)


def _exit_code(verdict: str, *, unasked: bool) -> ExitCode:
    from evalkit.judge.drift import ALIKE, SAME, UNHEALTHY, UNKNOWN

    if verdict == UNHEALTHY and unasked:  # the budget ended it, and not the judge
        return ExitCode.INCOMPLETE
    if verdict == UNKNOWN:
        return ExitCode.INCONCLUSIVE
    return ExitCode.OK if verdict in (SAME, ALIKE) else ExitCode.JUDGE_UNHEALTHY


def _again(
    anchors: Path, task: str | None, order: JudgeOrder | None, task_paths: tuple[str, ...]
) -> Anchors:
    """The verdicts of the judge that is there now, on the anchors' answers."""
    from evalkit.cli.screen import Screen
    from evalkit.judging import judged_again

    if order is None:
        message = "Give --judge SPEC to judge the anchors again, or --now with verdicts."
        raise UsageError(message)
    if not anchors.is_dir():
        message = f"{anchors} holds verdicts but no questions; give --now, or a run's folder."
        raise UsageError(message)
    with Screen() as screen:
        return judged_again(anchors, order, task, screen, task_paths=task_paths)
