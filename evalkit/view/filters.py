"""Which samples a page shows: a state, a tag, a rule, words, and what another run made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from evalkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from evalkit.view.beside import Beside
    from evalkit.view.opened import OpenTask
    from evalkit.view.questions import Questions

PAGE = 50
"""Samples of a page."""

STATES = {
    "": "all",
    "wrong": "wrong",
    "partly": "partly right",
    "right": "right",
    "failed": "failed",
    "unparsed": "unparsed",
    "ambiguous": "ambiguous",
}
"""States of a sample, with their words."""

PAIRED = {
    "flipped": "flipped",
    "better": "better in the other run",
    "worse": "worse in the other run",
    "otherwise": "read otherwise",
    "missing": "not in the other run",
}
"""States that need another run."""

GROUPED = {
    "group-flipped": "group flipped",
    "group-better": "group better in the other run",
    "group-worse": "group worse in the other run",
}
"""States of a group that need another run; a group is right where all of its samples are."""

_LONGEST = 500  # characters of anything that is searched for
_MOST_PAGES = 10_000_000
_AT_ONCE = 1000  # texts that are searched together


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a page is asked for.

    Attributes:
        show: A state of `STATES`, `PAIRED` or `GROUPED`.
        tag: "name=value"; empty for any.
        rule: The rule that took the answer; empty for any.
        words: Part of an id, a question or an answer, in any case.
        group: What samples are scored together with; empty for any.
        sample: The one sample's id; empty for all.
        other: The other run's key; empty for none.
        page: From 1.
    """

    show: str = ""
    tag: str = ""
    rule: str = ""
    words: str = ""
    group: str = ""
    sample: str = ""
    other: str = ""
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Query:
        """The query of an address.

        Raises:
            UsageError: It says something that cannot be meant.
        """
        show, page = given.get("show", ""), given.get("page", "1")
        if show not in (known := STATES | PAIRED | GROUPED):
            message = f"There is no state {show[:40]!r}; there are: {', '.join(known)}."
            raise UsageError(message)
        if not (page.isascii() and page.isdigit() and 0 < int(page[:9]) <= _MOST_PAGES):
            message = f"There is no page {page[:40]!r}."
            raise UsageError(message)
        texts = {name: given.get(name, "") for name in ("tag", "rule", "group", "sample", "other")}
        texts["words"] = given.get("q", "")
        for name, text in texts.items():
            if len(text) > _LONGEST:
                message = f"{name}: more than {_LONGEST} characters are not searched for."
                raise UsageError(message)
        return cls(show=show, page=int(page[:9]), **texts)

    def address(self, **changes: Any) -> str:
        """The query as a part of an address, with changes; begins with "?" or is empty."""
        held = {
            "show": self.show,
            "tag": self.tag,
            "rule": self.rule,
            "q": self.words,
            "group": self.group,
            "sample": self.sample,
            "other": self.other,
            "page": self.page,
            **changes,
        }
        pairs = {key: value for key, value in held.items() if value not in ("", 1)}
        text = urlencode(pairs, errors="replace")
        return f"?{text}" if text else ""


def matching(
    opened: OpenTask, query: Query, beside: Beside | None, questions: Questions | None
) -> npt.NDArray[np.int64]:
    """The rows that a query asks for, ascending.

    Args:
        opened: The task.
        query: What is asked for.
        beside: The other run; None where there is none.
        questions: What was asked, where it is known: it is searched too.

    Raises:
        UsageError: The state needs another run.
    """
    import numpy as np

    index = opened.index
    if query.sample:
        row = index.place(query.sample)
        return np.array([] if row is None else [row], dtype=np.int64)
    mask = np.ones(len(index), dtype=np.bool_)
    if query.show:
        mask &= in_state(opened, query.show, beside)
    if query.tag:
        mask &= _tagged(opened, *query.tag.partition("=")[::2])
    if query.rule:
        mask &= _equal(index.rules, query.rule)
    if query.group:
        mask &= _in_group(opened, query.group)
    if query.words:
        mask &= _said(opened, query.words, questions, mask)
    return np.flatnonzero(mask)


