"""Questions in the columns of MME: fourteen categories, for each picture a yes and a no."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from evalkit.demo import sketches
from evalkit.demo.facts import OPPOSITES, Row, absent_name, lone, other, relation
from evalkit.demo.scenes import Scene
from evalkit.demo.vocabulary import (
    BACKDROPS,
    COLORS,
    COUNT_WORDS,
    LANDMARKS,
    NAMES,
    PATTERNS,
    TRANSLATIONS,
    WORDS,
)

SUFFIX: Final = " Please answer yes or no."
"""What every question of the dataset ends in."""

_SENSE: Final = {
    "green light": ("May I cross the street now?", "Should I wait before I cross the street?"),
    "red light": ("Should I wait before I cross the street?", "May I cross the street now?"),
    "beach": ("Is this a good place to swim?", "Do I need a warm coat here?"),
    "snow": ("Do I need a warm coat here?", "Is this a good place to swim?"),
    "night": ("Do I need a lamp here?", "Is this a good place to swim?"),
    "forest": ("Can I sit under a tree here?", "Do I need a lamp here?"),
}
"""For each motif, a question whose answer is yes and one whose answer is no."""


@dataclass(frozen=True, slots=True)
class Category:
    """How one category draws its pictures and asks.

    Attributes:
        draw: Draws a scene.
        pair: Gives the statement that is true of the scene and the one that is not, as questions.
        open_question: The same asked without yes or no, for training; "" for none.
        truth: The answer to `open_question`.
    """

    draw: Callable[[Random], Scene]
    pair: Callable[[Random, Scene], tuple[str, str]]
    open_question: str = ""
    truth: Callable[[Scene], str] = str


def ask(rng: Random, scene: Scene, key: int, category: str) -> list[Row]:
    """Ask both questions of a category about a scene, in drawn order.

    Args:
        rng: Source of all choices.
        scene: A scene that the category's `draw` gave.
        key: Number of the picture.
        category: One of `CATEGORIES`.

    Returns:
        Two rows in the dataset's columns.
    """
    asked = list(zip(CATEGORIES[category].pair(rng, scene), ("Yes", "No"), strict=True))
    rng.shuffle(asked)
    return [
        {
            "question_id": f"{category}/{key:04d}.png",
            "question": question + SUFFIX,
            "answer": answer,
            "category": category,
        }
        for question, answer in asked
    ]


def _related(rng: Random) -> Scene:
    while True:
        scene = sketches.still_life(rng)
        if len(lone(scene)) > 1 and relation(rng, *lone(scene)[:2]):
            return scene


def _with_lone_shape(rng: Random) -> Scene:
    while True:
        scene = sketches.still_life(rng)
        if lone(scene):
            return scene


def _with_word(rng: Random) -> Scene:
    while True:
        scene = sketches.street(rng)
        if _word(scene):
            return scene


def _common(rng: Random) -> Scene:
    return rng.choice((sketches.traffic_light, sketches.place_view))(rng)


def _existence(rng: Random, scene: Scene) -> tuple[str, str]:
    frame = "Is there a {} in this image?"
    return frame.format(rng.choice(scene.shapes).name), frame.format(
        absent_name(rng, scene, near=True)
    )


def _position(rng: Random, scene: Scene) -> tuple[str, str]:
    found = relation(rng, *lone(scene)[:2])
    if not found:
        message = "the first two lone shapes are not apart"
        raise ValueError(message)
    frame = f"Is the {found.first.kind} {{}} the {found.second.kind}?"
    return frame.format(found.name), frame.format(OPPOSITES[found.name])


def _color(rng: Random, scene: Scene) -> tuple[str, str]:
    shape = rng.choice(lone(scene))
    frame = f"Is the color of the {shape.kind} {{}}?"
    return frame.format(shape.color), frame.format(other(rng, COLORS, shape.color))


def _sense(rng: Random, scene: Scene) -> tuple[str, str]:
    del rng
    return _SENSE[scene.motif]


def _named(
    frame: str, options: Sequence[str], truth: Callable[[Scene], str]
) -> Callable[[Random, Scene], tuple[str, str]]:
    """Make the pair of a category that asks whether what the picture shows has a given name."""

    def pair(rng: Random, scene: Scene) -> tuple[str, str]:
        right = truth(scene)
        return frame.format(right), frame.format(other(rng, tuple(options), right))

    return pair


def _count(scene: Scene) -> str:
    return COUNT_WORDS[len(scene.shapes)]


def _motif(scene: Scene) -> str:
    return scene.motif


def _text(scene: Scene) -> str:
    return scene.signs[0].text


def _word(scene: Scene) -> str:
    return next((sign.text for sign in scene.signs if sign.text in WORDS), "")


def _name(scene: Scene) -> str:
    return _text(scene).capitalize()


def _value(scene: Scene) -> str:
    """Compute a drawn sum or difference, such as 4+3=?."""
    text = _text(scene)
    first, second = int(text[0]), int(text[2])
    return str(first + second if text[1] == "+" else first - second)


def _english(scene: Scene) -> str:
    return TRANSLATIONS[_text(scene)]


def _output(scene: Scene) -> str:
    """Compute what two lines of code give, such as A=3 and A+2."""
    return str(int(scene.signs[0].text[-1]) + int(scene.signs[1].text[-1]))


def _direct(
    draw: Callable[[Random], Scene],
    frame: str,
    options: Sequence[str],
    question: str,
    truth: Callable[[Scene], str],
) -> Category:
    return Category(draw, _named(frame, options, truth), question, truth)


_DIGITS = tuple("0123456789")

CATEGORIES: Final[dict[str, Category]] = {
    "existence": Category(sketches.still_life, _existence),
    "count": _direct(
        sketches.still_life,
        "Are there a total of {} shapes in this image?",
        COUNT_WORDS[1:5],
        "What is the total of shapes in this image?",
        _count,
    ),
    "position": Category(_related, _position),
    "color": Category(_with_lone_shape, _color),
    "posters": _direct(
        sketches.poster,
        'Is the title of this poster "{}"?',
        WORDS,
        "What is the title of this poster?",
        _text,
    ),
    "celebrity": _direct(
        sketches.portrait,
        "Is the person in this image called {}?",
        [name.capitalize() for name in NAMES],
        "What is the person in this image called?",
        _name,
    ),
    "scene": _direct(
        sketches.place_view,
        "Does this image show the {}?",
        BACKDROPS,
        "What does this image show?",
        _motif,
    ),
    "landmark": _direct(
        sketches.landmark,
        "Is this a photo of the great {}?",
        LANDMARKS,
        "What is this a photo of?",
        _motif,
    ),
    "artwork": _direct(
        sketches.painting,
        "Is this artwork made of {}?",
        PATTERNS,
        "What is this artwork made of?",
        _motif,
    ),
    "OCR": _direct(
        _with_word, 'Is the word in the image "{}"?', WORDS, "What is the word in the image?", _word
    ),
    "commonsense_reasoning": Category(_common, _sense),
    "numerical_calculation": _direct(
        sketches.calculation,
        "Is the answer to the arithmetic question in the image {}?",
        _DIGITS,
        "What is the answer to the arithmetic question in the image?",
        _value,
    ),
    "text_translation": _direct(
        sketches.foreign_word,
        'Is it appropriate to translate the word in the image into English "{}"?',
        tuple(TRANSLATIONS.values()),
        "What is the word in the image in English?",
        _english,
    ),
    "code_reasoning": _direct(
        sketches.program,
        "Is the output of the code in the image {}?",
        _DIGITS,
        "What is the output of the code in the image?",
        _output,
    ),
}
"""Every category in the dataset's order: ten of perception, then four of cognition."""
