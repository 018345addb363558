"""A leaderboard's pages, and the marked block from which its Markdown can be derived again.

The block begins with a comment that names all that the text is a function of: what was chosen, and
the records, by path and digest, each with where its scored samples were. `evalkit verify` hands
that to `render_markdown` and compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.board.entries import Entry, Named, load, named
from evalkit.board.making import Choice, make
from evalkit.errors import StoreError
from evalkit.records import plain
from evalkit.report.blocks import marked, with_block
from evalkit.report.board_files import board_csv, board_json
from evalkit.report.board_html import board_html
from evalkit.report.board_markdown import board_markdown
from evalkit.standings import LeftOut, Standings
from evalkit.store import parse

NAME = "leaderboard"
"""The name of the marked block, and the stem of the pages' files."""


def options_of(
    choice: Choice, left_out: Sequence[LeftOut] = (), task_paths: Sequence[str] = ()
) -> dict[str, Any]:
    """What was chosen, as a block says it."""
    return {
        **plain(choice),
        "left_out": [plain(one) for one in left_out],
        "task_paths": list(task_paths),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What a block says beside what was chosen: its records, and from what they were made."""

    records: tuple[Named, ...]
    left_out: tuple[LeftOut, ...] = ()
    task_paths: tuple[str, ...] = ()


def render_markdown(
    options: object,
    records: object,
    root: Path = Path(),
    *,
    page: Path | None = None,
    task_paths: Sequence[str] = (),
) -> str:
    """The text between the lines of a block's marks.

    Args:
        options: What was chosen, as the block says it.
        records: The records, as the block names them.
        root: What their paths are relative to: the folder in which the command ran.
        page: The page's file: task files beside it, which the block may name, are not run.
        task_paths: Files or folders with further tasks, as the user names them.

    Raises:
        StoreError: The block says something else, or a record is not there, or damaged.
        StaleError: A record is another one, or its scored samples are gone.
        UsageError: What was chosen is not in the records.
    """
    if not isinstance(options, Mapping):
        message = "The leaderboard's block has options that are no object."
        raise StoreError(message)
    own = {key: options[key] for key in ("left_out", "task_paths") if key in options}
    made = parse(_Made, {**own, "records": records}, "The leaderboard's block")
    told = {key: value for key, value in options.items() if key not in own}
    rest = {**plain(Choice()), **told}  # an earlier block lacks options that came later
    choice = parse(Choice, rest, "The options of the leaderboard")
    entries = load(made.records, task_paths=task_paths, root=root, page=page, more=made.task_paths)
    return board_markdown(make(entries, choice, made.left_out))


def marked_block(options: Mapping[str, Any], entries: Sequence[Entry], text: str) -> str:
    """A text between marks that say what it was made of."""
    told = {"verb": NAME, "options": options, "records": [plain(named(entry)) for entry in entries]}
    return marked(NAME, json.loads(json.dumps(told, sort_keys=True)), text)


def pages(
    standings: Standings, options: Mapping[str, Any], entries: Sequence[Entry]
) -> dict[str, str]:
    """The pages by file name: Markdown, HTML, CSV and JSON."""
    block = marked_block(options, entries, board_markdown(standings))
    return {
        f"{NAME}.md": block + "\n",
        f"{NAME}.html": board_html(standings),
        f"{NAME}.csv": board_csv(standings),
        f"{NAME}.json": board_json(standings),
    }


def replaced(page: str, fresh: str, place: str) -> str:
    """A page with its block replaced, or put at its end where it has none; all else stays.

    Args:
        page: A page that is there; empty where none is.
        fresh: The new page, a block alone.
        place: The page's file, for the error's text.

    Raises:
        UsageError: The marks of its blocks are damaged.
    """
    return with_block(page, fresh.removesuffix("\n"), NAME, place)
