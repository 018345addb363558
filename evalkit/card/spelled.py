"""Texts of records as Markdown from whose source digests and times can be copied. Pure.

`evalkit.report.markdown.published` takes digests apart, since GitHub makes links of commits; in a
code span nothing is made of them, so there they stand whole.
"""

from __future__ import annotations

import re

from evalkit.public import public
from evalkit.report.markdown import published
from evalkit.run_record import DatasetIdentity

_PLAIN = re.compile(
    r"(?<![A-Za-z0-9])([0-9a-f]{7,64}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    r"|[a-z]+:[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?(?:@[\w.-]+)?(?=,|$))(?![A-Za-z0-9])",
    re.ASCII,
)
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def spelled(text: str) -> str:
    """Any text of a record as Markdown, with its digests, times and model specs in code spans."""
    pieces = _PLAIN.split(public(text))
    return "".join(
        f"`{piece}`" if place % 2 else published(piece) for place, piece in enumerate(pieces)
    )


def linked_data(data: DatasetIdentity) -> str | None:
    """Where data of the hub stand, as a link; None where they are of no such place."""
    if data.repository is None or not _REPOSITORY.fullmatch(data.repository):
        return None
    rest = "".join(f"/{published(each)}" for each in (data.config, data.split) if each)
    address = f"https://huggingface.co/datasets/{data.repository}"
    return f"[{published(data.repository)}]({address}){rest}"
