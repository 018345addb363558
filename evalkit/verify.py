"""Whether a Markdown file says what its records say: every marked block is derived again.

A finding names the line, what was expected and what stands there. Blocks of cards and of
leaderboards are derived by the functions that wrote them.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.board.pages import render_markdown
from evalkit.card import eval_results
from evalkit.card.authored import authored
from evalkit.card.front_matter import (
    INDEX,
    Head,
    dumped,
    is_ours,
    kept_digest,
    line_of,
    read_head,
    results_in,
)
from evalkit.card.making import Derived, derive
from evalkit.card.order import CardOrder, order_of, placed, read_text, shortened
from evalkit.errors import (
    EvalkitError,
    MissingExtraError,
    StaleError,
    StoreError,
    UsageError,
)
from evalkit.records import differences
from evalkit.report.blocks import Block, DamagedError, blocks_in

_NOTHING = "nothing"


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


Known = dict[str, tuple[CardOrder, Derived]]
"""What cards ask for and what that gives, by the block's name: scored samples are counted once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a block is derived again.

    Attributes:
        file: The file that has it.
        root: The folder that its paths start from.
        task_paths: Files or folders with further tasks, as the user names them.
        known: What the file's cards give, by the block's name; what derives one puts it there.
        name: The block's name.
    """

    file: Path
    root: Path
    task_paths: Sequence[str]
    known: Known
    name: str


Renderer = Callable[[Mapping[str, Any], Place], str]
"""A block's JSON object and where it is -> the block's body."""


def verify(path: Path, task_paths: Sequence[str] = ()) -> tuple[Finding, ...]:
    """All places at which a file does not say what its records say; none if it does.

    Args:
        path: A Markdown file with marked blocks.
        task_paths: Files or folders with further tasks; none is those that blocks and records name,
            as far as `evalkit.recorded_tasks` lets them run.

    Raises:
        UsageError: There is no block in it.
        StaleError: The marks of its blocks are damaged.
        StoreError: It cannot be read.
        MissingExtraError: A package is missing that a card's front matter needs.
    """
    text = read_text(path, str(path))
    blocks = _blocks(text, path)
    known: Known = {}
    found = [one for block in blocks for one in _of_block(block, path, task_paths, known)]
    found += _of_front_matter(text, blocks, path, known)
    return tuple(sorted(found, key=lambda one: one.line))


def _blocks(text: str, path: Path) -> tuple[Block, ...]:
    try:
        blocks = blocks_in(text, str(path))
    except DamagedError as error:
        raise StaleError(str(error)) from error
    if not blocks:
        message = (
            f"There is no marked block in {path}, so there is nothing to verify; `evalkit card` "
            "and `evalkit leaderboard` write such blocks."
        )
        raise UsageError(message)
    return blocks


# What nobody can check


def unchecked(path: Path) -> tuple[Finding, ...]:
    """What a file's blocks say that no record gives, each with its line; errors as `verify`."""
    blocks = _blocks(read_text(path, str(path)), path)
    return tuple(
        Finding(place=str(path), line=block.line, text=f"the block {block.name}: {told}")
        for block in blocks
        if block.told.get("verb") == "card"
        for told in _of_author(block, path)
    )


def _of_author(block: Block, path: Path) -> tuple[str, ...]:
    try:
        return authored(order_of(block.told, "The block"), _root(block.told, path))
    except EvalkitError:
        return ()  # a finding of `verify`


# Bodies


def _of_block(
    block: Block, path: Path, task_paths: Sequence[str], known: Known
) -> Iterator[Finding]:
    def finding(text: str) -> Finding:
        return Finding(place=str(path), line=block.line, text=text)

    verb = str(block.told.get("verb"))
    if verb not in RENDERERS:
        yield finding(f"no verb {shortened(verb)!r} writes blocks; {', '.join(RENDERERS)} do")
        return
    missing = [finding(text) for text in _missing(block, path)]
    yield from missing
    if missing:
        return
    root = _root(block.told, path)
    place = Place(file=path, root=root, task_paths=task_paths, known=known, name=block.name)
    try:
        body = RENDERERS[verb](block.told, place)
    except MissingExtraError:
        raise
    except EvalkitError as error:
        yield finding(str(error))
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
    if not record or Path(record).is_absolute():
        return False
    return os.path.exists(placed(record, root))  # noqa: PTH110 - no error of a long name


def _missing(block: Block, path: Path) -> Iterator[str]:
    root = _root(block.told, path)
    for record in _records(block.told):
        if not _is_there(record, root):
            yield f"the block {block.name} is of the record {shortened(record)}, which is missing"


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


def _card(told: Mapping[str, Any], place: Place) -> str:
    order = order_of(told, "The block")
    place.known[place.name] = order, derive(order, place.root)
    return place.known[place.name][1].body


def _leaderboard(told: Mapping[str, Any], place: Place) -> str:
    return render_markdown(
        told.get("options", {}),
        told.get("records", []),
        place.root,
        page=place.file,
        task_paths=place.task_paths,
    )


RENDERERS: Mapping[str, Renderer] = {"card": _card, "leaderboard": _leaderboard}
"""What derives a block again, by the verb that wrote it."""


# Front matter


def _of_front_matter(
    text: str, blocks: Sequence[Block], path: Path, known: Known
) -> Iterator[Finding]:
    cards = [block for block in blocks if block.told.get("verb") == "card"]
    if not cards:
        return
    owners = [block for block in cards if _option(block, "front") is not None]
    for block in owners[1:]:
        told = f"the results of the front matter are of the block {owners[0].name} and of this one"
        yield Finding(place=str(path), line=block.line, text=told)
    try:
        has_head = owners or text.lstrip("\ufeff").startswith("---")
        head = read_head(text, str(path)) if has_head else None
        name, results = results_in(head.data, str(path)) if head else (None, [])
    except UsageError as error:
        yield Finding(place=str(path), line=1, text=str(error))
        return
    if not owners:
        yield from _orphans(head, results, path)
    elif owners[0].name in known:  # what else is the matter was said before
        yield from _of_owner(known[owners[0].name], name, results, head, path)
    yield from _of_values(cards, path, known)


def _of_owner(
    owner: tuple[CardOrder, Derived],
    name: str | None,
    results: Sequence[Any],
    head: Head | None,
    path: Path,
) -> Iterator[Finding]:
    """What the front matter has of a block that it is derived from."""
    order, derived = owner
    wanted = None if order.options.front is None else order.options.front.name
    if name is not None and name != wanted:
        line = 1 if head is None else line_of(head, [INDEX, 0, "name"])
        told = f"{INDEX}: name: expected {_shown(wanted)}, found {_shown(name)}"
        yield Finding(place=str(path), line=line, text=told)
    yield from _of_index(order, derived.results or [], results, head, path)


def _option(block: Block, name: str) -> Any:
    options = block.told.get("options")
    return options.get(name) if isinstance(options, dict) else None


def _of_values(cards: Sequence[Block], path: Path, known: Known) -> Iterator[Finding]:
    """Values beside a card that are others than its blocks ask for."""
    asking = [block for block in cards if _option(block, "benchmarks")]
    for block in asking:
        if block.name in known:
            yield from _of_eval_results(known[block.name][1], path)
    file = path.parent / eval_results.FILE
    if not asking and file.exists():
        text = "no block of the card asks for these values; take the file away"
        yield Finding(place=str(file), line=1, text=text)


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
    return _shown(value)


def _shown(value: Any) -> str:
    return _NOTHING if value is None else shortened(repr(value))


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
