"""`evalkit leaderboard` as it is called: pages, words, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def call():
    def called(*words):
        return subprocess.run(
            [sys.executable, "-m", "evalkit", "leaderboard", *map(str, words)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return called


def test_pages_are_written(call, model, results):
    for seed, name in enumerate(("lab/a", "lab/b")):
        model(name, 0.5 + 0.2 * seed, seed)
    done = call(results, "--out", "pages", "--reference", "lab_a/run", "--title", "Ours")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in Path("pages").iterdir()) == [
        f"leaderboard.{kind}" for kind in ("csv", "html", "json", "md")
    ]
    made = json.loads((results.parent / "pages" / "leaderboard.json").read_text())
    assert (made["title"], made["reference"]) == ("Ours", "lab/a")


@pytest.mark.parametrize("name", ["results/a/run", "results/a/run/run.json", "a/run", "a"])
def test_a_reference_is_named_in_many_ways(call, model, results, name):
    model("a", 0.5, 1)
    model("b", 0.6, 2)
    assert call(results, "--reference", name).returncode == 0
    assert '"reference": "a"' in (results.parent / "boards" / "leaderboard.json").read_text()


def test_a_reference_that_is_none_is_a_mistake(call, model, results):
    model("a", run="one")
    model("a", run="two", created="2025-01-01T00:00:00Z")
    done = call(results, "--reference", "nobody")
    assert done.returncode == 2
    assert "results/a/one/run.json, results/a/two/run.json" in done.stderr
    done = call(results, "--reference", "a")
    assert done.returncode == 2
    assert "names several records" in done.stderr


def test_damaged_records_are_named_and_an_error_only_if_asked(call, model, results):
    model("a")
    (model("torn") / "run.json").write_text("{")
    done = call(results)
    assert done.returncode == 0
    assert done.stderr.startswith("left out: results/torn/run/run.json: cannot be read as JSON")
    assert call(results, "--strict").returncode == 15
    for kind in ("md", "html"):
        page = (results.parent / "boards" / f"leaderboard.{kind}").read_text()
        assert "1 place is left out and named at the end, with the reason." in page
        assert "results/torn/run/run" in page.partition("Left out")[2]


def test_where_nothing_is_left_no_page_is_written(call, model, results):
    (model("torn") / "run.json").write_text("{")
    done = call(results)
    assert done.returncode == 2
    told, error = done.stderr.splitlines()
    assert told.startswith("left out: results/torn/run/run.json: cannot be read as JSON")
    assert "No record below results can be shown, so no page is written." in error
    assert not Path("boards").exists()


def test_text_around_the_block_stays(call, model, results):
    model("a")
    call(results)
    path = results.parent / "boards" / "leaderboard.md"
    path.write_text(f"# Our board\n\n{path.read_text()}\nThe end.\n")
    model("b", seed=2)
    call(results)
    text = path.read_text()
    assert text.startswith("# Our board\n\n<!-- evalkit:begin leaderboard ")
    assert text.endswith("<!-- evalkit:end leaderboard -->\n\nThe end.\n")
    assert "| b " in text


def test_parts_are_allowed_or_not(call, model, results):
    model("a")
    assert call(results, "--allow", "nothing").returncode == 0
    assert '"allowed": []' in (results.parent / "boards" / "leaderboard.json").read_text()
    assert call(results, "--allow", "prompt,generation").returncode == 0
    done = call(results, "--allow", "weather")
    assert done.returncode == 2
    assert "no part 'weather'" in done.stderr


def test_no_page_in_a_runs_folder(call, model, results):
    folder = model("a")
    done = call(results, "--out", folder)
    assert done.returncode == 2
    assert not (folder / "leaderboard.md").exists()


def test_no_such_folder(call, results):
    done = call("nowhere")
    assert done.returncode == 2
    assert "There is no folder nowhere" in done.stderr


PAGES = ("leaderboard.md", "leaderboard.html", "leaderboard.csv", "leaderboard.json")


@pytest.mark.parametrize("blocked", PAGES)
def test_pages_that_cannot_all_be_written_leave_what_was_there(call, model, results, blocked):
    model("a")
    reports = results.parent / "boards"
    (reports / blocked).mkdir(parents=True)
    kept = [name for name in PAGES if name != blocked]
    for name in kept:
        (reports / name).write_bytes(b"mine\r\n")
    done = call(results)
    assert done.returncode == 2, done.stderr
    assert sorted(path.name for path in reports.iterdir()) == sorted(PAGES)
    assert {(reports / name).read_bytes() for name in kept} == {b"mine\r\n"}


def test_a_page_of_ones_own_is_kept_with_its_ends_of_lines(call, model, results):
    model("a")
    path = results.parent / "boards" / "leaderboard.md"
    path.parent.mkdir()
    mine = b"# Mine\r\n\r\n```html\r\n<!-- evalkit:begin leaderboard {} -->\r\n```\r\n"
    path.write_bytes(mine)
    assert call(results).returncode == 0
    first = path.read_bytes()
    assert first.startswith(mine)
    assert first.count(b"\n") == first.count(b"\r\n")
    assert call(results).returncode == 0
    assert path.read_bytes() == first


@pytest.mark.parametrize("mark", ["begin leaderboard {}", "end leaderboard", "begin leaderboard"])
def test_a_page_with_damaged_marks_is_refused(call, model, results, mark):
    model("a")
    path = results.parent / "boards" / "leaderboard.md"
    path.parent.mkdir()
    path.write_text(f"# Mine\n\n<!-- evalkit:{mark} -->\n")
    done = call(results)
    assert done.returncode == 2
    assert "leaderboard.md, line 3" in done.stderr
    assert [one.name for one in path.parent.iterdir()] == ["leaderboard.md"]


def test_a_pipe_in_the_place_of_a_record_or_a_page_is_named(call, model, results):
    model("a")
    record = model("piped") / "run.json"
    record.unlink()
    os.mkfifo(record)
    done = call(results)
    assert done.returncode == 0
    assert "left out: results/piped/run/run.json: is no regular file" in done.stderr
    page = results.parent / "boards" / "leaderboard.md"
    page.unlink()
    os.mkfifo(page)
    done = call(results)
    assert done.returncode == 2
    assert "leaderboard.md is no regular file" in done.stderr
