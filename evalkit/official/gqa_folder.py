"""GQA's published files, read and checked: questions, choices, scene graphs, attention maps.

Several question files are merged, as `eval.py` merges the chunks of a big one; a question that
stands in two of them must be the same in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeVar

import msgspec

from evalkit.answer_files.source import content, head
from evalkit.errors import UsageError

Map = Sequence[Sequence[float]]
"""An attention map: rows of cells."""

_T = TypeVar("_T")
_SPLITS = ("train", "val", "testdev", "test", "challenge", "submission")
_OWN_SPLIT = "testdev"
_KINDS = {
    "scenegraphs": "scene graphs",
    "scene_graphs": "scene graphs",
    "attentions": "attention maps",
    "choices": "choices",
    "questions": "questions",
}


class Step(TypedDict):
    """One step of a question's program."""

    operation: str
    argument: str


class Types(TypedDict):
    """A question's types."""

    structural: str
    semantic: str
    detailed: NotRequired[str]


Groups = TypedDict("Groups", {"global": NotRequired[str | None]})


class Annotations(TypedDict):
    """Which objects a text names: place of the words -> id of the object."""

    question: dict[str, str]
    fullAnswer: dict[str, str]


class Question(TypedDict):
    """An entry of a question file, as far as it is used."""

    imageId: str
    question: str
    answer: str
    isBalanced: bool
    types: Types
    semantic: list[Step]
    entailed: NotRequired[list[str]]
    groups: NotRequired[Groups]
    annotations: NotRequired[Annotations]


class Choices(TypedDict):
    """An entry of a choices file."""

    valid: list[str]
    plausible: list[str]


class Box(TypedDict):
    """An object of a scene graph, in pixels."""

    x: float
    y: float
    w: float
    h: float


class Scene(TypedDict):
    """A scene graph, as far as it is used."""

    width: float
    height: float
    objects: dict[str, Box]


class Attention(TypedDict):
    """An entry of an attention file."""

    questionId: str | int
    attention: list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a folder of references holds; None where there is no such file.

    Attributes:
        questions: All questions by id, balanced or not, in the order of the files.
        choices: Valid and plausible answers by question id.
        scenes: Scene graphs by image id.
        attentions: Attention maps by question id.
    """

    questions: Mapping[str, Question]
    choices: Mapping[str, Choices] | None = None
    scenes: Mapping[str, Scene] | None = None
    attentions: Mapping[str, Map] | None = None


# Reading


def read_material(path: Path) -> tuple[Material, tuple[str, ...]] | None:
    """All that is there, and notes; None where there is no question file.

    Args:
        path: A question file, or a folder with one or several, and with what else `eval.py` reads.

    Raises:
        UsageError: A file is damaged or is not what its name says, two files do not agree, or a
            folder holds several splits, none of which is test-dev.
    """
    if not path.is_dir():
        return _from_file(path)
    files, notes = _of_one_split(path)
    if not files["questions"]:
        return None
    attentions = _attentions(files["attention maps"])
    material = Material(
        questions=_merged(files["questions"], Question),
        choices=_merged(files["choices"], Choices) if files["choices"] else None,
        # Scene graphs are large, and of no use without attention maps.
        scenes=_merged(files["scene graphs"], Scene)
        if attentions and files["scene graphs"]
        else None,
        attentions=attentions,
    )
    return material, notes


def _from_file(path: Path) -> tuple[Material, tuple[str, ...]] | None:
    kind, named_json = _kind(path), _stem(path) is not None
    if kind not in (None, "questions"):
        message = f"{path} holds {kind}; give the question file, or a folder that holds both."
        raise UsageError(message)
    if not named_json and not (
        ".jsonl" not in path.suffixes and content(path).lstrip().startswith(b"{")
    ):
        return None
    return Material(questions=_merged([path], Question)), ()


def _stem(path: Path) -> str | None:
    """The file's name in lower case without ".json" or ".json.gz"; None if it is no such name."""
    name = path.name.lower().removesuffix(".gz")
    return name.removesuffix(".json") if name.endswith(".json") else None


