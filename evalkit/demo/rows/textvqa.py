"""Questions in the columns of TextVQA: read a word or a number off a sign."""

import re
from random import Random

from evalkit.demo.facts import Row
from evalkit.demo.scenes import SIDE, Scene, Sign
from evalkit.demo.sketches import street


def draw(rng: Random) -> Scene:
    """Draw a scene to ask about."""
    return street(rng)


def ask(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask one or two questions about each sign of a scene.

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture.

    Returns:
        Rows in the dataset's columns.
    """
    asked = [
        (question, sign.text) for sign in scene.signs for question in _questions(rng, scene, sign)
    ]
    return [
        {
            "image_id": f"{key:016x}",
            "question_id": 100 * key + index,
            "question": question,
            "question_tokens": re.findall(r"[a-z0-9]+", question.lower()),
            "image_width": SIDE,
            "image_height": SIDE,
            "flickr_original_url": "",
            "flickr_300k_url": "",
            "answers": _answers(rng, text),
            "image_classes": sorted({shape.kind.capitalize() for shape in scene.shapes})
            or ["Sign"],
            "set_name": "val",
            "ocr_tokens": [_misread(rng, sign.text) for sign in scene.signs],
        }
        for index, (question, text) in enumerate(asked)
    ]


def _questions(rng: Random, scene: Scene, sign: Sign) -> list[str]:
    thing = "number" if sign.text.isdigit() else "word"
    frames = [f"What {thing} is on the {sign.plate} sign?", f"What is the {thing} in this picture?"]
    if len(scene.signs) == 1:
        frames.append("What does the sign say?")
    return rng.sample(frames, 2 if len(scene.signs) == 1 else 1)


def _answers(rng: Random, text: str) -> list[str]:
    """Draw ten answers: capitals and slips of a letter among them, as people type."""
    said = [rng.choices((text, text.upper(), text.capitalize()), (7, 2, 1))[0] for _ in range(10)]
    for place in range(rng.choice((0, 0, 1, 2, 4))):
        said[place] = text[:-1] if len(text) > 1 else "unanswerable"
    rng.shuffle(said)
    return said


def _misread(rng: Random, text: str) -> str:
    """Read a sign as an optical reader would: in one of four, a character is lost or wrong."""
    if rng.random() < 0.75:
        return text
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(("", "l", "0", "e")) + text[place + 1 :] or "l"
