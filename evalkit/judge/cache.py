"""What a judge replied, kept so that nothing is asked, or paid for, twice.

The key of a reply is all that it may depend on: which model, which rubric, the words and pictures,
the decoding settings, and how often the same was asked before. Only replies are kept: a failure has
no text, so there is no way to put one here, and an outage is asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from evalkit.errors import StoreError, UsageError
from evalkit.judge.cache_database import Database
from evalkit.judge.cache_lines import CacheLine, Imported, fault, read_lines, written
from evalkit.judge.cache_rows import (
    CHOSEN,
    DIFFERING,
    FIND,
    GROUPS,
    KEEP,
    choice,
    line_of,
    row_of,
)
from evalkit.records import Generation, Image, Message, Request, plain
from evalkit.run_record import ModelIdentity
from evalkit.writing import write_lines

PATIENCE = 30.0
"""Seconds to wait while another process writes."""

CHUNK = 1_000
"""Keys in one query, so that other threads get their turn."""

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
"""Writes what a key is the digest of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedReply:
    """What a judge replied, word for word.

    Attributes:
        text: The reply.
        finish: "stop" or "length"; None where unknown.
        prompt_tokens: Tokens of the prompt; None where unknown.
        output_tokens: Tokens of the reply; None where unknown.
        served: What the server said of itself: model, system fingerprint, date.
        asked: When it was first asked, ISO 8601, UTC ("2026-11-01T09:30:00Z"); of one that a run's
            journal had before, when that journal was last written.
    """

    text: str
    finish: Literal["stop", "length"] | None
    prompt_tokens: int | None
    output_tokens: int | None
    served: tuple[str, ...]
    asked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheGroup:
    """Replies of one judge under one rubric, and the tokens that they cost where that is known."""

    backend: str
    model: str
    rubric: str
    replies: int
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatistics:
    """What a cache holds.

    Attributes:
        replies: How many.
        size: Bytes on disk.
        oldest: When the first was asked, ISO 8601, UTC; None where there is none.
        newest: When the last was asked.
        groups: By backend, model and rubric, in that order.
    """

    replies: int
    size: int
    oldest: str | None
    newest: str | None
    groups: tuple[CacheGroup, ...]


def default_path(environ: Mapping[str, str]) -> Path | None:
    """Where the cache lies unless the user says otherwise; None where nothing is to be kept.

    Args:
        environ: The environment: EVALKIT_JUDGE_CACHE (a file, or "none"), else XDG_CACHE_HOME, else
            HOME counts.
    """
    if chosen := environ.get("EVALKIT_JUDGE_CACHE"):
        return None if chosen == "none" else Path(chosen).expanduser()
    folder = Path(environ.get("XDG_CACHE_HOME") or "")
    if not folder.is_absolute():  # the XDG specification has relative ones ignored
        folder = Path(environ.get("HOME") or Path.home()) / ".cache"
    return folder / "evalkit" / "judge.sqlite"


def cache_key(identity: ModelIdentity, rubric: str, request: Request, repetition: int) -> str:
    """The SHA-256 (hexadecimal) of all that a reply may depend on.

    Requests that say the same share a key, whichever task and sample they are of.

    Args:
        identity: The judge; its backend, name, revision and digest count.
        rubric: The rubric's digest.
        request: What is asked; pictures count by their bytes, which are read for it.
        repetition: 1 for the first time that the same is asked, 2 for the second, ...

    Raises:
        DataError: A picture cannot be read.
    """
    before, after = _around_messages(identity, rubric, request.generation, repetition)
    messages = ",".join(map(_message, request.messages))
    return hashlib.sha256(f"{before}[{messages}]{after}".encode()).hexdigest()


