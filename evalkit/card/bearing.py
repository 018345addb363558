"""Whether the scored samples beside a card's record bear it out, as `evalkit compare` asks."""

from __future__ import annotations

from pathlib import Path

from evalkit.board.counting import has_scores
from evalkit.compare import sides
from evalkit.compare.sides import Scored, counted_task
from evalkit.errors import EvalkitError
from evalkit.run_record import RunRecord, TaskResult


def check_borne_out(record: RunRecord, scored: Scored) -> None:
    """Check that scored samples, as far as they are at hand, give what a record says.

    Where the task has another version here, or cannot be had, nothing counts them; they must still
    be the record's.

    Raises:
        StoreError: They are damaged.
        StaleError: They are another record's, or do not give its numbers.
    """
    for result in record.results:
        if has_scores(scored, result):
            _check(result, scored)


def _check(result: TaskResult, scored: Scored) -> None:
    try:
        counted_task(result, scored.tasks.paths)
    except EvalkitError:
        scored.source.scores(result)
    else:
        scored.scores(result.task)


def beside(place: Path, record: RunRecord) -> Scored | None:
    """The scored samples in a record's own folder or file; None for numbers that nobody measured.

    Args:
        place: The record's file, or the run's folder.
        record: The record.
    """
    return None if record.source == "self-reported" else sides.load(place)
