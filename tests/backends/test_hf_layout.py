"""Prefix and tail of every row are together what the processor makes of that row by itself."""

import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from evalkit import demo
from evalkit.backends.hf_inputs import Inputs
from evalkit.backends.hf_layout import lay_out
from evalkit.backends.hf_loading import load_processor, quiet
from evalkit.backends.interface import BackendOptions
from evalkit.records import Generation, Image, Message, Request

CORPUS = [
    "user: \nIs there a dog?\nassistant:",
    "user: \n\nIs there a dog? \n\n\nassistant:",
    "user: Is  there\n\n a cat in the picture?\nassistant:",
    "\n\n\n",
    "\n\n\n What is it? Is it a: b? < image > is < /s >",
]
"""Learned as whole lines, so that tokens reach over words and line ends."""

PICTURES = {"wide": PIL.Image.new("RGB", (60, 28), "red"), "high": PIL.Image.new("RGB", (28, 70))}

QUESTIONS = st.lists(
    st.one_of(
        st.text("Isadogthere ?\n:é<", max_size=12),
        st.sampled_from(
            ["", " ", "\n", "\n\nIs", "Is there", "<image>", "</s>Is", "<row_1_col_1>"]
        ),
    ),
    min_size=2,
    max_size=5,
)


def merged(words):
    """Make a byte-wise tokenizer one that merges, over words and line ends."""
    inner = words.backend_tokenizer
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = inner.pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    learned.train_from_iterator(CORPUS * 3, trainer)
    inner.model = _extended(inner, learned)


def prefixed(words):
    """Make it one as Llama's: a mark for a space, one of them before every text, bytes at need."""
    inner = words.backend_tokenizer
    marks = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    learned = Tokenizer(models.BPE())
    learned.normalizer = inner.normalizer = normalizers.Sequence(marks)
    inner.pre_tokenizer = None
    trainer = trainers.BpeTrainer(vocab_size=400, show_progress=False)
    learned.train_from_iterator(CORPUS * 3, trainer)
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    inner.model = _extended(inner, learned, bytes_, byte_fallback=True)
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )


def _extended(inner, learned, more=(), **settings_):
    import json

    made = json.loads(learned.to_str())["model"]
    vocabulary = inner.get_vocab(with_added_tokens=True)
    for token in (*more, *made["vocab"]):
        vocabulary.setdefault(token, max(vocabulary.values()) + 1)
    merges = [tuple(pair) for pair in made["merges"]]
    return models.BPE(vocab=vocabulary, merges=merges, **settings_)


def inputs_of(folder, change=None):
    with quiet():
        processor = load_processor(BackendOptions(spec="hf:x", name=str(folder), offline=True))
        if change is not None:
            change(processor.tokenizer)
        return Inputs(processor)


FAMILIES = (
    "llava", "llava_like_vicuna", "llava_next", "llava_onevision", "qwen2_vl", "glm4v", "idefics2",
    "idefics3", "internvl", "gemma3", "gemma4", "pixtral",
)  # fmt: skip


@pytest.fixture(
    scope="module", params=[f"{f}-{c}" for f in FAMILIES for c in ("merged", "prefixed")]
)
def inputs(request, checkpoint):
    family, _, change = request.param.partition("-")
    return inputs_of(checkpoint(family), {"merged": merged, "prefixed": prefixed}[change])


def rows(shown, texts):
    return [
        Request(
            task="",
            sample_id=f"{shown}-{i}",
            messages=(Message(role="user", content=(Image(key=shown, read=bytes), text)),),
            generation=Generation(max_new_tokens=1),
        )
        for i, text in enumerate(texts)
    ]


def check(inputs, texts):
    with quiet():
        _check(inputs, texts)


def _check(inputs, texts):
    groups = [rows("wide", texts), rows("high", reversed(texts)), rows("wide", texts[:1])]
    layout = lay_out(inputs, groups, PICTURES, set())
    assert layout is not None
    owners = [i for i, size in enumerate(layout.sizes) for _ in range(size)]
    prefixes, shown = layout.prefix["input_ids"], layout.prefix["attention_mask"].bool()
    flat = [request for group in groups for request in group]
    for place, (owner, request) in enumerate(zip(owners, flat, strict=True)):
        tail = layout.tails[place][layout.tail_mask[place].bool()].tolist()
        assert tail
        whole = inputs.tensors([request], PICTURES)["input_ids"][0].tolist()
        assert prefixes[owner][shown[owner]].tolist() + tail == whole
        assert layout.lengths[place] == len(whole)


SETTINGS = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SETTINGS
@given(texts=QUESTIONS)
def test_rows_are_what_the_processor_makes(inputs, texts):
    check(inputs, texts)


def test_the_tokenizers_of_this_test_merge_over_a_boundary(checkpoint):
    words = inputs_of(checkpoint("llava"), merged).words
    assert len(words.tokenize("\n\n\n")) == 1
    assert len(words.tokenize("Is there")) < 3
    words = inputs_of(checkpoint("llava"), prefixed).words
    assert words.tokenize("<image>Is there")[1].startswith("▁")


def test_a_prefix_taken_from_texts_alone_would_be_wrong(checkpoint, monkeypatch):
    monkeypatch.setattr("evalkit.backends.hf_layout._left_alone", lambda *_: True)
    with pytest.raises(AssertionError):
        check(inputs_of(checkpoint("gemma3"), merged), ["Is it?", "\nIs it?"])


@pytest.fixture(scope="module")
def demo_inputs():
    return inputs_of(demo.model_path())


@SETTINGS
@given(texts=QUESTIONS)
def test_rows_of_the_demo_model(demo_inputs, texts):
    check(demo_inputs, texts)


def test_questions_with_nothing_in_common_but_the_picture(demo_inputs):
    check(demo_inputs, ["Is there a dog?", "what", "7", "<image>", ""])


def test_a_picture_behind_the_question_has_no_layout(demo_inputs):
    asked = [
        Request(
            task="",
            sample_id=str(i),
            messages=(
                Message(role="user", content=(f"{i} is it?", Image(key="wide", read=bytes))),
            ),
            generation=Generation(max_new_tokens=1),
        )
        for i in range(2)
    ]
    token = demo_inputs.processor.image_token_id
    assert lay_out(demo_inputs, [asked], PICTURES, {token}) is None


def test_equal_pictures_are_processed_once_where_the_processor_writes_every_row(checkpoint):
    inputs = inputs_of(checkpoint("gemma3"), merged)
    real, calls = inputs.processor.image_processor, []

    class Counting:
        def __getattr__(self, name):
            return getattr(real, name)

        def __call__(self, *args, **kwargs):
            calls.append(1)
            return real(*args, **kwargs)

    inputs.processor.image_processor = Counting()
    assert lay_out(inputs, [rows("wide", ["Is it?", "Who?", "\nWho?"])], PICTURES, set())
    assert len(calls) == 2  # the group's first row, and all rows
    assert isinstance(inputs.processor.image_processor, Counting)
