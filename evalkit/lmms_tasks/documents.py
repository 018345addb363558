"""The rows of one of lmms-eval's tasks: their turns, gold answers, clusters and pictures."""

from __future__ import annotations

import copy
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

HELD = 4
"""Rows whose pictures are held decoded: a row with several is asked for one after another."""

_COMMIT = re.compile(r"@([0-9a-f]{40})/")


def from_folder(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The changes of a task's settings by which it reads a folder.

    Raises:
        FileNotFoundError: The folder does not hold the split.
    """
    if (folder / "dataset_dict.json").is_file():
        changes = {"dataset_path": str(folder), "dataset_kwargs": {"load_from_disk": True}}
        return {**changes, "dataset_name": None}
    names = ("training_split", "validation_split", "test_split", "fewshot_split")
    splits = [config[name] for name in names if config.get(name)]
    files = {split: found for split in splits if (found := _parquet(folder, split))}
    wanted = config.get("test_split") or config.get("validation_split")
    if wanted not in files:
        message = (
            f"{folder} holds neither a saved DatasetDict nor {wanted}.parquet or {wanted}-*.parquet"
        )
        raise FileNotFoundError(message)
    return {
        "dataset_path": "parquet",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": files},
    }


def _parquet(folder: Path, split: str) -> list[str]:
    found = [
        path
        for place in (folder, folder / "data")
        for pattern in (f"{split}.parquet", f"{split}-*.parquet")
        for path in place.glob(pattern)
    ]
    return sorted(map(str, found))


def revision(docs: Any) -> str | None:
    """The commit of the hub that the rows are from, where `datasets` knows it."""
    sums = getattr(docs.info, "download_checksums", None) or {}
    found = {match[1] for name in sums if (match := _COMMIT.search(str(name)))}
    return found.pop() if len(found) == 1 else None


class Documents:
    """The rows, in the words for any model that the task knows."""

    def __init__(self, task: Any, words: Any) -> None:
        """Take a loaded task.

        Args:
            task: lmms-eval's task, in its form for chat models.
            words: Its settings by model as its file has them; loading mixes them.
        """
        self._tasks: dict[str, Any] = {"default": task}
        self._words = words
        self._docs = task.eval_docs
        self._light, self._shown = _undecoded(self._docs)
        self._held: OrderedDict[tuple[str, int], list[Any]] = OrderedDict()

    def _task(self, variant: str) -> Any:
        if variant not in self._tasks:
            task = copy.copy(self._tasks["default"])
            task._config = copy.copy(task._config)
            task._config.lmms_eval_specific_kwargs = copy.deepcopy(self._words)
            task.model_name = variant
            task._prepare_model_specific_config()
            self._tasks[variant] = task
        return self._tasks[variant]

    def some(self, start: int, stop: int, variant: str) -> list[dict[str, Any]]:
        """What is asked and known of some rows.

        Their pictures are blank ones of the same sizes meanwhile: decoding is what takes the time.

        Raises:
            ValueError: A row shows what is no picture.
        """
        return [self._one(number, variant) for number in range(start, stop)]

    def _one(self, number: int, variant: str) -> dict[str, Any]:
        task, doc = self._task(variant), dict(self._light[number])
        encoded = {name: _each(_encoded, doc[name]) for name in self._shown}
        doc |= {name: _each(_blank, one) for name, one in encoded.items()}
        digests = [hashlib.sha256(one).digest() for one in _flat(list(encoded.values())) if one]
        try:
            messages = task.doc_to_messages(doc)
        except Exception:  # noqa: BLE001 - the task's code may stumble on a blank picture
            messages = task.doc_to_messages(self._docs[number])
        return {
            "turns": _turns(messages)[0],
            "targets": _texts(task.doc_to_target(doc)),
            "cluster": hashlib.sha256(b"".join(digests)).hexdigest()[:16]
            if digests
            else f"row-{number}",
        }

    def picture(self, number: int, place: int, variant: str) -> bytes:
        """A row's picture, by its place among all of the row's, as PNG."""
        key = (variant, number)
        if key not in self._held:
            messages = self._task(variant).doc_to_messages(self._docs[number])
            self._held[key] = _turns(messages)[1]
            if len(self._held) > HELD:
                self._held.popitem(last=False)
        written = BytesIO()
        _rgb(self._held[key][place]).save(written, format="PNG", compress_level=1)
        return written.getvalue()


def _undecoded(docs: Any) -> tuple[Any, list[str]]:
    """The rows with encoded pictures, and the columns that hold them."""
    kinds = {name: _undecoded_kind(kind) for name, kind in docs.features.items()}
    shown = [name for name, kind in kinds.items() if kind is not None]
    for name in shown:
        docs = docs.cast_column(name, kinds[name])
    return docs, shown


def _undecoded_kind(kind: Any) -> Any:
    """A column's type with pictures left encoded; None where it is no picture and no list of them.

    A list is a `List` or `Sequence` of `datasets`, by its version, or a list of one type.
    """
    import datasets

    if isinstance(kind, datasets.Image):
        return datasets.Image(decode=False)
    if isinstance(kind, list):
        inner = _undecoded_kind(kind[0])
        return None if inner is None else [inner]
    inner = _undecoded_kind(kind.feature) if hasattr(kind, "feature") else None
    return None if inner is None else replace(kind, feature=inner)


def _each(make: Callable[[Any], Any], value: Any) -> Any:
    """What `make` makes of a column's value; of each one, where it is a list."""
    return [_each(make, one) for one in value] if isinstance(value, list) else make(value)


def _flat(value: Any) -> list[Any]:
    return [inner for one in value for inner in _flat(one)] if isinstance(value, list) else [value]


def _encoded(value: Any) -> bytes | None:
    if value is None:
        return None
    if value.get("bytes"):
        return bytes(value["bytes"])
    return Path(value["path"]).read_bytes() if value.get("path") else None


def _blank(encoded: bytes | None) -> Any:
    import PIL.Image

    if encoded is None:
        return None
    try:
        with PIL.Image.open(BytesIO(encoded)) as opened:
            return PIL.Image.new(opened.mode, opened.size)
    except (OSError, ValueError, PIL.Image.DecompressionBombError):
        return PIL.Image.new("RGB", (8, 8))  # what is wrong with it is told when it is shown


def _turns(messages: Any) -> tuple[list[Any], list[Any]]:
    """Messages as [role, parts], a picture as its place among all, and the pictures."""
    pictures: list[Any] = []
    turns = []
    for message in messages:
        content = message["content"]
        parts: list[Any] = []
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] not in ("text", "image"):
                reason = f"the task shows a {part['type']}, which evalkit cannot show"
                raise ValueError(reason)
            if part["type"] == "text":
                parts.append(str(part["text"]))
                continue
            parts.append(len(pictures))
            pictures.append(part.get("url", part.get("image")))
        turns.append([message["role"], parts])
    return turns, pictures


def _rgb(shown: Any) -> Any:
    """A picture as adapters make it of what the task gives: PIL's, or a path."""
    import PIL.Image

    if isinstance(shown, (str, os.PathLike)):
        with PIL.Image.open(shown) as opened:
            return opened.convert("RGB")
    return shown if shown.mode == "RGB" else shown.convert("RGB")


def _texts(target: Any) -> list[str]:
    if isinstance(target, (list, tuple)):
        return [str(one) for one in target]
    return [] if target is None else [str(target)]
