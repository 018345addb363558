"""`evalkit verify`: whether cards and leaderboards say what their records say."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evalkit.errors import ExitCode


@click.command(
    epilog="Every marked block is derived again from the run records that it names, and so are the "
    "results in a card's front matter. Exit codes: 0 all the same; 15 something is stale, edited "
    "or has no record, each told with its line; 2 a file has no block."
)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option("--quiet", "-q", is_flag=True, help="Print nothing where all is the same.")
def command(files: tuple[Path, ...], *, quiet: bool) -> int:
    """Derive the numbers of cards and leaderboards again, and say which are others."""
    from evalkit.report.spoken import spoken
    from evalkit.verify import verify

    found = [one for file in files for one in verify(file)]
    for one in found:
        print(spoken(f"{one.place}:{one.line}: {one.text}"))
    if found:
        stale = len({one.place for one in found})
        print(
            f"evalkit: {len(found)} places in {stale} of {len(files)} files are not what their "
            "records give.",
            file=sys.stderr,
        )
        return ExitCode.STALE
    if not quiet:
        print(spoken(f"{len(files)} verified: every number is what its record gives."))
    return ExitCode.OK
