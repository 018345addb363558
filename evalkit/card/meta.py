"""What a user says of a card's front matter, in TOML.

name = "llava-gemma"                 # the model's name in model-index
license = "gemma"                    # and license_name, license_link, language, base_model,
tags = ["llava"]                     # tags, datasets, library_name, pipeline_tag
source_url = "https://..."           # where a reader finds the run records
[slices]
pope = "category"                    # the slices of a tag are results of their own
[eval_results.gqa]                   # which number is the value of which benchmark of the hub
dataset = "lmms-lab/GQA"
task_id = "testdev"                  # from the dataset's eval.yaml
metric = "accuracy"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.card.order import Benchmark, read_text
from evalkit.errors import UsageError

ONE = ("license", "license_name", "license_link", "library_name", "pipeline_tag")
"""Keys of the front matter that hold a text."""

MANY = ("language", "base_model", "tags", "datasets")
"""Keys that hold a text or several."""

_OTHERS = ("name", "source_url", "slices", "eval_results")
_BENCHMARK = ("dataset", "task_id", "metric")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is said of a card.

    Attributes:
        keys: Keys of the front matter, as they are written.
        name: The model's name; None is what the card or the record says.
        source: Where a reader finds the records; None is nowhere.
        slices: {task: tag}.
        benchmarks: What `.eval_results` is to hold.
    """

    keys: Mapping[str, str | list[str]] = field(default_factory=dict)
    name: str | None = None
    source: str | None = None
    slices: Mapping[str, str] = field(default_factory=dict)
    benchmarks: tuple[Benchmark, ...] = ()


def read_meta(path: Path) -> Meta:
    """A file's front matter options.

    Raises:
        UsageError: It is not there, no TOML, or says something unknown or of another type.
    """
    text = read_text(path, str(path))
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{path} is not valid TOML: {error}."
        raise UsageError(message) from error
    known = (*ONE, *MANY, *_OTHERS)
    if unknown := next((key for key in raw if key not in known), None):
        message = f"{path} sets {unknown!r}, which is not known; it may set {', '.join(known)}."
        raise UsageError(message)
    slices = raw.get("slices", {})
    _check(isinstance(slices, dict), path, "slices", "a table of tags by task")
    return Meta(
        keys=dict(_keys(raw, path)),
        name=_text(raw, "name", path),
        source=_text(raw, "source_url", path),
        slices={task: _named(slices, task, path, "slices") for task in slices},
        benchmarks=tuple(_benchmarks(raw.get("eval_results", {}), path)),
    )


def _keys(raw: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str | list[str]]]:
    for key in raw:
        value = raw[key]
        if key in ONE:
            yield key, _named(raw, key, path)
        elif key in MANY:
            texts = value if isinstance(value, list) else [value]
            sound = all(isinstance(one, str) for one in texts)
            _check(sound, path, key, "a text or a list of texts")
            yield key, value


def _benchmarks(raw: Any, path: Path) -> Iterator[Benchmark]:
    _check(isinstance(raw, dict), path, "eval_results", "a table of benchmarks by task")
    for task, told in raw.items():
        where = f"eval_results.{task}"
        sound = isinstance(told, dict) and set(told) == set(_BENCHMARK)
        _check(sound, path, where, f"a table of {', '.join(_BENCHMARK)}")
        held = {key: _named(told, key, path, where) for key in _BENCHMARK}
        yield Benchmark(task=task, **held)


def _text(raw: Mapping[str, Any], key: str, path: Path) -> str | None:
    return _named(raw, key, path) if key in raw else None


def _named(raw: Mapping[str, Any], key: str, path: Path, within: str = "") -> str:
    value = raw[key]
    name = f"{within}.{key}" if within else key
    _check(isinstance(value, str) and bool(value), path, name, "a text")
    return str(value)


def _check(sound: bool, path: Path, key: str, meant: str) -> None:  # noqa: FBT001 - what is checked
    if not sound:
        message = f"{path} sets {key} to something else than {meant}."
        raise UsageError(message)
