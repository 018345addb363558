"""Tables from records and a layout: which number stands where, how it is written, and its marks."""

import html
import re
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

import made_records
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import judge_report, printed, publication, result, value

from evalkit.board.ranks import undistinguished
from evalkit.card.cells import shown
from evalkit.card.derived import derived_layout
from evalkit.card.entries import Entry
from evalkit.card.layout import Style, parse_layout
from evalkit.card.render import Sheet, body, template_text
from evalkit.card.section import section_context
from evalkit.card.tables import card_tables, definitions
from evalkit.errors import UsageError
from evalkit.integrity import sealed
from evalkit.records import Generation
from evalkit.report.marks import Mark
from evalkit.run_record import PromptIdentity

HOSTILE = "<script>a|b</script>\n[x](y) `c` **d** @e"


def record(model, results, *, run="one", factors=None, text=None):
    """A measured record; with factors, a published one."""
    cells = (
        printed(task, name, text or f"{100 * number:.1f}")
        for task, metrics in results.items()
        for name, number in metrics.items()
    )
    told = publication(*cells, factors=factors) if factors else None
    held = [result(task, metrics) for task, metrics in results.items()]
    return sealed(made_records.record(model, *held, name=run, publication=told))


def pivot(*models, rows=(("GQA", "gqa"), ("POPE", "pope")), **more):
    table = {
        "name": "main",
        "kind": "pivot",
        "corner": "Benchmark",
        "scale": 100,
        "decimals": 1,
        "columns": [{"label": m.upper(), "where": {"model": m}} for m in models],
        "rows": [{"label": label, "task": task, "metric": "accuracy"} for label, task in rows],
    }
    return {"tables": [table | more]}


def models(**more):
    table = {
        "name": "models",
        "kind": "models",
        "corner": "Model",
        "columns": [{"label": "GQA", "task": "gqa", "metric": "accuracy"}],
    }
    return {"tables": [table | more]}


def table_of(raw, records, **options):
    (table,) = card_tables(parse_layout(raw, "The layout x"), records, **options)
    return table


