"""Questions in the columns of ScienceQA: two to four choices, with a picture or without."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from evalkit.demo.facts import Row, coin, lone
from evalkit.demo.scenes import Scene
from evalkit.demo.sketches import still_life
from evalkit.demo.vocabulary import COLORS, NAMES, SHAPES, WORDS

_SUBJECTS: Final = {
    "arithmetic": ("natural science", "physics", "Numbers"),
    "seeing": ("natural science", "physics", "Shapes"),
    "reading": ("language science", "vocabulary", "Signs"),
    "people": ("social science", "civics", "People"),
    "meaning": ("language science", "vocabulary", "Word groups"),
}
"""Skill to subject, topic and category."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A question whose choices are not yet in order: the right one and the pool of wrong ones."""

    skill: str
    question: str
    right: str
    wrong: tuple[str, ...]
    hint: str = ""


def draw(rng: Random) -> Scene:
    """Draw a scene to ask about."""
    return still_life(rng)


def ask(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask up to four questions about a scene.

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture; any number will do.

    Returns:
        Rows in the dataset's columns.
    """
    drafts = [_count(rng, scene), _kind(rng, scene)]
    if lone(scene):
        drafts.append(_color(rng, scene))
    if scene.signs:
        drafts.append(_sign(rng, scene))
    return [_row(rng, draft, key) for draft in drafts]


def ask_text(rng: Random, key: int) -> Row:
    """Ask one question that needs no picture.

    Args:
        rng: Source of all choices.
        key: Number of the question; any number will do.

    Returns:
        A row in the dataset's columns.
    """
    return _row(rng, rng.choice(_TEXT_TEMPLATES)(rng), key)


def _row(rng: Random, draft: _Draft, key: int) -> Row:
    choices = [draft.right, *rng.sample(draft.wrong, min(len(draft.wrong), rng.randint(1, 3)))]
    rng.shuffle(choices)
    subject, topic, category = _SUBJECTS[draft.skill]
    return {
        "question": draft.question,
        "choices": choices,
        "answer": choices.index(draft.right),
        "hint": draft.hint,
        "task": "closed choice",
        "grade": f"grade{1 + key % 8}",
        "subject": subject,
        "topic": topic,
        "category": category,
        "skill": draft.skill,
        "lecture": "",
        "solution": f"The answer is {draft.right}.",
    }


def _numbers_but(right: int, last: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(last + 1) if number != right)


def _hint(rng: Random) -> str:
    return rng.choice(("", "", "The picture shows some shapes."))


def _count(rng: Random, scene: Scene) -> _Draft:
    right = len(scene.shapes)
    return _Draft(
        "seeing",
        "How many shapes are in the picture?",
        str(right),
        _numbers_but(right, 4)[1:],
        _hint(rng),
    )


def _kind(rng: Random, scene: Scene) -> _Draft:
    held = {shape.kind for shape in scene.shapes}
    wrong = tuple(kind for kind in SHAPES if kind not in held)
    return _Draft(
        "seeing",
        "Which of these shapes is in the picture?",
        rng.choice(sorted(held)),
        wrong,
        _hint(rng),
    )


def _color(rng: Random, scene: Scene) -> _Draft:
    shape = rng.choice(lone(scene))
    wrong = tuple(color for color in COLORS if color != shape.color)
    return _Draft("seeing", f"What color is the {shape.kind}?", shape.color, wrong, _hint(rng))


def _sign(rng: Random, scene: Scene) -> _Draft:
    word = scene.signs[0].text
    hint = rng.choice(("", "Signs tell people what is in a place."))
    return _Draft(
        "reading",
        "Which word is on the sign?",
        word,
        tuple(each for each in WORDS if each != word),
        hint,
    )


def _sum(rng: Random) -> _Draft:
    first = rng.randint(1, 8)
    second = rng.randint(1, 9 - first)
    return _Draft(
        "arithmetic",
        f"What is {first} + {second}?",
        str(first + second),
        _numbers_but(first + second, 9),
    )


def _largest(rng: Random) -> _Draft:
    right = rng.randint(3, 9)
    smaller = tuple(str(number) for number in range(right))
    return _Draft("arithmetic", "Which of these numbers is the largest?", str(right), smaller)


def _belongings(rng: Random) -> _Draft:
    """Tell who has what, and ask for one of it."""
    people = rng.sample(NAMES, 2)
    colors = rng.sample(COLORS, 2)
    kind = rng.choice(SHAPES)
    said = [
        f"{name.capitalize()} has a {color} {kind}."
        for name, color in zip(people, colors, strict=True)
    ]
    place = rng.randrange(2)
    wrong = (colors[1 - place], *rng.sample([color for color in COLORS if color not in colors], 2))
    question = f"What color is the {kind} of {people[place].capitalize()}?"
    return _Draft("people", question, colors[place], wrong, " ".join(said))


def _group(rng: Random) -> _Draft:
    """Ask which word is of a group."""
    name, members, rest = rng.choice(
        (("color", COLORS, SHAPES + WORDS), ("shape", SHAPES, COLORS + WORDS))
    )
    return _Draft("meaning", f"Which of these words is a {name}?", rng.choice(members), rest)


def _stated(rng: Random) -> _Draft:
    """State a fact about a place and ask for it."""
    place, thing = rng.sample(WORDS, 2)
    hint = f"The {place} is next to the {thing}."
    wrong = tuple(word for word in WORDS if word not in {place, thing})
    return _Draft(
        "people",
        f"What is the {place} next to?",
        thing,
        wrong,
        hint if coin(rng) else f"{hint} It is not far.",
    )


_TEXT_TEMPLATES: Final[tuple[Callable[[Random], _Draft], ...]] = (
    _sum,
    _largest,
    _belongings,
    _group,
    _stated,
)
