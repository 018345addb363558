"""Requests that share a picture: every family gives the answers that it gives without sharing."""

import random

import pytest

from evalkit.backends import hf_families
from evalkit.backends.hf_families import BIDIRECTIONAL, CAUSAL, CROSS, RECURRENT, REUSED, SLIDING
from evalkit.records import Generation, Image, Message, Request

WAYS = {
    "llava": ("shared", CAUSAL),
    "llava_like_vicuna": ("shared", CAUSAL),
    "llava_next": ("shared", CAUSAL),
    "llava_onevision": ("shared", CAUSAL),
    "llava_gemma2": ("shared", SLIDING),
    "pixtral": ("shared", CAUSAL),
    "mistral3": ("shared", CAUSAL),
    "qwen2_vl": ("shared", CAUSAL),
    "qwen2_5_vl": ("shared", CAUSAL),
    "qwen3_vl": ("shared", CAUSAL),
    "qwen3_5": ("plain", RECURRENT),
    "glm4v": ("shared", CAUSAL),
    "idefics2": ("shared", CAUSAL),
    "idefics3": ("shared", CAUSAL),
    "smolvlm": ("shared", CAUSAL),
    "internvl": ("shared", CAUSAL),
    "gemma3": ("shared", SLIDING),
    "gemma3_narrow": ("shared", SLIDING),
    "gemma4": ("shared", SLIDING),
    "gemma4_reusing": ("plain", REUSED),
    "paligemma": ("features", BIDIRECTIONAL),
    "paligemma2": ("features", BIDIRECTIONAL),
    "mllama": ("plain", CROSS),
}
"""Every family of tiny checkpoints: the way that it takes after the probe, and why."""

SHORT = Generation(max_new_tokens=6)
HOSTILE = "Is <image> or </s> or <|im_end|><|image_pad|><start_of_image> there?"


@pytest.fixture(scope="module", params=WAYS)
def family(request):
    return request.param


@pytest.fixture(scope="module")
def both(family, backend):
    """The family's backend as it shares, and as it does not."""
    return backend(family), backend(family, prefix_sharing="off")


@pytest.fixture(scope="module")
def ask(png):
    """Makes a request; its picture's key is its own, whatever the bytes are."""

    def make(name, pictures, text, generation=SHORT, *, images_first=True):
        images = tuple(
            Image(key=f"{name}/{i}", read=lambda p=p: p if isinstance(p, bytes) else png(p))
            for i, p in enumerate(pictures)
        )
        content = (*images, text) if images_first else (text, *images)
        return Request(
            task="toy",
            sample_id=name,
            messages=(Message(role="user", content=content),),
            generation=generation,
        )

    return make


def words(draw, most=24):
    return "".join(draw.choice("abcdef \n") for _ in range(draw.randrange(1, most)))


def answers(model, requests):
    return [
        (p.text, p.prompt_tokens, p.output_tokens, p.finish, p.images, p.failure and p.failure.kind)
        for p in model.generate(requests)
    ]


def groups(ask, seed, sizes, pictures=1, **more):
    """Requests in a random order, `sizes[i]` of them about the i-th pictures."""
    draw = random.Random(seed)
    made = [
        ask(f"{group}-{row}", [10 * group + i for i in range(pictures)], words(draw) + "?", **more)
        for group, size in enumerate(sizes)
        for row in range(size)
    ]
    return draw.sample(made, len(made))


def test_the_way_and_the_reason_are_what_the_table_says(both, family):
    shared, off = both
    way, reason = WAYS[family]
    assert shared.note() == f"{way}: {hf_families.IN_WORDS[way]} ({reason})"
    assert shared.shares_prefixes == (WAYS[family][0] != "plain")
    assert off.note() == "plain: every question is read by itself, with its picture (not asked for)"
    kind = shared._model.config.model_type
    if family not in ("llava_gemma2", "gemma4_reusing"):  # not as the family is published
        assert hf_families.FAMILIES[kind] == WAYS[family]
    found = hf_families.sharing(shared._model)
    assert (found.way, found.reason) == WAYS[family]


