"""A file of answers to a user's own task: which answers count, and what is said of the others."""

import json
from dataclasses import replace

import pytest

from evalkit.store import RunFolder, load_run


def gold(n: int) -> str:
    return "no" if n % 2 else "yes"


@pytest.fixture
def scored(evalkit, toy, tmp_path):
    """Scores answers to the toy's 40 questions: {number: text}, or rows as they are."""

    def run(answers, *words, code=0):
        rows = answers
        if isinstance(answers, dict):
            rows = [{"question_id": f"q{n:03}", "text": text} for n, text in answers.items()]
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        task = ("--task-path", toy.path, "-r", toy.data, "-p", path)
        done = evalkit("score", "toy", *task, *words)
        assert done.code == code, done.err
        return done

    return run


def numbers(done) -> dict:
    return json.loads(done.out)


def test_the_json_holds_what_is_promised(scored):
    found = numbers(scored({n: gold(n) if n else "maybe" for n in range(40)}, "--json"))
    assert found["task"] == "toy"
    assert found["protocol"] == "own"
    assert set(found["metrics"]["accuracy"]) == {"value", "low", "high", "n", "clusters"}
    assert found["metrics"]["accuracy"]["value"] == 39 / 40
    assert found["metrics"]["pair_accuracy"]["value"] == 19 / 20
    assert found["breakdown"]["kind"]["low"]["accuracy"] == 19 / 20
    assert found["coverage"] == {"asked": 40, "answered": 39, "failed": 0, "unparsed": 1}
    assert found["notes"] == []
    assert found["audit"]["unparsed"] == 1


def test_the_order_of_lines_does_not_matter(scored):
    answers = [(n, gold(n) if n % 3 else "yes") for n in range(40)]
    one = numbers(scored(dict(answers), "--json"))
    two = numbers(scored(dict(answers[::-1]), "--json"))
    assert one == two


PARTIAL = {n: gold(n) for n in range(30)}


def test_a_missing_answer_is_wrong_and_said(scored):
    found = numbers(scored(PARTIAL, "--json", code=12))
    assert found["metrics"]["accuracy"]["value"] == 30 / 40
    assert found["coverage"] == {"asked": 40, "answered": 30, "failed": 10, "unparsed": 0}
    assert found["notes"] == ["10 of 40 questions have no answer; they count as wrong."]


def test_missing_answers_can_be_left_out(scored):
    found = numbers(scored(PARTIAL, "--missing", "exclude", "--json", code=12))
    assert found["metrics"]["accuracy"]["value"] == 1.0
    assert found["metrics"]["accuracy"]["n"] == 30
    assert found["coverage"] == {"asked": 40, "answered": 30, "failed": 10, "unparsed": 0}
    assert found["notes"] == ["10 of 40 questions have no answer; they are left out."]


def test_missing_answers_can_be_an_error(scored):
    done = scored(PARTIAL, "--missing", "fail", code=12)
    assert "10 of 40 questions have no answer" in done.err
    assert "'q030'" in done.err
    assert not done.out


def test_unknown_repeated_and_empty_entries_are_named(scored):
    rows = [{"question_id": f"q{n:03}", "text": gold(n)} for n in range(40)]
    rows += [{"question_id": "q000", "text": "no"}, {"question_id": "x", "text": "yes"}]
    rows[7] = {"question_id": "q007"}
    found, other = numbers(scored(rows, "--json", code=12)), " (1 of them say something else)"
    assert found["metrics"]["accuracy"]["value"] == 38 / 40
    assert found["coverage"]["failed"] == 1
    assert found["notes"] == [
        "1 answers belong to no question and are left out (the first is number 42, 'x').",
        f"1 answers are followed by another to the same question{other}; the last counts.",
        "1 entries hold no answer (the first is number 8); they count as wrong.",
    ]


def test_answers_to_other_questions_are_refused(scored):
    done = scored(dict.fromkeys(range(100, 120), "yes"), code=2)
    assert "None of the 20 answers" in done.err
    assert "'q100'" in done.err
    assert "'q000'" in done.err


