"""What is true of a scene: the parts that the questions of every family are made of."""

from dataclasses import dataclass
from random import Random
from typing import Any

from evalkit.demo.scenes import Scene, Shape
from evalkit.demo.vocabulary import COLORS, SHAPES

Row = dict[str, Any]
"""One question in its dataset's columns, without the image column."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Where one shape is, seen from another: "left of", "right of", "above" or "below"."""

    first: Shape
    name: str
    second: Shape


OPPOSITES = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
"""Each relation's contrary."""


def lone(scene: Scene) -> list[Shape]:
    """List the shapes whose kind no other shape of the scene has: "the circle" names them."""
    kinds = [shape.kind for shape in scene.shapes]
    return [shape for shape in scene.shapes if kinds.count(shape.kind) == 1]


def lone_colored(scene: Scene) -> list[Shape]:
    """List the shapes whose colour no other shape of the scene has: "the red shape" names them."""
    colors = [shape.color for shape in scene.shapes]
    return [shape for shape in scene.shapes if colors.count(shape.color) == 1]


def relation(rng: Random, first: Shape, second: Shape) -> Relation | None:
    """Tell where one shape is, seen from another; None if they are not clearly apart."""
    options = []
    if abs(first.x - second.x) >= 12:
        options.append("left of" if first.x < second.x else "right of")
    if abs(first.y - second.y) >= 12:
        options.append("above" if first.y < second.y else "below")
    return Relation(first, rng.choice(options), second) if options else None


def coin(rng: Random) -> bool:
    """Draw yes or no with equal chance."""
    return rng.random() < 0.5


def other(rng: Random, options: tuple[str, ...], *not_these: str) -> str:
    """Draw one of the options that is none of those named."""
    return rng.choice([option for option in options if option not in not_these])


def absent_kind(rng: Random, scene: Scene) -> str:
    """Draw a kind of shape that the scene does not hold."""
    return other(rng, SHAPES, *(shape.kind for shape in scene.shapes))


def absent_name(rng: Random, scene: Scene, *, near: bool) -> str:
    """Draw a coloured shape that the scene does not hold.

    Args:
        rng: Source of the choice.
        scene: The scene.
        near: Whether to change one thing of a shape that the scene holds, not both.

    Returns:
        A name such as "red circle".
    """
    held = {shape.name for shape in scene.shapes}
    while True:
        color, kind = rng.choice(COLORS), rng.choice(SHAPES)
        if near and scene.shapes:
            shape = rng.choice(scene.shapes)
            color, kind = (color, shape.kind) if coin(rng) else (shape.color, kind)
        if f"{color} {kind}" not in held:
            return f"{color} {kind}"


def yes_no(truth: bool) -> str:  # noqa: FBT001
    """Say a truth as "yes" or "no"."""
    return "yes" if truth else "no"
