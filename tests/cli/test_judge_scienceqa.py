"""`evalkit judge scienceqa`: the tables, the JSON object and the file of requests."""

import json

import pytest

PIDS = [str(n) for n in range(1, 9)]
A, B, C = (f"The answer is {letter}." for letter in "ABC")


@pytest.fixture
def files(tmp_path):
    problem = {"choices": ["u", "v", "w"], "answer": 0, "hint": "", "image": None}
    problem |= {"grade": "grade2", "subject": "natural science", "topic": "x", "split": "test"}
    held = {pid: {**problem, "question": f"Which is {pid}?"} for pid in PIDS}
    (tmp_path / "problems.json").write_text(json.dumps(held))
    (tmp_path / "pid_splits.json").write_text(json.dumps({"test": PIDS}))
    lines(tmp_path / "ours", dict(zip(PIDS, [A, A, A, B, B, "?", "?", A], strict=True)))
    outputs = dict(zip(PIDS, [A, B, "?", A, B, "?", A, C], strict=True))
    (tmp_path / "gpt4").write_text(json.dumps({"outputs": outputs}))
    lines(tmp_path / "requery", {"1": B, "2": A, "4": C, "7": "?"})
    return tmp_path


def lines(path, answers):
    rows = ({"question_id": pid, "text": text} for pid, text in answers.items())
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def run(evalkit, files):
    """Scores the files: run("--json", requery=False) -> Done."""

    def done(*words, requery=True):
        given = ["--ours", files / "ours", "--gpt4", files / "gpt4", "-r", files / "problems.json"]
        given += ["--requery", files / "requery"] if requery else []
        return evalkit("judge", "scienceqa", *given, *words)

    return done


def test_json(run):
    done = run("--json")
    found = done.record
    assert done.code == 0
    counts = {
        name: (held["right"], held["unanswered"])
        for name, held in found["evalkit"]["columns"].items()
    }
    assert counts == {
        "ours": (4, 2),
        "gpt4": (3, 2),
        "complement": (4, 1),
        "judge": (3, 4),
        "upper": (6, 1),
    }
    assert found["disagreements"] == 5
    assert found["missing_requery"] == ["3", "7", "8"]
    assert found["needless_requery"] == ["1"]
    assert list(found["evalkit"]["slices"]) == ["NAT", "NO", "G1-6"]
    official = found["official"]
    assert official["seed"] == 0
    assert official["judge"]["printed"]["GPT-4 NO-ANS (RANDOM)"] == {"count": 2, "percent": 25.0}
    assert list(official["complement"]["printed"]) == [
        "Correct",
        "Correct (upper)",
        "GPT-4 NO-ANS (RANDOM)",
    ]


def test_a_seed_gives_the_same_counts_again_and_moves_nothing_of_evalkits(run):
    found = [run("--json", "--seed", seed).record for seed in (*range(4), 0)]
    assert found[0] == found[-1]
    assert len({json.dumps(held["official"]["judge"]) for held in found}) > 1
    assert len({json.dumps(held["evalkit"]) for held in found}) == 1


def cells(page, title):
    """The cells of a row in the first table that has it; some cells hold several words."""
    line = next(line for line in page.splitlines() if line.strip().startswith(f"{title}  "))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_the_page_has_both_readings_and_says_what_is_odd(run):
    page = run("--seed", 3).out
    official = run("--seed", 3, "--json").record["official"]
    judged, complement = (official[name]["columns"] for name in ("judge", "complement"))
    share = judged["judge"]
    assert cells(page, "judge") == [
        *("judge", str(share["right"]), f"{share['percent']:.2f}", "-", "-"),
        *("3", "37.50", "4", "12.50 to 62.50"),
    ]
    assert cells(page, "complement")[3] == str(complement["complement"]["right"])
    assert cells(page, "upper: either is right")[1] == str(judged["upper"]["right"])
    assert "here after seed 3" in page
    assert "GPT-4 names no letter in 2 texts (25.00 %); both models differ on 5" in page
    assert "3 of these have no reply of the judge that can be read" in page
    assert "1 replies are to questions on which both agree (pid 1 first)" in page


def test_without_replies_there_is_no_judge(run):
    done = run(requery=False)
    page = done.out
    assert done.code == 0
    assert cells(page, "upper: either is right")[1:3] == ["-", "-"]
    assert not any(line.strip().startswith("judge  ") for line in page.splitlines())
    assert "There are no replies of a judge" in page
    assert "judge" not in run("--json", requery=False).record["official"]


def test_requests_are_written(run, files):
    path = files / "new" / "requests.jsonl"
    assert run("--write-disagreements", path, requery=False).code == 0
    requests = [json.loads(line) for line in path.read_text().splitlines()]
    assert [request["pid"] for request in requests] == ["2", "3", "4", "7", "8"]
    assert requests[0] == {
        "pid": "2",
        "question": "Which is 2?",
        "choices": ["u", "v", "w"],
        "hint": "",
        "ours": A,
        "gpt4": B,
    }


def test_incomplete_files(run, files):
    lines(files / "ours", {"1": A})
    refused = run()
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "lacks 7 of 8 questions" in refused.err
    done = run(requery=False)
    assert done.code == 12
    assert "7 of 8 questions have no answer" in done.out
