"""Pages that a command writes: none takes the place of what is read, and all stand or none."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from evalkit.errors import UnwritableError, UsageError

_RECORDS = ("run.json", "started.json")  # what makes a folder a run's


def form_and_place(out: str, forms: Collection[str]) -> tuple[str | None, Path]:
    """What `--out [FORMAT=]FILE` names: a format, None where it says none, and the file.

    Args:
        out: As it was given.
        forms: The command's formats.

    Raises:
        UsageError: The word before "=" is none of them, or there is no file after it.
    """
    form, equals, path = out.partition("=")
    if not equals or not form.isalpha():
        return None, Path(out)
    if form not in forms or not path:
        message = (
            f"--out {out}: write FORMAT=FILE with a format of {', '.join(forms)}, or FILE alone "
            f"(./{out} where that is the file's name)."
        )
        raise UsageError(message)
    return form, Path(path)


def check_places(pages: Sequence[Path], read: Iterable[Path]) -> None:
    """Refuse pages in the place of what a command reads: by path, by link, or inside a run.

    Args:
        pages: Where pages are to be written.
        read: Files and run folders that the command reads.

    Raises:
        UsageError: A page would be one of these, or a file in a run's folder, or where another page
            is to be; or there is no such place.
    """
    given = list(read)
    known = {key for one in given for path in _files(one) if (key := _identity(path))}
    taken = {_resolved(one) for one in given}
    for page in pages:
        place, identity = _resolved(page), _identity(page)
        if place in taken or identity in known or _is_in_run(place) or page.name in _RECORDS:
            message = (
                f"{page} is what the command reads, or is in a run's folder; give the page another "
                "place."
            )
            raise UsageError(message)
    _check_apart(pages)


def _check_apart(pages: Sequence[Path]) -> None:
    """Refuse two pages in one place, by path or by link."""
    seen: set[object] = set()
    for page in pages:
        keys = {_resolved(page), _identity(page)} - {None}
        if keys & seen:
            message = f"{page} is where another page is to be; give each page its own place."
            raise UsageError(message)
        seen |= keys


def _resolved(path: Path) -> Path:
    """Where a path leads.

    Raises:
        UsageError: Nowhere, as links lead in a circle.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        message = f"{path} leads nowhere: its links go in a circle. Give another place."
        raise UsageError(message) from error


def _is_in_run(place: Path) -> bool:
    """Whether a place is in a run's folder."""
    return any(os.path.exists(up / name) for up in place.parents for name in _RECORDS)  # noqa: PTH110 - no error of a long name


def write_pages(pages: Iterable[tuple[Path, str]]) -> None:
    """Write pages, all or none; where one cannot be written, what stood there stays.

    Raises:
        EvalkitError: One cannot be written.
    """
    from evalkit.writing import write_together

    write_together(pages)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder of pages for this process: whoever else would write there waits.

    What is read of a page before it is written anew is then what it has when it is. The kernel
    frees the lock when its holder dies; a file system that has no locks holds nobody up. A folder
    that is made for it goes where nothing was put in it.

    Raises:
        UnwritableError: There can be no such folder.
    """
    is_new = not folder.exists()
    with _locked(folder):
        try:
            yield
        finally:
            if is_new:
                with suppress(OSError):
                    folder.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A folder that is there, with its lock: who held it before may have taken it away."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UnwritableError(str(folder), error) from error
        try:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _identity(folder) == _identity_of(os.fstat(handle)):
                yield
                return
        finally:
            os.close(handle)


def _files(place: Path) -> Iterator[Path]:
    """A file itself; of a run, named by its folder or its record, all files."""
    root = place.parent if place.name == "run.json" else place
    if any((root / name).exists() for name in _RECORDS):
        yield from (path for path in root.rglob("*") if path.is_file())
    elif place.is_file():
        yield place


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from all others, whatever it is called; None where there is none."""
    try:
        return _identity_of(path.stat())
    except OSError:
        return None


def _identity_of(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
