"""`evalkit plan`: which tasks settle a question of a size, with how many samples, in what time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.compare.sides import Scored

_RESULTS = Path("results")
_MOST = 8  # runs that are looked at where none is named

_Rate = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.argument("tasks", nargs=-1, metavar="[TASK]...")
@click.option(
    "--detect",
    required=True,
    metavar="SIZE",
    help="The difference: 1pt (a hundredth of a metric's range), 2% (of its value), 20 (its unit).",
)
@click.option("--power", type=_Rate, default=0.8, show_default=True, help="Chance to find it.")
@click.option("--alpha", type=_Rate, default=0.05, show_default=True, help="False alarms.")
@click.option(
    "--sides",
    type=click.Choice(["1", "2"]),
    default="2",
    help="Look in one direction, as a gate does, or in both (default).",
)
@click.option(
    "--from",
    "runs",
    multiple=True,
    metavar="RUN",
    help="Runs or baselines that tell how much numbers vary; two of a task are best. Without it: "
    f"the newest {_MOST} runs in {_RESULTS}/ that hold their scores.",
)
@click.option(
    "--correlation",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.5,
    show_default=True,
    help="Of two runs, where a task is in one run alone.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of subsets.")
@click.option("--write", type=click.Path(path_type=Path), metavar="FILE.toml", help="A task list.")
@click.option("--format", "kind", type=click.Choice(["text", "markdown", "json"]), default="text")
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
def command(tasks: tuple[str, ...], write: Path | None, kind: str, **given: Any) -> None:
    """Say which tasks, and how many samples of each, settle a difference of a size."""
    from evalkit.cli.screen import print_json
    from evalkit.planning.plan import plan
    from evalkit.planning.question import Question
    from evalkit.planning.task_list import commands, task_list
    from evalkit.records import plain
    from evalkit.report.markdown import table_page
    from evalkit.report.plan_page import plan_table, plan_title
    from evalkit.report.text_table import text_table
    from evalkit.writing import write_text

    if write is not None and write.suffix != ".toml":
        message = f"A task list is a TOML file; {write} does not end in .toml."
        raise UsageError(message)
    runs = _sides(given.pop("runs"), given.pop("task_paths"))
    question = Question(**{**given, "sides": int(given["sides"])})
    found = plan(runs, question, tasks)
    if kind == "json":
        print_json({**plain(found), "limits": found.limits}, indent=1)
    else:
        table, title = plan_table(found), plan_title(found)
        print(table_page(table, title) if kind == "markdown" else text_table(table, title), end="")
    if write is not None:
        write_text(write, task_list(found, question.seed))
    if kind != "json":
        lines = [f"evalkit run {write}"] if write is not None else commands(found)
        print("".join(f"  {line} --model ...\n" for line in lines), end="")


def _sides(runs: tuple[str, ...], task_paths: tuple[str, ...]) -> list[Scored]:
    """The runs that were named, or the newest in the results folder.

    Raises:
        UsageError: There is none.
        EvalkitError: One that was named cannot be read.
    """
    from evalkit.cli.show import side_of
    from evalkit.compare.sides import load

    if runs:
        return [load(side_of(run), task_paths) for run in runs]
    places = [p for p in _RESULTS.glob("*/*/run.json") if (p.parent / "scores").is_dir()]
    places.sort(key=lambda place: place.stat().st_mtime, reverse=True)
    if not places:
        message = (
            "A plan needs a run that tells how much numbers vary, and there is none with its "
            f"scores in {_RESULTS}/: run the tasks on a few hundred samples first (--limit 500), "
            "or name runs with --from."
        )
        raise UsageError(message)
    return [load(place.parent, task_paths) for place in places[:_MOST]]
