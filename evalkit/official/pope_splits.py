"""Which of POPE's splits an answer belongs to, and which of its questions.

The official scripts pair the answers of a split with its labels by position, whatever was asked.
Here the pairs are checked wherever the answers say what was asked; where position and question
disagree, the question decides. Ids may start again in each split, most questions are asked in
all three, and question files are not always kept: then the order of the questions tells the splits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from evalkit.answer_files.fields import as_number
from evalkit.answer_files.interface import Answer
from evalkit.records import Sample

_QUESTION = re.compile(r"\bis there an? [^?\n]*\?", re.IGNORECASE)
# LLaVA's question file numbers its splits from 1, 10000001 and 20000001.
_ID_BLOCK = 10_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, and what is known of its question; None is unknown."""

    answer: Answer
    question: str | None
    image: str | None
    number: int | None

    def fits(self, place: Place) -> bool:
        """Whether nothing that is known speaks against the place."""
        return (self.question is None or self.question == place.question) and (
            self.image is None or self.image == place.image
        )

    @property
    def is_told(self) -> bool:
        """Whether anything is known."""
        return self.question is not None or self.image is not None


@dataclass(frozen=True, slots=True)
class Place:
    """A question of a split, as answers are compared with it."""

    sample: Sample
    question: str
    image: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Split:
    """A split in the order of its file."""

    name: str
    places: tuple[Place, ...]

    @property
    def by_number(self) -> Mapping[int, Place]:
        """Its questions by their number in the split."""
        return {place.number: place for place in self.places if place.number is not None}


Pairs = list[tuple[Answer, "str | None"]]
"""Answers in the order of their file with sample ids; None belongs to no sample."""


def asked_question(text: str | None) -> str | None:
    """POPE's question in a prompt, in lower case; the first line where there is none of its form.

    Returns:
        None for no text.
    """
    return _question(text) if text and text.strip() else None


@lru_cache(maxsize=1 << 14)
def _question(text: str) -> str:
    found = _QUESTION.search(text)
    first = found.group() if found else text.replace("<image>", "").strip().partition("\n")[0]
    return " ".join(first.lower().split())


def image_stem(name: str | None) -> str | None:
    """A picture's name without folders and ending; None for none."""
    return name.rsplit("/", 1)[-1].rsplit(".", 1)[0] or None if name else None


def splits_of(samples: Sequence[Sample]) -> tuple[Split, ...]:
    """The splits among samples, each in their order."""
    found: dict[str, list[Place]] = {}
    for sample in samples:
        name = str(sample.tags.get("category", ""))
        place = Place(
            sample=sample,
            question=asked_question(sample.question) or "",
            image=image_stem(sample.cluster) or "",
            number=as_number(sample.id.rpartition("/")[2]),
        )
        found.setdefault(name, []).append(place)
    return tuple(Split(name, tuple(places)) for name, places in found.items())


# One split


def paired(split: Split, asked: Sequence[Asked]) -> tuple[Pairs, str] | None:
    """Answers to one split, in order, with its questions, and a note that may be empty.

    Returns:
        None where the answers' questions are others than the split's, or in an order of their own
        that nothing tells.
    """
    if not any(one.is_told for one in asked):
        numbered = _by_number(split, asked)
        return (_by_position(split, asked, 0) if numbered is None else numbered), ""
    start = _block(split, asked)
    if start is not None:
        return _by_position(split, asked, start), ""
    for by_key in (_by_number(split, asked), _by_image(split, asked)):
        if by_key is not None:
            note = (
                f"The answers to {split.name or 'the file'} do not stand in the order of its "
                "questions: they were matched by question (the official script pairs by position)."
            )
            return by_key, note
    if _are_other_words(split, asked) and len(asked) <= len(split.places):
        note = (
            "The prompts do not hold POPE's questions: answers were paired by position, as by the "
            "official script, and nothing could be checked."
        )
        return _by_position(split, asked, 0), note
    return None


def _block(split: Split, asked: Sequence[Asked]) -> int | None:
    """Where the split begins among the answers; None where they do not follow its order."""
    size = len(split.places)
    for start in range(max(1, len(asked) - size + 1)):
        pairs = zip(asked[start : start + size], split.places, strict=False)
        if all(one.fits(place) for one, place in pairs):
            return start
    return None


def _by_position(split: Split, asked: Sequence[Asked], start: int) -> Pairs:
    ids = [place.sample.id for place in split.places]
    return [
        (one.answer, ids[k - start] if 0 <= k - start < len(ids) else None)
        for k, one in enumerate(asked)
    ]


