"""What tests of the viewer start from: runs, and a run in which everything is hostile."""

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from evalkit.cli.view import _library
from evalkit.view.server import application

TOKEN = "the-token"  # noqa: S105 - opens nothing

HOSTILE = (
    "<script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "'><svg/onload=window.owned=1>",
    "</script><script>window.owned=1</script>",
    "</style><body onload=window.owned=1>",
    "]]><!--<script>window.owned=1</script>",
    "[click](javascript:window.owned=1) ![x](http://127.0.0.1:9/x.png)",
    "javascript:window.owned=1",
    "<a href='javascript:window.owned=1'>x</a>",
    "\x1b[31mred\x1b]8;;http://127.0.0.1:9\x07link\x1b]8;;\x07",
    "left \u202e thgir \u2066 \u200b zero",
    "NUL \x00 and bell \x07",
    "&lt;script&gt;window.owned=1&lt;/script&gt; &amp;#60;",
    "{{ 7 * 7 }} {% raw %} ${7*7} <%= 7*7 %>",
    "!pictures ::error::stop ##[error]stop",
    "\u2028window.owned=1\u2029",
    "long " + "x" * 1_000_000,
    "<iframe srcdoc='<script>parent.owned=1</script>'></iframe>",
)
"""Texts that must be shown and do nothing."""

TASK = '''"""hostile: every text of it is somebody's attack.

No paper; a text is its own answer.
"""

from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Task


def to_sample(row):
    return Sample(
        id=row["id"],
        question=row["text"],
        choices=(row["text"],),
        targets=(row["text"],),
        cluster=row["id"],
        group=row["text"],
        tags={"kind": row["text"]},
    )


def score(sample, text):
    if text is None:
        return Outcome(answer=None, values={"correct": 0.0})
    right = float(text == sample.targets[0])
    return Outcome(answer=text + "!", values={"correct": right}, rule=text[:99], ambiguous=True)


TASK = Task(
    name="hostile",
    version=1,
    dataset=DatasetRef(
        repositories=("nobody/hostile",), split="test", columns=("id", "text"), rows=ROWS
    ),
    to_sample=to_sample,
    prompts={"plain": Prompt(template="{{ question }} <b>{{ choices[0] }}</b>")},
    generation=Generation(max_new_tokens=4),
    score=score,
    metrics=(accuracy(),),
    headline=("accuracy",),
    breakdowns=("kind",),
)
'''


@pytest.fixture(scope="session")
def made(evalkit, toy_of, tmp_path_factory):
    """Two runs of the toy task in results/, and the toy."""
    folder = tmp_path_factory.mktemp("made")
    toy_of(folder / "toy")
    options = ("--task-path", "toy/toy.py", "--data", "toy/data")
    for model, name in (("dummy:hash", "one"), ("dummy:constant,text=yes", "two")):
        done = evalkit("run", "toy", "--model", model, "--name", name, *options, cwd=folder)
        assert done.code == 0, done.err
    return folder


@pytest.fixture
def place(made, tmp_path):
    """A folder of one's own with the two runs."""
    return Path(shutil.copytree(made, tmp_path / "place"))


@pytest.fixture(scope="session")
def hostile(evalkit, tmp_path_factory):
    """A folder with a run in which ids, questions, targets, tags, rules and answers are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.py").write_text(TASK.replace("ROWS", str(len(HOSTILE))))
    data = folder / "data" / "hostile"
    data.mkdir(parents=True)
    ids = [f"{i} {text[:90]}" for i, text in enumerate(HOSTILE)]
    rows = [{"id": i, "text": text} for i, text in zip(ids, HOSTILE, strict=True)]
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [{"sample_id": row["id"], "text": row["text"]} for row in rows[1:]]
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    words = ("--model", "replay:said.jsonl", "--task-path", "hostile.py", "--data", "data")
    done = evalkit("run", "hostile", *words, "--name", "h", cwd=folder)
    assert done.code == 12, done.err  # the first sample has no answer
    return folder


@pytest.fixture
def client_of(monkeypatch):
    """A browser without a screen, by (folder, runs): it has the token."""

    def made(folder, *names, **options):
        monkeypatch.chdir(folder)
        app = application(_library(names, None, ()), TOKEN)
        client = TestClient(app, base_url="http://127.0.0.1:80", **options)
        client.headers["x-evalkit-token"] = TOKEN
        return client

    return made


@pytest.fixture
def key_of():
    """The key that names a run in addresses, by its folder."""
    return lambda folder: json.loads((folder / "run.json").read_text())["digest"][:12]
