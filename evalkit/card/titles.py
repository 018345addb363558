"""What readers call a task: its benchmark's title and paper, and what its numbers count.

A title is how a task file's docstring begins, a paper its first number of arXiv. Only tasks that
come with evalkit have them here: what a card says must not hang on files that its reader lacks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evalkit.errors import EvalkitError
from evalkit.registry import TaskFile, load_task, task_files
from evalkit.run_record import RunRecord, TaskResult

_TITLE = re.compile(r"([^:\n]{1,40}): ")
_PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_OWN = "evalkit.tasks."


@dataclass(frozen=True, slots=True, kw_only=True)
class Titled:
    """What a reader is told of a task.

    Attributes:
        title: The benchmark's name.
        paper: The address of its paper; None where its file names none.
        units: What one unit of a metric is, by the metric's name.
    """

    title: str
    paper: str | None = None
    units: Mapping[str, Literal["sample", "group"]] = field(default_factory=dict)

    def unit(self, metric: str, n: int) -> str:
        """What n counts, in a word; empty where that is not known."""
        unit = self.units.get(metric)
        return "" if unit is None else unit if n == 1 else f"{unit}s"


Titles = Mapping[str, Titled]
"""Titles by the task's name."""

GROUPS = (
    "A group is what a benchmark scores as one: of MME the two questions on a picture, of MMVP a "
    "pair of questions."
)
"""What the n of some metrics counts, for the reader of a card."""


def titles(records: Sequence[RunRecord]) -> dict[str, Titled]:
    """The titles of the records' tasks, of those that come with evalkit."""
    names = dict.fromkeys(
        result.task for record in records for result in record.results if _is_installed(result)
    )
    files = task_files()
    made = {
        name: _titled(name, file)
        for name in names
        if (file := files.get(name.partition(":")[0])) and (file.module or "").startswith(_OWN)
    }
    return {name: titled for name, titled in made.items() if titled is not None}


def _titled(name: str, file: TaskFile) -> Titled | None:
    """The title of a task or of its variant; None where this evalkit has none of that name."""
    try:
        task = load_task(name)
    except EvalkitError:
        return None
    text = ast.get_docstring(ast.parse(file.path.read_text(encoding="utf-8"))) or ""
    title, paper = _TITLE.match(text), _PAPER.search(text)
    if title is None:
        return None
    ways = (task.metrics, *(protocol.metrics for protocol in task.protocols.values()))
    return Titled(
        title=", ".join(filter(None, (title[1], name.partition(":")[2]))),
        paper=f"https://arxiv.org/abs/{paper[1]}" if paper else None,
        units={metric.name: metric.unit for way in reversed(ways) for metric in way},
    )


def _is_installed(result: TaskResult) -> bool:
    """Whether the task's version says all: it is no file of the user's own."""
    return result.fingerprint.scorer.source is None
