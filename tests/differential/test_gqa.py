"""GQA: evalkit beside the exported `eval.py` on generated files, to the last digit.

The script runs as it is, in a process of its own, by its command line. Python hands over what the
script leaves in its names: the averages before they are rounded for print, and its functions, which
are asked about each question. The files hold every kind of entry that the script looks at.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from evalkit.official.gqa_folder import read_material
from evalkit.official.gqa_further import _attended, _map_size, _regions
from evalkit.rescore import Order, Scored, score_file

pytestmark = pytest.mark.official

DRIVER = """
import json, runpy, sys
target, sys.argv = sys.argv[1], sys.argv[2:]
names = runpy.run_path(sys.argv[0])
questions, predictions = names["questions"], names["predictions"]
balanced = {key: q for key, q in questions.items() if q["isBalanced"]}
found = {
    "scores": names["scores"],
    "correct": {key: float(predictions[key] == q["answer"]) for key, q in balanced.items()},
}
if names["attentions"]:
    found["grounding"] = {
        key: names["computeGroundingScore"](
            q, names["scenes"][q["imageId"]], names["attentions"][key]
        )
        for key, q in balanced.items()
    }
json.dump(found, open(target, "w"))
"""
TABLES = {
    "structural": "accuracyPerStructuralType",
    "semantic": "accuracyPerSemanticType",
    "steps": "accuracyPerSteps",
    "words": "accuracyPerLength",
}
NUMBERS = ("accuracy", "binary", "open", "consistency", "validity", "plausibility", "grounding")
ANSWERS = (
    *("yes", "no", "left", "right", "red", "dark blue", "t-shirt", "polar bear", "color", "shape"),
    *("material", "café", "gray", "women"),
)
ODD_ANSWERS = ("", " yes", "yes ", "Yes", "yes.", "a dog", "no\n", "İ", "red!", "nothing like it")
OPERATIONS = (
    *(("select", "dress (12)"), ("relate", "person,wearing,s (7)"), ("query", "name")),
    *(("query", "hposition"), ("exist", "?"), ("verify rel", "exists (3)"), ("select", "scene")),
    *(("choose name", "cat|dog"), ("choose rel", "name,left|right,s (4)"), ("and", "")),
)


@dataclass(frozen=True)
class Official:
    """What the script printed, and what it held."""

    printed: str
    scores: dict
    correct: dict[str, float]
    grounding: dict[str, float]


@dataclass(frozen=True)
class Files:
    """A folder of generated files, and the side of the attention maps."""

    folder: Path
    size: int

    def path(self, kind: str) -> Path:
        return self.folder / f"val_{kind}.json"


@pytest.fixture
def script(pytestconfig) -> Path:
    given = pytestconfig.getoption("official_gqa")
    if given is None:
        pytest.skip("no exported eval.py of GQA was given (--official-gqa PATH)")
    if find_spec("tqdm") is None:
        pytest.skip("GQA's eval.py needs the package tqdm, which is not installed")
    return Path(given).resolve()


@pytest.fixture(params=[(1, 7), (2, 7), (3, 5)], ids=["one", "two", "maps of 5 x 5"])
def files(request, tmp_path) -> Files:
    seed, size = request.param
    return generated(tmp_path, random.Random(seed), size)


def generated(folder: Path, dice: random.Random, size: int) -> Files:
    files = Files(folder / "references", size)
    files.folder.mkdir()
    scenes = {f"n{k}": scene(dice) for k in range(60)}
    ids = [str(20_000_000 + 7 * k) for k in range(700)]
    questions = {key: question(dice, key, ids, scenes) for key in ids}
    texts = {key: text(dice, q["answer"]) for key, q in questions.items()}
    predictions = [{"questionId": key, "prediction": said} for key, said in texts.items()]
    dice.shuffle(predictions)
    again = dice.sample(predictions, 20)  # the last one counts
    written = {
        "questions": questions,
        "sceneGraphs": scenes,
        "choices": {key: {"valid": some(dice), "plausible": some(dice)} for key in ids},
        "attentions": [{"questionId": key, "attention": attention(dice, size)} for key in ids],
    }
    for kind, content in written.items():
        files.path(kind).write_text(json.dumps(content))
    predictions += [{**entry, "prediction": text(dice, "yes")} for entry in again]
    predictions.append({"questionId": "999", "prediction": "yes"})
    (folder / "predictions.json").write_text(json.dumps(predictions))
    return files


def scene(dice: random.Random) -> dict:
    width, height = dice.randint(200, 700), dice.randint(200, 700)
    objects = {
        str(k): {
            "name": "thing",
            "x": dice.randint(-5, width),
            "y": dice.randint(-5, height),
            "w": dice.choice((0, dice.randint(1, width))),
            "h": dice.randint(1, height),
        }
        for k in range(10)
    }
    return {"width": width, "height": height, "objects": objects}


def question(dice: random.Random, key: str, ids: list[str], scenes: dict) -> dict:
    return {
        "imageId": dice.choice(list(scenes)),
        "question": " ".join(["word"] * dice.randint(1, 12)) + dice.choice(("?", " ?", "  so? ")),
        "answer": dice.choice(ANSWERS),
        "isBalanced": dice.random() < 0.6,
        "types": {
            "structural": dice.choice(("query", "verify", "choose", "logical", "compare")),
            "semantic": dice.choice(("obj", "attr", "rel", "cat", "global")),
            "detailed": dice.choice(("relS", "twoCommon", "exist")),
        },
        "semantic": [
            {"operation": operation, "argument": argument, "dependencies": []}
            for operation, argument in dice.choices(OPERATIONS, k=dice.randint(1, 7))
        ],
        "groups": {"global": dice.choice((None, "color", "place", "thing")), "local": "x"},
        "entailed": dice.choice(([], [key], [key, *dice.sample(ids, 2)], dice.sample(ids, 5))),
        "annotations": {
            "question": {str(k): str(dice.randrange(10)) for k in range(dice.randint(0, 3))},
            "fullAnswer": {"0:2": str(dice.randrange(10))},
            "answer": {},
        },
    }


def some(dice: random.Random) -> list[str]:
    return dice.sample(ANSWERS, dice.randint(1, 6))


def text(dice: random.Random, gold: str) -> str:
    return dice.choice((gold, gold, gold, dice.choice(ANSWERS), dice.choice(ODD_ANSWERS)))


def attention(dice: random.Random, size: int) -> list[list[float]]:
    cells = [[dice.random() for _ in range(size)] for _ in range(size)]
    whole = sum(map(sum, cells))
    return [[cell / whole for cell in row] for row in cells]


def run_script(script: Path, files: Files) -> Official:
    target = files.folder.parent / "official.json"
    done = subprocess.run(
        [
            *(sys.executable, "-c", DRIVER, target, script),
            *("--questions", files.path("questions"), "--choices", files.path("choices")),
            *("--scenes", files.path("sceneGraphs"), "--attentions", files.path("attentions")),
            *("--predictions", files.folder.parent / "predictions.json"),
            *("--consistency", "--grounding", "--mapSize", str(files.size)),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=files.folder.parent,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(target.read_text())
    return Official(done.stdout, found["scores"], found["correct"], found["grounding"])


def run_evalkit(files: Files) -> Scored:
    predictions = files.folder.parent / "predictions.json"
    return score_file(Order(task="gqa", predictions=predictions, references=files.folder))


def as_printed(scored: Scored) -> list[str]:
    """Evalkit's numbers as the script prints its own."""
    metrics, slices = scored.result.metrics, scored.result.breakdowns
    order = ("binary", "open", "accuracy", *NUMBERS[3:])
    lines = [f"{name.capitalize()}: {100 * metrics[name].value:.2f}%" for name in order]
    lines.append(f"Distribution: {metrics['distribution'].value:.2f} (lower is better)")
    for tag in TABLES:
        sizes = [score.tags[tag] for score in scored.scores]
        lines += [
            f"  {key}: {100 * numbers['accuracy']:.2f}% ({sizes.count(key)} questions)"
            for key, numbers in slices[tag].items()
        ]
    return lines


