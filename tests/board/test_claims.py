"""What a user says of models: marked, remembered by the page, and never about nobody."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.board.claims import read_training
from evalkit.board.entries import read
from evalkit.board.making import Choice, make
from evalkit.errors import StoreError, UsageError
from evalkit.standings import TrainedOn
from evalkit.verify import verify

from .conftest import published, written

FACTS = """
[[trained]]
models = ["lab/good"]
tasks = ["gqa"]
data = "the train split of GQA"
source = "its card, under Training data"
"""


@pytest.fixture
def board(model, results):
    """Two models and a published number of another name; a call of the command on them."""
    for seed, name in enumerate(("lab/good", "lab/other")):
        model(name, 0.8 - 0.1 * seed, seed)
    written(results / "published" / "x", published("theirs-7b", 0.75))
    Path("facts.toml").write_text(FACTS)

    def called(*words):
        return subprocess.run(
            [sys.executable, "-m", "evalkit", "leaderboard", "results", *words],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return called


def standings_of(results, **choice):
    (column,) = make(read(results).entries, Choice(**choice)).columns
    return {one.contender: one for group in column.groups for one in group.standings}


# Training data


def test_trained_on_is_a_mark_with_its_footnote_and_who_says_so(board):
    done = board("--trained-on", "facts.toml")
    assert done.returncode == 0, done.stderr
    page = Path("boards/leaderboard.md").read_text()
    (overview, *_) = [line for line in page.splitlines() if line.startswith("| lab/good ")]
    assert "△" in overview
    assert "- △ said to be of a model that was trained on data of this benchmark." in page
    told = "lab/good: trained on the train split of GQA (source: its card, under Training data)."
    assert f"- △ {told} It bears on gqa accuracy." in page
    assert told in Path("boards/leaderboard.html").read_text()
    rows = csv.DictReader(Path("boards/leaderboard.csv").read_text().splitlines())
    assert {row["model"]: (row["trained_on"], row["marks"]) for row in rows} == {
        "lab/good": ("the train split of GQA", "△"),
        "lab/other": ("", ""),
        "theirs-7b": ("", "¶"),
    }


def test_a_page_remembers_what_was_said(board):
    board("--trained-on", "facts.toml", "--published", "lab/other=theirs-7b")
    Path("facts.toml").unlink()
    page = Path("boards/leaderboard.md")
    assert verify(page) == ()
    text = page.read_text()
    page.write_text(text.replace("of GQA (source", "of VQAv2 (source"))
    assert [one.text for one in verify(page)] != []
    page.write_text(text.replace('"the train split of GQA"', '"nothing"'))
    assert [one.text for one in verify(page)] != []


def test_a_page_without_what_came_later_is_derived_all_the_same(board):
    board()
    page = Path("boards/leaderboard.md")
    text = page.read_text()
    older = text.replace(', "trained_on": []', "").replace('"published": [], ', "")
    assert older != text
    page.write_text(older)
    assert verify(page) == ()


def test_a_slip_hides_no_mark(board):
    for old, new, told in [
        ('"lab/good"', '"lab/god"', "lab/god: no model of that name has numbers here; give one of"),
        ('["gqa"]', '["gq"]', "name the task 'gq', which no record has; the records have: gqa."),
        ("source", "sauce", "[[trained]] number 1, is not a valid TrainedOn: source"),
        ("trained]]", "trainde]]", "facts.toml says nothing of training data"),
        ("[[", "[[[", "facts.toml cannot be read as TOML"),
    ]:
        Path("facts.toml").write_text(FACTS.replace(old, new))
        done = board("--trained-on", "facts.toml")
        assert done.returncode == 2
        assert told in done.stderr
    assert not Path("boards").exists()


def test_training_data_are_read_table_by_table(tmp_path):
    path = tmp_path / "facts.toml"
    path.write_text(FACTS + FACTS.replace("good", "b"))
    assert [one.models for one in read_training(path)] == [("lab/good",), ("lab/b",)]
    path.write_text(FACTS.replace('["gqa"]', '"gqa"'))
    with pytest.raises(StoreError, match="tasks"):
        read_training(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_training(tmp_path / "none.toml")


@pytest.mark.usefixtures("board")
def test_only_the_benchmarks_that_are_named_are_marked(model, results):
    model("lab/good", 0.7, 3, task="pope", run="pope")
    said = TrainedOn(models=("lab/good",), tasks=("pope",), data="POPE's images", source="a paper")
    columns = make(read(results).entries, Choice(trained_on=(said,))).columns
    marked = {
        (column.task, one.contender)
        for column in columns
        for group in column.groups
        for one in group.standings
        if "△" in one.marks
    }
    assert marked == {("pope", "lab/good")}


# Which published model a measured one is


def test_a_published_model_is_named(board, results):
    assert not any(one.published for one in standings_of(results).values())
    done = board("--published", "lab/other = theirs-7b")
    assert done.returncode == 0, done.stderr
    page = Path("boards/leaderboard.md").read_text()
    value = standings_of(results)["lab/other"].value
    assert f"75.0 ¶ ({100 * (value - 0.75):+.1f})" in page
    assert "- Set beside published numbers by choice: lab/other is theirs-7b." in page
    assert verify(Path("boards/leaderboard.md")) == ()


@pytest.mark.usefixtures("board")
def test_what_was_said_goes_before_the_name(results):
    written(results / "published" / "y", published("good", 0.9, card="b.md"))
    by_name = standings_of(results)["lab/good"].published
    assert [gap.value for gap in by_name] == [0.9]
    said = standings_of(results, published=(("lab/good", "theirs-7b"),))["lab/good"].published
    assert [gap.value for gap in said] == [0.75]
    both = (("lab/good", "theirs-7b"), ("lab/good", "good"))
    told = standings_of(results, published=both)["lab/good"].published
    assert [gap.value for gap in told] == [0.9, 0.75]


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("lab/good=lab/other", "no model of that name has published numbers; give one of: theirs"),
        ("theirs-7b=theirs-7b", "has measured numbers; give one of: lab/good, lab/other."),
        ("lab/good", "is no MODEL=NAME"),
        ("=theirs-7b", "is no MODEL=NAME"),
    ],
)
def test_a_pair_of_nobody_is_a_mistake(board, pair, told):
    done = board("--published", pair)
    assert done.returncode == 2
    assert told in done.stderr
