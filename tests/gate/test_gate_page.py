"""The pages of a verdict: what stands first, and that names can only be names."""

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evalkit.errors import ExitCode
from evalkit.report.gate_comment import ROWS, gate_comment, quoted, safe
from evalkit.report.gate_page import flips_table, gate_annotations, gate_table, title
from evalkit.report.table import p_words, printable

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
HOSTILE = "@everyone #1 [x](http://a.b) <img src=x> | `*_~$ www.a.com :bomb:\n::error::x"


@pytest.fixture
def failing(result, judgement, flip):
    return result(
        judgement(task="mme", metric="perception", damage=-3.2, low=-12.0, high=5.5, margin=20.0,
                  baseline=1510.7, candidate=1513.9, maximum=2000.0, n=1187, clusters=1187,
                  detectable=13.4),
        judgement(verdict="regression", damage=0.0213, low=0.015, high=0.0276, p=0.00001,
                  adjusted=0.00002, reason="It is worse by 0.0213, of which 0.0100 are allowed."),
        judgement(task="gqa", metric="accuracy", verdict="inconclusive", counts=False,
                  tier="supporting", reason="20,000 samples would settle it."),
        judgement(task="mmvp", metric="pair_accuracy", verdict="regression", counts=False,
                  waiver="ann, until 2026-12-31: new key", reason="Worse, but waived."),
        verdict="regression",
        exit_code=ExitCode.REGRESSION,
        flips=tuple(flip(sample_id=f"random/{i}", gain=i / 10 - 1.5) for i in range(20)),
        notes=("A note.",),
        waived=("mmvp pair_accuracy: waived by ann.",),
    )  # fmt: skip


def test_the_verdict_stands_first_then_the_table_then_ten_flips(failing):
    page = gate_comment(failing)
    assert page.startswith("> [!CAUTION]\n> **Regression: pope macro_f1 (1 of 2 rules that count")
    places = [
        page.index(words)
        for words in ("[!CAUTION]", "| <code>mme perception", "The 10 worst flips", "What to know")
    ]
    assert places == sorted(places)
    assert page.count("<code>random/") == 10
    assert "random/0</code>" in page
    assert "random/10<" not in page
    headers = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith(("| metric", "| task"))
    ]
    assert headers == [
        [
            "metric",
            "verdict",
            "baseline → candidate",
            "damage (90 % interval)",
            "allowed",
            "p_holm",
        ],
        ["task", "sample", "right", "baseline", "candidate", "cause"],
        ["metric", "rule", "method", "MDE", "n", "G", "of them differ"],
    ]


def test_what_decides_stands_above_what_does_not(failing):
    lines = gate_comment(failing).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| metric"))
    names = [line.split("<code>")[1].split("<")[0] for line in lines[start + 2 : start + 6]]
    assert names == ["pope macro_f1", "gqa accuracy", "mmvp pair_accuracy", "mme perception"]
    verdicts = [line.split("|")[2].strip() for line in lines[start + 2 : start + 6]]
    assert verdicts == [
        *("**regression**", "inconclusive (supporting)", "regression (waived)", "pass")
    ]


