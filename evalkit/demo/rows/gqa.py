"""Questions in the columns of GQA: five structural types, each with its functional program."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from evalkit.demo.facts import (
    OPPOSITES,
    Row,
    absent_kind,
    coin,
    lone,
    lone_colored,
    other,
    relation,
    yes_no,
)
from evalkit.demo.scenes import Scene, Shape
from evalkit.demo.sketches import still_life
from evalkit.demo.vocabulary import COLORS, SHAPES

Step = tuple[str, str, tuple[int, ...]]
"""One operation of a program: its name, its argument, the steps that it builds on."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A question before it has an id.

    `kind` is (structural, semantic, detailed); `fact` is what a right answer establishes, "" for
    nothing that another question could repeat.
    """

    question: str
    answer: str
    full: str
    kind: tuple[str, str, str]
    program: tuple[Step, ...]
    about: tuple[Shape, ...] = ()
    group: str | None = None
    fact: str = ""


def draw(rng: Random) -> Scene:
    """Draw a scene to ask about."""
    return still_life(rng)


def ask(rng: Random, scene: Scene, key: int) -> list[Row]:
    """Ask up to a dozen questions about a scene.

    Args:
        rng: Source of all choices.
        scene: The scene.
        key: Number of the picture.

    Returns:
        Rows in the dataset's columns; `entailed` names those that follow from a row's answer.
    """
    drafts = [draft for template in _TEMPLATES for draft in template(rng, scene)]
    ids = [f"{key:04d}{index:02d}" for index in range(len(drafts))]
    return [_row(scene, key, ids, drafts, index) for index in range(len(drafts))]


def _row(scene: Scene, key: int, ids: list[str], drafts: list[_Draft], index: int) -> Row:
    draft = drafts[index]
    structural, semantic, detailed = draft.kind
    entailed = [
        other_id
        for other_id, other_draft in zip(ids, drafts, strict=True)
        if draft.fact
        and other_draft.fact == draft.fact
        and other_id != ids[index]
        and structural == "query"
    ]
    steps = [_numbered(scene, key, step) for step in draft.program]
    return {
        "id": ids[index],
        "imageId": f"d{key:05d}",
        "question": draft.question,
        "answer": draft.answer,
        "fullAnswer": draft.full,
        "isBalanced": True,
        "groups": {
            "global": draft.group,
            "local": f"{detailed}-{'_'.join(s.kind for s in draft.about) or 'any'}",
        },
        "entailed": str(entailed),
        "equivalent": str([ids[index]]),
        "types": {"structural": structural, "semantic": semantic, "detailed": detailed},
        "annotations": {
            "question": _mentions(scene, key, draft.about, draft.question),
            "answer": [],
            "fullAnswer": _mentions(scene, key, draft.about, draft.full),
        },
        "semantic": [
            {"operation": operation, "argument": argument, "dependencies": list(after)}
            for operation, argument, after in steps
        ],
        "semanticStr": "->".join(_step_text(step) for step in steps),
    }


def _object_id(scene: Scene, key: int, shape: Shape) -> str:
    return str(key * 10 + scene.shapes.index(shape))


def _numbered(scene: Scene, key: int, step: Step) -> Step:
    """Add the object's id to the argument of a select step; "-" where there is no such object."""
    operation, argument, after = step
    if operation != "select":
        return step
    held = [shape for shape in scene.shapes if shape.kind == argument]
    return operation, f"{argument} ({_object_id(scene, key, held[0]) if held else '-'})", after


def _step_text(step: Step) -> str:
    operation, argument, after = step
    text = f"{operation}: {argument}".strip()
    return f"{text} {list(after)}" if after else text


def _mentions(scene: Scene, key: int, about: tuple[Shape, ...], text: str) -> list[dict[str, str]]:
    words = text.rstrip("?.").replace(",", "").lower().split()
    return [
        {"objectId": str(words.index(shape.kind)), "value": _object_id(scene, key, shape)}
        for shape in about
        if shape.kind in words
    ]


