"""A reader of the demo's pictures: it knows pixels and letters, and no scene."""

import io
from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from evalkit.demo.glyphs import CHARACTERS, glyph
from evalkit.demo.vocabulary import COLORS, PALETTE

_NAMES = {rgb: name for name, rgb in PALETTE.items()}
_LETTERS = {glyph(character).tobytes(): character.lower() for character in CHARACTERS}
_SIDE, _PATCH = 64, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of letters; `row` counts patches from the top."""

    text: str
    ink: str
    plate: str
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A connected area of one colour; `x` and `y` are the middle of its box."""

    kind: str
    color: str
    size: str
    x: float
    y: float

    @property
    def name(self):
        return f"{self.color} {self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a picture's pixels say; `grid` holds colour names, of shape (64, 64)."""

    grid: np.ndarray
    lines: list[Line]
    spots: list[Spot]

    @property
    def colors(self):
        return set(self.grid.flat)


@pytest.fixture(scope="session")
def look():
    """The reader: the bytes of a picture to a `Seen`."""
    return _look


def _look(png):
    with Image.open(io.BytesIO(png)) as image:
        rgb = np.asarray(image.convert("RGB"))
    grid = np.array([[_NAMES[tuple(map(int, pixel))] for pixel in row] for row in rgb], object)
    bare = grid.copy()
    lines = _read(grid, bare)
    spots = [_spot(color, area) for color in (*COLORS, "gray") for area in _areas(bare == color)]
    return Seen(grid=grid, lines=lines, spots=spots)


def _read(grid, bare):
    """Join the letters of each row of patches, and blank their patches in `bare`."""
    lines = []
    for row in range(_SIDE // _PATCH):
        last = None
        for column in range(_SIDE // _PATCH):
            place = np.s_[
                row * _PATCH : (row + 1) * _PATCH, column * _PATCH : (column + 1) * _PATCH
            ]
            found = _letter(grid[place])
            if found:
                letter, *colors = found
                if last != colors:
                    lines.append(["", *colors, row])
                lines[-1][0] += letter
                bare[place] = ""
            last = found and colors
    return [Line(text=text, ink=ink, plate=plate, row=row) for text, ink, plate, row in lines]


def _letter(patch):
    """Give the letter of a patch, its ink and its plate; None if it holds no letter."""
    plate = patch[-1, 0]
    marked = patch != plate
    inks = set(patch[marked])
    letter = _LETTERS.get(np.ascontiguousarray(marked[:7, 1:6]).tobytes())
    if len(inks) != 1 or not letter or marked.sum() != marked[:7, 1:6].sum():
        return None
    return letter, inks.pop(), plate


def _areas(mask):
    """Cut a mask into areas whose pixels touch, corners included."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    while left:
        queue, area = deque([left.pop()]), []
        while queue:
            y, x = queue.popleft()
            area.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            queue += near
        yield np.array(area)


def _spot(color, area):
    top, left = area.min(axis=0)
    height, width = area.max(axis=0) - (top, left) + 1
    inked = np.zeros((height, width), bool)
    inked[tuple((area - (top, left)).T)] = True
    return Spot(
        kind=_kind(inked),
        color=color,
        size="large" if width > 11 else "small",
        x=left + (width - 1) / 2,
        y=top + (height - 1) / 2,
    )


def _kind(inked):
    if inked.all():
        return "square"
    if not inked[inked.shape[0] // 2, inked.shape[1] // 2]:
        return "ring"
    if inked[-1].all():
        return "triangle"
    return "circle" if inked.mean() > 0.62 else "cross"
