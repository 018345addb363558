"""`evalkit compare` as a user calls it: exit codes, choices, pages, and terminals."""

import html
import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from evalkit.errors import ExitCode
from evalkit.report.table import Table
from evalkit.report.text_table import folded, text_table

SEVEN = ("gqa", "mme", "pope", "vqav2", "textvqa", "scienceqa", "mmvp")
FAST = ("--draws", "200")
RUNS = {
    "one": ("pope", "mmvp", "--model", "dummy:hash"),
    "two": ("pope", "mmvp", "--model", "dummy:constant,text=yes"),
    "other": ("pope", "--model", "dummy:hash", "--prompt", "qwen"),
    "part": ("pope", "--model", "dummy:hash", "--limit", "60"),
    "gqa": ("gqa", "--model", "dummy:hash"),
}


@pytest.fixture(scope="module")
def evalkit(evalkit):
    """The command line in a wide terminal, whatever the tests themselves run in."""
    return partial(evalkit, COLUMNS="200")


@pytest.fixture(scope="module")
def place(evalkit, tmp_path_factory):
    """A folder with runs under results/."""
    folder = tmp_path_factory.mktemp("place")
    for name, words in RUNS.items():
        done = evalkit("run", *words, "--data", "demo", "--name", name, cwd=folder)
        assert done.code == 0, done.err
    return folder


ONE, TWO = "hash/one", "constant/two"


def test_verdicts_come_first(evalkit, place):
    done = evalkit("compare", ONE, TWO, *FAST, cwd=place)
    assert (done.code, done.err) == (ExitCode.OK, "")
    lines = done.out.split("\n")
    assert lines[0].startswith("constant:yes against hash: ")
    assert lines[0].endswith(" of 2 headline metrics.")
    assert lines[2].split()[:4] == ["metric", "verdict", "reference", "run"]
    assert lines[4].split()[:2] == ["pope", "macro_f1"]
    assert lines[5].split()[:2] == ["mmvp", "pair_accuracy"]
    assert "200 draws, seed 0" in done.out
    assert "reference: results/hash/one (run one of dummy:hash" in done.out


def test_a_side_may_be_a_folder_a_record_or_a_baseline(evalkit, place):
    assert evalkit("baseline", "accept", ONE, "--name", "kept", cwd=place).code == 0
    names = ("results/hash/one", "results/hash/one/run.json", "results/baselines/kept.json")
    found = [
        evalkit("compare", name, TWO, *FAST, "--format", "json", cwd=place).record["runs"][0]
        for name in names
    ]
    assert found[0]["tasks"] == found[1]["tasks"]
    numbers = [[t["differences"] for t in one["tasks"]] for one in found]
    assert numbers[0] == numbers[2]
    done = evalkit("compare", "results/baselines/kept.json", TWO, *FAST, cwd=place)
    assert "(baseline file one of dummy:hash" in done.out


def test_a_baseline_is_named_alike_by_every_verb(evalkit, place):
    assert evalkit("baseline", "accept", ONE, "--name", "named", cwd=place).code == 0
    (place / "named").mkdir(exist_ok=True)  # no run, so it is in nobody's way
    (place / "gate.toml").write_text('[[rule]]\ntask = "pope"\nmax_drop = 0.4\n')
    policy = ("--policy", "gate.toml", *FAST)
    whole, bare = (
        evalkit("compare", name, TWO, *FAST, "--format", "json", cwd=place).record["runs"]
        for name in ("results/baselines/named.json", "named")
    )
    assert whole == bare
    done = evalkit("gate", "--baseline", "named", "--candidate", TWO, *policy, cwd=place)
    assert done.code == 0, done.err
    assert evalkit("baseline", "show", "named", cwd=place).code == 0
    assert evalkit("baseline", "diff", "named", TWO, cwd=place).code == 0
    planned = ("--from", "named", "--detect", "10pt")
    assert evalkit("plan", *planned, cwd=place).code == 0
    page = ("--out", "results/baselines/named.json")
    before = (place / page[1]).read_bytes()
    assert evalkit("compare", "named", TWO, *FAST, *page, cwd=place).code == 2
    assert (place / page[1]).read_bytes() == before
    done = evalkit("compare", "nobody", TWO, cwd=place)
    assert done.code == 2
    assert "There is no run at nobody" in done.err


def test_a_run_beside_itself_is_identical(evalkit, place):
    done = evalkit("compare", ONE, ONE, *FAST, cwd=place)
    assert done.code == ExitCode.OK
    assert "identical in 2 of 2 headline metrics." in done.out
    assert "pope: none of 120 samples got better or worse." in done.out


