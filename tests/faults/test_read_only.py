"""Folders in which nothing may be written: refused in a sentence, and nothing is lost."""

import os
import shutil
import subprocess
import sys

import pytest

FEWER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root may write anywhere, unless it gives up the capabilities for it."""

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None,
    reason="root may write anywhere, and setpriv is not there to take that away",
)


def modest(*words):
    """The command line as a user whom permissions bind."""
    prefix = FEWER if os.geteuid() == 0 else ()
    told = [*prefix, sys.executable, "-m", "evalkit", *map(str, words)]
    return subprocess.run(told, check=False, capture_output=True, text=True, timeout=120)


def close(folder):
    for place in [folder, *folder.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)


def reopen(folder):
    for place in [folder, *folder.rglob("*")]:
        place.chmod(0o755 if place.is_dir() else 0o644)


def test_results_that_cannot_be_written_are_refused_before_a_model_answers(toy, tmp_path):
    out, log = tmp_path / "out", tmp_path / "log"
    out.mkdir()
    close(out)
    done = modest("run", "toy", *toy.options, "--model", f"dummy:hash,log={log}", "--out", out)
    assert done.returncode == 20
    assert "cannot be written" in done.stderr or "cannot be made" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not log.exists()


def test_a_run_folder_that_became_read_only_keeps_what_it_has(evalkit, start, toy, tmp_path):
    out, log = tmp_path / "out", tmp_path / "log"
    told = ("run", "toy", *toy.options, "--batch-size", "4", "--json", "--out", out)
    told += ("--model", f"dummy:hash,sleep=0.02,log={log}")
    killed = start(*told)
    while not log.exists() or log.read_text().count("\n") < 12:
        pass
    killed.kill()
    killed.communicate()
    (folder,) = out.glob("*/*")
    (journal,) = folder.glob("journal/*.jsonl")
    before, asked = journal.read_bytes(), log.read_text()
    close(folder)
    done = modest(*told)
    assert done.returncode == 20, done.stderr
    assert str(folder) in done.stderr
    assert done.stderr.rstrip().count("\n") <= 1
    assert (journal.read_bytes(), log.read_text()) == (before, asked)
    reopen(folder)
    done = evalkit(*told)
    assert done.code == 0, done.err
    good = evalkit(
        *("run", "toy", *toy.options, "--json", "--out", tmp_path / "good"),
        *("--model", "dummy:hash"),
    )
    (one,), (two,) = done.record["results"], good.record["results"]
    assert one["metrics"] == two["metrics"]


def test_a_finished_run_is_read_from_a_read_only_folder(evalkit, toy, tmp_path):
    out = tmp_path / "out"
    told = ("run", "toy", *toy.options, "--model", "dummy:hash", "--out", out)
    assert evalkit(*told).code == 0
    (folder,) = out.glob("*/*")
    close(folder)
    shown = modest("show", folder)
    assert shown.returncode == 0, shown.stderr
    again = modest(*told)
    reopen(folder)
    assert again.returncode == 20
    assert str(folder) in again.stderr
