"""lmms-eval's rules: evalkit's protocol beside its own functions, sample by sample and in total."""

import json

import pytest

from evalkit.rescore import Scored

pytestmark = pytest.mark.official
SEEDS = pytest.mark.parametrize("seed", range(2))
# What `process_results` of its `api/task.py` does: answers are stripped before a task sees them.
LMMS_EVAL = """
import json, sys
from importlib import import_module
from lmms_eval.api.metrics import exact_match_hf_evaluate, mean
name, process, totals = json.loads(sys.argv[1])
module = import_module(f"lmms_eval.tasks.{name}.utils")

def judge(doc, text):
    if process:
        return getattr(module, process)(doc, [text.strip()])
    given = {"predictions": [text.strip()], "references": [doc["answer"]]}
    found = exact_match_hf_evaluate(**given, ignore_case=True, ignore_punctuation=True)
    return {"exact_match": float(found["exact_match"])}

judged = [judge(doc, text) for doc, text in json.load(sys.stdin)]
held = {}
for found in judged:
    found.pop("submission", None)
    for key, value in found.items():
        held.setdefault(key, []).append(value)
sums = {k: (getattr(module, totals[k]) if k in totals else mean)(v) for k, v in held.items()}
print(json.dumps([[next(iter(found.values())) for found in judged], sums]))
"""
POPE_TOTALS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1_score",
    "yes_ratio": "yes_ratio",
}


@pytest.fixture
def lmms_eval(pytestconfig, answered):
    """Asks lmms-eval about (row, text) pairs: what it makes of each, and its totals."""
    python = pytestconfig.getoption("official_lmms_eval")
    if python is None:
        pytest.skip("--official-lmms-eval PYTHON names no Python that has lmms_eval")

    def ask(bench, found: Scored, process: str, **totals: str) -> tuple[list, dict]:
        given = json.dumps([bench.task, process, totals])
        return answered([python, "-c", LMMS_EVAL, given], bench.asked(found))

    return ask


def value(found: Scored, name: str) -> float:
    return found.result.metrics[name].value


@SEEDS
def test_lmms_eval_pope(lmms_eval, judged_alike, made):
    bench = made("pope")
    found = bench.score("lmms-eval")
    names = {f"pope_{name}": f"pope_aggregate_{name}" for name in POPE_TOTALS.values()}
    each, sums = lmms_eval(bench, found, "pope_process_results", **names)
    judged_alike(found, [s.values["correct"] for s in found.scores], [e["score"] for e in each])
    read = [e["prediction"] if e["prediction"] in ("yes", "no") else None for e in each]
    judged_alike(found, [s.answer for s in found.scores], read)
    assert {n: value(found, n) for n in POPE_TOTALS} == {
        name: sums[f"pope_{theirs}"] for name, theirs in POPE_TOTALS.items()
    }


@SEEDS
def test_lmms_eval_mme(lmms_eval, judged_alike, made):
    bench = made("mme")
    found = bench.score("lmms-eval")
    names = ("perception", "cognition")
    totals = {f"mme_{name}_score": "mme_aggregate_results" for name in names}
    each, sums = lmms_eval(bench, found, "mme_process_results", **totals)
    judged_alike(found, [s.values["correct"] for s in found.scores], [e["score"] for e in each])
    assert {n: value(found, n) for n in names} == {n: sums[f"mme_{n}_score"] for n in names}


@SEEDS
@pytest.mark.parametrize(
    ("task", "process"),
    [
        ("vqav2", "vqav2_process_results"),
        ("textvqa", "textvqa_process_results"),
        ("scienceqa", "sqa_process_results"),
        ("gqa", ""),
    ],
)
def test_lmms_eval_means(lmms_eval, judged_alike, made, task, process):
    bench = made(task)
    found = bench.score("lmms-eval")
    each, sums = lmms_eval(bench, found, process)
    held = "score" if "vqa" in task else "correct"
    judged_alike(found, [score.values[held] for score in found.scores], each)
    assert value(found, "accuracy") == sums["exact_match"]
