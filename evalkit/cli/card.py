"""`evalkit card`: a model card from run records, or its marked block in a card that is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evalkit.cli.card_files import CARD
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.card.meta import Meta
    from evalkit.card.order import CardOptions, CardOrder, PinnedFile, PinnedRecord
    from evalkit.cli.card_files import Draft
    from evalkit.run_record import RunRecord

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog="A run is its folder, its run.json, MODEL/RUN in results/ or results/published/, or a "
    "baseline. Of a card that is there only the marked block and evalkit's keys of the front "
    "matter are replaced. Exit codes: 0 written, 12 a number is of a part of its data, or not of "
    "the benchmark's, 14 of an unhealthy judge (both may stand there by --allow-partial, marked), "
    "15 a record was edited, or its scored samples contradict it, 2 a mistake."
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--template", default="default", show_default=True, metavar="NAME|FILE",
    help="A template's name, or a file of your own (jinja2, in a sandbox).",
)  # fmt: skip
@click.option("--layout", type=_FILE, metavar="FILE.toml", help="What the tables look like.")
@click.option("--meta", type=_FILE, metavar="FILE.toml", help="Keys of the front matter.")
@click.option(
    "--reference", "references", multiple=True, metavar="RUN",
    help="A record whose numbers stand beside, such as a published one; may be repeated.",
)  # fmt: skip
@click.option(
    "--metrics", type=click.Choice(["headline", "all"]), default="headline",
    help="Those that stand for a task, or all that it has.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help=f"Write DIR/{CARD}; without it the card is printed.",
)  # fmt: skip
@click.option("--block", default="card", show_default=True, help="The marked block's name.")
@click.option(
    "--front-matter/--no-front-matter", "front", default=True, help="Whether to write model-index."
)
@click.option(
    "--eval-results", is_flag=True, help="Write .eval_results/evalkit.yaml, as --meta says."
)
@click.option(
    "--scores", type=click.Choice(["auto", "none"]), default="auto", show_default=True,
    help="Check records by their scored samples where these are there, and tell the best apart by "
    "them where all runs have them; or by intervals.",
)  # fmt: skip
@click.option("--allow-partial", is_flag=True, help="Let incomplete numbers stand, with marks.")
@click.option("--copy-records", is_flag=True, help="Put copies of the records beside the card.")
def command(runs: tuple[str, ...], out: Path | None, block: str, **given: Any) -> None:
    """Write a model card from run records: tables, provenance, front matter."""
    from evalkit.cli.pages import alone_in, check_places
    from evalkit.cli.show import places_read

    root = Path() if out is None else out
    if out is None and (given["copy_records"] or given["eval_results"]):
        message = "--copy-records and --eval-results need --out DIR: files stand beside the card."
        raise UsageError(message)
    check_places([root / CARD], places_read([*runs, *given["references"]]))
    with nullcontext() if out is None else alone_in(out):
        _write(runs, out, block, given)


def _write(runs: Sequence[str], out: Path | None, block: str, given: dict[str, Any]) -> None:
    """Write the card's block, or print the card."""
    from evalkit.cli.card_files import Draft, copies, idle_values, standing, write_card
    from evalkit.cli.local_places import say_local
    from evalkit.report.table import printable

    root = Path() if out is None else out
    wanted = _Wanted(root=root, copies=given["copy_records"], scores=given["scores"] == "auto")
    draft = Draft(
        root=root,
        block=block,
        text=standing(out, block, wants_front=given["front"]),
        meta=_meta(given["meta"], asks=given["eval_results"]),
    )
    records = wanted.records(runs)
    order = _order(wanted, records, given, _options(given, draft, records[0][1].model.name))
    with copies(wanted.copied):
        made = draft.made(order)
        if out is None:
            print(made.card, end="")
            return
        for path in [*wanted.copied, *write_card(out, made)]:
            print(f"written: {printable(str(path))}", file=sys.stderr)
        for path, record in wanted.copied.items():
            say_local(str(path), record)
    if left := idle_values(out, made):
        print(printable(left), file=sys.stderr)


def _meta(path: Path | None, *, asks: bool) -> Meta:
    """The front matter's options.

    Raises:
        UsageError: The file is wrong, or does not say what `.eval_results` is to hold.
    """
    from dataclasses import replace

    from evalkit.card.meta import Meta, read_meta

    meta = Meta() if path is None else read_meta(path)
    if asks and not meta.benchmarks:
        message = (
            "--eval-results needs --meta FILE.toml with a table [eval_results.TASK] for each "
            "value: dataset and task_id of a benchmark that the hub knows, and metric."
        )
        raise UsageError(message)
    return meta if asks else replace(meta, benchmarks=())


def _options(given: dict[str, Any], draft: Draft, model: str) -> CardOptions:
    from evalkit.card.order import CardOptions

    return CardOptions(
        metrics=given["metrics"],
        partial=given["allow_partial"],
        front=draft.front(model) if given["front"] else None,
        benchmarks=draft.meta.benchmarks,
        scores="none" if given["scores"] == "none" else None,
    )


def _order(
    wanted: _Wanted,
    records: Sequence[tuple[Path, RunRecord]],
    given: dict[str, Any],
    options: CardOptions,
) -> CardOrder:
    """What the block will say of itself."""
    from evalkit.card.order import CardOrder
    from evalkit.card.render import template_names

    template = given["template"]
    by_name = template in template_names() or not Path(template).is_file()
    return CardOrder(
        template=template if by_name else wanted.file(Path(template)),
        layout=None if given["layout"] is None else wanted.file(given["layout"]),
        options=options,
        records=wanted.pinned(records, several=len(records) > 1),
        references=wanted.pinned(wanted.records(given["references"]), several=False),
    )


@dataclass(slots=True)
class _Wanted:
    """Where a card will stand, and how it names what it is made of."""

    root: Path
    copies: bool
    scores: bool
    copied: dict[Path, RunRecord]

    def __init__(self, *, root: Path, copies: bool, scores: bool) -> None:
        """Nothing is read yet."""
        self.root, self.copies, self.scores, self.copied = root, copies, scores, {}

    def records(self, names: Sequence[str]) -> list[tuple[Path, RunRecord]]:
        """Records by name, each with its place.

        Raises:
            EvalkitError: One is not there, damaged, or was edited.
        """
        from evalkit.card.order import read_record
        from evalkit.cli.show import side_of

        places = list(dict.fromkeys(map(side_of, names)))
        return [(place, read_record(place)) for place in places]

    def pinned(
        self, records: Sequence[tuple[Path, RunRecord]], *, several: bool
    ) -> tuple[PinnedRecord, ...]:
        """The records as the card names them; copies of them where these were asked for."""
        from evalkit.card.order import has_scores, pinned

        if self.copies:
            return tuple(self._copy(record) for _, record in records)
        by_scores = several and self.scores and all(has_scores(*pair) for pair in records)
        return tuple(
            pinned(place, record, self.root, scores=by_scores) for place, record in records
        )

    def _copy(self, record: RunRecord) -> PinnedRecord:
        from evalkit.card.order import PinnedRecord

        place = f"records/{record.digest[:12]}/run.json"
        self.copied[self.root / place] = record
        return PinnedRecord(path=place, digest=record.digest)

    def file(self, path: Path) -> PinnedFile:
        """A template or layout as the card names it."""
        from evalkit.card.order import PinnedFile, digest_of, read_text, relative

        text = read_text(path, str(path))
        return PinnedFile(path=relative(path, self.root), digest=digest_of(text))
