"""Questions about one picture, answered on one reading of it.

The prefix that several requests share (system text, picture tokens, the first words) is run once.
The rest of each request attends to the keys and values of that one reading: they are not copied for
every request, as a repeated cache would be, so that thirty questions cost the memory of one. A
row's own tokens, padded on the left, stand between the prefix and its answer; padding is masked,
and positions count unmasked tokens alone, so every row sees what it would see by itself.

Scores over prefix and own tokens go through one softmax: nothing is approximated. (The same idea
for servers is "Hydragen", arXiv:2402.05099, and "cascade inference" in FlashInfer.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ATTENTION = "evalkit_shared_prefix"
"""The name under which transformers knows the attention over a shared prefix."""

_STATE: ContextVar[tuple[Any, Rows]] = ContextVar("evalkit_shared_prefix")
"""The cache and the rows of the call that is under way."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which prefix each row continues.

    Attributes:
        owner: Prefix of each row, shape (rows,), whole numbers from 0, in ascending order.
        slots: Rows of each prefix, shape (prefixes, most); the last row fills what is left.
        back: Place of each row in the flattened slots, shape (rows,).
        even: Whether all prefixes have equally many rows, so that nothing is filled.
    """

    owner: torch.Tensor
    slots: torch.Tensor
    back: torch.Tensor
    even: bool

    @classmethod
    def of(cls, sizes: Sequence[int], device: Any) -> Rows:
        """Rows that follow one another, `sizes[i]` of them to the prefix i."""
        import torch

        most, starts = max(sizes), [sum(sizes[:i]) for i in range(len(sizes))]
        slots = [
            [start + min(place, size - 1) for place in range(most)]
            for start, size in zip(starts, sizes, strict=True)
        ]
        back = [i * most + place for i, size in enumerate(sizes) for place in range(size)]
        owner = [i for i, size in enumerate(sizes) for _ in range(size)]
        return cls(
            torch.tensor(owner, device=device),
            torch.tensor(slots, device=device),
            torch.tensor(back, device=device),
            even=len(set(sizes)) == 1,
        )

    def to(self, device: torch.device) -> Rows:
        """The same on another device: layers may be spread over several."""
        if self.owner.device == device:
            return self
        owner, slots, back = (part.to(device) for part in (self.owner, self.slots, self.back))
        return Rows(owner, slots, back, even=self.even)

    def grouped(self, rows: torch.Tensor) -> torch.Tensor:
        """(rows, ...) -> (prefixes, most, ...)."""
        if self.even:
            return rows.reshape(*self.slots.shape, *rows.shape[1:])
        return rows[self.slots]

    def flat(self, grouped: torch.Tensor) -> torch.Tensor:
        """(prefixes, most, ...) -> (rows, ...)."""
        rows = grouped.flatten(0, 1)
        return rows if self.even else rows[self.back]


def shared_cache(prefix: Any, rows: int, room: int) -> Any:
    """A cache of `rows` rows that continue prefixes which were run already.

    Args:
        prefix: The cache of the prefixes' run; every layer holds keys and values of all tokens.
        rows: How many rows will continue.
        room: How many tokens each of them may add.
    """
    from transformers.cache_utils import Cache

    layer_class = _layer_class()
    return Cache(layers=[layer_class(layer, rows, room) for layer in prefix.layers])


@contextmanager
def attending(model: Any, shared: Any, rows: Rows) -> Iterator[None]:
    """Let the model's language part attend to shared prefixes, within the block.

    Args:
        model: The model; its language part follows the attention interface of transformers.
        shared: A cache made by `shared_cache`.
        rows: Which prefix each row continues.
    """
    _register()
    part, before = _text_part(model.config)
    token = _STATE.set((shared, rows))
    model.set_attn_implementation({part: ATTENTION})
    try:
        yield
    finally:
        model.set_attn_implementation({part: before})
        _STATE.reset(token)


def _text_part(config: Any) -> tuple[str, str]:
    """The name of the language model's part of a configuration, and its attention."""
    text = config.get_text_config()
    names = (name for name in config.sub_configs if getattr(config, name, None) is text)
    return next(names, ""), text._attn_implementation  # noqa: SLF001 - as transformers' own models


