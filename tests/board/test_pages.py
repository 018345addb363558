"""Pages: the same bytes whatever does not matter, nothing of a stranger's unescaped, and no page
without records fails."""

import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.board.entries import Named, load, read
from evalkit.board.making import Choice, make
from evalkit.board.pages import options_of, pages, render_markdown, replaced
from evalkit.errors import StaleError, StoreError, UsageError
from evalkit.records import Coverage
from evalkit.run_record import RunRecord
from evalkit.store import RunFolder, load_run

from .conftest import answered, published, record, result, written

END = "<!-- evalkit:end leaderboard -->"

HOSTILE = [
    "<script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    "[link](http://evil.example) ![p](http://evil.example/p.png) @someone #1 `x` **b** | c",
    "\x1b[31mred\x1b[0m\u202eturned\x07",
    "=1+1",
    "+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "-2+3",
    "{{ 7 * 7 }}{% raw %}",
    "--><script>alert(2)</script><!-- evalkit:end leaderboard -->",
    '" onmouseover="alert(3)',
    "::error::fail ##[error]x",
]


def all_pages(results, **choice):
    found = read(results)
    chosen = Choice(**choice)
    standings = make(found.entries, chosen, found.left_out)
    return pages(standings, options_of(chosen, found.left_out), found.entries)


def block_of(page):
    (line,) = re.findall(r"<!-- evalkit:begin leaderboard (.*) -->", page)
    return json.loads(line), page.partition("-->\n")[2].partition(f"\n{END}")[0]


def rows_of(page, model):
    """The cells of a model's rows: first the overview's, then those of the tables."""
    rows = [list(map(str.strip, line.strip("|").split("|"))) for line in page.splitlines()]
    return [row for row in rows if model in row[:2]]


class Texts(HTMLParser):
    """All tags, all attributes and all texts of a page."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


# The same bytes


def folder_of(place: Path, order) -> None:
    """Six runs, one of them damaged, written in some order."""

    def one(seed):
        scores = answered(0.4 + 0.08 * seed, seed)
        made = record(f"lab/m{seed}", result(scores), parameters=1000 + seed)
        written(place / f"m{seed}" / "run", made, {"gqa": scores} if seed % 2 else None)

    jobs = {f"m{seed}": lambda seed=seed: one(seed) for seed in range(5)}
    jobs["published"] = lambda: written(place / "pub" / "x", published("m1", 0.5))
    jobs["torn"] = lambda: ((place / "torn").mkdir(), (place / "torn" / "run.json").write_text("{"))
    names = sorted(jobs)
    order(names)
    for name in names:
        jobs[name]()


def test_pages_depend_on_nothing_but_records(tmp_path):
    made = {}
    for number, (place, locale, zone) in enumerate(
        [
            ("one", "C", "UTC"),
            ("a much longer place", "C.UTF-8", "Asia/Kolkata"),
            ("one", "C", "UTC"),
        ]
    ):
        root = tmp_path / str(number) / place
        root.mkdir(parents=True)
        folder_of(root / "results", random.Random(number).shuffle)
        done = subprocess.run(
            [sys.executable, "-m", "evalkit", "leaderboard", "results", "--aggregate", "borda",
             "--reference", "m1/run"],
            cwd=root, capture_output=True, text=True, check=False, timeout=100,
            env={**os.environ, "LC_ALL": locale, "TZ": zone, "PYTHONHASHSEED": str(number)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "left out: results/torn/run.json: cannot be read as JSON" in done.stderr
        made[number] = {p.name: p.read_bytes() for p in (root / "boards").iterdir()}
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 4
    assert str(tmp_path).encode() not in b"".join(made[0].values())


def test_writing_again_changes_nothing(model, results):
    for seed, name in enumerate("abc"):
        model(name, 0.4 + 0.1 * seed, seed)
    assert all_pages(results) == all_pages(results)


# The marked block


def test_a_block_is_derived_again(model, results):
    for seed, name in enumerate("abc"):
        model(name, 0.4 + 0.2 * seed, seed, keep=name != "a")
    (results / "torn").mkdir()
    (results / "torn" / "run.json").write_text("{")
    other = model("other", 0.5, 9) / "scores" / "gqa.parquet"
    shutil.copy(results / "b" / "run" / "scores" / "gqa.parquet", other)
    told, body = block_of(all_pages(results, title="Ours -- and theirs")["leaderboard.md"])
    assert "results/other/run/run&#46;json: gqa: " in body
    assert told["verb"] == "leaderboard"
    assert render_markdown(told["options"], told["records"]) == body
    assert "cannot be read as JSON" in body
    where = Path.cwd()
    os.chdir("/")
    assert render_markdown(told["options"], told["records"], where) == body


def test_a_block_says_whether_scores_were_used(model, results):
    for name, seed in (("a", 1), ("b", 2)):
        model(name, 0.7, seed)
    told, body = block_of(all_pages(results)["leaderboard.md"])
    assert "pair by pair" in body
    without = [{**one, "scores": None} for one in told["records"]]
    assert "pair by pair" not in render_markdown(told["options"], without)
    shutil.rmtree(results / "a" / "run" / "scores")
    assert render_markdown(told["options"], told["records"]) != body


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda told: told["records"][0].update(digest="0" * 64), StaleError),
        (lambda told: told["records"][0].update(path="results/none/run.json"), StoreError),
        (lambda told: told["records"][0].pop("digest"), StoreError),
        (lambda told: told["options"].update(titel="x"), StoreError),
        (lambda told: told["options"].update(title=3), StoreError),
    ],
)
def test_a_block_that_was_changed_is_refused(model, results, change, error):
    model("a")
    told, _ = block_of(all_pages(results)["leaderboard.md"])
    change(told)
    with pytest.raises(error):
        render_markdown(told["options"], told["records"])


def test_only_the_block_of_a_page_is_replaced(model, results):
    model("a")
    old = all_pages(results)["leaderboard.md"]
    model("b", seed=1)
    fresh = all_pages(results)["leaderboard.md"]
    assert old != fresh
    given, made = f"# Mine\n\n{old}\nMore.\n", f"# Mine\n\n{fresh}\nMore.\n"
    assert replaced(given, fresh, "x.md") == made
    ends = given.replace("\n", "\r\n")
    assert replaced(ends, fresh, "x.md") == made.replace("\n", "\r\n")


def test_a_block_goes_to_the_end_of_a_page_that_has_none(model, results):
    model("a")
    fresh = all_pages(results)["leaderboard.md"]
    mine = "# Mine\n\nThe mark `<!-- evalkit:begin leaderboard {} -->` and words.\n"
    assert replaced(mine, fresh, "x.md") == f"{mine}\n{fresh}"


def test_a_page_with_a_damaged_mark_is_refused(model, results):
    model("a")
    fresh = all_pages(results)["leaderboard.md"]
    with pytest.raises(UsageError, match=r"x\.md, line 3, is a damaged mark"):
        replaced("# Mine\n\n<!-- evalkit:begin leaderboard -->\n", fresh, "x.md")


def test_a_file_whose_name_is_no_unicode_is_left_out(model, results):
    shutil.copytree(model("a"), os.fsdecode(os.fsencode(results) + b"/x\xff"))
    shutil.rmtree(results / "a")
    for name, text in all_pages(results).items():
        Path(name).write_text(text, encoding="utf-8")
    page = Path("leaderboard.html").read_text(encoding="utf-8")
    assert "results/x\\udcff/run.json: its path is no valid Unicode" in page


# Strangers' texts


@pytest.fixture
def hostile(results):
    """Records of models with hostile names, in tasks and data of hostile names."""
    for seed, name in enumerate(HOSTILE):
        scores = answered(0.5, seed)
        made = result(scores)
        data = replace(made.fingerprint.dataset, repository=name)
        made = replace(made, fingerprint=replace(made.fingerprint, dataset=data))
        made = record(name, made, commit=name)
        written(results / f"m{seed}" / "run", made, {"gqa": scores})
    odd = replace(result(answered(0.5, 1)), task=HOSTILE[0], protocol=HOSTILE[1], scores=None)
    written(results / "odd" / "run", record("odd", odd))
    return results


def test_nothing_hostile_reaches_the_page(hostile):
    page = all_pages(hostile, title=HOSTILE[0])["leaderboard.html"]
    read_ = Texts(page)
    assert read_.tags.count("script") == 1
    assert "img" not in read_.tags
    assert not [name for name, _ in read_.attributes if name.startswith("on")]
    assert any(HOSTILE[0] in text for text in read_.texts)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert not re.search(r"(?:src|href)=\"(?!#|data:,)", page)


def test_nothing_hostile_reaches_the_markdown(hostile):
    page = all_pages(hostile, title=HOSTILE[0])["leaderboard.md"]
    told, body = block_of(page)
    assert page.count(END) == 1
    assert told["options"]["title"] == HOSTILE[0]
    assert "<script" not in body
    assert "](http" not in body
    assert "@someone" not in body
    assert "\x1b" not in page
    assert not re.search(r"(?m)^::|##\[", page)
    lines = [line for line in body.splitlines() if line.startswith("|")]
    tables = "\n".join(body.splitlines()).split("\n\n")
    for table in tables:
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
    assert lines


def test_no_field_of_the_csv_is_a_formula(hostile):
    text = all_pages(hostile)["leaderboard.csv"]
    rows = list(csv.DictReader(io.StringIO(text)))
    for row in rows:
        for name, value in row.items():
            if value[:1] in "=+-@" and value:
                assert name in {"value", "low", "high", "reference_difference", "reference_low"}
                float(value)
    assert {"'=1+1", "'@SUM(A1)", "'-2+3"} <= {row["model"] for row in rows}
    assert "\x1b" not in text


# Few, and many


def test_an_empty_folder_has_pages(results):
    made = all_pages(results)
    assert "There is no record to show." in made["leaderboard.md"]
    assert "There is no record to show." in made["leaderboard.html"]
    assert len(made["leaderboard.csv"].splitlines()) == 1
    assert json.loads(made["leaderboard.json"])["columns"] == []


def test_one_record_is_shown_and_not_ranked(model, results):
    model("only", 0.7, 1)
    made = all_pages(results)
    (row,) = csv.DictReader(io.StringIO(made["leaderboard.csv"]))
    assert (row["rank_low"], row["leads"]) == ("", "no")
    assert row["why_not"] == "nothing to compare it with"
    assert "**" not in block_of(made["leaderboard.md"])[1]


def test_full_precision(model, results):
    for seed, name in enumerate("ab"):
        model(name, 0.7, seed)
    made = all_pages(results)
    known = {
        held.model.name: held.results[0].metrics["accuracy"].value
        for held in (load_run(path) for path in results.glob("*/run/run.json"))
    }
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(made["leaderboard.csv"]))}
    assert {name: float(row["value"]) for name, row in rows.items()} == known
    (column,) = json.loads(made["leaderboard.json"])["columns"]
    standings = column["groups"][0]["standings"]
    assert {one["contender"]: one["value"] for one in standings} == known


def test_published_numbers_are_all_told_with_their_day(model, results):
    model("lab/a", 0.7, 1)
    model("lab/b", 0.7, 2)
    for card, value in (("one.md", 0.65), ("two.md", 0.9)):
        written(results / "published" / card, published("a", value, card=card))
    made = all_pages(results)
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(made["leaderboard.csv"]))}
    own = rows["lab/a"]
    assert (own["published"], own["published_card"]) == ("0.65; 0.9", "one.md; two.md")
    gaps = [float(gap) for gap in own["published_gap"].lstrip("'").split("; ")]
    assert gaps == pytest.approx([float(own["value"]) - 0.65, float(own["value"]) - 0.9], abs=1e-12)
    assert own["ranked_by"] == "scores"
    assert (rows["lab/b"]["published"], rows["lab/b"]["published_card"]) == ("", "")
    for page in (made["leaderboard.md"], made["leaderboard.html"]):
        assert page.count("copied on 2026-01-01") == 2
        assert "unpinned" not in page


def test_computed_numbers_have_no_digit_that_a_processor_decides(model, results):
    for seed, name in enumerate("abc"):
        model(name, 0.61 + 0.07 * seed, seed)
    written(results / "published" / "x", published("a", 0.1 + 0.2))
    reference = (results / "c" / "run" / "run.json").as_posix()
    rows = csv.DictReader(io.StringIO(all_pages(results, reference=reference)["leaderboard.csv"]))
    names = ("reference_difference", "reference_low", "reference_high", "published_gap")
    told = [row[name] for row in rows for name in names if row[name]]
    assert len(told) == 7
    assert all(float(text) == float(f"{float(text):.12g}") for text in told)


def test_bold_are_those_that_may_be_first(model, results):
    for seed, (name, share) in enumerate((("good", 0.85), ("near", 0.83), ("bad", 0.3))):
        model(name, share, seed)
    page = all_pages(results)["leaderboard.md"]
    overview = page.partition("\n\n- ")[0]
    bold = {line.split("|")[1].strip() for line in overview.splitlines() if "**" in line}
    assert bold == {"good", "near"}


def test_pages_say_what_ranks_rest_on(model, results):
    for seed, name in enumerate(("a", "b", "bare")):
        model(name, 0.5 + 0.1 * seed, seed, keep=name != "bare")
    made = all_pages(results)
    told = "Ranked from intervals: bare; from both: b, a. The tables say so column by column."
    assert f"- {told}" in made["leaderboard.md"]
    assert told in Texts(made["leaderboard.html"]).texts
    by = {name: rows_of(made["leaderboard.md"], name)[1][6] for name in ("a", "b", "bare")}
    assert by == {"a": "both", "b": "both", "bare": "intervals"}
    shutil.rmtree(results / "bare")
    page = all_pages(results)["leaderboard.md"]
    assert page.count("| paired scores |") == 2
    assert "Ranked from" not in page


def test_what_explains_a_number_stands_with_it(model, results):
    for seed, name in enumerate("ab"):
        model(name, 0.5 + 0.3 * seed, seed, task="pope")
    unread = model("c", 0.5, 5, task="pope", change=_with_unparsed(30), keep=False)
    made = all_pages(results)
    ratios = {
        held.model.name: held.results[0].metrics["yes_ratio"].value
        for held in (load_run(path) for path in results.glob("*/run/run.json"))
    }
    for name, ratio in ratios.items():
        shown = f"{100 * ratio:.1f} %"
        overview, row = rows_of(made["leaderboard.md"], name)
        further = ", unparsed 10.0 %" if unread.parent.name == name else ""
        assert overview[-1].endswith(f", yes_ratio {shown}{further}")
        assert row[6].startswith(f"{shown} (")
    rows = list(csv.DictReader(io.StringIO(made["leaderboard.csv"])))
    assert {row["model"]: row["beside"] for row in rows} == {
        name: f"yes_ratio={ratio!r}" for name, ratio in ratios.items()
    }
    assert {row["model"]: float(row["unparsed"]) for row in rows} == {"a": 0, "b": 0, "c": 0.1}
    assert "unparsed 10.0 %" in made["leaderboard.html"]


def test_nothing_stands_with_a_number_that_is_withheld(model, results):
    model("a", task="pope")
    model("b", task="pope", lost=100)
    page = all_pages(results)["leaderboard.md"]
    overview, row = rows_of(page, "b")
    assert overview[-1] == "-(33% failed) §"
    assert row[6] == "-"


def _with_unparsed(count):
    """A change of a result: so many answers are not read."""

    def change(made):
        asked = made.coverage.asked
        return replace(
            made, coverage=Coverage(asked=asked, answered=asked - count, failed=0, unparsed=count)
        )

    return change


def test_sixty_models_and_nine_columns(results):
    tasks = ("gqa", "vqav2", "textvqa", "mmvp", "scienceqa", "pope", "mme")
    scores = {seed: answered(0.4 + seed / 150, seed) for seed in range(60)}
    pope = {seed: answered(0.4 + seed / 150, seed, task="pope") for seed in range(60)}
    for seed in range(60):
        own, other = result(scores[seed]), result(pope[seed], "pope")
        copies = [
            replace(own, task=task, scores=None) for task in tasks if task not in {"gqa", "pope"}
        ]
        two = {"one": own.metrics["accuracy"], "two": own.metrics["accuracy"]}
        copies += [replace(own, task=f"x{i}", scores=None, metrics=two, headline=("one", "two"))
                   for i in range(1)]  # fmt: skip
        made = record(f"m{seed}", own, other, *copies)
        written(results / f"m{seed}" / "run", made, {"gqa": scores[seed], "pope": pope[seed]})
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", "leaderboard", "results"],
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (first,) = {len(json.loads(Path("boards/leaderboard.json").read_text())["columns"])}
    assert first == 9


def test_records_hold_what_a_page_was_made_of(model, results):
    model("a")
    told, _ = block_of(all_pages(results)["leaderboard.md"])
    (entry,) = load([Named(**one) for one in told["records"]])
    assert isinstance(entry.record, RunRecord)
    assert RunFolder(Path(entry.path).parent).record_path.is_file()
