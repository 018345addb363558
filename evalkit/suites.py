"""Task lists: TOML files that name tasks, and may set what holds for all of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError
from evalkit.small_files import read_small

_SETTINGS = frozenset(
    {"model", "prompt", "limit", "limit_by", "seed", "dtype", "image_preprocess", "data"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A task list: tasks with their choices, and settings that the command line may override."""

    summary: str
    tasks: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]


def suite_names() -> tuple[str, ...]:
    """Names of the task lists that come with evalkit."""
    return tuple(sorted(path.stem for path in _suite_folder().glob("*.toml")))


def load_suite(name: str) -> Suite:
    """A task list: a built-in one by its name, or a TOML file by its path.

    The file has a list `tasks` of names or tables {name, limit, prompt}, and may set
    model, prompt, limit, limit_by, seed, dtype, image_preprocess and data for all of them.

    Raises:
        UsageError: The file is not there, is not TOML, or says something unknown.
    """
    path = Path(name) if name.endswith(".toml") else _suite_folder() / f"{name}.toml"
    try:
        raw = tomllib.loads(read_small(path, "task list").decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits
        message = f"The task list {path} is not valid TOML: {error}."
        raise UsageError(message) from error
    return _checked_suite(raw, path)


def _checked_suite(raw: dict[str, Any], path: Path) -> Suite:
    summary = raw.pop("summary", "")
    tasks = raw.pop("tasks", None)
    if unknown := sorted(set(raw) - _SETTINGS):
        known = ", ".join(sorted(_SETTINGS | {"tasks"}))
        message = (
            f"The task list {path} sets {unknown[0]!r}, which is not known; it may set {known}."
        )
        raise UsageError(message)
    if not isinstance(tasks, list) or not tasks:
        message = f"The task list {path} needs tasks = [...] with at least one task."
        raise UsageError(message)
    choices = tuple({"name": t} if isinstance(t, str) else t for t in tasks)
    for choice in choices:
        _check_choice(choice, path)
    return Suite(summary=summary, tasks=choices, settings=raw)


def _check_choice(choice: Any, path: Path) -> None:
    if not isinstance(choice, dict) or not isinstance(choice.get("name"), str):
        message = f"The task list {path} has a task without a name: {choice!r}."
        raise UsageError(message)
    if unknown := sorted(set(choice) - {"name", "limit", "prompt"}):
        message = (
            f"The task list {path} sets {unknown[0]!r} for the task {choice['name']!r}; a task may "
            "set name, limit and prompt."
        )
        raise UsageError(message)
    for key, kind, meant in (("limit", int, "a whole number"), ("prompt", str, "a text")):
        if key in choice and (not isinstance(choice[key], kind) or isinstance(choice[key], bool)):
            message = (
                f"The task list {path} sets {key} = {choice[key]!r} for the task "
                f"{choice['name']!r}; it must be {meant}."
            )
            raise UsageError(message)


def _suite_folder() -> Path:
    return Path(__file__).with_name("suites")
