"""What a recording says is what a replay gives: failures stay failures, contradictions are refused.

A recording is about the answers that it names, and about no others.
"""

import json

import pytest

from evalkit.errors import UsageError
from evalkit.judge.recording import read_recording
from evalkit.judge.units import digest_of_answer


@pytest.fixture
def run_of(evalkit, tmp_path):
    """A run of MM-Vet's demo questions whose answers all say `text`, not judged yet."""

    def made(name, text="a red square"):
        done = evalkit(
            *("run", "mmvet", "--model", f"dummy:constant,text={text}", "--data", "demo"),
            *("--limit", 4, "--no-judge", "--out", tmp_path, "--name", name),
        )
        assert done.code == 0, done.err
        return tmp_path / "constant" / name

    return made


@pytest.fixture
def replay(evalkit, tmp_path):
    """Judges a run by lines of a file: replay(run, rows)."""

    def made(run, rows, *more):
        path = tmp_path / "said.jsonl"
        text = rows if isinstance(rows, str) else "".join(json.dumps(r) + "\n" for r in rows)
        path.write_text(text)
        judge = ("--judge", f"replay:{path}", "--judge-cache", "none")
        return evalkit("judge", run, *judge, "--json", *more)

    return made


def ids_of(run):
    lines = (run / "predictions" / "mmvet.jsonl").read_text().splitlines()
    return [json.loads(line)["sample_id"] for line in lines]


