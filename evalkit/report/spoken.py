"""Text that is printed where a workflow may read along. Pure.

GitHub's runner takes lines of a step's output that begin with "::", and "##[" anywhere in a line,
for commands (actions/runner, ActionCommand.cs). Ids, answers and names come from others.
"""

from __future__ import annotations

import json
import re
from typing import Any

from evalkit.records import plain
from evalkit.report.table import printable

_COMMAND = re.compile(r"^(\s*):(?=:)")


def spoken(text: str) -> str:
    """The text line by line as `printable`, and none of its lines a workflow's command."""
    return "\n".join(_COMMAND.sub(r"\1: ", printable(line)) for line in text.split("\n"))


def json_text(value: Any, *, indent: int | None = None) -> str:
    """A record, or what is made of records, as JSON in which no text is a workflow's command.

    Raises:
        ValueError: A number is none.
    """
    text = json.dumps(plain(value), ensure_ascii=False, indent=indent, allow_nan=False)
    return text.replace("##[", "#\\u0023[")
