"""`evalkit gate calibrate`: what a policy's margins do, and which margin would do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from evalkit.designs import Calibration


@click.command(name="calibrate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--policy", required=True, type=click.Path(path_type=Path), metavar="FILE", help="A TOML file."
)
@click.option(
    "--repetitions",
    "number",
    type=click.IntRange(100),
    default=1000,
    show_default=True,
    help="Simulated pairs of runs of each metric.",
)
@click.option(
    "--correlation",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.5,
    show_default=True,
    help="Of two runs, where a task is in one run alone.",
)
@click.option("--draws", type=click.IntRange(100), default=499, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file.")
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
def command(
    runs: tuple[str, ...],
    policy: Path,
    *,
    kind: str,
    out: Path | None,
    task_paths: tuple[str, ...],
    **given: Any,
) -> None:
    """Simulate what a gate says of equal runs, by margin, from A/A pairs, any pair, or one run."""
    from evalkit.cli.show import side_of
    from evalkit.compare.sides import load
    from evalkit.gate.calibrate import Repetitions, calibrate
    from evalkit.gate.policy import load_policy
    from evalkit.writing import write_text

    rules = load_policy(policy, datetime.now(UTC).date())
    sides = [load(side_of(run), task_paths) for run in runs]
    page = _page(calibrate(rules, sides, Repetitions(**given)), kind)
    if out is None:
        print(page, end="")
    else:
        write_text(out, page)


def _page(found: Calibration, kind: str) -> str:
    from evalkit.records import plain
    from evalkit.report.calibration_page import calibration_table, calibration_title
    from evalkit.report.markdown import table_page
    from evalkit.report.text_table import text_table

    if kind == "json":
        return json.dumps(plain(found), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    table, title = calibration_table(found), calibration_title(found)
    return table_page(table, title) if kind == "markdown" else text_table(table, title)