def test_a_run_folder_is_written_and_can_be_shown(scored, evalkit, tmp_path):
    out = tmp_path / "m"
    scored({n: gold(n) for n in range(40)}, "--out", out, "--model", "mine")
    record = json.loads((out / "run.json").read_text())
    assert record["source"] == "scored"
    assert record["model"]["name"] == "mine"
    assert record["results"][0]["fingerprint"]["prompt"] is None
    assert record["results"][0]["fingerprint"]["dataset"]["samples"] == 40
    assert (out / "scores" / "toy.parquet").exists()
    assert len((out / "predictions" / "toy.jsonl").read_text().splitlines()) == 40
    shown = evalkit("show", out)
    assert "1.0000" in shown.out
    assert evalkit("show", out, "--format", "markdown").code == 0
    # The same answers again replace their own result; others do not.
    scored({n: gold(n) for n in range(40)}, "--out", out, "--model", "mine")
    again = json.loads((out / "run.json").read_text())
    assert again["results"] == record["results"]
    others = scored(dict.fromkeys(range(40), "yes"), "--out", out, "--model", "mine", code=2)
    assert "other answers to toy" in others.err
    refused = scored(PARTIAL, "--out", out, "--model", "other", code=2)
    assert "'mine'" in refused.err
    assert json.loads((out / "run.json").read_text()) == again


def test_a_measured_run_is_not_written_over(evalkit, toy, scored, tmp_path):
    evalkit("run", "toy", "--model", "dummy:constant,text=yes", *toy.options, "--out", tmp_path)
    (run,) = tmp_path.glob("**/run.json")
    before = run.read_text()
    done = scored(dict.fromkeys(range(40), "no"), "--out", run.parent, code=2)
    assert "measured" in done.err
    assert run.read_text() == before


def test_a_run_s_own_predictions_need_no_references(evalkit, toy, tmp_path):
    model = ("--model", "dummy:constant,text=yes", "--limit", "10")
    evalkit("run", "toy", *model, *toy.options, "--out", tmp_path, "--name", "r")
    (predictions,) = tmp_path.glob("**/predictions/toy.jsonl")
    done = evalkit("score", "toy", "--task-path", toy.path, "-p", predictions, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    record = json.loads((predictions.parents[1] / "run.json").read_text())
    theirs = record["results"][0]
    assert found["metrics"]["accuracy"]["value"] == theirs["metrics"]["accuracy"]["value"]
    assert found["coverage"] == theirs["coverage"]
    out = tmp_path / "again"
    words = ("--task-path", toy.path, "-p", predictions, "--out", out)
    assert evalkit("score", "toy", *words).code == 0
    again = json.loads((out / "run.json").read_text())["results"][0]
    assert again["fingerprint"] == theirs["fingerprint"] | {
        "dataset": theirs["fingerprint"]["dataset"] | {"images": None}
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--protocol", "helm"), "no protocol 'helm'; it has: own"),
        (("--convert", "llava"), "no conversion 'llava'"),
        (("--labels", "corrected"), "no variant 'corrected'"),
        (("--format", "excel"), "excel"),
        (("--explain", "official"), "takes two protocols"),
        (("--explain", "own,own"), "same protocol"),
        (("--references", "nowhere"), "no references at nowhere"),
        (("--predictions", "nowhere"), "no prediction file nowhere"),
    ],
)
def test_wrong_words_are_one_sentence(scored, words, said):
    done = scored(PARTIAL, *words, code=2)
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_what_a_kill_leaves_is_never_a_wrong_record(scored, start, toy, tmp_path):
    """Files of a killed process are cleared, and the same command goes on."""
    out = tmp_path / "m"
    (out / "scores").mkdir(parents=True)
    (out / "scores" / ".toy.parquet.abc").write_text("half")
    scored({n: gold(n) for n in range(40)}, "--out", out)
    assert not list(out.glob("*/.*"))
    record = load_run(out)
    # A kill after the first of the writes: the record without the task, and no predictions.
    RunFolder(out).write_record(replace(record, results=()))
    (out / "predictions" / "toy.jsonl").write_text("{}\n")
    scored({n: gold(n) for n in range(40)}, "--out", out)
    assert load_run(out).results == record.results


