"""The two pages say what the records say, in 80 columns, whatever stands in a label or an id."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from evalkit.judge.agreement import Pair, calibrate
from evalkit.judge.drift import drift
from evalkit.report.judge_pages import WIDTH, calibration_page, drift_page
from evalkit.report.table import Table
from evalkit.report.text_table import text_table

NASTY = "evil\x1b[31m\nid \u202e" + "x" * 200


def pairs(judges, humans):
    return [
        Pair(sample_id=f"{i}", judge=judge, human=human, length=10 * i, cluster=f"{i}")
        for i, (judge, human) in enumerate(zip(judges, humans, strict=True))
    ]


def lines(page):
    assert page.endswith("\n")
    assert not page.endswith("\n\n")
    assert all(len(line) <= WIDTH and line == line.rstrip() for line in page.splitlines())
    assert "\x1b" not in page
    return page.splitlines()


def test_a_small_calibration_in_full():
    page = calibration_page(calibrate(pairs("yyyynnnnyn", "yyynnnnnyy"), positive="y"))
    shown = [" ".join(line.split()) for line in lines(page)]
    assert (
        shown[0] == "The judge against people, on labels, of which 'y' counts as 1: 10 answers, 10"
    )
    assert "agreement 0.8000 0.4902 to 0.9433 10 10" in shown
    # SE = (0.8 * 0.2 / 0.5 ** 2 / 9) ** 0.5 = 0.2667, times t on 9 degrees, 2.262, by
    # 1 - 0.6 ** 2: 0.9426 on both sides of the inverse hyperbolic tangent of 0.6, 0.6931
    assert "Cohen's kappa 0.6000 -0.2444 to 0.9269 10 10" in shown
    assert "judge \\ human n y" in shown
    assert "n 4 1" in shown
    assert "y 1 4" in shown


def test_reasons_stand_below_the_table():
    shown = " ".join(calibration_page(calibrate(pairs("yy", "yy"))).split())
    assert "Cohen's kappa: The judge gave one verdict alone, 'y'; kappa compares nothing." in shown
    assert "human mean, judge mean: Labels have a mean only if" in shown


def test_a_number_without_an_interval_says_why():
    found = calibrate(pairs(["y", "n", "y"], ["y", "n", None]), positive="y")
    shown = " ".join(calibration_page(found).split())
    assert "corrected mean: There is no interval: none (all labels differ alike" in shown


def test_lengths_that_are_not_known_are_no_lengths():
    told = [replace(pair, length=None) for pair in pairs("yyyynnnnyn", "yyynnnnnyy")]
    shown = " ".join(calibration_page(calibrate(told, positive="y")).split())
    assert "The length of no labelled answer is known." in shown
    assert "length to" not in shown
    assert "of one length" not in shown
    some = [*told[:4], *pairs("yyyynnnnyn", "yyynnnnnyy")[4:]]
    shown = " ".join(calibration_page(calibrate(some, positive="y")).split())
    assert "length to 65 " in shown
    assert "The length of 4 labelled answers is not known." in shown
    assert "Fewer than 10 samples have both verdicts and a known length." in shown


def test_a_wide_confusion_is_a_list_of_its_largest_errors():
    values = [i / 7 for i in range(40)]
    page = calibration_page(calibrate(pairs(values, [*values[1:], 0.0])))
    assert "Confusion: the most frequent 10 of 40 ways to disagree" in lines(page)


def test_a_wide_table_without_an_error_is_a_sentence():
    values = [i / 7 for i in range(40)]
    page = calibration_page(calibrate(pairs(values, values)))
    assert "Confusion: none, the judge and people say the same of every answer" in lines(page)


def test_labels_that_look_alike_when_cut_are_still_two():
    one, two = "x" * 30 + "1", "x" * 30 + "2"
    others = [f"{'y' * 20}{i}" for i in range(9)]
    page = calibration_page(calibrate(pairs([one, *others], [two, *others])))
    assert "Confusion: the most frequent 1 of 1 ways to disagree" in lines(page)


@pytest.mark.parametrize("verdicts", [(NASTY, "b"), (1.0, 7.25)])
def test_what_others_wrote_stays_in_its_place(verdicts):
    one, two = verdicts
    before = {f"{NASTY}{i}": one for i in range(30)}
    now = {**dict.fromkeys(before, two), f"{NASTY} new": one}
    page = drift_page(drift(before, now))
    assert any(line.strip() == "and 10 more" for line in lines(page))
    lines(calibration_page(calibrate(pairs([one, two, one], [two, two, one]))))


def test_a_drift_page_begins_with_the_verdict():
    page = drift_page(drift({"a": "x"}, {"a": "x", "b": "y"}))
    shown = lines(page)
    assert shown[0].startswith("Too few anchors to tell: were all 1 to move to one side")
    assert "Judged now alone: b." in shown


def test_columns_stand_below_each_other_whatever_their_letters_are_as_wide():
    """Letters of two columns, in ids and labels; the same table as everywhere else."""
    before = {"\u732b\u732b\u732b": "\u306f\u3044", "b": "yes"}
    page = drift_page(drift(before, dict.fromkeys(before, "no")))
    rows = [line for line in page.splitlines() if line.endswith(" no")]
    assert len({cell_len(row) for row in rows}) == 1
    assert len({len(row) for row in rows}) == len(rows) == 2
    header = ("flipped anchor", "before", "now")
    cells = (("b", "yes", "no"), ("\u732b\u732b\u732b", "\u306f\u3044", "no"))
    assert text_table(Table(header=header, rows=cells, notes=()), "").strip("\n") in page


def test_pages_of_nothing():
    assert "0 answers" in lines(calibration_page(calibrate([])))[0]
    assert lines(drift_page(drift({}, {})))[0] == (
        "Too few anchors to tell: no anchor was judged twice."
    )
