"""`evalkit judge review --out`: published verdicts as runs, which are shown and compared."""

import json

import pytest

from evalkit.errors import ExitCode
from evalkit.store import RunFolder

QUESTIONS = [
    {"question_id": n, "text": f"What is {n}?", "image": f"{n // 2}.jpg"} for n in range(6)
]


@pytest.fixture
def place(tmp_path):
    """Two files of reviews of six questions on three pictures."""
    for name, points in (("one", (7, 5, 6, 8, 4, 9)), ("two", (7, 6, 6, 7, 4, 9))):
        rows = [
            {
                "question_id": n,
                "category": "llava_bench_conv",
                "content": f"8 {own}\nwhy",
                "tuple": [8.0, float(own)],
            }
            for n, own in enumerate(points)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    lines = "".join(json.dumps(question) + "\n" for question in QUESTIONS)
    (tmp_path / "questions.jsonl").write_text(lines)
    return tmp_path


def review(evalkit, place, *words):
    return evalkit("judge", "review", *words, "--out", "runs", cwd=place)


def test_reviews_become_runs_that_are_compared(evalkit, place):
    done = review(evalkit, place, "one.jsonl", "two.jsonl", "-r", "questions.jsonl")
    assert done.code == 0
    assert done.err == "written: runs/one\nwritten: runs/two\n"
    shown = evalkit("show", "runs/one", cwd=place)
    assert "81.25" in shown.out  # 39 of 48 points
    allow = ("--allow", "prompt,generation,preprocessing,judge", "--format", "json")
    (task,) = evalkit("compare", "runs/one", "runs/two", *allow, cwd=place).record["runs"][0][
        "tasks"
    ]
    (d,) = task["differences"]
    assert (d["metric"], d["n"], d["clusters"]) == ("relative", 6, 3)
    assert (d["first"], d["second"]) == (81.25, 81.25)
    assert task["flips"] == {"verdict": {"better": 1, "worse": 1}}


def test_without_questions_each_is_a_picture_of_its_own(evalkit, place):
    assert review(evalkit, place, "one.jsonl").code == 0
    scores = RunFolder(place / "runs" / "one").read_scores("llava_bench_wild")
    assert len({score.cluster for score in scores}) == 6


def test_the_same_file_takes_its_own_place_and_no_others(evalkit, place):
    for _ in range(2):
        assert review(evalkit, place, "one.jsonl").code == 0
    assert evalkit("run", "pope", "--model", "dummy:hash", "--data", "demo", cwd=place).code == 0
    (run,) = (place / "results" / "hash").iterdir()
    run.rename(place / "runs" / "two")
    done = review(evalkit, place, "two.jsonl")
    assert done.code == ExitCode.USAGE
    assert "runs/two holds another run" in done.err
    (place / "more").mkdir()
    (place / "more" / "one.jsonl").write_text((place / "two.jsonl").read_text())
    done = review(evalkit, place, "one.jsonl", "more/one.jsonl")
    assert done.code == ExitCode.USAGE
    assert "Two of the files are called 'one'" in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"question_id": 1', "are no questions.jsonl"),
        ('{"question_id": 0, "text": "a"}', "are no questions.jsonl"),
        ('{"question_id": 0, "text": 1, "image": "a"}', "must be texts"),
        ('{"question_id": 99, "text": "a", "image": "a"}', "which the references lack"),
        ("[1]", "are no questions.jsonl"),
    ],
)
def test_wrong_questions_are_one_sentence(evalkit, place, text, told):
    (place / "wrong.jsonl").write_text(text)
    done = review(evalkit, place, "one.jsonl", "-r", "wrong.jsonl")
    assert done.code == ExitCode.USAGE
    assert told in done.err
    assert done.err.count("\n") == 1
    assert not (place / "runs").exists()


def test_published_verdicts_are_called_so(evalkit, place):
    assert review(evalkit, place, "one.jsonl").code == 0
    shown = evalkit("show", place / "runs" / "one")
    told = " ".join(shown.out.split())
    assert "verdicts of file:one.jsonl, as published; 6 verdicts, 0 missing." in told
    assert "()" not in told
