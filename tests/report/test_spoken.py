"""What is printed is no command to a workflow, whatever others have written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.spoken import json_text, spoken
from evalkit.report.table import printable

HOSTILE = st.text(alphabet=list(":#[ ]ax\n\t\r\u2028")) | st.text()


def is_command(line):
    """As GitHub's runner takes one: "::" after white space, or "##[" anywhere."""
    return line.lstrip().startswith("::") or "##[" in line


@given(HOSTILE)
def test_no_line_is_a_command(text):
    assert not any(map(is_command, spoken(text).splitlines()))
    assert "##[" not in printable(text)


@given(HOSTILE)
def test_json_says_the_same_and_is_no_command(text):
    written = json_text({"answer": [text.encode("utf-8", "ignore").decode()]}, indent=1)
    assert not any(map(is_command, written.split("\n")))
    assert json.loads(written) == {"answer": [text.encode("utf-8", "ignore").decode()]}


def test_plain_words_stay_as_they_are():
    for text in ("a: b", "pope: 3 of 4\n  x::y", "# [a](b)", "## A"):
        assert spoken(text) == text


def test_a_model_s_path_and_a_policy_s_are_no_commands(evalkit, tmp_path):
    for name in ("x\n::error::now.toml", "##[error]now.toml"):
        done = evalkit("gate", "--baseline", "a", "--candidate", "b", "--policy", tmp_path / name)
        assert done.code == 2
        assert not any(map(is_command, done.err.splitlines()))