def grid(table):
    lines = str(table.text).splitlines()
    return [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# Which number stands where


def test_rows_and_columns_meet_in_the_number_of_one_record():
    records = [record("a", {"gqa": {"accuracy": 0.5}, "pope": {"accuracy": 0.25}})]
    records += [record("b", {"pope": {"accuracy": 0.75}})]
    table = table_of(pivot("b", "a"), records)
    assert grid(table) == [
        ["Benchmark", "B", "A"],
        ["-" * 9, "-" * 4, "-" * 4],
        ["GQA", "-", "50.0"],
        ["POPE", "75.0", "25.0"],
    ]
    cell = table.grid.rows[1].cells[0]
    assert (cell.record, cell.result.task, cell.metric) == (records[1], "pope", "accuracy")


def test_a_layout_gives_measured_models_their_factors():
    raw = pivot("a") | {"models": {"mine": {"size": "3B"}}}
    raw["tables"][0]["columns"] = [{"label": "3B", "where": {"size": "3B"}}]
    records = [record("mine", {"gqa": {"accuracy": 0.5}}), record("b", {"gqa": {"accuracy": 0.1}})]
    assert grid(table_of(raw, records))[2] == ["GQA", "50.0"]


def test_a_cell_that_could_be_of_two_records_is_refused_with_both():
    records = [record("a", {"gqa": {"accuracy": 0.5}}, run=run) for run in ("one", "two")]
    with pytest.raises(UsageError, match=r"main: the cell GQA / A could be of a/one.*, a/two"):
        table_of(pivot("a"), records)
    raw = pivot("a")
    raw["tables"][0]["columns"][0]["where"]["run"] = "two"
    assert table_of(raw, records).grid.rows[0].cells[0].record is records[1]


def test_rows_without_a_number_can_be_left_out():
    records = [record("a", {"gqa": {"accuracy": 0.5}})]
    assert len(grid(table_of(pivot("a", drop_empty=True), records))) == 3
    assert grid(table_of(pivot("a", missing=""), records))[3] == ["POPE", ""]


def test_without_rows_each_record_that_has_a_column_is_one():
    records = [record("a", {"gqa": {"accuracy": 0.5}}), record("b", {"pope": {"accuracy": 0.5}})]
    records += [record("a", {"gqa": {"accuracy": 0.25}}, run="two")]
    assert grid(table_of(models(), records))[2:] == [["a (one)", "0.5000"], ["a (two)", "0.2500"]]


def test_a_factor_that_a_record_lacks_is_blank():
    columns = [{"label": "Size", "factor": "size"}, *models()["tables"][0]["columns"]]
    records = [record("a", {"gqa": {"accuracy": 0.5}})]
    records += [record("b", {"gqa": {"accuracy": 0.5}}, factors={"size": "3B"})]
    table = table_of(models(columns=columns), records)
    assert grid(table)[2:] == [["", "0.5000"], ["3B¶", "0.5000"]]


def test_a_single_value_below_a_title_is_a_bullet():
    raw = models(kind="small", title="GQA test", reference="gqa")
    raw["references"] = {"gqa": "https://example.org", "unused": "https://example.com"}
    records = [record("a", {"gqa": {"accuracy": 0.5}})]
    table = table_of(raw, records)
    assert table.text == "* a, GQA: 0.5000"
    assert table.heading == "**[GQA test][gqa]**"
    layout = parse_layout(raw, "The layout")
    assert definitions(layout, [table]) == "[gqa]: https://example.org"


def spans():
    return {
        "tables": [
            {
                "name": "safety",
                "kind": "spans",
                "corner": "Metric",
                "subcorner": "Model",
                "groups": [{"label": "Age & more", "task": "age"}],
                "columns": [
                    {"label": "A", "where": {"model": "a"}},
                    {"label": "B", "where": {"model": "b"}},
                ],
                "sections": [{"label": "Most", "metric": "max"}],
                "rows": [{"label": "Threat", "metric": "threat", "scale": 100, "suffix": "%"}],
            }
        ]
    }


def test_a_group_names_the_task_and_section_and_row_the_metric():
    raw = spans()
    records = [record("a", {"age": {"max_threat": 0.5}}), record("b", {"age": {"threat": 0.1}})]
    table = table_of(raw, records, best=lambda *_: {0})
    assert [line.strip() for line in table.text.splitlines()[8:]] == [
        *("<th>Model</th>", '<th scope="col">A</th>', '<th scope="col">B</th>', "</tr>"),
        *("<tr>", "<th></th>", '<th colspan="2" scope="colgroup">Most</th>', "</tr>"),
        *("<tr>", '<th scope="row">Threat</th>', "<td>50.00%</td>", "<td>-</td>", "</tr>"),
        "</table>",
    ]
    assert "Age &amp; more" in table.text
    del raw["tables"][0]["sections"]
    raw["tables"][0]["row_heads"] = False
    assert "<td>Threat</td>" in table_of(raw, records).text
    assert "<td>10.00%</td>" in table_of(raw, records).text


# How a value is written


@given(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.01, 1.0, 100.0]),
    st.integers(0, 6),
    st.sampled_from(["", "%", " pt"]),
)
def test_a_value_is_scaled_and_rounded_half_to_even_on_the_binary_value(number, scale, n, suffix):
    text = shown(value(number), Style(scale=scale, decimals=n, suffix=suffix))
    exact = Decimal(number * scale).quantize(Decimal(1).scaleb(-n), rounding=ROUND_HALF_EVEN)
    assert text == f"{exact + 0:f}{suffix}"  # a zero has no sign
    assert not re.match(r"-0(\.0*)?(?![\d.])", text)


@pytest.mark.parametrize(
    ("number", "decimals", "text"),
    [(0.5, 0, "0"), (1.5, 0, "2"), (2.5, 0, "2"), (0.125, 2, "0.12"), (1.005, 2, "1.00")],
)
def test_ties_go_to_the_even_digit(number, decimals, text):
    assert shown(value(number), Style(decimals=decimals)) == text


def test_without_decimals_a_value_is_written_as_everywhere():
    assert shown(value(0.5), Style()) == "0.5000"
    assert shown(value(0.5), Style(scale=100, suffix="%")) == "50.00%"
    assert shown(value(1234.5, maximum=2000.0), Style()) == "1234.50"


def test_published_numbers_stand_as_printed_only_where_that_is_asked_for():
    records = [record("a", {"gqa": {"accuracy": 0.738}}, factors={"size": "3B"}, text="73.8.")]
    cell = [["GQA", "73.8."]]
    assert grid(table_of(pivot("a", drop_empty=True), records))[2:] == [["GQA", "73.8"]]
    as_printed = pivot("a", drop_empty=True) | {"published": "printed"}
    assert grid(table_of(as_printed, records))[2:] == cell
    assert grid(table_of(as_printed, records, published="value"))[2:] == [["GQA", "73.8"]]


# Marks and bold