def test_a_run_beside_itself_is_told_of_by_whatever_name(evalkit, place):
    assert evalkit("baseline", "accept", ONE, "--out", "self.json", cwd=place).code == 0
    same = "both are one and the same run, so nothing can differ."
    for names in ((ONE, ONE), (ONE, "self.json"), ("results/hash/one/run.json", ONE)):
        for kind in ("text", "markdown"):
            done = evalkit("compare", *names, *FAST, "--format", kind, cwd=place)
            assert done.out.count(same) == 1
    done = evalkit("compare", ONE, TWO, "self.json", *FAST, cwd=place)
    assert done.out.count(same) == 1
    assert same not in evalkit("compare", ONE, TWO, *FAST, cwd=place).out


def test_the_demos_own_baseline_is_compared(evalkit):
    kept = Path(__file__).parents[2] / "results" / "baselines" / "demo.json"
    done = evalkit("compare", kept, kept, *FAST, "--metrics", "all", "--format", "json")
    assert done.code == ExitCode.OK, done.err
    tasks = done.record["runs"][0]["tasks"]
    assert [task["task"] for task in tasks] == list(SEVEN)
    differences = [d for task in tasks for d in task["differences"]]
    assert {d["verdict"] for d in differences} == {"identical"}
    assert {(d["difference"], d["p"], d["discordant"]) for d in differences} == {(0, 1, 0)}
    assert all(d["low"] <= 0 <= d["high"] for d in differences if d["low"] is not None)


# Exit codes


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Missing argument"),
        ((ONE,), "One run alone cannot be compared"),
        ((ONE, "--reference", ONE), "One run alone cannot be compared"),
        ((ONE, "hash/nothing"), "There is no run at hash/nothing"),
        ((ONE, TWO, "--allow", "promt"), "no part 'promt' to allow; the parts are: dataset"),
        ((ONE, TWO, "--tasks", "gqa"), "has a task 'gqa'"),
        ((ONE, TWO, "--out", "page.pdf"), "must end in .html, .htm, .md, .json, .txt"),
        ((ONE, TWO, "--out", "pdf=page.html"), "with a format of text, html, markdown, json"),
        ((ONE, TWO, "--out", "html="), "with a format of text, html, markdown, json"),
        ((ONE, TWO, "--out", "results/hash/one/run.json"), "is what the command reads"),
        ((ONE, TWO, "--out", "json=results/hash/one/run.json"), "is what the command reads"),
        ((ONE, TWO, "--alpha", "0.7"), "alpha"),
        ((ONE, TWO, "--alpha", "0"), "alpha"),
        ((ONE, TWO, "--draws", "5"), "draws"),
        ((ONE, TWO, "--flips", "-1"), "flips"),
        ((ONE, TWO, "--metrics", "some"), "metrics"),
    ],
)
def test_a_mistake_is_one_sentence(evalkit, place, words, told):
    done = evalkit("compare", *words, cwd=place)
    assert done.code == ExitCode.USAGE
    assert told in done.err
    assert done.out == ""
    assert done.err.count("\n") == 1


def test_a_baseline_is_not_written_over(evalkit, place):
    assert evalkit("baseline", "accept", ONE, "--out", "mine.json", cwd=place).code == 0
    before = (place / "mine.json").read_bytes()
    done = evalkit("compare", "mine.json", TWO, "--out", "mine.json", cwd=place)
    assert done.code == ExitCode.USAGE
    assert (place / "mine.json").read_bytes() == before


def test_what_is_not_comparable_is_named_part_by_part(evalkit, place):
    done = evalkit("compare", ONE, "hash/other", *FAST, cwd=place)
    assert done.code == ExitCode.NOT_COMPARABLE
    assert done.out == ""
    for words in ("pope", "prompt.variant is llava and qwen", "prompt.digest is", "--allow prompt"):
        assert words in done.err


def test_a_page_may_be_told_its_format_as_the_gates_are(evalkit, place):
    outs = ("--out", "html=page.htm_", "--out", "json=page", "--out", "./html=page.md")
    done = evalkit("compare", ONE, TWO, *FAST, *outs, cwd=place)
    assert done.code == ExitCode.OK, done.err
    assert (place / "page.htm_").read_text().startswith("<!doctype html>")
    assert json.loads((place / "page").read_text())["schema"] == 1
    assert (place / "html=page.md").read_text().startswith("# ")


