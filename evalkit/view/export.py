"""Pages as files that work without a server: every sample of a page stands in it, escaped."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import StoreError
from evalkit.view.beside import Beside
from evalkit.view.cards import PictureAt
from evalkit.view.filters import Query, in_state
from evalkit.view.opened import Library, OpenTask, Run
from evalkit.view.pages import Site, run_page, runs_page, samples_page, static
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
        f"default-src 'none'; img-src 'self' file:; style-src {_digest(style)}; "
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
        most: Samples of a task; of more, those that failed or are wrong come first.

    Yields:
        Each page that stands.

    Raises:
        UnwritableError: One cannot be written.
        StoreError: Scores are damaged.
    """
    bound, first = site(), next(iter(library.runs.values()))
    for run in library.runs.values():
        for stem in run.results:
            if not run.folder.scores_path(stem).exists():
                continue
            yield _task_page(bound, library, folder, library.open(run, stem), most)
            for other in library.runs.values() if run is first else ():
                if other is not first and _has(other, stem):
                    opened = library.open(run, stem)
                    yield _task_page(bound, library, folder, opened, most, other.key)
        yield _written(folder / bound.run(run), run_page(bound, library, run))
    yield _written(folder / bound.home(), runs_page(bound, library))


def _has(run: Run, stem: str) -> bool:
    return stem in run.results and run.folder.scores_path(stem).exists()


def _written(path: Path, page: str) -> Path:
    write_text(path, page.encode("utf-8", "replace").decode())
    return path


def _task_page(  # noqa: PLR0917 - a page's six parts
    bound: Site, library: Library, folder: Path, opened: OpenTask, most: int, other: str = ""
) -> Path:
    beside = beside_of(library, opened, other)
    rows, query = _rows(opened, beside, most), Query(other=other)
    pictures = _pictures_into(folder / "pictures", opened)
    samples = samples_of(opened, query, beside, pictures, patience=None, rows=rows)
    if len(rows) < len(opened.index):
        note = (
            f"Only {len(rows):,} of the {len(opened.index):,} samples are on this page, those that "
            "failed, flipped or are wrong first; `evalkit view` shows all of them."
        )
        samples = replace(samples, warnings=[*samples.warnings, note])
    page = samples_page(bound, library, opened, query, samples, beside=beside)
    return _written(folder / bound.task(opened.run, opened.stem, other), page)


def _rows(opened: OpenTask, beside: Beside | None, most: int) -> npt.NDArray[np.int64]:
    """At most so many rows, in order: first what failed, flipped or is wrong."""
    import numpy as np

    states = ["failed", "wrong", *(["flipped"] if beside is not None else [])]
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
        StoreError: It is a file, or a run's folder or within one.
    """
    place = folder.resolve()
    for run in library.runs.values():
        own = run.folder.path.resolve()
        if place == own or own in place.parents:
            message = f"{folder} is the folder of a run; give the pages another place."
            raise StoreError(message)
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file; give a folder for the pages."
        raise StoreError(message)
