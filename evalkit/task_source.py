"""A task's own file, with the modules beside it that it imports -> one digest.

Imports are read, not run, so the digest is the same whatever else was imported. What a task loads
in another way (importlib, open) is not seen.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path


def task_digest(file: Path) -> str:
    """SHA-256 of a task's file; of more than one, that of their names and digests.

    Args:
        file: The task's file.

    Raises:
        OSError: It cannot be read.
    """
    folder = file.parent
    digests = {path: _digest(path) for path in task_sources(file)}
    if len(digests) == 1:
        return digests[file]
    named = sorted((path.relative_to(folder).as_posix(), own) for path, own in digests.items())
    return hashlib.sha256("".join(f"{own} {name}\n" for name, own in named).encode()).hexdigest()


def task_sources(file: Path) -> set[Path]:
    """A task's file, and those of its folder that it imports, or that these import.

    Of a package all modules count.

    Raises:
        OSError: One cannot be read.
    """
    found, open_files = {file}, [file]
    while open_files:
        for name in _imported(open_files.pop()):
            fresh = set(_modules(file.parent, name)) - found
            found |= fresh
            open_files += fresh
    return found


def is_below(path: str | Path, folder: Path) -> bool:
    """Whether a path leads below a folder; one that leads nowhere (links in a circle) does not."""
    try:
        return Path(path).resolve().is_relative_to(folder)
    except (OSError, RuntimeError, ValueError):
        return False


def _imported(file: Path) -> set[str]:
    """The first names of what a file imports, wherever in it; none where it is no Python."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - {"evalkit"}  # it is installed, whatever lies beside a task


def _modules(folder: Path, name: str) -> Iterator[Path]:
    """The files of a module, or of a package, that lies in a folder."""
    if (folder / name / "__init__.py").is_file():
        yield from (path for path in sorted((folder / name).rglob("*.py")) if path.is_file())
    elif (folder / f"{name}.py").is_file():
        yield folder / f"{name}.py"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
