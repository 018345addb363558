"""One process a run folder: a lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from evalkit.errors import EvalkitError, UnwritableError, UsageError
from evalkit.store import RunFolder

FREE_BYTES = 100 * 2**20
"""A run does not start with less free disk than this."""


@contextmanager
def held(folder: RunFolder, *, fresh: bool = False) -> Iterator[Path | None]:
    """Hold a run folder for this process alone.

    Args:
        folder: The folder; it is made where it does not exist.
        fresh: Set an earlier run in it aside first, which needs its lock too.

    Yields:
        Where the earlier run was set aside; None if nothing was.

    Raises:
        UsageError: Another process holds it.
        UnwritableError: It cannot be written.
        EvalkitError: The disk is full.
    """
    with ExitStack() as stack:
        stack.enter_context(_locked(folder))
        aside = folder.set_aside() if fresh and folder.holds_a_run else None
        if aside:
            RunFolder(aside).lock_path.unlink(missing_ok=True)
            stack.enter_context(_locked(folder))
        yield aside
        folder.lock_path.unlink(missing_ok=True)


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = folder.lock_path.open("w")
    except OSError as error:
        what = f"The run folder {folder.path}"
        raise UnwritableError(what, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(lock.fileno()), folder.lock_path.stat())
        except OSError:
            mine = False
        if not mine:
            message = (
                f"Another process is at work in {folder.path}; wait for it (a new run may have "
                "another --name)."
            )
            raise UsageError(message)
        if (free := shutil.disk_usage(folder.path).free) < FREE_BYTES:
            message = (
                f"Only {free // 2**20} MiB are free at {folder.path}; "
                f"a run needs {FREE_BYTES // 2**20}."
            )
            raise EvalkitError(message)
        yield