def test_a_floor_shows_what_it_asks_for_and_no_baseline(result, judgement):
    floor = judgement(rule="min", baseline=None, candidate=0.8, damage=0.05, margin=0.0)
    row = next(line for line in gate_comment(result(floor)).splitlines() if line.startswith("| <"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert (cells[2], cells[4]) == ("0.8000", "min 0.8500")


def test_a_comment_of_many_rules_shows_the_gravest_and_fits(result, judgement):
    many = [judgement(task=f"t{i}") for i in range(500)]
    last = judgement(task="last", verdict="regression")
    page = gate_comment(result(*many, last, verdict="regression", exit_code=10))
    assert "**regression**" in page
    assert f"{501 - ROWS} more rules are in the gate's other pages." in page
    assert len(page) < 65_536


def test_numbers_are_set_to_the_right_and_names_to_the_left(failing):
    tables = MARKDOWN.render(gate_comment(failing)).split("<table>")[1:]
    rows = [table.split("</tr>")[1] for table in tables]
    sides = [re.findall(r'<td style="text-align:(\w+)">', row) for row in rows]
    verdicts, flips, details = sides
    assert verdicts == ["left"] * 2 + ["right"] * 4
    assert flips == ["left"] * 6
    assert details == ["left"] * 3 + ["right"] * 4


def test_numbers_keep_the_decimals_of_their_scale(failing):
    mme, pope, *_ = gate_table(failing).rows
    assert mme[4:9] == ("1510.70", "1513.90", "-3.20", "-12.00 to +5.50", "20.00")
    assert pope[4:10] == ("0.8600", "0.8588", "+0.0213", "+0.0150 to +0.0276", "0.0100", "<0.0001")


@pytest.mark.parametrize(
    ("verdict", "code", "alert"),
    [
        ("pass", ExitCode.OK, "TIP"),
        ("inconclusive", ExitCode.OK, "NOTE"),
        ("inconclusive", ExitCode.INCONCLUSIVE, "WARNING"),
        ("incomplete", ExitCode.INCOMPLETE, "WARNING"),
        ("regression", ExitCode.REGRESSION, "CAUTION"),
        ("not comparable", ExitCode.NOT_COMPARABLE, "CAUTION"),
    ],
)
def test_the_alert_fits_the_verdict(result, judgement, verdict, code, alert):
    page = gate_comment(result(judgement(verdict=verdict), verdict=verdict, exit_code=code))
    assert page.startswith(f"> [!{alert}]\n")


def test_a_gate_without_doubt_says_how_many_rules_hold(result, judgement):
    assert (
        title(result(judgement(), judgement(metric="f1"))) == "Pass: 2 of 2 rules that count hold."
    )


def test_a_pass_tells_of_rules_that_do_not_hold_and_cannot_decide(result, judgement):
    idle = judgement(verdict="inconclusive", tier="advisory", counts=False)
    ends = "; 1 other, which cannot decide, does not."
    assert title(result(judgement(), idle)) == f"Pass: 1 of 1 rule that counts hold{ends}"


def test_nothing_in_a_name_is_markdown(result, judgement, flip, side):
    odd = judgement(task=HOSTILE, metric=HOSTILE, reason=HOSTILE, verdict="regression")
    flips = (flip(task=HOSTILE, sample_id=HOSTILE, first=HOSTILE, targets=(HOSTILE,)),)
    found = result(
        odd,
        baseline=side(model=HOSTILE, name=HOSTILE, created="@all <b>`x"),
        flips=flips,
        notes=(HOSTILE,),
    )
    page = gate_comment(found)
    assert "everyone" in page
    assert "@all" not in page
    for markup in ("@everyone", "#1 ", "[x]", "http:", "<img", "`", "www.a", ":bomb", "\n::"):
        assert markup not in page, markup


@given(st.text() | st.text(alphabet="|\\`<>&;:#@_*~[]()!. a\n-"))
@example(HOSTILE)
def test_a_quoted_text_is_shown_as_it_is_and_is_nothing_else(text):
    cell = MARKDOWN.render(f"| a |\n|---|\n| {quoted(text)} |\n").split("<td>")[1].split("</td>")[0]
    shown = re.sub("<!-- -->", "", cell).removeprefix("<code>").removesuffix("</code>")
    assert "<" not in shown
    assert html.unescape(shown) == printable(text)


@given(st.text())
def test_a_safe_text_has_no_letter_that_marks_up_and_hides_none(text):
    shown = safe(text)
    assert not re.search(r"[<>|`\\\[\]*~$@\n\r]", shown.replace("<!-- -->", ""))
    kept = [letter for letter in text if letter.isalnum()]
    assert [letter for letter in shown if letter.isalnum()][: len(kept)] or not kept
    assert quoted(text).count("<code>") == bool(text)


def test_annotations_are_escaped_as_github_reads_them(result, judgement):
    odd = judgement(
        task="a:b,c", metric="50%\r\n::set-env", verdict="regression", reason="1%\r\n2: 3, 4"
    )
    page = gate_annotations(
        result(odd, verdict="regression", exit_code=ExitCode.REGRESSION), "gates/a,b:c.toml"
    )
    first, second, end = page.split("\n")
    assert first.startswith("::error file=gates/a%2Cb%3Ac.toml,title=evalkit gate%3A regression::")
    assert second == (
        "::error file=gates/a%2Cb%3Ac.toml,"
        "title=a%3Ab%2Cc 50%25%0D%0A%3A%3Aset-env (max_drop)%3A regression::1%25%0D%0A2: 3, 4"
    )
    assert not end


def test_what_does_not_decide_is_a_warning_and_a_pass_is_a_notice(failing, result, judgement):
    levels = [line.split(" ")[0] for line in gate_annotations(failing, "g").splitlines()]
    assert levels == ["::error", "::error", "::warning", "::warning"]
    assert gate_annotations(result(judgement()), "g").startswith("::notice ")


def test_a_flip_says_what_was_written_where_nothing_was_read(result, judgement, flip):
    flips = (
        flip(second=None, texts=(None, "perhaps"), cause="format"),
        flip(second=None, texts=(None, None), cause="failure"),
        flip(gain=0.5),
    )
    rows = flips_table(result(judgement(), flips=flips)).rows
    assert [row[4] for row in rows] == ["(not read) perhaps", "(no answer)"]


def test_a_p_value_is_never_zero():
    assert [p_words(p) for p in (None, 0.00009, 0.0001, 1.0)] == [
        "-",
        "<0.0001",
        "0.0001",
        "1.0000",
    ]


@pytest.mark.parametrize(
    ("family", "header"), [("holm", "p_holm"), ("bonferroni", "p_bonferroni"), ("none", "p")]
)
def test_the_column_of_p_values_says_how_they_are_corrected(result, judgement, family, header):
    table = gate_table(result(judgement(), family=family))
    assert table.header[9] == header
