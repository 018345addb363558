"""ScienceQA's complement and judge against LLaVA's own two scripts, on answers that are made up."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.judge.ensemble import combine, seeded_guess
from evalkit.judge.ensemble_files import read_sources

pytestmark = pytest.mark.official
SEEDED = (
    "import random, runpy, sys; random.seed(int(sys.argv[1])); sys.argv = sys.argv[2:]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
FORMS = ("The answer is {}.", "So. The answer is {}. BECAUSE: x", "{}", "The answer is {}")


@pytest.fixture
def scripts(pytestconfig) -> Path:
    place = pytestconfig.getoption("official_llava")
    if place is None:
        pytest.skip("no checkout of LLaVA was given (--official-llava PATH)")
    return Path(place) / "llava" / "eval"


@pytest.fixture
def made(tmp_path, odd_texts, seed) -> dict[str, Path]:
    """The four files; with missing replies, letters beyond the choices, and repeated answers."""
    dice, odd = random.Random(seed), odd_texts(seed, 900)
    pids = [str(n) for n in dice.sample(range(1, 5000), k=700)]
    problems = {}
    for pid in pids:
        choices = ["red", "green", "blue", "white", "black"][: dice.randint(2, 5)]
        problems[pid] = {
            "question": f"Which is {pid}?",
            "choices": choices,
            "answer": dice.randrange(len(choices)),
            "hint": dice.choice(("", "A hint.")),
            "image": dice.choice((None, "image.png")),
            "grade": f"grade{dice.randint(1, 12)}",
            "subject": "natural science",
            "topic": "physics",
            "split": "test",
        }

    def text(pid: str) -> str:
        letter = dice.choice(("ABCDE"[problems[pid]["answer"]], dice.choice("ABCDEZ")))
        form = dice.choice((FORMS[0], FORMS[0], FORMS[0], *FORMS, dice.choice(odd)))
        return form.replace("{}", letter)

    repeated = [*pids, *dice.sample(pids, k=20)]
    replied = [pid for pid in pids if dice.random() < 0.5]
    (tmp_path / "problems.json").write_text(json.dumps(problems))
    splits = {"train": ["1"], "test": dice.sample(pids, k=len(pids))}
    (tmp_path / "pid_splits.json").write_text(json.dumps(splits))
    (tmp_path / "gpt4.json").write_text(json.dumps({"outputs": {p: text(p) for p in pids}}))
    for name, named in (("ours", repeated), ("requery", replied)):
        rows = ({"question_id": pid, "prompt": "?", "text": text(pid)} for pid in named)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    return {
        "ours": tmp_path / "ours.jsonl",
        "gpt4": tmp_path / "gpt4.json",
        "requery": tmp_path / "requery.jsonl",
        "references": tmp_path,
    }


def official(script: Path, seed: int, files: dict[str, Path], *words: object) -> list[str]:
    """The lines that the script prints of its totals."""
    given = ("--base-dir", files["references"], "--gpt4-result", files["gpt4"])
    done = subprocess.run(
        [
            *(sys.executable, "-c", SEEDED, str(seed), str(script)),
            *map(str, (*given, "--our-result", files["ours"], *words)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return re.findall(r"^Total: .*$", done.stdout, re.MULTILINE)


def lines(ensemble) -> list[str]:
    total = len(ensemble.questions)
    return [
        f"Total: {total}, {name}: {count}, "
        f"{'Percentage' if 'NO-ANS' in name else 'Accuracy'}: {count / total * 100:.2f}%"
        for name, count in ensemble.printed.items()
    ]


@pytest.mark.parametrize("seed", range(4))
def test_complement(scripts, made, seed):
    sources = read_sources(**made)
    found = combine(sources.problems, sources.ours, sources.gpt4, None, seeded_guess(seed))
    assert lines(found) == official(scripts / "eval_science_qa_gpt4.py", seed, made)


@pytest.mark.parametrize("seed", range(2))
def test_complement_of_files_that_are_not_whole(scripts, made, seed):
    held = made["ours"].read_text().splitlines(keepends=True)
    made["ours"].write_text("".join(held[:300]))
    outputs = json.loads(made["gpt4"].read_text())["outputs"]
    made["gpt4"].write_text(json.dumps({"outputs": dict(list(outputs.items())[100:])}))
    sources = read_sources(**{**made, "requery": None})
    found = combine(sources.problems, sources.ours, sources.gpt4, None, seeded_guess(seed))
    assert len(found.questions) == 200
    assert lines(found) == official(scripts / "eval_science_qa_gpt4.py", seed, made)


@pytest.mark.parametrize("seed", range(4))
def test_judge(scripts, made, seed, tmp_path):
    out, sources = tmp_path / "out.json", read_sources(**made)
    given = (sources.problems, sources.ours, sources.gpt4, sources.requery)
    found = combine(*given, seeded_guess(seed))
    script = scripts / "eval_science_qa_gpt4_requery.py"
    words = ("--requery-result", made["requery"], "--output-result", out)
    assert lines(found) == official(script, seed, made, *words)
    theirs = json.loads(out.read_text())
    finals = {pid: question.judge for pid, question in found.questions.items()}
    assert list(finals.items()) == list(theirs["results"].items())
    assert found.tallies["judge"].percent == theirs["acc"]
    assert found.needless_requery
    assert found.missing_requery
