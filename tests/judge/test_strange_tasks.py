"""A judged run from elsewhere chooses no code: its task files are run where the user names them."""

import shutil
from pathlib import Path

import pytest

import evalkit as package

DEMO = Path(package.__file__).parent / "demo" / "data" / "mmvet"
OWN = Path(package.__file__).parents[1] / "tasks" / "mmvet.py"
JUDGE = ("--judge", "dummy:constant,text=0.5", "--judge-cache", "none")


@pytest.fixture(scope="module")
def made(evalkit, tmp_path_factory):
    """A judged run of a task of one's own, whose file leaves a mark when it is run."""
    folder = tmp_path_factory.mktemp("made")
    mark = f"\nfrom pathlib import Path\n\nPath({str(folder / 'mark')!r}).touch()\n"
    file = folder / "own.py"
    file.write_text(OWN.read_text().replace('name="mmvet"', 'name="own"') + mark)
    shutil.copytree(DEMO, folder / "data" / "own")
    words = ("--model", "dummy:hash", "--data", folder / "data", "--out", folder / "out")
    done = evalkit("run", "own", *words, "--name", "r", "--task-path", file, *JUDGE)
    assert done.code == 0, done.err
    labels = '{"sample_id": "%s", "rating": 0.5}\n'
    ids = [
        line.split('"')[3]
        for line in (folder / "out/hash/r/verdicts/own.jsonl").read_text().splitlines()
    ]
    (folder / "labels.jsonl").write_text("".join(labels % one for one in ids))
    return folder


WORDS = {
    "judge": ("judge", "{run}", *JUDGE),
    "drift": ("judge", "drift", "--anchors", "{run}", *JUDGE),
    "now": ("judge", "drift", "--anchors", "{run}", "--now", "{run}"),
    "calibrate": ("judge", "calibrate", "{run}", "--labels", "{labels}"),
    "people": ("judge", "calibrate", "{run}", "--labels", "{run}"),
    "compare": ("compare", "{run}", "{run}", "--draws", "100"),
}


@pytest.mark.parametrize("verb", WORDS)
def test_its_task_file_is_run_below_the_current_folder_or_where_it_is_named(
    made, evalkit, tmp_path, verb
):
    places = {"run": made / "out/hash/r", "labels": made / "labels.jsonl"}
    words = [word.format(**places) for word in WORDS[verb]]
    (made / "mark").unlink(missing_ok=True)
    done = evalkit(*words, cwd=tmp_path)
    assert done.code == 2, done.err
    assert not (made / "mark").exists()
    assert f"names the task files {made / 'own.py'}" in done.err
    assert "they are run only if --task-path names them" in done.err
    done = evalkit(*words, "--task-path", made / "own.py", cwd=tmp_path)
    assert done.code in (0, 11), done.err
    assert (made / "mark").exists()


def test_what_only_looks_at_a_record_runs_none(made, evalkit, tmp_path):
    (made / "mark").unlink(missing_ok=True)
    assert evalkit("show", made / "out/hash/r", "--all", cwd=tmp_path).code == 0
    assert not (made / "mark").exists()


def test_below_the_current_folder_it_is_taken(made, evalkit):
    assert evalkit("judge", made / "out/hash/r", *JUDGE, cwd=made).code == 0
