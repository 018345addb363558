"""Files that people write by hand, read up to a size: of a device there is no end."""

from __future__ import annotations

from pathlib import Path

from evalkit.errors import UsageError

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
