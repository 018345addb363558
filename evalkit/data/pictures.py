"""Pictures that are files beside a table."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from evalkit.errors import DataError
from evalkit.records import Image


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"The picture {path} cannot be read: {error.strerror}."
        raise DataError(message) from error


def picture_file(name: object, folder: Path, root: Path | None, where: str) -> Image | None:
    """The picture that a table names by its path; None for None or an empty name.

    Equal paths are one picture, so that all questions about it share its key.

    Args:
        name: What the table says.
        folder: What relative paths are relative to.
        root: Folder that the path must stay inside of, as it is written: links below it are the
            owner's own and are followed. None allows no paths at all.
        where: Row and column, as the beginning of a sentence.

    Raises:
        DataError: The name is no path, leaves the folder, or no file is there.
    """
    if name is None or name == "":
        return None
    if not isinstance(name, str):
        message = f"{where} must be the path of a picture, not a {type(name).__name__}."
        raise DataError(message)
    if root is None:
        message = f"{where} names the picture {name!r} by a path, but the table must hold it."
        raise DataError(message)
    base, path = os.path.abspath(root), os.path.abspath(os.path.join(folder, name))  # noqa: PTH100, PTH118  links stay
    inside = os.path.join(base, "")  # noqa: PTH118 - as texts, for a table may have many rows
    if path != base and not path.startswith(inside):
        message = f"{where} names the picture {name!r}, which is outside of the folder {base}."
        raise DataError(message)
    if not os.path.isfile(path):  # noqa: PTH113
        message = f"{where} names the picture {path}, which does not exist."
        raise DataError(message)
    key = path[len(inside) :].replace(os.sep, "/")
    return Image(key=key, read=partial(_content, path))