def test_the_table_names_only_families_that_are_tested(checkpoint):
    tested = {name.removesuffix("_like_vicuna") for name in WAYS}
    assert set(hf_families.FAMILIES) <= tested


@pytest.mark.parametrize("sizes", [(18, 5, 2, 1), (1, 3, 1, 4)])
def test_several_pictures_with_several_questions_each(both, family, ask, sizes):
    shared, off = both
    asked = groups(ask, sum(sizes), sizes)
    before = shared.counters().get("shared_tokens", 0)
    assert answers(shared, asked) == answers(off, asked)
    saved = shared.counters().get("shared_tokens", 0) - before
    assert (saved > 0) == (WAYS[family][0] == "shared")
    assert off.counters().get("shared_tokens", 0) == 0


def test_questions_that_are_alike_hostile_or_empty(both, ask):
    texts = (
        "",
        "What?",
        "What?",
        "What? Why",
        "Wh",
        HOSTILE,
        HOSTILE,
        "\n\nWhat?",
        " What?",
        "Ünï€",
    )
    asked = [ask(str(i), [i % 2], text) for i, text in enumerate(texts * 2)]
    asked += [ask(f"same {i}", [3], "the same") for i in range(3)]
    shared, off = both
    assert answers(shared, asked) == answers(off, asked)


def test_two_pictures_none_and_broken_ones(both, ask):
    asked = groups(ask, 1, (3, 1, 2), pictures=2)
    asked += [ask(f"text {i}", [], "Is it so? " + "x" * i) for i in range(3)]
    asked += [ask("broken", [b"no picture"], "What?"), ask("half", [4, b""], "What?")]
    asked += [ask(f"one {i}", [10], "What is it?" + "x" * i) for i in range(2)]
    shared, off = both
    found = answers(shared, asked)
    assert found == answers(off, asked)
    assert [kind for *_, kind in found].count("image_unreadable") == 2


def test_pictures_behind_the_question(both, ask):
    shared, off = both
    asked = groups(ask, 2, (3, 2), images_first=False)
    asked += [ask(f"same {i}", [5], "What is it?", images_first=False) for i in range(3)]
    assert answers(shared, asked) == answers(off, asked)


@pytest.mark.parametrize(
    "generation",
    [
        Generation(max_new_tokens=6, stop=("a", "e", "\n")),
        Generation(max_new_tokens=4, num_beams=2),
    ],
    ids=["stop", "beams"],
)
def test_stop_strings_and_beams(both, ask, generation):
    shared, off = both
    asked = groups(ask, 3, (4, 2), generation=generation)
    assert answers(shared, asked) == answers(off, asked)


def test_a_batch_in_halves_gives_the_same_answers(both, ask):
    shared, off = both
    asked = groups(ask, 4, (5, 3, 1))
    halves = answers(shared, asked[:4]) + answers(shared, asked[4:])
    assert halves == answers(shared, asked) == answers(off, asked)


def test_sampling_draws_the_same_for_the_same_batch(both, ask):
    """Between the ways the draws differ: probabilities differ in their last digits."""
    shared, _ = both
    asked = groups(ask, 5, (3, 2), generation=Generation(max_new_tokens=6, temperature=1.0))
    assert answers(shared, asked) == answers(shared, asked)


@pytest.mark.parametrize("family", ["gemma3_narrow", "llava_gemma2"], scope="module")
def test_prompts_longer_than_a_window_are_not_shared(both, ask, family):
    shared, off = both
    long = [ask(str(i), [0], "Is it? " + "ab c" * (20 + i)) for i in range(4)]
    before = shared.counters().get("shared_tokens", 0)
    assert answers(shared, long) == answers(off, long)
    assert shared.counters().get("shared_tokens", 0) == before
