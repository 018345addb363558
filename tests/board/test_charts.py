"""Charts: drawn inside their frame, well-formed, and with every number in words."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.board.entries import read
from evalkit.board.making import Choice, make
from evalkit.report.board_cells import Unit, cost
from evalkit.report.board_charts import Scale, heat, history, intervals
from evalkit.report.board_html import board_html

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
