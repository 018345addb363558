"""What tests start from: evalkit as a user starts it, and a toy task with rows and pictures."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# How long an example takes says what else the machine does.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


def _module(place: str):
    """A module beside this file, for others to import by its name: tests are not on the path."""
    path = Path(__file__).parent / f"{place}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up, too
    spec.loader.exec_module(module)
    return module


for _name in ("made_records", "made_comparisons"):
    _module(_name)

OFFICIAL = {
    "gqa": "GQA's eval.py",
    "vqa": "a checkout of GT-Vision-Lab/VQA",
    "llava": "a checkout of haotian-liu/LLaVA",
    "vlmevalkit": "a checkout of VLMEvalKit",
    "lmms-eval": "a Python that has lmms-eval",
}


def pytest_addoption(parser):
    for name, what in OFFICIAL.items():
        parser.addoption(f"--official-{name}", metavar="PATH", help=f"{what}, for -m official")


PIECES = (
    *("yes", "Yes", "YES", "yes.", "Yes,", "no", "No", "NO", "No.", "not", "Not", "none", "know"),
    *(
        "A",
        "B",
        "C",
        "a",
        "(a)",
        "(B)",
        "A.",
        "b)",
        "The answer is A.",
        "The answer is",
        "Option b",
    ),
    *(
        "dog",
        "Dog.",
        "the dog",
        "a",
        "an",
        "the",
        "two",
        "2",
        "1,000",
        "1.5",
        ".5",
        "5.",
        "t-shirt",
    ),
    *("dont", "don't", "Im", "let's", "dog's", "o'clock", "somebody'd", "it is", "there is no"),
    *(
        ".",
        ",",
        "!",
        "?",
        ";",
        ":",
        "/",
        "-",
        "_",
        "`",
        "'",
        '"',
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "@",
    ),
    *("", " ", "  ", "\n", "\t", "\r", "\x0b", "\x00", "\x1c", "\x7f", "\xa0", "\u180e", "\u200b"),
    *(
        "\u2028",
        "\u3000",
        "\ufeff",
        "\u202e",
        "İ",
        "Σ",
        "ΑΣ",
        "ß",
        "é",
        "e\u0301",
        "答案",
        "否",
        "نعم",
    ),
    *(
        "٣",
        "५",
        "①",
        "½",
        "😀",
        "👩‍👩‍👧",
        "\U0010ffff",
        "<b>yes</b>",
        "```no```",
        "</s>",
        "<image>",
        "NaN",
    ),
    *(
        "null",
        "[]",
        "{}",
        "%s",
        "{{ x }}",
        "$(ls)",
        "'; DROP",
        "\\",
        "\\n",
        "I'm sorry, but I can't",
    ),
)
"""What odd answers are made of."""


@pytest.fixture(scope="session")
def odd_texts() -> Callable[[int, int], list[str]]:
    """(seed, n) -> n odd answers: each piece alone first, then mixtures, some of them long."""

    def made(seed: int, n: int) -> list[str]:
        dice = random.Random(seed)
        mixed = [
            dice.choice(("", " ", " ", "\n")).join(
                dice.choices(PIECES, k=dice.choice((2, 3, 5, 9)))
            )
            for _ in range(n)
        ]
        long = [piece * 5_000 for piece in ("no ", "a,", ". ", "é")]
        return [*PIECES, *long, *mixed][:n] if n > len(PIECES) else mixed[:n]

    return made


TOY = '''"""toy: is the picture's number even? A task for tests.

No paper; exact match.
"""

from evalkit.metrics import accuracy, group_accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Task


def to_sample(row):
    return Sample(
        id=row["id"],
        question=row["question"],
        images=(row["image"],),
        targets=(row["answer"],),
        group=row["pair"],
        cluster=row["pair"],
        tags={"kind": row["kind"]},
    )


def score(sample, text):
    if text is None:
        return Outcome(answer=None, values={"correct": 0.0})
    answer = text.strip().lower()
    parsed = answer if answer in ("yes", "no") else None
    return Outcome(answer=parsed, values={"correct": float(answer == sample.targets[0])})


TASK = Task(
    name="toy",
    version=1,
    dataset=DatasetRef(
        repositories=("nobody/toy",),
        split="test",
        columns=("id", "question", "answer", "pair", "kind", "image"),
        image_columns=("image",),
        rows=ROWS,
    ),
    to_sample=to_sample,
    prompts={
        "plain": Prompt(template="{{ question }} Answer yes or no."),
        "bare": Prompt(template="{{ question }}"),
    },
    generation=Generation(max_new_tokens=4),
    score=score,
    metrics=(accuracy(), group_accuracy("pair_accuracy")),
    headline=("accuracy",),
    breakdowns=("kind",),
    variants={"short": {"generation": Generation(max_new_tokens=1)}},
)
'''


@dataclass(frozen=True)
class Toy:
    """A toy task's file, and the data folder with its rows."""

    path: Path
    data: Path
    rows: int

    @property
    def options(self) -> list[str]:
        return ["--task-path", str(self.path), "--data", str(self.data)]


def png(shade: int) -> bytes:
    """A 4 x 4 picture of one grey, made without any library."""
    raw = b"".join(b"\0" + bytes([shade] * 4) for _ in range(4))

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def make_toy(folder: Path, rows: int = 40) -> Toy:
    """Write the toy task and its rows under a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    task = folder / "toy.py"
    task.write_text(TOY.replace("ROWS", str(rows)))
    data = folder / "data" / "toy"
    data.mkdir(parents=True)
    lines = []
    for i in range(rows):
        (data / f"{i}.png").write_bytes(png(i % 256))
        row = {
            "id": f"q{i:03}",
            "question": f"Is {i} even?{' Think.' * (i % 5)}",
            "answer": "no" if i % 2 else "yes",
            "pair": f"p{i // 2}",
            "kind": "low" if i < rows // 2 else "high",
            "image": f"{i}.png",
        }
        lines.append(json.dumps(row) + "\n")
    (data / "test.jsonl").write_text("".join(lines))
    return Toy(path=task, data=folder / "data", rows=rows)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return make_toy(tmp_path / "toy")


@pytest.fixture(scope="session")
def toy_of() -> Callable[..., Toy]:
    """Makes a toy of another size: toy_of(folder, rows)."""
    return make_toy


@dataclass(frozen=True)
class Done:
    """What a finished command left behind."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict:
        return json.loads(self.out)


def _start(*words: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
    """Start the command line as a process of its own; its output's width is nobody's by default."""
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.Popen(
        [sys.executable, "-m", "evalkit", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=cwd,
        env=inherited | environment,
    )


def _evalkit(*words: object, cwd: Path | None = None, **environment: str) -> Done:
    process = _start(*words, cwd=cwd, **environment)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return Done(process.returncode, out, err)


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts the command line as a process of its own."""
    return _start


@pytest.fixture(scope="session")
def evalkit() -> Callable[..., Done]:
    """Runs the command line, waits for its end, and asserts that it showed no traceback."""
    return _evalkit


@pytest.fixture(scope="session")
def chat_server():
    """The class of a chat-completions server that misbehaves as it is told."""
    return _module("servers/chat").ChatServer


@pytest.fixture(scope="session")
def batch_server(chat_server):
    """The class of a server of files and batches that misbehaves as it is told.

    Its module imports that of `chat_server`.
    """
    return _module("servers/batch").BatchServer


@pytest.fixture(scope="session")
def comment_server():
    """The class of a server of one pull request's comments, as GitHub's API has them."""
    return _module("servers/comments").CommentServer