def test_a_waiver_stands_in_every_output(evalkit, place):
    words = ("compare", ONE, "hash/other", *FAST, "--allow", "prompt")
    outs = ("--out", "w.json", "--out", "w.md", "--out", "w.html")
    done = evalkit(*words, *outs, cwd=place)
    assert done.code == ExitCode.OK
    assert "allowed to differ in every task: prompt.variant (llava and qwen)." in done.out
    assert "prompt.variant (llava and qwen)" in html.unescape((place / "w.md").read_text())
    assert "prompt.variant (llava and qwen)" in (place / "w.html").read_text()
    (task,) = json.loads((place / "w.json").read_text())["runs"][0]["tasks"]
    assert all(m["waived"] for m in task["mismatches"])
    assert {m["part"] for m in task["mismatches"]} > {"prompt.variant"}
    narrow = evalkit(*words[:-1], "prompt.variant", cwd=place)
    assert narrow.code == ExitCode.NOT_COMPARABLE
    assert "prompt.variant is" not in narrow.err


def test_nothing_in_common_is_not_comparable(evalkit, place):
    done = evalkit("compare", ONE, "hash/gqa", cwd=place)
    assert done.code == ExitCode.NOT_COMPARABLE
    assert "no task in common (pope: in results/hash/one alone" in done.err


@pytest.mark.parametrize("what", ["record", "scores"])
def test_what_was_edited_is_stale(evalkit, place, tmp_path, what):
    run = tmp_path / "edited"
    shutil.copytree(place / "results" / "hash" / "one", run)
    if what == "record":
        record = run / "run.json"
        record.write_text(record.read_text().replace('"seed": 0', '"seed": 1', 1))
    else:
        shutil.copy(
            place / "results" / "constant" / "two" / "scores" / "pope.parquet",
            run / "scores" / "pope.parquet",
        )
    done = evalkit("compare", run, TWO, *FAST, cwd=place)
    assert done.code == ExitCode.STALE
    assert done.out == ""
    assert done.err.startswith("evalkit: ")


def test_scores_that_are_gone_are_a_mistake(evalkit, place, tmp_path):
    run = tmp_path / "gone"
    shutil.copytree(place / "results" / "hash" / "one", run)
    (run / "scores" / "pope.parquet").unlink()
    done = evalkit("compare", run, TWO, *FAST, cwd=place)
    assert done.code == ExitCode.USAGE
    assert "no scored samples at" in done.err


def test_an_unhealthy_judge_is_marked(evalkit, tmp_path):
    for name, said in (("good", "0.5"), ("bad", "perhaps")):
        words = ("mmvet", "--model", "dummy:echo", "--data", "demo", "--name", name)
        judge = ("--judge", f"dummy:constant,text={said}", "--judge-cache", "none")
        evalkit("run", *words, *judge, cwd=tmp_path)
    words = ("echo/good", "echo/bad", "--metrics", "all", "--allow", "judge", *FAST)
    done = evalkit("compare", *words, cwd=tmp_path)
    assert done.code == ExitCode.OK, done.err
    assert " (!)" in done.out
    assert "(!) do not rely on these numbers, the judge is unhealthy." in done.out
    assert "judged: undefined in one of the two on these samples." in done.out


# Choices


def test_all_metrics_and_some_tasks(evalkit, place):
    words = ("--metrics", "all", "--tasks", "pope", "--format", "json")
    done = evalkit("compare", ONE, TWO, *words, *FAST, cwd=place)
    (task,) = done.record["runs"][0]["tasks"]
    names = [d["metric"] for d in task["differences"]]
    assert names[0] == "macro_f1"
    assert {"accuracy", "f1", "yes_ratio"} < set(names)
    assert [d["adjusted"] is None for d in task["differences"]] == [n != "macro_f1" for n in names]
    told = {d["metric"]: d["verdict"] for d in task["differences"]}
    assert told["yes_ratio"] == "higher (raw p)"


def test_a_part_is_compared_on_what_both_have(evalkit, place):
    done = evalkit("compare", ONE, "hash/part", "--tasks", "pope", *FAST, cwd=place)
    assert done.code == ExitCode.OK, done.err
    assert "left out that the reference alone has." in done.out
    assert "of the 120 rows of the data are compared." in done.out
    assert "identical in 1 of 1 headline metric." in done.out


