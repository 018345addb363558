"""True sentences about a scene: in one line, in detail, and its shapes as a list."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from evalkit.demo.rows.vqav2 import plural
from evalkit.demo.scenes import PATCH, SIDE, Scene, Shape, Sign
from evalkit.demo.vocabulary import BACKDROPS, COUNT_WORDS, LANDMARKS, PATTERNS

_SAID: Final = {
    "mist": "pale blue",
    "sky": "light blue",
    "sand": "sand-colored",
    "silver": "light gray",
}
"""Colours whose name in the palette is none that people would say."""

_PLACES: Final = {
    "beach": (
        "A beach under the sun.",
        "Behind the sand lies blue water, and a yellow sun is at the upper right of a pale sky.",
    ),
    "forest": (
        "A forest under a clear sky.",
        "Green trees stand side by side on green ground, and the sky above them is light blue.",
    ),
    "night": (
        "A night sky with stars and the moon.",
        "Small white stars are spread over the dark sky, and a yellow moon is at the upper right.",
    ),
    "snow": (
        "Snow that falls on white ground.",
        "White flakes fall from a gray sky, and the ground at the bottom is white.",
    ),
}
"""For each place, what it is and what there is to see."""

_FORMS: Final = {
    "tower": "It is much taller than it is wide",
    "pyramid": "It is wide at the bottom and comes to a point at the top",
    "dome": "It is round at the top and widest at the bottom",
    "arch": "It has an opening in the middle of its lower part",
}
"""What tells each building from the others."""


def caption(scene: Scene) -> str:
    """Say in one sentence what a scene shows."""
    return _SENTENCES[scene.motif](scene)[0]


def description(scene: Scene) -> str:
    """Say in two or more sentences what a scene shows and where it is."""
    return _SENTENCES[scene.motif](scene)[1]


def form(scene: Scene) -> str:
    """Say by what the building of a scene is known for what it is; no full stop ends it."""
    return _FORMS[scene.motif]


def color_name(color: str) -> str:
    """Give the words for a colour of the palette."""
    return _SAID.get(color, color)


def listed(names: Sequence[str]) -> str:
    """Join names by commas and a final "and"."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def shape_list(shapes: Sequence[Shape]) -> str:
    """List shapes, like ones together: "a red circle and two blue rings"."""
    counts = Counter(shape.name for shape in shapes)
    return listed(
        [
            f"a {name}" if count == 1 else f"{COUNT_WORDS[count]} {plural(name)}"
            for name, count in counts.items()
        ]
    )


def number_of_shapes(scene: Scene) -> str:
    """Say how many shapes a scene holds, as in "Three shapes"."""
    count = len(scene.shapes)
    return f"{COUNT_WORDS[count].capitalize()} shape{'' if count == 1 else 's'}"


def lit(scene: Scene) -> str:
    """Give the colour of the lamp that is lit in a scene with a traffic light."""
    return scene.motif.removesuffix(" light")


def place(shape: Shape) -> str:
    """Give the quarter of the picture that a shape is in, such as "upper left"."""
    return f"{'upper' if shape.y < SIDE // 2 else 'lower'} {shape.side}"


def _shapes(scene: Scene) -> tuple[str, str]:
    ground = f"on a {color_name(scene.paper)} background"
    named = shape_list(scene.shapes)
    said = "".join(f" and a sign that says {sign.text}" for sign in scene.signs)
    holds = [f"a {shape.size} {shape.name} at the {place(shape)}" for shape in scene.shapes]
    signs = "".join(_sign(sign) for sign in scene.signs)
    return (
        f"{named[0].upper()}{named[1:]} {ground}{said}.",
        f"{number_of_shapes(scene)} can be seen {ground}: {listed(holds)}.{signs}",
    )


def _sign(sign: Sign) -> str:
    height = "top" if sign.row < SIDE // PATCH // 2 else "bottom"
    return f" The sign at the {height} says {sign.text} in {sign.ink} letters on {sign.plate}."


def _place(scene: Scene) -> tuple[str, str]:
    return _longer(*_PLACES[scene.motif])


def _landmark(scene: Scene) -> tuple[str, str]:
    return _longer(
        f"A {scene.tint} {scene.motif} on green ground.",
        f"{form(scene)}, and the sky behind it is {color_name(scene.paper)}.",
    )


def _painting(scene: Scene) -> tuple[str, str]:
    return _longer(
        f"A painting of {scene.tint} {scene.motif} in a black frame.",
        f"Between the {scene.motif} one sees the {color_name(scene.paper)} canvas.",
    )


def _light(scene: Scene) -> tuple[str, str]:
    return _longer(
        f"A traffic light whose {lit(scene)} lamp is lit.",
        "Three lamps stand one over another in a black case on a pole, and two of them are gray.",
    )


def _figure(scene: Scene) -> tuple[str, str]:
    plate = "white with black letters"
    return _longer(
        f"A figure over a plate with the name {scene.signs[0].text.capitalize()}.",
        f"The figure has a round head and wears {scene.tint}. The plate is {plate}, and the "
        f"background is {color_name(scene.paper)}.",
    )


def _poster(scene: Scene) -> tuple[str, str]:
    return _longer(
        f"A {color_name(scene.tint)} poster with the word {scene.signs[0].text}.",
        "The poster has a black frame, and its letters are black.",
    )


def _longer(short: str, more: str) -> tuple[str, str]:
    return short, f"{short} {more}"


_SENTENCES: Final[dict[str, Callable[[Scene], tuple[str, str]]]] = {
    "": _shapes,
    **dict.fromkeys(BACKDROPS, _place),
    **dict.fromkeys(LANDMARKS, _landmark),
    **dict.fromkeys(PATTERNS, _painting),
    **dict.fromkeys(("red light", "green light"), _light),
    "figure": _figure,
    "poster": _poster,
}
"""For each motif, what makes the caption and the description."""
