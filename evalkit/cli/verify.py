"""`evalkit verify`: whether cards and leaderboards say what their records say."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalkit.errors import EvalkitError, ExitCode

_ALL = "every number is what its record gives."
_ALL_NOTED = "what is taken from records is what they give; the notes say what is not checked."


@click.command(
    epilog="Every marked block is derived again from the run records that it names, and so are the "
    "results in a card's front matter. Exit codes: 0 all the same; 15 something is stale, edited "
    "or has no record, each told with its line; 2 a file has no block. Of several files all are "
    "looked at, and the highest code counts."
)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option("--quiet", "-q", is_flag=True, help="Print nothing where all is the same.")
@click.option(
    "--task-path", "task_paths", multiple=True, metavar="PATH",
    help="More task files, for leaderboards.",
)  # fmt: skip
def command(files: tuple[Path, ...], *, quiet: bool, task_paths: tuple[str, ...]) -> int:
    """Derive the numbers of cards and leaderboards again, and say which are others."""
    from evalkit.report.spoken import spoken
    from evalkit.verify import Finding, unchecked, verify

    found: list[Finding] = []
    notes: list[Finding] = []
    codes = {int(ExitCode.OK)}
    for file in files:
        try:
            found += verify(file, task_paths)
            notes += unchecked(file)
        except EvalkitError as error:
            codes.add(int(error.exit_code))
            print(spoken(f"evalkit: {error}"), file=sys.stderr)
    for one in found:
        print(spoken(f"{one.place}:{one.line}: {one.text}"))
    if found:
        codes.add(int(ExitCode.STALE))
        stale = len({one.place for one in found})
        print(
            f"evalkit: {len(found)} places in {stale} of {len(files)} files are not what their "
            "records give.",
            file=sys.stderr,
        )
    if not quiet:
        for one in notes:
            print(spoken(f"{one.place}:{one.line}: note: {one.text}."))
        if max(codes) == ExitCode.OK:
            print(spoken(f"{len(files)} verified: {_ALL_NOTED if notes else _ALL}"))
    return max(codes)
