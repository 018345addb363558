"""A plan -> the task list that `evalkit run` takes, and the command."""

from __future__ import annotations

import json

from evalkit.designs import Plan
from evalkit.errors import UsageError


def task_list(found: Plan, seed: int = 0) -> str:
    """The tasks that settle the question, as a TOML file.

    Args:
        found: The plan.
        seed: Of the subsets.

    Raises:
        UsageError: No task settles it.
    """
    if not found.limits:
        message = (
            f"No task settles a difference of {found.detect}, so there is no task list to write; "
            "the table says what each task can show."
        )
        raise UsageError(message)
    summary = f"what settles a difference of {found.detect} with {found.power:.0%} power"
    rows = [
        f"    {{ name = {json.dumps(task)}"
        + ("" if limit is None else f", limit = {limit}")
        + " },"
        for task, limit in found.limits.items()
    ]
    lines = [
        f"summary = {json.dumps(summary)}",
        'limit_by = "cluster"',
        f"seed = {seed}",
        *("tasks = [", *rows, "]"),
    ]
    return "\n".join(lines) + "\n"


def commands(found: Plan) -> tuple[str, ...]:
    """The commands that run the tasks which settle the question, one each."""
    return tuple(
        f"evalkit run {task}" + ("" if limit is None else f" --limit {limit} --limit-by cluster")
        for task, limit in found.limits.items()
    )
