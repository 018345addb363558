"""VLMEvalKit's rules: evalkit's protocol beside its own functions, sample by sample and in total.

Its answers are "Yes" and "No" where the official files have small letters. Tables are not compared
here: what VLMEvalKit makes of an empty cell is for `evalkit.answer_files.tables`.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from evalkit.rescore import Scored

pytestmark = pytest.mark.official
SEEDS = pytest.mark.parametrize("seed", range(3))
# The modules alone: the package's own import wants all that its models want.
VLMEVALKIT = """
import ast, importlib.util, json, sys, types
from pathlib import Path
import numpy as np
import pandas as pd
folder = Path(sys.argv[1]) / "vlmeval"
sys.modules["vlmeval"] = types.ModuleType("vlmeval")
smp = sys.modules["vlmeval.smp"] = types.ModuleType("vlmeval.smp")
smp.pd = pd
tree = ast.parse((folder / "smp" / "misc.py").read_text())
wanted = {"process_punctuation", "istype", "listinstr", "d2df"}
tree.body = [node for node in tree.body if getattr(node, "name", "") in wanted]
exec(compile(tree, "misc.py", "exec"), vars(smp))
smp.load = lambda frame: frame

def imported(name):
    spec = importlib.util.spec_from_file_location(name, folder / "dataset" / "utils" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

task, rows = sys.argv[2], json.load(sys.stdin)
if task in ("pope", "mme"):
    yorn = imported("yorn")
    frame = pd.DataFrame(rows)
    frame["extracted"] = [yorn.YOrN_Extraction(text) for text in frame["prediction"]]
    frame["score"] = frame["answer"] == frame["extracted"]
    each = [[bool(s), e] for s, e in zip(frame["score"], frame["extracted"])]
    rating = yorn.POPE_rating if task == "pope" else yorn.MME_rating
    sums = rating(frame).to_dict("list")
else:
    vqa = imported("vqa_eval")
    method = "accuracy" if task == "gqa" else "vqa_score"
    judged = [vqa.process_line(row, method=method) for row in rows]
    hits = vqa.hit_calculate(judged, {"gqa": "GQA_TestDev_Balanced"}.get(task, "TextVQA_VAL"))
    each, sums = list(map(float, hits)), {"Overall": [float(np.mean(hits) * 100)]}
print(json.dumps([each, sums]))
"""


@pytest.fixture
def vlmevalkit(pytestconfig, answered):
    """Asks VLMEvalKit about rows with predictions: what it makes of each, and its totals."""
    folder = pytestconfig.getoption("official_vlmevalkit")
    if folder is None:
        pytest.skip("--official-vlmevalkit DIR names no checkout of VLMEvalKit")

    def ask(bench, found: Scored, **changes: Callable) -> tuple[list, dict]:
        rows = [row | {"prediction": text} for row, text in bench.asked(found)]
        rows = [row | {name: make(row) for name, make in changes.items()} for row in rows]
        return answered([sys.executable, "-c", VLMEVALKIT, folder, bench.task], rows)

    return ask


def value(found: Scored, name: str) -> float:
    return found.result.metrics[name].value


def capitalised(row: Mapping[str, Any]) -> str:
    """Gold answers as its tables have them."""
    return row["answer"].capitalize()


@SEEDS
def test_vlmevalkit_pope(vlmevalkit, judged_alike, made):
    bench = made("pope")
    found = bench.score("vlmevalkit")
    each, sums = vlmevalkit(bench, found, answer=capitalised)
    judged_alike(found, [bool(s.values["correct"]) for s in found.scores], [e[0] for e in each])
    ours = [(score.answer or "unknown").capitalize() for score in found.scores]
    judged_alike(found, ours, [e[1] for e in each])
    names = {"accuracy": "acc", "precision": "precision", "recall": "recall", "f1": "Overall"}
    for place, split in enumerate(sums["split"]):
        slices = found.result.breakdowns["category"]
        held = slices.get(split) or {name: value(found, name) for name in names}
        assert (split == "Overall") == (split not in slices)
        assert {n: 100 * held[n] for n in names} == {n: sums[names[n]][place] for n in names}


@SEEDS
def test_vlmevalkit_mme(vlmevalkit, judged_alike, made):
    bench = made("mme")
    found = bench.score("vlmevalkit")
    each, sums = vlmevalkit(bench, found, answer=capitalised)
    judged_alike(found, [bool(s.values["correct"]) for s in found.scores], [e[0] for e in each])
    assert [value(found, "perception")] == sums["perception"]
    assert [value(found, "cognition")] == sums["reasoning"]
    for subtask, slices in found.result.breakdowns["subtask"].items():
        assert [slices["score"]] == sums[subtask]


@SEEDS
@pytest.mark.parametrize("task", ["vqav2", "textvqa", "gqa"])
def test_vlmevalkit_means(vlmevalkit, judged_alike, made, task):
    bench = made(task)
    found = bench.score("vlmevalkit")
    listed = {} if task == "gqa" else {"answer": lambda row: str(list(map(said, row["answers"])))}
    each, sums = vlmevalkit(bench, found, **listed)
    held = "correct" if task == "gqa" else "score"
    judged_alike(found, [score.values[held] for score in found.scores], each)
    assert [100 * value(found, "accuracy")] == sums["Overall"]


def said(person: Mapping[str, Any] | str) -> str:
    return person if isinstance(person, str) else person["answer"]