def test_marks_of_all_numbers_of_a_model_stand_at_its_head():
    numbers = {"gqa": {"accuracy": 0.5}, "pope": {"accuracy": 0.25}}
    records = [record("a", numbers), record("b", numbers, factors={"size": "3B"})]
    table = table_of(pivot("a", "b"), records)
    assert grid(table)[0] == ["Benchmark", "A", "B¶"]
    assert grid(table)[2] == ["GQA", "50.0", "50.0"]
    assert [note.mark for note in table.footnotes] == [Mark.SELF_REPORTED]
    rows = table_of(models(), records)
    assert grid(rows)[2:] == [["a", "0.5000"], ["b¶", "0.5000"]]


def test_marks_of_a_part_of_the_data_stand_at_numbers_even_where_all_have_one():
    numbers = {"gqa": {"accuracy": 0.5}, "pope": {"accuracy": 0.25}}
    own = record("a", numbers)
    partial = replace(own, results=tuple(result(t, n, failed=1) for t, n in numbers.items()))
    table = table_of(pivot("a"), [partial])
    assert grid(table)[0] == ["Benchmark", "A"]
    assert [row[1] for row in grid(table)[2:]] == ["50.0§", "25.0§"]


def test_intervals_and_n_of_measured_numbers_stand_below_as_the_numbers_are_written():
    records = [
        sure(record("a", {"gqa": {"accuracy": 0.5}})),
        record("b", {"gqa": {"accuracy": 0.4}}, factors={"size": "3B"}),
    ]
    table = table_of(pivot("a", "b"), records)
    assert [re.split(r" *\| *", line)[1:-1] for line in str(table.intervals).splitlines()][2:] == [
        ["gqa", "accuracy", "a", "49.0 to 51.0", "10"]
    ]
    assert table_of(pivot("a", "b") | {"intervals": False}, records).intervals == ""
    assert table_of(pivot("b"), records[1:]).intervals == ""


def test_a_mark_of_some_numbers_stands_at_them():
    own = record("a", {"gqa": {"accuracy": 0.5}, "pope": {"accuracy": 0.25}})
    partial = replace(own, results=(own.results[0], result("pope", {"accuracy": 0.2}, failed=1)))
    table = table_of(pivot("a"), [partial])
    assert grid(table)[0] == ["Benchmark", "A"]
    assert [row[1] for row in grid(table)[2:]] == ["50.0", "20.0§"]
    assert [note.mark for note in table.footnotes] == [Mark.PARTIAL]


def test_a_number_that_was_made_otherwise_than_the_first_is_marked():
    records = [record(m, {"gqa": {"accuracy": 0.5}, "pope": {"accuracy": 0.25}}) for m in "ab"]
    (gqa, pope) = records[1].results
    known = replace(gqa.fingerprint, scorer=replace(gqa.fingerprint.scorer, protocol="lmms-eval"))
    other = sealed(replace(records[1], results=(replace(gqa, fingerprint=known), pope)))
    table = table_of(pivot("a", "b"), [records[0], other])
    assert [row[1:] for row in grid(table)[2:]] == [["50.0", "50.0‡"], ["25.0", "25.0"]]
    (note,) = table.footnotes
    assert note.text == "scored by other rules than the first number of its metric."


def test_published_numbers_alone_need_no_mark_where_the_layout_says_so():
    numbers = {"gqa": {"accuracy": 0.5}}
    published = record("b", numbers, factors={"size": "3B"})
    mixed = pivot("a", "b") | {"marks": "mixed"}
    assert "¶" not in table_of(mixed, [published]).text
    assert table_of(mixed, [published]).footnotes == ()
    assert "¶" in table_of(mixed, [published, record("a", numbers)]).text
    assert "¶" in table_of(pivot("a", "b"), [published]).text


def test_published_numbers_are_marked_where_another_table_has_measured_ones():
    numbers = {"gqa": {"accuracy": 0.5}}
    both = pivot("a", name="one") | {"marks": "mixed"}
    both["tables"] += pivot("b")["tables"]
    records = [record("a", numbers), record("b", numbers, factors={"size": "3B"})]
    layout = parse_layout(both, "The layout")
    assert ["¶" in table.text for table in card_tables(layout, records)] == [False, True]
    assert not any("¶" in table.text for table in card_tables(layout, records[1:]))


