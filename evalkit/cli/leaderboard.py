"""`evalkit leaderboard`: all records below a folder, ranked, as pages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.errors import ExitCode, StaleError, StoreError, UsageError

if TYPE_CHECKING:
    from evalkit.board.entries import Folder
    from evalkit.standings import LeftOut

SEPARATE = "nothing"
"""What `--allow` takes for no part at all."""


@click.command(
    epilog="Writes leaderboard.md, .html, .csv and .json. Of a page leaderboard.md that is there "
    "only the marked block is replaced. What is left out is named, on stderr and on the page. Exit "
    "codes: 0 written, 2 a mistake, or no record that can be shown; with --strict 15 where "
    "something is left out (the pages are written all the same)."
)
@click.argument("folder", type=click.Path(path_type=Path), metavar="RESULTS")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("boards"),
    show_default=True,
    help="Where pages are written.",
)
@click.option(
    "--reference", metavar="RUN", help="Set all beside this run: its folder, or MODEL/RUN."
)
@click.option(
    "--tasks", multiple=True, metavar="NAMES",
    help="Only these, in this order; 'all' for all. [default: those that somebody measured; where "
    "there are published numbers alone, all]",
)  # fmt: skip
@click.option("--title", default="Leaderboard", show_default=True)
@click.option(
    "--allow", multiple=True, metavar="PARTS",
    help=f"Parts of fingerprints that may differ among rows that are ranked; '{SEPARATE}' for "
    "none. [default: preprocessing, since each model has its own]",
)  # fmt: skip
@click.option(
    "--aggregate",
    type=click.Choice(["mean-rank", "borda"]),
    help="What stands for a row over all columns; without it nothing does.",
)
@click.option(
    "--scores",
    type=click.Choice(["auto", "baselines", "none"]),
    default="auto",
    show_default=True,
    help="Where scored samples are taken from; 'baselines' uses what is committed alone.",
)
@click.option(
    "--published", multiple=True, metavar="MODEL=NAME",
    help="Which published model a measured one is, where their names differ.",
)  # fmt: skip
@click.option(
    "--trained-on", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.toml",
    help="What models were trained on, in tables [[trained]] with models, tasks, data and source: "
    "their numbers are marked.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Leave with 15 where something is left out.")
@click.option("--task-path", "task_paths", multiple=True, metavar="PATH", help="More task files.")
def command(
    *,
    folder: Path,
    out: Path,
    scores: Any,
    strict: bool,
    task_paths: tuple[str, ...],
    **chosen: Any,
) -> int:
    """Rank all runs below a folder, task by task, and write the leaderboard as pages."""
    from evalkit.board.entries import read
    from evalkit.board.making import make
    from evalkit.board.pages import options_of, pages
    from evalkit.cli.pages import alone_in, check_places, write_pages
    from evalkit.report.spoken import spoken

    found = read(_relative(folder), scores=scores, task_paths=task_paths)
    _tell(found.left_out)
    choice = _choice(found, folder, **chosen)
    standings = make(found.entries, choice, found.left_out)
    _tell(one for one in standings.left_out if one not in found.left_out)
    if not standings.columns:
        message = f"No record below {folder} can be shown, so no page is written."
        raise StoreError(message)
    made = pages(standings, options_of(choice, found.left_out, task_paths), found.entries)
    places = {out / name: text for name, text in made.items()}
    check_places(list(places), [Path(entry.path) for entry in found.entries])
    with alone_in(out):
        write_pages((path, _kept(path, text)) for path, text in places.items())
    for path in places:
        print(f"written: {spoken(str(path))}")
    return int(StaleError.exit_code if strict and standings.left_out else ExitCode.OK)


def _tell(left_out: Iterable[LeftOut]) -> None:
    """Say what is not in the leaderboard, and why, line by line."""
    from evalkit.report.spoken import spoken

    for one in left_out:
        print(spoken(f"left out: {one.path}: {one.why}"), file=sys.stderr)


def _relative(path: Path) -> Path:
    """A path from the current folder: pages name no place of the machine."""
    return Path(os.path.relpath(path))


def _kept(path: Path, text: str) -> str:
    """A new page; of a page in Markdown that is there all but its block stays."""
    from evalkit.board.pages import replaced
    from evalkit.card.order import read_text

    if path.suffix != ".md" or not path.exists():
        return text
    return replaced(read_text(path, str(path)), text, str(path))


def _choice(
    found: Folder,
    folder: Path,
    *,
    reference: str | None,
    tasks: Sequence[str],
    title: str,
    allow: Sequence[str],
    aggregate: Any,
    published: Sequence[str],
    trained_on: Path | None,
) -> Any:
    from evalkit.board.claims import read_training
    from evalkit.board.making import Choice
    from evalkit.compare.comparable import allowed

    names = [name.strip() for text in tasks for name in text.split(",")]
    parts = {"allow": tuple(sorted(allowed(w for w in allow if w != SEPARATE)))} if allow else {}
    return Choice(
        title=title,
        reference=None if reference is None else _reference(found, folder, reference),
        tasks=tuple(dict.fromkeys(filter(None, names))),
        aggregate=aggregate,
        published=tuple(map(_pair, published)),
        trained_on=() if trained_on is None else read_training(trained_on),
        **parts,
    )


def _pair(text: str) -> tuple[str, str]:
    """A measured model and the published one that it is.

    Raises:
        UsageError: It is no pair.
    """
    one, _, other = (word.strip() for word in text.partition("="))
    if not one or not other:
        message = f"--published {text!r} is no MODEL=NAME, as --published mine=llava-gemma-2b."
        raise UsageError(message)
    return one, other


def _reference(found: Folder, folder: Path, name: str) -> str:
    """The path of the record that a run's name means.

    Raises:
        UsageError: No record below the folder is meant, or several are.
    """
    known = {entry.path: entry.record for entry in found.entries}
    places = [_relative(place) for place in (Path(name), folder / name)]
    wanted = {path.as_posix() for place in places for path in (place, place / "run.json")}
    held = [path for path in known if path in wanted]
    held = held or [path for path, record in known.items() if record.model.name == name]
    if len(held) == 1:
        return held[0]
    told = ", ".join(held or known) or "none"
    what = "names several records" if held else "is no record of the leaderboard"
    message = f"The reference {name} {what}; give the folder of one of these: {told}."
    raise UsageError(message)
