"""Whether a Markdown file says what its records say: every marked block is derived again.

A finding names the line, what was expected and what stands there. Blocks of cards and of
leaderboards are derived by the functions that wrote them.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.board.pages import render_markdown
from evalkit.board.ranks import undistinguished
from evalkit.card import eval_results
from evalkit.card.entries import Best
from evalkit.card.front_matter import (
    Head,
    dumped,
    is_ours,
    kept_digest,
    line_of,
    read_head,
    results_in,
)
from evalkit.card.making import Derived, derive
from evalkit.card.order import CardOrder, order_of, placed, read_text
from evalkit.errors import (
    EvalkitError,
    IncompleteError,
    StaleError,
    StoreError,
    UnhealthyJudgeError,
    UsageError,
)
from evalkit.records import differences
from evalkit.report.blocks import Block, DamagedError, blocks_in

BEST: Best = undistinguished
"""Which results of a card's row may be the best."""

_NOTHING = "nothing"
_SHOWN = 200  # characters of a value in a finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A place at which a file does not say what its records say.

    Attributes:
        place: The file.
        line: Its line, from 1.
        text: What is wrong, in a sentence.
    """

    place: str
    line: int
    text: str


Renderer = Callable[[Mapping[str, Any], Path], str]
"""A block's JSON object and the folder that its paths start from -> the block's body."""


def verify(path: Path) -> tuple[Finding, ...]:
    """All places at which a file does not say what its records say; none if it does.

    Args:
        path: A Markdown file with marked blocks.

    Raises:
        UsageError: There is no block in it, or a verb that is not known.
        StoreError: It cannot be read.
        MissingExtraError: A package is missing that a card's front matter needs.
    """
    place = str(path)
    text = read_text(path, place)
    try:
        blocks = blocks_in(text, place)
    except DamagedError as error:
        raise StaleError(str(error)) from error
    if not blocks:
        message = (
            f"There is no marked block in {place}, so there is nothing to verify; `evalkit card` "
            "and `evalkit leaderboard` write such blocks."
        )
        raise UsageError(message)
    found = [one for block in blocks for one in _of_block(block, path)]
    found += _of_front_matter(text, blocks, path)
    return tuple(sorted(found, key=lambda one: one.line))


# Bodies


def _of_block(block: Block, path: Path) -> Iterator[Finding]:
    verb = str(block.told.get("verb"))
    if verb not in RENDERERS:
        known = ", ".join(RENDERERS)
        message = f"{path}, line {block.line}: no verb {verb!r} writes blocks; {known} do."
        raise UsageError(message)
    missing = list(_missing(block, path))
    yield from missing
    if missing:
        return
    try:
        body = RENDERERS[verb](block.told, _root(block.told, path))
    except (StaleError, StoreError, IncompleteError, UnhealthyJudgeError) as error:
        yield Finding(place=str(path), line=block.line, text=str(error))
        return
    yield from _differing(block, body, path)


def _records(told: Mapping[str, Any]) -> list[str]:
    """Paths of all records that a block names, as far as it names any."""
    lists = [told.get(key) for key in ("records", "references")]
    named = [one for some in lists if isinstance(some, list) for one in some]
    paths = [one.get("path") for one in named if isinstance(one, dict)]
    return [path for path in paths if isinstance(path, str)]


def _root(told: Mapping[str, Any], path: Path) -> Path:
    """What a block's paths start from: the file's folder, or else the current one.

    `evalkit leaderboard` names its records from where it ran.
    """
    roots = (path.parent, Path())
    whole = (root for root in roots if all(_is_there(one, root) for one in _records(told)))
    return next(whole, path.parent)


def _is_there(record: str, root: Path) -> bool:
    return bool(record) and not Path(record).is_absolute() and placed(record, root).exists()


def _missing(block: Block, path: Path) -> Iterator[Finding]:
    root = _root(block.told, path)
    for record in _records(block.told):
        if not _is_there(record, root):
            text = f"the block {block.name} is of the record {record}, which is missing"
            yield Finding(place=str(path), line=block.line, text=text)


def _differing(block: Block, body: str, path: Path) -> Iterator[Finding]:
    """Lines of a block that are others than what its records give."""
    expected, found = (text.strip("\n").split("\n") for text in (body, block.body))
    matcher = difflib.SequenceMatcher(a=expected, b=found, autojunk=False)
    start = block.line + 1 + _blank_lines(block.body)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        for offset in range(max(b - a, d - c)):
            one = expected[a + offset] if a + offset < b else None
            two = found[c + offset] if c + offset < d else None
            line = start + min(c + offset, max(d - 1, c))
            yield Finding(place=str(path), line=line, text=_sentence(one, two))


def _blank_lines(body: str) -> int:
    return len(body) - len(body.lstrip("\n"))


def _sentence(expected: str | None, found: str | None) -> str:
    if expected is None:
        return f"expected nothing, found {found!r}"
    if found is None:
        return f"expected {expected!r}, found nothing"
    one, two = (list(map(str.strip, text.split("|"))) for text in (expected, found))
    cells = [(a, b) for a, b in zip(one, two, strict=False) if a != b]
    if len(one) == len(two) and 1 <= len(cells) < len(one) // 2:
        row = next((cell for cell in one if cell), "")
        told = "; ".join(f"expected {a!r}, found {b!r}" for a, b in cells)
        return f"in the row {row!r}, {told}"
    return f"expected {expected!r}, found {found!r}"


def _card(told: Mapping[str, Any], root: Path) -> str:
    return derived_card(order_of(told, "The block"), root).body


def _leaderboard(told: Mapping[str, Any], root: Path) -> str:
    return render_markdown(told.get("options", {}), told.get("records", []), root)


RENDERERS: Mapping[str, Renderer] = {"card": _card, "leaderboard": _leaderboard}
"""What derives a block again, by the verb that wrote it."""


def derived_card(order: CardOrder, root: Path) -> Derived:
    """What a card's block stands for; `evalkit card` writes just this. Errors as `derive`."""
    return derive(order, root, BEST)


