"""action.yml, parsed, and its shell steps run one after another as GitHub's runner runs them.

Setting up Python, installing and uploading are the runner's; comments go to a server on 127.0.0.1,
by gh where it is installed, else by a stand-in (tests/servers/gh.py).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
DROP = '[[rule]]\ntask = "sight"\nmax_drop = 0.05\n'
OTHERS = "<!-- evalkit gate: default -->\nPass"


# The file


def test_every_input_and_output_says_what_it_is_and_is_used():
    text = yaml.safe_dump(ACTION["runs"])
    for name, about in ACTION["inputs"].items():
        assert about["description"].strip().endswith((".", "..."))
        assert about.get("required") or "default" in about
        assert f"inputs.{name}" in text, name
    for name, about in ACTION["outputs"].items():
        assert about["description"].strip()
        step, output = re.fullmatch(
            r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) }}", about["value"]
        ).groups()
        (script,) = [s["run"] for s in STEPS if s.get("id") == step]
        assert f'echo "{output}=' in script, name


def test_no_script_holds_what_others_can_write():
    for step in STEPS:
        if "run" in step:
            assert step["shell"] == "bash"
            assert "${{" not in step["run"], step["name"]
            used = set(re.findall(r"\b[A-Z][A-Z_]+\b", step["run"]))
            assert set(step.get("env", {})) <= used | {"GH_TOKEN", "AUTHOR", "MARK"}


def test_actions_of_others_are_github_s_own_and_have_a_version():
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert len(used) == 2
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", name) for name in used)


def test_the_workflow_in_the_readme_fits():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(
        r"^```yaml\n(# \.github/workflows.*?)^```$", readme, re.MULTILINE | re.DOTALL
    )
    workflow = yaml.safe_load(text)
    assert workflow["permissions"]["pull-requests"] == "write"
    *_, step = workflow["jobs"]["gate"]["steps"]
    given = step["with"]
    assert set(given) <= set(ACTION["inputs"])
    assert {name for name, about in ACTION["inputs"].items() if about.get("required")} <= set(given)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="needs shellcheck")
@pytest.mark.parametrize("step", [s for s in STEPS if "run" in s], ids=lambda s: s["name"])
def test_shellcheck_finds_nothing(step):
    done = subprocess.run(
        ["shellcheck", "--severity=warning", "--shell=bash", "-"],
        input=step["run"],
        text=True,
        check=False,
    )
    assert done.returncode == 0


# The steps


@dataclass
class Runner:
    """A runner of one job."""

    folder: Path
    environment: dict[str, str]
    steps: dict = field(default_factory=dict)
    log: str = ""

    def run(self, inputs, number=7):
        """Run the action; gives the job's exit code."""
        defaults = {name: str(about.get("default", "")) for name, about in ACTION["inputs"].items()}
        self.known = {f"inputs.{k}": v for k, v in (defaults | inputs).items()}
        self.known |= {"github.token": "tok", "github.event.pull_request.number": str(number)}
        self.known["inputs.token"] = self.value(self.known["inputs.token"])
        for step in STEPS:
            if "run" in step and step.get("id") != "install" and self.holds(step.get("if", "")):
                code = self.step(step)
                if code:
                    return code
        return 0

    def step(self, step):
        output = self.folder / "output"
        output.write_text("")
        given = {name: self.value(text) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            [*SHELL, self.script(step["run"])],
            env=self.environment | given | {"GITHUB_OUTPUT": str(output)},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.log += done.stdout
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.known[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode

    def script(self, text):
        path = self.folder / "step.sh"
        path.write_text(text)
        return path

    def value(self, text):
        return re.sub(r"\$\{\{ ([\w.-]+) }}", lambda m: self.known.get(m.group(1), ""), text)

    def holds(self, condition):
        for part in filter(None, condition.split(" && ")):
            name, sign, word = re.fullmatch(r"([\w.-]+) (==|!=) '(.*)'", part).groups()
            if (self.known.get(name, "") == word) != (sign == "=="):
                return False
        return True

    @property
    def summary(self):
        return (self.folder / "summary.md").read_text()


@pytest.fixture
def runner(tmp_path):
    """A runner whose `evalkit` and `gh` are there, and the server of comments."""
    tools = tmp_path / "tools"
    tools.mkdir()
    programs = {"evalkit": f'{sys.executable} -m evalkit "$@"'}
    if not shutil.which("gh"):
        if not shutil.which("jq"):
            pytest.skip("needs gh, or jq")
        programs["gh"] = f'{sys.executable} {ROOT / "tests" / "servers" / "gh.py"} "$@"'
    for name, line in programs.items():
        (tools / name).write_text(f"#!/bin/sh\nexec {line}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "gate.toml").write_text(DROP)
    (tmp_path / "summary.md").write_text("")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")},
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "42",
        "GH_HOST": "github.localhost",
    }
    return Runner(tmp_path, environment)


@pytest.fixture
def serving(comment_server, runner):
    """Serves comments to the runner's gh."""

    def serve(*comments, **words):
        server = comment_server(comments, **words)
        server.__enter__()
        runner.environment["HTTP_PROXY"] = runner.environment["http_proxy"] = server.url
        servers.append(server)
        return server

    servers = []
    yield serve
    for server in servers:
        server.__exit__()


@pytest.fixture(scope="module")
def bad(single):
    return single.run("bad-in-action", lambda i: "perhaps" if i % 5 == 0 else single.gold(i))


def given(single, baseline, candidate="", **inputs):
    return {
        "baseline": str(baseline),
        "candidate": str(candidate),
        "policy": "gate.toml",
        "task-path": str(single.folder / "sight.py"),
        **{name.replace("_", "-"): value for name, value in inputs.items()},
    }


def test_a_regression_is_said_everywhere_and_keeps_its_exit_code(
    single, good, bad, runner, serving
):
    server = serving(("ann", "Nice!"), ("eve", OTHERS), ("ann", "And?"))
    assert runner.run(given(single, good, bad)) == 10
    assert runner.log.startswith("::error file=gate.toml,title=evalkit gate%3A regression::")
    assert runner.known["steps.gate.outputs.verdict"] == "regression"
    assert runner.known["steps.gate.outputs.code"] == "10"
    pages = Path(runner.known["steps.prepare.outputs.pages"])
    assert {"gate.xml", "gate.json", "gate.md"} <= {p.name for p in pages.iterdir()}
    assert runner.summary == (pages / "gate.md").read_text() + "\n"
    assert [c["user"]["login"] for c in server.comments] == [
        *("ann", "eve", "ann", "github-actions[bot]")
    ]
    assert server.comments[1]["body"] == OTHERS  # another's words are left alone
    mark, alert, title, *_ = server.comments[-1]["body"].splitlines()
    assert (mark, alert) == ("<!-- evalkit gate: default -->", "> [!CAUTION]")
    assert title.startswith("> **Regression: sight accuracy")
    assert set(server.tokens) == {"token tok"}

    again = single.run("good", lambda i: single.wrong(i) if i % 10 == 0 else single.gold(i))
    assert runner.run(given(single, good, again)) == 0
    assert len(server.comments) == 4
    assert "> **Pass: 1 of 1 rule" in server.comments[-1]["body"]
    assert "Regression" not in server.comments[-1]["body"]
    assert runner.run(given(single, good, again, comment_key="nightly")) == 0
    assert len(server.comments) == 5


def test_a_task_list_is_run_and_what_failed_is_the_gate_s_to_judge(single, good, runner, serving):
    serving()
    said = single.folder / good.name / "said"
    data = said.with_name("data")
    options = f"--data {data}\n  --limit 1000"
    inputs = given(single, good, tasks="sight\n", model=f"replay:{said}", run_options=options)
    assert runner.run(inputs) == 0, runner.log
    run = Path(runner.known["steps.run.outputs.candidate"])
    assert json.loads((run / "run.json").read_text())["name"] == "candidate"
    (runner.folder / "less").mkdir()
    lines = (said / "sight.jsonl").read_text().splitlines(keepends=True)
    (runner.folder / "less" / "sight.jsonl").write_text("".join(lines[:400]))
    assert runner.run(inputs | {"model": f"replay:{runner.folder / 'less'}"}) == 10, runner.log
    assert "600 of 1,000 samples failed" in runner.summary


def test_a_run_with_a_gate_of_its_own_is_gated(single, good, runner, serving):
    """`run --gate --sequential` ends with a verdict, which is no reason to give none."""
    server = serving()
    data = single.folder / good.name / "data"
    options = f"--data {data} --gate gate.toml --baseline {good} --sequential"
    inputs = given(single, good, tasks="sight", run_options=options)
    assert runner.run(inputs | {"model": "dummy:constant,text=yes"}) == 10, runner.log
    assert runner.known["steps.run.outputs.code"] == "10"
    assert runner.known["steps.gate.outputs.verdict"] == "regression"
    (comment,) = server.comments
    assert "**Regression: sight accuracy" in comment["body"]
    assert "No verdict" not in runner.log
    (runner.folder / "gate.toml").write_text(DROP.replace("0.05", "0.001"))
    said = single.folder / good.name / "said"
    assert runner.run(inputs | {"model": f"replay:{said}"}) == 11, runner.log
    assert runner.known["steps.run.outputs.code"] == "11"
    assert runner.known["steps.gate.outputs.verdict"] == "inconclusive"


def test_a_gate_that_cannot_judge_leaves_no_older_verdict_standing(
    single, good, again, runner, serving
):
    server = serving()
    assert runner.run(given(single, good, again)) == 0
    (runner.folder / "gate.toml").write_text("alpha = 7\n")
    assert runner.run(given(single, good, again)) == 2
    assert "evalkit: The policy gate.toml sets alpha = 7" in runner.log
    assert (
        "::error title=evalkit gate::No verdict: evalkit gate ended with exit code 2." in runner.log
    )
    (comment,) = server.comments
    assert "**No verdict**: `evalkit gate` ended with exit code 2" in comment["body"]
    assert "https://github.com/o/r/actions/runs/42" in comment["body"]
    assert runner.known["steps.gate.outputs.verdict"] == ""
    assert runner.run(given(single, good, tasks="nosuchtask")) == 2
    assert "`evalkit run` ended with exit code 2" in server.comments[0]["body"]


def test_a_comment_that_cannot_be_written_is_a_warning(single, good, bad, runner, serving):
    server = serving(refuses=True)
    assert runner.run(given(single, good, bad)) == 10
    assert "::warning title=evalkit gate::The comment could not be written" in runner.log
    assert not server.comments


def test_outside_a_pull_request_nothing_is_asked(single, good, again, runner, serving):
    server = serving()
    assert runner.run(given(single, good, again), number="") == 0
    assert runner.run(given(single, good, again, comment="false")) == 0
    assert not server.tokens
    assert "Pass" in runner.summary


def test_inputs_are_data_and_no_commands(single, good, runner, serving):
    serving()
    for name in ("tasks", "model", "run-options", "allow", "policy", "baseline", "comment-key"):
        code = runner.run(given(single, good) | {"tasks": "sight", name: '$(touch x); touch x "'})
        assert code == 2
    assert not (runner.folder / "x").exists()


def test_a_comment_is_never_longer_than_github_takes(single, good, again, runner, serving):
    server = serving()
    step = next(step for step in STEPS if step.get("name") == "Comment")
    assert runner.run(given(single, good, again, comment="false")) == 0
    page = Path(runner.known["steps.prepare.outputs.pages"]) / "gate.md"
    page.write_text("> **Pass**\n" + "é" * 70 + "\n" + ("é" * 70 + "\n") * 1000, encoding="utf-8")
    assert runner.step(step) == 0
    body = server.comments[0]["body"]
    assert 60_000 < len(body.encode()) < 65_536
    assert "\ufffd" not in body
    assert body.endswith("all of it is in the summary of the job.\n")
