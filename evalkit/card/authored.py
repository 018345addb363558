"""What a card's own template and layout add to its records: no record bears it out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.card.making import parsed_layout
from evalkit.card.order import CardOrder, read_pinned, shortened


def authored(order: CardOrder, root: Path) -> tuple[str, ...]:
    """What of a card's block is its author's alone, in clauses.

    Args:
        order: What the block says.
        root: The card's folder.

    Raises:
        EvalkitError: The layout is missing, or another.
    """
    told = []
    if not isinstance(order.template, str):
        told.append(
            f"the template {shortened(order.template.path)} is not evalkit's own; what it takes "
            "from records is checked, what it writes itself is not"
        )
    if order.layout is not None:
        scales = sorted(set(_scales(parsed_layout(read_pinned(order.layout, root)))))
        shown = ", ".join(f"{scale:g}" for scale in scales)
        place = shortened(order.layout.path)
        told += [f"by the layout {place} numbers are scaled by {shown}"] * bool(scales)
    return tuple(told)


def _scales(layout: object) -> Iterator[float]:
    """The scales in a layout that change more than where the point stands."""
    if isinstance(layout, list):
        for one in layout:
            yield from _scales(one)
    if not isinstance(layout, Mapping):
        return
    for key, value in layout.items():
        if key != "scale":
            yield from _scales(value)
        elif isinstance(value, int | float) and not _is_shift(value):
            yield float(value)


def _is_shift(scale: float) -> bool:
    """Whether a scale is 1, 10, 100 and the like; what is no scale at all is refused elsewhere."""
    if not (math.isfinite(scale) and scale > 0):
        return True
    return float(f"1e{round(math.log10(scale))}") == scale
