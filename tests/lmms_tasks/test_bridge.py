"""The process that holds lmms-eval's tasks dies: over one picture, over all, or now and then."""

import pytest

from evalkit.backends.pictures import open_picture
from evalkit.lmms_tasks.bridge import DEATHS, Bridge, Opening
from evalkit.lmms_tasks.rows import LmmsRows


@pytest.fixture
def shown(lmms, rows, monkeypatch):
    """The bridge to an opened task, and the picture of its first row."""
    for name, value in lmms.items():
        monkeypatch.setenv(name, value)
    bridge = Bridge()
    samples = LmmsRows(bridge, "toy", ()).read(rows, offline=True).samples
    yield bridge, samples[0].images[0]
    bridge._ended()


def test_a_process_that_dies_between_questions_is_started_again_without_end(shown):
    bridge, image = shown
    for _ in range(DEATHS + 1):
        bridge._process._child.kill()
        bridge._process._child.wait()
        assert open_picture(image).picture.size == (40, 30)


def test_a_process_that_dies_over_a_question_is_asked_once_more(run, tmp_path):
    flag = tmp_path / "once"
    flag.touch()
    ran = run("--model", "dummy:hash", DIES=str(flag))
    assert ran.done.code == 0, ran.done.err
    assert not flag.exists(), "it has died"


def test_a_process_that_dies_again_and_again_stops_the_run(run, tmp_path):
    pytest.importorskip("transformers", reason="the extra hf is not installed")
    flag = tmp_path / "always"
    flag.touch()
    ran = run("--model", "demo", DIES=str(flag))
    assert ran.done.code == 20
    assert "failed 4 times in a row: lmms-eval's process ended by signal 9" in ran.done.err
    assert ran.done.err.splitlines()[-1].startswith("evalkit: The first samples of the task")
    (journal,) = ran.out.glob("*/*/journal/lmms-toy.jsonl")
    assert "image_unreadable" not in journal.read_text()


def test_a_new_opening_asks_again(shown, rows, monkeypatch, tmp_path):
    bridge, image = shown
    flag = tmp_path / "always"
    flag.touch()
    monkeypatch.setenv("DIES", str(flag))
    bridge._process.close()
    for _ in range(DEATHS):
        with pytest.raises(Exception, match="process for tasks"):
            open_picture(image)
    flag.unlink()
    with pytest.raises(Exception, match="in a row"):
        open_picture(image)
    bridge.open(Opening("toy", str(rows / "lmms" / "toy"), offline=True))
    assert open_picture(image).picture.size == (40, 30)
