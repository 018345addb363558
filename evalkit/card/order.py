"""What a card's block says of itself: enough to derive it again, and nothing of the machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from evalkit.card.bearing import beside, check_borne_out
from evalkit.card.entries import Metrics
from evalkit.compare import sides
from evalkit.errors import StaleError, StoreError, UsageError
from evalkit.run_record import RunRecord
from evalkit.small_files import check_regular
from evalkit.store import RunFolder, load_run, parse
from evalkit.task import file_stem

_LONGEST = 200  # characters of a path in a sentence
ScoresFrom = Literal["none"] | None
"""Where scored samples are taken from: nowhere, or (None) wherever they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedRecord:
    """A record by its place and digest.

    Attributes:
        path: Its file, relative to the card's folder, with "/".
        digest: What the record says of itself.
        scores: The run's folder or the baseline file that has its scored samples, where the best
            are told apart by them; None where they are not.
    """

    path: str
    digest: str
    scores: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFile:
    """A template or a layout by its place, relative to the card's folder, and its SHA-256."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the card's front matter has of the runs.

    Attributes:
        name: The model's name in `model-index`.
        slices: {task: tag}: the tag's slices are listed, too.
        source: Where a reader finds the records; None is nowhere.
        kept: SHA-256 over the entries of others; empty where there are none.
    """

    name: str
    slices: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    kept: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Which of the hub's benchmarks a metric is the value of, for `.eval_results`.

    Attributes:
        task: The task of evalkit.
        metric: Its metric.
        dataset: The benchmark's dataset on the hub.
        task_id: The name that the dataset's `eval.yaml` has for it.
    """

    task: str
    metric: str
    dataset: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOptions:
    """What was chosen for a card; see `evalkit.card.render.Sheet`, `Front` and `Benchmark`.

    `scores` says whether records must be borne out by their scored samples, where these are there.
    """

    metrics: Metrics = "headline"
    partial: bool = False
    front: Front | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    scores: ScoresFrom = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardOrder:
    """What a card's block is derived from: the JSON object at its beginning."""

    verb: Literal["card"] = "card"
    template: str | PinnedFile = "default"
    layout: PinnedFile | None = None
    options: CardOptions = CardOptions()
    records: tuple[PinnedRecord, ...]
    references: tuple[PinnedRecord, ...] = ()


def order_of(told: Mapping[str, Any], place: str) -> CardOrder:
    """What a block says, checked.

    Raises:
        StoreError: It says less, more or something else than a card's block does.
    """
    order = parse(CardOrder, dict(told), place)
    if not order.records:
        message = f"{place} names no record."
        raise StoreError(message)
    return order


def pinned(path: Path, record: RunRecord, root: Path, *, scores: bool) -> PinnedRecord:
    """A record by its place, as a card in the folder `root` names it.

    Args:
        path: Its file, or the run's folder.
        record: The record.
        root: The card's folder.
        scores: Whether its scored samples are used.

    Raises:
        UsageError: The way from the card to it would tell where on this machine the two are.
    """
    file = path / "run.json" if path.is_dir() else path
    place = relative(file, root)
    folder = file.parent if file.name == "run.json" else file
    return PinnedRecord(
        path=place,
        digest=record.digest,
        scores=relative(folder, root) if scores else None,
    )


def relative(file: Path, root: Path) -> str:
    """The way from a folder to a file, with "/".

    Raises:
        UsageError: It would lead through folders above the current one.
    """
    file, root, here = file.resolve(), root.resolve(), Path.cwd()
    near = file.is_relative_to(root) or (file.is_relative_to(here) and root.is_relative_to(here))
    if not near:
        message = (
            f"{file.name} and the card's folder are not both below the current one, so the card "
            "would tell how folders are called on this machine. Call evalkit from a folder above "
            "both, or put copies of the records beside the card (--copy-records)."
        )
        raise UsageError(message)
    up = 0
    while not file.is_relative_to(root):
        root, up = root.parent, up + 1
    return "/".join([*[".."] * up, *file.relative_to(root).parts])


