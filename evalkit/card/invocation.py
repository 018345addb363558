"""The command that makes a run again, from what the run was told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace

from evalkit.judge_report import JudgeReport
from evalkit.public import public_place, public_spec
from evalkit.run_record import RunConfig, RunRecord, TaskChoice

TASK_LIST = "tasks.toml"
"""The name of a task list, where one is needed."""

HERE = "path/to/"
"""What stands in a command for the folders above a local file."""

_FLAGS = {
    "model": "--model",
    "data": "--data",
    "prompt": "--prompt",
    "limit": "--limit",
    "limit_by": "--limit-by",
    "seed": "--seed",
    "dtype": "--dtype",
    "image_preprocess": "--image-preprocess",
    "batch_size": "--batch-size",
    "device": "--device",
    "workers": "--workers",
    "gpus_per_worker": "--gpus-per-worker",
    "ray_address": "--ray-address",
    "prefix_sharing": "--prefix-sharing",
}
_PER_TASK = ("prompt", "limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How to make a run again.

    Attributes:
        words: The command's words, "evalkit" first.
        task_list: What the file `TASK_LIST` must hold; None where none is needed.
    """

    words: tuple[str, ...]
    task_list: str | None = None

    @property
    def line(self) -> str:
        """The command as a shell reads it."""
        return shlex.join(self.words)


def public_config(config: RunConfig) -> RunConfig:
    """What a run was told, with `HERE` for local folders and no address of a cluster."""
    return replace(
        config,
        model=public_spec(config.model, HERE),
        data=None if config.data is None else public_place(config.data, HERE),
        task_paths=tuple(public_place(path, HERE) for path in config.task_paths),
        ray_address=None if config.ray_address is None else "auto",
    )


def run_invocation(config: RunConfig, suites: Iterable[str] = ()) -> Invocation:
    """The `evalkit run` that has this configuration, but for a gate that may end tasks early.

    Args:
        config: What the run was told.
        suites: Names that stand for whole task lists, so that no task can be named so.
    """
    listed = _needs_list(config, frozenset(suites))
    left_out = set(_PER_TASK) if listed else set()
    words = ["evalkit", "run", *_options(config, left_out)]
    if listed:
        return Invocation(words=(*words, TASK_LIST), task_list=_task_list(config))
    names = [choice.name for choice in config.tasks]
    end = ["--"] if any(name.startswith("-") for name in names) else []
    return Invocation(words=(*words, *end, *names))


def _options(config: RunConfig, left_out: set[str]) -> Iterator[str]:
    usual = {field.name: field.default for field in fields(RunConfig)}
    for name, flag in _FLAGS.items():
        value = getattr(config, name)
        if name not in left_out and value != usual[name] and value is not None:
            yield from _option(flag, str(value))
    if config.offline:
        yield "--offline"
    for path in config.task_paths:
        yield from _option("--task-path", path)


def _option(flag: str, value: str) -> tuple[str, ...]:
    """A flag and its value; as one word where the value could be taken for a flag."""
    return (f"{flag}={value}",) if value.startswith("-") else (flag, value)


def _needs_list(config: RunConfig, suites: frozenset[str]) -> bool:
    """Whether tasks have choices of their own: on the command line one choice holds for all."""
    shared = (config.prompt, config.limit)
    names = [choice.name for choice in config.tasks]
    return any((choice.prompt, choice.limit) != shared for choice in config.tasks) or any(
        name in suites or name.endswith(".toml") for name in names
    )


def _task_list(config: RunConfig) -> str:
    lines = [
        f"{name} = {_toml(value)}"
        for name in _PER_TASK
        if (value := getattr(config, name)) is not None
    ]
    tasks = (f"    {_choice(choice)},\n" for choice in config.tasks)
    return "".join(f"{line}\n" for line in lines) + f"tasks = [\n{''.join(tasks)}]\n"


def _choice(choice: TaskChoice) -> str:
    own = {"name": choice.name, "limit": choice.limit, "prompt": choice.prompt}
    told = ", ".join(f"{key} = {_toml(v)}" for key, v in own.items() if v is not None)
    return f"{{ {told} }}"


def _toml(value: str | int) -> str:
    """A text or a number as TOML: its texts are JSON's, but for the character 127."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def judge_words(record: RunRecord) -> tuple[str, ...]:
    """The options of `evalkit run` that name the judge; none where several judged, or none did."""
    asked = {
        _asked(result.judge)
        for result in record.results
        if result.judge is not None and result.judge.rubric
    }
    return next(iter(asked)) if len(asked) == 1 else ()


def _asked(report: JudgeReport) -> tuple[str, ...]:
    words = ["--judge", report.judge]
    if report.votes > 1:
        words += ["--votes", str(report.votes)]
    return (*words, "--swap") if report.swapped else tuple(words)
