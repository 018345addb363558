"""A disk that fills up: one sentence, and what was written stays."""

import json
import resource
import subprocess
import sys


def test_a_full_disk_is_one_sentence_and_loses_nothing(evalkit, toy, tmp_path):
    words = ("run", "toy", "--model", "dummy:echo", *toy.options, "--out", tmp_path / "out")

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    done = subprocess.run(
        [sys.executable, "-m", "evalkit", *map(str, words)],
        preexec_fn=small_files,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 20
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    (journal,) = (tmp_path / "out").glob("*/*/journal/toy.jsonl")
    kept = [json.loads(line) for line in journal.read_text().splitlines()[:-1]]
    assert kept
    again = evalkit(*words)
    assert again.code == 0
