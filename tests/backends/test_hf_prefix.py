"""Rows and their prefixes: the order is kept, and attention is what a dense one would be."""

import contextlib
from types import SimpleNamespace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.backends import hf_prefix
from evalkit.backends.hf_prefix import Rows, shared_cache

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=6)
SETTINGS = settings(max_examples=30, deadline=None, derandomize=True, database=None)


@SETTINGS
@given(sizes=SIZES, width=st.integers(1, 3))
def test_grouping_and_flattening_give_the_rows_back(sizes, width):
    rows = Rows.of(sizes, "cpu")
    values = torch.arange(sum(sizes) * width).reshape(sum(sizes), width)
    grouped = rows.grouped(values)
    assert grouped.shape == (len(sizes), max(sizes), width)
    assert torch.equal(rows.flat(grouped), values)


@SETTINGS
@given(sizes=SIZES)
def test_every_row_lies_with_its_prefix(sizes):
    rows = Rows.of(sizes, "cpu")
    assert rows.owner.tolist() == [i for i, size in enumerate(sizes) for _ in range(size)]
    assert rows.even == (len(set(sizes)) == 1)
    for prefix, line in enumerate(rows.grouped(rows.owner)):
        assert set(line.tolist()) == {prefix}


def dense(query, keys, values, seen, *, scaling, softcap):
    """Attention of one row by its definition, in float64."""
    fold = query.shape[0] // keys.shape[0]
    made = torch.empty_like(query, dtype=torch.float64)
    for head in range(query.shape[0]):
        scores = query[head].double() @ keys[head // fold].double().T * scaling
        scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
        weights = torch.softmax(scores.masked_fill(~seen, -torch.inf), dim=-1)
        made[head] = weights @ values[head // fold].double()
    return made


def attend(sizes, seed, *, fold, tokens, softcap, scaling):
    """Outputs over shared prefixes, and by the definition, of random tensors."""
    draw = torch.Generator().manual_seed(seed)
    count, heads, size, longest, before = sum(sizes), 2, 4, 5, 3

    def normal(*shape):
        return torch.randn(*shape, generator=draw)

    prefix = SimpleNamespace(
        keys=normal(len(sizes), heads, longest, size),
        values=normal(len(sizes), heads, longest, size),
        is_sliding=False,
    )
    cache = shared_cache(SimpleNamespace(layers=[prefix]), count, before + tokens)
    layer, rows = cache.layers[0], Rows.of(sizes, "cpu")
    layer.update(normal(count, heads, before, size), normal(count, heads, before, size))
    key, value = layer.update(
        normal(count, heads, tokens, size), normal(count, heads, tokens, size)
    )
    query = normal(count, heads * fold, tokens, size)
    seen = torch.rand(count, 1, tokens, longest + before + tokens, generator=draw) > 0.4
    seen[..., -1] = True
    token = hf_prefix._STATE.set((cache, rows))
    try:
        made, _ = hf_prefix._attention(
            SimpleNamespace(layer_idx=0), query, key, value, seen, scaling=scaling, softcap=softcap
        )
    finally:
        hf_prefix._STATE.reset(token)
    wanted = [
        dense(
            query[row],
            torch.cat([prefix.keys[owner], key[row]], dim=1),
            torch.cat([prefix.values[owner], value[row]], dim=1),
            seen[row, 0],
            scaling=size**-0.5 if scaling is None else scaling,
            softcap=softcap,
        )
        for row, owner in enumerate(rows.owner.tolist())
    ]
    return made, torch.stack(wanted).transpose(1, 2)


@SETTINGS
@given(
    sizes=SIZES,
    seed=st.integers(0, 100),
    shape=st.fixed_dictionaries(
        {
            "fold": st.sampled_from([1, 2, 3]),
            "tokens": st.integers(1, 4),
            "softcap": st.sampled_from([None, 0.5, 30.0]),
            "scaling": st.sampled_from([None, 0.1, 1.0]),
        }
    ),
)
def test_attention_is_that_of_the_definition(sizes, seed, shape):
    made, wanted = attend(sizes, seed, **shape)
    assert made.shape == (sum(sizes), shape["tokens"], 2 * shape["fold"], 4)
    assert made.is_contiguous()
    torch.testing.assert_close(made.double(), wanted, rtol=1e-5, atol=1e-5)


def test_a_layer_counts_prefix_and_own_tokens():
    prefix = SimpleNamespace(
        keys=torch.zeros(2, 1, 5, 4), values=torch.zeros(2, 1, 5, 4), is_sliding=False
    )
    layer = shared_cache(SimpleNamespace(layers=[prefix]), rows=3, room=4).layers[0]
    assert layer.get_seq_length() == 5
    keys, _ = layer.update(torch.ones(3, 1, 2, 4), torch.ones(3, 1, 2, 4))
    assert keys.shape == (3, 1, 2, 4)
    assert layer.get_seq_length() == 7
    assert layer.get_mask_sizes(1) == (8, 0)
    assert layer.keys.data_ptr() == prefix.keys.data_ptr()  # nobody copied the prefix


def test_a_model_has_its_own_attention_back_afterwards(backend):
    model = backend("llava")._model
    text = model.config.get_text_config()
    before = text._attn_implementation
    with contextlib.suppress(ZeroDivisionError), hf_prefix.attending(model, None, None):
        assert text._attn_implementation == hf_prefix.ATTENTION
        raise ZeroDivisionError
    assert text._attn_implementation == before
    assert model.config.vision_config._attn_implementation == before
