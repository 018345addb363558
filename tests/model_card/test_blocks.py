"""Marked blocks: the author's text stays, and nothing in a block can end it or begin another."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UsageError
from evalkit.report.blocks import DamagedError, blocks_in, marked, unified, with_block

HOSTILE = [
    "-->",
    "--!>",
    "<!-- evalkit:end card -->",
    "\n<!-- evalkit:end card -->\n",
    "<!-- evalkit:begin other {} -->",
    "--" * 5 + ">",
    "\u2028<!-- evalkit:end card -->",
    "\\u002d->",
]

values = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from(HOSTILE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text() | st.sampled_from(HOSTILE), values, max_size=4))
def test_what_a_block_says_is_read_back_and_cannot_leave_its_comment(told):
    text = marked("card", told, "a number")
    (first, *_) = text.split("\n")
    inside = first.removeprefix("<!-- ").removesuffix(" -->")
    assert first.isascii()
    assert not set("<>") & set(inside)
    assert "--" not in inside
    (block,) = blocks_in(text, "README.md")
    assert block.told == json.loads(json.dumps(told))
    assert block.body == "a number\n"


@given(st.text(), st.text(), st.sampled_from(["\n", "\r\n"]))
def test_the_authors_text_is_kept(before, after, ending):
    before, after = (unified(part).replace("\n", ending) for part in (before, after))
    if "evalkit:" in before + after:
        return
    old = marked("card", {}, "old").replace("\n", ending)
    text = f"{before}{ending}{old}{ending}{after}"
    new = with_block(text, marked("card", {"v": 1}, "new\nlines"), "card", "README.md")
    assert new.startswith(before + ending)
    assert new.endswith(f" -->{ending}{after}")
    assert with_block(new, marked("card", {}, "old"), "card", "README.md").count("old") >= 1
    (block,) = blocks_in(new, "README.md")
    assert block.body == "new\nlines\n"


@given(st.text())
def test_a_block_is_put_behind_a_text_that_has_none(text):
    if "evalkit:" in text:
        return
    assert with_block(text, marked("card", {}, "x"), "card", "README.md").startswith(text)


@pytest.mark.parametrize("line", ["<!-- evalkit:end card -->", "  <!--evalkit:begin b {} -->"])
def test_a_body_with_a_mark_is_refused(line):
    with pytest.raises(UsageError, match="looks like a mark"):
        marked("card", {}, f"a\n{line}\nb")


def test_a_mark_inside_a_line_is_text():
    body = "`x <!-- evalkit:end card -->`"
    (block,) = blocks_in(marked("card", {}, body), "README.md")
    assert block.body == body + "\n"


BEGIN, END = "<!-- evalkit:begin card {} -->", "<!-- evalkit:end card -->"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([BEGIN, "x"], "no line ends it"),
        ([END], "did not begin"),
        ([BEGIN, BEGIN, END, END], "inside the block card"),
        ([BEGIN, "<!-- evalkit:begin b {} -->", END], "inside the block card"),
        ([BEGIN, END, BEGIN, END], "was there before, in line 1"),
        ([BEGIN, "<!-- evalkit:end other -->"], "did not begin"),
        (["<!-- evalkit:begin card -->", END], "damaged mark"),
        (["<!-- evalkit:begin card {", "} -->", END], "damaged mark"),
        ([" " + BEGIN, END], "damaged mark"),
        (["<!-- evalkit:begin card {'a': 1} -->", END], "no JSON"),
        (['<!-- evalkit:begin card {"a": 1, "a": 2} -->', END], "twice"),
        (["<!-- EVALKIT:begin card {} -->", END], "damaged mark"),
    ],
)
def test_damaged_marks_are_named(lines, said):
    with pytest.raises(DamagedError, match=said) as raised:
        blocks_in("\n".join(lines), "README.md")
    assert str(raised.value).startswith("README.md, line ")


@pytest.mark.parametrize(
    "lines",
    [
        ["```html", BEGIN, "```"],
        ["````", "```", BEGIN, "~~~", "````"],
        ["~~~ x ~ y", END, "~~~~  "],
        ["    " + BEGIN, "\t" + END],
        [f"see {BEGIN}", "and", f"`{END}`"],
    ],
)
def test_a_mark_in_code_or_in_a_line_is_text(lines):
    text = "\n".join(["# Mine", "", *lines, ""])
    assert blocks_in(text, "README.md") == ()
    made = with_block(text, marked("card", {}, "x"), "card", "README.md")
    assert made == f"{text}\n{marked('card', {}, 'x')}\n"
    assert with_block(made, marked("card", {}, "x"), "card", "README.md") == made


@pytest.mark.parametrize("fence", ["```", "~~~ text", "``` `", "    ```", "````\n```"])
def test_a_fence_that_nothing_closes_hides_no_mark(fence):
    (block,) = blocks_in(f"{fence}\n{BEGIN}\nx\n{END}\n", "README.md")
    assert block.body == "x\n"


def test_code_in_a_block_ends_in_it():
    (block,) = blocks_in(f"{BEGIN}\n```\n{END}\n```\n", "README.md")
    assert block.body == "```\n"
    with pytest.raises(DamagedError, match="line 3, is a damaged mark"):
        blocks_in(f"{BEGIN}\n```\n    {BEGIN}\n```\n{END}", "README.md")


def test_a_block_that_would_be_code_is_refused():
    block = marked("card", {}, "```\nx\n```")
    with pytest.raises(UsageError, match="no line closes"):
        with_block("# Mine\n\n```\nx = 1\n", block, "card", "README.md")


def test_a_text_of_many_fences_takes_no_time():
    text = "```x\n~~~~\n~~~ y\n" * 40_000
    assert blocks_in(text, "README.md") == ()