# Front matter


def _of_front_matter(text: str, blocks: Sequence[Block], path: Path) -> Iterator[Finding]:
    cards = [block for block in blocks if block.told.get("verb") == "card"]
    if not cards:
        return
    owner = next((block for block in cards if _has_front(block)), None)
    orders: list[CardOrder] = []
    for block in [owner] if owner else []:
        try:
            orders.append(order_of(block.told, "The block"))
        except StoreError:
            return  # said before
    head = read_head(text, str(path)) if owner or text.lstrip("\ufeff").startswith("---") else None
    _, results = results_in(head.data, str(path)) if head else (None, [])
    if not orders:
        yield from _orphans(head, results, path)
        return
    (order,) = orders
    try:
        derived = derived_card(order, _root(owner.told if owner else {}, path))
    except EvalkitError:
        return  # said before
    yield from _of_index(order, derived.results or [], results, head, path)
    yield from _of_eval_results(derived, path)


def _has_front(block: Block) -> bool:
    options = block.told.get("options")
    return isinstance(options, dict) and options.get("front") is not None


def _orphans(head: Head | None, results: Sequence[Any], path: Path) -> Iterator[Finding]:
    for place, result in enumerate(results):
        if head is not None and is_ours(result):
            line = line_of(head, ["model-index", 0, "results", place])
            text = "this result of model-index is evalkit's, but no block stands for it"
            yield Finding(place=str(path), line=line, text=text)


def _of_index(
    order: CardOrder,
    expected: Sequence[Any],
    results: Sequence[Any],
    head: Head | None,
    path: Path,
) -> Iterator[Finding]:
    """Results of `model-index` that are others than the records give."""
    ours = [(place, result) for place, result in enumerate(results) if is_ours(result)]
    others = [result for result in results if not is_ours(result)]
    place = str(path)
    for number in range(max(len(expected), len(ours))):
        one = expected[number] if number < len(expected) else None
        at, two = ours[number] if number < len(ours) else (len(results), None)
        sides = [_by_place(one), _by_place(two)]
        for step in differences(*sides):
            steps = [part for part in step.split(".") if part]
            values = [_value_at(side, steps) for side in sides]
            line = 1 if head is None else line_of(head, ["model-index", 0, "results", at, *steps])
            told = f"model-index, {_name_of(one or two)}: {'.'.join(steps) or 'the result'}"
            text = f"{told}: expected {values[0]}, found {values[1]}"
            yield Finding(place=place, line=line, text=text)
    if kept_digest(others) != (order.options.front.kept if order.options.front else ""):
        line = 1 if head is None else line_of(head, ["model-index"])
        text = (
            "model-index has results of others than when the card was made; `evalkit card`, called "
            "again, keeps those that are there"
        )
        yield Finding(place=place, line=line, text=text)


def _name_of(result: Any) -> str:
    data = result.get("dataset") if isinstance(result, dict) else None
    return str(data.get("name")) if isinstance(data, dict) else "a result"


def _by_place(value: Any) -> Any:
    """The value with its lists as mappings, so that differences name the item."""
    if isinstance(value, list):
        return {str(place): _by_place(inner) for place, inner in enumerate(value)}
    if isinstance(value, dict):
        return {str(key): _by_place(inner) for key, inner in value.items()}
    return value


def _value_at(value: Any, steps: Iterable[str]) -> str:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    told = _NOTHING if value is None else repr(value)
    return told if len(told) <= _SHOWN else f"{told[:_SHOWN]}..."


def _of_eval_results(derived: Derived, path: Path) -> Iterator[Finding]:
    if derived.eval_results is None:
        return
    file = path.parent / eval_results.FILE
    try:
        found = read_text(file, str(file)).splitlines()
    except StoreError as error:
        yield Finding(place=str(file), line=1, text=str(error))
        return
    expected = dumped(derived.eval_results).splitlines()
    for number in range(max(len(expected), len(found))):
        one = expected[number] if number < len(expected) else _NOTHING
        two = found[number] if number < len(found) else _NOTHING
        if one != two:
            text = f"expected {one!r}, found {two!r}"
            yield Finding(place=str(file), line=number + 1, text=text)
