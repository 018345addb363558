"""Where the gate's pages may stand, on which terminals, and what they say of what nobody gates."""

import os
import shutil
import threading

import pytest

DROP = '[[rule]]\ntask = "sight"\nmax_drop = 0.05\n'


@pytest.fixture
def candidate(again, tmp_path):
    """A candidate that a test may lose."""
    return shutil.copytree(again, tmp_path / "candidate")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", ["scores/sight.parquet", "page.xml", "scores/more/page.xml"])
def test_no_page_is_written_into_a_run(good, candidate, gate, place):
    before = contents(candidate)
    done = gate(good, candidate, DROP, "--out", candidate / place)
    assert done.code == 2
    assert "is in a run's folder" in done.err
    assert contents(candidate) == before


def test_no_page_takes_the_place_of_what_is_read_by_another_name(good, candidate, gate, tmp_path):
    linked, other = tmp_path / "linked.xml", tmp_path / "other.xml"
    os.link(candidate / "scores" / "sight.parquet", linked)
    other.symlink_to(candidate / "run.json")
    before = contents(candidate)
    for out in (linked, other):
        assert gate(good, candidate, DROP, "--out", out).code == 2
    assert contents(candidate) == before
    assert linked.exists()


def test_no_comparison_is_written_into_a_run(good, candidate, evalkit):
    before = contents(candidate)
    out = candidate / "scores" / "page.md"
    assert evalkit("compare", good, candidate, "--draws", "100", "--out", out).code == 2
    assert contents(candidate) == before


def test_a_page_does_not_stay_when_the_next_cannot_be_written(good, again, gate, tmp_path):
    (tmp_path / "file").write_text("")
    outs = ("--out", f"json={tmp_path / 'a.json'}", "--out", f"json={tmp_path / 'file' / 'b.json'}")
    done = gate(good, again, DROP, *outs)
    assert done.code not in (0, 10)
    assert not (tmp_path / "a.json").exists()


def test_a_page_in_no_format_of_the_gate_is_no_file_of_such_a_name(good, candidate, gate, tmp_path):
    done = gate(good, candidate, DROP, "--out", f"html={tmp_path / 'page.html'}")
    assert (done.code, done.out) == (2, "")
    assert "with a format of text, json, junit, github, markdown, or FILE alone" in done.err


def summary_of(place):
    return {"GITHUB_STEP_SUMMARY": str(place)}


def test_a_summary_takes_the_place_of_nothing_that_is_read(
    good, candidate, gate, evalkit, tmp_path
):
    kept, page, linked = tmp_path / "kept.json", tmp_path / "page.xml", tmp_path / "linked"
    assert evalkit("baseline", "accept", good, "--out", kept).code == 0
    linked.symlink_to(candidate / "run.json")
    before = contents(candidate) | {kept: kept.read_bytes()}
    places = (
        *(candidate / "run.json", candidate / "scores" / "summary.md", linked, kept),
        *(tmp_path / "gate.toml", page),
    )
    for place in places:
        words = ("--format", "github", "--out", f"junit={page}")
        done = gate(good, candidate, DROP, *words, **summary_of(place))
        assert done.code == 2, place
        assert "GITHUB_STEP_SUMMARY" in done.err
        assert not done.out
    assert contents(candidate) | {kept: kept.read_bytes()} == before
    assert (tmp_path / "gate.toml").read_text() == DROP


def test_a_summary_that_cannot_be_written_is_said_before_anything_is_judged(good, again, gate):
    done = gate(good, again, DROP, "--format", "github", **summary_of("/"))
    assert (done.code, done.out) == (2, "")
    assert "/ (which GITHUB_STEP_SUMMARY names) cannot be written" in done.err


def test_a_summary_that_is_no_file_is_refused_before_anything_is_judged(good, again, gate):
    done = gate(good, again, DROP, "--format", "github", **summary_of("/dev/null"))
    assert (done.code, done.out) == (2, "")
    assert "names /dev/null, which is no file" in done.err


def test_links_in_a_circle_lead_to_no_page_and_no_summary(good, again, gate, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for words, environment in (
        (("--out", loop), {}),
        (("--out", loop / "page.json"), {}),
        (("--format", "github"), summary_of(loop)),
    ):
        done = gate(good, again, DROP, *words, **environment)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert "leads nowhere" in done.err


def test_two_pages_have_two_places(good, again, gate, evalkit, tmp_path):
    page, other = tmp_path / "page", tmp_path / "other"
    other.symlink_to(page)
    for second in (page, f"json={page}", f"json={tmp_path}/./page", other):
        done = gate(good, again, DROP, "--out", page, "--out", second)
        assert (done.code, done.out) == (2, "")
        assert "is where another page is to be" in done.err
    words = ("compare", good, again, "--draws", "100")
    outs = ("--out", f"markdown={page}", "--out", f"json={page}")
    assert evalkit(*words, *outs).code == 2
    assert not page.exists()


def test_a_policy_is_small_and_may_come_through_a_pipe(good, again, gate, evalkit, tmp_path):
    (tmp_path / "large.toml").write_text(DROP + "#" * (1 << 20))
    runs = ("--baseline", good, "--candidate", again)
    for policy in ("/dev/zero", tmp_path / "large.toml"):
        done = evalkit("gate", *runs, "--policy", policy)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "has more than 1,048,576 bytes" in done.err
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(DROP,), daemon=True)
    writer.start()
    assert evalkit("gate", *runs, "--policy", pipe).code == 0


