"""What a record says that cards leave out: folders of this machine, addresses of its cluster.

Copies of records, and pages that show all of one, hold it: their digests are those of the record,
so nothing may be taken out. Whoever writes one is told what is inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.public import public, public_place, public_spec, without_secrets
from evalkit.records import plain
from evalkit.report.table import shortened
from evalkit.run_record import RunRecord

_PLACES = frozenset({"data", "task_paths"})  # settings that are paths
_SPECS = frozenset({"model", "spec", "judge"})  # of models
_WORDED = frozenset({"template", "stop"})  # words of a task, which may look like paths
_SHOWN, _WIDTH = 4, 80  # texts, and characters of each


def local_places(record: RunRecord) -> tuple[str, ...]:
    """Texts of a record that cards do not show as they are, each with its name; mostly none.

    Args:
        record: The record.
    """
    found = dict.fromkeys(_found(plain(record), "", ""))
    return tuple(found)


def local_words(what: str, record: RunRecord) -> str:
    """A sentence on what a copy of a record tells of this machine; empty where it tells nothing.

    Args:
        what: The copy.
        record: What it is a copy of.
    """
    found = local_places(record)
    if not found:
        return ""
    more = f", and {len(found) - _SHOWN} more" if found[_SHOWN:] else ""
    return f"{what} tells what cards leave out: {'; '.join(found[:_SHOWN])}{more}."


def _found(value: Any, path: str, name: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _found(inner, f"{path}.{key}" if path else str(key), str(key))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _found(inner, path, name)
    elif isinstance(value, str) and name not in _WORDED:
        is_address = name == "ray_address" and value != "auto"
        if is_address or _public(value, name) != value:
            yield f"{path} {shortened(without_secrets(value), _WIDTH)}"


def _public(text: str, name: str) -> str:
    if name in _PLACES:
        return public_place(text)
    return public_spec(text) if name in _SPECS else public(text)
