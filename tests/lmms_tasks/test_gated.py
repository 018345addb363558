"""Runs of lmms-eval's tasks beside each other: a scale is that of both."""

import json

import pytest


@pytest.fixture
def gated(run, evalkit, lmms, rows, tmp_path):
    """Gates a run that answers half of the questions beside one that says something else."""

    def judged(rule, text):
        folders = []
        for name, said in (("half", "ab"), ("other", text)):
            run(
                *("--model", f"dummy:constant,text={said}", "--name", name), task="percent", out="o"
            )
            folders.append(tmp_path / "o" / "constant" / name)
        policy = tmp_path / "gate.toml"
        policy.write_text(f'[[rule]]\ntask = "lmms/percent"\n{rule}\n')
        words = ("--baseline", folders[0], "--candidate", folders[1], "--policy", policy)
        done = evalkit("gate", *words, "--format", "json", **lmms)
        (found,) = json.loads(done.out)["judgements"]
        return done.code, found

    return judged


def test_a_candidate_that_collapses_is_on_the_scale_of_its_baseline(gated):
    code, found = gated('metric = "exact"\nmax_drop = 1.0', "x")
    assert code != 0
    assert (found["damage"], found["maximum"]) == (50.0, 100.0)
    assert found["low"] <= 50.0 <= found["high"]


def test_where_less_is_better_more_is_damage(gated):
    """Everything is wrong now: that is damage."""
    code, found = gated('metric = "wrong"\nmax_drop = 1.0', "x")
    assert code != 0
    assert (found["baseline"], found["candidate"], found["damage"]) == (50.0, 100.0, 50.0)
