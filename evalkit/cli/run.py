"""`evalkit run`: evaluate a model on tasks, a suite or a task list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import click

from evalkit.cli.gate_options import gate_of, gate_options
from evalkit.cli.judge_options import judge_options, judge_order
from evalkit.cli.log_to import log_to_option, send, trackers_for
from evalkit.errors import ExitCode, UsageError
from evalkit.run_record import RunConfig, RunRecord, TaskChoice


class BatchSize(click.ParamType[int | str]):
    """A whole number, or "auto", which is no number of the user's."""

    name = "batch size"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """The number; "auto" as it is."""
        return "auto" if value == "auto" else click.INT.convert(value, param, ctx)


@click.command(
    epilog="Backends: hf (transformers), openai (a server), lmms (lmms-eval's adapters), replay "
    "(predictions), dummy. A task list is a TOML file: tasks = [...] of names or {name, limit, "
    "prompt}, and for all of them model, prompt, limit, limit_by, seed, dtype, image_preprocess "
    "and data. The same command resumes a run that was killed."
)
@click.argument("tasks", nargs=-1, required=True, metavar="TASK... | SUITE | FILE.toml")
@click.option(
    "--model",
    "-m",
    metavar="SPEC",
    help="backend:name[@revision][,option=value...], or demo: the embedded model (demo-early: a "
    "worse checkpoint of it, for trying gates).",
)
@click.option("--limit", type=int, metavar="N", help="A seeded sample of N per task, whole groups.")
@click.option(
    "--limit-by",
    type=click.Choice(["group", "cluster"]),
    help="What a limit takes whole: groups such as MME's pairs (default), or all of a picture's.",
)
@click.option("--data", metavar="DIR", help="One folder per task, or demo, instead of the hub.")
@click.option(
    "--prompt", metavar="NAME", help="Prompt variant; `evalkit tasks show TASK` lists them."
)
@click.option(
    "--batch-size", type=BatchSize(), metavar="N|auto", help="Requests per batch (default auto)."
)
@click.option(
    "--prefix-sharing",
    type=click.Choice(["auto", "on", "off"]),
    help="Read a picture once for all its questions: where it can be done (auto, default), always "
    "(on, or refuse), never (off).",
)
@click.option("--workers", type=int, metavar="N", help="Processes that answer (default 1).")
@click.option("--gpus-per-worker", type=int, metavar="N", help="Accelerators of each worker.")
@click.option("--ray-address", metavar="ADDRESS", help="A Ray cluster: auto, or host:port.")
@click.option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 ... (default auto)")
@click.option("--dtype", metavar="NAME", help="auto, float32, bfloat16, float16 (default auto)")
@click.option(
    "--image-preprocess",
    type=click.Choice(["processor", "pad-square"]),
    help="The model's own (processor, default), or pad pictures to a square first.",
)
@click.option("--seed", type=int, help="Seeds the sample of --limit and decoding (default 0).")
@click.option("--out", default="results", metavar="DIR", show_default=True, help="Results folder.")
@click.option("--name", metavar="NAME", help="The run's name (default: tasks and a digest).")
@click.option("--resume/--fresh", default=True, help="Go on with an earlier run, or start anew.")
@click.option(
    "--offline", is_flag=True, default=None, help="Fetch nothing; fail where data is missing."
)
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
@gate_options
@judge_options
@click.option("--no-judge", "unjudged", is_flag=True, help="Leave judged tasks for later.")
@log_to_option
@click.option("--json", "as_json", is_flag=True, help="Print the run record on standard output.")
def command(
    tasks: tuple[str, ...],
    out: str,
    name: str | None,
    *,
    resume: bool,
    as_json: bool,
    log_to: tuple[str, ...],
    **given: Any,
) -> int:
    """Evaluate a model on tasks, a suite (demo, core) or a task list."""
    from evalkit import pipeline
    from evalkit.cli.screen import Screen, print_json, print_run

    gate = gate_of(given)
    unjudged, judge = given.pop("unjudged"), judge_order(given)
    config = configuration(tasks, {key: value for key, value in given.items() if value is not None})
    early = None if gate is None else gate.order(config)
    if judge is not None and unjudged:
        message = "--judge and --no-judge exclude each other."
        raise UsageError(message)
    trackers = trackers_for(log_to)
    with Screen(quiet=as_json) as screen:
        record = pipeline.run(
            config,
            out=out,
            name=name,
            fresh=not resume,
            observer=screen,
            judge=judge,
            unjudged=unjudged,
            early=early,
        )
    if as_json:
        print_json(record)
    else:
        print_run(record, screen.folder)
    send(trackers, record, screen.folder)
    return exit_code(record) if gate is None else gate.judge(screen.folder, to_error=as_json)


def exit_code(record: RunRecord) -> ExitCode:
    """Incomplete if a sample failed or the judge's budget was spent; unhealthy if it failed."""
    judged = [result.judge for result in record.results if result.judge]
    if any(result.coverage.failed for result in record.results):
        return ExitCode.INCOMPLETE
    if any(report.fails for report in judged):  # more money would not mend it
        return ExitCode.JUDGE_UNHEALTHY
    return ExitCode.INCOMPLETE if any(report.unasked for report in judged) else ExitCode.OK


def configuration(tasks: Sequence[str], given: Mapping[str, Any]) -> RunConfig:
    """The run's configuration: the command line's choices over those of the task list.

    Args:
        tasks: Task names, or one suite, or one TOML file.
        given: Options that were given, by field of `RunConfig`.

    Raises:
        UsageError: There is no model, or the task list is wrong.
    """
    named, settings = _named(tasks)
    merged = {**settings, **given}
    for key, plainly in (("batch_size", "auto"), ("limit_by", "group")):
        if merged.get(key) == plainly:
            del merged[key]
    if "model" not in merged:
        message = (
            "No model was named; give --model backend:name, such as "
            "--model hf:llava-hf/llava-1.5-7b-hf, or run the suite demo."
        )
        raise UsageError(message)
    choices = tuple(TaskChoice(**{**choice, **_override(given)}) for choice in named)
    _check_types(merged)
    return RunConfig(tasks=choices, **merged)


def _named(tasks: Sequence[str]) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]:
    """The task choices and settings that the words after `run` stand for."""
    from evalkit.suites import load_suite, suite_names

    suites = [t for t in tasks if t.endswith(".toml") or t in suite_names()]
    if not suites:
        return [{"name": task} for task in tasks], {}
    if len(tasks) > 1:
        message = f"{suites[0]!r} is a whole task list; give it alone."
        raise UsageError(message)
    suite = load_suite(suites[0])
    return suite.tasks, suite.settings


def _override(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A limit or prompt on the command line is meant for every task."""
    return {key: given[key] for key in ("limit", "prompt") if key in given}


def _check_types(merged: Mapping[str, Any]) -> None:
    kinds = {field.name: str(field.type) for field in fields(RunConfig)}
    for key, value in merged.items():
        expected = int if kinds[key].startswith("int") else str
        if kinds[key].startswith(("int", "str")) and (
            not isinstance(value, expected) or isinstance(value, bool)
        ):
            message = f"The task list sets {key} = {value!r}; it must be {_KIND[expected]}."
            raise UsageError(message)


_KIND = {int: "a whole number", str: "a text"}
