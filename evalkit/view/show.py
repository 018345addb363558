"""A query -> the samples of its page: what the server answers, and what an export writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from evalkit.errors import UsageError
from evalkit.records import Prediction
from evalkit.report.table import printable
from evalkit.view.beside import Beside
from evalkit.view.cards import Places, cards
from evalkit.view.filters import PAGE, Query, in_state, matching, states_of
from evalkit.view.library import Library
from evalkit.view.opened import PATIENCE, OpenTask
from evalkit.view.pages import Samples
from evalkit.view.questions import Questions

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_NO_DIGEST = (
    "The record was made by an earlier evalkit and has no digest of its answers: nothing shows "
    "that those on disk are what was scored."
)

_FEW = 5000  # samples
_NO_TEXTS = "What the model wrote is not at hand: answers are shown as they were read."


def beside_of(library: Library, opened: OpenTask, key: str) -> Beside | None:
    """The task beside that of another run.

    Raises:
        UsageError: There is no such run, or it has no such task.
        StoreError: Its scores are not at hand, or damaged.
    """
    if not key:
        return None
    other = library.runs.get(key)
    if other is None or opened.stem not in other.results:
        message = f"There is no other run {key[:40]!r} that has {opened.result.task}."
        raise UsageError(message)
    return library.beside(opened, library.open(other, opened.stem))


def samples_of(
    opened: OpenTask,
    query: Query,
    beside: Beside | None,
    places: Places,
    *,
    patience: float | None = PATIENCE,
    rows: npt.NDArray[np.int64] | None = None,
) -> Samples:
    """The samples of a query's page.

    Args:
        opened: The task.
        query: Which samples, and which page of them.
        beside: The other run.
        places: Where pictures and whole texts are.
        patience: Seconds to wait for questions; None waits for their end, and for the check of
            the files.
        rows: Those to show, where they were chosen before.

    Raises:
        UsageError: The query needs another run.
        StoreError: Scores are damaged.
    """
    is_small = len(opened.index) <= _FEW
    asked = opened.questions(patience if is_small or patience is None else 0)
    questions = asked if isinstance(asked, Questions) else None
    chosen = matching(opened, query, beside, questions) if rows is None else rows
    own = _on_page(chosen, query.page) if rows is None else chosen
    shown = [opened, *([beside.opened] if beside is not None else [])]
    checks = [one.check(None if patience is None else _grace(one)) for one in shown]
    warnings = list(_warnings(shown, checks, asked))
    return Samples(
        cards=cards(opened, own.tolist(), questions, beside, places),
        found=len(chosen),
        counts=_counts(opened, beside),
        warnings=list(map(printable, warnings)),
        pending=asked is None,
        unchecked=None in checks,
    )


def _on_page(rows: npt.NDArray[np.int64], page: int) -> npt.NDArray[np.int64]:
    """The rows of a page, or of the last one where there are fewer."""
    last = max(1, -(-len(rows) // PAGE))
    start = (min(page, last) - 1) * PAGE
    return rows[start : start + PAGE]


def _grace(opened: OpenTask) -> float:
    """Seconds for which a page waits for the check of its files, which is soon done for a few."""
    return 0.3 if len(opened.index) <= _FEW else 0.0


def _counts(opened: OpenTask, beside: Beside | None) -> dict[str, int]:
    names = filter(None, states_of(opened, beside))
    counts = {name: int(in_state(opened, name, beside).sum()) for name in names}
    return {"": len(opened.index), **counts}


def _warnings(
    shown: Sequence[OpenTask], checks: Sequence[str | None], asked: Questions | str | None
) -> Iterator[str]:
    for one, trouble in zip(shown, checks, strict=True):
        whose = f"{one.run.label}: " if len(shown) > 1 else ""
        if trouble:
            yield f"{whose}{trouble}"
        if one.result.predictions is None and len(one.answers):
            yield f"{whose}{_NO_DIGEST}"
        if not len(one.answers):
            yield f"{whose}{_NO_TEXTS}"
        if one.verdicts_trouble:
            yield f"{whose}{one.verdicts_trouble}"
    if isinstance(asked, str):
        yield asked


def seen_of(opened: OpenTask, row: int, number: int) -> str | None:
    """SHA-256 of a picture as the model saw it; None where nothing says it."""
    made = opened.answer(row, opened.index.named([row])[0])
    if not isinstance(made, Prediction) or not made.images:
        return None
    return made.images[number] if number < len(made.images) else ""
