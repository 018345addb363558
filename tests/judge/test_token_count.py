"""The estimate's tokens: which way they were counted, and that no vocabulary is waited for.

tiktoken itself counts where it is installed; its vocabularies are toys here, as the real ones would
have to be fetched.
"""

import contextlib
import math
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit import registry
from evalkit.judge.estimate import WORD, estimate, expected_units
from evalkit.judge.order import JudgeOrder, counted_as
from evalkit.judge.token_count import CHARACTERS, PIECE, count_tokens
from evalkit.judge.units import Unit
from evalkit.official.interface import no_picture

PLAIN = "4 characters a token"


@pytest.fixture
def tiktoken():
    return pytest.importorskip("tiktoken", reason="the extra judge is not installed")


@pytest.fixture
def vocabulary(tiktoken):
    """Makes " the" a token of gpt-4o's vocabulary, and every other byte one."""
    from tiktoken import registry as known

    ranks = {bytes([byte]): byte for byte in range(256)} | {b" t": 256, b"he": 257, b" the": 258}
    words = {"pat_str": r" ?\w+|\W", "mergeable_ranks": ranks, "special_tokens": {"<|end|>": 259}}
    before = dict(known.ENCODINGS)
    known.ENCODINGS["o200k_base"] = tiktoken.Encoding("o200k_base", **words)
    yield
    known.ENCODINGS.clear()
    known.ENCODINGS.update(before)


@given(st.lists(st.text(max_size=50), max_size=5))
@settings(deadline=None)
def test_without_a_name_of_a_model_characters_count(texts):
    found = count_tokens(texts)
    assert found.how == PLAIN
    assert found.tokens == sum(math.ceil(len(text) / 4) for text in texts)


def test_a_model_that_openai_does_not_have_is_counted_by_characters():
    assert count_tokens(["abcde"], "toy-model").how == PLAIN
    assert count_tokens(["abcde"], "toy-model").tokens == 2


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o"])
def test_openais_models_are_counted_by_their_vocabulary(vocabulary, model):
    found = count_tokens([WORD * 10, "abc", "<|end|>", "\ud83d", ""], model)
    assert found.how == "by tiktoken's o200k_base"
    assert found.tokens == 10 + 3 + 7 + 3


def test_a_word_without_end_is_counted_in_no_time(vocabulary):
    begun = time.perf_counter()
    assert count_tokens(["x" * 100 * PIECE], "gpt-4o").tokens == 100 * PIECE
    assert time.perf_counter() - begun < 60


@contextlib.contextmanager
def mute(monkeypatch):
    """A proxy that takes connections and says nothing: a vocabulary that never comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.getsockname()[1]}")
        held = []

        def take():
            with contextlib.suppress(OSError):
                while True:
                    held.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        try:
            yield
        finally:
            for one in held:
                one.close()


def test_a_vocabulary_that_never_comes_is_not_waited_for(tiktoken, monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with mute(monkeypatch):
        begun = time.perf_counter()
        found = count_tokens(["abcde"], "gpt-4", patience=0.5)
        assert time.perf_counter() - begun < 60
    assert (found.tokens, found.how) == (2, f"{PLAIN}: tiktoken's vocabulary cannot be had")


def test_a_vocabulary_that_cannot_be_fetched_fails_nothing(tiktoken, monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    found = count_tokens(["abcde"], "gpt-3.5-turbo")
    assert (found.tokens, found.how) == (2, f"{PLAIN}: tiktoken's vocabulary cannot be had")


TASK = registry.load_task("mmvet")
SAMPLE = TASK.to_sample(
    {
        "image": no_picture("one.png"),
        "imagename": "one.png",
        "answer": "a dog",
        "capability": "rec",
        "question_id": "q",
        "question": "?",
    }
)


def line(model=None):
    units = [Unit(sample=SAMPLE, answer=WORD * 400)]
    return estimate("mmvet", TASK.judging.own, units, None, model=model)


def test_the_line_says_which_way_was_taken(vocabulary):
    assert f"({PLAIN}); no price is known" in line("toy").line("mmvet")
    counted = line("gpt-4o")
    assert "(by tiktoken's o200k_base); no price is known" in counted.line("mmvet")
    assert counted.prompt_tokens != line().prompt_tokens


def test_an_answer_that_is_not_there_yet_is_as_long_as_it_may_be():
    (unit,) = expected_units([SAMPLE], TASK.generation, 1, swap=False)
    most = TASK.generation.max_new_tokens
    assert len(unit.answer) == most * CHARACTERS
    assert unit.answer == WORD * most


def test_nothing_is_fetched_where_nothing_may_be():
    assert counted_as(JudgeOrder(model="openai:gpt-4o")) == "gpt-4o"
    assert counted_as(JudgeOrder(model="openai:gpt-4o", offline=True)) is None
    assert counted_as(JudgeOrder(model="hf:gpt-4o")) is None
