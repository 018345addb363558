"""What is said when copies of records are written that others may read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.run_record import RunRecord


def say_local(what: str, record: RunRecord) -> None:
    """Say on standard error what a copy of a record tells of this machine, if it tells anything.

    Args:
        what: The copy.
        record: What it is a copy of.
    """
    from evalkit.report.local_places import local_words
    from evalkit.report.spoken import spoken

    if words := local_words(what, record):
        print(spoken(words), file=sys.stderr)
