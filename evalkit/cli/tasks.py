"""`evalkit tasks`: list, show, start or check tasks."""

from __future__ import annotations

from pathlib import Path

import click

from evalkit import registry
from evalkit.errors import UsageError
from evalkit.suites import load_suite, suite_names

_TASK_PATH = click.option(
    "--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files."
)


@click.group(invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show, start or check tasks."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_tasks)


@command.command("list")
@_TASK_PATH
@click.option("--lmms", is_flag=True, help="List the tasks of lmms-eval instead.")
def list_tasks(task_paths: tuple[str, ...] = (), *, lmms: bool = False) -> None:
    """List all tasks and suites."""
    if lmms:
        _list_lmms()
        return
    files = registry.task_files(task_paths)
    width = max(map(len, [*files, *suite_names()]))
    print("Tasks")
    for name, file in files.items():
        print(f"  {name:<{width}}  {file.summary}")
    print("Suites")
    for name in suite_names():
        print(f"  {name:<{width}}  {load_suite(name).summary}")


def _list_lmms() -> None:
    """One name a line, as `run` takes it; of a group and a tag that it is one."""
    from evalkit import lmms_tasks

    for name, kind in lmms_tasks.names().items():
        print(f"{lmms_tasks.PREFIX}{name}" + ("" if kind == "task" else f"  ({kind})"))


@command.command("show")
@click.argument("name")
@_TASK_PATH
def show_task(name: str, task_paths: tuple[str, ...]) -> None:
    """Show a task: its data, prompts, decoding, metrics and variants."""
    from evalkit.cli.task_page import task_page

    task = registry.load_task(name, task_paths)
    files = registry.task_files(task_paths)
    file = files.get(name.partition(":")[0])  # lmms-eval's tasks have none of ours
    print(task_page(task, file.path if file else None), end="")


@command.command("new")
@click.argument("name")
@click.option("--out", default=".", metavar="DIR", show_default=True, help="Where to write it.")
def new_task(name: str, out: str) -> None:
    """Write a task file that passes `check`, to be filled in."""
    from evalkit.cli.task_page import starter

    if not name.isidentifier() or name != name.lower():
        message = f"The name {name!r} cannot name a task; use lower-case letters, digits and '_'."
        raise UsageError(message)
    path = Path(out) / f"{name}.py"
    if path.exists():
        message = f"{path} exists already; choose another name or folder."
        raise UsageError(message)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(starter(name), encoding="utf-8")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise UsageError(message) from error
    print(
        f"{path} is written; `evalkit tasks check {path}` passes now, and should when you are done."
    )


@command.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--data", metavar="DIR", help="Also try the tasks on these rows, as for `run --data`."
)
def check_tasks(paths: tuple[str, ...], data: str | None) -> None:
    """Check task files: their form and, with --data, their prompts, scorer and metrics."""
    from evalkit.check import faults

    wrong = 0
    for file in registry.path_files(paths):
        found = faults(registry.read_task(file), file.path, Path(data) if data else None)
        wrong += len(found)
        print(f"{file.path}: {'ok' if not found else ''}".rstrip())
        for fault in found:
            print(f"  {fault}")
    if wrong:
        message = f"{wrong} fault{'s' if wrong > 1 else ''} found; each is named above."
        raise UsageError(message)
