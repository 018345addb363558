"""Scenes: what a demo picture holds, and how it is drawn.

A picture has 64 x 64 pixels: 4 x 4 cells of 16 pixels for shapes, 8 x 8 patches of 8 pixels for
letters.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evalkit.demo import glyphs, png
from evalkit.demo.vocabulary import PALETTE

SIDE: Final = 64
"""Width and height of a picture, in pixels."""

CELL: Final = 16
"""Width and height of a shape's cell, in pixels."""

PATCH: Final = 8
"""Width and height of a letter's patch, in pixels."""

RADIUS: Final = {"small": 4, "large": 7}
"""Half the width of a shape, in pixels."""

_INDEX: Final = {name: index for index, name in enumerate(PALETTE)}
_Y, _X = np.mgrid[0:SIDE, 0:SIDE]


@dataclass(frozen=True, slots=True)
class Shape:
    """One coloured shape; `x` and `y` are its centre in pixels."""

    kind: str
    color: str
    size: str
    x: int
    y: int

    @property
    def name(self) -> str:
        """The shape with its colour, as in "red circle"."""
        return f"{self.color} {self.kind}"

    @property
    def side(self) -> str:
        """The half of the picture that the centre is in: "left" or "right"."""
        return "left" if self.x < SIDE // 2 else "right"


