"""VQAv2 against the official tool, on answers that are made up.

The tool runs on Python 2.7 only; it is ported mechanically where there is none. The port differs in
letters beyond ASCII (`evalkit.answers.vqa`), so it is compared on ASCII alone.
"""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.official
RUN = """
import json, sys
sys.path[:0] = ["PythonHelperTools/vqaTools", "PythonEvaluationTools/vqaEvaluation"]
from vqa import VQA
from vqaEval import VQAEval
held = VQA(sys.argv[1], sys.argv[2])
tool = VQAEval(held, held.loadRes(sys.argv[3], sys.argv[2]), n=12)
tool.evaluate()
json.dump({"accuracy": tool.accuracy, "evalQA": tool.evalQA}, open(sys.argv[4], "w"))
"""


@pytest.fixture
def tool(pytestconfig, tmp_path) -> tuple[str, Path]:
    """A Python that runs the tool, and the folder where it lies."""
    place = pytestconfig.getoption("official_vqa")
    if place is None:
        pytest.skip("no checkout of the VQA tool was given (--official-vqa PATH)")
    folder = tmp_path / "official"
    for part in ("PythonHelperTools/vqaTools", "PythonEvaluationTools/vqaEvaluation"):
        shutil.copytree(Path(place) / part, folder / part)
    (folder / "run.py").write_text(RUN)
    python = shutil.which("python2.7")
    if (
        python is None
        or subprocess.run([python, "-V"], check=False, capture_output=True).returncode
    ):
        python = None
        port = [sys.executable, "-W", "ignore", "-m", "lib2to3", "-w", "-n", str(folder)]
        subprocess.run(port, check=True, capture_output=True)
        for file in folder.rglob("*.py"):  # Python 2 took a tab for eight spaces
            file.write_text(file.read_text().expandtabs(8))
    return python or sys.executable, folder


@pytest.mark.parametrize("seed", range(3))
def test_vqav2(tool, evalkit, tmp_path, odd_texts, seed):
    python, folder = tool
    dice = random.Random(seed)
    texts = [t for t in odd_texts(seed, 900) if python != sys.executable or t.isascii()]
    texts = [t for t in texts if len(t) < 1000]
    questions, annotations, results = [], [], []
    for n in range(500):
        pool = dice.sample(texts, k=dice.choice((1, 2, 3, 6)))
        given = [dice.choice(pool) for _ in range(10)]
        base = {"question_id": n, "image_id": n // 3}
        questions.append(base | {"question": "What?"})
        people = [
            {"answer": text, "answer_confidence": "yes", "answer_id": i + 1}
            for i, text in enumerate(given)
        ]
        types = {"question_type": f"what {n % 7}", "answer_type": dice.choice(("other", "number"))}
        annotations.append(base | types | {"answers": people, "multiple_choice_answer": given[0]})
        answer = dice.choice((dice.choice(pool), dice.choice(texts)))
        results.append({"question_id": n, "answer": answer})
    dice.shuffle(results)
    names = {"task_type": "Open-Ended", "data_type": "mscoco", "data_subtype": "val2014"}
    shared = names | {"info": {}, "license": {}}
    files = {
        "annotations.json": shared | {"annotations": annotations},
        "questions.json": shared | {"questions": questions},
        "results.json": results,
    }
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value))
    subprocess.run(
        [python, "run.py", *(str(tmp_path / name) for name in (*files, "official.json"))],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    theirs = json.loads((tmp_path / "official.json").read_text())
    done = evalkit("score", "vqav2", "-p", tmp_path / "results.json", "-r", tmp_path, "--json")
    assert done.code == 0, done.err
    ours = json.loads(done.out)
    accuracy = theirs["accuracy"]
    assert round(100 * ours["metrics"]["accuracy"]["value"], 12) == accuracy["overall"]
    for tag, table in (("answer_type", "perAnswerType"), ("question_type", "perQuestionType")):
        slices = ours["breakdown"][tag]
        found = {name: round(100 * held["accuracy"], 12) for name, held in slices.items()}
        assert found == accuracy[table]
