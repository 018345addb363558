"""lmms-eval's task -> an evalkit task: what its own files say, in evalkit's words."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.errors import UsageError
from evalkit.lmms_tasks.bridge import shared
from evalkit.lmms_tasks.rows import DEFAULT, LmmsRows, mean_where_given
from evalkit.records import Generation, Message, Sample
from evalkit.task import DatasetRef, Metric, Prompt, Row, Task

PREFIX = "lmms/"
"""How the names of lmms-eval's tasks begin."""

JUDGE = "EVALKIT_LMMS_JUDGE"
"""The environment variable that lets lmms-eval's code ask its own judge: "allow"."""

TOKENS = 1024
"""New tokens where the task says nothing: what lmms-eval's `llava_hf` and `openai` take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LmmsPrompt(Prompt):
    """The turns that lmms-eval makes of a row, in the words for one model."""

    rows: LmmsRows
    variant: str

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """The turns, as lmms-eval gives them."""
        return self.rows.document(int(sample.id), self.variant).messages


def names() -> Mapping[str, str]:
    """All names that lmms-eval knows, each with what it is: "task", "group" or "tag".

    Raises:
        MissingExtraError: lmms-eval is not installed.
        DataError: It cannot be asked.
    """
    found: dict[str, str] = shared().ask(do="names")[0]["names"]
    return found


def load(name: str) -> Task:
    """The task of that name, which begins with "lmms/".

    Raises:
        UsageError: There is none, or evalkit cannot run it.
        MissingExtraError: lmms-eval is not installed.
        DataError: It cannot be asked.
    """
    bridge, own = shared(), name.removeprefix(PREFIX)
    told, _ = bridge.ask(do="describe", name=own)
    _check(name, told)
    rows = LmmsRows(bridge, own, told["metrics"])
    source = f"lmms-eval {told['version']}, {told['file'].rpartition('lmms_eval/')[2]}"
    return Task(
        name=name,
        version=_version(told["version"]),
        dataset=DatasetRef(
            repositories=(told["repository"],),
            config=told["config"],
            split=told["split"],
            columns=(),
            rows=0,
        ),
        to_sample=_no_row,
        prompts=_prompts(rows, told),
        generation=_generation(told["generation"]),
        score=rows.score,
        metrics=_means(told),
        headline=tuple(_names(told, means=False)),
        protocol="lmms-eval",
        source=source,
        foreign=rows,
    )


def _check(name: str, told: Mapping[str, Any]) -> None:
    """Refuse what there is not, and what evalkit cannot ask or should not score."""
    if "unknown" in told:
        close = ", ".join(PREFIX + one for one in told["unknown"])
        message = f"lmms-eval {told['version']} has no task {name.removeprefix(PREFIX)!r}"
        guess = f"; close are {close}." if close else "; `evalkit tasks list --lmms` lists them."
        raise UsageError(message + guess)
    if "members" in told:
        listed = ", ".join(PREFIX + one for one in told["members"][:12])
        more = f" and {len(told['members']) - 12} more" if len(told["members"]) > 12 else ""  # noqa: PLR2004
        message = f"{name} is a group of lmms-eval; name its tasks: {listed}{more}."
        raise UsageError(message)
    if reason := _unsupported(told):
        message = f"The task {name} {reason}, which evalkit does not run."
        raise UsageError(message)
    if told["judge"] and os.environ.get(JUDGE) != "allow":
        message = (
            f"The task {name} may be scored by another model, which lmms-eval's own code asks and "
            f"whose failures it turns into scores; set {JUDGE}=allow to run it all the same."
        )
        raise UsageError(message)


def _unsupported(told: Mapping[str, Any]) -> str:
    if "unsupported" in told:
        return str(told["unsupported"])
    if told["output_type"] != "generate_until":
        return f"is of the type {told['output_type']}"
    if told["repeats"] != 1:
        return f"draws {told['repeats']} answers to each question"
    if told["shots"]:
        return f"shows {told['shots']} solved examples before each question"
    if told["split"] is None:
        return "names no test or validation split"
    return ""


def _names(told: Mapping[str, Any], *, means: bool) -> list[str]:
    """The metrics' names: "metric", or "metric,filter" where the task has several filters."""
    metrics = [entry["name"] for entry in told["metrics"] if entry["mean"] or not means]
    if len(told["filters"]) < 2:  # noqa: PLR2004 - one is not named
        return metrics
    return [f"{metric},{one}" for one in told["filters"] for metric in metrics]


def _means(told: Mapping[str, Any]) -> tuple[Metric, ...]:
    better = {entry["name"]: entry.get("better", True) for entry in told["metrics"]}
    names = _names(told, means=True)
    return tuple(mean_where_given(name, better=better[name.partition(",")[0]]) for name in names)


def _version(text: str) -> int:
    """0.7.3 as 703: another version of lmms-eval may score in another way."""
    major, minor, patch = ([int(part) for part in re.findall(r"\d+", text)] + [0, 0, 0])[:3]
    return max(1, major * 10_000 + minor * 100 + patch)


def _prompts(rows: LmmsRows, told: Mapping[str, Any]) -> dict[str, Prompt]:
    template = f"lmms-eval {told['version']}: the turns of {told['file'].rpartition('/')[2]}"
    return {
        variant: LmmsPrompt(template=template, rows=rows, variant=variant)
        for variant in (DEFAULT, *told["variants"])
    }


def _generation(told: Mapping[str, Any]) -> Generation:
    """The task's settings; `do_sample` decides whether its temperature counts."""
    temperature = float(told.get("temperature") or 0.0)
    top_p = float(told.get("top_p") or 1.0)
    until = told.get("until") or []
    return Generation(
        max_new_tokens=int(told.get("max_new_tokens", TOKENS)),
        temperature=temperature if told.get("do_sample", temperature > 0) else 0.0,
        top_p=top_p if 0 < top_p <= 1 else 1.0,
        num_beams=int(told.get("num_beams") or 1),
        stop=tuple(s for s in ([until] if isinstance(until, str) else until) if s),
    )


def _no_row(row: Row) -> Sample:
    message = f"lmms-eval reads its own rows, not {row!r}"
    raise NotImplementedError(message)