def test_many_runs_against_a_reference(evalkit, place):
    words = ("--tasks", "pope", "--format", "json", *FAST)
    first = evalkit("compare", ONE, TWO, "hash/part", *words, cwd=place).record
    assert first["reference"]["run"] == "one"
    assert [one["run"]["run"] for one in first["runs"]] == ["two", "part"]
    other = evalkit("compare", ONE, TWO, "--reference", TWO, *words, cwd=place).record
    assert other["reference"]["run"] == "two"
    assert [one["run"]["run"] for one in other["runs"]] == ["one"]
    (mine,), (theirs,) = (found["runs"][0]["tasks"][0]["differences"] for found in (first, other))
    assert mine["difference"] == pytest.approx(-theirs["difference"])
    assert mine["p"] == theirs["p"]
    text = evalkit("compare", ONE, TWO, "hash/part", *words[:2], *FAST, cwd=place).out
    assert text.split("\n")[3].split()[:3] == ["metric", "run", "verdict"]


def test_the_same_command_gives_the_same_bytes(evalkit, place):
    words = ("compare", ONE, TWO, "--flips", "3", *FAST, "--out")
    pages = []
    for name in ("a.html", "b.html"):
        assert evalkit(*words, name, cwd=place).code == 0
        pages.append((place / name).read_bytes())
    assert pages[0] == pages[1]


# Flips


def test_flips_with_questions_and_both_answers(evalkit, place):
    done = evalkit("compare", ONE, TWO, "--tasks", "pope", "--flips", "1", *FAST, cwd=place)
    tail = done.out[done.out.index("pope: the 1 worst of") :].split("\n")
    assert tail[1].startswith("  worse, ")
    assert tail[2].startswith("    question   Is there ")
    assert {line[:14].strip() for line in tail[2:6]} == {"question", "right", "reference", "run"}
    assert tail[6].startswith("  better, ")
    none = evalkit("compare", ONE, TWO, "--tasks", "pope", *FAST, cwd=place)
    assert "  worse, " not in none.out


def test_a_page_has_twenty_of_the_worst_and_of_the_best(evalkit, place):
    words = ("--tasks", "pope", *FAST, "--out", "flips.html", "--out", "flips.json")
    done = evalkit("compare", ONE, TWO, *words, cwd=place)
    assert done.code == 0
    assert done.err == "written: flips.html\nwritten: flips.json\n"
    flips = json.loads((place / "flips.json").read_text())["runs"][0]["flips"]
    worse, better = (sum(f["gain"] < 0 for f in flips), sum(f["gain"] > 0 for f in flips))
    assert max(worse, better) == 20
    page = (place / "flips.html").read_text()
    assert page.count("<article") == len(flips)
    assert page.count('<img src="data:image/jpeg;base64,') == len(flips)


# Terminals


@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_terminal_gets_no_line_that_is_too_long(evalkit, place, columns):
    words = ("compare", ONE, TWO, "--flips", "2", "--metrics", "all", *FAST)
    done = evalkit(*words, cwd=place, COLUMNS=columns)
    assert max(map(len, done.out.split("\n"))) <= int(columns)
    assert done.out.count("  metric ") == {"80": 3, "120": 2}[columns]


@pytest.mark.parametrize("kind", ["markdown", "json"])
def test_a_form_for_machines_is_not_folded(evalkit, place, kind):
    words = ("compare", ONE, TWO, "--format", kind, *FAST)
    narrow, wide = (evalkit(*words, cwd=place, COLUMNS=n).out for n in ("40", "400"))
    assert narrow == wide


cells = st.text("abc -.", max_size=12) | st.sampled_from(["答案", "<0.0001", "\x1b[31m"])


@given(st.integers(1, 8), st.integers(0, 3), st.integers(10, 60), st.data())
def test_a_folded_table_has_every_cell_and_fits(columns, height, width, data):
    keys = data.draw(st.integers(0, columns - 1))
    rows = [
        tuple(data.draw(st.lists(cells, min_size=columns, max_size=columns)))
        for _ in range(height + 1)
    ]
    table = Table(header=rows[0], rows=tuple(rows[1:]), notes=("note",))
    parts = folded(table, keys, width)
    assert [part.header[:keys] for part in parts] == [table.header[:keys]] * len(parts)
    assert sum((part.header[keys:] for part in parts), ()) == table.header[keys:]
    for place, row in enumerate(table.rows):
        assert sum((part.rows[place][keys:] for part in parts), ()) == row[keys:]
    assert [part.notes for part in parts] == [()] * (len(parts) - 1) + [("note",)]
    for part in parts:
        bare = Table(header=part.header, rows=part.rows, notes=())
        longest = max(map(cell_len, text_table(bare, "").split("\n")))
        assert longest <= width or len(part.header) == keys + 1
