"""Pages as files that work without a server: every sample of a page stands in it, escaped."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import StoreError
from evalkit.view.beside import Beside
from evalkit.view.cards import PictureAt, Places
from evalkit.view.filters import Query, in_state, states_of
from evalkit.view.library import Library
from evalkit.view.opened import OpenTask, Run
from evalkit.view.pages import (
    Site,
    others,
    run_page,
    runs_page,
    samples_page,
    static,
    whole_page,
)
from evalkit.view.pictures import SMALL, NoPictureError, resized
from evalkit.view.questions import Questions
from evalkit.view.show import beside_of, samples_of, seen_of
from evalkit.writing import replacing, write_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST = 1000
"""Samples of a task that are written, where nobody says how many."""


def site() -> Site:
    """How exported pages are bound together: style and scripts stand in each, and it says which."""
    style, script = static("view.css"), static("view.js") + static("export.js")
    policy = (
        f"default-src 'none'; img-src 'self' file: data:; style-src {_digest(style)}; "
        f"script-src {_digest(script)}; base-uri 'none'; form-action 'none'"
    )
    return Site(
        exported=True,
        policy=policy,
        head=f'<link rel="icon" href="data:,">\n<style>{style}</style>',
        foot=f"<script>{script}</script>",
    )


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def export(library: Library, folder: Path, most: int = MOST) -> Iterator[Path]:
    """Write the pages of all runs; the first one's tasks also beside those of each other run.

    Args:
        library: The runs.
        folder: Where pages are written; `index.html` is the last of them.
        most: Samples of a task; of more, those that failed, flipped or are wrong come first.

    Yields:
        Each page that stands, once.

    Raises:
        UnwritableError: One cannot be written.
        StoreError: Scores are damaged.
    """
    sheets = _Sheets(site(), library, folder, most)
    for run in library.runs.values():
        yield from sheets.of(run)
        yield _written(folder / sheets.site.run(run), run_page(sheets.site, library, run))
    yield _written(folder / sheets.site.home(), runs_page(sheets.site, library))


def _written(path: Path, page: str) -> Path:
    write_text(path, page.encode("utf-8", "replace").decode())
    return path


@dataclass(frozen=True, slots=True)
class _Sheets:
    """Pages of samples, as files."""

    site: Site
    library: Library
    folder: Path
    most: int
    wholes: dict[str, None] = field(default_factory=dict)
    """Names of the pages of whole texts that stand."""

    def of(self, run: Run) -> Iterator[Path]:
        """Those of a run; of the first one also beside each other run."""
        is_first = run is next(iter(self.library.runs.values()))
        for stem in run.results:
            if run.folder.scores_path(stem).exists():
                opened = self.library.open(run, stem)
                keys = [run.key for run in others(self.library, run, stem)] if is_first else []
                for key in ("", *keys):
                    before = len(self.wholes)
                    page = self._page(opened, key)
                    yield from (self.folder / name for name in list(self.wholes)[before:])
                    yield page

    def _whole(self, opened: OpenTask, row: int) -> str:
        """Write a sample's whole texts, where they do not stand there yet."""
        name = self.site.whole(opened.run, opened.stem, row)
        if name not in self.wholes:
            page = whole_page(self.site, opened, row, opened.questions(None))
            _written(self.folder / name, page)
            self.wholes[name] = None
        return name

    def _page(self, opened: OpenTask, other: str = "") -> Path:
        beside = beside_of(self.library, opened, other)
        rows, query = _rows(opened, beside, self.most), Query(other=other)
        places = Places(
            picture=_pictures_into(self.folder / "pictures", opened),
            whole=self._whole,
            rows=frozenset(rows.tolist()),
        )
        samples = samples_of(opened, query, beside, places, patience=None, rows=rows)
        if len(rows) < len(opened.index):
            note = (
                f"Only {len(rows):,} of the {len(opened.index):,} samples are on this page, those "
                "that failed, flipped or are wrong first; `evalkit view` shows all of them."
            )
            samples = replace(samples, warnings=[*samples.warnings, note])
        page = samples_page(self.site, self.library, opened, query, samples, beside=beside)
        return _written(self.folder / self.site.task(opened.run, opened.stem, other), page)


def _rows(opened: OpenTask, beside: Beside | None, most: int) -> npt.NDArray[np.int64]:
    """At most so many rows, in order: first what failed, flipped or is wrong."""
    import numpy as np

    flips = [name for name in ("flipped", "group-flipped") if name in states_of(opened, beside)]
    states = ["failed", "wrong", *flips]
    telling = np.logical_or.reduce([in_state(opened, state, beside) for state in states])
    order = np.argsort(~telling, kind="stable")
    chosen: npt.NDArray[np.int64] = np.sort(order[:most])
    return chosen


def _pictures_into(folder: Path, opened: OpenTask) -> PictureAt:
    """Writes a sample's pictures when they are asked for: equal ones once."""

    def picture_at(row: int, number: int) -> str:
        questions = opened.questions(None)
        image = questions.image(row, number) if isinstance(questions, Questions) else None
        if image is None:
            return "!No picture."
        try:
            made = resized(image, seen_of(opened, row, number), SMALL)
        except NoPictureError as error:
            return f"!{error}"
        ending = made.kind.rpartition("/")[2]
        name = f"{hashlib.sha256(made.content).hexdigest()[:24]}.{ending}"
        if not (folder / name).exists():
            with replacing(folder / name) as temporary:
                Path(temporary).write_bytes(made.content)
        return f"{folder.name}/{name}"

    return picture_at


def check_folder(folder: Path, library: Library) -> None:
    """Check that pages may be written to a folder.

    Raises:
        StoreError: It is a file, a run's folder or within one, a folder that holds runs, or one
            with a page in the place of one of these that is not one of these.
    """
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file; give a folder for the pages."
        raise StoreError(message)
    _check_runs(folder, library)
    for path in sorted(folder.glob("*.html")):
        if _is_named(path.name, library) and not _is_own(path):
            message = (
                f"{path} would be replaced, and is no page of `evalkit view --export`; give the "
                "pages another folder, or take the file away."
            )
            raise StoreError(message)


def _check_runs(folder: Path, library: Library) -> None:
    place = folder.resolve()
    for run in library.runs.values():
        own = run.folder.path.resolve()
        if place == own or own in place.parents:
            message = f"{folder} is the folder of a run; give the pages another place."
            raise StoreError(message)
    depths = ("run.json", "*/run.json", "*/*/run.json")
    if (held := next(chain(*map(folder.glob, depths)), None)) is not None:
        message = f"{folder} holds runs ({held.parent}); give the pages a folder of their own."
        raise StoreError(message)


def _is_named(name: str, library: Library) -> bool:
    """Whether an export of these runs may write a page of this name."""
    return (
        name == "index.html"
        or name.removesuffix(".html").split("-")[0].split("+")[0] in library.runs
    )


def _is_own(path: Path) -> bool:
    """Whether a page says that an export made it; an unreadable one does not."""
    try:
        with path.open("rb") as file:
            return Site.generator.encode() in file.read(_HEAD)
    except OSError:
        return False


_HEAD = 2000  # bytes in which a page says who made it
