"""`evalkit judge cache`: stats, prune, export, import."""

import json
import os
import subprocess
import sys

import pytest

from evalkit.judge.cache import CachedReply, VerdictCache

GROUP = """
import sys
from evalkit import cli
cli.VERBS["cache"] = ("evalkit.cli.judge_cache", "")
cli.main(["cache", *sys.argv[1:]])
"""
"""The group alone, below evalkit's own handling of errors."""

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def told(tmp_path):
    """Runs the group as a process of its own; (exit code, output, errors)."""

    def run(*words, **environ):
        done = subprocess.run(
            [sys.executable, "-c", GROUP, *map(str, words)],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "EVALKIT_JUDGE_CACHE": str(tmp_path / "judge.sqlite"), **environ},
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def filled(tmp_path):
    """A cache of 1,200 replies of one judge and one of another."""

    def reply(day):
        return CachedReply(
            text="Score: 1\n\x1b[2J",
            finish="stop",
            prompt_tokens=1_000,
            output_tokens=5,
            served=("judge-1-0613",),
            asked=f"2026-{day}T12:00:00Z",
        )

    path = tmp_path / "judge.sqlite"
    with VerdictCache(path) as cache:
        many = {f"{n:064x}": reply("11-01") for n in range(1_200)}
        cache.keep_all(many, backend="openai", model="judge-1", rubric=ONE)
        cache.keep("f" * 64, reply("11-20"), backend="hf", model="judge-2", rubric=TWO)
    return path


def test_stats_show_judges_rubrics_and_tokens(told, filled):
    code, page, _ = told("stats")
    assert code == 0
    assert "1,201 replies" in page
    (line,) = (line for line in page.splitlines() if "judge-1" in line)
    assert line.split() == ["openai", "judge-1", ONE, "1,200", "1,200,000", "6,000"]
    assert "asked from 2026-11-01T12:00:00Z to 2026-11-20T12:00:00Z" in page
    assert str(filled) in page


def test_stats_as_json(told, filled):
    code, page, _ = told("stats", "--json")
    found = json.loads(page)
    assert code == 0
    assert (found["path"], found["replies"]) == (str(filled), 1_201)
    assert found["size"] >= filled.stat().st_size
    assert found["groups"][0] == {
        "backend": "hf",
        "model": "judge-2",
        "rubric": TWO,
        "replies": 1,
        "prompt_tokens": 1_000,
        "output_tokens": 5,
    }


def test_an_empty_cache_has_a_page(told, tmp_path):
    with VerdictCache(tmp_path / "judge.sqlite"):
        pass
    code, page, _ = told("stats")
    assert code == 0
    assert "0 replies" in page


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (("--model", "judge-1"), 1),
        (("--rubric", TWO), 1_200),
        (("--rubric", "22"), 1_200),
        (("--before", "2026-11-20"), 1),
        (("--before", "2026-11-21", "--model", "judge-2"), 1_200),
    ],
)
def test_prune_forgets_what_is_named(told, filled, words, left):
    code, said, _ = told("prune", *words)
    assert (code, said) == (
        0,
        {1: "1,200 replies forgotten.\n", 1_200: "1 reply forgotten.\n"}[left],
    )
    assert json.loads(told("stats", "--json")[1])["replies"] == left


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Nothing says which"),
        (("--rubric", "3"), "No rubrics in"),
        (("--rubric", ""), "--rubric is empty"),
        (("--before", "yesterday"), "yesterday"),
    ],
)
def test_prune_forgets_nothing_where_it_is_unclear_what(told, filled, words, said):
    code, _, error = told("prune", *words)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1
    assert json.loads(told("stats", "--json")[1])["replies"] == 1_201


