"""`evalkit tasks`: list, show, start or check tasks."""

from __future__ import annotations

from collections.abc import Sequence
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
@click.argument("part", required=False, default="", metavar="[PART]")
@_TASK_PATH
@click.option("--lmms", is_flag=True, help="List the tasks of lmms-eval instead.")
def list_tasks(part: str = "", task_paths: tuple[str, ...] = (), *, lmms: bool = False) -> None:
    """List tasks and suites: all, or those with PART in their names."""
    if lmms:
        _list_lmms(part)
    else:
        _list_own(part, task_paths)


def _list_own(part: str, task_paths: tuple[str, ...]) -> None:
    files = registry.task_files(task_paths)
    tasks = [name for name in files if part.lower() in name]
    suites = [name for name in suite_names() if part.lower() in name]
    _check_found([*tasks, *suites], part)
    width = max(map(len, [*tasks, *suites]))
    if tasks:
        print("Tasks")
    for name in tasks:
        print(f"  {name:<{width}}  {files[name].summary}")
    if suites:
        print("Suites")
    for name in suites:
        print(f"  {name:<{width}}  {load_suite(name).summary}")


def _list_lmms(part: str) -> None:
    """One name a line, as `run` takes it; of a group and a tag that it is one."""
    from evalkit import lmms_tasks

    kinds = lmms_tasks.names()
    found = [name for name in kinds if part.lower().removeprefix(lmms_tasks.PREFIX) in name.lower()]
    _check_found(found, part)
    for name in found:
        print(
            f"{lmms_tasks.PREFIX}{name}" + ("" if kinds[name] == "task" else f"  ({kinds[name]})")
        )


def _check_found(names: Sequence[str], part: str) -> None:
    if not names:
        message = f"No task has {part!r} in its name; without it all are listed."
        raise UsageError(message)


@command.command("show")
@click.argument("name")
@_TASK_PATH
def show_task(name: str, task_paths: tuple[str, ...]) -> None:
    """Show a task: its data, prompts, decoding, metrics and variants; or a suite's tasks."""
    from evalkit.cli.task_page import suite_page, task_page

    if name in suite_names() and name not in registry.task_files(task_paths):
        print(suite_page(name, load_suite(name)), end="")
        return
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
    if name in registry.task_files():
        print(
            f"evalkit has a task {name!r} already: two of one name cannot be loaded, so rename the "
            "file, and the task in it, before it is run."
        )
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
