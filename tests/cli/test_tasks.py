"""`evalkit tasks`: list, show, new, check."""

import pytest


def test_the_list_names_tasks_and_suites(evalkit):
    done = evalkit("tasks")
    assert done.code == 0
    for name in ("gqa", "mme", "mmvp", "pope", "scienceqa", "textvqa", "vqav2", "demo", "core"):
        assert f"\n  {name} " in done.out


def test_show_says_all_of_a_task(evalkit):
    done = evalkit("tasks", "show", "gqa")
    for said in ("12,578", "testdev_balanced_instructions", "llava (default)", "qwen", "paligemma"):
        assert said in done.out


def test_a_new_task_passes_check_and_runs(evalkit, toy, tmp_path):
    assert evalkit("tasks", "new", "colours", "--out", tmp_path / "my").code == 0
    path = tmp_path / "my" / "colours.py"
    assert evalkit("tasks", "check", path).code == 0
    (toy.data / "toy").rename(toy.data / "colours")
    data = ("--data", toy.data)
    assert evalkit("tasks", "check", path, *data).code == 0
    done = evalkit(
        "run", "colours", "--task-path", path, *data, "--model", "dummy:constant,text=yes",
        "--out", tmp_path / "results",
    )  # fmt: skip
    assert done.code == 0
    assert "colours" in done.out


@pytest.mark.parametrize("name", ["Big", "two words", "../up", "a-b", "class:x"])
def test_a_name_that_cannot_name_a_task_is_refused(evalkit, tmp_path, name):
    assert evalkit("tasks", "new", name, "--out", tmp_path).code == 2
    assert not list(tmp_path.iterdir())


def test_new_never_writes_over_a_file(evalkit, tmp_path):
    (tmp_path / "mine.py").write_text("precious")
    done = evalkit("tasks", "new", "mine", "--out", tmp_path)
    assert done.code == 2
    assert (tmp_path / "mine.py").read_text() == "precious"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"""toy: is', '# """toy: is', ""),
        ('headline=("accuracy",)', 'headline=("f1",)', "none of the metrics"),
        ("version=1", "version=0", "version must be at least 1"),
        ('{{ question }}"', '{{ question"', "not a jinja2 template"),
        ("max_new_tokens=4", "max_new_tokens=0", "max_new_tokens"),
        ('group_accuracy("pair_accuracy")', "accuracy()", "same name"),
        ('image_columns=("image",)', 'image_columns=("img",)', "'img'"),
        ("if text is None", "if text == 0", ""),
        ('values={"correct": 0.0}', 'values={"correct": 2.0}', "a failed sample must be wrong"),
    ],
)
def test_check_finds_what_is_wrong(evalkit, toy, old, new, said):
    source = toy.path.read_text()
    assert old in source
    toy.path.write_text(source.replace(old, new))
    done = evalkit("tasks", "check", toy.path, "--data", toy.data)
    assert done.code == 2
    assert said in done.out + done.err


RULES = """headline=("accuracy",),
    protocols={
        "theirs": Protocol(
            source="theirs 1.0, scorer.py",
            score=score,
            metrics=(accuracy(),),
            headline=("accuracy",),
            slice_metrics=(accuracy(),),
            best=lambda sample: sample.targets[0],
        )
    },
    files="evalkit.official.interface:OfficialFiles",
    slice_metrics=(accuracy(),),
    best=lambda sample: sample.targets[0],
    breakdowns"""


def ruled(source: str) -> str:
    """The toy task with other rules, files, metrics of slices and best texts."""
    source = source.replace(
        "import DatasetRef, Prompt, Task", "import *\nfrom evalkit.task import *"
    )
    return source.replace('headline=("accuracy",),\n    breakdowns', RULES)