@pytest.mark.parametrize("columns", ["1", "2", "10"])
def test_a_terminal_without_room_is_no_error(good, again, gate, evalkit, columns):
    assert gate(good, again, DROP, COLUMNS=columns).code == 0
    words = ("compare", good, again, "--draws", "100", "--flips", "2")
    assert evalkit(*words, COLUMNS=columns).code == 0


def test_an_alpha_without_digits_is_a_mistake(good, again, gate, evalkit):
    assert gate(good, again, "alpha = 1e-17\n" + DROP).code == 2
    assert evalkit("compare", good, again, "--alpha", "1e-17").code == 2


def test_tasks_that_no_rule_covers_are_named(single, gate):
    tasks = ["sight", "sight:v1", "sight:v2"]
    base, new = (single.run("three", single.gold, tasks=tasks) for _ in range(2))
    done = gate(base, new, DROP, "--format", "json")
    assert "Not gated, as no rule covers it: sight:v1, sight:v2." in done.record["notes"]
    done = gate(base, new, DROP.replace("sight", "*"), "--format", "json")
    assert not any(note.startswith("Not gated") for note in done.record["notes"])


def test_a_record_from_elsewhere_chooses_no_code(good, again, evalkit, single, tmp_path):
    """Its task file is run where it is below the current folder, or named by --task-path."""
    away = tmp_path / "project"
    away.mkdir()
    words = ("compare", good, again, "--draws", "100")
    done = evalkit(*words, cwd=away)
    assert done.code == 2
    assert "they are run only if --task-path names them" in done.err
    assert str(single.folder / "sight.py") in done.err
    assert evalkit(*words, "--task-path", single.folder / "sight.py", cwd=away).code == 0
    assert evalkit(*words).code == 0


def marking(file, mark):
    """Make a task file tell that it was run."""
    file.write_text(f"{file.read_text()}\nopen({str(mark)!r}, 'w').close()\n")


def test_a_candidate_chooses_no_code_that_its_baseline_does_not_know(
    sight_of, gate, evalkit, tmp_path
):
    """It is counted by the baseline's file, where its record has the digest of that."""
    own, other = sight_of(1000, 2), sight_of(1000, 2)
    base, new = own.run("reviewed", own.gold), other.run("sent", other.gold)
    mark, file = tmp_path / "was-run", other.folder / "sight.py"
    marking(file, mark)
    assert gate(base, new, DROP).code == 0  # by the baseline's file: the candidate's is not run
    assert not mark.exists()
    new = other.run("sent", other.gold)
    mark.unlink()
    kept = tmp_path / "kept.json"
    assert evalkit("baseline", "accept", base, "--out", kept).code == 0
    for reference in (base, kept):
        done = gate(reference, new, DROP)
        assert done.code == 2
        assert f"names the task files {file}; not those of the baseline's record" in done.err
        assert done.err.endswith("they are run only if --task-path names them.\n")
        assert done.err.count("\n") == 1
        assert not mark.exists()
    named = ("--task-path", file)
    assert gate(base, new, DROP, *named).code == 13  # the scorers differ, as both records say
    assert gate(base, new, DROP, *named, "--allow", "scorer").code == 0
    assert mark.exists()


def test_a_baselines_own_file_that_has_changed_is_not_run(sight_of, gate, tmp_path):
    own = sight_of(1000, 2)
    base, new = (own.run(name, own.gold) for name in ("before", "after"))
    mark, file = tmp_path / "was-run", own.folder / "sight.py"
    marking(file, mark)
    done = gate(base, new, DROP)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "or these are gone or changed, they are run only if --task-path names them" in done.err
    file.unlink()
    assert gate(base, new, DROP).code == 2
    assert not mark.exists()


def test_what_a_task_imports_from_its_folder_is_the_baselines_too(sight_of, gate):
    """A scorer that calls a module beside it is not judged by the candidate's module."""
    own, other = sight_of(100, 2), sight_of(100, 2)
    for made, value in ((own, 'text == "yes"'), (other, "text is not None")):
        file = made.folder / "sight.py"
        here = "import sys\n\nsys.path.insert(0, __file__.rpartition('/')[0])\nimport marks\n"
        text = file.read_text().replace("def to_sample", f"{here}\n\ndef to_sample", 1)
        file.write_text(text.replace("float(right)", "marks.mark(text)"))
        (made.folder / "marks.py").write_text(f"def mark(text):\n    return float({value})\n")
    base, new = own.run("honest", own.gold), other.run("generous", other.wrong)
    done = gate(base, new, DROP)
    assert done.code == 2
    assert "not those of the baseline's record" in done.err
    same = own.run("again", own.gold)
    assert gate(base, same, DROP).code in (0, 11)
    (own.folder / "marks.py").write_text("def mark(text):\n    return 1.0\n")
    assert gate(base, same, DROP).code == 2


def test_2_is_a_policy_whose_specific_rules_make_all_of_it_advisory(good, again, gate):
    done = gate(good, again, DROP.replace("sight", "*") + DROP + 'tier = "advisory"\n')
    assert done.code == 2
    assert "make every demand advisory" in done.err
