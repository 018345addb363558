"""A card's file: what stands there already, what takes its place, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import UsageError

if TYPE_CHECKING:
    from evalkit.card.meta import Meta
    from evalkit.card.order import CardOrder, Front
    from evalkit.run_record import RunRecord

CARD = "README.md"
"""The name of a card on the hub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is to be written.

    Attributes:
        card: The card's text.
        values: What `.eval_results/evalkit.yaml` holds; None where it is not written.
    """

    card: str
    values: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A card that is to have a block.

    Attributes:
        root: Its folder.
        block: The block's name.
        text: What stands there; empty where nothing does.
        meta: What the user says of its front matter.
    """

    root: Path
    block: str
    text: str
    meta: Meta

    @property
    def place(self) -> str:
        """The file, for errors."""
        return str(self.root / CARD)

    def front(self, model: str) -> Front:
        """What the front matter will have of the runs.

        Args:
            model: The name of the first run's model.
        """
        from evalkit.card.front_matter import kept_digest
        from evalkit.card.order import Front
        from evalkit.public import public
        from evalkit.report.table import printable

        name, kept = self._kept()
        return Front(
            name=self.meta.name or name or printable(public(model)),
            slices=self.meta.slices,
            source=self.meta.source,
            kept=kept_digest(kept),
        )

    def made(self, order: CardOrder) -> Made:
        """The card with its block and its keys, by what the records give.

        Raises:
            EvalkitError: As `evalkit.card.making.derive`; or the card's front matter is damaged.
        """
        from evalkit.card.front_matter import dumped, with_keys
        from evalkit.card.making import derive
        from evalkit.report.blocks import marked, with_block

        derived = derive(order, self.root)
        block = marked(self.block, _told(order), derived.body)
        text = with_block(self.text or f"{derived.title}\n", block, self.block, self.place)
        keys = {**self.meta.keys, **self._index(order, derived.results)}
        text = with_keys(text, keys, self.place) if keys else text
        values = derived.eval_results
        return Made(card=text, values=None if values is None else dumped(values) + "\n")

    def _index(self, order: CardOrder, results: Sequence[Any] | None) -> Mapping[str, Any]:
        """The `model-index` that is to stand there; empty where it is nothing to this block."""
        from evalkit.card.front_matter import INDEX, index_of

        front = order.options.front
        if front is None and _front_of(self.text, self.place) != self.block:
            return {}
        name, kept = self._kept()
        return {INDEX: index_of(front.name if front else name or "", kept, results or [])}

    def _kept(self) -> tuple[str | None, list[Any]]:
        """The name of the `model-index` that is there, and the results that are others'."""
        from evalkit.card.front_matter import is_ours, read_head, results_in

        head = read_head(self.text, self.place)
        name, results = results_in(head.data, self.place) if head else (None, [])
        return name, [result for result in results if not is_ours(result)]


def _told(order: CardOrder) -> Mapping[str, Any]:
    """What a block says, without what is nothing."""
    from evalkit.records import plain

    return {key: value for key, value in plain(order).items() if value is not None}


def standing(out: Path | None, block: str, *, wants_front: bool) -> str:
    """The text of the card that is there; empty where there is none.

    Raises:
        UsageError: Its marks are damaged, or another block has the front matter's results.
        StoreError: It cannot be read.
    """
    from evalkit.card.order import read_text

    if out is None or not (out / CARD).exists():
        return ""
    path = out / CARD
    text = read_text(path, str(path))
    owner = _front_of(text, str(path))
    if wants_front and owner not in (None, block):
        message = (
            f"The results in the front matter of {path} belong to its block {owner}; give "
            "--no-front-matter."
        )
        raise UsageError(message)
    return text


def _front_of(text: str, place: str) -> str | None:
    """The name of the block that has results in the front matter; None where none has."""
    from evalkit.report.blocks import blocks_in

    for found in blocks_in(text, place):
        options = found.told.get("options")
        if isinstance(options, dict) and options.get("front"):
            return found.name
    return None


@contextmanager
def copies(wanted: Mapping[Path, RunRecord]) -> Iterator[None]:
    """Records that are put beside a card, and do not stay there if it is not written."""
    from evalkit.store import RunFolder

    fresh = {path for path in wanted if not path.exists()}
    try:
        for path in fresh:
            RunFolder(path.parent).write_record(wanted[path])
        yield
        fresh.clear()
    finally:
        for path in fresh:
            path.unlink(missing_ok=True)


def write_card(out: Path, made: Made) -> list[Path]:
    """Write a card, and its values for the hub's leaderboards; gives what was written."""
    from evalkit.card.eval_results import FILE
    from evalkit.cli.pages import write_pages

    pages = [(out / CARD, made.card)]
    if made.values is not None:
        pages.append((out / FILE, made.values))
    write_pages(pages)
    return [path for path, _ in pages]


def idle_values(out: Path, made: Made) -> str:
    """What is to be said of values that stand beside a card and that no block of it asks for."""
    from evalkit.card.eval_results import FILE
    from evalkit.report.blocks import blocks_in

    told = [block.told.get("options") for block in blocks_in(made.card, CARD)]
    asks = any(isinstance(options, dict) and options.get("benchmarks") for options in told)
    if asks or not (out / FILE).exists():
        return ""
    return f"{out / FILE} stands there, and no block of the card asks for it: take it away."
