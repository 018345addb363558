"""`.ci/run` and README.md give the same commands, and the pinned set covers what they install."""

import re
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def command(name):
    (found,) = re.findall(rf'^{name}="(.+)"$', CI, re.MULTILINE)
    return found


@pytest.mark.parametrize("name", ["setup", "tests"])
def test_the_commands_of_ci_stand_in_the_readme(name):
    assert command(name) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_is_a_script_that_bash_can_read():
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_tested_set_pins_everything_that_evalkit_asks_for():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pins["torch"] == "2.13.0"
    asked = {normal(re.split(r"[^\w.-]", r, maxsplit=1)[0]) for r in requires("evalkit-vlm")}
    others = {"evalkit-vlm", "lmms-eval", "mlflow", "tensorboard", "wandb"}  # extras outside `all`
    assert asked - others <= {normal(name) for name in pins}
