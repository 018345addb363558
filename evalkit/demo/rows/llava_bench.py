"""Questions in the columns of both LLaVA-Benches: conversation, detail and reasoning.

In-the-Wild shows all sorts of pictures, COCO shows objects: here, shapes. The reference answers are
made from what is true of a scene; no model wrote them.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from evalkit.demo import sketches
from evalkit.demo.descriptions import (
    caption,
    color_name,
    description,
    form,
    lit,
    number_of_shapes,
    shape_list,
)
from evalkit.demo.facts import Row
from evalkit.demo.scenes import Scene
from evalkit.demo.vocabulary import BACKDROPS, LANDMARKS, PATTERNS

CATEGORIES: Final = ("conv", "detail", "complex")
"""Conversation, detailed description, complex reasoning."""

Talk = tuple[str, str]
"""A question and its reference answer."""

_DETAIL: Final = (
    "Describe this picture in detail.",
    "Tell everything that can be seen here, and where it is.",
)
"""What asks for a description."""

_LUGGAGE: Final = {
    "beach": "One would take swimwear, a towel and a hat, because the picture shows a beach with "
    "water to swim in and a sun that shines.",
    "forest": "One would take strong shoes and a map, because the picture shows a forest, and "
    "one easily loses the way between trees that look alike.",
    "night": "One would take a lamp, because the picture shows a night sky, and the moon and the "
    "stars give little light.",
    "snow": "One would take a warm coat, gloves and boots, because the picture shows falling snow, "
    "so it is cold.",
}
"""What to take along to each place, and why."""

_TURNED: Final = {
    "vertical stripes": "The stripes would be horizontal, because lines that run up and down run "
    "from side to side after a quarter turn.",
    "horizontal stripes": "The stripes would be vertical, because lines that run from side to side "
    "run up and down after a quarter turn.",
    "checks": "One would still see checks, because squares stay squares after a quarter turn.",
    "dots": "One would still see dots, because round spots stay round after a quarter turn.",
}
"""What each pattern becomes after a quarter turn."""


def draw_wild(rng: Random, number: int) -> Scene:
    """Draw a scene of In-the-Wild; the kinds take turns by the picture's number."""
    return _WILD[number % len(_WILD)](rng)


def draw_coco(rng: Random) -> Scene:
    """Draw a scene of COCO: two or more shapes."""
    while True:
        scene = sketches.still_life(rng)
        if len(scene.shapes) > 1:
            return scene