def _by_number(split: Split, asked: Sequence[Asked]) -> Pairs | None:
    """By id, if no question speaks against it."""
    places = split.by_number
    pairs: Pairs = []
    for one in asked:
        place = None if one.number is None else places.get(one.number)
        if place is None or not one.fits(place):
            return None
        pairs.append((one.answer, place.sample.id))
    return pairs


def _by_image(split: Split, asked: Sequence[Asked]) -> Pairs | None:
    """By image and question, if all answers tell both and some are known."""
    if any(one.question is None or one.image is None for one in asked):
        return None
    places = {(place.image, place.question): place.sample.id for place in split.places}
    pairs = [(one.answer, places.get((one.image or "", one.question or ""))) for one in asked]
    return pairs if any(sample_id is not None for _, sample_id in pairs) else None


def _are_other_words(split: Split, asked: Sequence[Asked]) -> bool:
    if any(one.image is not None for one in asked):
        return False
    return {one.question for one in asked}.isdisjoint(place.question for place in split.places)


# Several splits


def sorted_out(splits: Sequence[Split], asked: Sequence[Asked]) -> Pairs | None:
    """Answers to several splits, of which none says to which it belongs.

    Returns:
        None where they cannot be told apart without doubt.
    """
    if not all(one.is_told for one in asked):
        return None
    return _by_id_blocks(splits, asked) or _by_order(splits, asked) or _by_keys(splits, asked)


def _by_id_blocks(splits: Sequence[Split], asked: Sequence[Asked]) -> Pairs | None:
    """By ids within blocks of ids, if in each block the questions fit one split and no other."""
    blocks: dict[int, list[Asked]] = {}
    for one in asked:
        if one.number is None:
            return None
        blocks.setdefault((one.number - 1) // _ID_BLOCK, []).append(one)
    numbers = {split.name: split.by_number for split in splits}
    chosen: dict[int, Mapping[int, Place]] = {}
    for block, members in blocks.items():
        fitting = [
            name
            for name, places in numbers.items()
            if all(_at(places, one, block) is not None for one in members)
        ]
        if len(fitting) != 1:
            return None
        chosen[block] = numbers.pop(fitting[0])
    pairs: Pairs = []
    for one in asked:
        block = ((one.number or 0) - 1) // _ID_BLOCK
        place = _at(chosen[block], one, block)
        pairs.append((one.answer, place.sample.id if place else None))
    return pairs


def _at(places: Mapping[int, Place], one: Asked, block: int) -> Place | None:
    place = places.get((one.number or 0) - block * _ID_BLOCK)
    return place if place is not None and one.fits(place) else None


def _by_order(splits: Sequence[Split], asked: Sequence[Asked]) -> Pairs | None:
    """By the sequence of questions: splits in any order, any of them cut off at its end."""
    found = sorted(_arrangements(tuple(splits), asked, 0), key=len)
    if not found or (len(found) > 1 and len(found[0]) == len(found[1])):
        return None
    ids = [place.sample.id for split, size in found[0] for place in split.places[:size]]
    return [(one.answer, sample_id) for one, sample_id in zip(asked, ids, strict=True)]


def _arrangements(
    splits: tuple[Split, ...], asked: Sequence[Asked], start: int
) -> Iterator[tuple[tuple[Split, int], ...]]:
    """Every way to read the answers from `start` on as beginnings of splits, with their sizes."""
    if start == len(asked):
        yield ()
        return
    for split in splits:
        others = tuple(other for other in splits if other is not split)
        longest = _common(split, asked, start)
        for size in range(1, longest + 1):
            # Most questions begin no split: few ends are worth a look.
            if size == longest or any(_common(o, asked, start + size) for o in others):
                for rest in _arrangements(others, asked, start + size):
                    yield ((split, size), *rest)


def _common(split: Split, asked: Sequence[Asked], start: int) -> int:
    """How many answers from `start` on follow the split's questions."""
    size = 0
    for place in split.places:
        if start + size == len(asked) or not asked[start + size].fits(place):
            break
        size += 1
    return size


def _by_keys(splits: Sequence[Split], asked: Sequence[Asked]) -> Pairs | None:
    """By image and question, if each stands in one split only."""
    places: dict[tuple[str, str], list[str]] = {}
    for split in splits:
        for place in split.places:
            places.setdefault((place.image, place.question), []).append(place.sample.id)
    pairs: Pairs = []
    for one in asked:
        held = places.get((one.image or "", one.question or ""), ())
        if len(held) != 1:
            return None
        pairs.append((one.answer, held[0]))
    return pairs