@lru_cache(maxsize=128)
def _around_messages(
    identity: ModelIdentity, rubric: str, generation: Generation, repetition: int
) -> tuple[str, str]:
    """What stands before and after the messages: the same for most questions to a judge."""
    told: dict[str, Any] = {
        "backend": identity.backend,
        "name": identity.name,
        "revision": identity.revision,
        "digest": identity.digest,
        "rubric": rubric,
        "messages": [],
        "generation": _settings(plain(generation)),
        "repetition": repetition,
    }
    name = '"messages":'  # in a text the marks would be escaped
    before, _, after = CANONICAL.encode(told).partition(f"{name}[]")
    return before + name, after


def _message(message: Message) -> str:
    """Role and parts; a picture is an object, so that no text can be taken for one."""
    parts = ",".join(map(_part, message.content))
    return f'{{"parts":[{parts}],"role":{CANONICAL.encode(message.role)}}}'


def _part(part: str | Image) -> str:
    told = part if isinstance(part, str) else {"sha256": hashlib.sha256(part.read()).hexdigest()}
    return CANONICAL.encode(told)


def _settings(value: Any) -> Any:
    """The same for equal settings: 0, 0.0 and -0.0 are one temperature."""
    if isinstance(value, Mapping):
        return {name: _settings(held) for name, held in value.items()}
    return value + 0.0 if isinstance(value, (int, float)) else value


