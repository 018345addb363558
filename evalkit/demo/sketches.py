"""Random composition: draws scenes of each kind from a random number generator."""

from random import Random
from typing import Final

from evalkit.demo.scenes import CELL, Scene, Shape, Sign
from evalkit.demo.vocabulary import (
    BACKDROPS,
    COLORS,
    LANDMARKS,
    NAMES,
    PAPERS,
    PATTERNS,
    SHAPES,
    TRANSLATIONS,
    WORDS,
)

PLATES: Final = (
    ("black", "white"),
    ("white", "red"),
    ("white", "blue"),
    ("white", "green"),
    ("black", "yellow"),
)
"""Ink and plate colours of signs."""

_CELLS_PER_SIDE = 4


def shapes(rng: Random, count: int, *, rows: range = range(_CELLS_PER_SIDE)) -> tuple[Shape, ...]:
    """Draw shapes that do not touch.

    Args:
        rng: Source of all choices.
        count: How many shapes.
        rows: Rows of cells that may hold one.

    Returns:
        The shapes; a kind may occur more than once.
    """
    cells = rng.sample([(column, row) for row in rows for column in range(_CELLS_PER_SIDE)], count)
    kinds = rng.sample(SHAPES, min(count, len(SHAPES)))
    if rng.random() < 0.4:
        kinds = rng.choices(kinds[: max(1, count // 2)], k=count)
    return tuple(place(rng, kind, cell) for kind, cell in zip(kinds, cells, strict=False))


def place(
    rng: Random, kind: str, cell: tuple[int, int], *, color: str = "", size: str = ""
) -> Shape:
    """Put a shape into a cell (column, row), near its middle; what is not given is drawn."""
    size = size or rng.choice(("small", "large"))
    reach = 2 if size == "small" else 0
    x, y = (CELL * index + CELL // 2 + rng.randint(-reach, reach) for index in cell)
    return Shape(kind, color or rng.choice(COLORS), size, x, y)


def sign(
    rng: Random, text: str, rows: range, *, plates: tuple[tuple[str, str], ...] = PLATES
) -> Sign:
    """Put a line of letters somewhere in the given rows of patches."""
    ink, plate = rng.choice(plates)
    return Sign(text, ink, plate, rng.randint(0, 8 - len(text)), rng.choice(rows))


def number(rng: Random) -> str:
    """Draw a number of one to three digits, as text."""
    return str(rng.randint(1, 10 ** rng.randint(1, 3) - 1))


def still_life(rng: Random) -> Scene:
    """Draw a scene of one to four shapes; some also have a sign at the top or the bottom."""
    paper, count = rng.choice(PAPERS), rng.choice((1, 2, 2, 3, 3, 4))
    if rng.random() < 0.7:
        return Scene(paper, shapes(rng, count))
    top = rng.random() < 0.5
    rows, free = (range(2), range(1, 4)) if top else (range(6, 8), range(3))
    return Scene(paper, shapes(rng, count, rows=free), (sign(rng, rng.choice(WORDS), rows),))


def street(rng: Random) -> Scene:
    """Draw a scene with a word, a number or both on signs, and up to three shapes."""
    texts = [rng.choice(WORDS), number(rng)]
    rng.shuffle(texts)
    texts = texts[: rng.choice((1, 2))]
    plates = rng.sample(PLATES, len(texts))
    rows = (range(2), range(6, 8)) if rng.random() < 0.5 else (range(6, 8), range(2))
    signs = tuple(
        sign(rng, t, r, plates=(p,)) for t, r, p in zip(texts, rows, plates, strict=False)
    )
    return Scene(rng.choice(PAPERS), shapes(rng, rng.randint(0, 3), rows=range(1, 3)), signs)


def poster(rng: Random) -> Scene:
    """Draw a word in a framed sheet."""
    tint = rng.choice(("white", "cream", "sky", "sand"))
    word = rng.choice(WORDS)
    title = Sign(word, "black", tint, rng.randint(1, 7 - len(word)), rng.choice((1, 2, 3, 4)))
    return Scene(rng.choice(PAPERS), (), (title,), "poster", tint)


def portrait(rng: Random) -> Scene:
    """Draw a figure over a plate with a name."""
    name = rng.choice(NAMES)
    plate = Sign(name, "black", "white", rng.randint(1, 7 - len(name)), rng.choice((6, 7)))
    return Scene(rng.choice(PAPERS[1:]), (), (plate,), "figure", rng.choice(COLORS[:6]))


def place_view(rng: Random) -> Scene:
    """Draw a place; up to two shapes float in it."""
    return Scene(
        "white", shapes(rng, rng.randint(0, 2), rows=range(1, 3)), (), rng.choice(BACKDROPS)
    )


def landmark(rng: Random) -> Scene:
    """Draw a large building."""
    return Scene(
        rng.choice(("white", "cream", "mist", "sky")),
        (),
        (),
        rng.choice(LANDMARKS),
        rng.choice(COLORS),
    )


def painting(rng: Random) -> Scene:
    """Draw a framed pattern."""
    return Scene(rng.choice(PAPERS), (), (), rng.choice(PATTERNS), rng.choice(COLORS[:6]))


def traffic_light(rng: Random) -> Scene:
    """Draw a traffic light with one lamp lit."""
    return Scene(rng.choice((*PAPERS, "sky")), (), (), f"{rng.choice(('red', 'green'))} light")


def calculation(rng: Random) -> Scene:
    """Draw a sum or a difference of two digits, such as 4+3=?; the value is 0 to 9."""
    first = rng.randint(1, 8)
    text = (
        f"{first}+{rng.randint(1, 9 - first)}"
        if rng.random() < 0.5
        else f"{first}-{rng.randint(1, first)}"
    )
    plain = tuple(pair for pair in PLATES if pair != ("black", "yellow"))
    return Scene(rng.choice(PAPERS), (), (sign(rng, f"{text}=?", range(8), plates=plain),))


def foreign_word(rng: Random) -> Scene:
    """Draw a word of the invented language."""
    return Scene(rng.choice(PAPERS), (), (sign(rng, rng.choice(list(TRANSLATIONS)), range(8)),))


def program(rng: Random) -> Scene:
    """Draw two lines of code: A=3, then A+2."""
    first = rng.randint(1, 5)
    column, row = rng.randint(0, 4), rng.randint(0, 5)
    lines = (f"a={first}", f"a+{rng.randint(1, 9 - first)}")
    return Scene(
        rng.choice(PAPERS),
        (),
        tuple(
            Sign(line, "black", "white", column, row + 2 * index)
            for index, line in enumerate(lines)
        ),
    )