def states_of(opened: OpenTask, beside: Beside | None) -> dict[str, str]:
    """The states in which samples may be, with their words."""
    grouped = GROUPED if opened.index.groups else {}
    return STATES if beside is None else STATES | PAIRED | grouped


def in_state(opened: OpenTask, show: str, beside: Beside | None) -> npt.NDArray[np.bool_]:
    """Which rows are in a state.

    Raises:
        UsageError: It needs another run, or groups.
    """
    import pyarrow.compute as pc

    index = opened.index
    if show not in STATES:
        return _state_beside(opened, show, beside)
    if show == "failed":
        return index.failed
    if show == "ambiguous":
        return index.ambiguous
    if show == "unparsed":
        silent: npt.NDArray[np.bool_] = pc.is_null(index.answers).to_numpy()
        return silent & ~index.failed
    if not index.is_share:  # points of a judge, of which nothing says which are right
        return index.failed & (show == "wrong")
    held: npt.NDArray[np.bool_] = {
        "wrong": (index.points <= 0) | index.failed,
        "right": (index.points >= 1) & ~index.failed,
        "partly": (index.points > 0) & (index.points < 1) & ~index.failed,
    }[show]
    return held


def _state_beside(opened: OpenTask, show: str, beside: Beside | None) -> npt.NDArray[np.bool_]:
    if beside is None:
        message = f"What is {(PAIRED | GROUPED)[show]} is known only beside another run."
        raise UsageError(message)
    if show in GROUPED and not opened.index.groups:
        message = f"What is {GROUPED[show]}: {opened.result.task} scores each sample alone."
        raise UsageError(message)
    return beside.in_state(show)


def _in_group(opened: OpenTask, name: str) -> npt.NDArray[np.bool_]:
    import numpy as np

    mask = np.zeros(len(opened.index), dtype=np.bool_)
    mask[opened.index.groups.members(name)] = True
    return mask


def _tagged(opened: OpenTask, name: str, value: str) -> npt.NDArray[np.bool_]:
    import numpy as np
    import pyarrow.compute as pc

    mask = np.zeros(len(opened.index), dtype=np.bool_)
    if (column := opened.index.tags.get(name)) is not None:
        lists = column.combine_chunks()
        rows, texts = pc.list_parent_indices(lists), pc.list_flatten(lists)
        mask[rows.to_numpy()[_equal(texts, value)]] = True
    return mask


def _equal(column: Any, value: str) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    found: npt.NDArray[np.bool_] = pc.fill_null(
        pc.equal(column, value.encode("utf-8", "replace").decode()),
        False,  # noqa: FBT003
    ).to_numpy(zero_copy_only=False)
    return found


def _said(
    opened: OpenTask, words: str, questions: Questions | None, among: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Which rows have the words in id, answer, question or in what the model wrote.

    An exported page looks at the same (`evalkit.view.whole.searched_texts`).
    """
    words = words.encode("utf-8", "replace").decode()
    index = opened.index
    found = _holds(index.ids, words) | _holds(index.answers, words)
    if questions is not None:
        found |= _holds(questions.texts, words)
    rest = among & ~found
    if rest.any():
        written = set(_writers_of(words, opened.answers.texts()))
        if written:
            found |= _any_of(index.ids, written)
    return found


def _writers_of(words: str, texts: Iterator[tuple[str, str]]) -> Iterator[str]:
    """The ids of texts with the words; upper and lower case are one as they are in columns."""
    import pyarrow as pa

    while some := list(islice(texts, _AT_ONCE)):
        column = pa.array([text for _, text in some], pa.large_string())
        held = _holds(column, words)
        yield from (sample_id for (sample_id, _), has in zip(some, held, strict=True) if has)


def _any_of(ids: Any, chosen: set[str]) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(sorted(chosen), type=pa.large_string())
    found: npt.NDArray[np.bool_] = pc.is_in(ids.cast(pa.large_string()), wanted).to_numpy(
        zero_copy_only=False
    )
    return found


def _holds(column: Any, words: str) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        column = column.cast(pa.large_string())
    held = pc.match_substring(column, words, ignore_case=True)
    found: npt.NDArray[np.bool_] = pc.fill_null(held, False).to_numpy(  # noqa: FBT003
        zero_copy_only=False
    )
    return found
