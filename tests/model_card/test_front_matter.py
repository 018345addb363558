"""Front matter: only the keys that are set change, and the hub reads what was meant."""

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.card.front_matter import dumped, read_head, results_in, with_keys
from evalkit.errors import UsageError

texts = st.text(max_size=20) | st.sampled_from(
    [
        "---",
        "\n---\n",
        "- x",
        "a: b",
        "# no",
        "'",
        '"',
        "{",
        "*a",
        "!!python/object:x",
        "\u2028",
        "é",
    ]
)
values = st.recursive(
    st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
keys = st.dictionaries(st.from_regex(r"x-[a-z]{1,6}", fullmatch=True), values, max_size=4)
bodies = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def the_card(data, body, ending="\n"):
    text = dumped(data).replace("\n", ending) if data else "{}"
    return f"---{ending}{text}{ending}---{ending}{body}"


@given(keys, bodies, values, st.sampled_from(["\n", "\r\n"]))
@example({}, "---\nx", "---", "\n")
@example({"x-a": "a\x85b"}, "", "\x85", "\n")
def test_one_key_is_set_and_all_else_stays(data, body, value, ending):
    card = the_card(data, body, ending)
    made = with_keys(card, {"license": value}, "README.md")
    assert made.endswith(f"{ending}---{ending}{body}")
    head = read_head(made, "README.md")
    expected = {**data, **({} if value is None else {"license": value})}
    assert dict(head.data) == yaml.safe_load(dumped(expected) if expected else "{}")
    again = with_keys(made, {"license": value}, "README.md")
    assert again == made
    assert ModelCard(made).text == body or body.startswith(("\n", "\r"))
    kept = [line for line in card.split(ending)[1:] if line != "{}"]
    assert set(kept[: kept.index("---")]) <= set(made.split(ending))


@given(bodies)
def test_front_matter_is_put_before_a_card_that_has_none(body):
    if body.lstrip().startswith("---") or body.startswith("\ufeff"):
        return
    made = with_keys(body, {"license": "mit"}, "README.md")
    assert made.endswith(body)
    assert read_head(made, "README.md").data == {"license": "mit"}


HEAD = (
    "---\n# about\nlicense: gemma  # mine\nmodel-index:\n- name: x\n  results: []\n"
    "\n# tags\ntags:\n- a\n---\nbody"
)


def test_comments_and_the_order_of_keys_stay():
    made = with_keys(HEAD, {"model-index": [{"name": "y", "results": []}]}, "README.md")
    assert made == HEAD.replace("model-index:\n- name: x\n  results: []\n", "").replace(
        "---\nbody", "model-index:\n- name: y\n  results: []\n---\nbody"
    )
    assert with_keys(HEAD, {"model-index": None}, "README.md") == HEAD.replace(
        "model-index:\n- name: x\n  results: []\n", ""
    )


def test_an_empty_map_with_comments_as_in_llava_next():
    card = "---\n# For reference\n# Doc\n{}\n---\n\n# LLaVA\n"
    made = with_keys(card, {"license": "mit"}, "README.md")
    assert made == "---\n# For reference\n# Doc\nlicense: mit\n---\n\n# LLaVA\n"


def test_a_byte_order_mark_stays():
    assert with_keys("\ufeff# x", {"license": "mit"}, "x").startswith("\ufeff---\nlicense: mit\n")


def read_and_set(card):
    results_in(read_head(card, "README.md").data, "README.md")
    with_keys(card, {"license": "mit"}, "README.md")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("a: 1\na: 2", "has the key 'a' twice"),
        ("- a", "must be a mapping"),
        ("a: [", "is no YAML"),
        ("{a: 1}", "one a line"),
        ("? license\n: mit", "cannot be replaced"),
        ("a: &x [1]\nlicense: *y", "is no YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is no YAML"),
        ("model-index: 3", "of several models, or one that is none"),
        ("model-index:\n- {name: a, results: []}\n- {name: b, results: []}", "several models"),
    ],
)
def test_what_cannot_be_understood_is_refused(head, said):
    card = f"---\n{head}\n---\nbody"
    with pytest.raises(UsageError, match=said):
        read_and_set(card)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("license: mit\nlicense: gpl", 3, "license"),
        ("a:\n  b: 1\n  c: {x: 1, x: 2}", 4, "x"),
        ("model-index:\n- name: m\n  results:\n  - metrics:\n    - value: 0.1\n      value: 0.2", 7,
         "value"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a", 5, "<<"),
    ],
)  # fmt: skip
def test_a_key_twice_is_refused_however_deep(text, line, key):
    with pytest.raises(UsageError, match=f"README.md, line {line}, has the key {key!r} twice"):
        read_head(f"---\n{text}\n---\nx", "README.md")


def test_keys_of_two_mappings_may_be_the_same():
    head = read_head("---\na: &a [{x: 1}, {x: 2}]\nb: [*a, *a, &c [*c]]\n---\n", "README.md")
    assert head.data["a"] == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    "card",
    [
        "---\nlicense: mit\n# Mine\n",
        "---\nlicense: mit",
        "\ufeff---\r\nlicense: mit\r\n",
        "---  \nlicense: mit\n---\n# Mine\n",
        "---\nlicense: mit\n--- #\n",
        "---",
    ],
)
def test_front_matter_that_does_not_end_is_refused(card):
    with pytest.raises(UsageError, match=r"README\.md begins with ---"):
        with_keys(card, {"license": "mit"}, "README.md")
