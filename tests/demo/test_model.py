"""The two checkpoints in the package: they load, they answer, they are small."""

import io
import warnings

import pyarrow.parquet as pq
import pytest
from PIL import Image

from evalkit.demo import data_path, early_model_path, model_path

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

FOLDERS = {"model": model_path(), "model-early": early_model_path()}


@pytest.fixture(scope="module", params=FOLDERS)
def loaded(request):
    folder = FOLDERS[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        processor = transformers.AutoProcessor.from_pretrained(folder)
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32
        )
    return processor, model.eval()


def _questions(count):
    """Read MMVP's first questions with their pictures, and one without a picture."""
    for row in pq.read_table(data_path() / "mmvp/train.parquet").to_pylist()[:count]:
        image = Image.open(io.BytesIO(row["image"]["bytes"])).convert("RGB")
        yield f"{row['Question']} {row['Options']}", image
    yield "What is 2 + 3?", None


def _answers(processor, model, asked):
    texts = []
    for text, image in asked:
        parts = [{"type": "image"}] if image else []
        turn = {"role": "user", "content": [*parts, {"type": "text", "text": text}]}
        texts.append(processor.apply_chat_template([turn], add_generation_prompt=True))
    images = [image for _, image in asked if image]
    inputs = processor(images=images or None, text=texts, padding=True, return_tensors="pt")
    tokens = model.generate(**inputs, max_new_tokens=8)[:, inputs["input_ids"].shape[1] :]
    return processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)


def test_a_batch_answers_as_single_questions_do(loaded):
    asked = list(_questions(7))
    assert _answers(*loaded, asked) == [_answers(*loaded, [each])[0] for each in asked]


def test_any_text_survives_the_tokenizer(loaded):
    tokenizer = loaded[0].tokenizer
    text = "Zürich 日本 🙂 \t\n a1b22 <b> \x00"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_prompt_is_the_users_turn(loaded):
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hi"}]}
    text = loaded[0].apply_chat_template([turn], add_generation_prompt=True)
    assert text == "<|user|><image>Hi<|end|><|assistant|>"


def test_decoding_is_greedy_and_ends(loaded):
    settings = loaded[1].generation_config
    tokenizer = loaded[0].tokenizer
    assert not settings.do_sample
    assert settings.eos_token_id == tokenizer.eos_token_id
    assert settings.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.padding_side == "left"


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_a_checkpoint_is_small(folder):
    assert (folder / "model.safetensors").stat().st_size < 8_000_000
    assert sum(path.stat().st_size for path in folder.iterdir()) < 8_500_000
