"""`human.jsonl`, the verdicts that people gave: read strictly, one sample a line.

A line is {"sample_id": "...", "label": "..."} or {"sample_id": "...", "rating": 0.5}, and all lines
are of one kind. Empty lines are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from evalkit.errors import UsageError
from evalkit.integrity import TwiceError, once
from evalkit.judge.kinds import LARGEST, is_beyond, is_rating, require_scale

_FIELDS = ("sample_id", "label", "rating")


def read_labels(path: Path, text: str | None = None) -> dict[str, str | float]:
    """The labels, or the ratings, of people by sample id, in the file's order.

    Args:
        path: The file.
        text: What it holds, where that is known already.

    Raises:
        UsageError: The file cannot be read, is damaged or empty, mixes labels and ratings, names a
            sample twice, or has a field, a label or a rating that cannot be meant; the text names
            the line.
    """
    found: dict[str, str | float] = {}
    lines: dict[str, int] = {}
    first: tuple[int, str] | None = None
    for number, fields in _objects(path, text):
        where = f"Line {number} of {path}"
        sample, kind = _sample_and_kind(where, fields)
        if sample in lines:
            message = f"{where} names sample {sample!r} again, after line {lines[sample]}."
            raise UsageError(message)
        first = first or (number, kind)
        if kind != first[1]:
            message = (
                f"{where} has a {kind}, but line {first[0]} a {first[1]}; a file holds labels or "
                "ratings, not both."
            )
            raise UsageError(message)
        lines[sample] = number
        found[sample] = _label(where, fields) if kind == "label" else _rating(where, fields)
    if not found:
        message = f'{path} holds no label; a line is {{"sample_id": "...", "label": "..."}}.'
        raise UsageError(message)
    return found


def _objects(path: Path, text: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig") if text is None else text
    except (OSError, UnicodeDecodeError) as error:
        message = f"The file of human labels {path} cannot be read: {error}."
        raise UsageError(message) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _object(f"Line {number} of {path}", line)


def _object(where: str, line: str) -> dict[str, Any]:
    def refused(constant: str) -> NoReturn:
        message = f"{where} holds {constant}, which is no number; leave unlabelled samples out."
        raise UsageError(message)

    try:
        fields = json.loads(line, object_pairs_hook=once, parse_constant=refused)
    except TwiceError as error:
        message = f"{where} gives a field twice."
        raise UsageError(message) from error
    except (ValueError, RecursionError) as error:
        message = f"{where} is not JSON: {error}."
        raise UsageError(message) from error
    if not isinstance(fields, dict):
        message = f"{where} must be a JSON object, not a {type(fields).__name__}."
        raise UsageError(message)
    return fields


def _sample_and_kind(where: str, fields: dict[str, Any]) -> tuple[str, str]:
    """The sample's id, and which of "label" and "rating" the line has."""
    if unknown := [name for name in fields if name not in _FIELDS]:
        message = f"{where} has the unknown field {unknown[0]!r}; known are {', '.join(_FIELDS)}."
        raise UsageError(message)
    sample = fields.get("sample_id")
    if not isinstance(sample, str) or not sample:
        message = f"{where} must have a sample_id, a text that is not empty."
        raise UsageError(message)
    kinds = [kind for kind in ("label", "rating") if kind in fields]
    if len(kinds) != 1:
        message = (
            f"{where} must have either a label or a rating, not {'both' if kinds else 'none'}."
        )
        raise UsageError(message)
    return sample, kinds[0]


def _label(where: str, fields: dict[str, Any]) -> str:
    label = fields["label"]
    if not isinstance(label, str) or not label.strip():
        message = f"{where} has the label {label!r}; it must be a text that is not empty."
        raise UsageError(message)
    return label


def _rating(where: str, fields: dict[str, Any]) -> float:
    rating = fields["rating"]
    if is_rating(rating):
        return float(rating)
    told = f"{str(rating)[:40]!r}, a text" if isinstance(rating, str) else str(rating)[:40]
    asked = f"from {-LARGEST:g} to {LARGEST:g}" if is_beyond(rating) else "a finite number"
    message = f"{where} has the rating {told}; it must be {asked}."
    raise UsageError(message)


def rescaled(
    people: Mapping[str, str | float], own: tuple[float, float], onto: tuple[float, float]
) -> tuple[dict[str, str | float], str]:
    """The ratings of people on the judge's scale, and a sentence that says so.

    Args:
        people: Human verdicts by sample id.
        own: The smallest and the largest rating that people could give.
        onto: The same of the judge; the ends become these, and the rest lies evenly between.

    Raises:
        UsageError: The scale is none, or a verdict is no number on it.
    """
    low, high = own
    require_scale(own)
    for sample, rating in people.items():
        if isinstance(rating, str) or not low <= rating <= high:
            message = (
                f"On a scale from {low:g} to {high:g}, which --scale names, the human label of "
                f"sample {sample!r} cannot be {rating!r}; give the scale that people used."
            )
            raise UsageError(message)
    if own == onto:
        return dict(people), ""
    least, most = onto
    moved = {
        sample: least + (float(rating) - low) / (high - low) * (most - least)
        for sample, rating in people.items()
    }
    return dict(moved), (
        f"The labels, which are from {low:g} to {high:g}, were put on the judge's scale from "
        f"{least:g} to {most:g}."
    )