def test_several_processes_score_into_one_folder(start, toy, toy_of, tmp_path):
    """Three tasks at once: all three are in the record."""
    names = ("one", "two", "three")
    for name in names:
        text = toy.path.read_text().replace('name="toy"', f'name="{name}"')
        (tmp_path / f"{name}.py").write_text(text)
        (tmp_path / "data" / name).mkdir(parents=True)
        for file in (toy.data / "toy").iterdir():
            (tmp_path / "data" / name / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "merge.jsonl"
    rows = ({"question_id": f"q{n:03}", "text": gold(n)} for n in range(40))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("-p", path, "-r", tmp_path / "data", "--out", tmp_path / "m")
    running = [
        start("score", name, "--task-path", tmp_path / f"{name}.py", *words) for name in names
    ]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    record = json.loads((tmp_path / "m" / "run.json").read_text())
    assert sorted(result["task"] for result in record["results"]) == sorted(names)


def test_another_protocol_needs_another_folder(evalkit, tmp_path):
    truth, path = tmp_path / "coco_pope_random.json", tmp_path / "a.jsonl"
    row = {"question_id": 1, "image": "1.jpg", "text": "Is there a dog?", "label": "yes"}
    truth.write_text(json.dumps(row))
    path.write_text(json.dumps({"question_id": 1, "prompt": "Is there a dog?", "text": "Yes"}))
    words = ("score", "pope", "-p", path, "-r", truth, "--out", tmp_path / "m")
    assert evalkit(*words).code == 0
    other = evalkit(*words, "--protocol", "lmms-eval")
    assert other.code == 2
    assert "under the protocol 'official'" in other.err


def test_nothing_that_others_wrote_moves_the_cursor(evalkit, tmp_path):
    truth, path = tmp_path / "coco_pope_random.json", tmp_path / "a\x1b[31m.jsonl"
    row = {"question_id": 1, "image": "1.jpg", "text": "Is there a dog?", "label": "yes"}
    truth.write_text(json.dumps(row))
    line = {
        "question_id": 1,
        "prompt": "Is there a dog?",
        "text": "Y\x1b[2J",
        "model_id": "m\u202e",
    }
    path.write_text(json.dumps(line))
    words = ("score", "pope", "-p", path, "-r", truth)
    for more in ((), ("--explain", "official,lmms-eval"), ("--out", tmp_path / "m")):
        done = evalkit(*words, *more)
        assert "\x1b" not in done.out + done.err
        assert "\u202e" not in done.out + done.err
    page = evalkit("show", tmp_path / "m", "--format", "markdown")
    assert "\u202e" not in page.out
    assert "\x1b" not in evalkit("score", "pope", "-p", "no\x1b[31m").err


def test_a_run_s_folder_stands_for_its_answers(evalkit, toy, tmp_path):
    model = ("--model", "dummy:constant,text=yes", "--limit", "10")
    evalkit("run", "toy", *model, *toy.options, "--out", tmp_path, "--name", "r")
    (run,) = (path.parent for path in tmp_path.glob("**/run.json"))
    done = evalkit("score", "toy", "--task-path", toy.path, "-p", run, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["coverage"]["asked"] == 10
    notes = json.loads((run / "run.json").read_text())["results"][0]["notes"]
    assert notes == ["toy: 10 of them were drawn (limit 10)."]


def test_a_sum_over_subtasks_says_which_are_not_there(evalkit, tmp_path):
    (tmp_path / "count.txt").write_text("1.jpg\tAre there two?\tYes\tyes\n1.jpg\tAny?\tNo\tno\n")
    done = evalkit("score", "mme", "-p", tmp_path, "--json")
    assert done.code == 12
    found = json.loads(done.out)
    assert found["metrics"]["perception"]["value"] == 200
    assert any("no sample of existence, position" in note for note in found["notes"])


def test_a_folder_with_the_rows_is_taken_by_either_name(evalkit, toy, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question_id": "q000", "text": "yes"}))
    for references in (toy.data, toy.data / "toy"):
        words = ("--task-path", toy.path, "-p", path, "-r", references, "--missing", "exclude")
        assert evalkit("score", "toy", *words).code == 12
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = evalkit("score", "toy", "--task-path", toy.path, "-p", path, "-r", empty)
    assert wrong.code == 2
    assert "no ground truth of 'toy'" in wrong.err
