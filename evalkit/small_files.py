"""Files that people write by hand, read up to a size: devices have no end, and pipes wait."""

from __future__ import annotations

import os
from pathlib import Path

from evalkit.errors import StoreError, UsageError

MOST = 1 << 20
"""Bytes that such a file may have."""


def read_small(path: Path, what: str) -> bytes:
    """A small file's bytes; a pipe is read to its end, too.

    Args:
        path: The file.
        what: What it is, for errors: "policy".

    Raises:
        UsageError: It cannot be read, or has more than `MOST` bytes.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        message = f"The {what} {path} cannot be read: {error.strerror or error}."
        raise UsageError(message) from error
    if len(content) > MOST:
        message = f"The {what} {path} has more than {MOST:,} bytes: it is none."
        raise UsageError(message)
    return content


def check_regular(path: Path) -> None:
    """Check that what stands at a path, if anything does, is a file: no pipe, device or folder.

    Raises:
        StoreError: It is something else.
    """
    if os.path.exists(path) and not path.is_file():  # noqa: PTH110 - no error of a long name
        message = f"{path} is no regular file."
        raise StoreError(message)
