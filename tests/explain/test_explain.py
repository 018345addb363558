"""Two protocols on one file: which answers they score apart, and by which rules."""

import json

import pytest

TEXTS = ("yes", "Yes.", "There is no dog", "NO", "maybe", "no")
LABELS = ("yes", "yes", "no", "no", "yes", "yes")


@pytest.fixture
def files(tmp_path):
    truth, answers = tmp_path / "coco_pope_popular.json", tmp_path / "answers.jsonl"
    rows = [
        {"question_id": n, "image": f"{n}.jpg", "text": f"Is there a {n}?", "label": label}
        for n, label in enumerate(LABELS, start=1)
    ]
    truth.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = [
        {"question_id": n, "prompt": f"Is there a {n}?", "text": text}
        for n, text in enumerate(TEXTS, start=1)
    ]
    answers.write_text("".join(json.dumps(row) + "\n" for row in given))
    return ("-p", answers, "-r", truth)


def test_answers_that_are_scored_apart_are_listed_with_both_rules(evalkit, files):
    done = evalkit("score", "pope", *files, "--explain", "official,lmms-eval", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["protocols"] == ["official", "lmms-eval"]
    assert "75571cf" in found["sources"][1]
    assert found["shared"] == 6
    apart = {d["text"]: (d["first"]["score"], d["second"]["score"]) for d in found["disagreements"]}
    assert apart == {
        "Yes.": (1.0, 0.0),
        "There is no dog": (1.0, 0.0),
        "NO": (0.0, 1.0),
        "maybe": (1.0, 0.0),
    }
    assert all(d["first"]["rule"] and d["second"]["rule"] for d in found["disagreements"])
    assert found["metrics"]["accuracy"] == [4 / 6, 2 / 6]


def test_a_reader_sees_numbers_rules_and_answers(evalkit, files):
    done = evalkit("score", "pope", *files, "--explain", "official, lmms-eval", "--limit", "2")
    assert "4 of 6 answers are scored differently" in done.out
    assert "by rule" in done.out
    assert "2 of them" in done.out
    assert "0.6667" in done.out
    assert "-0.3333" in done.out


def test_protocols_that_agree_say_so(evalkit, files):
    files[1].write_text(json.dumps({"question_id": 1, "prompt": "Is there a 1?", "text": "yes"}))
    done = evalkit("score", "pope", *files, "--explain", "official,vlmevalkit")
    assert "0 of 1 answers are scored differently" in done.out
    assert "by rule" not in done.out


def test_both_are_scored_on_the_answered_questions(evalkit, files):
    given = files[1].read_text().splitlines()
    files[1].write_text("\n".join(given[:4]) + "\n")
    done = evalkit("score", "pope", *files, "--explain", "official,vlmevalkit")
    assert done.code == 12
    assert "2 questions have no answer; they are in neither column." in done.out


def test_explaining_writes_nothing(evalkit, files, tmp_path):
    words = ("--explain", "official,lmms-eval", "--out", tmp_path / "m")
    done = evalkit("score", "pope", *files, *words)
    assert done.code == 2
    assert "leave --out" in done.err
    assert not (tmp_path / "m").exists()
