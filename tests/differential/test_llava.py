"""POPE, ScienceQA and TextVQA against LLaVA's own scripts, on answers that are made up."""

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.official
SHORT = "\nAnswer the question using a single word or phrase."
SPLITS = ("random", "popular", "adversarial")


@pytest.fixture
def scripts(pytestconfig, tmp_path) -> Path:
    """LLaVA's evaluators alone: its package would import its models."""
    place = pytestconfig.getoption("official_llava")
    if place is None:
        pytest.skip("no checkout of LLaVA was given (--official-llava PATH)")
    folder = tmp_path / "official" / "llava" / "eval"
    folder.mkdir(parents=True)
    for name in ("eval_pope", "eval_science_qa", "eval_textvqa", "m4c_evaluator"):
        shutil.copy(Path(place) / "llava" / "eval" / f"{name}.py", folder)
    return tmp_path / "official"


def official(scripts, name, *words) -> str:
    command = [sys.executable, "-m", f"llava.eval.{name}", *map(str, words)]
    done = subprocess.run(command, cwd=scripts, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def scored(evalkit, *words) -> dict:
    done = evalkit("score", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.parametrize("seed", range(3))
def test_pope(scripts, evalkit, tmp_path, odd_texts, seed):
    dice, texts = random.Random(seed), odd_texts(seed, 900)
    questions, answers = [], []
    for place, split in enumerate(SPLITS):
        held = [
            {
                "question_id": n + 1,
                "image": f"COCO_{n // 6}.jpg",
                "text": f"Is there a {split} thing {n} in the image?",
                "label": dice.choice(("yes", "no")),
            }
            for n in range(300)
        ]
        write_lines(tmp_path / "truth" / f"coco_pope_{split}.json", held)
        for row in held:
            id_ = 10_000_000 * place + row["question_id"]
            asked = row["text"] + SHORT
            questions.append(
                {"question_id": id_, "image": row["image"], "text": asked, "category": split}
            )
            text = dice.choice(("Yes", "No", dice.choice(texts)))
            answers.append({"question_id": id_, "prompt": asked, "text": text})
    asked = write_lines(tmp_path / "llava_pope_test.jsonl", questions)
    given = write_lines(tmp_path / "answers.jsonl", answers)
    printed = official(
        scripts,
        "eval_pope",
        *("--annotation-dir", tmp_path / "truth", "--question-file", asked),
        *("--result-file", given),
    )
    found = scored(evalkit, "pope", "-p", given, "-r", tmp_path / "truth")
    for block in printed.split("Category: ")[1:]:
        split = block.partition(",")[0]
        theirs = re.findall(
            r"^(?:Accuracy|Precision|Recall|F1 score|Yes ratio): (.*)$", block, re.MULTILINE
        )
        ours = found["breakdown"]["category"][split]
        names = ("accuracy", "precision", "recall", "f1", "yes_ratio")
        assert [ours[name] for name in names] == list(map(float, theirs))


@pytest.mark.parametrize("seed", range(3))
def test_scienceqa(scripts, evalkit, tmp_path, odd_texts, seed):
    dice, texts = random.Random(seed), odd_texts(seed, 600)
    problems, answers = {}, []
    for pid in map(str, range(1, 601)):
        choices = ["red", "green", "blue", "white", "black"][: dice.randint(2, 5)]
        image = dice.choice((None, "image.png"))
        problems[pid] = {
            "question": f"Which colour is number {pid}?",
            "choices": choices,
            "answer": dice.randrange(len(choices)),
            "hint": dice.choice(("", "A hint.")),
            "image": image,
            "grade": f"grade{dice.randint(1, 12)}",
            "subject": dice.choice(("natural science", "social science", "language science")),
            "topic": dice.choice(("biology", "physics")),
            "split": "test",
        }
        text = dice.choice((dice.choice("ABCDE"), dice.choice("ABCDE") + ". x", dice.choice(texts)))
        prompt = ("<image>\n" if image else "") + problems[pid]["question"]
        answers.append({"question_id": pid, "prompt": prompt, "text": text})
    folder = tmp_path / "truth"
    folder.mkdir()
    (folder / "problems.json").write_text(json.dumps(problems))
    (folder / "pid_splits.json").write_text(json.dumps({"test": list(problems)}))
    given = write_lines(tmp_path / "answers.jsonl", answers)
    official(
        scripts,
        "eval_science_qa",
        *("--base-dir", folder, "--result-file", given, "--output-file", tmp_path / "out.json"),
        *("--output-result", tmp_path / "result.json"),
    )
    theirs = json.loads((tmp_path / "result.json").read_text())
    found = scored(evalkit, "scienceqa", "-p", given, "-r", folder)
    assert 100 * found["metrics"]["accuracy"]["value"] == theirs["acc"]
    again = scored(evalkit, "scienceqa", "-p", tmp_path / "result.json", "-r", folder)
    assert again["metrics"]["accuracy"]["value"] == found["metrics"]["accuracy"]["value"]


@pytest.mark.parametrize("seed", range(3))
def test_textvqa(scripts, evalkit, tmp_path, odd_texts, seed):
    dice, texts = random.Random(seed), [t for t in odd_texts(seed, 600) if len(t) < 1000]
    held, answers = [], []
    for n in range(400):
        pool = dice.sample(texts, k=dice.choice((1, 2, 5)))
        entry = {
            "question_id": n,
            "image_id": f"{n // 2:016x}",
            "question": f"What is written on thing {n}?",
            "answers": [dice.choice(pool) for _ in range(10)],
            "set_name": "val",
        }
        held.append(entry)
        ocr = dice.choice(("", "\nReference OCR token: A, B"))
        prompt = entry["question"].upper() + ocr + SHORT
        text = dice.choice((dice.choice(pool), dice.choice(texts)))
        answers.append({"question_id": entry["image_id"], "prompt": prompt, "text": text})
    truth = tmp_path / "TextVQA_0.5.1_val.json"
    truth.write_text(json.dumps({"data": held}))
    given = write_lines(tmp_path / "answers.jsonl", answers)
    script = (
        "import json, sys; from llava.eval import eval_textvqa as e, m4c_evaluator as m\n"
        "kept = m.TextVQAAccuracyEvaluator.eval_pred_list\n"
        "m.TextVQAAccuracyEvaluator.eval_pred_list = lambda s, p: print('FULL', repr(kept(s, p))) "
        "or 0.0\n"
        "e.eval_single(sys.argv[1], sys.argv[2])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(truth), str(given)],
        cwd=scripts,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = float(done.stdout.split("FULL ")[1].split()[0])
    found = scored(evalkit, "textvqa", "-p", given, "-r", truth)
    assert found["metrics"]["accuracy"]["value"] == theirs
