"""Questions in the columns of POPE: is there such an object, with negatives drawn in three ways."""

from random import Random
from typing import Final

from evalkit.demo.facts import Row, absent_name, other
from evalkit.demo.scenes import Scene
from evalkit.demo.sketches import still_life

CATEGORIES: Final = ("random", "popular", "adversarial")
"""How the objects of the "no" questions are drawn."""

_FREQUENT: Final = (
    "red circle",
    "blue square",
    "green triangle",
    "red ring",
    "yellow cross",
    "blue circle",
)
"""Coloured shapes that the popular questions ask about."""


def draw(rng: Random) -> Scene:
    """Draw a scene to ask about: three shapes or more."""
    while True:
        scene = still_life(rng)
        if len({shape.name for shape in scene.shapes}) > 2:
            return scene


def ask(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask six questions about a scene, two of each category, one of them "yes".

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture.

    Returns:
        Rows in the dataset's columns; `id` is left to the caller, who knows the order of all.
    """
    rows = []
    for index, category in enumerate(CATEGORIES):
        asked = ((rng.choice(scene.shapes).name, "yes"), (_negative(rng, scene, category), "no"))
        for place, (name, answer) in enumerate(asked, 2 * index + 1):
            rows.append(
                {
                    "id": "",
                    "question_id": str(6 * key + place),
                    "question": f"Is there {_article(name)} {name} in the image?",
                    "answer": answer,
                    "image_source": f"demo_val_{key:012d}",
                    "category": category,
                }
            )
    return rows


def _negative(rng: Random, scene: Scene, category: str) -> str:
    if category == "popular":
        return other(rng, _FREQUENT, *(shape.name for shape in scene.shapes))
    return absent_name(rng, scene, near=category == "adversarial")


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"
