"""`evalkit judge review`: the numbers of published grade and review files, both ways."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

from evalkit.cli.judge_options import REFERENCES
from evalkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from evalkit.judge.review import Review
    from evalkit.judge.review_numbers import Numbers
    from evalkit.report.table import Table

_PATH = click.Path(path_type=Path)
_SHOWN = 70


@click.command(
    epilog="Files: MM-Vet's grades (one JSON object; --references mm-vet.json), LLaVA's reviews "
    "(JSON lines). Exit code 14: more than 1 % of the verdicts failed."
)
@click.argument("files", nargs=-1, required=True, type=_PATH, metavar="FILE...")
@click.option("--references", "-r", type=_PATH, metavar="FILE", help=REFERENCES)
@click.option("--explain", is_flag=True, help="List the verdicts that failed, or are doubtful.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--out", type=_PATH, metavar="DIR", help="Write each file as a run: DIR/<its name>.")
def command(
    files: tuple[Path, ...],
    references: Path | None,
    out: Path | None,
    *,
    explain: bool,
    as_json: bool,
) -> int:
    """The numbers of published grade and review files, without a judge."""
    from evalkit.cli.screen import print_json
    from evalkit.judge.review import read_review
    from evalkit.judge.review_numbers import numbers_of

    reviews = [read_review(path, references) for path in files]
    numbers = [numbers_of(review) for review in reviews]
    if out is not None:
        _write(reviews, out)
    if as_json:
        print_json(numbers)
    else:
        _print(reviews, numbers, explain=explain)
    worst = max(found.missing / found.verdicts for found in numbers)
    return ExitCode.JUDGE_UNHEALTHY if worst > 0.01 else ExitCode.OK  # noqa: PLR2004 - the default


def _write(reviews: Sequence[Review], out: Path) -> None:
    """Write each review as a run folder.

    Raises:
        UsageError: Two files have one name.
    """
    from evalkit.report.table import printable
    from evalkit.reviewed_folder import write

    names = [Path(review.name).stem for review in reviews]
    if twice := next((name for name in names if names.count(name) > 1), None):
        message = f"Two of the files are called {twice!r}; write them to two folders."
        raise UsageError(message)
    for name, review in zip(names, reviews, strict=True):
        write(review, out / name)
        print(f"written: {printable(str(out / name))}", file=sys.stderr)


def _print(reviews: Sequence[Review], numbers: Sequence[Numbers], *, explain: bool) -> None:
    from evalkit.report.text_table import text_table

    for review, found in zip(reviews, numbers, strict=True):
        print(text_table(_metrics(found, review), review.name), end="")
        for tag, table in _slices(found):
            print(text_table(table, f"{review.name}, by {tag}"), end="")
        if explain and (found.failed or found.doubtful):
            print(text_table(_explained(review, found), f"{review.name}, explained"), end="")
    official = [found.official["all"][0] for found in numbers if found.official]
    if len(official) > 1:
        print(f"  mean of {len(official)} official relative scores: {fmean(official):.2f}")


def _metrics(found: Numbers, review: Review) -> Table:
    from evalkit.report.table import Table, interval, number

    rows = [
        (name, number(value.value, value.maximum), interval(value), str(value.n))
        for name, value in found.metrics.items()
    ]
    if found.official:
        relative, first, second = found.official["all"]
        one, two = found.totals or (0.0, 0.0)
        printed = (
            f"the official script prints {relative} {first} {second}, and the points are {one:.1f} "
            f"and {two:.1f} in all"
        )
    else:
        printed = "the official total takes a failed verdict for 0"
    verdicts = f"{found.missing} failed verdict{'' if found.missing == 1 else 's'}"
    reading = f"`judged` leaves {verdicts} out, which may all have been worst, or best."
    notes = (f"{printed}; {reading}", *_notes(review))
    header = ("metric", "value", "95 % interval", "n")
    return Table(header=header, rows=tuple(rows), notes=notes)


def _notes(review: Review) -> Iterator[str]:
    yield from review.notes
    if review.differing:
        yield f"{_stored(review.differing)} not what the reply reads as (--explain)."
    if review.outside:
        yield f"{_stored(review.outside)} not from 0 to 10; the official script counts such."
    if not review.pictured:
        told = "MM-Vet's own mm-vet.json" if review.task == "mmvet" else "LLaVA's questions.jsonl"
        yield (
            "Questions about one picture are taken for independent, so intervals may be too "
            f"narrow: {told} says which they are (--references)."
        )


def _stored(names: Sequence[str]) -> str:
    return "1 stored rating is" if len(names) == 1 else f"{len(names)} stored ratings are"


def _slices(found: Numbers) -> list[tuple[str, Table]]:
    from evalkit.report.table import Table, number

    tables = []
    for tag, slices in found.slices.items():
        names = list(next(iter(slices.values()), {}))
        official = ("official", "x10 first", "x10 second") if found.official else ()
        rows = tuple(
            (
                name,
                *(number(own[key], found.metrics[key].maximum) for key in names),
                *(map(str, found.official[name]) if found.official else ()),
            )
            for name, own in slices.items()
        )
        tables.append((tag, Table(header=(tag, *names, *official), rows=rows, notes=())))
    return tables


def _explained(review: Review, found: Numbers) -> Table:
    from evalkit.report.table import Table

    odd = {*found.failed, *found.doubtful}
    rows = tuple(
        (
            verdict.sample_id,
            "failed" if verdict.failure else f"stored {verdict.ratings}",
            repr((verdict.reply or "").split("\n", maxsplit=1)[0])[:_SHOWN],
        )
        for verdict in review.verdicts
        if verdict.sample_id in odd
    )
    return Table(header=("sample", "verdict", "the judge's first line"), rows=rows, notes=())
