"""The demo's gate, as .ci/gate has it: the good checkpoint passes, the damaged one does not."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASELINES = ROOT / "results" / "baselines"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def judged(evalkit, tmp_path_factory):
    """What the gate says of each checkpoint, with its pages."""
    folder = tmp_path_factory.mktemp("demo")

    def gate(model):
        done = evalkit("run", "demo", "--model", model, "--out", folder, "--name", "gate")
        assert done.code == 0, done.err
        pages = {form: folder / f"{model}.{form}" for form in ("junit", "markdown", "json")}
        outs = [word for form, path in pages.items() for word in ("--out", f"{form}={path}")]
        done = evalkit(
            *(
                "gate",
                "--baseline",
                BASELINES / "demo.json",
                "--candidate",
                folder / model / "gate",
            ),
            *("--policy", BASELINES / "demo.toml", *outs),
        )
        return done, pages

    return {model: gate(model) for model in ("demo", "demo-early")}


def test_the_good_checkpoint_passes_and_the_damaged_one_is_a_regression(judged):
    assert {model: done.code for model, (done, _) in judged.items()} == {
        "demo": 0,
        "demo-early": 10,
    }
    found = json.loads(judged["demo-early"][1]["json"].read_text())
    worse = [j["task"] for j in found["judgements"] if j["verdict"] == "regression"]
    assert {"mme", "pope", "textvqa", "scienceqa"} <= set(worse)
    assert len(found["flips"]) == 10


def test_its_junit_pages_are_valid(judged):
    etree = pytest.importorskip("lxml.etree", reason="lxml (extra dev) reads the schema")
    schema = etree.XMLSchema(etree.parse(str(Path(__file__).with_name("junit.xsd"))))
    for _, pages in judged.values():
        page = etree.parse(str(pages["junit"]))
        schema.assertValid(page)
        assert len(page.findall(".//testcase")) == 8


def test_its_comments_open_with_the_verdict(judged):
    good, early = (judged[model][1]["markdown"].read_text() for model in ("demo", "demo-early"))
    assert good.startswith("> [!TIP]\n> **Pass: 8 of 8 rules that count hold.**\n")
    assert early.startswith("> [!CAUTION]\n> **Regression: ")
    assert "**The 10 worst flips**" in early


def test_ci_gates_the_demo_with_the_same_files():
    script = (ROOT / ".ci" / "gate").read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "gate").stat().st_mode & 0o111
    assert 'check ".ci/gate"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(r"results/baselines/[\w.]+", script)) == {
        f"results/baselines/{name}" for name in ("demo.json", "demo.toml")
    }
    assert script.rstrip().endswith("gated demo 0 && gated demo-early 10")
