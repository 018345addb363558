"""Charts: drawn inside their frame, well-formed, and with every number in words."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import judge_report

from evalkit.board.entries import read
from evalkit.board.making import Choice, make
from evalkit.report.board_cells import Unit, cost, score
from evalkit.report.board_charts import Scale, economies, heat, history, intervals
from evalkit.report.board_html import board_html
from evalkit.report.board_markdown import board_markdown
from evalkit.report.marks import Mark
from evalkit.run_record import Peeks

from .conftest import answered, limited, record, result, written

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.fixture
def board(model, results):
    """Four models of two tasks, one of them three times, and one of another prompt."""
    for seed, (name, share) in enumerate({"a": 0.9, "b": 0.7, "c": 0.5}.items()):
        for task in ("gqa", "pope"):
            model(name, share, seed, task=task, run=task, parameters=10 ** (6 + seed))
    for year in (2023, 2024):
        model("b", 0.6, year, run=str(year), created=f"{year}-01-01T00:00:00Z")
    return make(read(results).entries, Choice())


def svgs(page):
    return [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]  # noqa: S314 - our own page


def test_each_is_well_formed_named_and_inside_its_frame(board):
    found = svgs(board_html(board))
    # a heat map, and for both columns intervals, and numbers beside parameters; b has a history
    assert len(found) == 6
    space = "{http://www.w3.org/2000/svg}"
    for svg in found:
        width, height = map(float, svg.get("viewBox").split()[2:])
        assert svg.find(f"{space}title").text
        assert svg.find(f"{space}desc").text
        for mark in svg.iter():
            for name, most in (("x", width), ("cx", width), ("x1", width), ("x2", width)):
                assert 0 <= float(mark.get(name, 0)) <= most
            for name in ("y", "cy", "y1", "y2"):
                assert 0 <= float(mark.get(name, 0)) <= height


def test_the_heat_map_prints_each_number(board):
    chart = heat(board)
    rows = {row["whole"]: [cell["text"] for cell in row["cells"]] for row in chart["rows"]}
    told = {one.contender: f"{100 * one.value:.1f}" for one in board.columns[0].groups[0].standings}
    assert {name: texts[0] for name, texts in rows.items()} == told
    fills = {row["whole"]: int(row["cells"][0]["fill"][1:]) for row in chart["rows"]}
    assert fills["a"] > fills["b"] > fills["c"]


def test_intervals_hold_their_points(board):
    for row in intervals(board.columns[0], "x")["rows"]:
        assert row["low"] <= row["x"] <= row["high"]


def test_a_history_goes_from_the_oldest_to_the_newest(board):
    column = board.columns[0]
    (found,) = column.histories
    chart = history(column, found, "x")
    assert [tick["text"][:4] for tick in chart["ticks"]] == ["2023", "2026"]
    places = [point["x"] for point in chart["points"]]
    assert places == sorted(places)
    assert len(places) == 3


def judged(scores, failures=()):
    """The result as that of a judge, of a part of the data."""
    made = limited(result(scores))
    known = replace(made.fingerprint, judge={"model": "j"})
    return replace(made, judge=judge_report(100, dict(failures)), fingerprint=known)


@pytest.fixture
def marked(results):
    """Two models of a part of the data, one of them also stopped early; one judged twice."""
    for seed, (name, share) in enumerate({"a": 0.9, "b": 0.7}.items()):
        made = limited(result(answered(share, seed)))
        written(results / name / "run", record(name, made, parameters=10 ** (6 + seed)))
    peeks = Peeks(looks=(50, 100), made=1, rules=1, samples=600, planned=made.fingerprint)
    past = {
        ("b", 2023): replace(limited(result(answered(0.8, 5))), peeks=peeks),
        ("c", 2023): judged(answered(0.8, 5), {"timeout": 30}),
        ("c", 2024): judged(answered(0.8, 6)),
    }
    for (name, year), made in past.items():
        own = record(name, made, parameters=10**7, created=f"{year}-01-01T00:00:00Z")
        written(results / name / str(year), own)
    return make(read(results).entries, Choice())


def test_marks_stand_with_numbers_everywhere(marked):
    (column,) = marked.columns
    rows = heat(marked)["rows"]
    assert [row["cells"][0]["text"].partition(" ")[2] for row in rows] == ["§", "§"]
    (chart,) = economies(column, "x")
    assert {point["label"] for point in chart["points"]} == {"a §", "b §"}
    assert all(" §, " in point["whole"] for point in chart["points"])
    points = [history(column, found, "x")["points"] for found in column.histories]
    assert [[p["marks"] for p in held] for held in points] == [["§", "§"], ["‡§⚠", "‡§"]]
    assert " ‡§⚠, commit" in points[1][0]["whole"]
    page = board_markdown(marked)
    assert re.search(r"better number than: a \([0-9.]+ §, 1M\)", page)
    assert f"- {Mark.UNHEALTHY.value} " in page
    svg = svgs(board_html(marked))[-1]
    drawn = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in drawn if text in {"‡§", "‡§⚠"}] == ["‡§⚠", "‡§"]


def test_points_off_the_front_are_named_too(board):
    (chart,) = economies(board.columns[0], "x")
    standing = {point["label"]: point["standing"] for point in chart["points"]}
    assert standing == {"a": "front", "b": "behind", "c": "behind"}


@pytest.mark.parametrize(
    ("value", "low", "high", "told"),
    [
        (0.988, 0.898, 1.0, "98.8 -9.0/+1.2"),
        (0.75, 0.66, 0.84, "75.0 ± 9.0"),
        (0.75, 0.6602, 0.8404, "75.0 ± 9.0"),
        (0.0, 0.0, 0.0, "0.0 ± 0.0"),
        (0.0, 0.0, 0.114, "0.0 -0.0/+11.4"),
        (0.9, 0.95, 1.0, "90.0 (95.0 to 100.0)"),
        (0.9, None, None, "90.0"),
    ],
)
def test_no_interval_reaches_where_no_number_is(board, value, low, high, told):
    one = replace(board.columns[0].groups[0].standings[0], value=value, low=low, high=high)
    assert score(one, Unit(name="%", factor=100.0)) == told


@given(NUMBERS, NUMBERS, st.integers(2, 6))
def test_a_scale_has_its_ticks_inside(one, two, count):
    low, high = sorted((one, two))
    scale = Scale(low, high, 10, 300)
    for tick in scale.ticks(count):
        assert 9.9 <= scale.at(tick) <= 300.1
    assert 9.9 <= scale.at(low) <= scale.at(high) <= 300.1


@given(st.floats(-1, 1))
def test_no_zero_has_a_sign(value):
    unit = Unit(name="%", factor=100.0)
    assert unit.text(value) != "-0.0"
    assert unit.signed(value) not in {"+0.0", "-0.0"}
    assert float(unit.text(value)) == float(unit.signed(value))


def test_sizes_and_seconds_are_short():
    told = {cost("parameters", n) for n in (7_241_732_096, 865_000_000, 1_865_904, 12)}
    assert told == {"7.24B", "865M", "1.87M", "12"}
    assert cost("seconds per sample", 0.00654545) == "0.00655 s"
