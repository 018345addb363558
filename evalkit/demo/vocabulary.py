"""The words of the demo's world: colours, shapes, sign texts, names and an invented language."""

from typing import Final

PALETTE: Final[dict[str, tuple[int, int, int]]] = {
    "white": (255, 255, 255),
    "black": (20, 20, 20),
    "gray": (140, 140, 140),
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 215, 40),
    "purple": (150, 60, 190),
    "orange": (245, 140, 30),
    "cream": (250, 243, 220),
    "mist": (225, 235, 245),
    "sky": (150, 205, 250),
    "sand": (235, 205, 150),
    "night": (25, 30, 80),
    "grass": (90, 190, 90),
    "silver": (215, 215, 215),
}
"""Colour name to RGB, in the order of the indices that images store: sixteen, four bits each."""

COLORS: Final = ("red", "green", "blue", "yellow", "purple")
"""The colours that a shape may have."""

PAPERS: Final = ("white", "cream", "mist", "silver")
"""The colours that the background of a scene of shapes may have."""

SHAPES: Final = ("circle", "square", "triangle", "cross", "ring")
"""The shapes that a scene may hold."""

WORDS: Final = ("open", "stop", "exit", "milk", "bus", "bread", "park", "zoo", "water", "fish")
"""The words that a sign may carry."""

NAMES: Final = ("anna", "ben", "hugo", "emma")
"""The names that a figure's plate may carry."""

TRANSLATIONS: Final = {"miru": "water", "toka": "bread", "velo": "fish", "pona": "milk"}
"""The invented language of the translation questions: its word to the English word."""

BACKDROPS: Final = ("beach", "forest", "night", "snow")
"""The places that a scene may show."""

LANDMARKS: Final = ("tower", "pyramid", "dome", "arch")
"""The buildings that a scene may show."""

PATTERNS: Final = ("vertical stripes", "horizontal stripes", "checks", "dots")
"""The patterns that a painting may have."""

COUNT_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six")
"""Small numbers in words; the index is the number."""
