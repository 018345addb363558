"""What the files of one of lmms-eval's tasks say of it, in plain values; loads no data."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.backends.lmms_program import version

JUDGING = re.compile(r"llm_judge|openai|OPENAI_API|requests\.post|lmms_eval\.verifiers")
"""What stands in the code of tasks whose answers another model scores."""

_FOR_ALL = ("default", "dataset")
"""Keys of the settings by model that stand for all models."""


def described(manager: Any, name: str) -> dict[str, Any]:
    """The task of that name; or close names, or the members of a group.

    Args:
        manager: lmms-eval's `TaskManager`.
        name: lmms-eval's own name.
    """
    told: dict[str, Any] = {"version": version()}
    if name not in manager.task_index:
        close = difflib.get_close_matches(name, manager.all_subtasks, n=3, cutoff=0.6)
        return told | {"unknown": close}
    entry = manager.task_index[name]
    if entry["type"] in ("group", "tag"):
        return told | {"members": _members(manager, name)}
    config = manager._get_config(name)
    if "class" in config:
        return told | {"unsupported": "is a Python class of its own"}
    return told | {"file": entry["yaml_path"]} | _said(config)


def _members(manager: Any, name: str) -> list[str]:
    """The names of a group's or a tag's tasks, one level down."""
    listed = manager._get_tasklist(name)
    if listed == -1:
        listed = manager._get_config(name).get("task", [])
    return [one if isinstance(one, str) else str(one.get("task", "?")) for one in listed]


def _said(config: Mapping[str, Any]) -> dict[str, Any]:
    words = config.get("lmms_eval_specific_kwargs") or {}
    return {
        "output_type": config.get("output_type", "generate_until"),
        "repository": str(config.get("dataset_path")),
        "config": config.get("dataset_name"),
        "split": config.get("test_split") or config.get("validation_split"),
        "generation": _generation(config),
        "variants": [k for k, v in words.items() if isinstance(v, dict) and k not in _FOR_ALL],
        "metrics": _metrics(config),
        "judge": _judging(config),
        "repeats": config.get("repeats", 1),
        "shots": int(config.get("num_fewshot") or 0),
        "filters": [str(one["name"]) for one in config.get("filter_list") or ()],
    }


def _generation(config: Mapping[str, Any]) -> dict[str, Any]:
    """Decoding settings: the task's, and over them those for any model, as lmms-eval has them."""
    own = dict(config.get("generation_kwargs") or {"do_sample": False})
    own.setdefault("until", [config.get("fewshot_delimiter", "\n\n")])
    own |= (config.get("model_specific_generation_kwargs") or {}).get("default", {})
    return {key: value for key, value in own.items() if isinstance(value, (str, int, float, list))}


def _metrics(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    from lmms_eval.api.registry import get_metric_aggregation, is_higher_better

    found = []
    for entry in config.get("metric_list") or [{"metric": "acc"}]:
        name = entry["metric"] if isinstance(entry["metric"], str) else entry["metric"].__name__
        known, better = entry.get("aggregation"), entry.get("higher_is_better")
        found.append(
            {
                "name": name,
                "mean": is_mean(known if known is not None else get_metric_aggregation(name)),
                "better": is_higher_better(name) if better is None else bool(better),
            }
        )
    return found


def is_mean(aggregation: Callable[..., Any] | str | None) -> bool:
    """Whether an aggregation is lmms-eval's plain mean."""
    from lmms_eval.api.metrics import mean

    return aggregation == "mean" or aggregation is mean


def _judging(config: Mapping[str, Any]) -> bool:
    """Whether the task's own code could ask a judge: by what stands in the files of its rules."""
    aggregations = [entry.get("aggregation") for entry in config.get("metric_list") or ()]
    functions = [f for f in (config.get("process_results"), *aggregations) if callable(f)]
    files = {inspect.getsourcefile(inspect.unwrap(function)) for function in functions}
    return _reaches_a_judge([Path(file) for file in files if file])


def _reaches_a_judge(files: Sequence[Path]) -> bool:
    """Whether one of the files, or of those below `lmms_eval/tasks` that they import, asks one."""
    ahead, seen = list(files), set[Path]()
    while ahead:
        file = ahead.pop()
        if file in seen:
            continue
        seen.add(file)
        text = file.read_text("utf-8", "replace")
        if JUDGING.search(text):
            return True
        ahead += _imported(text, file)
    return False


def _imported(text: str, file: Path) -> Iterator[Path]:
    """The files below `lmms_eval/tasks` that a file imports, read from its text."""
    tasks = _tasks_folder()
    try:
        statements = list(ast.walk(ast.parse(text)))
    except SyntaxError:  # lmms-eval could not import it either
        return
    for one in statements:
        if isinstance(one, ast.Import):
            names = [(0, alias.name) for alias in one.names]
        elif isinstance(one, ast.ImportFrom):
            module = one.module or ""
            members = [f"{module}.{alias.name}".strip(".") for alias in one.names]
            names = [(one.level, name) for name in (module, *members)]
        else:
            continue
        for level, name in names:
            if (found := _module_file(level, name, file, tasks)) is not None:
                yield found


def _module_file(level: int, name: str, file: Path, tasks: Path) -> Path | None:
    """A module's file; None where it does not lie below `lmms_eval/tasks`, or is that folder."""
    if level:
        place = file.parents[level - 1]
    elif name.startswith("lmms_eval.tasks."):
        place, name = tasks, name.removeprefix("lmms_eval.tasks.")
    else:  # found beside the file, if anywhere: some files put their folder on the path
        place = file.parent
    path = place.joinpath(*filter(None, name.split(".")))
    files = (path.with_suffix(".py"), path / "__init__.py")
    inside = path != tasks and path.is_relative_to(tasks)
    return next((one for one in files if inside and one.is_file()), None)


def _tasks_folder() -> Path:
    import lmms_eval.tasks

    return Path(lmms_eval.tasks.__file__).parent
