"""The ensemble's files: what is read, and the sentence that a wrong one gets."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.judge.ensemble import combine
from evalkit.judge.ensemble_files import disagreement_requests, read_sources

PROBLEMS = {
    pid: {
        "question": f"Which is {pid}?",
        "choices": ["one", "two", "three"],
        "answer": 0,
        "hint": "Count." if pid == "4" else "",
        "image": None,
        "grade": "grade2",
        "subject": "natural science",
        "topic": "physics",
        "split": "test",
    }
    for pid in ("2", "4", "10")
}
ORDER = ["10", "2", "4"]
OURS = {"2": "The answer is A.", "4": "The answer is A.", "10": "The answer is B."}
GPT4 = {"2": "The answer is A.", "4": "The answer is C.", "10": "Unknown"}


class Folder:
    """A folder with all four files, of which a test may change any."""

    def __init__(self, root: Path):
        self.root = root
        (root / "truth").mkdir()
        self.write("truth/problems.json", PROBLEMS)
        self.write("truth/pid_splits.json", {"test": ORDER})
        self.lines("ours.jsonl", OURS.items())
        self.write("gpt4.json", {"outputs": GPT4})
        self.lines("requery.jsonl", [("4", "The answer is C.")])

    def write(self, name: str, value) -> Path:
        path = self.root / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    def lines(self, name: str, pairs) -> Path:
        rows = [{"question_id": pid, "prompt": "", "text": text} for pid, text in pairs]
        return self.write(name, "".join(json.dumps(row) + "\n" for row in rows))

    def read(self, *, requery: str | None = "requery.jsonl", **names: str):
        paths = {"ours": "ours.jsonl", "gpt4": "gpt4.json", "references": "truth", **names}
        paths |= {"requery": requery} if requery else {}
        return read_sources(**{key: self.root / name for key, name in paths.items()})


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


def test_the_questions_are_in_the_order_of_the_split(folder):
    found = folder.read()
    assert [sample.id for sample in found.problems] == ORDER
    assert (found.ours, found.gpt4, found.requery) == (OURS, GPT4, {"4": "The answer is C."})
    assert found.is_whole
    assert found.notes == ("Questions are from problems.json, 3 of the test split.",)


def test_each_file_may_be_either_kind_and_gzip(folder):
    folder.lines("gpt4.jsonl", GPT4.items())
    text = json.dumps({"results": dict.fromkeys(OURS, 2), "outputs": OURS}, indent=1)
    (folder.root / "ours.json.gz").write_bytes(gzip.compress(text.encode()))
    assert folder.read(ours="ours.json.gz", gpt4="gpt4.jsonl") == folder.read()


def test_ids_may_be_numbers_and_texts_may_be_nothing(folder):
    folder.lines("ours.jsonl", [(2, None), (4, "The answer is A."), (10, 7)])
    assert folder.read().ours == {"2": "", "4": "The answer is A.", "10": "7"}


def test_the_last_of_several_answers_counts(folder):
    folder.lines("ours.jsonl", [*OURS.items(), ("2", "The answer is B.")])
    found = folder.read()
    assert found.ours["2"] == "The answer is B."
    assert any("answers 1 questions again; the last" in note for note in found.notes)


def test_without_replies_incomplete_files_are_whole_enough_for_the_complement(folder):
    folder.lines("ours.jsonl", list(OURS.items())[:2])
    found = folder.read(requery=None)
    assert found.requery is None
    assert not found.is_whole
    assert any(note.startswith("1 of 3 questions have no answer") for note in found.notes)
    ensemble = combine(found.problems, found.ours, found.gpt4, None)
    assert list(ensemble.questions) == ["2", "4"]


def test_the_judge_refuses_incomplete_files(folder):
    folder.lines("ours.jsonl", list(OURS.items())[1:])
    with pytest.raises(UsageError, match=r"ours\.jsonl lacks 1 of 3 questions, .*: pid 2\.$"):
        folder.read()
    folder.lines("ours.jsonl", OURS.items())
    folder.write("gpt4.json", {"outputs": {"2": "x"}})
    with pytest.raises(UsageError, match=r"gpt4\.json lacks 2 of 3 questions, .*: pid 10, 4\.$"):
        folder.read()


def test_an_empty_file_of_replies_has_none(folder):
    folder.write("requery.jsonl", "\n")
    assert folder.read().requery == {}


def test_answers_to_other_questions_are_counted(folder):
    folder.lines("requery.jsonl", [("4", "The answer is C."), ("77", "The answer is C.")])
    assert any("requery.jsonl answers 1 questions that the" in n for n in folder.read().notes)


def test_an_order_that_is_not_known_is_said(folder):
    (folder.root / "truth" / "pid_splits.json").unlink()
    found = folder.read()
    assert [sample.id for sample in found.problems] == list(PROBLEMS)
    assert any("There is no pid_splits.json" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ours.jsonl", '{"question_id": null, "text": "A"}', "number 1, has no pid"),
        ("ours.jsonl", '{"question_id": "x1", "text": "A"}', "answers none of the 3 .*'x1'"),
        ("ours.jsonl", '{"questionId": "2", "prediction": "A"}', "of the format 'gqa'; wanted are"),
        ("ours.jsonl", '{"question_id": "2", "text": "A"}\n{"que', "line 2, is not JSON"),
        ("ours.jsonl", "", "holds no answers"),
        ("gpt4.json", '{"outputs": {}}', "answers none of the 3"),
        ("gpt4.json", '{"outputs": ["A"]}', "no prediction file of a known format"),
        ("gpt4.json", "[1, 2]", "is not a JSON object|holds no answers"),
        ("requery.jsonl", '{"question_id": "9", "text": "A"}', "answers none of the 3"),
        ("truth/problems.json", "{}", "no ground truth of ScienceQA"),
    ],
)
def test_a_wrong_file_gets_one_sentence(folder, name, content, message):
    folder.write(name, content)
    with pytest.raises(UsageError, match=message) as error:
        folder.read()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["ours", "gpt4", "requery", "references"])
def test_a_file_that_is_not_there(folder, name):
    with pytest.raises(UsageError, match=r"There (is no file|are no references)"):
        folder.read(**{name: "nothing"})


@pytest.mark.parametrize("name", ["ours", "gpt4", "requery"])
def test_a_folder_is_no_file_of_answers(folder, name):
    with pytest.raises(UsageError, match="truth is a folder"):
        folder.read(**{name: "truth"})


def test_requests_hold_what_a_judge_must_know(folder):
    sources = folder.read()
    ensemble = combine(sources.problems, sources.ours, sources.gpt4, sources.requery)
    assert list(disagreement_requests(sources, ensemble)) == [
        {
            "pid": pid,
            "question": f"Which is {pid}?",
            "choices": ["one", "two", "three"],
            "hint": hint,
            "ours": OURS[pid],
            "gpt4": GPT4[pid],
        }
        for pid, hint in (("10", ""), ("4", "Count."))
    ]


def test_a_context_within_the_question_is_not_said_twice(folder):
    problem = {k: v for k, v in PROBLEMS["4"].items() if k != "question"}
    problem |= {"question_and_context": "Context: Count.\nWhich?", "hint": "<present>"}
    folder.write("truth/problems.json", {**PROBLEMS, "4": problem})
    sources = folder.read()
    requests = disagreement_requests(
        sources, combine(sources.problems, sources.ours, sources.gpt4, None)
    )
    (found,) = (request for request in requests if request["pid"] == "4")
    assert (found["question"], found["hint"]) == ("Context: Count.\nWhich?", "")
