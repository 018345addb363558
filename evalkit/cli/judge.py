"""`evalkit judge`: judge a run's answers, and the judges themselves."""

from __future__ import annotations

from typing import Any

import click

from evalkit.cli.judge_options import TASK_PATHS, judge_options, judge_order
from evalkit.cli.lazy import LazyGroup
from evalkit.cli.log_to import log_to_option, send, trackers_for
from evalkit.errors import UsageError

OTHERS = {
    "calibrate": ("evalkit.cli.judge_calibrate", "How well a judge agrees with people."),
    "drift": ("evalkit.cli.judge_drift", "Whether a judge still gives the verdicts it gave."),
    "review": ("evalkit.cli.judge_review", "The numbers of published review and grade files."),
    "scienceqa": ("evalkit.cli.judge_scienceqa", "LLaVA's ScienceQA with GPT-4, and a judge."),
    "cache": ("evalkit.cli.judge_cache", "Replies that are known: statistics, export, import."),
}
"""Verbs below `judge`, with their modules; anything else is a run."""


GARBAGE = 50_000
"""Objects that may be made between two searches for garbage. Samples, questions and verdicts are
many and hold no cycles: looking through them again and again takes a tenth of the time."""


class _Judge(LazyGroup):
    """`evalkit judge RUN`, and a few verbs; a word that is no verb is a run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of use."""
        return ["run", *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb's command."""
        return _run if cmd_name == "run" else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A run's folder needs no verb before it."""
        if args[0] not in self.list_commands(ctx):
            return "run", _run, args
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the runs' own form, and the verbs below it."""
        with formatter.section("A run"):
            formatter.write_dl([("RUN", "Judge a run's answers (`evalkit judge RUN --help`).")])
        super().format_commands(ctx, formatter)


@click.group(cls=_Judge, verbs=OTHERS)
def command() -> None:
    """Judge a run's answers, and the judges themselves."""


@click.command("run")
@click.argument("run", metavar="RUN")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="This task alone.")
@judge_options
@click.option("--offline", is_flag=True, help="Fetch nothing; fail where data is missing.")
@TASK_PATHS
@log_to_option
@click.option("--json", "as_json", is_flag=True, help="Print the run record on standard output.")
def _run(
    run: str,
    tasks: tuple[str, ...],
    *,
    offline: bool,
    task_paths: tuple[str, ...],
    log_to: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> int:
    """Judge the answers of a finished run; the model is not asked again."""
    import gc
    from dataclasses import replace

    from evalkit.cli.run import exit_code
    from evalkit.cli.screen import Screen, print_json, print_run
    from evalkit.cli.show import place_of
    from evalkit.judging import judge_run

    order = judge_order(given)
    if order is None:
        message = "No judge was named; give --judge SPEC, such as --judge openai:gpt-4o."
        raise UsageError(message)
    trackers = trackers_for(log_to)
    gc.set_threshold(GARBAGE)
    with Screen(quiet=as_json) as screen:
        order = replace(order, offline=offline)
        record = judge_run(
            place_of(run), order, names=tasks, observer=screen, task_paths=task_paths
        )
    if as_json:
        print_json(record)
    else:
        print_run(record, screen.folder)
    send(trackers, record, screen.folder)
    return exit_code(record)
