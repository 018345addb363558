"""Digests that tie a record to what it says, to its answers, and to the scores of its numbers.

They find a hand that has changed a number, a note or a version, and files that were mixed up.
Whoever changes a record and computes its digest anew is not found: nothing here is secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

from evalkit.errors import StaleError, StoreError
from evalkit.records import MetricValue, Prediction, SampleScore, plain
from evalkit.run_record import Peeks, RunRecord

_SAME = 1e-9
"""Ends of an interval that differ by less, of the largest, are the same: sums are rounded."""


class ScoreDigest:
    """SHA-256 over scored samples that are fed in order, in one piece or many.

    Everything but the targets counts: they are the data's, and have a digest there. Numbers count
    as floats, a single tag as a list of one, and an empty list as none, as files hold them.
    """

    def __init__(self) -> None:
        """Nothing was fed yet."""
        self._total = hashlib.sha256()

    def add(self, scores: Iterable[SampleScore]) -> None:
        """Feed the next scores."""
        import msgspec

        encoder = msgspec.json.Encoder()
        lines = []
        for score in scores:
            fields = _fields(score)
            try:
                lines.append(encoder.encode(fields))
            except UnicodeEncodeError:  # a lone surrogate, which files hold as "?"
                lines.append(encoder.encode(_writable(fields)))
        if lines:
            lines.append(b"")
            self._total.update(b"\n".join(lines))

    @property
    def value(self) -> str:
        """The digest of what was fed, hexadecimal."""
        return self._total.hexdigest()


class AnswerDigest:
    """SHA-256 over predictions that are fed in order, one by one.

    What the models wrote counts, and which pictures they were shown; tokens, times and what a
    server says of itself differ between two runs that say the same.
    """

    def __init__(self) -> None:
        """Nothing was fed yet."""
        import msgspec

        self._total = hashlib.sha256()
        self._encode = msgspec.json.Encoder().encode

    def add(self, made: Prediction) -> None:
        """Feed the next prediction."""
        fields = (made.sample_id, made.text, made.finish, made.images)
        try:
            line = self._encode(fields)
        except UnicodeEncodeError:  # a lone surrogate, which files hold as "?"
            line = self._encode(_writable(fields))
        self._total.update(line + b"\n")

    def check(self, digest: str, place: str) -> None:
        """Check that what was fed is what a record was made of.

        Raises:
            StaleError: It has another digest.
        """
        if self._total.hexdigest() != digest:
            message = (
                f"The answers in {place} are not those that its record was made of: one of the two "
                "was changed. Take both from where they are untouched, or make the run again "
                "(--fresh)."
            )
            raise StaleError(message)

    @property
    def value(self) -> str:
        """The digest of what was fed, hexadecimal."""
        return self._total.hexdigest()


@contextmanager
def checking_answers(digest: str | None, place: str) -> Iterator[Callable[[Prediction], None]]:
    """Check, at the end, that the predictions that are fed are those that a record was made of.

    Args:
        digest: What the record says of them; None checks nothing.
        place: Where they stand.

    Yields:
        What takes each prediction, in order.

    Raises:
        StaleError: They have another digest.
    """
    if digest is None:
        yield lambda _: None
        return
    fed = AnswerDigest()
    yield fed.add
    fed.check(digest, place)


def digest_of_scores(scores: Iterable[SampleScore]) -> str:
    """SHA-256 over scored samples, as `ScoreDigest`."""
    total = ScoreDigest()
    total.add(scores)
    return total.value


def _fields(score: SampleScore) -> tuple[Any, ...]:
    """What counts of a scored sample, names in alphabetical order."""
    tags = score.tags
    return (
        score.sample_id,
        score.answer,
        score.failed,
        score.group,
        score.cluster,
        score.rule,
        score.ambiguous,
        [(name, float(value)) for name, value in sorted(score.values.items())],
        [(name, _list(tags[name])) for name in sorted(tags) if tags[name] != ()],
    )


def _list(tag: str | tuple[str, ...]) -> tuple[str, ...]:
    return (tag,) if isinstance(tag, str) else tag


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return [_writable(inner) for inner in value] if isinstance(value, (tuple, list)) else value


class TwiceError(ValueError):
    """A JSON object gives a field twice: of the two a reader sees one, and which is not said."""


def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a JSON object, each given once (for `json.loads`, as `object_pairs_hook`).

    Raises:
        TwiceError: One is given twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"it gives {twice!r} twice"
        raise TwiceError(message)
    return found


def record_digest(raw: Mapping[str, Any]) -> str:
    """SHA-256 over a plain record without its own `digest`.

    Canonical JSON: names in order, floats by `repr`, and whole ones as integers, because a reader
    makes a float of an integer that stands where a float belongs.
    """
    rest = {name: _whole(value) for name, value in raw.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _whole(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _whole(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sealed(record: RunRecord) -> RunRecord:
    """The record with the digest of what it says."""
    return replace(record, digest=record_digest(plain(record)))


def check_record(raw: Mapping[str, Any], place: str) -> None:
    """Check that a plain record says what was written.

    Raises:
        StaleError: Its digest is another's.
    """
    if record_digest(raw) != raw.get("digest"):
        message = (
            f"{place} is not what was written: its contents do not have its digest. Was it edited? "
            "Take it from where it is untouched, or make the run again (--fresh)."
        )
        raise StaleError(message)


def check_schema(raw: Any, schema: int, place: str) -> None:
    """Check that an object says it has a schema, as a whole number: `true` is 1 to Python alone.

    Raises:
        StoreError: It says another, or none.
    """
    told = raw.get("schema") if isinstance(raw, dict) else schema
    if type(told) is not int or told != schema:
        message = f"{place} has schema {told!r}; this version of evalkit reads {schema}."
        raise StoreError(message)


def check_sound(record: RunRecord, place: str) -> None:
    """Check that a record is one that can be meant: tasks once, samples, numbers and looks.

    Raises:
        StoreError: It is not.
    """
    seen: set[str] = set()
    for result in record.results:
        if result.task in seen:
            message = (
                f"{place} is not a valid RunRecord: results have the task {result.task!r} twice, "
                "and which of the two is meant is not said."
            )
            raise StoreError(message)
        seen.add(result.task)
        told = result.coverage
        parts = (told.answered, told.failed, told.unparsed)
        if min(parts) < 0 or sum(parts) != told.asked:
            message = (
                f"{place} is not a valid RunRecord: of {result.task} it says that {told.asked:,} "
                f"samples were asked, {told.answered:,} answered, {told.failed:,} failed and "
                f"{told.unparsed:,} unparsed, which do not add up."
            )
            raise StoreError(message)
        for name, value in result.metrics.items():
            _check_number(f"{name} of {result.task}", value, place)
        if result.peeks is not None and not _can_be_meant(result.peeks, told.asked):
            message = (
                f"{place} is not a valid RunRecord: of {result.task} it tells of looks (peeks) "
                "that cannot be made: their clusters ascend from 1, one of them is the last that "
                "was made, over 1 rule or more, and what was asked was planned."
            )
            raise StoreError(message)


def _check_number(name: str, told: MetricValue, place: str) -> None:
    """Check that a number lies in its interval, and both below what is possible.

    How small it may be, no record says: not all numbers start at 0.

    Raises:
        StoreError: It does not.
    """
    if (told.low is None) != (told.high is None):
        message = f"{place} is not a valid RunRecord: {name} has an interval with one end."
        raise StoreError(message)
    ends = [end for end in (told.low, told.value, told.high, told.maximum) if end is not None]
    slack = _SAME * max(1.0, *map(abs, ends))
    if not all(one <= two + slack for one, two in pairwise(ends)):  # so NaN is refused, too
        between = "" if told.low is None else f", between {told.low:.6g} and {told.high:.6g}"
        most = "" if told.maximum is None else f", of {told.maximum:.6g} at most"
        message = (
            f"{place} is not a valid RunRecord: it says that {name} is {told.value:.6g}"
            f"{between}{most}, which cannot be."
        )
        raise StoreError(message)


def _can_be_meant(peeks: Peeks, asked: int) -> bool:
    """Whether such looks can be made at a task of which so many samples were asked."""
    ascending = all(one < two for one, two in pairwise((0, *peeks.looks)))
    made = 1 <= peeks.made <= len(peeks.looks)
    return ascending and made and peeks.rules >= 1 and peeks.samples >= asked


def check_scores(scores: Iterable[SampleScore], digest: str, place: str) -> None:
    """Check that scored samples are those that a record is about.

    Raises:
        StaleError: Their digest is another's.
    """
    if digest_of_scores(scores) != digest:
        message = (
            f"{place} does not hold the scores that its record is about: one of the two was "
            "changed. The command that made them, given again, writes both anew."
        )
        raise StaleError(message)
