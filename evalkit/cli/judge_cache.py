"""`evalkit judge cache`: see, thin out or share what judges have replied."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.judge.cache import CacheGroup, CacheStatistics, VerdictCache

_CACHE = click.option(
    "--cache",
    "path",
    metavar="PATH",
    help="The cache; else EVALKIT_JUDGE_CACHE names it, else it is evalkit's of your own.",
)


def _named(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """A value as it is; an empty one, as of a variable that is not set, would choose all."""
    if value is not None and not value.strip():
        message = f"--{option.name} is empty; name one, or leave the option away to mean all."
        raise UsageError(message)
    return value


_MODEL = click.option(
    "--model", metavar="NAME", callback=_named, help="Replies of this judge only."
)
_RUBRIC = click.option(
    "--rubric",
    metavar="DIGEST",
    callback=_named,
    help="Replies under this rubric only; its first digits will do.",
)
_BEFORE = click.option(
    "--before",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Replies asked before this day (UTC) only, such as 2026-11-01.",
)


@click.group("cache")
def command() -> None:
    """See, thin out or share what judges have replied."""


@command.command("stats")
@_CACHE
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_statistics(path: str | None, *, as_json: bool) -> None:
    """Show how many replies there are, of which judges, and what they cost in tokens."""
    from evalkit.cli.screen import print_json
    from evalkit.records import plain

    with _existing(path) as cache:
        found = cache.statistics()
        place = cache.path
    if as_json:
        print_json({"path": str(place), **plain(found)}, indent=1)
    else:
        print(_page(found, place), end="")


def _page(found: CacheStatistics, place: Path) -> str:
    from evalkit.report.table import Table
    from evalkit.report.text_table import text_table

    table = Table(
        header=("backend", "model", "rubric", "replies", "prompt tokens", "output tokens"),
        rows=tuple((one.backend, one.model, one.rubric, *_counts(one)) for one in found.groups),
        notes=(
            *([f"asked from {found.oldest} to {found.newest}"] if found.replies else []),
            f"{found.size / 2**20:.1f} MiB in {place}",
        ),
    )
    return text_table(table, f"{_replies(found.replies)} of judges")


def _counts(group: CacheGroup) -> tuple[str, str, str]:
    counts = (group.replies, group.prompt_tokens, group.output_tokens)
    first, second, third = (f"{count:,}" for count in counts)
    return first, second, third


@command.command("prune")
@_CACHE
@_BEFORE
@_MODEL
@_RUBRIC
def prune(path: str | None, before: datetime | None, model: str | None, rubric: str | None) -> None:
    """Forget the replies that meet every condition given; they will be asked again."""
    with _existing(path) as cache:
        gone = cache.prune(_day(before), model, _digest(cache, rubric))
    print(f"{_replies(gone)} forgotten.")


@command.command("export")
@click.argument("file", metavar="FILE")
@_CACHE
@_BEFORE
@_MODEL
@_RUBRIC
def export(
    file: str,
    path: str | None,
    *,
    before: datetime | None,
    model: str | None,
    rubric: str | None,
) -> None:
    """Write replies to FILE (JSONL), to share or to publish them; all, or those that are named."""
    with _existing(path) as cache:
        number = cache.export(Path(file), _day(before), model, _digest(cache, rubric))
    print(f"{_replies(number)} written to {file}.")


@command.command("import")
@click.argument("file", metavar="FILE")
@_CACHE
def import_file(file: str, path: str | None) -> None:
    """Take in the replies that FILE holds; where another is known already, that one stays."""
    from evalkit.judge.cache import VerdictCache

    if not Path(file).exists():  # said before a cache is made for it
        message = f"There is no file {file}; give one that `evalkit judge cache export` wrote."
        raise UsageError(message)
    with VerdictCache(_place(path)) as cache:
        found = cache.import_file(Path(file))
    differing = (
        f", of which {found.differing:,} say something else and were not taken"
        if found.differing
        else ""
    )
    print(f"{_replies(found.new)} taken in, {found.known:,} known before{differing}.")


def _place(path: str | None) -> Path:
    from evalkit.judge.cache import default_path

    place = default_path(os.environ) if path is None else Path(path)
    if place is None:
        message = "EVALKIT_JUDGE_CACHE is none, so no cache is kept; name one with --cache."
        raise UsageError(message)
    return place


def _existing(path: str | None) -> VerdictCache:
    """The cache, which only a judged run or an import makes.

    Raises:
        UsageError: There is none.
    """
    from evalkit.judge.cache import VerdictCache

    place = _place(path)
    if not place.exists():
        message = (
            f"There is no judge's cache at {place}; a run with a judge makes one, and --cache "
            "names another."
        )
        raise UsageError(message)
    return VerdictCache(place)


def _digest(cache: VerdictCache, start: str | None) -> str | None:
    """The one rubric in the cache whose digest begins so; None where none is asked for.

    Raises:
        UsageError: There is none, or more than one.
    """
    if start is None:
        return None
    known = sorted({group.rubric for group in cache.statistics().groups})
    fitting = [start] if start in known else [one for one in known if one.startswith(start)]
    if len(fitting) != 1:
        message = (
            f"{len(fitting) or 'No'} rubrics in {cache.path} begin with {start!r}; "
            "`evalkit judge cache stats` lists them."
        )
        raise UsageError(message)
    return fitting[0]


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _replies(number: int) -> str:
    return f"{number:,} {'reply' if number == 1 else 'replies'}"
