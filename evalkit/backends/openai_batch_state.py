"""Which batches are out, on disk: a process that was killed goes on with them.

    DIR/<digest>.json    one a batch: server, file, batch, and the ids of its requests

A state is written before its batch is made, and again with the batch's id: a process that dies
between the two finds the batch by its file. An id is struck out when its answer was handed on.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A batch that is out.

    Attributes:
        server: The server's base URL.
        file: The input file's id on the server.
        digest: SHA-256 of the input file.
        batch: The batch's id; None where it may not have been made yet.
        requests: Ids of the requests in it whose answers were not handed on.
    """

    server: str
    file: str
    digest: str
    batch: str | None = None
    requests: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The name of its file."""
        return hashlib.sha256(f"{self.server}\n{self.digest}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class States:
    """The folder with the states of one server's batches."""

    folder: Path
    server: str

    def check(self) -> None:
        """See that states can be written, and that those that are there can be read.

        Raises:
            UsageError: They cannot.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise self._unwritable(error) from error
        self.jobs()

    def jobs(self) -> list[Job]:
        """The server's batches that are out, by name.

        Raises:
            UsageError: A state is damaged.
        """
        found = [_read(path) for path in sorted(self.folder.glob("[!.]*.json"))]
        return [job for job in found if job.server == self.server]

    def write(self, job: Job) -> None:
        """Write a state, so that a reader sees either the old or the new one.

        Raises:
            UsageError: It cannot be written.
        """
        text = json.dumps(asdict(job), indent=1) + "\n"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".state.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path(job))
        except OSError as error:
            raise self._unwritable(error) from error

    def forget(self, job: Job, ids: Iterable[str] | None = None) -> None:
        """Strike requests out; the state goes with the last of them.

        Args:
            job: The batch.
            ids: The requests; None: all.

        Raises:
            UsageError: The folder cannot be written.
        """
        path = self._path(job)
        job = _read(path) if path.exists() else job  # another call may have struck some out
        gone = set(job.requests if ids is None else ids)
        left = tuple(name for name in job.requests if name not in gone)
        if left:
            self.write(replace(job, requests=left))
        else:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise self._unwritable(error) from error

    def _path(self, job: Job) -> Path:
        return self.folder / f"{job.stem}.json"

    def _unwritable(self, error: OSError) -> UsageError:
        message = (
            f"The folder {self.folder} for the state of batches cannot be written: "
            f"{error.strerror}; name another with the model's option state=DIR."
        )
        return UsageError(message)


def _read(path: Path) -> Job:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if not _is_state(raw):
            message = "it is no state of a batch"
            raise ValueError(message)  # noqa: TRY301 - one sentence for all that is wrong
        return Job(**{**raw, "requests": tuple(raw["requests"])})
    except (OSError, ValueError, TypeError, RecursionError) as error:
        message = (
            f"The state of a batch in {path} cannot be read ({error}); remove the file, and its "
            "requests are sent again."
        )
        raise UsageError(message) from error


def _is_state(raw: Any) -> bool:
    if not isinstance(raw, dict) or not isinstance(raw.get("requests"), list):
        return False
    texts = [*(raw.get(name) for name in ("server", "file", "digest")), *raw["requests"]]
    batch = raw.get("batch", "")
    return all(isinstance(text, str) for text in texts) and isinstance(batch, str | None)
