"""Questions in the columns of MM-Vet: each needs the capabilities that its row names.

Alternatives in an answer are joined by `<OR>`, parts that must all be said by `<AND>`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from evalkit.demo import sketches
from evalkit.demo.descriptions import caption, color_name, description, lit
from evalkit.demo.facts import Row, lone
from evalkit.demo.scenes import Scene

_KNOWN: Final = {
    "beach": ("What is the yellow disc in the sky?", "the sun<OR>sun"),
    "forest": ("What gas do the plants here make that people breathe?", "oxygen<OR>O2"),
    "night": ("What does the yellow disc in the sky move around?", "the Earth<OR>Earth"),
    "snow": ("What do the flakes here turn into when they melt?", "water"),
}
"""For each place, a question that needs to know something about what it shows."""

_DONE: Final = {
    "beach": "People come here to swim and to lie in the sun.",
    "forest": "People come here to walk and to rest in the shade.",
    "night": "People come out at this hour to look at the stars.",
    "snow": "People come here to ski and to build snowmen.",
}
"""What people do in each place."""

_MEANINGS: Final = {
    "open": "A shop that is open lets customers in.",
    "stop": "To stop is not to go on.",
    "exit": "An exit is a way out.",
    "milk": "Milk is a white drink that cows give.",
    "bus": "A bus is a large vehicle that carries many people.",
    "bread": "Bread is food that is baked from flour.",
    "park": "A park is a green place in a town where people walk.",
    "zoo": "A zoo is a place where people look at animals.",
    "water": "Water is what people drink and what rivers are made of.",
    "fish": "A fish is an animal that lives in water.",
}
"""What each word of a sign means."""


class Asked(NamedTuple):
    """One question: its answer in the dataset's notation, its capabilities joined by commas."""

    question: str
    answer: str
    capability: str


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of picture is drawn, and what is asked about it."""

    draw: Callable[[Random], Scene]
    ask: Callable[[Scene], Iterator[Asked]]


def ask(kind: Kind, scene: Scene, first: int) -> list[Row]:
    """Ask the questions of a kind about a scene.

    Args:
        kind: One of `PICTURES`.
        scene: A scene that the kind's `draw` gave.
        first: Number of the first question.

    Returns:
        Two rows in the dataset's columns.
    """
    return [
        {"question_id": f"v1_{number}", "image_source": "drawn", **asked._asdict()}
        for number, asked in enumerate(kind.ask(scene), first)
    ]


def _prices(rng: Random) -> Scene:
    """Draw a larger number at the top, a smaller one at the bottom, and two shapes between."""
    small, large = sorted(rng.sample(range(2, 60), 2))
    first, second = rng.sample(sketches.PLATES, 2)
    signs = (
        sketches.sign(rng, str(large), range(2), plates=(first,)),
        sketches.sign(rng, str(small), range(6, 8), plates=(second,)),
    )
    return Scene("white", sketches.shapes(rng, 2, rows=range(1, 3)), signs)


def _ask_prices(scene: Scene) -> Iterator[Asked]:
    top, bottom = (int(sign.text) for sign in scene.signs)
    yield Asked("What is the sum of the two numbers?", _number(top + bottom), "ocr,math")
    yield Asked(
        "How much larger is the number at the top than the number at the bottom?",
        _number(top - bottom),
        "ocr,spat,math",
    )


def _tally(rng: Random) -> Scene:
    """Draw a number over shapes, one of them alone the leftmost and one alone the rightmost."""
    while True:
        shapes = sketches.shapes(rng, rng.choice((3, 4)), rows=range(1, 4))
        across = sorted(shape.x for shape in shapes)
        if across[1] - across[0] >= 12 and across[-1] - across[-2] >= 12:
            number = sketches.sign(rng, sketches.number(rng), range(2))
            return Scene("cream", shapes, (number,))


def _ask_tally(scene: Scene) -> Iterator[Asked]:
    left = sum(shape.side == "left" for shape in scene.shapes)
    yield Asked(
        "What is the number on the sign plus the number of shapes in the left half of the image?",
        _number(int(scene.signs[0].text) + left),
        "rec,ocr,spat,math",
    )
    across = sorted(scene.shapes, key=lambda shape: shape.x)
    yield Asked(
        "Which shape is furthest to the left and which is furthest to the right? Say their colors.",
        f"{across[0].name}<AND>{across[-1].name}",
        "rec,spat",
    )


def _street(rng: Random) -> Scene:
    while True:
        scene = sketches.street(rng)
        if len(scene.signs) == 2:
            return scene


def _ask_street(scene: Scene) -> Iterator[Asked]:
    texts = "<AND>".join(sign.text for sign in scene.signs)
    yield Asked("What are all the scene texts in the image?", texts, "ocr")
    sign = next(sign for sign in scene.signs if sign.plate != "white")
    yield Asked(f"What is written on the {sign.plate} sign?", sign.text, "rec,ocr")


def _place(*motifs: str) -> Kind:
    return Kind(lambda rng: Scene("white", motif=rng.choice(motifs)), _ask_place)


def _ask_place(scene: Scene) -> Iterator[Asked]:
    yield Asked(*_KNOWN[scene.motif], "rec,know")
    yield Asked(
        "Describe what you see and say what people do at such a place or hour.",
        f"{caption(scene)} {_DONE[scene.motif]}",
        "rec,know,gen",
    )


def _ask_light(scene: Scene) -> Iterator[Asked]:
    stop = lit(scene) == "red"
    deed = "should stop" if stop else "may go on"
    yield Asked(
        "Which lamp is lit: the top, the middle or the bottom one?",
        "top<OR>the top one" if stop else "bottom<OR>the bottom one",
        "rec,spat",
    )
    yield Asked(
        "What should a driver who sees this do, and why?",
        f"The driver {deed}, because the {lit(scene)} lamp is lit.",
        "rec,know,gen",
    )


def _ask_poster(scene: Scene) -> Iterator[Asked]:
    word = scene.signs[0].text
    yield Asked("What is the title of the poster?", word, "ocr")
    yield Asked(
        "Describe the poster and explain the word on it.",
        f"It is a {color_name(scene.tint)} poster with the word {word}. {_MEANINGS[word]}",
        "rec,ocr,know,gen",
    )


def _signed_shapes(rng: Random) -> Scene:
    while True:
        scene = sketches.still_life(rng)
        if scene.signs and len(scene.shapes) > 1 and lone(scene):
            return scene


def _ask_shapes(scene: Scene) -> Iterator[Asked]:
    shape = lone(scene)[0]
    yield Asked(f"What color is the {shape.kind}?", shape.color, "rec")
    yield Asked(
        "Describe the shapes and the sign, and say where they are.",
        description(scene),
        "rec,ocr,gen,spat",
    )


def _ask_program(scene: Scene) -> Iterator[Asked]:
    first, second = (sign.text for sign in scene.signs)
    value = int(first.partition("=")[2]) + int(second.partition("+")[2])
    yield Asked("What is the output of this code?", _number(value), "ocr,math")
    yield Asked(
        "What is written in the lower of the two lines?",
        f"{second}<OR>{second.upper()}",
        "ocr,spat",
    )


def _number(value: int) -> str:
    return f"{value}<OR>={value}"


PICTURES: Final = (
    *(Kind(_prices, _ask_prices),) * 2,
    *(Kind(_tally, _ask_tally),) * 2,
    *(Kind(_street, _ask_street),) * 2,
    _place("beach", "forest"),
    _place("night", "snow"),
    Kind(sketches.traffic_light, _ask_light),
    Kind(sketches.poster, _ask_poster),
    Kind(_signed_shapes, _ask_shapes),
    Kind(sketches.program, _ask_program),
)
"""The kind of each picture, in order."""
