"""Published verdicts beside others: what a file shows is compared, what it does not is said."""

import json

import pytest

IDS = [f"v1_{i}" for i in range(8)]


@pytest.fixture
def grades(tmp_path):
    """A grade file of MM-Vet: grades("name", 2, 0.5) -> two runs with the grade 0.5."""
    references = {
        key: {"question": "?", "answer": "a dog", "capability": ["rec"], "imagename": "one.png"}
        for key in IDS
    }
    (tmp_path / "mm-vet.json").write_text(json.dumps(references))

    def made(name, runs, grade):
        own = {"model": ["m"] * runs, "content": [str(grade)] * runs, "score": [grade] * runs}
        path = tmp_path / name
        path.write_text(json.dumps(dict.fromkeys(IDS, own)))
        return path

    return made


def test_a_file_that_was_graded_once_is_not_compared_with_two_runs(evalkit, grades, tmp_path):
    told = ("judge", "drift", "--references", tmp_path / "mm-vet.json", "--anchors")
    once, twice = grades("once.json", 1, 0.5), grades("twice.json", 2, 0.5)
    refused = evalkit(*told, once, "--now", twice)
    assert (refused.code, refused.out) == (13, "")
    assert f"The verdicts in {once} were asked for in another way" in refused.err
    assert "votes was 1, is 2" in refused.err


def test_what_a_file_does_not_tell_is_said(evalkit, grades, tmp_path):
    told = ("judge", "drift", "--references", tmp_path / "mm-vet.json", "--anchors")
    one, two = grades("one.json", 1, 0.5), grades("two.json", 1, 0.5)
    done = evalkit(*told, one, "--now", two, "--json")
    assert (done.code, done.record["another"]) == (0, [])
    assert [note.partition(" does not say ")[0] for note in done.record["notes"]] == [
        str(one),
        str(two),
    ]
    page = evalkit(*told, one, "--now", two).out
    assert "is not known" in " ".join(page.split())
