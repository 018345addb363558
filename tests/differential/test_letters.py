"""Letters as lmms-eval and VLMEvalKit read them, against their own functions."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.answers.letter import lmms_eval_mmvp_letter, lmms_eval_scienceqa_letter
from evalkit.answers.option import option

pytestmark = pytest.mark.official

WORDS = (
    *("A", "B", "C", "D", "E", "F", "Z", "a", "b", "(A)", "(b)", "A.", "B.", "b)", "**C**", "A:"),
    *("answer is", "The answer is", "the correct answer is", "Option", "option", "or", "and"),
    *("Open", "closed", "a butterfly", "banana", "it", "not", "light green", "green", "12"),
    *(
        "Failed to obtain answer via API",
        "Cannot determine the answer",
        "I can't process this file.",
    ),
    *(
        "\u00e9",
        "\u3002",
        "\u00a0",
        "\u2028",
        "\u017f",
        "\u212a",
        "\u0130",
        "\x1f",
        "\x00",
        "\n",
        "\t",
    ),
)
CHOICE_SETS = (
    ("Open", "Closed"),
    ("green", "light green", "red"),
    ("yes", "no", "12", "1"),
    ("\u0130", "A", "b", "c", "the answer is"),
)
_LMMS_EVAL = """
import json, sys
from lmms_eval.tasks.mmvp.utils import _extract_answer_letter
from lmms_eval.tasks.scienceqa.utils import sqa_process_results
texts = json.load(sys.stdin)
right = lambda text, n: sqa_process_results({"choices": "ABCDE", "answer": n}, [text])
print(json.dumps({
    "mmvp": [_extract_answer_letter(text) for text in texts],
    "scienceqa": [[right(t, n)["exact_match"] for n in range(5)] for t in texts],
}))
"""
# The module alone: the package's own import wants all that its models want.
_VLMEVALKIT = """
import importlib.util, json, logging, sys, types
for name in ("vlmeval", "vlmeval.smp", "vlmeval.smp.log"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["vlmeval.smp.log"].get_logger = logging.getLogger
spec = importlib.util.spec_from_file_location("matching", sys.argv[1])
matching = importlib.util.module_from_spec(spec)
spec.loader.exec_module(matching)
print(json.dumps([
    matching.can_infer(text, dict(zip("ABCDE", choices))) for text, choices in json.load(sys.stdin)
]))
"""


def made_up(seed: int, n: int) -> list[str]:
    dice = random.Random(seed)
    longest = (1, 2, 3, 4, 6, 9, 30)
    return [
        dice.choice(("", " ", " ", " ")).join(dice.choices(WORDS, k=dice.choice(longest)))
        for _ in range(n)
    ]


def theirs(command: list[str], asked: list) -> object:
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_lmms_eval(pytestconfig):
    python = pytestconfig.getoption("official_lmms_eval")
    if python is None:
        pytest.skip("--official-lmms-eval PYTHON names no Python that has lmms_eval")
    texts = made_up(1, 5_000)
    found = theirs([python, "-c", _LMMS_EVAL], texts)
    ours = [lmms_eval_mmvp_letter(text).answer or "" for text in texts]
    assert dict(zip(texts, ours, strict=True)) == dict(zip(texts, found["mmvp"], strict=True))
    for text, right in zip(texts, found["scienceqa"], strict=True):
        letter = lmms_eval_scienceqa_letter(text).answer
        assert [float(letter == x) for x in "ABCDE"] == right, text


def test_vlmevalkit(pytestconfig):
    folder = pytestconfig.getoption("official_vlmevalkit")
    if folder is None:
        pytest.skip("--official-vlmevalkit DIR names no checkout of VLMEvalKit")
    module = Path(folder) / "vlmeval" / "utils" / "matching_util.py"
    dice = random.Random(2)
    asked = [(text, dice.choice(CHOICE_SETS)) for text in made_up(3, 5_000)]
    found = theirs([sys.executable, "-c", _VLMEVALKIT, str(module)], asked)
    for (text, choices), letter in zip(asked, found, strict=True):
        # Z is no choice, and no inference: both are wrong under the policy exact_matching.
        expected = None if letter in (False, "Z") else letter
        assert option(text, choices).answer == expected, (text, choices)
