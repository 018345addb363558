"""Tables are pure functions of records; nothing in a record can break out of its cell."""

from dataclasses import replace

import pytest

import evalkit
from evalkit.records import Coverage, MetricValue
from evalkit.report.markdown import run_page
from evalkit.report.table import interval, number, run_table


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return evalkit.evaluate(
        model="dummy:hash", tasks=["mme", "pope"], data="demo", out=tmp_path_factory.mktemp("out")
    )


@pytest.mark.parametrize(
    ("value", "maximum", "said"),
    [(0.61254, 1, "0.6125"), (1508.6726, 2000, "1508.67"), (1.0, 1, "1.0000"), (0.0, 800, "0.00")],
)
def test_numbers_have_the_decimals_of_their_scale(value, maximum, said):
    assert number(value, maximum) == said


def test_no_interval_is_a_dash():
    value = MetricValue(value=1.0, low=None, high=None, method="none", n=1, clusters=1, maximum=1.0)
    assert interval(value) == "-"


def test_a_task_with_two_headlines_has_two_rows(record):
    rows = run_table(record).rows
    assert [row[:2] for row in rows] == [
        ("mme", "perception"),
        ("", "cognition"),
        ("pope", "macro_f1"),
    ]
    assert len(run_table(record, every_metric=True).rows) > 6


def test_failures_are_said_below_the_table(record):
    broken = replace(
        record.results[1], coverage=Coverage(asked=120, answered=110, failed=10, unparsed=0)
    )
    notes = run_table(replace(record, results=(record.results[0], broken))).notes
    assert any("10 of 120 samples failed" in note for note in notes)


def test_a_page_is_a_function_of_the_record(record):
    assert run_page(record) == run_page(record)
    for said in ("# hash", "| mme", "cognition", "## What was evaluated", "official"):
        assert said in run_page(record)


def test_text_of_a_record_stays_in_its_cell(record):
    hostile = replace(record, model=replace(record.model, spec="a|b\n<script>", name="x\n# y"))
    page = run_page(hostile)
    assert "a\\|b &lt;script>" in page
    assert "\n# y" not in page
