"""What samples asked, with small pictures, from the tasks' own data where these can be had."""

from __future__ import annotations

import importlib.util
from base64 import b64encode
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.comparison import Asked, Flip
from evalkit.errors import DataError, EvalkitError, MissingExtraError, StaleError

if TYPE_CHECKING:
    from evalkit.compare.sides import Scored
    from evalkit.data import DataSource
    from evalkit.records import Image, Sample
    from evalkit.report.flips import Questions

SIDE = 384
"""Pixels of a picture's longer side on a page."""

_HINT = "`evalkit compare --data DIR` takes them from a folder."
_OTHER = "No picture: the one that is here now is not the one that the model saw."
_QUALITY = 80  # of JPEG


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was asked, by task and sample id, and a sentence for each task where it is not known."""

    questions: Questions
    absent: tuple[str, ...]


def asked_of(
    sides: Sequence[Scored],
    flips: Sequence[Flip],
    data: str | None = None,
    *,
    pictures: bool = False,
) -> Found:
    """What the samples of flips asked.

    Rows are looked for where the runs had them (a folder, the demo set, the hub's cache on this
    machine); nothing is fetched. They must be those that were scored, by their digest.

    Args:
        sides: The runs.
        flips: Samples that are to be shown.
        data: A folder with one folder per task, or "demo"; None is where the runs had theirs.
        pictures: Whether their pictures are wanted.
    """
    wanted: dict[str, set[str]] = {}
    for flip in flips:
        wanted.setdefault(flip.task, set()).add(flip.sample_id)
    questions: dict[tuple[str, str], Asked] = {}
    absent = []
    for task, ids in wanted.items():
        try:
            samples = _samples(sides, task, ids, data)
        except EvalkitError as error:
            absent.append(f"{task}: questions and pictures are not shown. {error} {_HINT}")
            continue
        seen = _seen(sides, task) if pictures else {}
        questions.update(
            {(task, s.id): _asked(s, seen.get(s.id), pictures=pictures) for s in samples}
        )
    return Found(questions=questions, absent=tuple(absent))


def _samples(
    sides: Sequence[Scored], task: str, ids: Collection[str], data: str | None
) -> list[Sample]:
    """The samples, from the first source that has the data of one of the runs.

    Raises:
        EvalkitError: None has; the text says why the last one has not.
    """
    last: EvalkitError = DataError("No run says where its data are.")
    for side in sides:
        if task in side.results:
            try:
                return [s for s in _scored_samples(side, task, data) if s.id in ids]
            except EvalkitError as error:
                last = error
    raise last


def _scored_samples(side: Scored, task: str, data: str | None) -> Sequence[Sample]:
    """The samples of a run, in its order.

    Raises:
        EvalkitError: The data are not at hand, or are others than those that were scored.
    """
    from evalkit import data as datasets

    loaded = datasets.load(side.task(task), _source(side, data))
    by_id = {sample.id: sample for sample in loaded.samples}
    ids = [score.sample_id for score in side.scores(task)]
    held = [by_id[sample_id] for sample_id in ids if sample_id in by_id]
    digest = datasets.identify(loaded.identity, held).digest
    if len(held) < len(ids) or digest != side.result(task).fingerprint.dataset.digest:
        message = (
            f"The data at {data or side.record.config.data or 'the hub'} are not those that "
            f"{side.side.name} was scored on."
        )
        raise DataError(message)
    return held


def _source(side: Scored, data: str | None) -> DataSource:
    from evalkit.data import DataSource
    from evalkit.prepare import demo_source

    place = data or side.record.config.data
    if place == "demo":
        return demo_source()
    return DataSource(folder=Path(place) if place else None, offline=True)


def _seen(sides: Sequence[Scored], task: str) -> dict[str, tuple[str, ...]]:
    """SHA-256 of the pictures that the models saw, by sample id, as the first run knows them.

    Runs whose predictions are not those of their record know nothing.
    """
    known = []
    for side in sides:
        with suppress(StaleError):
            known.append(side.images(task) if task in side.results else {})
    return {sample_id: own for images in reversed(known) for sample_id, own in images.items()}


def _asked(sample: Sample, seen: Sequence[str] | None, *, pictures: bool) -> Asked:
    shown = list(_pictures(sample.images, seen)) if pictures else []
    return Asked(
        question=sample.question,
        choices=sample.choices,
        pictures=tuple(url for url, _ in shown if url),
        lacking=" ".join(dict.fromkeys(why for _, why in shown if why)),
    )


def _pictures(images: Sequence[Image], seen: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """For each picture a data URL, or why there is none: it is not the one that was seen."""
    from evalkit.backends.pictures import UnreadableError

    for place, image in enumerate(images):
        try:
            url, digest = _thumbnail(image)
        except (UnreadableError, EvalkitError) as error:
            yield "", f"No picture: {error}"
            continue
        other = seen is not None and digest not in seen[place : place + 1]
        yield ("", _OTHER) if other else (url, "")


def thumbnail(image: Image) -> str:
    """A small version of a picture as a data URL; errors as `open_picture`, without pillow too."""
    return _thumbnail(image)[0]


def _thumbnail(image: Image) -> tuple[str, str]:
    """A small version of a picture as a data URL, and SHA-256 of the picture's bytes.

    Raises:
        UnreadableError: Its bytes are missing or damaged.
        MissingExtraError: Nothing is installed that reads pictures.
    """
    from evalkit.backends.pictures import open_picture

    if importlib.util.find_spec("PIL") is None:
        package = "pillow"
        raise MissingExtraError(package, "data", "A page with pictures")
    opened = open_picture(image)
    picture = opened.picture.copy()
    picture.thumbnail((SIDE, SIDE))
    content = BytesIO()
    picture.save(content, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}", opened.digest
