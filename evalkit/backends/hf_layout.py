"""Requests about the same pictures, laid out as prefixes that are run once and what follows them.

Only the first request of each group goes through the processor with its pictures. The others are
tokenised without them, and what follows the common part is taken over. It must be what the
processor would have made. A control token parts a text: what stands behind one is tokenised by
itself. So it is enough that the first request's own tokens end alike, and that between the last
control token and the question nothing was put in; where something was (Gemma 3 puts two line ends
behind a picture), each question is tokenised together with it, to see that the two do not merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    tails: list[list[int]] = []
    cuts: list[int] = []
    for group, tokens, end in zip(groups, whole["input_ids"].tolist(), ends, strict=True):
        own, written = written[: len(group)], written[len(group) :]
        common = _common(own)
        if not _continues(own, common, tokens[len(tokens) - end :], inputs):
            return None
        tails += [line[common:] for line in own]
        cuts.append(len(own[0]) - common)
    if any(image_tokens.intersection(tail) for tail in tails):
        return None
    pad = inputs.words.pad_token_id
    padded, mask = _padded(tails, pad)
    return Layout(_cut(whole, cuts, ends, pad), tuple(map(len, groups)), padded, mask)


def _continues(
    own: Sequence[list[int]], common: int, whole: list[int], inputs: Inputs
) -> bool:
    """Whether the processor would give every row the first one's prefix and then the row's tail.

    Args:
        own: Tokens of the rows, written without pictures.
        common: How many of them all rows share.
        whole: What the processor made of the first row.
        inputs: The processor.
    """
    parted = _last(own[0][:common], inputs.controls)
    shown = _last(whole[: len(whole) - len(own[0]) + common], inputs.controls)
    if parted is None or shown is None:
        return False
    put_in = len(whole) - shown - (len(own[0]) - parted)
    if put_in < 0 or whole[shown + 1 + put_in :] != own[0][parted + 1 :]:
        return False
    if not put_in and whole[shown] == own[0][parted]:
        return True
    before = whole[shown : shown + 1 + put_in]
    texts = {tuple(_text(line[parted + 1 :], inputs.controls)) for line in own[1:]}
    return all(inputs.stays([*before, *text]) for text in texts)


def _last(tokens: Sequence[int], controls: frozenset[int]) -> int | None:
    """The place of the last control token."""
    return next((i for i in reversed(range(len(tokens))) if tokens[i] in controls), None)


def _text(tokens: Sequence[int], controls: frozenset[int]) -> Sequence[int]:
    """The tokens before the first control token."""
    return tokens[: next((i for i, token in enumerate(tokens) if token in controls), len(tokens))]


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
    whole: Mapping[str, Any], tails: Sequence[int], lengths: Sequence[int], pad: int
) -> dict[str, Any]:
    """The inputs without the last tokens of each row, padded on the left again."""
    import torch

    shape = whole["input_ids"].shape
    kept = [length - tail for length, tail in zip(lengths, tails, strict=True)]
    longest, cut = max(kept), dict(whole)
    for name, value in whole.items():
        if not hasattr(value, "shape") or tuple(value.shape) != tuple(shape):
            continue
        fill = pad if name == "input_ids" else 0
        made = torch.full((shape[0], longest), fill, dtype=value.dtype)
        for row, (tail, keep) in enumerate(zip(tails, kept, strict=True)):
            end = shape[1] - tail
            made[row, longest - keep :] = value[row, end - keep : end]
        cut[name] = made
    return cut
