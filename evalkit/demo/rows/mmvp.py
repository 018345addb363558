"""Questions in the columns of MMVP: one question on two pictures, with opposite answers."""

from dataclasses import dataclass, replace
from random import Random

from evalkit.demo.facts import Row, lone, other
from evalkit.demo.rows.vqav2 import plural
from evalkit.demo.scenes import SIDE, Scene, Shape
from evalkit.demo.sketches import still_life
from evalkit.demo.vocabulary import COLORS, COUNT_WORDS, SHAPES


@dataclass(frozen=True, slots=True)
class Contrast:
    """One question, its two options, and for each option a scene of which it is true."""

    question: str
    options: tuple[str, str]
    scenes: tuple[Scene, Scene]


def draw(rng: Random) -> Scene:
    """Draw a scene to ask about: at least one shape is the only one of its kind."""
    while True:
        scene = still_life(rng)
        if lone(scene):
            return scene


def contrast(rng: Random, scene: Scene) -> Contrast:
    """Change one respect of a scene and ask for it.

    Args:
        rng: Source of all choices.
        scene: A scene from `draw`.

    Returns:
        The question with both scenes; the options of a question always have the same order.
    """
    shape = rng.choice(lone(scene))
    return rng.choice((_side, _color, _size, _kind, _count))(rng, scene, shape)


def row(made: Contrast, place: int, index: int) -> Row:
    """Give the row of one of the two scenes of a contrast."""
    first, second = made.options
    return {
        "Index": index,
        "Question": made.question,
        "Options": f"(a) {first} (b) {second}",
        "Correct Answer": "(a)" if place == 0 else "(b)",
    }


def _swap(scene: Scene, shape: Shape, new: Shape) -> Scene:
    return replace(scene, shapes=tuple(new if held == shape else held for held in scene.shapes))


def _side(rng: Random, scene: Scene, shape: Shape) -> Contrast:
    """Mirror the whole picture's shapes, so that none comes to lie over another."""
    del rng
    mirrored = replace(scene, shapes=tuple(replace(held, x=SIDE - held.x) for held in scene.shapes))
    scenes = (scene, mirrored) if shape.side == "left" else (mirrored, scene)
    return Contrast(
        f"Is the {shape.kind} on the left or on the right of the image?", ("Left", "Right"), scenes
    )


def _color(rng: Random, scene: Scene, shape: Shape) -> Contrast:
    color = other(rng, COLORS, shape.color)
    pair = sorted((shape.color, color))
    scenes = [_swap(scene, shape, replace(shape, color=each)) for each in pair]
    question = f"Is the {shape.kind} {pair[0]} or {pair[1]}?"
    return Contrast(question, (pair[0].capitalize(), pair[1].capitalize()), (scenes[0], scenes[1]))


def _size(rng: Random, scene: Scene, shape: Shape) -> Contrast:
    del rng
    scenes = [_swap(scene, shape, replace(shape, size=size)) for size in ("small", "large")]
    return Contrast(
        f"Is the {shape.kind} small or large?", ("Small", "Large"), (scenes[0], scenes[1])
    )


def _kind(rng: Random, scene: Scene, shape: Shape) -> Contrast:
    kind = other(rng, SHAPES, *(held.kind for held in scene.shapes))
    changed = _swap(scene, shape, replace(shape, kind=kind))
    return Contrast(f"Can you see a {shape.kind} in the image?", ("Yes", "No"), (scene, changed))


def _count(rng: Random, scene: Scene, shape: Shape) -> Contrast:
    """Turn another shape into one of this kind; without another one, ask for the colour."""
    others = [held for held in scene.shapes if held != shape]
    if not others:
        return _color(rng, scene, shape)
    more = _swap(scene, changed := rng.choice(others), replace(changed, kind=shape.kind))
    question = f"How many {plural(shape.kind)} are there?"
    return Contrast(
        question, (COUNT_WORDS[1].capitalize(), COUNT_WORDS[2].capitalize()), (scene, more)
    )
