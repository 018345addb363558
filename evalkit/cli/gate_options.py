"""The options by which `evalkit run` ends in a gate, and the gate after a run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.compare.sides import Scored
    from evalkit.gate.policy import Policy
    from evalkit.run_record import RunConfig
    from evalkit.stopping import StopOrder

_OPTIONS = (
    click.option(
        "--gate",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Judge the run by this policy; the exit code is the gate's (see evalkit gate).",
    ),
    click.option("--baseline", metavar="RUN", help="What --gate holds the run to."),
    click.option(
        "--sequential",
        is_flag=True,
        help="End a task as soon as the gate's verdict on it is certain.",
    ),
)


def gate_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a gate, on a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The gate that follows a run.

    Attributes:
        file: The policy's file.
        policy: What it demands.
        baseline: What the run is held to.
        sequential: Whether tasks end early.
        task_paths: Files or folders with further tasks.
    """

    file: Path
    policy: Policy
    baseline: Scored
    sequential: bool
    task_paths: tuple[str, ...]

    def order(self, config: RunConfig) -> StopOrder | None:
        """By which gate tasks end early; None where they do not.

        Raises:
            UsageError: The policy demands what cannot be meant of the run's tasks.
            EvalkitError: A task, or the baseline's scores, cannot be had.
        """
        from evalkit import registry
        from evalkit.stopping import StopOrder

        found = StopOrder(policy=self.policy, baseline=self.baseline)
        found.demands(registry.load_task(c.name, config.task_paths) for c in config.tasks)
        return found if self.sequential else None

    def judge(self, folder: Path, *, to_error: bool) -> int:
        """Judge a finished run, print the page, and give the gate's exit code."""
        from evalkit.cli.gate import page, shown
        from evalkit.compare.sides import load
        from evalkit.gate.decide import decide

        found = decide(self.policy, self.baseline, load(folder, self.task_paths))
        text = page(found, "text", self.file, datetime.now(UTC))
        stream = sys.stderr if to_error else sys.stdout
        return shown("\n" + text, int(found.exit_code), stream)


def gate_of(given: dict[str, Any]) -> Gate | None:
    """The gate that the options stand for, which are taken out; None where there is none.

    Raises:
        UsageError: One of them is not there, or the policy is wrong.
        EvalkitError: The baseline cannot be had.
    """
    file, baseline, sequential = (given.pop(name) for name in ("gate", "baseline", "sequential"))
    if file is None and baseline is None:
        if sequential:
            message = "--sequential needs a gate: give --gate FILE and --baseline RUN."
            raise UsageError(message)
        return None
    if file is None or baseline is None:
        message = "A gate needs both: --gate FILE and --baseline RUN."
        raise UsageError(message)
    from evalkit.cli.show import side_of
    from evalkit.compare.sides import load
    from evalkit.gate.policy import load_policy

    paths = tuple(given["task_paths"])
    return Gate(
        file=file,
        policy=load_policy(file, datetime.now(UTC).date()),
        baseline=load(side_of(baseline), paths),
        sequential=sequential,
        task_paths=paths,
    )
