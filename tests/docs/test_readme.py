"""The examples in README.md, and in the pages it leads to, run, and say what the pages say.

The rules, for who writes there:

- A ```console block holds lines `$ command`, each with the output that follows it. Commands run one
  after another in one folder, with `.venv/bin/` meaning the environment of the tests. Output, where
  it is given, is compared as doctest does: `...` stands for anything, white space for one space.
  Setting up and testing (`python3 -m venv`, `pip`, `pytest`) are .ci/run's; they are left out.
- A command that is to leave with another exit code than 0 ends in `  # exit 12`. Before a command
  may stand variables, `NAME=value`, without blanks.
- A ```python block runs in a process of its own, in the same folder. When a ```python or ```toml
  block's first line is `# file: NAME`, it is written to that file instead.
- Blocks of other languages (```sh, ```text) are not run: for examples that need a network or a GPU.
"""

import doctest
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "tasks/PROTOCOLS.md",
    "tasks/README.md",
    "evalkit/ADDING.md",
    "evalkit/backends/README.md",
    "evalkit/card/README.md",
    "evalkit/compare/README.md",
    "evalkit/gate/README.md",
    "evalkit/judge/README.md",
    "evalkit/official/README.md",
    "evalkit/report/README.md",
    "evalkit/runner/README.md",
    "results/README.md",
)
WITHOUT_EXAMPLES = (
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "evalkit/demo/README.md",
    "results/published/README.md",
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(console|python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SETTING = re.compile(r"[A-Z_]+=\S*")
NOT_HERE = re.compile(r"-m venv|\bpip install\b|\bpytest\b|^cd |^git clone")


@dataclass(frozen=True)
class Example:
    """One thing to do, the output and the exit code that README.md promises."""

    words: list[str]
    output: str = ""
    code: int = 0
    file: str = ""
    text: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)


def examples(text):
    """All examples of a page, in order."""
    for language, body in BLOCK.findall(text):
        if language == "console":
            yield from commands(body)
        elif named := re.match(r"# file: (\S+)\n", body):
            yield Example(words=[], file=named.group(1), text=body)
        elif language == "python":
            yield Example(words=[sys.executable, "-c", body])


def commands(body):
    """The commands of a console block; `a && b` is two, and what is .ci/run's is left out."""
    joined = body.replace("\\\n", " ")
    for block in re.split(r"^\$ ", joined, flags=re.MULTILINE)[1:]:
        line, _, output = block.partition("\n")
        line, _, code = line.partition("  # exit ")
        parts = [part for part in line.split(" && ") if not NOT_HERE.search(part)]
        for part in parts:
            given = shlex.split(part, comments=True)
            words = list(itertools.dropwhile(SETTING.fullmatch, given))
            last = part == parts[-1]
            yield Example(
                words=[here(words[0]), *words[1:]],
                environ=dict(word.split("=", 1) for word in given[: -len(words)]),
                output=output.strip() if last else "",
                code=int(code) if code and last else 0,
            )


def here(program):
    """A program of the environment of the tests."""
    name = program.removeprefix(".venv/bin/")
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def test_rules_are_kept_on_a_small_page(tmp_path):
    page = (
        "```console\n$ python3 -m venv .venv && .venv/bin/python -c 'print(1)'\n1\n"
        "$ A=2 B= env\n...A=2...\n$ false  # exit 1\n```\n```sh\nrm -rf /\n```\n"
        "```python\n# file: a.py\nx = 1\n```\n```python\nprint(2)\n```\n"
    )
    found = list(examples(page))
    assert [e.words[1:] for e in found] == [["-c", "print(1)"], [], [], [], ["-c", "print(2)\n"]]
    assert [e.environ for e in found] == [{}, {"A": "2", "B": ""}, {}, {}, {}]
    assert [(e.output, e.code, e.file) for e in found] == [
        ("1", 0, ""),
        ("...A=2...", 0, ""),
        ("", 1, ""),
        ("", 0, "a.py"),
        ("", 0, ""),
    ]
    for example in found:
        follow(example, tmp_path)
    assert (tmp_path / "a.py").read_text() == "# file: a.py\nx = 1\n"


def follow(example, folder):
    """Do one thing, and hold README.md to its word."""
    if example.file:
        path = folder / example.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.text, encoding="utf-8")
        return
    environ = {**os.environ, **example.environ}
    if "PYTHONPATH" in example.environ:  # the tests may have one, too
        held = (example.environ["PYTHONPATH"], os.environ.get("PYTHONPATH"))
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, held))
    done = subprocess.run(
        example.words, cwd=folder, env=environ, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    shown = " ".join(example.words)
    assert done.returncode == example.code, f"{shown}\n{done.stdout}\n{done.stderr}"
    same = doctest.OutputChecker().check_output(example.output, done.stdout.strip(), FLAGS)
    assert same or not example.output, f"{shown}\n{done.stdout}\n{done.stderr}"


def test_every_page_is_looked_at_and_found_from_the_first():
    found = {*ROOT.glob("*.md"), *ROOT.glob("evalkit/**/*.md"), *ROOT.glob("tasks/**/*.md")}
    found |= set(ROOT.glob("results/**/README.md"))
    assert {path.relative_to(ROOT).as_posix() for path in found} == {*PAGES, *WITHOUT_EXAMPLES}
    table = README.partition("## What to read")[2].partition("\n## ")[0]
    linked = set(re.findall(r"\]\((.+?)\)", table))
    assert linked == {*PAGES, *WITHOUT_EXAMPLES} - {"README.md", "results/published/README.md"}


def test_every_claim_beside_other_harnesses_names_what_shows_it():
    part = README.partition("## Beside other harnesses")[2]
    _, *rows = [line.split(" | ") for line in part.splitlines() if line.startswith("| ")]
    for claim, ours, *_ in rows:
        shown = re.findall(r"\]\((.+?)\)", ours)
        assert shown, claim
        assert all(place.startswith("tests/") for place in shown)


@pytest.mark.parametrize("page", [*PAGES, *WITHOUT_EXAMPLES])
def test_every_link_leads_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for place, _, part in re.findall(r"\]\((?!https?:)([^)#:]*)(#?)([^)]*)\)", text):
        target = (ROOT / page).parent / place if place else ROOT / page
        assert target.is_file(), place
        if not part:
            continue
        heads = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
        assert part in anchors


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_example_runs_and_says_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    found = list(examples((ROOT / page).read_text(encoding="utf-8")))
    assert found
    for example in found:
        follow(example, tmp_path)