def test_an_export_and_an_import_carry_verdicts_to_another_cache(told, filled, tmp_path):
    other = tmp_path / "team" / "judge.sqlite"
    code, said, _ = told("export", "mine.jsonl", "--model", "judge-1")
    assert (code, said) == (0, "1,200 replies written to mine.jsonl.\n")
    lines = (tmp_path / "mine.jsonl").read_text().splitlines()
    assert set(json.loads(lines[0])) == {
        *("key", "backend", "model", "rubric", "text", "finish"),
        *("prompt_tokens", "output_tokens", "served", "asked"),
    }
    code, said, _ = told("import", "mine.jsonl", "--cache", other)
    assert (code, said) == (0, "1,200 replies taken in, 0 known before.\n")
    assert told("import", "mine.jsonl", "--cache", other)[1].endswith("1,200 known before.\n")
    assert told("export", "theirs.jsonl", EVALKIT_JUDGE_CACHE=str(other))[0] == 0
    assert (tmp_path / "theirs.jsonl").read_bytes() == (tmp_path / "mine.jsonl").read_bytes()


def test_an_import_says_how_many_lines_contradict_known_replies(told, filled, tmp_path):
    assert told("export", "mine.jsonl", "--model", "judge-1")[0] == 0
    lines = (tmp_path / "mine.jsonl").read_text().splitlines(keepends=True)
    lines[3] = json.dumps({**json.loads(lines[3]), "text": "another"}) + "\n"
    lines[5] = json.dumps({**json.loads(lines[5]), "model": "judge-9"}) + "\n"
    lines[7] = json.dumps({**json.loads(lines[7]), "finish": None}) + "\n"
    lines[9] = json.dumps({**json.loads(lines[9]), "asked": "2026-01-01T00:00:00Z"}) + "\n"
    (tmp_path / "mine.jsonl").write_text("".join(lines))
    assert told("import", "mine.jsonl")[1] == (
        "0 replies taken in, 1,200 known before, "
        "of which 3 say something else and were not taken.\n"
    )
    assert told("export", "again.jsonl", "--model", "judge-9")[1].startswith("0 replies")


def test_a_bad_line_is_named(told, filled, tmp_path):
    assert told("export", "mine.jsonl")[0] == 0
    lines = (tmp_path / "mine.jsonl").read_text().splitlines()
    lines[7] = lines[7].replace('"served"', '"api_key":"sk-1","served"')
    (tmp_path / "mine.jsonl").write_text("\n".join(lines))
    code, _, error = told("import", "mine.jsonl", "--cache", "new.sqlite")
    assert code == 2
    assert "mine.jsonl, line 8" in error
    assert "api_key" in error
    assert "sk-1" not in error
    assert json.loads(told("stats", "--json", "--cache", "new.sqlite")[1])["replies"] == 0


@pytest.mark.parametrize(
    "words", [("stats",), ("prune", "--model", "m"), ("export", "out.jsonl"), ("import", "none")]
)
def test_what_is_not_there_is_not_made(told, tmp_path, words):
    code, _, error = told(*words)
    assert code == 2
    assert error.startswith("evalkit: There is no ")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_cache_is_one_sentence(told, tmp_path):
    (tmp_path / "judge.sqlite").write_text("notes\n" * 1_000)
    code, _, error = told("stats")
    assert code == 2
    assert "is no SQLite database" in error
    assert error.count("\n") == 1


def test_the_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from evalkit.cli.judge_cache import command\n"
        "for words in (['--help'], ['stats', '--help']):\n"
        "    command.main(words, standalone_mode=False)\n"
        "heavy = {'numpy', 'pyarrow', 'pydantic', 'scipy', 'torch', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for verb in ("stats", "prune", "export", "import"):
        assert f"\n  {verb} " in done.stdout


@pytest.mark.parametrize("verb", [("prune",), ("export", "all.jsonl")])
@pytest.mark.parametrize("option", ["--rubric", "--model", "--before"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_value_does_not_mean_all(told, filled, verb, option, value):
    code, _, error = told(*verb, option, value)
    assert code == 2
    assert option in error
    with VerdictCache(filled) as cache:
        assert cache.statistics().replies == 1_201
