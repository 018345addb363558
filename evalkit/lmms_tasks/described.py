"""What the files of one of lmms-eval's tasks say of it, in plain values; loads no data."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
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
    """Whether the task's own code could ask a judge: by what stands in its files."""
    aggregations = [entry.get("aggregation") for entry in config.get("metric_list") or ()]
    functions = [f for f in (config.get("process_results"), *aggregations) if callable(f)]
    files = {inspect.getsourcefile(inspect.unwrap(function)) for function in functions}
    texts = [Path(f).read_text("utf-8", "replace") for f in files if f]
    return any(JUDGING.search(text) for text in texts)
