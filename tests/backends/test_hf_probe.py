"""What is tried when a model is loaded: whether its way is sound, and how much fits."""

import pytest
import torch

from evalkit.backends import hf_probe
from evalkit.backends.hf import HfBackend
from evalkit.backends.interface import BackendOptions
from evalkit.errors import BackendError

ALONE = "plain: every question is read by itself, with its picture"


def load(folder, **options):
    return HfBackend.load(BackendOptions(spec=f"hf:{folder}", name=str(folder), **options))


@pytest.fixture
def looking_ahead(monkeypatch):
    """Llama models whose whole prompt attends to itself, though no configuration says so."""
    from transformers.models.llama import modeling_llama

    causal = modeling_llama.create_causal_mask

    def both_ways(*args, **kwargs):
        return causal(*args, **kwargs, or_mask_function=lambda *_: torch.tensor(data=True))

    monkeypatch.setattr(modeling_llama, "create_causal_mask", both_ways)


@pytest.mark.usefixtures("looking_ahead")
def test_a_prompt_that_looks_ahead_in_secret_is_not_shared(checkpoint):
    model = load(checkpoint("llava"), batch_size=4)
    reason = "a probe was answered otherwise with a shared prefix"
    assert model.note() == f"{ALONE} ({reason})"
    assert not model.shares_prefixes


@pytest.mark.usefixtures("looking_ahead")
def test_it_is_seen_in_half_precision_too(checkpoint):
    model = load(checkpoint("llava"), batch_size=4, dtype="bfloat16")
    assert model.note().startswith(f"{ALONE} (a probe's logits differ by ")


@pytest.mark.usefixtures("looking_ahead")
def test_asked_for_sharing_that_is_unsound_is_an_error(checkpoint):
    with pytest.raises(BackendError, match="answered otherwise") as caught:
        load(checkpoint("llava"), batch_size=4, prefix_sharing="on")
    assert str(caught.value).endswith("give --prefix-sharing auto.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["mllama", "qwen3_5"])
def test_asked_for_sharing_that_cannot_be_is_an_error(checkpoint, family):
    with pytest.raises(BackendError, match="cannot share prefixes"):
        load(checkpoint(family), batch_size=4, prefix_sharing="on")


@pytest.mark.parametrize("family", ["llava", "paligemma"])
def test_asked_for_sharing_that_can_be_is_given(checkpoint, family):
    assert load(checkpoint(family), batch_size=4, prefix_sharing="on").shares_prefixes


def test_a_probe_that_raises_is_a_reason(checkpoint, monkeypatch):
    def broken(*_, **__):
        message = "no such thing\nand more"
        raise ValueError(message)

    monkeypatch.setattr("evalkit.backends.hf_decoding.Decoder.shared", broken)
    note = load(checkpoint("llava"), batch_size=4).note()
    assert note == f"{ALONE} (a probe failed with ValueError: no such thing)"


def test_windows_shorter_than_a_prompt_are_the_reason(checkpoint, tmp_path):
    import json
    import shutil

    folder = tmp_path / "narrow"
    shutil.copytree(checkpoint("gemma3"), folder)
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["sliding_window"] = 20
    (folder / "config.json").write_text(json.dumps(config))
    note = load(folder, batch_size=4).note()
    assert note == f"{ALONE} (its windows of 20 tokens are shorter than a prompt)"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", ["llava", "qwen2_vl", "gemma3", "paligemma"])
def test_half_precision_is_within_the_tolerance(checkpoint, family, dtype):
    assert load(checkpoint(family), batch_size=4, dtype=dtype).shares_prefixes


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), True),
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_what_says_that_memory_did_not_suffice(backend, error, said):
    assert backend("llava").is_out_of_memory(error) == said


def test_a_real_allocation_that_is_too_large_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55, dtype=torch.uint8)
    assert hf_probe.is_out_of_memory(caught.value)


class Timed:
    """A rehearsal whose seconds are told by the number of rows; it moves the clocks."""

    def __init__(self, monkeypatch, seconds, fails=None):
        self.now, self.asked = 0.0, []
        self._seconds, self._fails = seconds, fails
        self.device = torch.device("cpu")
        for clock in ("perf_counter", "thread_time"):
            monkeypatch.setattr(hf_probe.time, clock, lambda: self.now)

    def __call__(self, requests):
        return lambda: self.answer(len(requests))

    def answer(self, rows):
        self.asked.append(rows)
        if self._fails and rows >= self._fails[0]:
            raise self._fails[1]
        self.now += self._seconds(rows)

    def capacity(self):
        return hf_probe.capacity(self, 600, self)

    def rows(self):
        return self.capacity().tokens / (600 + 64)


def test_batches_are_doubled_while_that_is_faster(monkeypatch):
    timed = Timed(monkeypatch, lambda rows: 2.0 + 0.01 * rows)
    assert timed.rows() == 64
    assert timed.asked == [1, 1, 2, 4, 8, 16, 32, 64]
    capacity = timed.capacity()
    assert (capacity.rows, capacity.image_tokens) == (64, 600)


def test_doubling_ends_where_it_gains_nothing(monkeypatch):
    timed = Timed(monkeypatch, lambda rows: max(2.0, rows * 0.5))
    assert timed.rows() == 16
    assert timed.asked == [1, 1, 2, 4, 8, 16]


def test_of_sizes_that_are_as_fast_the_largest_counts(monkeypatch):
    timed = Timed(monkeypatch, lambda rows: 1.5 * rows)
    assert timed.rows() == 4
    assert timed.asked == [1, 1, 2, 4]


def test_what_is_slower_in_a_batch_runs_alone(monkeypatch):
    assert Timed(monkeypatch, lambda rows: 1.5 * rows**1.1).rows() == 1


def test_what_is_quick_is_timed_again_and_the_better_counts(monkeypatch):
    calls = []

    def seconds(rows):
        calls.append(rows)
        return 0.5 if calls.count(rows) == 1 else 0.1  # the first of each size is disturbed

    timed = Timed(monkeypatch, seconds)
    assert timed.rows() == 64
    assert timed.asked[:8] == [1, 1, 1, 2, 1, 2, 4, 2]


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()], ids=["torch", "python"]
)
def test_doubling_ends_with_the_memory(monkeypatch, error):
    timed = Timed(monkeypatch, lambda _: 2.0, fails=(8, error))
    assert timed.rows() == 4
    assert timed.asked[-1] == 8


def test_doubling_ends_with_patience(monkeypatch):
    timed = Timed(monkeypatch, lambda rows: hf_probe.PATIENCE / 3 * (1 + rows / 4))
    assert timed.rows() == 16
    assert timed.asked[-1] == 16


def test_another_error_is_not_taken_for_a_lack_of_memory(monkeypatch):
    with pytest.raises(RuntimeError, match="shapes"):
        Timed(monkeypatch, lambda _: 2.0, fails=(2, RuntimeError("shapes"))).capacity()


def test_a_share_of_an_accelerators_memory_is_left_free(monkeypatch):
    monkeypatch.setattr(hf_probe, "_free", lambda _: 100.0)
    monkeypatch.setattr(hf_probe, "_taken", lambda timed: 4.0 * timed.asked[-1])
    assert Timed(monkeypatch, lambda _: 2.0).rows() == 8  # 16 rows would take 64 of 50


def test_a_real_model_learns_its_capacity(checkpoint):
    capacity = load(checkpoint("llava")).capacity()
    assert capacity.rows == 64
    assert capacity.tokens >= capacity.image_tokens
