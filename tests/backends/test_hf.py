"""What the hf backend does with settings, checkpoints and pictures, whatever the family."""

import gc
import importlib.util
import json
import shutil
import weakref

import pytest
from safetensors.torch import load_file

from evalkit.backends.hf import HfBackend
from evalkit.backends.hf_loading import load_processor
from evalkit.backends.interface import BackendOptions
from evalkit.errors import BackendError, UsageError
from evalkit.records import Generation


def options(folder, **more):
    return BackendOptions(spec=f"hf:{folder}", name=str(folder), **more)


def check_and_load(folder):
    HfBackend.preflight(options(folder))
    HfBackend.load(options(folder))


def answers(model, requests):
    return [p.text for p in model.generate(requests)]


def test_the_checkpoints_own_sampling_settings_do_not_leak(backend, checkpoint, request_of):
    own = json.loads((checkpoint("llava") / "generation_config.json").read_text())
    assert own["do_sample"]
    assert own["repetition_penalty"] == 3.0
    model = backend("llava")
    assert answers(model, [request_of(0)]) == answers(model, [request_of(0)])
    config = model._model.generation_config
    assert not config.do_sample
    assert config.repetition_penalty in (None, 1.0)
    assert config.eos_token_id == 2


def test_sampling_is_seeded_by_seed_and_samples(backend, request_of):
    generation = Generation(max_new_tokens=12, temperature=1.0)
    asked = [request_of(0, generation=generation)]
    model = backend("llava")
    assert answers(model, asked) == answers(model, asked)
    assert answers(model, asked) != answers(backend("llava", seed=5), asked)


def test_a_stop_string_cuts_the_answer(backend, request_of):
    model = backend("llava")
    # A random model also writes halves of characters, which confuse the search for stop strings.
    wholes = ((i, model.generate([request_of(i)])[0]) for i in range(200))
    i, whole = next((i, one) for i, one in wholes if one.text[:2].isascii() and one.text[1:2] > " ")
    stop = whole.text[1]
    cut = Generation(max_new_tokens=6, stop=(stop,))
    stopped = model.generate([request_of(i, generation=cut)])[0]
    assert stopped.text == whole.text.partition(stop)[0].strip()
    assert stopped.finish == "stop"


def test_pad_square_changes_what_the_model_sees_and_is_recorded(backend, request_of):
    plain, padded = backend("llava"), backend("llava", image_preprocess="pad-square")
    wide = [request_of(1)]
    assert answers(plain, wide) != answers(padded, wide)
    square = [request_of(0)]
    assert answers(plain, square) == answers(padded, square)
    assert plain.preprocessing() != padded.preprocessing()


def test_weights_that_can_run_code_are_refused(checkpoint, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(checkpoint("llava"), folder)
    import torch

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BackendError, match=r"no \.safetensors"):
        HfBackend.preflight(options(folder))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", "{", "no readable config.json"),
        ("config.json", "{}", "names no model_type"),
        ("config.json", '{"model_type": "bert"}', "cannot be loaded"),
        ("config.json", '{"model_type": "no-such-model"}', "cannot be loaded"),
        ("model.safetensors", "x" * 100, "cannot be loaded"),
        ("tokenizer.json", "{", "cannot be loaded"),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(checkpoint, tmp_path, name, content, said):
    folder = tmp_path / "damaged"
    shutil.copytree(checkpoint("llava"), folder)
    (folder / name).write_text(content)
    with pytest.raises(BackendError, match=said) as caught:
        check_and_load(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_weight_is_refused(checkpoint, tmp_path):
    from safetensors.torch import save_file

    folder = tmp_path / "part"
    shutil.copytree(checkpoint("llava"), folder)
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "down_proj" in name))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackendError, match="lacks weights"):
        HfBackend.load(options(folder))


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"dtype": "int3"}, UsageError, "int3"),
        ({"device": "tpu"}, UsageError, "tpu"),
        ({"device": "cuda:7"}, BackendError, "cuda:7"),
    ],
)
def test_wrong_settings_are_found_before_loading(checkpoint, change, error, said):
    with pytest.raises(error, match=said):
        HfBackend.preflight(options(checkpoint("llava"), **change))


def test_offline_without_a_cached_model_fails_at_once():
    told = BackendOptions(spec="hf:nobody/none", name="nobody/none", offline=True)
    with pytest.raises(BackendError, match="not in this machine's cache"):
        HfBackend.preflight(told)


def test_the_digest_follows_the_weights(checkpoint, tmp_path):
    from evalkit.backends.hf_checkpoint import digest

    folder = tmp_path / "copy"
    shutil.copytree(checkpoint("llava"), folder)
    before = digest(str(folder))
    assert before == digest(str(checkpoint("llava")))
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    assert digest(str(folder)) != before


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="it is there")
def test_a_processor_that_needs_its_video_part_says_what_to_install(checkpoint, tmp_path):
    folder = tmp_path / "smolvlm"
    shutil.copytree(checkpoint("llava"), folder)
    (folder / "config.json").write_text('{"model_type": "smolvlm"}')
    with pytest.raises(BackendError, match="pip install torchvision num2words"):
        load_processor(options(folder))


@pytest.mark.parametrize("pad", ["own", "end"])
def test_tokens_of_a_stopped_answer_do_not_depend_on_the_batch(checkpoint, request_of, pad):
    model = HfBackend.load(options(checkpoint("llava"), batch_size=8, prefix_sharing="off"))
    if pad == "end":
        model._model.generation_config.pad_token_id = min(model._decoder.ends)
    numbers = range(8)
    wholes = [model.generate([request_of(number)])[0].text for number in numbers]
    found = 0
    for stop in {text[2] for text in wholes if text[2:3] > " " and text.isascii()}:
        cut = Generation(max_new_tokens=12, stop=(stop,))
        asked = [request_of(number, generation=cut) for number in numbers]
        alone = [model.generate([one])[0] for one in asked]
        together = model.generate(asked)
        assert [p.output_tokens for p in together] == [p.output_tokens for p in alone]
        found += len({p.output_tokens for p in alone}) > 1
    assert found, "a row was padded"


def test_a_closed_backend_holds_no_weights(checkpoint):
    model = HfBackend.load(options(checkpoint("llava"), batch_size=8))
    weights = weakref.ref(model._model)
    model.close()
    gc.collect()
    assert weights() is None
    model.close()
