"""The default table: what stands in bold, which marks, and where a reference stands beside."""

from dataclasses import replace

import pytest
from made_records import printed, publication

from evalkit.board.ranks import undistinguished
from evalkit.card.derived import SHAPES
from evalkit.card.entries import Entry, labels
from evalkit.card.numbers import numbers
from evalkit.card.render import Sheet, body, template_names, template_text
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
    table = numbers(entries(complete, early), [], "headline", lambda *_: frozenset({1}))
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
    assert "◊" in row(table, "gqa")["demo (b)"]
    assert "**" not in row(table, "gqa")["demo (b)"]
    (note,) = table.footnotes
    assert (note.mark, "its row" in note.text) == (Mark.DATA, True)


def several(record, **parts):
    """The record, and one of which parts of a fingerprint differ."""
    known = record.results[0].fingerprint
    return changed(record, **{k: replace(getattr(known, k), **v) for k, v in parts.items()})


@pytest.mark.parametrize(
    ("parts", "mark"),
    [
        ({"prompt": {"template": "{{ question }}?", "digest": "0" * 64}}, "†"),
        ({"generation": {"max_new_tokens": 7}}, "‖"),
        ({"scorer": {"protocol": "lmms-eval"}}, "‡"),
        ({"dataset": {"images": "0" * 64}}, "◊"),
        ({"dataset": {"samples": 99, "rows": 99, "expected_rows": 99, "digest": "0" * 64,
                      "images": "0" * 64}, "prompt": {"digest": "0" * 64}}, "◊"),  # another split
        ({"dataset": {"samples": 99, "digest": "0" * 64}, "prompt": {"digest": "0" * 64}}, "§"),
        ({"dataset": {"repository": "elsewhere", "revision": "b"}}, ""),
    ],
)  # fmt: skip
def test_a_number_and_a_reference_have_the_mark_of_what_differs(complete, parts, mark):
    other = several(complete, **parts)
    table = numbers(entries(complete, other), [other], "headline", undistinguished)
    found = row(table, "gqa")
    for column in ("demo (b)", "reference: demo"):
        assert "".join(m.value for m in Mark if m.value in found[column]) == mark
    assert "".join(note.mark.value for note in table.footnotes) == mark


def test_a_number_of_no_verdict_is_none_wherever_it_stands(complete, void):
    other = replace(complete, results=(void(complete.results[0]),), name="void")
    table = numbers(entries(complete, other), [other], "headline", undistinguished)
    found = row(table, "gqa")
    assert found["demo (void)"].startswith("-")
    assert "⚠" in found["demo (void)"]
    assert found["reference: demo"] == found["demo (void)"]


def test_what_a_published_number_does_not_say_is_not_marked(complete, paper):
    table = numbers(entries(complete, paper), [paper], "headline", undistinguished)
    assert row(table, "gqa")["paper"] == row(table, "gqa")["published: paper"] == "0.7500¶"
    assert "**" not in table.markdown
    assert not table.is_ranked


def test_a_published_record_stands_beside_with_its_mark(complete, early):
    told = publication(printed("gqa", "accuracy", "62.0"), title="A paper")
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
            entries=tuple(entries(demo, early)),
            template=template_text(name),
            partial=True,
            shape=next((shape for shape in SHAPES if shape == name), None),
        )
        text = body(sheet, undistinguished)
        assert "rounded half to even" in text
        assert "- ⁂ of the demo's own made-up data" in text
        assert "In bold" in text
        if name == "minimal":
            continue
        for label in ("demo", "demo-early"):  # where the numbers are from
            assert f"### How the numbers of {label} were made" in text
        assert "official, version 1" in text