@cache
def _layer_class() -> type:
    """A layer of a cache: keys and values of shared prefixes, and each row's own."""
    from transformers.cache_utils import DynamicLayer

    class SharedLayer(DynamicLayer):
        """`update` returns a row's own keys and values; the prefix stays with the layer."""

        def __init__(self, prefix: Any, rows: int, room: int) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.keys, self.values = prefix.keys, prefix.values
            self.dtype, self.device = prefix.keys.dtype, prefix.keys.device
            self.is_sliding = prefix.is_sliding
            self.is_initialized = True
            self.own = 0
            self._prefix_length = prefix.keys.shape[-2]
            self._own_keys = _room(prefix.keys, rows, room)
            self._own_values = _room(prefix.values, rows, room)

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            end = self.own + key_states.shape[-2]
            self._own_keys[:, :, self.own : end] = key_states
            self._own_values[:, :, self.own : end] = value_states
            self.own = end
            return self._own_keys[:, :, :end], self._own_values[:, :, :end]

        def get_seq_length(self) -> int:
            return int(self._prefix_length) + self.own

        def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
            return self.get_seq_length() + query_length, 0

    return SharedLayer


def _room(like: torch.Tensor, rows: int, room: int) -> torch.Tensor:
    return like.new_empty((rows, like.shape[1], room, like.shape[3]))


@cache
def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, _mask)


def _mask(*sizes: Any, **settings: Any) -> Any:
    """A mask of truth values that is always made: what is left out would be taken for causal."""
    from transformers.masking_utils import sdpa_mask

    settings |= {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}
    return sdpa_mask(*sizes, **settings)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of rows over a shared prefix and their own tokens.

    Args:
        module: The attention module; its `layer_idx` finds the prefix.
        query: (rows, heads, tokens, size).
        key: The rows' own, (rows, heads of keys, own tokens, size).
        value: As `key`.
        attention_mask: True where a token is seen; (rows, 1, tokens, prefix + own tokens).
        scaling: Factor of the scores; None is size ** -0.5.
        softcap: Bound of the scores (Gemma 2); None is none.

    Returns:
        (rows, tokens, heads, size), and no weights.
    """
    import torch

    shared, rows = _STATE.get()
    layer, rows = shared.layers[module.layer_idx], rows.to(query.device)
    count, heads, tokens, size = query.shape
    scores = _Scores(layer, rows, fold=heads // key.shape[1])
    folded = scores.folded(query)
    both = torch.cat([scores.of_prefix(folded), folded @ key.transpose(-1, -2)], dim=-1)
    seen = attention_mask.repeat(1, 1, scores.fold, 1)
    weights = _weights(both, seen, size**-0.5 if scaling is None else scaling, softcap)
    of_prefix, own = weights.split([layer.keys.shape[-2], key.shape[-2]], dim=-1)
    made = scores.of_values(of_prefix) + own @ value
    return made.reshape(count, heads, tokens, size).transpose(1, 2).contiguous(), None


def _weights(
    products: torch.Tensor, seen: torch.Tensor, scaling: float, softcap: float | None
) -> torch.Tensor:
    """Products of queries and keys as weights that add up to 1, computed in float32."""
    import torch

    scores = products.float() * scaling
    scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
    scores.masked_fill_(~seen, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1).to(products.dtype)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Products with the keys and values of prefixes, one large product for all rows of a prefix.

    Query heads that use the same keys are folded into the tokens: (rows, heads of keys, fold x
    tokens, size).
    """

    layer: Any
    rows: Rows
    fold: int

    def folded(self, query: torch.Tensor) -> torch.Tensor:
        count, heads, tokens, size = query.shape
        return query.reshape(count, heads // self.fold, self.fold * tokens, size)

    def of_prefix(self, query: torch.Tensor) -> torch.Tensor:
        """(rows, heads, n, size) -> (rows, heads, n, prefix)."""
        return self._product(query, self.layer.keys.transpose(-1, -2))

    def of_values(self, weights: torch.Tensor) -> torch.Tensor:
        """(rows, heads, n, prefix) -> (rows, heads, n, size)."""
        return self._product(weights, self.layer.values)

    def _product(self, rows: torch.Tensor, prefix: torch.Tensor) -> torch.Tensor:
        grouped = self.rows.grouped(rows).transpose(1, 2)  # prefixes, heads, most, n, k
        prefixes, heads, most, n, k = grouped.shape
        product = grouped.reshape(prefixes, heads, most * n, k) @ prefix
        return self.rows.flat(product.reshape(prefixes, heads, most, n, -1).transpose(1, 2))
