"""The judge's cache as an SQLite database: made, opened, shared and, where it fails, explained.

WAL lets readers and a writer of several processes work at once, and loses nothing that was
committed when a process is killed. (A loss of power may cost the last transactions: the log is not
synced for each of them, which would make every reply wait for the disk.) WAL needs shared memory,
so the file must lie on a disk of the machine that uses it, not on a network's.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from evalkit.errors import StoreError

APPLICATION = 0x45564B4A
"""Says in the file's head (SQLite's `application_id`) that it is a judge's cache: "EVKJ"."""

SCHEMA = 1
"""The version of the table, in the file's head as `user_version`."""

TABLE = """
CREATE TABLE replies (
    key TEXT NOT NULL PRIMARY KEY,
    backend TEXT NOT NULL,
    model TEXT NOT NULL,
    rubric TEXT NOT NULL,
    text TEXT NOT NULL,
    finish TEXT,
    prompt_tokens INTEGER,
    output_tokens INTEGER,
    served TEXT NOT NULL,
    asked TEXT NOT NULL
)
"""
"""The one table, with the columns of `CacheLine`; `served` is a JSON array."""

RETRY = 0.02
"""Seconds between two attempts at what SQLite's own waiting does not cover."""

OTHER = (
    "or name another file with --judge-cache (--cache of `evalkit judge cache`) or "
    "EVALKIT_JUDGE_CACHE"
)

DAMAGED = f"is damaged; move it away and import an export of it, {OTHER}"
"""Ends of sentences that begin with the file."""

REMEDIES = {
    "SQLITE_NOTADB": f"is no SQLite database; move it away, {OTHER}",
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_READONLY": f"cannot be written; make the file and its folder writable, {OTHER}",
    "SQLITE_PERM": f"cannot be written; make the file and its folder writable, {OTHER}",
    "SQLITE_CANTOPEN": f"cannot be opened; see that it is a file that you may write, {OTHER}",
    "SQLITE_FULL": f"cannot grow, because the disk is full; free some space, {OTHER}",
    "SQLITE_BUSY": f"is locked by another process; wait for that one to end, {OTHER}",
    "SQLITE_LOCKED": f"is locked by another process; wait for that one to end, {OTHER}",
}
"""What each of SQLite's errors means for a user, by the beginning of its name."""


class Database:
    """One connection that threads take in turns; every process opens its own."""

    def __init__(self, path: Path, patience: float) -> None:
        """Open the database, or make it where there is none: the folder 0700, the file 0600.

        Args:
            path: The file.
            patience: Seconds to wait for other processes before giving up.

        Raises:
            StoreError: It cannot be had, or is something else.
        """
        self.path = path
        self._lock = threading.RLock()
        _make_file(path)
        with ExitStack() as stack, _explained(path):
            self._connection = sqlite3.connect(
                path.absolute().as_uri() + "?mode=rw",
                uri=True,
                timeout=patience,
                isolation_level=None,
                check_same_thread=False,
            )
            stack.callback(self.close)
            self._prepare(patience)
            stack.pop_all()

    def _prepare(self, patience: float) -> None:
        """See whose file it is before anything is changed in it."""
        if self._head() != (APPLICATION, SCHEMA):
            with self.writing() as connection:
                self._make_table(connection)
        _log_ahead(self._connection, patience)
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def _head(self) -> tuple[int, int]:
        names = ("application_id", "user_version")
        one, two = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return one, two

    def _make_table(self, connection: sqlite3.Connection) -> None:
        application, schema = self._head()  # another process may have made it meanwhile
        if (application, schema) == (APPLICATION, SCHEMA):
            return
        if application == APPLICATION:
            message = (
                f"The judge's cache {self.path} has schema {schema}; this version of evalkit reads "
                f"{SCHEMA}: export it with the version that wrote it, {OTHER}."
            )
            raise StoreError(message)
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application or schema or objects:
            message = f"{self.path} is a database, but no judge's cache; move it away, {OTHER}."
            raise StoreError(message)
        connection.execute(TABLE)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone; what SQLite says against it becomes a sentence."""
        with self._lock, _explained(self.path):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same in a transaction: all of it is kept, or, after any error, nothing."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # SQLite has rolled back itself after some errors
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")

    def shrink(self) -> None:
        """Give the disk back what was deleted; left for another day where others are at work."""
        with self.reading() as connection, suppress(sqlite3.OperationalError):
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def size(self) -> int:
        """Bytes on disk, what is not yet merged included."""
        own = self.path.resolve()
        parts = (own, own.with_name(f"{own.name}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


def _make_file(path: Path) -> None:
    """Make the file where there is none.

    An existing one is not opened: closing it would drop the locks that another connection of this
    process holds. Nor is a read-only one left to SQLite, which would open it, leave read-only files
    beside it, and complain only when the first reply has been paid for.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = (
            f"The judge's cache {path} cannot be made ({reason}); make its folder writable, "
            f"{OTHER}."
        )
        raise StoreError(message) from error
    if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.resolve().parent, os.W_OK)):
        message = f"The judge's cache {path} {REMEDIES['SQLITE_READONLY']}."
        raise StoreError(message)


def _log_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to WAL; of several processes that do so at once, SQLite lets all but one fail."""
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            name = getattr(error, "sqlite_errorname", "")
            if not name.startswith("SQLITE_BUSY") or time.monotonic() > end:
                raise
            time.sleep(RETRY)
        else:
            return


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into a sentence that names the file and what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or "SQLITE_CORRUPT"  # text that is no UTF-8
        said = next((text for start, text in REMEDIES.items() if name.startswith(start)), None)
        said = said or f"cannot be read or written ({error}); see to the disk, {OTHER}"
        message = f"The judge's cache {path} {said}."
        raise StoreError(message) from error
