"""Training examples without end: a picture, and what is asked with it and without it."""

from dataclasses import dataclass
from random import Random
from typing import Final

from evalkit.demo import prompts, sketches
from evalkit.demo.facts import OPPOSITES, lone
from evalkit.demo.prompts import Lesson
from evalkit.demo.rows import gqa, mme, mmvp, pope, scienceqa, textvqa, vqav2
from evalkit.demo.scenes import CELL, Scene
from evalkit.demo.vocabulary import SHAPES

QUESTIONS_PER_PICTURE: Final = 8
"""How many lessons about one picture."""

TEXTS_PER_PICTURE: Final = 1
"""How many lessons without a picture go with each picture."""

_LONG: Final = {"left": "left of", "right": "right of"}
_STILL_LIFE_MME: Final = ("existence", "count", "position", "color")
_OTHER_MME: Final = tuple(name for name in mme.CATEGORIES if name not in (*_STILL_LIFE_MME, "OCR"))


@dataclass(frozen=True, slots=True)
class Page:
    """One picture's lessons: those about it, and some that need none."""

    scene: Scene
    seen: tuple[Lesson, ...]
    unseen: tuple[Lesson, ...]


def page(seed: int, number: int) -> Page:
    """Draw one page.

    Args:
        seed: Seed of the training run.
        number: Number of the page within it.

    Returns:
        The page; its generator's seed is none that the data are drawn with.
    """
    rng = Random(f"lesson {seed} {number}")
    scene, lessons = rng.choices((_shapes_page, _signs_page, _other_page), (11, 4, 5))[0](rng)
    rng.shuffle(lessons)
    lessons.sort(key=lambda lesson: "(a)" not in lesson.prompt)
    if rng.random() < 0.2:
        lessons = [*_caption(scene), *lessons]
    unseen = [prompts.scienceqa(scienceqa.ask_text(rng, number)) for _ in range(TEXTS_PER_PICTURE)]
    return Page(scene, tuple(lessons[:QUESTIONS_PER_PICTURE]), tuple(unseen))


def _shapes_page(rng: Random) -> tuple[Scene, list[Lesson]]:
    scene = sketches.still_life(rng)
    lessons = []
    if lone(scene):
        made, place = mmvp.contrast(rng, scene), rng.randrange(2)
        scene = made.scenes[place]
        lessons.append(prompts.mmvp(mmvp.row(made, place, 1)))
    lessons += [prompts.gqa(row) for row in gqa.ask(rng, scene, 0)]
    lessons += [prompts.pope(row) for row in rng.sample(pope.ask(rng, scene, 0), 3)]
    lessons += [prompts.vqav2(row) for row in vqav2.ask(rng, scene, 0)]
    lessons += [prompts.scienceqa(row) for row in scienceqa.ask(rng, scene, 0)]
    for category in _STILL_LIFE_MME:
        lessons += _mme(rng, scene, category)
    return scene, [_with_fact(scene, lesson) for lesson in lessons]


def _signs_page(rng: Random) -> tuple[Scene, list[Lesson]]:
    scene = sketches.street(rng)
    rows = [row for _ in range(3) for row in textvqa.ask(rng, scene, 0)]
    lessons = [prompts.textvqa(row, ocr=rng.random() < 0.25) for row in rows]
    return scene, lessons + [lesson for _ in range(2) for lesson in _mme(rng, scene, "OCR")]


def _other_page(rng: Random) -> tuple[Scene, list[Lesson]]:
    category = rng.choice(_OTHER_MME)
    scene = mme.CATEGORIES[category].draw(rng)
    return scene, [lesson for _ in range(6) for lesson in _mme(rng, scene, category)]


def _mme(rng: Random, scene: Scene, category: str) -> list[Lesson]:
    """Ask one of a category's two questions and its open one, where the scene allows."""
    kind = mme.CATEGORIES[category]
    try:
        lesson = prompts.mme_row(rng.choice(mme.ask(rng, scene, 0, category)))
        lessons = [lesson._replace(fact=kind.truth(scene) if kind.open_question else "")]
    except (IndexError, TypeError, ValueError):
        return []
    if kind.open_question and kind.truth(scene) and rng.random() < 0.4:
        lessons.append(prompts.short(kind.open_question, kind.truth(scene)))
    return lessons


def _caption(scene: Scene) -> list[Lesson]:
    """Ask for all shapes in reading order: no task does, but it teaches to look at every patch."""
    if not scene.shapes or scene.motif:
        return []
    ordered = sorted(scene.shapes, key=lambda shape: (shape.y // CELL, shape.x))
    return [Lesson("List the shapes.", ", ".join(shape.name for shape in ordered))]


def _with_fact(scene: Scene, lesson: Lesson) -> Lesson:
    """Add what a question about shapes hangs on: a colour, or where one is, seen from another."""
    if lesson.fact or lesson.answer.lower() not in {"yes", "no"}:
        return lesson
    asked = lesson.prompt.partition("\n")[0].rstrip("?").split()
    kinds = [word for word in asked if word in SHAPES]
    if len(kinds) == 1:
        return lesson._replace(fact=_color_of(scene, kinds[0], asked))
    axis = {"left", "right", "above", "below"} & set(asked)
    if not axis:
        return lesson
    word = axis.pop()
    truth = word if lesson.answer.lower() == "yes" else OPPOSITES[_LONG.get(word, word)].split()[0]
    return lesson._replace(fact=truth)


def _color_of(scene: Scene, kind: str, asked: list[str]) -> str:
    """Give the colour of a shape of a kind, one that is asked for before others; "no" if none."""
    colors = [shape.color for shape in scene.shapes if shape.kind == kind]
    return next((color for color in colors if color in asked), colors[0] if colors else "no")
