"""Replies that a judge has given before, from a file: `--judge replay:FILE`.

The replies go the way of a live judge's. What the file has no reply for fails without being asked:
a failure that was recorded is that failure again, and a reply to another answer is none to this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from evalkit.backends.interface import Backend, BackendOptions
from evalkit.errors import UsageError
from evalkit.judge.recording import Recording, Saying, read_recording
from evalkit.judge.units import Unit, digest_of_answer
from evalkit.records import Failure, Prediction, Request
from evalkit.rubric import Rubric
from evalkit.run_record import ModelIdentity

UNRECORDED = "unrecorded"
"""The failure of a verdict of which the file says nothing."""

NOTHING_READ = ((0.0,), (-1.0, -1.0))
"""What the official scripts store where they can read no rating."""


class RecordedBackend(Backend):
    """Gives the reply that a file has for a sample, repetition and order; the same to attempts."""

    option_names: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: BackendOptions, digest: str, recording: Recording) -> None:
        """Take what a file says, and the SHA-256 of its bytes."""
        self._options, self._digest = options, digest
        self._said = recording.said

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """Check that the file can be read, and does not contradict itself.

        Raises:
            UsageError: It is not there, of no known form, or contradicts itself.
        """
        recording_of(options.name)

    @classmethod
    def load(cls, options: BackendOptions) -> Self:
        """Read the file.

        Raises:
            UsageError: As for `preflight`.
        """
        path = Path(options.name).expanduser()
        content = _content(path)
        return cls(options, hashlib.sha256(content).hexdigest(), read_recording(content, path))

    def identity(self) -> ModelIdentity:
        """The file stands for the judge: its name, and its bytes."""
        name = Path(self._options.name).name
        return ModelIdentity(
            spec=f"replay:{name}", backend="replay", name=name, digest=self._digest
        )

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Look each request up by its name (`evalkit.judge.units.Unit.name`)."""
        return [self._answer(request.sample_id) for request in requests]

    def _answer(self, name: str) -> Prediction:
        sample, _, place = name.rpartition("#")
        told = place.partition(".")[0]
        repetition, swapped = int(told.removesuffix("s")), told.endswith("s")
        saying = self._said.get((sample, repetition, swapped))
        if saying is None:
            order = ", with the answers in the other order" if swapped else ""
            words = f"the file has no reply to {sample!r}, repetition {repetition}{order}"
            failure = Failure(kind=UNRECORDED, message=words)
            return Prediction(sample_id=name, failure=failure)
        if saying.failure is not None:
            return Prediction(sample_id=name, failure=saying.failure)
        return Prediction(sample_id=name, text=saying.reply, finish="stop")


def recording_of(name: str) -> Recording:
    """What the file of a judge `replay:FILE` says.

    Args:
        name: The file.

    Raises:
        UsageError: It cannot be read, is of no known form, or contradicts itself.
    """
    path = Path(name).expanduser()
    return read_recording(_content(path), path)


def _content(path: Path) -> bytes:
    if not path.is_file():
        message = f"The recorded replies {path} are no file."
        raise UsageError(message)
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"The recorded replies {path} cannot be read: {error}."
        raise UsageError(message) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a recording settles before anything is looked up in it.

    Attributes:
        failed: Failures, by the names of the attempts that they stand for.
        notes: What a reader of the numbers must know, as parts of a sentence.
    """

    failed: Mapping[str, Prediction]
    notes: tuple[str, ...]


def settled(recording: Recording, rubric: Rubric, units: Sequence[Unit]) -> Settled:
    """What of a recording is no verdict on these answers.

    Raises:
        UsageError: A verdict's ratings are not what the rubric reads in its reply.
    """
    told = [
        (unit, saying)
        for unit in units
        if (saying := recording.said.get((unit.sample.id, unit.repetition, unit.swapped)))
    ]
    failed = dict[str, Prediction]()
    strange, unbound, differing = 0, 0, list[str]()
    for unit, saying in told:
        if _differs(rubric, unit, saying):
            differing.append(unit.sample.id)
        failure = saying.failure
        if saying.about not in (None, digest_of_answer(unit.answer)):
            strange += 1
            words = f"the file's reply to {unit.sample.id!r} is about another answer"
            failure = Failure(kind=UNRECORDED, message=words)
        unbound += saying.about is None and failure is None
        if failure is not None:
            name = unit.name(0)
            failed[name] = Prediction(sample_id=name, failure=failure)
    notes = _notes(recording, strange=strange, unbound=unbound, differing=differing)
    return Settled(failed=failed, notes=tuple(notes))


def _differs(rubric: Rubric, unit: Unit, saying: Saying) -> bool:
    """Whether published ratings are not what the rubric reads.

    Raises:
        UsageError: A verdict's are not.
    """
    if saying.ratings is None or saying.reply is None:
        return False
    read = rubric.ratings(saying.reply, swapped=unit.swapped)
    if saying.published:
        return saying.ratings not in (NOTHING_READ if read is None else (read,))
    if read is not None and read != saying.ratings:
        message = (
            f"{saying.where} has the ratings {list(saying.ratings)}, and the rubric reads "
            f"{list(read)} in its reply: mend the line, or give the --rubric that it was read with."
        )
        raise UsageError(message)
    return False


def _notes(
    recording: Recording, *, strange: int, unbound: int, differing: Sequence[str]
) -> Iterator[str]:
    if strange:
        yield f"{strange:,} recorded verdicts are about other answers, and were not taken"
    if unbound:
        yield (
            f"{unbound:,} recorded replies do not say which answers they are about, and are taken "
            "to be about these"
        )
    if differing:
        yield (
            f"{len(differing):,} stored ratings are not what the rubric reads in their replies "
            f"({differing[0]!r} first); what it reads counts"
        )
    if recording.repeated:
        yield (
            f"{len(recording.repeated):,} questions are graded again in {recording.name} "
            f"({recording.repeated[0]!r} first); the last grade counts"
        )
