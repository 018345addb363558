"""A record that was edited by hand: every verb that reads it leaves with 15, and says so."""

import pytest


@pytest.fixture(scope="module")
def edited(evalkit, tmp_path_factory):
    """The command of a run, given once, and a word of its record changed."""
    folder = tmp_path_factory.mktemp("edited")
    command = ("run", "mmvet", "--model", "dummy:hash", "--data", "demo", "--no-judge")
    words = (*command, "--name", "r", "--limit", "6")
    assert evalkit(*words, cwd=folder).code == 0
    path = folder / "results" / "hash" / "r" / "run.json"
    path.write_text(path.read_text().replace('"failed": 0', '"failed": 1', 1))
    return folder, words


@pytest.mark.parametrize(
    "words",
    [
        ("show", "hash/r"),
        ("judge", "results/hash/r", "--judge", "dummy:constant,text=1", "--judge-cache", "none"),
        ("baseline", "accept", "hash/r"),
        None,
    ],
)
def test_it_is_refused(evalkit, edited, words):
    folder, again = edited
    done = evalkit(*(words or again), cwd=folder)
    assert (done.code, done.out) == (15, "")
    assert "run.json is not what was written" in done.err
    assert "--fresh" in done.err


def test_it_is_made_again_where_that_is_asked(evalkit, edited):
    folder, again = edited
    assert evalkit(*again, "--fresh", cwd=folder).code == 0
    assert evalkit("show", "hash/r", cwd=folder).code == 0