def verdicts_of(run):
    lines = (run / "verdicts" / "mmvet.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def report_of(done):
    (task,) = done.record["results"]
    return task["judge"]


def test_a_recorded_failure_is_replayed_as_that_failure(run_of, replay):
    """Also one that would stop a live judge, and more of them than it would bear in a row."""
    run = run_of("r")
    kinds = ("cut", "unauthorized", "timeout", "unasked")
    rows = [
        {"sample_id": i, "reply": "0.", "failure": {"kind": kind, "message": "as it was"}}
        for i, kind in zip(ids_of(run), kinds, strict=True)
    ]
    done = replay(run, rows)
    assert done.code == 14, done.err
    assert report_of(done)["failed"] == {"cut": 1, "unauthorized": 1, "timeout": 1, "unrecorded": 1}
    assert {v["ratings"] for v in verdicts_of(run)} == {None}
    assert verdicts_of(run)[0]["failure"] == {"kind": "cut", "message": "as it was"}
    again = replay(run, (run / "verdicts" / "mmvet.jsonl").read_text())
    assert report_of(again)["failed"] == report_of(done)["failed"]


def test_ratings_that_contradict_their_reply_are_refused(run_of, replay):
    run = run_of("r")
    rows = [{"sample_id": i, "reply": "0.9", "ratings": [0.9]} for i in ids_of(run)]
    assert replay(run, rows).code == 0
    rows[2]["ratings"] = [0.1]
    done = replay(run, rows)
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "Line 3 of" in done.err
    assert "has the ratings [0.1], and the rubric reads [0.9]" in done.err


def test_a_verdict_about_another_answer_is_none_about_this_one(run_of, replay, evalkit):
    one, other = run_of("one"), run_of("other", "a blue one")
    judge = ("--judge", "dummy:constant,text=0.5", "--judge-cache", "none")
    assert evalkit("judge", one, *judge).code == 0
    lines = (one / "verdicts" / "mmvet.jsonl").read_text()
    assert {v["about"] for v in verdicts_of(one)} == {digest_of_answer("a red square")}
    done = replay(other, lines)
    assert done.code == 14, done.err
    assert report_of(done)["failed"] == {"unrecorded": 4}
    assert "about another answer" in verdicts_of(other)[0]["failure"]["message"]
    (note,) = report_of(done)["notes"]
    assert note == "4 recorded verdicts are about other answers, and were not taken"
    own = replay(one, lines)
    assert own.code == 0, own.err
    assert report_of(own)["notes"] is None


def test_a_recording_that_names_no_answers_is_noted_once(run_of, replay, evalkit):
    run = run_of("r")
    done = replay(run, [{"sample_id": i, "reply": "0.5"} for i in ids_of(run)])
    assert done.code == 0, done.err
    (note,) = report_of(done)["notes"]
    assert note.startswith("4 recorded replies do not say which answers they are about")
    page = evalkit("show", run).out
    assert "do not say which answers" in " ".join(page.split())
    assert "4 questions answered, 0 verdicts" in " ".join(page.split()), "nobody was paid"


def test_stored_grades_that_their_replies_do_not_say_are_noted(run_of, replay):
    run = run_of("r")
    first, *others = ids_of(run)
    grades = {i: {"content": ["0.5"], "score": [0.5]} for i in others}
    grades[first] = {"content": ["0.5"], "score": [0.9]}
    done = replay(run, json.dumps(grades))
    assert done.code == 0, done.err
    (note,) = [n for n in report_of(done)["notes"] if "stored" in n]
    assert note.startswith("1 stored ratings are not what the rubric reads in their replies")
    assert repr(first) in note


SAID = {"sample_id": "a", "reply": "0.5"}
FAULTS = {
    "two replies": ([SAID, SAID | {"reply": "0.6"}], "Line 2 of .* contradicts line 1 of"),
    "reply and failure": (
        [SAID, SAID | {"failure": {"kind": "cut", "message": ""}}],
        "Line 2 of .* contradicts line 1 of",
    ),
    "a number": ([SAID | {"reply": 0.5}], "Line 1 of .* has the reply 0.5, which is no text"),
    "a part": ([SAID | {"repetition": 1.9}], "has the repetition 1.9, which is none of"),
    "no repetition": ([SAID | {"repetition": 0}], "has the repetition 0, which is none of"),
    "true": ([SAID | {"repetition": True}], "has the repetition True, which is none of"),
    "an order": ([SAID | {"swapped": "no"}], "has swapped 'no', which is neither"),
    "no name": ([SAID | {"sample_id": 5}], "has the sample_id 5, which is no text"),
    "ratings": ([SAID | {"ratings": "0.5"}], "has the ratings '0.5', which are no list"),
    "both": (
        [SAID | {"ratings": [0.5], "failure": {"kind": "cut", "message": ""}}],
        "has ratings and a failure, of which only one can be",
    ),
    "a failure": ([SAID | {"failure": "cut"}], "has the failure 'cut', which has no kind"),
    "text and content": (
        [{"question_id": 1, "content": "8 4", "text": "4 8"}],
        "has two replies, content and text, that differ",
    ),
    "no reply": ([{"question_id": 1}], "has no reply"),
    "a list": ([[1]], "is no JSON object"),
    "no list": ({"a": {"content": "0.5"}}, r"The question 'a' of .* needs a list of replies"),
    "fewer grades": (
        {"a": {"content": ["0.5", "0.6"], "score": [0.5]}},
        "must have as many replies",
    ),
    "a text for grades": ({"a": {"content": ["1"], "score": "1"}}, "has the ratings '1'"),
    "no text": ({"a": {"content": [0.5], "score": [0.5]}}, "has the content 0.5, which is no"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_recording_that_is_malformed_or_contradicts_itself_is_refused(tmp_path, fault):
    rows, said = FAULTS[fault]
    text = json.dumps(rows) if isinstance(rows, dict) else "\n".join(map(json.dumps, rows))
    with pytest.raises(UsageError, match=said):
        read_recording(text.encode(), tmp_path / "said.jsonl")


def test_what_is_said_twice_in_the_same_words_may_pass(tmp_path):
    text = "\n".join(map(json.dumps, [SAID, SAID]))
    (key,) = read_recording(text.encode(), tmp_path / "said.jsonl").said
    assert key == ("a", 1, False)


def test_a_malformed_recording_is_refused_before_the_model_is_asked(evalkit, tmp_path):
    path = tmp_path / "said.jsonl"
    path.write_text(json.dumps(SAID | {"reply": 0.5}))
    done = evalkit(
        *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--limit", 2),
        *("--out", tmp_path / "out", "--judge", f"replay:{path}"),
    )
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert "Line 1 of" in done.err
    assert not list((tmp_path / "out").rglob("predictions"))
