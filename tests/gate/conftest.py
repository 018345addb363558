"""Verdicts made by hand, for what only looks at them; and runs, for what is gated."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import made_comparisons
import pytest

from evalkit.comparison import Flip, Side
from evalkit.errors import ExitCode
from evalkit.verdicts import GateResult, Judgement


def _judgement(**changed) -> Judgement:
    given = {
        "task": "pope",
        "metric": "macro_f1",
        "rule": "max_drop",
        "tier": "critical",
        "verdict": "pass",
        "counts": True,
        "baseline": 0.86,
        "candidate": 0.8588,
        "damage": 0.0012,
        "low": -0.0031,
        "high": 0.0055,
        "margin": 0.01,
        "alpha": 0.05,
        "p": 0.9993,
        "adjusted": 1.0,
        "method": "paired cluster bootstrap",
        "n": 9000,
        "clusters": 500,
        "discordant": 31,
        "detectable": 0.0065,
        "needed": None,
        "waiver": "",
        "reason": "The damage is at most 0.0055, within the margin.",
        "maximum": 1.0,
    }
    return Judgement(**(given | changed))


def _result(*judgements: Judgement, **changed) -> GateResult:
    given = {
        "verdict": "pass",
        "exit_code": ExitCode.OK,
        "baseline": made_comparisons.side(),
        "candidate": made_comparisons.side("results/m/new", run="new"),
        "policy": "ab" * 32,
        "power": 0.8,
        "family": "holm",
        "inconclusive": "fail",
        "judgements": judgements,
        "flips": (),
        "waived": (),
        "notes": (),
    }
    return GateResult(**(given | changed))


@pytest.fixture(autouse=True)
def below(monkeypatch, tmp_path_factory):
    """Runs are below the current folder, as in a project: a record's own task files are taken."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())


@pytest.fixture
def judgement() -> Callable[..., Judgement]:
    return _judgement


@pytest.fixture
def side() -> Callable[..., Side]:
    return made_comparisons.side


@pytest.fixture
def flip() -> Callable[..., Flip]:
    return made_comparisons.flip


@pytest.fixture
def result() -> Callable[..., GateResult]:
    return _result


SIGHT = '''"""sight: is it there? A task for tests of the gate; its rows name their clusters.

No paper; exact match.
"""

from evalkit.metrics import accuracy, group_accuracy, precision_recall_f1
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Task


def to_sample(row):
    return Sample(
        id=row["id"],
        question=row["question"],
        targets=(row["answer"],),
        group=row["pair"],
        cluster=row["picture"],
    )


def score(sample, text):
    wanted = sample.targets[0] == "yes"
    said = not wanted if text is None else text == "yes"
    right = text == ("yes" if wanted else "no")
    return Outcome(
        answer=text if text in ("yes", "no") else None,
        values={
            "correct": float(right),
            "tp": float(wanted and said),
            "fp": float(not wanted and said),
            "tn": float(not wanted and not said),
            "fn": float(wanted and not said),
            "yes": float(said),
        },
    )


TASK = Task(
    name="sight",
    version=1,
    dataset=DatasetRef(
        repositories=("nobody/sight",),
        split="test",
        columns=("id", "question", "answer", "pair", "picture"),
        rows=ROWS,
    ),
    to_sample=to_sample,
    prompts={"plain": Prompt(template="{{ question }}"), "odd": Prompt(template="?")},
    generation=Generation(max_new_tokens=4),
    score=score,
    metrics=(accuracy(), *precision_recall_f1(), group_accuracy("pairs")),
    headline=("accuracy",),
    variants={f"v{i}": {"version": 1} for i in range(10)},
)
'''


@dataclass(frozen=True, eq=False)
class Sight:
    """The task `sight` with some rows, and runs on it by what was answered."""

    folder: Path
    evalkit: Callable
    rows: list[dict]

    @property
    def results(self):
        """Where runs are: not beside the task file, which would then not be a record's to name."""
        return self.folder.with_name(f"{self.folder.name}-results")

    def gold(self, i):
        return self.rows[i]["answer"]

    def wrong(self, i):
        return "no" if self.gold(i) == "yes" else "yes"

    def run(self, name, answers, *words, rows=None, tasks=("sight",)):
        """A run's folder; `answers` maps a row's number to what is said, None being a failure.

        `rows` are other data than the fixture's; their ids end in a number of four digits.
        """
        name = f"{name}-{len(list(self.folder.iterdir()))}"
        data = self.folder / name / "data"
        for task in {task.partition(":")[0] for task in tasks}:
            (data / task).mkdir(parents=True)
            lines = (json.dumps(row) + "\n" for row in (rows or self.rows))
            (data / task / "test.jsonl").write_text("".join(lines))
        said = self.folder / name / "said"
        said.mkdir()
        texts = {row["id"]: answers(int(row["id"][-4:])) for row in (rows or self.rows)}
        lines = [json.dumps({"id": k, "text": t}) for k, t in texts.items() if t is not None]
        for task in tasks:
            (said / f"{task.replace(':', '-')}.jsonl").write_text("\n".join(lines) + "\n")
        done = self.evalkit(
            *("run", *tasks, "--model", f"replay:{said}", "--data", data, "--name", name),
            *("--task-path", self.folder / "sight.py", "--out", self.results, *words),
        )
        assert done.code in (0, 12), done.err
        return self.results / "said" / name


def _sight(evalkit, folder, rows) -> Sight:
    (folder / "sight.py").write_text(SIGHT.replace("ROWS", str(len(rows))))
    return Sight(folder, evalkit, rows)


def _rows(number, per_picture):
    return [
        {
            "id": f"q{i:04}",
            "question": f"Is {i} there?",
            "answer": "no" if i % 2 else "yes",
            "pair": f"p{i // 2}",
            "picture": f"c{i // per_picture}",
        }
        for i in range(number)
    ]


@pytest.fixture(scope="session")
def single(evalkit, tmp_path_factory) -> Sight:
    """1,000 questions, two about each picture."""
    return _sight(evalkit, tmp_path_factory.mktemp("single"), _rows(1000, 2))


@pytest.fixture(scope="session")
def good(single) -> Path:
    """A baseline that is right but on every tenth question."""
    return single.run("good", lambda i: single.wrong(i) if i % 10 == 0 else single.gold(i))


@pytest.fixture(scope="session")
def again(single) -> Path:
    """A rerun of the baseline, which says the same."""
    return single.run("good", lambda i: single.wrong(i) if i % 10 == 0 else single.gold(i))


@pytest.fixture(scope="session")
def crowded(evalkit, tmp_path_factory) -> Sight:
    """1,000 questions about 50 pictures."""
    return _sight(evalkit, tmp_path_factory.mktemp("crowded"), _rows(1000, 20))


@pytest.fixture(scope="session")
def sight_of(evalkit, tmp_path_factory) -> Callable[[int, int], Sight]:
    """Makes the task with so many questions, and so many of them about each picture."""

    def made(questions, per_picture):
        return _sight(evalkit, tmp_path_factory.mktemp("sight"), _rows(questions, per_picture))

    return made


@pytest.fixture
def gate(evalkit, tmp_path):
    """Gates a candidate by a policy's text; gives what was done, with `page` for JSON."""

    def run(baseline, candidate, policy, *words, **environment):
        (tmp_path / "gate.toml").write_text(policy)
        runs = ("--baseline", baseline, "--candidate", candidate)
        return evalkit("gate", *runs, "--policy", tmp_path / "gate.toml", *words, **environment)

    return run