def _color(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Ask for, verify and choose the colour of one shape: the second follows from the first."""
    for shape in _some(rng, lone(scene)):
        thing, color, full = shape.kind, shape.color, f"The {shape.kind} is {shape.color}."
        wrong = other(rng, COLORS, color)
        select: Step = ("select", thing, ())
        fact = f"{thing} is {color}"
        yield _Draft(
            f"What color is the {thing}?",
            color,
            full,
            ("query", "attr", "colorQuery"),
            (select, ("query", "color", (0,))),
            (shape,),
            "color",
            fact,
        )
        truth = coin(rng)
        said = color if truth else wrong
        yield _Draft(
            f"Is the {thing} {said}?",
            yes_no(truth),
            f"{yes_no(truth).capitalize()}, the {thing} is {color}.",
            ("verify", "attr", "colorVerify"),
            (select, ("verify color", said, (0,))),
            (shape,),
            None,
            fact,
        )
        yield _choice_of_color(rng, shape, wrong, fact)


def _choice_of_color(rng: Random, shape: Shape, wrong: str, fact: str) -> _Draft:
    pair = [shape.color, wrong]
    rng.shuffle(pair)
    return _Draft(
        f"Is the {shape.kind} {pair[0]} or {pair[1]}?",
        shape.color,
        f"The {shape.kind} is {shape.color}.",
        ("choose", "attr", "colorChoose"),
        (("select", shape.kind, ()), ("choose color", "|".join(pair), (0,))),
        (shape,),
        "color",
        fact,
    )


def _kind(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Ask what shape something of a given colour has."""
    for shape in _some(rng, lone_colored(scene)):
        yield _Draft(
            f"What shape is {shape.color}?",
            shape.kind,
            f"The {shape.kind} is {shape.color}.",
            ("query", "cat", "shapeQuery"),
            (("select", "shape", ()), ("filter color", shape.color, (0,)), ("query", "name", (1,))),
            (shape,),
            "shape",
        )


def _place(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Ask which side of the picture a shape is on."""
    for shape in _some(rng, lone(scene)):
        yield _Draft(
            f"On which side of the image is the {shape.kind}?",
            shape.side,
            f"The {shape.kind} is on the {shape.side} side.",
            ("query", "attr", "positionQuery"),
            (("select", shape.kind, ()), ("query", "hposition", (0,))),
            (shape,),
            None,
        )


def _exist(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Ask whether there is a shape of a kind."""
    truth = coin(rng)
    kind = rng.choice(scene.shapes).kind if truth else absent_kind(rng, scene)
    said = f"{yes_no(truth).capitalize()}, there is {'a' if truth else 'no'} {kind}."
    program: tuple[Step, ...] = (("select", kind, ()), ("exist", "?", (0,)))
    yield _Draft(f"Is there a {kind}?", yes_no(truth), said, ("verify", "obj", "exist"), program)


def _relate(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Verify and choose where one shape is, seen from another."""
    shapes = lone(scene)
    found = relation(rng, *rng.sample(shapes, 2)) if len(shapes) > 1 else None
    if not found:
        return
    first, second, about = found.first.kind, found.second.kind, (found.first, found.second)
    truth = coin(rng)
    said = found.name if truth else OPPOSITES[found.name]
    full = f"The {first} is {found.name} the {second}."
    select: Step = ("select", second, ())
    yield _Draft(
        f"Is the {first} {said} the {second}?",
        yes_no(truth),
        full,
        ("verify", "rel", "relVerify"),
        (select, ("verify rel", f"{first},{said},s", (0,))),
        about,
    )
    pair = [found.name, OPPOSITES[found.name]]
    rng.shuffle(pair)
    yield _Draft(
        f"Is the {first} {pair[0]} or {pair[1]} the {second}?",
        found.name,
        full,
        ("choose", "rel", "relChooser"),
        (select, ("choose rel", f"{first},{'|'.join(pair)},s", (0,))),
        about,
    )


def _logic(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Join two existence questions by "and" or "or"."""
    operation = rng.choice(("and", "or"))
    present = (
        rng.random() < (0.7 if operation == "and" else 0.3),
        rng.random() < (0.7 if operation == "and" else 0.3),
    )
    held = sorted({shape.kind for shape in scene.shapes})
    if not sum(present) <= len(held) <= len(SHAPES) - 2 + sum(present):
        return
    inside = rng.sample(held, len(held))
    kinds: list[str] = []
    for is_present in present:
        kinds.append(inside.pop() if is_present else other(rng, SHAPES, *held, *kinds))
    truth = all(present) if operation == "and" else any(present)
    frame = (
        "Are there both a {} and a {}?" if operation == "and" else "Is there either a {} or a {}?"
    )
    steps: list[Step] = []
    for index, kind in enumerate(kinds):
        steps += [("select", kind, ()), ("exist", "?", (2 * index,))]
    yield _Draft(
        frame.format(*kinds),
        yes_no(truth),
        f"{yes_no(truth).capitalize()}.",
        ("logical", "obj", f"exist{operation.capitalize()}"),
        (*steps, (operation, "", (1, 3))),
    )


def _compare(rng: Random, scene: Scene) -> Iterator[_Draft]:
    """Compare the colours or the sizes of two shapes."""
    shapes = lone(scene)
    if len(shapes) < 2:
        return
    first, second = rng.sample(shapes, 2)
    selects: tuple[Step, ...] = (("select", first.kind, ()), ("select", second.kind, ()))
    same = first.color == second.color
    if same or rng.random() < 0.3:
        yield _Draft(
            f"Do the {first.kind} and the {second.kind} have the same color?",
            yes_no(same),
            f"{yes_no(same).capitalize()}.",
            ("compare", "attr", "twoSame"),
            (*selects, ("same color", "", (0, 1))),
            (first, second),
        )
    if first.size != second.size:
        larger = max(first, second, key=lambda shape: shape.size == "large")
        yield _Draft(
            f"Which is larger, the {first.kind} or the {second.kind}?",
            larger.kind,
            f"The {larger.kind} is larger.",
            ("compare", "attr", "comparativeChoose"),
            (*selects, ("choose larger", "", (0, 1))),
            (first, second),
        )


def _some(rng: Random, shapes: list[Shape]) -> list[Shape]:
    return rng.sample(shapes, min(len(shapes), 1))


_TEMPLATES: tuple[Callable[[Random, Scene], Iterator[_Draft]], ...] = (
    _color,
    _kind,
    _place,
    _exist,
    _relate,
    _logic,
    _compare,
)
