"""Batches are prepared on two threads while a third one answers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

FAMILIES = ("llava", "llava_like_vicuna", "idefics3", "gemma3", "paligemma")


@pytest.mark.parametrize("family", FAMILIES)
def test_two_threads_prepare_while_a_third_answers(backend, request_of, family):
    model = backend(family)
    batches = [
        [
            request_of(number % 7, text=f"Is it {'<image> ' * (number % 3)}{seed}?"),
            request_of(10 + number, text="Why" * (seed + 1)),
            request_of(20, shown=None),
        ]
        for seed in range(5)
        for number in range(3)
    ]
    wanted = [answers(model.generate(batch)) for batch in batches]
    with ThreadPoolExecutor(2) as preparing:
        ready = [preparing.submit(model.prepare, batch) for batch in batches]
        found = [
            answers(model.generate_prepared(batch, one.result()))
            for batch, one in zip(batches, ready, strict=True)
        ]
    assert found == wanted


def answers(predictions):
    return [(p.text, p.prompt_tokens, p.failure) for p in predictions]


def test_a_processor_is_called_by_one_thread_at_a_time(backend, request_of, monkeypatch):
    model = backend("gemma3")
    inputs, inside, most = model._inputs, [], []
    real = inputs.words._encode_plus

    def watched(*args, **kwargs):
        inside.append(threading.get_ident())
        most.append(len(set(inside)))
        try:
            return real(*args, **kwargs)
        finally:
            inside.pop()

    monkeypatch.setattr(inputs.words, "_encode_plus", watched)
    batches = [[request_of(i), request_of(i + 4)] for i in range(12)]
    with ThreadPoolExecutor(4) as preparing:
        list(preparing.map(model.prepare, batches))
    assert len(most) >= 12
    assert max(most) == 1


def test_answers_are_read_with_a_tokenizer_of_their_own(backend):
    model = backend("llava")
    assert model._inputs.reader is not model._inputs.words
    assert model._decoder._words is model._inputs.reader
