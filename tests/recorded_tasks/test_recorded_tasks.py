"""Own task files of a record run where the user names them, or where all of the rule holds."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.recorded_tasks import RecordedTasks
from evalkit.store import load_run
from evalkit.task_source import task_digest

ROOT = Path(__file__).parents[2]
RUN = Path("results/m/r")


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Makes a record that names task files, made by a file of which it has the digest."""
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text("x = 1\n")
    demo = load_run(ROOT / "results" / "demo" / "baseline")

    def made(*paths, file="own.py"):
        (result, *_) = demo.results
        scorer = replace(result.fingerprint.scorer, source=task_digest(Path(file)))
        result = replace(result, fingerprint=replace(result.fingerprint, scorer=scorer))
        config = replace(demo.config, task_paths=paths)
        return replace(demo, config=config, results=(result,))

    return made


def test_a_file_of_the_project_that_made_the_run_is_taken(record):
    found = RecordedTasks.of(record("own.py"), places=(RUN,))
    assert (found.paths, found.strange) == (("own.py",), ())


def test_of_a_folder_the_file_that_made_the_run_is_taken(record):
    Path("mine").mkdir()
    shutil.copy("own.py", "mine/own.py")
    Path("mine/other.py").write_text("raise SystemExit\n")
    found = RecordedTasks.of(record("mine"), places=(RUN,))
    assert (found.paths, found.strange) == (("mine/own.py",), ())


@pytest.mark.parametrize("name", ["own.py", "m/own.py", "m/r/own.py", "tasks/own.py"])
def test_a_file_that_came_with_the_record_is_strange(record, name):
    path = Path("results") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy("own.py", path)
    for told in (str(path), str(path.parent), f"./x/../{path}", str(path.absolute())):
        found = RecordedTasks.of(record(told), places=(RUN,))
        assert (found.paths, found.strange) == ((), (told,))
    Path("link.py").symlink_to(path)
    assert RecordedTasks.of(record("link.py"), places=(RUN,)).paths == ()
    assert RecordedTasks.of(record(), places=(Path("o/r"), Path("results/p.md"))).paths == ()
    page = (Path("other/r"), Path("results/page.md"))
    assert RecordedTasks.of(record(), places=page, more=(str(path),)).paths == ()


def test_a_file_that_has_changed_or_is_elsewhere_is_strange(record, tmp_path, monkeypatch):
    made = record("own.py")
    Path("own.py").write_text("x = 2\n")
    found = RecordedTasks.of(made, places=(RUN,))
    assert (found.paths, found.strange) == ((), ("own.py",))
    assert "not what the run was made by" in found.why
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = RecordedTasks.of(replace(made, config=replace(made.config, task_paths=("../own.py",))),
                             places=(RUN,))  # fmt: skip
    assert (found.paths, found.why) == ((), "not below the current folder")


def test_a_record_without_a_digest_runs_no_file(record):
    made = record("own.py")
    scorer = replace(made.results[0].fingerprint.scorer, source=None)
    fingerprint = replace(made.results[0].fingerprint, scorer=scorer)
    made = replace(made, results=(replace(made.results[0], fingerprint=fingerprint),))
    assert RecordedTasks.of(made, places=(RUN,)).paths == ()


def test_what_the_user_names_is_taken_as_it_is(record):
    found = RecordedTasks.of(record("own.py"), ("gone.py",), places=(RUN,), more=("own.py",))
    assert (found.paths, found.strange) == (("gone.py",), ())


def test_paths_that_lead_in_circles_are_strange(record):
    Path("loop").symlink_to("loop")
    told = ("loop", "own.py", "a\0b", "x" * 5000)
    found = RecordedTasks.of(record(*told), places=(RUN,))
    assert (found.paths, found.strange) == (("own.py",), ("loop", "a\0b", "x" * 5000))


# A folder that somebody sent

TASK = '''"""shades: sent along."""
from pathlib import Path

Path(MARK).touch()

from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Task


def to_sample(row):
    return Sample(id=str(row["id"]), question="", images=(), targets=("a",), cluster="c")


def score(sample, text):
    return Outcome(answer=text, values={"correct": 0.0})


TASK = Task(
    name="shades", version=1, dataset=DatasetRef(
        repositories=("a/shades",), split="test", columns=("id",), image_columns=(), rows=1000,
    ),
    to_sample=to_sample, prompts={"plain": Prompt(template="{{ question }}")},
    generation=Generation(max_new_tokens=16), score=score, metrics=(accuracy(),),
    headline=("accuracy",),
)
'''


@pytest.fixture
def sent(tmp_path, evalkit):
    """A folder with two runs and the task file that made them, and the mark that it leaves."""
    mark = tmp_path / "was-run"
    file = tmp_path / "sent" / "shades.py"
    file.parent.mkdir()
    file.write_text(TASK.replace("MARK", repr(str(mark))))
    rows = tmp_path / "data" / "shades" / "test.jsonl"
    rows.parent.mkdir(parents=True)
    rows.write_text("".join(json.dumps({"id": str(number)}) + "\n" for number in range(30)))
    words = ("--task-path", "sent/shades.py", "--data", "data", "--out", "sent")
    for name in ("one", "two"):
        model = f"dummy:constant,text={name}"
        done = evalkit("run", "shades", "--model", model, "--name", name, *words, cwd=tmp_path)
        assert done.code == 0, done.err
    mark.unlink()
    return tmp_path, mark


@pytest.mark.parametrize(
    "words",
    [
        ("card", "sent/constant/one", "sent/constant/two", "--allow-partial"),
        ("view", "sent/constant/one", "--export", "pages"),
        ("leaderboard", "sent"),
        ("compare", "sent/constant/one", "sent/constant/two"),
        ("plan", "--from", "sent/constant/one", "--delta", "0.01"),
    ],
    ids=lambda words: words[0],
)
def test_a_folder_that_was_sent_runs_none_of_its_files(sent, evalkit, words):
    folder, mark = sent
    evalkit(*words, cwd=folder)
    assert not mark.exists()


def test_a_page_runs_no_file_that_it_names(sent, evalkit):
    folder, mark = sent
    assert evalkit("leaderboard", "sent", "--out", "sent", cwd=folder).code == 0
    page = folder / "sent" / "leaderboard.md"
    text = page.read_text()
    assert text.count('"task_paths": []') == 1
    page.write_text(text.replace('"task_paths": []', '"task_paths": ["sent/shades.py"]'))
    evalkit("verify", page, cwd=folder)
    assert not mark.exists()
    evalkit("verify", page, "--task-path", "sent/shades.py", cwd=folder)
    assert mark.exists()


def test_a_page_of_ones_own_task_verifies_and_its_changed_file_is_named(sent, evalkit):
    folder, mark = sent
    (folder / "mine").mkdir()
    file = shutil.move(folder / "sent" / "shades.py", folder / "mine" / "shades.py")
    words = ("--task-path", "mine/shades.py")
    assert evalkit("leaderboard", "sent", *words, cwd=folder).code == 0
    page = folder / "boards" / "leaderboard.md"
    mark.unlink()
    assert evalkit("verify", page, cwd=folder).code == 0
    assert mark.exists()
    mark.unlink()
    Path(file).write_text(Path(file).read_text() + "# changed\n")
    evalkit("verify", page, cwd=folder)
    assert not mark.exists()
