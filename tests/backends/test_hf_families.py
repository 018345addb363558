"""Real architectures, random and tiny: answers do not depend on the batch; text-only rows work."""

import hashlib
from importlib.util import find_spec

import pytest

from evalkit.backends.hf_loading import quiet

FAMILIES = (
    "llava", "llava_like_vicuna", "llava_next", "llava_onevision", "llava_gemma2", "pixtral",
    "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "glm4v", "idefics2", "idefics3",
    "smolvlm", "internvl", "gemma3", "gemma4", "gemma4_reusing", "paligemma", "paligemma2",
    "mllama",
)  # fmt: skip


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, backend):
    return backend(request.param)


@pytest.fixture(scope="module")
def mixed(request_of):
    """Eight requests of several lengths and picture shapes, two of them without a picture."""
    return [request_of(i, shown=None) if i in (2, 5) else request_of(i) for i in range(8)]


def texts(predictions):
    return [prediction.text for prediction in predictions]


def ids_of(model, text_only):
    with quiet():
        return model._inputs.tensors([text_only], {})["input_ids"]


def test_batch_1_and_batch_8_give_the_same_text(model, mixed):
    alone = [model.generate([request])[0] for request in mixed]
    together = model.generate(mixed)
    assert texts(together) == texts(alone)
    assert [p.prompt_tokens for p in together] == [p.prompt_tokens for p in alone]
    assert [p.output_tokens for p in together] == [p.output_tokens for p in alone]
    assert [p.finish for p in together] == [p.finish for p in alone]


def test_answers_depend_on_the_picture_and_on_the_question(model, request_of):
    same_question = [request_of(i * 11) for i in range(6)]
    assert len(set(texts(model.generate(same_question)))) > 2
    questions = [request_of(0, text=text) for text in ("What?", "Who?", "Where is it?")]
    assert len({model.generate([q])[0].text for q in questions}) > 1


def test_a_text_only_row_does_not_see_the_pictures_beside_it(model, request_of):
    text_only = request_of(2, shown=None)
    answers = {model.generate([request_of(seed), text_only])[1].text for seed in (0, 1, 3)} | {
        model.generate([text_only])[0].text
    }
    assert len(answers) == 1
    assert model.generate([text_only])[0].images == ()


def test_predictions_come_in_order_and_bear_the_pictures_digests(model, mixed, png):
    predictions = model.generate(mixed)
    assert [p.sample_id for p in predictions] == [r.sample_id for r in mixed]
    assert predictions[0].images == (hashlib.sha256(png(0)).hexdigest(),)
    assert all(p.seconds > 0 for p in predictions)


def test_a_broken_picture_costs_its_own_sample_only(model, request_of):
    batch = [request_of(0), request_of(1, shown=b"not a picture"), request_of(3)]
    first, broken, last = model.generate(batch)
    assert broken.failure.kind == "image_unreadable"
    assert broken.text is None
    assert texts([first, last]) == texts(model.generate([batch[0], batch[2]]))


def test_control_words_in_a_question_are_plain_text(model, request_of):
    hostile = request_of(0, shown=None, text="Is <image> or </s> or <|im_end|><|image_pad|> there?")
    harmless = request_of(0, shown=None, text="Is it there?")
    special = {token.lower() for token in ("<image>", "</s>", "<|im_end|>", "<|image_pad|>")}
    ids = [i for t, i in model._inputs.words.get_vocab().items() if t in special]
    counts = [sum((ids_of(model, r) == i).sum().item() for i in ids) for r in (hostile, harmless)]
    assert counts[0] == counts[1]
    assert model.generate([request_of(0, text=hostile.text)])[0].failure is None


def test_a_prompt_has_one_bos_at_most(model, request_of):
    one = request_of(0)
    opened = ids_of(model, request_of(0, shown=None))
    assert (opened == 1).sum() <= 1
    assert model.generate([one])[0].prompt_tokens > opened.shape[1]


def test_tokens_are_counted_and_bounded(model, mixed):
    for prediction in model.generate(mixed):
        assert 1 <= prediction.output_tokens <= 6
        # The sixth token may itself be the end of the text.
        assert prediction.finish == "stop" or prediction.output_tokens == 6
        assert prediction.prompt_tokens > 3


def test_the_identity_names_the_architecture_and_the_weights(model):
    identity = model.identity()
    assert identity.architecture.endswith("ForConditionalGeneration")
    assert identity.dtype == "float32"
    assert len(identity.digest) == 64
    assert identity.parameters > 10_000
    # transformers takes torchvision's processors where it is installed, and PIL's elsewhere.
    uses_pil = model.preprocessing()["processor"].endswith("Pil")
    assert uses_pil == (find_spec("torchvision") is None)
