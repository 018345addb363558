"""Answers from files, through the command line."""

import gzip
import json

import pytest


@pytest.fixture
def replay(evalkit, toy, tmp_path):
    def go(path, *words):
        return evalkit(
            "run", "toy", "--model", f"replay:{path}", *toy.options, "--out", tmp_path / "out",
            "--json", *words,
        )  # fmt: skip

    return go


def lines(keys=("sample_id", "text"), rows=40, text="yes"):
    return "".join(json.dumps({keys[0]: f"q{i:03}", keys[1]: text}) + "\n" for i in range(rows))


@pytest.mark.parametrize(
    "keys", [("sample_id", "text"), ("question_id", "answer"), ("id", "prediction")]
)
def test_answers_are_read_under_the_usual_names(replay, tmp_path, keys):
    (tmp_path / "answers.jsonl").write_text(lines(keys))
    record = replay(tmp_path / "answers.jsonl").record
    assert record["results"][0]["metrics"]["accuracy"]["value"] == 0.5
    assert record["results"][0]["fingerprint"]["dataset"]["images"] is None


def test_a_gzipped_file_in_a_folder(replay, tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "toy.jsonl.gz").write_bytes(gzip.compress(lines().encode()))
    assert replay(tmp_path / "answers").code == 0


def test_a_finished_run_is_replayed_to_the_same_numbers(replay, evalkit, toy, tmp_path):
    words = (
        "run",
        "toy",
        "--model",
        "dummy:hash",
        *toy.options,
        "--out",
        tmp_path / "first",
        "--json",
    )
    first = evalkit(*words).record["results"][0]
    (folder,) = (tmp_path / "first").glob("*/*")
    again = replay(folder).record["results"][0]
    assert again["metrics"] == first["metrics"]
    assert again["coverage"] == first["coverage"]


def test_one_file_cannot_answer_two_tasks(replay, tmp_path):
    (tmp_path / "answers.jsonl").write_text(lines())
    done = replay(tmp_path / "answers.jsonl", "toy:short")
    assert done.code == 2
    assert "give a folder" in done.err


def test_missing_samples_fail_and_are_counted(replay, tmp_path):
    (tmp_path / "answers.jsonl").write_text(lines(rows=30))
    done = replay(tmp_path / "answers.jsonl")
    assert done.code == 12
    assert done.record["results"][0]["coverage"]["failed"] == 10


def test_the_last_of_two_answers_counts(replay, tmp_path):
    (tmp_path / "answers.jsonl").write_text(lines(text="maybe") + lines())
    assert replay(tmp_path / "answers.jsonl").record["results"][0]["coverage"]["unparsed"] == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "line 1, is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"text": "yes"}', "none of sample_id"),
        ('{"sample_id": "q000"}', "none of text"),
        ('{"sample_id": "q000", "text": "a", "text": "b"}', "it gives 'text' twice"),
    ],
)
def test_broken_files_are_one_sentence(replay, tmp_path, content, said):
    (tmp_path / "answers.jsonl").write_text(content)
    done = replay(tmp_path / "answers.jsonl")
    assert done.code in (2, 20)
    assert said in done.err