@dataclass(frozen=True, slots=True)
class Sign:
    """One line of letters on a plate; `column` and `row` are the patch of the first letter."""

    text: str
    ink: str
    plate: str
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a picture shows.

    Attributes:
        paper: Colour of the background.
        shapes: Coloured shapes, none over another.
        signs: Lines of letters.
        motif: What fills the picture behind them, such as "forest" or "dots"; "" for nothing.
        tint: Colour of the motif, where it has one.
    """

    paper: str
    shapes: tuple[Shape, ...] = ()
    signs: tuple[Sign, ...] = ()
    motif: str = ""
    tint: str = "black"

    def pixels(self) -> NDArray[np.uint8]:
        """Draw the scene: palette indices of shape (64, 64)."""
        canvas = np.full((SIDE, SIDE), _INDEX[self.paper], np.uint8)
        if self.motif:
            _draw_motif(canvas, self.motif, self.tint)
        for shape in self.shapes:
            canvas[_inside(shape.kind, RADIUS[shape.size], shape.x, shape.y)] = _INDEX[shape.color]
        for sign in self.signs:
            _draw_sign(canvas, sign)
        return canvas

    def png(self) -> bytes:
        """Draw the scene as a PNG file."""
        return png.encode(self.pixels())


@cache
def _inside(kind: str, radius: int, x: int, y: int) -> NDArray[np.bool_]:
    """Give the pixels of a shape. All arithmetic is on integers."""
    dx, dy = _X - x, _Y - y
    across, down = abs(dx), abs(dy)
    box = (across <= radius) & (down <= radius)
    square_distance = dx * dx + dy * dy
    disc = square_distance <= radius * radius + 1
    areas = {
        "circle": disc,
        "square": box & (across < radius) & (down < radius),
        "triangle": box & (2 * across <= dy + radius),
        "cross": box & ((3 * across <= radius) | (3 * down <= radius)),
        "diamond": across + down <= radius,
        "ring": disc & (4 * square_distance > radius * radius + 2),
    }
    area: NDArray[np.bool_] = areas[kind]
    return area


def _draw_sign(canvas: NDArray[np.uint8], sign: Sign) -> None:
    top, left = sign.row * PATCH, sign.column * PATCH
    canvas[top : top + PATCH, left : left + PATCH * len(sign.text)] = _INDEX[sign.plate]
    for character in sign.text.upper():
        patch = canvas[top : top + glyphs.HEIGHT, left + 1 : left + 1 + glyphs.WIDTH]
        patch[glyphs.glyph(character)] = _INDEX[sign.ink]
        left += PATCH


def _draw_motif(canvas: NDArray[np.uint8], motif: str, tint: str) -> None:
    for area, color in _motif_layers(motif, tint):
        canvas[area] = _INDEX[color]


@cache
def _motif_layers(motif: str, tint: str) -> list[tuple[NDArray[np.bool_], str]]:
    """List the coloured areas of a motif, the hindmost first."""
    return {**_places(), **_buildings(tint), **_paintings(tint), **_figures(tint)}[motif]


def _places() -> dict[str, list[tuple[NDArray[np.bool_], str]]]:
    everywhere = _Y >= 0
    moon = (_X - 50) ** 2 + (_Y - 12) ** 2 <= 36
    trees = (_Y > 20) & (_Y < 52) & (2 * abs(_X % 16 - 8) <= _Y % 32)
    flakes = (_X % 12 < 2) & (_Y % 12 < 2)
    return {
        "beach": [(everywhere, "sky"), (_Y > 24, "blue"), (_Y > 40, "sand"), (moon, "yellow")],
        "forest": [(everywhere, "sky"), (_Y > 48, "grass"), (trees, "green")],
        "night": [(everywhere, "night"), (flakes & (_X % 24 < 12), "white"), (moon, "yellow")],
        "snow": [(everywhere, "gray"), (_Y > 44, "white"), (flakes, "white")],
    }


def _buildings(tint: str) -> dict[str, list[tuple[NDArray[np.bool_], str]]]:
    ground = _Y > 56
    middle = abs(_X - 32)
    hole = (middle < 10) & (_Y > 32) & (_Y <= 56)
    dome = (_X - 32) ** 2 + (_Y - 56) ** 2 <= 576
    return {
        "tower": [(ground, "grass"), ((middle < 7) & (_Y > 8) & ~ground, tint)],
        "pyramid": [(ground, "grass"), ((2 * middle <= _Y - 8) & ~ground, tint)],
        "dome": [(ground, "grass"), (dome & ~ground, tint)],
        "arch": [(ground, "grass"), ((middle < 20) & (_Y > 16) & ~ground, tint), (hole, "white")],
    }


def _paintings(tint: str) -> dict[str, list[tuple[NDArray[np.bool_], str]]]:
    inner = (abs(_X - 32) < 28) & (abs(_Y - 32) < 28)
    frame = (abs(_X - 32) < 31) & (abs(_Y - 32) < 31) & ~inner
    areas = {
        "vertical stripes": _X % 8 < 4,
        "horizontal stripes": _Y % 8 < 4,
        "checks": (_X % 16 < 8) ^ (_Y % 16 < 8),
        "dots": (_X % 8 - 4) ** 2 + (_Y % 8 - 4) ** 2 <= 5,
    }
    return {name: [(inner & area, tint), (frame, "black")] for name, area in areas.items()}


def _figures(tint: str) -> dict[str, list[tuple[NDArray[np.bool_], str]]]:
    head = (_X - 32) ** 2 + (_Y - 12) ** 2 <= 64
    body = (abs(_X - 32) < 12) & (_Y > 21) & (_Y < 46)
    case = (abs(_X - 32) < 10) & (_Y > 2) & (_Y < 54)
    pole = (abs(_X - 32) < 2) & (_Y >= 54)
    heights = {"red": 12, "yellow": 28, "green": 44}
    lamps = {name: (_X - 32) ** 2 + (_Y - height) ** 2 <= 36 for name, height in heights.items()}
    lights = {
        f"{name} light": [
            (case | pole, "black"),
            *((lamp, "gray") for lamp in lamps.values()),
            (lamps[name], name),
        ]
        for name in heights
    }
    return {
        "figure": [(head, "sand"), (body, tint)],
        "poster": [
            ((abs(_X - 32) < 30) & (abs(_Y - 32) < 30), "black"),
            ((abs(_X - 32) < 27) & (abs(_Y - 32) < 27), tint),
        ],
        **lights,
    }
