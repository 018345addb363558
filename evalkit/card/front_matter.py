"""The YAML at a card's head: only evalkit's keys are replaced, all other lines stay as they are.

What is front matter is what the hub takes for it (huggingface_hub's `REGEX_YAML_BLOCK`), and the
result is read again by huggingface_hub's `ModelCard` before it is given away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.card.model_index import OURS
from evalkit.card.order import digest_of
from evalkit.errors import MissingExtraError, UsageError
from evalkit.report.blocks import line_end, unified

INDEX = "model-index"
"""The key that holds results."""

_HEAD = re.compile(r"\A(\s*---(?:\r\n|\r|\n))([\S\s]*?)((?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|$))")
_BEGUN = re.compile(r"\A\ufeff?\s*---[ \t]*(?:[\r\n]|$)")
_BRACES = re.compile(r"^[ \t]*\{\s*\}[ \t]*(?:\r\n|\n|$)", re.MULTILINE)
_REST = re.compile(r"[\r\n]((?:(?:#[^\r\n]*|[ \t]*)(?:\r\n|\r|\n)|#[^\r\n]*$)+)\Z")
_EMPTY = re.compile(r"\A\ufeff?---[ \t]*(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\r|\n|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A card's front matter.

    Attributes:
        text: Its YAML, between the lines of hyphens; empty where there is none.
        data: What it says.
        before: What stands before the YAML: a line of hyphens.
        after: All that stands behind it, from the end of its last line on.
        line: The line of the file at which the YAML begins, from 1.
    """

    text: str
    data: Mapping[str, Any]
    before: str
    after: str
    line: int


def read_head(card: str, place: str) -> Head | None:
    """A card's front matter; None where it has none.

    Args:
        card: The card's text.
        place: The file, for the error's text.

    Raises:
        UsageError: It is no mapping of YAML, says a key twice, or begins and does not end.
        MissingExtraError: PyYAML is not installed.
    """
    found = _HEAD.match(card.removeprefix("\ufeff"))
    if _EMPTY.match(card):
        return None
    if found is None:
        _check_not_begun(card, place)
        return None
    mark = card[: len(card) - len(card.removeprefix("\ufeff"))]
    line = 1 + len(re.findall(r"\r\n|\r|\n", found[1]))
    data = _parsed(found[2], place, line)
    return Head(
        text=found[2],
        data=data,
        before=mark + found[1],
        after=card[len(mark) + found.end(2) :],
        line=line,
    )


def _check_not_begun(card: str, place: str) -> None:
    """Check that a card that has no front matter does not begin as if it had.

    Raises:
        UsageError: It does; another one before it would take its place.
    """
    if _BEGUN.match(card):
        message = (
            f"{place} begins with ---, as front matter does, but no further line --- ends it (and "
            "none of the two may have blanks before it, or a word behind). End it, or write *** "
            "where a line across is meant."
        )
        raise UsageError(message)


def _yaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        package = "pyyaml"
        raise MissingExtraError(package, "data", "The front matter of a card") from error
    return yaml


