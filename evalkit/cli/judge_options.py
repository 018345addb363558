"""The options that say which judge is asked, and how: of `run` and of `judge`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.judge.order import JudgeOrder

REFERENCES = "MM-Vet's mm-vet.json, or LLaVA's questions.jsonl."
"""The help of the option that says what published verdicts are about."""

TASK_PATHS = click.option(
    "--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files."
)
"""A run's own task files are taken below the current folder alone; this names others."""


class VerdictPath(click.ParamType[Path]):
    """A run's folder, its run.json, MODEL/RUN in results/, or a file of verdicts or labels."""

    name = "path"

    def convert(
        self,
        value: str | Path,
        param: click.Parameter | None,  # noqa: ARG002 - click's own form
        ctx: click.Context | None,  # noqa: ARG002 - click's own form
    ) -> Path:
        """The path; of a run the folder.

        Raises:
            StoreError: Nothing is there.
        """
        from evalkit.cli.show import place_of

        given = Path(value)
        place = given if given.exists() else place_of(str(value), "file or run")
        return place.parent if place.name == "run.json" else place


Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--judge", metavar="SPEC", help="The judge, as a model: openai:gpt-4o, hf:..."),
    click.option("--judge-base-url", metavar="URL", help="Where an openai: judge is asked."),
    click.option(
        "--rubric",
        "rubrics",
        multiple=True,
        metavar="[TASK=]FILE",
        help="The judge's words in the official form; without it evalkit's own are asked.",
    ),
    click.option("--votes", type=int, metavar="N", help="Verdicts on each answer (default 1)."),
    click.option(
        "--swap", is_flag=True, default=None, help="Show both answers in both orders (pairwise)."
    ),
    click.option("--judge-prices", metavar="FILE", help="TOML table of prices, for costs."),
    click.option(
        "--judge-budget",
        type=float,
        metavar="USD",
        help="Stop before this judge costs more in this run, all sessions together.",
    ),
    click.option(
        "--judge-batch", is_flag=True, default=None, help="OpenAI's batch service: half the price."
    ),
    click.option(
        "--max-judge-failures",
        type=float,
        metavar="SHARE",
        help="Verdicts that may fail (default 0.01); more is exit code 14.",
    ),
    click.option("--judge-cache", metavar="FILE|none", help="Where known replies are kept."),
)


_NAMES = (
    *("judge", "judge_base_url", "rubrics", "votes", "swap", "judge_prices"),
    *("judge_budget", "judge_batch", "max_judge_failures", "judge_cache"),
)


def judge_options(command: Command) -> Command:
    """Give a command the options of a judge."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def judge_order(given: dict[str, Any]) -> JudgeOrder | None:
    """Take the options of a judge out of a command's; None where no judge was named.

    Raises:
        UsageError: Another of these options was given, but no judge; or one is malformed.
    """
    own = {name: given.pop(name) for name in _NAMES}
    if own["judge"] is None:
        if odd := next((n for n, v in own.items() if v is not None and v != ()), None):
            flag = "--rubric" if odd == "rubrics" else f"--{odd.replace('_', '-')}"
            message = f"{flag} was given, but no --judge."
            raise UsageError(message)
        return None
    return _order(own)


def _order(own: Mapping[str, Any]) -> JudgeOrder:
    import os

    from evalkit.judge.cache import default_path
    from evalkit.judge.order import JudgeOrder

    told = own["judge_cache"]
    cache = (
        None if told == "none" else Path(told).expanduser() if told else default_path(os.environ)
    )
    chosen = {
        "votes": own["votes"],
        "swap": own["swap"],
        "budget": own["judge_budget"],
        "max_failures": own["max_judge_failures"],
        "batch": own["judge_batch"],
    }
    return JudgeOrder(
        model=_spec(own),
        rubrics=dict(map(_rubric, own["rubrics"])),
        cache=cache,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _spec(own: Mapping[str, Any]) -> str:
    """The judge's spec with the options that have words of their own.

    Raises:
        UsageError: It is none.
    """
    from evalkit import registry

    spec: str = own["judge"]
    registry.parse_model(spec, usual="openai")
    for name, option in (("base_url", "judge_base_url"), ("prices", "judge_prices")):
        if own[option] is not None:
            spec += f",{name}={own[option]}"
    return spec


def _rubric(text: str) -> tuple[str, Path]:
    """TASK=FILE taken apart; a file alone is for every judged task."""
    task, equals, name = text.partition("=")
    if not equals or Path(text).exists():
        return "", Path(text).expanduser()
    return task, Path(name).expanduser()
