"""`evalkit baseline`: accept, show and diff, as a user calls them."""

import json
import shutil

import pytest

from evalkit.integrity import record_digest


@pytest.fixture(scope="module")
def place(evalkit, tmp_path_factory):
    """A folder with two runs of POPE under results/."""
    folder = tmp_path_factory.mktemp("place")
    for name, model in (("one", "dummy:hash"), ("two", "dummy:constant,text=yes")):
        words = ("--model", model, "--data", "demo", "--name", name)
        assert evalkit("run", "pope", *words, cwd=folder).code == 0
    return folder


def test_a_run_is_accepted_shown_and_compared_with(evalkit, place):
    done = evalkit("baseline", "accept", "hash/one", cwd=place)
    assert done.code == 0, done.err
    assert "results/baselines/hash.json: 1 tasks, 120 samples" in done.out
    shown = evalkit("baseline", "show", "hash", cwd=place)
    assert shown.code == 0
    record = json.loads((place / "results" / "hash" / "one" / "run.json").read_text())
    assert f"digest {record['digest']}" in shown.out
    assert "pope: 120 samples; data demo test unpinned" in shown.out
    same = evalkit("baseline", "diff", "hash", "hash/one", cwd=place)
    assert (same.code, same.out) == (0, "pope: nothing changes (120 samples)\n")
    other = evalkit("baseline", "diff", "results/baselines/hash.json", "constant/two", cwd=place)
    assert other.code == 0
    assert "model dummy:hash -> dummy:constant,text=yes" in other.out
    assert "other values" in other.out
    assert "  macro_f1 " in other.out


def test_the_json_holds_what_the_page_says(evalkit, place):
    accept = ("baseline", "accept", "hash/one", "--out", "kept.json")
    assert evalkit(*accept, cwd=place).code == 0
    shown = json.loads(evalkit("baseline", "show", "kept.json", "--format", "json", cwd=place).out)
    assert shown["samples"] == {"pope": 120}
    assert shown["record"]["results"][0]["task"] == "pope"
    words = ("baseline", "diff", "kept.json", "constant/two", "--json")
    found = json.loads(evalkit(*words, cwd=place).out)
    (change,) = found["tasks"]
    assert change["same"] + change["moved"] + change["reread"] == 120
    assert change["numbers"]["yes_ratio"][1] == 1.0
    assert found["before"]["kind"] == "baseline"


def test_the_record_of_an_earlier_evalkit_is_kept_as_it_was_written(evalkit, place):
    run = place / "results" / "hash" / "earlier"
    shutil.copytree(place / "results" / "hash" / "one", run)
    told = json.loads((run / "run.json").read_text())
    assert told.pop("publication") is None  # a field that came later
    told["digest"] = record_digest(told)
    (run / "run.json").write_text(json.dumps(told))
    for name, source in (("first", "hash/earlier"), ("second", "results/hash/earlier/run.json")):
        done = evalkit("baseline", "accept", source, "--name", name, cwd=place)
        assert done.code == 0, done.err
        shown = evalkit("baseline", "show", name, cwd=place)
        assert shown.code == 0, shown.err
        assert f"digest {told['digest']}" in shown.out


def test_accepting_again_says_what_has_changed(evalkit, place):
    words = ("--name", "mine")
    first = evalkit("baseline", "accept", "hash/one", *words, cwd=place)
    path = place / "results" / "baselines" / "mine.json"
    content = path.read_bytes()
    assert "nothing changes" not in first.out
    again = evalkit("baseline", "accept", "hash/one", *words, cwd=place)
    assert "pope: nothing changes" in again.out
    assert path.read_bytes() == content
    other = evalkit("baseline", "accept", "constant/two", *words, cwd=place)
    assert "yes_ratio" in other.out
    path.write_text(path.read_text().replace('"name": "two"', '"name": "edited"'))
    mended = evalkit("baseline", "accept", "constant/two", *words, cwd=place)
    assert mended.code == 0
    assert "pope:" not in mended.out


def test_what_is_edited_is_exit_code_15(evalkit, place, tmp_path):
    path = tmp_path / "kept.json"
    assert evalkit("baseline", "accept", "hash/one", "--out", path, cwd=place).code == 0
    path.write_text(path.read_text().replace('"failed": 0', '"failed": 1'))
    for words in (("show", path), ("diff", path, "hash/one")):
        done = evalkit("baseline", *words, cwd=place)
        assert (done.code, done.out) == (15, "")
        assert "is not what was written" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("accept", "hash/none"), "There is no run at hash/none"),
        (("accept", "hash/one", "--name", "../up"), "cannot name a run"),
        (("accept", "hash/one", "--out", "run.json"), "name of a run's record"),
        (("accept", "hash/one", "--out", "page.txt"), "is no baseline file, and is not replaced"),
        (("show", "nothing"), "There is no baseline at nothing"),
        (("show", "results/hash/one"), "is a run, not a baseline"),
        (("show", "page.txt"), "page.txt"),
        (("diff", "results/hash/one", "hash/one"), "is a run, not a baseline"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(evalkit, place, words, said):
    (place / "page.txt").write_text("a page")
    done = evalkit("baseline", *words, cwd=place)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert (place / "page.txt").read_text() == "a page"


def test_failed_samples_are_exit_code_12_unless_allowed(evalkit, place, tmp_path):
    answers = tmp_path / "answers.jsonl"
    run = place / "results" / "hash" / "one"
    lines = (run / "predictions" / "pope.jsonl").read_text().splitlines(keepends=True)
    answers.write_text("".join(lines[:100]))
    told = ("-p", answers, "--references", "demo", "--missing", "wrong", "--out", tmp_path / "s")
    assert evalkit("score", "pope", *told, cwd=place).code == 12
    accept = ("baseline", "accept", tmp_path / "s", "--out", tmp_path / "b.json")
    done = evalkit(*accept, cwd=place)
    assert (done.code, done.out) == (12, "")
    assert "20 of 120 samples of pope failed" in done.err
    assert not (tmp_path / "b.json").exists()
    assert evalkit(*accept, "--allow-incomplete", cwd=place).code == 0


def test_an_unhealthy_judge_makes_no_baseline(evalkit, tmp_path):
    words = ("--data", "demo", "--name", "r", "--judge-cache", "none")
    judge = ("--judge", "dummy:constant,text=nonsense")
    done = evalkit("run", "mmvet", "--model", "dummy:hash", *words, *judge, cwd=tmp_path)
    assert done.code == 14, done.err
    done = evalkit("baseline", "accept", "hash/r", cwd=tmp_path)
    assert (done.code, done.out) == (14, "")
    assert "verdicts on mmvet are missing" in done.err