def _kind(path: Path) -> str | None:
    stem = _stem(path)
    if stem is None:
        return None
    found = next((kind for word, kind in _KINDS.items() if word in stem), None)
    return found or ("questions" if _holds_questions(path) else None)


def _holds_questions(path: Path) -> bool:
    """Whether a file of another name begins as question files do."""
    start = head(path, 1 << 16) if path.is_file() else b""
    return all(name in start for name in (b'"imageId"', b'"isBalanced"', b'"semantic"'))


def _split(path: Path) -> str | None:
    """The split that a file's name begins with, or that of the folder of its chunks."""
    return next((s for s in _SPLITS if path.name.lower().startswith(f"{s}_")), None)


def _of_one_split(folder: Path) -> tuple[Mapping[str, list[Path]], tuple[str, ...]]:
    """The folder's files by kind, those of other splits left out, and a note where there are."""
    files: dict[str, list[Path]] = {kind: [] for kind in _KINDS.values()}
    for path in sorted((*folder.glob("*.json*"), *folder.glob("*_questions/*.json*"))):
        kind = _kind(path)
        if kind is not None and path.is_file():
            files[kind].append(path)
    splits = {s for s in map(_split, files["questions"]) if s is not None}
    notes: tuple[str, ...] = ()
    if len(splits) < 2:  # noqa: PLR2004 - one split, or names that say none
        chosen = next(iter(splits), None)
    elif _OWN_SPLIT in splits:
        chosen = _OWN_SPLIT
        notes = (f"Of the splits in {folder}, {', '.join(sorted(splits))}, testdev is scored.",)
    else:
        message = (
            f"{folder} holds the questions of several splits ({', '.join(sorted(splits))}); give "
            "the file of one, or a folder with one."
        )
        raise UsageError(message)
    kept = {k: [p for p in paths if _split(p) in (None, chosen)] for k, paths in files.items()}
    return kept, notes


def _merged(paths: Iterable[Path], entry: type[_T]) -> dict[str, _T]:
    """The entries of several files by id, in the files' order.

    Raises:
        UsageError: A file is damaged or empty, or two differ in an entry.
    """
    merged: dict[str, _T] = {}
    origin: dict[str, Path] = {}
    for path in paths:
        found = _entries(path, entry)
        for key in found.keys() & merged.keys():
            if found[key] != merged[key]:
                message = (
                    f"The entry {key!r} is not the same in {origin[key]} and in {path}; take one "
                    "of the files away."
                )
                raise UsageError(message)
        merged |= found
        origin |= dict.fromkeys(found, path)
    return merged


def _entries(path: Path, entry: type[_T]) -> dict[str, _T]:
    raw = content(path)
    try:
        found: dict[str, _T] = msgspec.json.decode(raw, type=dict[str, entry])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise UsageError(_unfit(path, raw, entry, error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(_damaged(path, error)) from error
    if not found:
        message = f"{path} is an empty object: it has no entries."
        raise UsageError(message)
    return found


def _unfit(path: Path, raw: bytes, entry: type[Any], error: Exception) -> str:
    """Which entry is not as it should be: the decoder does not say the key."""
    place = ""
    try:
        for key, value in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items():
            place = f", entry {key!r}"
            msgspec.json.decode(value, type=entry)
    except msgspec.ValidationError as first:
        error = first
    hint = (
        " Questions of the test and challenge splits have no answers and cannot be scored."
        if "answer`" in str(error)
        else ""
    )
    return f"{path}{place}, is not as in GQA's {entry.__name__.lower()} files: {error}.{hint}"


def _damaged(path: Path, error: Exception) -> str:
    return f"{path} is not whole JSON: {error}. Fetch it again."


def _attentions(paths: Iterable[Path]) -> dict[str, list[list[float]]] | None:
    """Attention maps by question id; of several for one question the last one counts."""
    maps: dict[str, list[list[float]]] = {}
    for path in paths:
        try:
            found = msgspec.json.decode(content(path), type=list[Attention])
        except msgspec.ValidationError as error:
            message = f"{path} is not as in GQA's attention files: {error}."
            raise UsageError(message) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(_damaged(path, error)) from error
        maps |= {str(entry["questionId"]): entry["attention"] for entry in found}
    return maps or None
