"""What a reader must know of a file of published verdicts: what of its questions it is about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Sequence, Sized
from typing import Any

from evalkit.errors import UsageError
from evalkit.records import Sample


def repeated_keys(text: str) -> tuple[str, ...]:
    """The names that a JSON object gives again, of which the last counts; the outermost's alone."""
    pairs: list[tuple[str, Any]] = []

    def kept(own: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs[:] = own  # the outermost object comes last
        return dict(own)

    json.loads(text, object_pairs_hook=kept)
    times = Counter(name for name, _ in pairs)
    return tuple(name for name, often in times.items() for _ in range(often - 1))


def again(name: str, questions: Sequence[str]) -> Iterator[str]:
    """What to say of grades of questions that have some already."""
    if questions:
        yield (
            f"{name} grades {len(questions):,} of its questions again ({questions[0]!r} first); "
            "the last grade counts, as in the official script."
        )


def partial(name: str, told: int, known: Sized | None) -> Iterator[str]:
    """What to say of a file about a part of the references' questions."""
    if known is not None and told < len(known):
        yield (
            f"{name} is about {told:,} of the {len(known):,} questions of the references; the "
            "numbers are of these alone."
        )


def check_category(where: str, question: str, category: str, known: str) -> None:
    """Refuse references of another benchmark, whose ids are the same numbers.

    Raises:
        UsageError: They have the question under another category.
    """
    if category and known and category != known:
        message = (
            f"{where} is about the question {question!r} of the category {category!r}, which is "
            f"{known!r} in the references: give those that this file is about."
        )
        raise UsageError(message)


def repeated(name: str, samples: Sequence[Sample], seen: Container[str]) -> Iterator[str]:
    """What to say of lines about questions that an earlier line is about."""
    if more := [sample.id for sample in samples if sample.id not in seen]:
        yield (
            f"{name} reviews {len(more):,} of its questions again ({more[0]} first); each line "
            "counts, as in the official script."
        )
