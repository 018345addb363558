"""What a card's block says -> its body, and the results of its front matter."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.board.ranks import undistinguished
from evalkit.card.derived import SHAPES
from evalkit.card.entries import Entry, labels
from evalkit.card.eval_results import eval_results
from evalkit.card.model_index import model_index
from evalkit.card.order import CardOrder, PinnedRecord, ScoresFrom, load, read_pinned
from evalkit.card.render import Sheet, body, heading, template_text
from evalkit.card.titles import titles
from evalkit.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What is derived from records for a card.

    Attributes:
        title: The heading of a new card, as Markdown.
        body: The block's body, as Markdown.
        results: The results of `model-index`; None where the front matter has none of this block.
        eval_results: What `.eval_results/evalkit.yaml` holds; None where it was not asked for.
    """

    title: str
    body: str
    results: list[dict[str, Any]] | None
    eval_results: list[dict[str, Any]] | None


def derive(order: CardOrder, root: Path) -> Derived:
    """What a card's block stands for, from the records.

    Args:
        order: What the block says.
        root: The card's folder.

    Raises:
        EvalkitError: A record, template or layout is missing, damaged or another; a number may not
            stand there; an optional package is missing.
    """
    sheet, options = sheet_of(order, root), order.options
    front = options.front
    return Derived(
        title=heading(sheet),
        body=body(sheet, undistinguished),
        results=None
        if front is None
        else model_index(sheet.entries, options.metrics, front.slices, front.source),
        eval_results=eval_results(
            sheet.entries, options.benchmarks, front.source if front else None
        )
        if options.benchmarks
        else None,
    )


def sheet_of(order: CardOrder, root: Path) -> Sheet:
    """What the body is made of, read; errors as `derive`."""
    scores = order.options.scores
    layout = None if order.layout is None else read_pinned(order.layout, root)
    entries, front = _entries(order.records, root, scores), order.options.front
    references = tuple(load(told, root, scores)[0] for told in order.references)
    return Sheet(
        entries=entries,
        references=references,
        template=template_text(order.template)
        if isinstance(order.template, str)
        else read_pinned(order.template, root),
        called=order.template if isinstance(order.template, str) else order.template.path,
        metrics=order.options.metrics,
        partial=order.options.partial,
        layout=None if layout is None else parsed_layout(layout),
        shape=next((shape for shape in SHAPES if shape == order.template), None),
        titles=titles([*(entry.record for entry in entries), *references]),
        name=None if front is None else front.name,
        indexed=None if front is None else entries[0].label,
    )


def _entries(records: Sequence[PinnedRecord], root: Path, scores: ScoresFrom) -> tuple[Entry, ...]:
    held = [load(told, root, scores) for told in records]
    names = labels([record for record, _ in held])
    return tuple(
        Entry(record=record, label=name, scored=scored)
        for (record, scored), name in zip(held, names, strict=True)
    )


def parsed_layout(text: str) -> Mapping[str, Any]:
    """A layout file's text, as TOML.

    Raises:
        UsageError: It is none.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"The layout is not valid TOML: {error}."
        raise UsageError(message) from error