def has_scores(path: Path, record: RunRecord) -> bool:
    """Whether all scored samples of a record are at hand, by its file or its run's folder."""
    if path.is_file() and path.name != "run.json":
        return True  # a baseline file
    folder = RunFolder(path.parent if path.is_file() else path)
    return all(
        result.scores is not None and folder.scores_path(file_stem(result.task)).exists()
        for result in record.results
    )


def read_record(place: Path) -> RunRecord:
    """The record of a run, by its folder or file, or of a baseline file; errors as `load_run`."""
    is_baseline = place.is_file() and place.name != "run.json"
    return sides.load(place).record if is_baseline else load_run(place)


def load(
    told: PinnedRecord, root: Path, scores: ScoresFrom
) -> tuple[RunRecord, sides.Scored | None]:
    """The record that a card names, and its scored samples where the card uses them.

    Raises:
        StoreError: It is not there, or damaged.
        StaleError: It is not what was written, or another than the card was made from, or its
            scored samples do not bear it out.
    """
    place = placed(told.path, root)
    if not os.path.exists(place):  # noqa: PTH110 - no error of a long name
        message = f"The record {shortened(told.path)} is missing."
        raise StoreError(message)
    record, scored = read_record(place), None
    if told.scores is not None:
        if not has_scores(placed(told.scores, root), record):
            where = shortened(told.scores)
            message = f"The scored samples of {told.path} are missing ({where})."
            raise StoreError(message)
        scored = sides.load(placed(told.scores, root))
    digests = {record.digest, scored.record.digest if scored else record.digest}
    if digests != {told.digest}:
        message = (
            f"The record {told.path} is another than the card was made from: its digest is "
            f"{record.digest[:16]}, and was {told.digest[:16]}."
        )
        raise StaleError(message)
    side = beside(place, record) if scored is None and scores is None else scored
    if side is not None:
        check_borne_out(record, side)
    return record, scored


def read_pinned(told: PinnedFile, root: Path) -> str:
    """The text of a template or layout.

    Raises:
        StoreError: It is not there, or no text.
        StaleError: It was changed.
        UsageError: It lies neither below the card's folder nor below the current one.
    """
    place = placed(told.path, root)
    if not any(place.resolve().is_relative_to(up.resolve()) for up in (root, Path())):
        message = (
            f"{told.path} is below neither the card's folder nor the current one, so it is not "
            "used; call evalkit from a folder above it."
        )
        raise UsageError(message)
    text = read_text(place, told.path)
    if digest_of(text) != told.digest:
        message = f"{told.path} was changed since the card was made."
        raise StaleError(message)
    return text


def read_text(path: Path, name: str) -> str:
    """A file's text, with its lines' ends as they are.

    Raises:
        StoreError: It is not there, no file, or no UTF-8.
    """
    try:
        check_regular(path)
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}."
        raise StoreError(message) from error
    except UnicodeDecodeError as error:
        message = f"{name} is no text in UTF-8: {error.reason} at byte {error.start}."
        raise StoreError(message) from error


def shortened(path: str) -> str:
    """A path of a block for a sentence: of a long one only how it begins."""
    return path if len(path) <= _LONGEST else f"{path[:_LONGEST]}..."


def digest_of(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def placed(path: str, root: Path) -> Path:
    """Where a path of a block leads from the card's folder, which need not be there yet.

    Raises:
        StoreError: It is absolute, or empty.
    """
    if not path or Path(path).is_absolute():
        message = f"A card names its records by relative paths, and {shortened(path)!r} is none."
        raise StoreError(message)
    place = root / path
    if os.path.exists(place):  # noqa: PTH110 - no error of a long name
        return place
    return Path(os.path.normpath(root.resolve() / path))