def ask_wild(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask about a scene of In-the-Wild in two of the categories.

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture, from 0; it decides which category is left out.

    Returns:
        Two rows in the dataset's columns.
    """
    talks = _talks(rng, scene)
    left_out = CATEGORIES[(key + 2) % 3]
    return [
        {
            "question_id": str(2 * key + place),
            "question": talks[category][0],
            "image_id": f"{key + 1:03d}",
            "category": category,
            "caption": caption(scene),
            "gpt_answer": talks[category][1],
        }
        for place, category in enumerate(name for name in CATEGORIES if name != left_out)
    ]


def ask_coco(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask about a scene of COCO in every category.

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture, from 0.

    Returns:
        Three rows in the dataset's columns; the captions stand on a line each.
    """
    return [
        {
            "question_id": str(3 * key + place),
            "question": question,
            "category": category,
            "image_id": f"{key + 1:012d}",
            "answer": answer,
            "caption": f"{caption(scene)}\n{number_of_shapes(scene)} in a picture.",
        }
        for place, (category, (question, answer)) in enumerate(_talks(rng, scene).items())
    ]


def _talks(rng: Random, scene: Scene) -> dict[str, Talk]:
    """Give the question and the answer of each category."""
    conversation, reasoning = _ABOUT[scene.motif](rng, scene)
    detail = (rng.choice(_DETAIL), description(scene))
    return dict(zip(CATEGORIES, (conversation, detail, reasoning), strict=True))


def _place(rng: Random, scene: Scene) -> tuple[Talk, Talk]:
    del rng
    return (
        (
            "Is there a building in the picture?",
            "No, there is no building in the picture, only nature.",
        ),
        ("What would one take along to be out here, and why?", _LUGGAGE[scene.motif]),
    )


def _landmark(rng: Random, scene: Scene) -> tuple[Talk, Talk]:
    del rng
    name = f"{'an' if scene.motif == 'arch' else 'a'} {scene.motif}"
    return (
        ("What color is the building?", f"The building is {scene.tint}."),
        (
            "What kind of building is this, and how can one tell?",
            f"It is {name}. {form(scene)}, which is typical of {name}.",
        ),
    )


def _painting(rng: Random, scene: Scene) -> tuple[Talk, Talk]:
    del rng
    return (
        (
            "What colors are the painting and its frame?",
            f"The painting is {scene.tint} on {color_name(scene.paper)}, and its frame is black.",
        ),
        ("How would this painting look after a quarter turn, and why?", _TURNED[scene.motif]),
    )


def _light(rng: Random, scene: Scene) -> tuple[Talk, Talk]:
    del rng
    red = lit(scene) == "red"
    deed = "wait until the light changes" if red else "go on, and still watch the crossing"
    return (
        ("Which lamp is lit?", f"The {'top' if red else 'bottom'} lamp, the {lit(scene)} one."),
        (
            "What should a driver at this traffic light do, and why?",
            f"The {lit(scene)} lamp is lit, so the driver {'must' if red else 'may'} {deed}.",
        ),
    )


def _figure(rng: Random, scene: Scene) -> tuple[Talk, Talk]:
    del rng
    name = scene.signs[0].text.capitalize()
    reason = f"it stands under a figure and says {name}, which is a name"
    return (
        ("What is written on the plate?", f"The plate says {name}."),
        (
            "What may the plate in this picture be for, and why?",
            f"It most likely tells who the figure is, because {reason}.",
        ),
    )


def _shapes(rng: Random, scene: Scene) -> tuple[Talk, Talk]:
    count = f"{number_of_shapes(scene)} can be seen."
    return ("How many shapes are there?", count), rng.choice((_mirrored, _taken))(rng, scene)


def _mirrored(rng: Random, scene: Scene) -> Talk:
    del rng
    right = shape_list([shape for shape in scene.shapes if shape.side == "right"])
    reason = "what is in the right half now would come there"
    return (
        "Imagine the picture in a mirror. Which shapes would its left half hold, and why?",
        f"The left half would hold {right}, because {reason}."
        if right
        else "The left half would hold no shape, because there is none in the right half now.",
    )


def _taken(rng: Random, scene: Scene) -> Talk:
    color = rng.choice(scene.shapes).color
    gone = shape_list([shape for shape in scene.shapes if shape.color == color])
    left = shape_list([shape for shape in scene.shapes if shape.color != color])
    return (
        f"Which shapes would be left if everything {color} were taken away, and why?",
        f"What is left would be {left}, because all else, {gone}, is {color}."
        if left
        else f"No shape would be left, because all shapes are {color}.",
    )


_About = Callable[[Random, Scene], tuple[Talk, Talk]]

_ABOUT: Final[dict[str, _About]] = {
    "": _shapes,
    **dict.fromkeys(BACKDROPS, _place),
    **dict.fromkeys(LANDMARKS, _landmark),
    **dict.fromkeys(PATTERNS, _painting),
    **dict.fromkeys(("red light", "green light"), _light),
    "figure": _figure,
}
"""For each motif, what makes the questions of conversation and of reasoning."""

_WILD: Final[tuple[Callable[[Random], Scene], ...]] = (
    lambda rng: Scene("white", motif=rng.choice(BACKDROPS)),
    sketches.landmark,
    sketches.painting,
    sketches.traffic_light,
    sketches.portrait,
    draw_coco,
)
