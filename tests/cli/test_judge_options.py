"""The options of a judge without a judge: each is named as it was given."""

import pytest

OPTIONS = {
    "--judge-base-url": "http://127.0.0.1:9/v1",
    "--rubric": "rule.json",
    "--votes": "3",
    "--swap": None,
    "--judge-prices": "prices.toml",
    "--judge-budget": "2",
    "--judge-batch": None,
    "--max-judge-failures": "0.5",
    "--judge-cache": "none",
}
NOUGHT = {"--votes": "0", "--judge-budget": "0", "--max-judge-failures": "0"}


@pytest.mark.parametrize(("option", "value"), [*OPTIONS.items(), *NOUGHT.items()])
def test_an_option_without_a_judge_is_named(evalkit, tmp_path, option, value):
    words = (option,) if value is None else (option, value)
    done = evalkit("judge", "drift", "--anchors", tmp_path, "--now", tmp_path, *words)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"evalkit: {option} was given, but no --judge.\n"
