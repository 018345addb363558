"""The default table: what stands in bold, which marks, and where a reference stands beside."""

from dataclasses import replace

from evalkit.board.ranks import undistinguished
from evalkit.card.entries import Entry, labels
from evalkit.card.numbers import numbers
from evalkit.card.render import Sheet, body, template_names, template_text
from evalkit.publication import PrintedCell, Publication
from evalkit.report.marks import Mark


def entries(*records):
    return [
        Entry(record=record, label=label)
        for record, label in zip(records, labels(records), strict=True)
    ]


def row(table, task, metric="accuracy"):
    """The cells of a row by column."""
    found = next(cells for cells in table.rows if cells[:2] == (task, metric))
    return dict(zip(table.header, found, strict=True))


def changed(record, task="gqa", **parts):
    """The record with a part of the fingerprint of one task's result another."""
    results = [
        replace(one, fingerprint=replace(one.fingerprint, **parts)) if one.task == task else one
        for one in record.results
    ]
    return replace(record, results=tuple(results), name="b")


def test_one_run_has_no_bold_and_a_column_for_its_interval(complete):
    table = numbers(entries(complete), [], "headline", undistinguished)
    assert row(table, "gqa") == {
        "task": "gqa", "metric": "accuracy", "value": "0.7500",
        "95 % interval": "0.6500 to 0.8289", "n": "132", "protocol": "official",
    }  # fmt: skip
    assert not table.marks
    assert "**" not in table.markdown


def test_of_two_runs_the_best_and_its_like_are_in_bold(complete, demo, early):
    near = replace(complete, name="near")
    table = numbers(entries(complete, near), [], "headline", undistinguished)
    assert row(table, "gqa")["demo (near)"].startswith("**0.7500** (")
    table = numbers(entries(demo, early), [], "all", undistinguished)
    assert row(table, "gqa")["demo"] == "**0.7500**⁂ (0.6500 to 0.8289)"
    assert row(table, "gqa")["demo-early"] == "0.5152⁂ (0.4235 to 0.6058)"
    assert row(table, "mme", "cognition")["demo-early"].startswith("**200.00**⁂")
    assert "**" not in "".join(row(table, "pope", "yes_ratio").values())


def test_what_the_ranking_says_is_what_is_bold(complete, early):
    table = numbers(entries(complete, early), [], "headline", lambda results, _: frozenset({1}))
    assert "**" not in row(table, "gqa")["demo"]
    assert row(table, "gqa")["demo-early"].startswith("**0.5152**")


def test_other_words_and_other_rules_have_marks(complete):
    gqa = complete.results[0].fingerprint
    other = changed(complete, prompt=replace(gqa.prompt, template="{{ question }}?"))
    table = numbers(entries(complete, other), [], "headline", undistinguished)
    assert "†" in row(table, "gqa")["demo (b)"]
    assert "†" not in row(table, "mme", "perception")["demo (b)"]
    other = changed(complete, dataset=replace(gqa.dataset, digest="0" * 64))
    result = other.results[0]  # near the best, but of other data
    near = {**result.metrics, "accuracy": replace(result.metrics["accuracy"], value=0.74)}
    other = replace(other, results=(replace(result, metrics=near), *other.results[1:]))
    table = numbers(entries(complete, other), [], "headline", undistinguished)
    assert "‡" in row(table, "gqa")["demo (b)"]
    assert "**" not in row(table, "gqa")["demo (b)"]
    (note,) = table.footnotes
    assert (note.mark, "its row" in note.text) == (Mark.RULES, True)


def test_a_published_record_stands_beside_with_its_mark(complete, early):
    cell = PrintedCell(task="gqa", metric="accuracy", text="62.0", unit="percent", table="main")
    told = Publication(
        card="x.md", digest="0" * 64, title="A paper", url=None, factors={}, cells=(cell,)
    )
    published = replace(
        early, source="self-reported", publication=told, results=early.results[:1], name="paper"
    )
    table = numbers(entries(complete), [published], "headline", undistinguished)
    column = "published: demo-early"
    assert "¶" in row(table, "gqa")[column]
    assert row(table, "mme", "perception")[column] == "-"
    assert Mark.SELF_REPORTED in table.marks


def test_a_task_that_one_run_lacks(complete, early):
    table = numbers(
        entries(replace(complete, results=complete.results[1:]), early),
        [],
        "headline",
        undistinguished,
    )
    assert row(table, "gqa")["demo"] == "-"
    assert row(table, "gqa")["n"] == "- / 132"


def test_every_template_says_how_numbers_are_rounded_and_what_marks_mean(demo, early):
    for name in template_names():
        sheet = Sheet(
            entries=tuple(entries(demo, early)), template=template_text(name), partial=True
        )
        if name not in ("default", "minimal"):
            continue  # they need a layout
        text = body(sheet, undistinguished)
        assert "rounded half to even" in text
        assert "- ⁂ of the demo's own made-up data" in text
        assert "In bold" in text