class VerdictCache:
    """Replies by key, on disk, for several threads and processes at once.

    The first reply to a key stays; a later one is not kept. Threads may share one; every process
    opens its own, a forked one too.
    """

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        """Open the cache, or make it where there is none.

        Args:
            path: The file.
            patience: Seconds to wait while another process writes.

        Raises:
            StoreError: It cannot be written, is damaged, of another schema, or something else.
        """
        self.path = path
        self._database = Database(path, patience)

    def find(self, keys: Sequence[str]) -> dict[str, CachedReply]:
        """The replies that are known, by key; in no order.

        Args:
            keys: Any number of keys; some may be equal.

        Raises:
            StoreError: The cache cannot be read.
        """
        return {key: reply_of(line) for key, line in self.find_lines(keys).items()}

    def find_lines(self, keys: Sequence[str]) -> dict[str, CacheLine]:
        """As `find`, with whose each reply is said to be: a line of an import may say anything.

        Raises:
            StoreError: The cache cannot be read.
        """
        wanted, found = list(dict.fromkeys(keys)), dict[str, CacheLine]()
        for start in range(0, len(wanted), CHUNK):
            asked = json.dumps(wanted[start : start + CHUNK])
            with self._database.reading() as connection:
                rows = connection.execute(FIND, (asked,)).fetchall()
            found.update({row[0]: line_of(row, self.path) for row in rows})
        return found

    def keep(self, key: str, reply: CachedReply, *, backend: str, model: str, rubric: str) -> bool:
        """Keep one reply; says whether it was the first to its key. See `keep_all`."""
        return bool(self.keep_all({key: reply}, backend=backend, model=model, rubric=rubric))

    def keep_all(
        self, replies: Mapping[str, CachedReply], *, backend: str, model: str, rubric: str
    ) -> int:
        """Keep replies, all or none; says how many of them were the first to their keys.

        Lone surrogates become U+FFFD, as in predictions: no file could hold them.

        Args:
            replies: By key.
            backend: The judge's backend.
            model: The judge's name.
            rubric: The rubric's digest.

        Raises:
            StoreError: The cache cannot be written, or may not hold a reply.
        """
        lines = [
            _line(key, reply, backend=backend, model=model, rubric=rubric)
            for key, reply in replies.items()
        ]
        for line in lines:
            if said := fault(line):
                message = f"The judge's cache {self.path} takes no such reply: {said}."
                raise StoreError(message)
        with self._database.writing() as connection:
            return sum(connection.execute(KEEP, row_of(line)).rowcount for line in lines)

    def statistics(self) -> CacheStatistics:
        """What the cache holds.

        Raises:
            StoreError: The cache cannot be read.
        """
        with self._database.reading() as connection:
            rows = connection.execute(GROUPS).fetchall()
            oldest, newest = connection.execute(
                "SELECT min(asked), max(asked) FROM replies"
            ).fetchone()
        names = CacheGroup.__slots__
        groups = tuple(CacheGroup(**dict(zip(names, row, strict=True))) for row in rows)
        return CacheStatistics(
            replies=sum(group.replies for group in groups),
            size=self._database.size,
            oldest=oldest,
            newest=newest,
            groups=groups,
        )

    def prune(
        self, before: date | None = None, model: str | None = None, rubric: str | None = None
    ) -> int:
        """Forget the replies that meet every condition given; says how many.

        Args:
            before: Asked before this day (UTC).
            model: By this judge.
            rubric: Under the rubric of this digest.

        Raises:
            UsageError: No condition is given.
            StoreError: The cache cannot be written.
        """
        if before is None and model is None and rubric is None:
            message = (
                "Nothing says which verdicts to forget; give a day, a model or a rubric "
                "(to forget all of them, remove the cache's file)."
            )
            raise UsageError(message)
        with self._database.writing() as connection:
            gone = connection.execute("DELETE" + CHOSEN, choice(before, model, rubric)).rowcount
        if gone:
            self._database.shrink()
        return gone

    def export(
        self,
        path: Path,
        before: date | None = None,
        model: str | None = None,
        rubric: str | None = None,
    ) -> int:
        """Write replies as JSONL, in the order of their keys, atomically; says how many.

        Args:
            path: The file to write.
            before: As for `prune`; without any condition all replies are written.
            model: The same.
            rubric: The same.

        Raises:
            UsageError: The file is the cache itself.
            StoreError: The cache cannot be read, or the file cannot be written.
        """
        if path.exists() and path.samefile(self.path):
            message = f"{path} is the judge's cache itself; export it to another file."
            raise UsageError(message)
        with self._database.reading() as connection:
            told = choice(before, model, rubric)
            rows = connection.execute(f"SELECT *{CHOSEN} ORDER BY key", told)
            return write_lines(path, (written(line_of(row, self.path)) for row in rows))

    def import_file(self, path: Path) -> Imported:
        """Keep what an export holds; says how many replies were new, and how many known.

        A reply to a known key counts as known, and the known one stays, also where the two differ:
        in whose they are, in their text, or in how it ended.

        Args:
            path: An export.

        Raises:
            StoreError: The file cannot be read, or a line is no reply; nothing is imported then.
        """
        new = known = differing = 0
        try:
            with path.open("rb") as file, self._database.writing() as connection:
                for line in read_lines(file, path):
                    row = row_of(line)
                    if connection.execute(KEEP, row).rowcount:
                        new += 1
                        continue
                    known += 1
                    differing += connection.execute(DIFFERING, row).fetchone()[0]
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}."
            raise StoreError(message) from error
        return Imported(new=new, known=known, differing=differing)

    def close(self) -> None:
        """Close the file; everything kept is on disk already."""
        self._database.close()

    def __enter__(self) -> Self:
        """The cache itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def reply_of(line: CacheLine) -> CachedReply:
    """What a line says that the judge replied."""
    return CachedReply(
        text=line.text,
        finish=line.finish,
        prompt_tokens=line.prompt_tokens,
        output_tokens=line.output_tokens,
        served=line.served,
        asked=line.asked,
    )


def _line(key: str, reply: CachedReply, *, backend: str, model: str, rubric: str) -> CacheLine:
    return CacheLine(
        key=key,
        backend=backend,
        model=model,
        rubric=rubric,
        text=_clean(reply.text),
        finish=reply.finish,
        prompt_tokens=reply.prompt_tokens,
        output_tokens=reply.output_tokens,
        served=tuple(map(_clean, reply.served)),
        asked=reply.asked,
    )


def _clean(text: str) -> str:
    """The text with lone surrogates replaced: no file could hold them."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
