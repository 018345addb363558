"""A file of replies that a judge has given before, read strictly: what it says to what. Pure.

Forms: MM-Vet's grade files ({id: {model, content, score}}, a reply for each run); LLaVA's review
files (lines with question_id and content, or text); evalkit's own verdict files. What contradicts
itself is refused, for of two readers each could see another verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError
from evalkit.judge.kinds import is_rating
from evalkit.judge.review import one_object, rows_of
from evalkit.judge.review_notes import repeated_keys
from evalkit.records import UNASKED, Failure

Said = tuple[str, int, bool]
"""What a reply is to: sample id, repetition from 1, and whether the answers were swapped."""

_SHOWN = 60
"""Characters of a wrong value that an error shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What a file says that the judge has said.

    Attributes:
        where: The place in the file, which begins a sentence.
        reply: The reply; None where there is a failure in its place.
        failure: Why it was no verdict; None where it was one.
        ratings: What was read in it; None where the file does not say.
        about: `evalkit.judge.units.digest_of_answer` of what it is about; None as for `ratings`.
        published: Whether it is of a grade or review file, whose ratings another program read.
    """

    where: str
    reply: str | None
    failure: Failure | None = None
    ratings: tuple[float, ...] | None = None
    about: str | None = None
    published: bool = True

    @property
    def told(self) -> tuple[object, ...]:
        """All that it says: equal for two lines that say the same."""
        return self.reply, self.failure, self.ratings, self.about


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a file says.

    Attributes:
        name: The file's.
        said: By what it is to.
        repeated: Questions of a grade file that are graded again, the first of them first; the last
            grade counts, as in the official script.
    """

    name: str
    said: Mapping[Said, Saying]
    repeated: tuple[str, ...] = ()


def read_recording(content: bytes, path: Path) -> Recording:
    """The replies in a file.

    Args:
        content: The file's.
        path: The file, for errors.

    Raises:
        UsageError: It is of no known form, or contradicts itself; the text names the line.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong(str(path), f"is no text in UTF-8 ({error})") from error
    grades = one_object(path, text)
    if grades is not None:
        said = {key: saying for own in grades.items() for key, saying in _graded(path, *own)}
        return Recording(name=path.name, said=said, repeated=repeated_keys(text))
    said, runs = dict[Said, Saying](), Counter[str]()
    for where, row in rows_of(path, text, _wrong):
        found = _verdict(where, row) if "sample_id" in row else _reviewed(where, row, runs)
        if found is None:
            continue
        key, saying = found
        if said.setdefault(key, saying).told != saying.told:
            other = said[key].where.removeprefix("Line ")
            raise _wrong(where, f"contradicts line {other}, which is also about {key[0]!r}")
    return Recording(name=path.name, said=said)


def _wrong(where: str, what: str) -> UsageError:
    return UsageError(
        f"{where} {what}; recorded replies are a grade file of MM-Vet, or lines of LLaVA's reviews "
        "or of evalkit's verdicts."
    )


def _graded(path: Path, sample: str, own: Any) -> Iterator[tuple[Said, Saying]]:
    """MM-Vet's replies to a question; a null reply is one that cannot be read."""
    where = f"The question {sample!r} of {path}"
    replies = own.get("content") if isinstance(own, dict) else None
    if not isinstance(replies, list):
        raise _wrong(where, f"needs a list of replies (content), not {_shown(replies)}")
    grades = own.get("score")
    ratings = _ratings(where, grades)
    if ratings is not None and len(ratings) != len(replies):
        raise _wrong(where, "must have as many replies (content) as grades (score)")
    for run, reply in enumerate(replies, start=1):
        stored = None if ratings is None else (ratings[run - 1],)
        text = _text(where, "content", reply) or ""
        yield (sample, run, False), Saying(where=where, reply=text, ratings=stored)


def _reviewed(where: str, row: Mapping[str, Any], runs: Counter[str]) -> tuple[Said, Saying]:
    """LLaVA's line; a question's further lines are its further runs."""
    question = row.get("question_id")
    if isinstance(question, bool) or not isinstance(question, (str, int)):
        raise _wrong(where, "has neither a question_id nor a sample_id")
    texts = [_text(where, name, row[name]) for name in ("content", "text") if name in row]
    if not texts:
        raise _wrong(where, "has no reply (content, or text)")
    if len(set(texts)) > 1:
        raise _wrong(where, "has two replies, content and text, that differ")
    ratings = _ratings(where, row.get("tuple", row.get("score")))
    sample = str(question)
    runs[sample] += 1
    return (sample, runs[sample], False), Saying(where=where, reply=texts[0] or "", ratings=ratings)


def _verdict(where: str, row: Mapping[str, Any]) -> tuple[Said, Saying] | None:
    """A line of evalkit's; None where the judge was not asked, or nobody knows what it said."""
    sample, run, swapped = row["sample_id"], row.get("repetition", 1), row.get("swapped", False)
    if not isinstance(sample, str):
        raise _wrong(where, f"has the sample_id {_shown(sample)}, which is no text")
    if isinstance(run, bool) or not isinstance(run, int) or run < 1:
        raise _wrong(where, f"has the repetition {_shown(run)}, which is none of 1, 2, ...")
    if not isinstance(swapped, bool):
        raise _wrong(where, f"has swapped {_shown(swapped)}, which is neither true nor false")
    failure, ratings = _failure(where, row.get("failure")), _ratings(where, row.get("ratings"))
    if failure is not None and ratings is not None:
        raise _wrong(where, "has ratings and a failure, of which only one can be")
    reply = _text(where, "reply", row.get("reply"))
    if failure is not None and failure.kind == UNASKED:
        return None
    if reply is None and failure is None:
        return None
    return (sample, run, swapped), Saying(
        where=where,
        reply=reply,
        failure=failure,
        ratings=ratings,
        about=_text(where, "about", row.get("about")),
        published=False,
    )


def _failure(where: str, raw: Any) -> Failure | None:
    if raw is None:
        return None
    kind, message = (raw.get("kind"), raw.get("message")) if isinstance(raw, dict) else (None, None)
    if not isinstance(kind, str) or not kind or not isinstance(message, (str, type(None))):
        raise _wrong(where, f"has the failure {_shown(raw)}, which has no kind and message")
    return Failure(kind=kind, message=message or "the file does not say why")


def _ratings(where: str, raw: Any) -> tuple[float, ...] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw or not all(map(is_rating, raw)):
        raise _wrong(where, f"has the ratings {_shown(raw)}, which are no list of numbers")
    return tuple(map(float, raw))


def _text(where: str, name: str, raw: Any) -> str | None:
    if raw is not None and not isinstance(raw, str):
        raise _wrong(where, f"has the {name} {_shown(raw)}, which is no text")
    return raw


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]