THEIR_SCORE = "score=score,\n            metrics=(accuracy(),)"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("", "", None),
        ('"theirs 1.0, scorer.py"', '" "', "The protocol 'theirs' has no source"),
        ('"theirs": Protocol', '"own": Protocol', "is the task's own, and one of"),
        (
            'headline=("accuracy",),\n            slice',
            'headline=("f1",),\n            slice',
            "The headline 'f1' is none of the metrics under the protocol 'theirs' (accuracy)",
        ),
        (
            "            slice_metrics=(accuracy(),)",
            "            slice_metrics=(accuracy(), accuracy())",
            "same name under the protocol 'theirs': accuracy, accuracy",
        ),
        (
            THEIR_SCORE,
            THEIR_SCORE.replace("score=score", "score=lambda s, t: score(s, t or s.targets[0])"),
            "The best texts score as failed predictions do under the protocol 'theirs'",
        ),
        (
            THEIR_SCORE,
            THEIR_SCORE.replace("accuracy()", 'accuracy("accuracy", of="right")'),
            "does not fit the task's scores",
        ),
        (
            THEIR_SCORE,
            THEIR_SCORE.replace("accuracy()", 'accuracy(only=lambda s: s.targets == ("maybe",))'),
            "'accuracy' is undefined under the protocol 'theirs' on 40",
        ),
        ("interface:OfficialFiles", "interface:Nothing", "cannot be imported"),
        ("evalkit.official.interface:", "nowhere:", "cannot be imported: No module named"),
        ("interface:OfficialFiles", "interface:References", "not a subclass of"),
        (
            "    slice_metrics=(accuracy(),)",
            '    slice_metrics=(accuracy("share", of="right"),)',
            "The metric 'share' of the task 'toy' does not fit",
        ),
        (
            "    best=lambda sample: sample.targets[0],\n    break",
            '    best=lambda sample: "never",\n    break',
            "The best texts score as failed predictions do; is `best` right",
        ),
        (
            "    best=lambda sample: sample.targets[0],\n    break",
            '    best=lambda sample: "yes",\n    break',
            "is 0.5 for the best texts and 1 for gold answer 1 of each sample",
        ),
    ],
)
def test_check_looks_at_protocols_files_slices_and_best_texts(evalkit, toy, old, new, said):
    source = ruled(toy.path.read_text())
    assert "Protocol(" in source
    assert old in source
    toy.path.write_text(source.replace(old, new, 1))
    done = evalkit("tasks", "check", toy.path, "--data", toy.data)
    assert done.code == (0 if said is None else 2)
    assert (said or "ok") in done.out + done.err


def test_the_seven_pass_their_own_check(evalkit):
    from pathlib import Path

    from evalkit import registry

    paths = [file.path for file in registry.task_files().values()]
    folder = Path(registry.__file__).parent / "demo" / "data"
    done = evalkit("tasks", "check", *paths, "--data", folder)
    assert done.code == 0, done.out


def test_the_list_can_be_cut_to_a_part_of_the_names(evalkit):
    done = evalkit("tasks", "list", "vqa")
    assert [line.split()[0] for line in done.out.splitlines()] == ["Tasks", "textvqa", "vqav2"]
    assert evalkit("tasks", "list", "core").out.startswith("Suites\n  core ")
    none = evalkit("tasks", "list", "colours")
    assert (none.code, none.out) == (2, "")
    assert "No task has 'colours' in its name" in none.err


def test_a_suite_can_be_shown(evalkit):
    done = evalkit("tasks", "show", "core")
    assert done.code == 0
    assert done.out.startswith("core, a suite: ")
    assert "\n  task        pope\n" in done.out


def test_new_says_that_a_name_is_taken(evalkit, tmp_path):
    done = evalkit("tasks", "new", "pope", "--out", tmp_path)
    assert done.code == 0
    assert "has a task 'pope' already" in done.out
    assert "already" not in evalkit("tasks", "new", "colours", "--out", tmp_path).out


def test_a_judged_task_shows_how_it_is_judged(evalkit):
    shown = evalkit("tasks", "show", "mmvet").out
    assert "| You grade answers to questions about a picture" in shown.partition("rubric ")[2]
    for said in (
        "one answer, ratings from 0 to 1",
        "attempts    ",
        "max tokens  ",
        "headline    total (in words of origin 'official')",
        "headline    judged (in words of origin 'evalkit')",
        "judged      judged_low (0 to 100)",
    ):
        assert said in shown
    assert "--judge SPEC" not in evalkit("tasks", "show", "pope").out
