"""Requests about the same pictures, laid out as prefixes that are run once and what follows them.

Only the first request of each group goes through the processor with its pictures. The others are
tokenised without them, and what follows the common part is taken over. It must be what the
processor would have made. A control token parts a text: what stands behind one is tokenised by
itself. So where the processor left the text behind the last control token of the common part as it
was, it is enough that the first request's own tokens end alike. Where it did not (Gemma 3 puts two
line ends behind a picture, Idefics2 a space before a word), it writes every request itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evalkit.backends.hf_inputs import Inputs, Pictures
from evalkit.records import Request

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Layout:
    """Prefixes, and the rows that continue them.

    Attributes:
        prefix: Inputs of the prefixes, padded on the left; `input_ids` is (prefixes, tokens).
        sizes: How many rows continue each prefix, in their order.
        tails: What the rows add, padded on the left, shape (rows, tokens).
        tail_mask: 1 where a tail has a token, 0 where it is padded.
    """

    prefix: Mapping[str, Any]
    sizes: tuple[int, ...]
    tails: torch.Tensor
    tail_mask: torch.Tensor

    @property
    def length(self) -> int:
        """Tokens of the longest row, padding included."""
        return int(self.prefix["input_ids"].shape[1] + self.tails.shape[1])

    @property
    def prefix_lengths(self) -> list[int]:
        """Tokens of each row that its prefix holds."""
        lengths = self.prefix["attention_mask"].sum(dim=1).tolist()
        return [n for n, size in zip(lengths, self.sizes, strict=True) for _ in range(size)]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row, without padding."""
        own = self.tail_mask.sum(dim=1).tolist()
        return [n + more for n, more in zip(self.prefix_lengths, own, strict=True)]

    def pinned(self) -> Layout:
        """The same with tensors in pinned memory."""
        tails = {"tails": self.tails, "tail_mask": self.tail_mask}
        return replace(self, prefix=pinned(self.prefix), **pinned(tails))


def pinned(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with tensors in pinned memory; what is no tensor stays as it is."""
    return {n: v.pin_memory() if hasattr(v, "pin_memory") else v for n, v in inputs.items()}


def lay_out(
    inputs: Inputs, groups: Sequence[Sequence[Request]], pictures: Pictures, image_tokens: set[int]
) -> Layout | None:
    """The layout of requests, or None where they cannot be laid out so.

    Args:
        inputs: The model's processor.
        groups: Requests that show the same pictures; all with equally many.
        pictures: Every picture, decoded.
        image_tokens: Tokens that stand for pictures: all of them must lie in a prefix.
    """
    written = inputs.written([request for group in groups for request in group])
    if written is None:
        return None
    whole = inputs.tensors([group[0] for group in groups], pictures)
    ends = whole["attention_mask"].sum(dim=1).tolist()
    rows = iter(written)
    tails: list[list[int]] = []
    kept: list[int] = []
    for group, padded, end in zip(groups, whole["input_ids"].tolist(), ends, strict=True):
        first = padded[len(padded) - end :]
        own = _by_text([next(rows) for _ in group], first, inputs.controls)
        own = inputs.one_by_one(group, pictures) if own is None else own
        kept.append(_common(own))
        if own[0] != first or not kept[-1]:
            return None
        tails += [line[kept[-1] :] for line in own]
    if any(image_tokens.intersection(tail) for tail in tails):
        return None
    pad = inputs.words.pad_token_id
    made, mask = _padded(tails, pad)
    return Layout(_cut(whole, kept, ends, pad), tuple(map(len, groups)), made, mask)


def _by_text(
    own: Sequence[list[int]], first: list[int], controls: frozenset[int]
) -> list[list[int]] | None:
    """Tokens of a group's rows, or None where they cannot be told from their texts.

    Args:
        own: Tokens of the rows, written without pictures.
        first: What the processor made of the first row.
        controls: The tokenizer's control tokens.
    """
    common = _common(own)
    prefix = first[: max(len(first) - len(own[0]) + common, 0)]
    if prefix + own[0][common:] != first or not _left_alone(own[0][:common], prefix, controls):
        return None
    return [prefix + line[common:] for line in own]


def _left_alone(written: Sequence[int], prefix: Sequence[int], controls: frozenset[int]) -> bool:
    """Whether a prefix ends as it was written, from its last control token on."""
    behind = next((i for i in range(1, len(written) + 1) if written[-i] in controls), None)
    return behind is not None and list(prefix[-behind:]) == list(written[-behind:])


def _common(lines: Sequence[Sequence[int]]) -> int:
    """Length of the beginning that all lines share, such that each has at least one token more."""
    shortest = min(map(len, lines)) - 1
    first = lines[0]
    for place in range(shortest):
        if any(line[place] != first[place] for line in lines):
            return place
    return max(shortest, 0)


def _padded(lines: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    longest = max(map(len, lines))
    ids = [[pad] * (longest - len(line)) + list(line) for line in lines]
    mask = [[0] * (longest - len(line)) + [1] * len(line) for line in lines]
    return torch.tensor(ids), torch.tensor(mask)


def _cut(
    whole: Mapping[str, Any], kept: Sequence[int], lengths: Sequence[int], pad: int
) -> dict[str, Any]:
    """The inputs with the first `kept` tokens of each row alone, padded on the left again."""
    import torch

    shape = whole["input_ids"].shape
    longest, cut = max(kept), dict(whole)
    for name, value in whole.items():
        if not hasattr(value, "shape") or tuple(value.shape) != tuple(shape):
            continue
        fill = pad if name == "input_ids" else 0
        made = torch.full((shape[0], longest), fill, dtype=value.dtype)
        for row, (keep, length) in enumerate(zip(kept, lengths, strict=True)):
            start = shape[1] - length
            made[row, longest - keep :] = value[row, start : start + keep]
        cut[name] = made
    return cut
