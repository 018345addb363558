"""Questions in the columns of VQAv2: ten human-like answers each, which do not always agree."""

from collections.abc import Iterator
from random import Random
from typing import Final

from evalkit.demo.facts import Row, absent_kind, coin, lone, lone_colored, other, yes_no
from evalkit.demo.scenes import Scene
from evalkit.demo.sketches import still_life
from evalkit.demo.vocabulary import COLORS, COUNT_WORDS

Asked = tuple[str, str, str, str]
"""Question type, answer type, question and answer."""

_SYNONYMS: Final = {
    "circle": ("round", "disc"),
    "ring": ("circle", "donut"),
    "cross": ("plus", "x"),
    "diamond": ("rhombus", "square"),
    "square": ("box", "rectangle"),
    "purple": ("violet", "pink"),
    "orange": ("yellow", "red"),
    "left": ("left side",),
    "right": ("right side",),
}


def draw(rng: Random) -> Scene:
    """Draw a scene to ask about."""
    return still_life(rng)


def ask(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask up to nine questions about a scene.

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture.

    Returns:
        Rows in the dataset's columns.
    """
    asked = [*_counts(rng, scene), *_attributes(rng, scene), *_checks(rng, scene), *_reading(scene)]
    return [
        {
            "question_type": question_type,
            "multiple_choice_answer": answer,
            "answers": _answers(rng, answer, answer_type),
            "image_id": key,
            "answer_type": answer_type,
            "question_id": 1000 * key + index,
            "question": question,
        }
        for index, (question_type, answer_type, question, answer) in enumerate(asked)
    ]


def _counts(rng: Random, scene: Scene) -> Iterator[Asked]:
    kinds = [shape.kind for shape in scene.shapes]
    kind = max(kinds, key=kinds.count) if coin(rng) else rng.choice(kinds)
    yield "how many", "number", f"How many {plural(kind)} are there?", str(kinds.count(kind))
    yield "how many", "number", "How many shapes are in the picture?", str(len(kinds))


def _attributes(rng: Random, scene: Scene) -> Iterator[Asked]:
    for shape in rng.sample(lone(scene), min(1, len(lone(scene)))):
        yield "what color is the", "other", f"What color is the {shape.kind}?", shape.color
        yield "where is the", "other", f"Where is the {shape.kind}, left or right?", shape.side
    for shape in rng.sample(lone_colored(scene), min(1, len(lone_colored(scene)))):
        yield "what", "other", f"What shape is {shape.color}?", shape.kind


def _checks(rng: Random, scene: Scene) -> Iterator[Asked]:
    truth = coin(rng)
    kind = rng.choice(scene.shapes).kind if truth else absent_kind(rng, scene)
    yield "is there a", "yes/no", f"Is there a {kind} in the picture?", yes_no(truth)
    for shape in rng.sample(lone(scene), min(1, len(lone(scene)))):
        truth = coin(rng)
        color = shape.color if truth else other(rng, COLORS, shape.color)
        yield "is the", "yes/no", f"Is the {shape.kind} {color}?", yes_no(truth)
    truth = bool(scene.signs)
    yield "is there a", "yes/no", "Is there a word in the picture?", yes_no(truth)


def _reading(scene: Scene) -> Iterator[Asked]:
    for sign in scene.signs[:1]:
        yield "what does the", "other", "What does the sign say?", sign.text


def plural(kind: str) -> str:
    """Give the plural of a kind of shape."""
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def _answers(rng: Random, answer: str, answer_type: str) -> list[dict[str, str | int]]:
    """Draw ten answers: the right one, and in some questions what people say instead."""
    doubtful = rng.random() < 0.3
    strays = (
        [_stray(rng, answer, answer_type) for _ in range(rng.randint(1, 6))] if doubtful else []
    )
    said = [answer] * (10 - len(strays)) + strays
    rng.shuffle(said)
    sure = [rng.choices(("yes", "maybe", "no"), (8, 2, 1))[0] for _ in said]
    return [
        {"answer": text, "answer_confidence": confidence, "answer_id": number}
        for number, (text, confidence) in enumerate(zip(said, sure, strict=True), 1)
    ]


def _stray(rng: Random, answer: str, answer_type: str) -> str:
    if answer_type == "yes/no":
        return yes_no(answer == "no")
    if answer_type == "number":
        return rng.choice(
            (str(int(answer) + 1), COUNT_WORDS[int(answer)], str(max(0, int(answer) - 1)))
        )
    return rng.choice((*_SYNONYMS.get(answer, ()), f"the {answer}", answer.capitalize()))