def test_the_best_are_those_that_the_caller_names_metric_by_metric():
    records = [record(m, {"gqa": {"accuracy": n}}) for m, n in (("a", 0.5), ("b", 0.7))]
    records += [record("c", {"pope": {"accuracy": 0.9}})]
    asked = []

    def best(results, metric, better):
        asked.append(([r.model.name for r, *_ in results], results[0][1].task, metric, better))
        top = max(result.metrics[metric].value for _, result, _ in results)
        return {i for i, (_, r, _) in enumerate(results) if r.metrics[metric].value == top}

    table = table_of(pivot("c", "a", "b"), records, best=best)
    assert asked == [(["a", "b"], "gqa", "accuracy", None)]
    assert [row[1:] for row in grid(table)[2:]] == [["-", "50.0", "**70.0**"], ["90.0", "-", "-"]]


def sure(made, half=0.01):
    """The record, its numbers with intervals."""
    results = [
        replace(one, metrics={
            name: replace(v, low=v.value - half, high=v.value + half)
            for name, v in one.metrics.items()
        })
        for one in made.results
    ]  # fmt: skip
    return sealed(replace(made, results=tuple(results)))


@pytest.mark.parametrize("place", ["table", "row", "column", "section"])
def test_which_way_is_better_the_layout_says(place):
    records = [sure(record(m, {"age": {"max_threat": n}})) for m, n in (("a", 0.5), ("b", 0.1))]
    raw = spans() if place == "section" else models() if place == "column" else pivot("a", "b")
    (table,) = raw["tables"]
    told = {"table": table, "row": table.get("rows", [{}])[0], "column": table["columns"][0]}
    told["section"] = table.get("sections", [{}])[0]
    if place != "section":
        told["row" if table["kind"] == "pivot" else "column"] |= {
            "task": "age", "metric": "max_threat"
        }  # fmt: skip

    def bold():
        text = str(table_of(raw, records, best=undistinguished_known).text)
        return re.findall(r"(?:\*\*|<strong>)([\d.%]+)", text)

    assert bold() == []  # nobody says it
    told[place]["better"] = "less"
    assert [float(number.rstrip("%")) for number in bold()] in ([0.1], [10.0])
    told[place]["better"] = "more"
    assert [float(number.rstrip("%")) for number in bold()] in ([0.5], [50.0])
    told[place]["better"] = "most"
    with pytest.raises(UsageError, match=r'better = .most.; it must be "more" or "less"'):
        bold()


def undistinguished_known(results, metric, better):
    """As for records that say all of how they were made."""
    return undistinguished([(r, known(result), s) for r, result, s in results], metric, better)


def known(one):
    data = replace(one.fingerprint.dataset, context="c", images="i")
    prompt = PromptIdentity(variant="v", template="t", images_first=True, digest="d")
    told = replace(
        one.fingerprint, dataset=data, prompt=prompt, generation=Generation(max_new_tokens=1)
    )
    return replace(one, fingerprint=told)


def test_a_number_of_no_verdict_is_none_and_is_marked():
    report = judge_report(10, {"unread": 10})
    own = record("a", {"gqa": {"accuracy": 0.0}, "pope": {"accuracy": 0.5}})
    void = replace(own, results=(replace(own.results[0], judge=report), own.results[1]))
    table = table_of(pivot("a", "b"), [void, record("b", {"gqa": {"accuracy": 0.1}})], best=max)
    assert grid(table)[2] == ["GQA", "-⚠", "10.0"]
    assert [note.mark for note in table.footnotes] == [Mark.UNHEALTHY]


# What strangers wrote


def test_nothing_of_a_record_becomes_markup():
    numbers = {"gqa": {"accuracy": 0.5}}
    records = [record(HOSTILE, numbers, factors={"size": HOSTILE}, text=HOSTILE)]
    columns = [{"label": "Size", "factor": "size"}, *models()["tables"][0]["columns"]]
    table = table_of(models(columns=columns) | {"published": "printed"}, records)
    assert len(grid(table)) == 3
    assert [len(row) for row in grid(table)] == [2, 2, 2]
    for text in (str(table.text), page_of(records, "grid"), page_of(records, "ablation")):
        bare = re.sub(
            r"<!-- -->|`evalkit verify`|`[0-9a-f]+`|\*\*(model|published in|record)\*\*", "", text
        )
        assert not re.search(r"<|@|`|\*\*|\]\(", bare)


