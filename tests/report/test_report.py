"""Tables are pure functions of records; nothing in a record can break out of its cell."""

from dataclasses import replace

import pytest

import evalkit
from evalkit.judge.order import JudgeOrder
from evalkit.pipeline import run
from evalkit.records import Coverage, MetricValue
from evalkit.report.markdown import run_page
from evalkit.report.table import (
    audit_line,
    breakdown_tables,
    interval,
    judge_line,
    number,
    numeric_columns,
    run_table,
)
from evalkit.run_record import Audit, RunConfig, TaskChoice


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
    assert [row[:3] for row in rows] == [
        ("mme", "official", "perception"),
        ("", "", "cognition"),
        ("pope", "official", "macro_f1"),
    ]
    assert len(run_table(record, every_metric=True).rows) > 6


def test_failures_are_said_below_the_table(record):
    broken = replace(
        record.results[1], coverage=Coverage(asked=120, answered=110, failed=10, unparsed=0)
    )
    notes = run_table(replace(record, results=(record.results[0], broken))).notes
    assert any("10 of 120 samples failed" in note for note in notes)


def test_how_answers_were_read_is_one_line_below_the_table(record):
    read = Audit(
        rules={"first word": 90, "prefix": 20, "a": 4, "b": 3, "c": 1},
        empty=1,
        refused=2,
        truncated=None,
        unparsed=3,
        ambiguous=4,
        bounds={"macro_f1": (0.5, 0.75)},
    )
    line = audit_line(read, record.results[1])
    assert line == (
        "read by first word 90, prefix 20, a 4, 2 other rules 4; empty 1; refused 2; unparsed 3; "
        "ambiguous 4; macro_f1 0.5000 to 0.7500 if all of those were wrong, or right."
    )
    assert "truncated 5" in audit_line(replace(read, truncated=5), record.results[1])
    certain = audit_line(replace(read, ambiguous=0), record.results[1])
    assert certain.endswith("; unparsed 3.")
    clean = replace(read, empty=0, refused=0, truncated=0, unparsed=0, ambiguous=0)
    assert audit_line(clean, record.results[1]).endswith("2 other rules 4.")
    bare, pope = replace(clean, rules={}), record.results[1]
    assert audit_line(bare, pope) == "120 answers read; the scorer does not say by which rules."
    for failed, told in ((120, "no sample was answered."), (119, "no answer could be read.")):
        none = Coverage(asked=120, answered=0, failed=failed, unparsed=120 - failed)
        assert audit_line(bare, replace(pope, coverage=none)) == told
    assert any(note.startswith("pope: read by") for note in run_table(record).notes)


def test_breakdowns_have_a_table_each(record):
    (title, table), *others = breakdown_tables(record.results[0])
    assert (title, table.header) == (
        "by subtask",
        ("subtask", "accuracy", "accuracy_plus", "score"),
    )
    assert not others
    assert numeric_columns(table) == [False, True, True, True]


def test_a_page_is_a_function_of_the_record(record):
    assert run_page(record) == run_page(record)
    for said in ("# hash", "| mme", "cognition", "## What was evaluated", "official"):
        assert said in run_page(record)


def test_numbers_are_set_to_the_right(record):
    head, rule = run_page(record).split("\n\n")[2].splitlines()[:2]
    sides = zip(head.strip("| ").split("|"), rule.strip("|").split("|"), strict=True)
    right = {name.strip() for name, side in sides if side.endswith(":")}
    assert right == {"value", "95 % interval", "of", "n", "clusters", "failed", "unparsed"}


def test_text_of_a_record_stays_in_its_cell(record):
    hostile = replace(record, model=replace(record.model, spec="a|b\n<script>", name="x\n# y"))
    page = run_page(hostile)
    assert "a\\|b &lt;script>" in page
    assert "\n# y" not in page


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """LLaVA-Bench's demo rows with a judge of which no reply can be read."""
    out = tmp_path_factory.mktemp("judged")
    config = RunConfig(
        model="dummy:constant,text=a dog",
        tasks=(TaskChoice(name="llava_bench_coco"),),
        data="demo",
        limit=3,
    )
    return run(config, out=out, judge=JudgeOrder(model="dummy:constant,text=perhaps"))


def test_without_one_verdict_there_are_bounds_alone(judged):
    """The official convention, -1 over -1, would say 100."""
    (result,) = judged.results
    assert result.metrics["relative"].value == 100
    table = run_table(judged, every_metric=True)
    shown = {row[2]: row[3:5] for row in table.rows}
    assert shown.pop("judged_low")[0] == "10.00"
    assert shown.pop("judged_high")[0] == "1000.00"
    assert "relative" in shown
    assert set(shown.values()) == {("-", "-")}
    assert any("there is not one verdict, so only bounds are shown" in n for n in table.notes)
    ((_, slices),) = breakdown_tables(result)
    place = slices.header.index("relative")
    assert {row[place] for row in slices.rows} == {"-"}


def test_a_judge_that_failed_is_unhealthy_also_where_its_budget_ended(judged):
    (result,) = judged.results
    spent = replace(result.judge, verdicts=12, failed={"unreadable": 9, "unasked": 3})
    line = judge_line(replace(spent, healthy=False))
    assert line.startswith(
        "UNHEALTHY: too many verdicts are missing; 3 verdicts were not asked for"
    )
    assert 'one that could not be read: "perhaps"' in line
    one = replace(spent, healthy=False, failed={"unasked": 1})
    said = "INCOMPLETE: 1 verdict was not asked for, since the judge's budget was spent; "
    assert judge_line(one).startswith(said)
    few = replace(one, verdicts=101, failed={"unreadable": 1, "unasked": 1})
    assert judge_line(few).startswith(said), "1 of 100 may fail"