def test_every_printed_line_is_the_same(script, files):
    official, ours = run_script(script, files), as_printed(run_evalkit(files))
    theirs = [line for line in official.printed.splitlines() if "%" in line or "lower is" in line]
    assert len(theirs) > 30
    assert sorted(ours) == sorted(theirs)


def test_every_digit_is_the_same(script, files):
    official, scored = run_script(script, files), run_evalkit(files)
    metrics = scored.result.metrics
    found = {name: 100 * metrics[name].value for name in NUMBERS}
    assert found == {name: official.scores[name] for name in NUMBERS}
    assert metrics["distribution"].value == official.scores["distribution"]
    for tag, table in TABLES.items():
        slices = scored.result.breakdowns[tag]
        assert {key: 100 * numbers["accuracy"] for key, numbers in slices.items()} == {
            key: share for key, (share, _) in official.scores[table].items()
        }


def test_every_question_is_judged_the_same(script, files):
    official, scored = run_script(script, files), run_evalkit(files)
    ours = {score.sample_id: score.values["correct"] for score in scored.scores}
    assert ours == official.correct
    assert 0.3 < sum(ours.values()) / len(ours) < 0.9


def test_every_attention_map_is_weighed_the_same(script, files):
    official, scored = run_script(script, files), run_evalkit(files)
    material, _ = read_material(files.folder)
    size = _map_size(material.attentions, scored.scores)
    ours = {
        score.sample_id: _attended(
            _regions(material, score.sample_id), material.attentions[score.sample_id], size
        )
        for score in scored.scores
    }
    assert ours == official.grounding