def test_nothing_of_a_record_becomes_html():
    raw = {
        "published": "printed",
        "tables": [
            {
                "name": "safety",
                "kind": "spans",
                "groups": [{"label": "<i>", "task": "age"}],
                "columns": [{"label": "A", "where": {"model": "a"}}],
                "rows": [{"label": "Threat", "metric": "threat"}],
            }
        ],
    }
    records = [record("a", {"age": {"threat": 0.5}}, factors={"size": "3B"}, text=HOSTILE)]
    text = str(table_of(raw, records).text)
    assert set(re.findall(r"<[^!/]\w*", text)) == {
        "<table",
        "<col",
        "<colgroup",
        "<tr",
        "<th",
        "<td",
    }
    assert "&#60;script&#62;a&#124;b" in text


def page_of(records, shape):
    """The body that a template makes of records without a layout."""
    sheet = Sheet(
        entries=tuple(Entry(record=one, label="x") for one in records),
        template=template_text(shape),
        shape=shape,
    )
    return body(sheet, undistinguished)


def test_labels_of_a_layout_end_no_cell_and_begin_no_html():
    raw = pivot("a", rows=[("a|b <i>", "gqa")], notes=["<b>x *y*"], corner="x|y")
    table = table_of(raw, [record("a", {"gqa": {"accuracy": 0.5}})])
    assert [len(row) for row in grid(table)] == [2, 2, 2]
    assert "<" not in table.text
    assert table.notes == ("&lt;b>x *y*",)


# Layouts for records of which nobody said it


def test_a_derived_grid_has_a_row_a_metric_and_a_column_a_run():
    records = [record("a", {"gqa": {"accuracy": 0.5}, "mme": {"p": 0.1, "c": 0.2}})]
    records += [record("a", {"gqa": {"accuracy": 0.6}}, run="two")]
    layout = derived_layout(records, "grid")
    assert grid(card_tables(layout, records)[0]) == [
        ["Benchmark", "a (one)", "a (two)"],
        ["---------", "------:", "------:"],
        ["gqa", "0.5000", "0.6000"],
        ["mme p", "0.1000", "-"],
        ["mme c", "0.2000", "-"],
    ]


def test_runs_of_one_name_have_columns_and_rows_of_their_own():
    records = [record("a", {"gqa": {"accuracy": n}}) for n in (0.5, 0.6)]  # of one run's name, too
    (columns,) = card_tables(derived_layout(records, "grid"), records)
    assert read(grid(columns)[0]) == ["Benchmark", "a (one) #1", "a (one) #2"]
    assert grid(columns)[2] == ["gqa", "0.5000", "0.6000"]
    (rows,) = card_tables(derived_layout(records, "ablation"), records)
    assert [read(row) for row in grid(rows)[2:]] == [
        ["a (one) #1", "0.5000"],
        ["a (one) #2", "0.6000"],
    ]


def read(cells):
    """Cells as a reader sees them."""
    return [html.unescape(cell.replace("<!-- -->", "")) for cell in cells]


def test_a_derived_layout_has_the_metrics_that_are_asked_for():
    one = record("a", {"gqa": {"accuracy": 0.5, "further": 0.25}})
    one = sealed(replace(one, results=(replace(one.results[0], headline=("accuracy",)),)))
    (few,) = card_tables(derived_layout([one], "grid"), [one])
    (all_,) = card_tables(derived_layout([one], "grid", "all"), [one])
    assert [row[0] for row in grid(few)[2:]] == ["gqa"]
    assert [row[0] for row in grid(all_)[2:]] == ["gqa accuracy", "gqa further"]


def test_a_derived_ablation_has_a_row_a_run_and_columns_of_factors():
    records = [record("a", {"gqa": {"accuracy": 0.5}}, factors={"lm_size": "3B"})]
    records += [record("b", {"pope": {"accuracy": 0.6}})]
    layout = derived_layout(records, "ablation")
    assert grid(card_tables(layout, records)[0]) == [
        ["model", "lm size", "gqa", "pope"],
        ["-----", "-------", "-----:", "-----:"],
        ["a¶", "3B", "0.5000", ""],
        ["b", "", "", "0.6000"],
    ]


def test_tables_without_a_number_are_left_out_with_their_section():
    raw = pivot("a", section="First")
    raw["tables"] += [models(name="other", section="Second")["tables"][0]]
    raw["tables"] += [models(name="third")["tables"][0] | {"columns": [
        {"label": "POPE", "task": "pope", "metric": "accuracy"}]}]  # fmt: skip
    layout = parse_layout(raw, "The layout")
    records = [record("b", {"pope": {"accuracy": 0.5}})]
    context = section_context(layout, card_tables(layout, records))
    assert [(str(name), [t.name for t in own]) for name, own in context["sections"]] == [
        ("Second", ["third"])
    ]
