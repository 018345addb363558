"""A judged task of one's own that is broken: found by `tasks check`, and one sentence in a run."""

import json
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "evalkit" / "judge" / "README.md"
SOUND = re.search(r"```python\n(# file: .*?)```", PAGE.read_text(), re.DOTALL)[1]
READ = "return written_grade(reply, SCALE)"


@pytest.fixture
def captions(tmp_path):
    """The page's task, with one place of its text exchanged, and rows for it."""
    from PIL import Image

    folder = tmp_path / "data" / "captions"
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "one.png")
    rows = ({"id": str(n), "shown": "All is red.", "image": "one.png"} for n in range(3))
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def made(old, new):
        assert SOUND.count(old)
        (tmp_path / "captions.py").write_text(SOUND.replace(old, new))
        return tmp_path / "captions.py", tmp_path / "data"

    return made


BROKEN = [
    (READ, "return 0.5", "gave 0.5, which is no tuple of one number or more"),
    (READ, "return (50.0,)", "beyond the scale of the task's judging, 0 to 1"),
    (READ, "return (float(reply),)", "broke: ValueError: could not convert string"),
    ("targets[0] | data", "target | data", "'target' is undefined"),
    ('OWN: ("judged",)', 'OWN: ("grade",)', "'grade' of its judging, in words of origin 'evalkit'"),
    ('FILE: ("judged",)', 'FILE: ("g",)', "'g' of its judging, in words of origin 'file', is none"),
    ("grade_outcome(text, verdicts)", "verdicts[0].rating", "has no attribute 'rating'"),
]


@pytest.mark.parametrize(("old", "new", "said"), BROKEN)
def test_check_finds_what_is_wrong_with_a_judging(evalkit, captions, old, new, said):
    path, data = captions(old, new)
    done = evalkit("tasks", "check", path, "--data", data)
    assert done.code == 2, done.out
    assert said in done.out
    assert "Traceback" not in done.out + done.err


def test_a_sound_judged_task_passes(evalkit, captions):
    path, data = captions("A judge grades it", "A judge does")
    assert evalkit("tasks", "check", path, "--data", data).code == 0


@pytest.mark.parametrize(("new", "said"), [row[1:] for row in BROKEN[:3]])
def test_a_broken_reading_is_one_sentence_in_a_run(evalkit, captions, tmp_path, new, said):
    path, data = captions(READ, new)
    done = evalkit(
        *("run", "captions", "--task-path", path, "--data", data, "--out", tmp_path / "out"),
        *("--model", "dummy:echo", "--judge", "dummy:constant,text=so", "--judge-cache", "none"),
    )
    assert done.code == 2
    assert "The function `read` of the task 'captions', on the judge's reply 'so'," in done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_broken_reading_ends_no_thread_of_a_judge_beside_the_model(
    evalkit, captions, tmp_path, chat_server
):
    pytest.importorskip("openai", reason="the extra openai is not installed")
    path, data = captions(READ, "return 0.5")
    with chat_server() as server:
        done = evalkit(
            *("run", "captions", "--task-path", path, "--data", data, "--out", tmp_path / "out"),
            *("--model", "dummy:echo", "--judge", f"openai:toy-model,base_url={server.url}"),
            *("--judge-cache", tmp_path / "cache.sqlite"),
        )
    assert (done.code, "Traceback" in done.err) == (2, False)
    assert "gave 0.5, which is no tuple of one number or more" in done.err
