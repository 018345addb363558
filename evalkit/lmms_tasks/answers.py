"""Answers to one of lmms-eval's tasks, scored and added up by lmms-eval's own code."""

from __future__ import annotations

import copy
import inspect
import math
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from evalkit.backends.lmms_program import MOST
from evalkit.lmms_tasks.described import is_mean

THINKING = '[["<think>", "</think>"], ["<analysis>", "</analysis>"]]'
"""What lmms-eval's command line cuts out of answers, where a task does not say."""


class Answers:
    """A task's rules. Every answer is scored once: its code may be slow, or ask for money."""

    def __init__(self, task: Any) -> None:
        """Take a loaded task."""
        self._task = task
        self._tags = _reasoning_tags(task)
        self._filters = list(_filters(task, early=self._tags is None))
        self._made: dict[tuple[int, str], Mapping[str, Any]] = {}

    def values(self, number: int, text: str) -> dict[str, float]:
        """The numbers of one answer, by metric (and filter, where there are several)."""
        made = self._processed(number, text)
        return {name: n for name, value in made.items() if (n := _number(value)) is not None}

    def _processed(self, number: int, text: str) -> Mapping[str, Any]:
        if (number, text) not in self._made:
            self._made[number, text] = dict(self._results(number, text))
        return self._made[number, text]

    def _results(self, number: int, text: str) -> Iterator[tuple[str, Any]]:
        """(metric, what `process_results` gives for it), under each of the task's filters."""
        from lmms_eval.api.instance import Instance

        doc = self._task.eval_docs_no_media[number]
        about = {"task": self._task.config.task, "doc_id": number, "repeats": 1}
        instance = Instance("generate_until", arguments=(), idx=0, metadata=about, resps=[text])
        for ensemble in self._filters:
            ensemble.apply([instance], [doc])
            response = _stripped(instance.filtered_resps[ensemble.name], self._tags)
            suffix = f",{ensemble.name}" if len(self._filters) > 1 else ""
            for name, value in self._task.process_results(doc, [response]).items():
                if name in self._task.aggregation():
                    yield f"{name}{suffix}", value

    def numbers(
        self, answers: Sequence[tuple[int, str]]
    ) -> tuple[dict[str, float], dict[str, str]]:
        """The metrics that are no means of numbers, over answers in the rows' order.

        What an aggregation writes (a file for a server) goes to a folder that is removed.

        Returns:
            The numbers by name, and why a metric has none.
        """
        made = [self._processed(number, text) for number, text in answers]
        found: dict[str, float] = {}
        skipped: dict[str, str] = {}
        for name in dict.fromkeys(name for one in made for name in one):
            aggregation = self._task.aggregation()[name.partition(",")[0]]
            items = [one[name] for one in made if name in one]
            if is_mean(aggregation) and None not in map(_number, items):
                continue
            try:
                value = _flat(name, _aggregated(aggregation, items))
            except Exception as error:  # noqa: BLE001 - the task's code; the metric has no number
                skipped[name] = f"{type(error).__name__}: {error}"[:MOST]
                continue
            found |= value
            if not value:
                skipped[name] = "lmms-eval's aggregation gives no number"
        return found, skipped


def _reasoning_tags(task: Any) -> Any:
    """The blocks that are cut out before scoring: the task's, else those of the command line."""
    from lmms_eval.api.reasoning import parse_reasoning_tags_config

    own = getattr(task.config, "reasoning_tags", None)
    return parse_reasoning_tags_config(cli_value=THINKING, task_value=own)


def _filters(task: Any, *, early: bool) -> Iterator[Any]:
    """The task's filters; a task may ask that thinking is cut out before the first of them."""
    from lmms_eval.filters.transformation import StripThinkingFilter

    early = early and getattr(task.config, "auto_strip_thinking", False)
    for ensemble in task._filters:
        made = copy.copy(ensemble)
        if early:
            made.filters = [StripThinkingFilter(), *ensemble.filters]
        yield made


def _stripped(response: Any, tags: Any) -> Any:
    from lmms_eval.api.reasoning import strip_reasoning_tags

    if tags is None:
        return response
    if isinstance(response, list):
        return [_stripped(one, tags) for one in response]
    return strip_reasoning_tags(response, tags) if isinstance(response, str) else response


def _aggregated(aggregation: Callable[..., Any], items: Sequence[Any]) -> Any:
    if "args" not in inspect.signature(aggregation).parameters:
        return aggregation(items)
    with tempfile.TemporaryDirectory() as folder:
        return aggregation(items, args=Namespace(output_path=folder))


def _number(value: Any) -> float | None:
    """A finite number, or the `score` of a mapping that has one."""
    if isinstance(value, dict):
        value = value.get("score")
    if value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _flat(name: str, value: Any) -> dict[str, float]:
    """{metric: number} of what an aggregation gave: a number, or a mapping of numbers."""
    if isinstance(value, dict):
        inner = (_flat(f"{name}.{key}", one) for key, one in value.items())
        return {key: number for found in inner for key, number in found.items()}
    number = _number(value)
    return {} if number is None else {name: number}