def _parsed(text: str, place: str, line: int) -> dict[str, Any]:
    yaml = _yaml()
    try:
        data = yaml.safe_load(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        message = f"The front matter of {place} is no YAML: {reason}."
        raise UsageError(message) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        message = f"The front matter of {place} must be a mapping of keys to values."
        raise UsageError(message)
    if twice := _twice(node):
        where = f"{place}, line {line + twice.start_mark.line},"
        message = (
            f"The front matter of {where} has the key {twice.value!r} twice; keep one of the two."
        )
        raise UsageError(message)
    return data


def _twice(root: Any) -> Any:
    """The first key that stands twice in a mapping, however deep; None where none does."""
    nodes, known = [root], set[int]()
    while nodes:
        node = nodes.pop()
        if id(node) in known or isinstance(node.value, str):
            continue
        known.add(id(node))
        if node.id == "sequence":
            nodes += node.value
            continue
        held = set[str]()
        for key, value in node.value:
            if isinstance(key.value, str) and key.value in held:
                return key
            held |= {key.value} if isinstance(key.value, str) else set()
            nodes += [key, value]
    return None


def with_keys(card: str, keys: Mapping[str, Any], place: str) -> str:
    """The card with some keys of its front matter set; all else stays byte for byte.

    Args:
        card: The card's text.
        keys: What is set; in their order behind the others where they were not there. A None takes
            its key away.
        place: The file, for the error's text.

    Raises:
        UsageError: The front matter is damaged, or written so that a key cannot be replaced.
        MissingExtraError: PyYAML or huggingface_hub is not installed.
    """
    head = read_head(card, place)
    ending = "\r\n" if line_end(card) == "\r\n" else "\n"  # the hub knows no others
    if head is None:
        mark = "\ufeff" if card.startswith("\ufeff") else ""
        rest = _EMPTY.sub("", card) if _EMPTY.match(card) else card.removeprefix("\ufeff")
        after = f"{ending}---{ending}" + (f"{ending}{rest}" if rest else "")
        head = Head(text="", data={}, before=f"{mark}---{ending}", after=after, line=2)
    text = _without(head, keys, place)
    text += ending if text and not text.endswith(("\r", "\n")) else ""
    held = {key: value for key, value in keys.items() if value is not None}
    text += dumped(held).replace("\n", ending) if held else ""
    made = head.before + text.removesuffix(ending) + head.after
    _check(made, {**head.data, **keys}, place)
    return made


def _without(head: Head, keys: Mapping[str, Any], place: str) -> str:
    """The YAML without some keys; empty lines and comments before the next key stay."""
    yaml = _yaml()
    text = head.text
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return text
    if node.flow_style and node.value:
        message = f"The front matter of {place} is written in braces; write its keys one a line."
        raise UsageError(message)
    if node.flow_style:
        return _BRACES.sub("", text, count=1)
    starts = [key.start_mark.index for key, _ in node.value]
    kept = text[: starts[0]]
    for (key, _), start, end in zip(node.value, starts, [*starts[1:], len(text)], strict=True):
        own = text[start:end]
        kept += own[_length(own) :] if key.value in keys else own
    return kept


def _length(own: str) -> int:
    """How far a key and its value go, of the text up to the next key."""
    rest = _REST.search(own)
    return len(own) if rest is None else rest.start(1)


def dumped(value: Any) -> str:
    """A value as the hub writes it (keys in order, Unicode as it is), but each on one line.

    PyYAML writes some line ends inside of quotes so that it reads others back: these are escaped.
    """
    yaml, width = _yaml(), float("inf")
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=width)
    if yaml.safe_load(text) != value:
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=width)
    return str(text).rstrip("\n")


def _check(card: str, wanted: Mapping[str, Any], place: str) -> None:
    """Check that the card's front matter is what was meant, as huggingface_hub reads it.

    Raises:
        UsageError: It is not.
    """
    try:
        from huggingface_hub import ModelCard
    except ImportError as error:
        package = "huggingface_hub"
        raise MissingExtraError(package, "data", "The front matter of a card") from error

    head = read_head(card, place)
    meant = {key: value for key, value in wanted.items() if value is not None}
    if head is None or dict(head.data) != meant:
        message = (
            f"The keys of the front matter of {place} cannot be replaced as it is written; write "
            "each of them at the beginning of a line."
        )
        raise UsageError(message)
    try:
        ModelCard(card.removeprefix("\ufeff"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"The front matter of {place} is not what the hub takes: {error}."
        raise UsageError(message) from error


# Results


def is_ours(result: Any) -> bool:
    """Whether evalkit wrote an entry of a `model-index`."""
    data = result.get("dataset") if isinstance(result, dict) else None
    told = data.get("args") if isinstance(data, dict) else None
    return isinstance(told, dict) and OURS in told


def results_in(data: Mapping[str, Any], place: str) -> tuple[str | None, list[Any]]:
    """The name and the results of a front matter's `model-index`.

    Raises:
        UsageError: It is none, or holds several models.
    """
    index = data.get(INDEX)
    if not index:
        return None, []
    sound = isinstance(index, list) and all(
        isinstance(one, dict) and isinstance(one.get("results"), list) for one in index
    )
    if not sound or len(index) > 1:
        message = (
            f"The front matter of {place} has a {INDEX} of several models, or one that is none; "
            "evalkit writes the results of one model."
        )
        raise UsageError(message)
    name = index[0].get("name")
    return None if name is None else str(name), list(index[0]["results"])


def index_of(name: str, kept: Sequence[Any], ours: Sequence[Any]) -> list[dict[str, Any]] | None:
    """A `model-index`: what others wrote, and evalkit's; None where there is nothing."""
    results = [*kept, *ours]
    return [{"name": name, "results": results}] if results else None


def kept_digest(results: Sequence[Any]) -> str:
    """SHA-256 over entries of `model-index` that others wrote; empty where there are none."""
    return digest_of(dumped(list(results))) if results else ""


def line_of(head: Head, path: Sequence[str | int]) -> int:
    """The line of the file at which a value of the front matter stands, or the last one known."""
    yaml = _yaml()
    node, line = yaml.compose(unified(head.text), Loader=yaml.SafeLoader), 0
    for step in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line
        else:
            break
    return head.line + line
