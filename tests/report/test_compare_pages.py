"""Pages of a comparison: plain words, true verdicts, and nothing of a stranger's text that acts."""

import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_comparisons import compared_task as task
from made_comparisons import comparison, difference, flip, side

from evalkit.comparison import Asked, Mismatch
from evalkit.report.compare_page import LONGEST, compare_html, compare_json, compare_markdown
from evalkit.report.compare_table import (
    compare_table,
    compare_title,
    labels,
    notes,
    points,
    summaries,
    unseen,
    verdict,
)
from evalkit.report.flips import flip_lines, flips_table, right, said, wrapped
from evalkit.report.markdown import safe
from evalkit.report.table import printable

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "</pre></article><h1>yes</h1>",
    "{{ 7 * 7 }}{% raw %}",
    "| a | b |\n|---|---|",
    "[x](javascript:alert(1)) ![x](http://evil/x.png) `code` @team #1",
    "\x1b[31mred\x1b[0m \x07\x00",
    "\u202egnirts\u202c \u200b\ufeff",
    "&lt;b&gt; &amp;",
    "lone \ud800 surrogate",
)


# Verdicts


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "better"),
        ({"difference": -0.02}, "worse"),
        ({"better": False}, "worse"),
        ({"better": False, "difference": -0.02}, "better"),
        ({"better": None}, "higher"),
        ({"better": None, "difference": -0.02}, "lower"),
        ({"adjusted": 0.05}, "better"),
        ({"adjusted": 0.051, "p": 0.001}, "no difference seen"),
        ({"headline": False, "adjusted": None}, "better (raw p)"),
        ({"headline": False, "adjusted": None, "p": 0.2}, "no difference seen"),
        ({"p": None, "adjusted": None}, "no difference seen"),
        ({"discordant": 0, "difference": 0.0}, "identical"),
        ({"difference": 0.0}, "no difference seen"),
    ],
)
def test_a_verdict_is_plain_and_goes_by_the_adjusted_p(changed, expected):
    assert verdict(difference(**changed), 0.05) == expected


def test_alpha_is_what_was_asked():
    assert verdict(difference(adjusted=0.04), 0.05) == "better"
    assert verdict(difference(adjusted=0.04), 0.01) == "no difference seen"
    table = compare_table([comparison(alpha=0.01)])
    assert "99 % interval" in table.header
    assert any("verdicts go by it at 0.01" in note for note in table.notes)


@pytest.mark.parametrize(
    ("value", "maximum", "words"),
    [
        (0.0123, 1.0, "1.2 points"),
        (0.5, 1.0, "50 points"),
        (1.0, 1.0, "100 points"),
        (159.69, 2000.0, "160 points"),
        (2.46, 100.0, "2.5 points"),
        (2.46, None, "2.5 points"),
    ],
)
def test_what_could_have_been_seen_is_in_points(value, maximum, words):
    assert points(value, difference(maximum=maximum)) == words
    d = difference(adjusted=0.5, detectable=value, maximum=maximum)
    (line,) = unseen(task(d), 0.05)
    assert "5,000 units in 400 clusters" in line
    assert line.endswith(f"{words}.")


# The table


def test_a_row_has_all_that_is_known():
    table = compare_table([comparison()])
    (row,) = table.rows
    assert dict(zip(table.header, row, strict=True)) == {
        "metric": "pope accuracy",
        "verdict": "better",
        "reference": "0.7000",
        "run": "0.7200",
        "difference": "+0.0200",
        "95 % interval": "+0.0100 to +0.0300",
        "p": "0.0010",
        "p Holm": "0.0020",
        "won": "300",
        "lost": "200",
        "could see": "0.0140",
        "n": "5,000",
        "clusters": "400",
        "r": "0.80",
    }


def test_what_is_unknown_is_a_dash_and_no_p_is_zero():
    unknown = dict.fromkeys(("error", "low", "high", "correlation", "won", "lost", "detectable"))
    d = difference(**unknown, p=0.00001, adjusted=None, headline=False)
    table = compare_table([comparison(task(d))])
    cells = dict(zip(table.header, table.rows[0], strict=True))
    assert cells["p"] == "<0.0001"
    dashes = [name for name, cell in cells.items() if cell == "-"]
    assert dashes == ["95 % interval", "p Holm", "won", "lost", "could see", "r"]


def test_large_numbers_have_two_decimals():
    d = difference(maximum=2000.0, first=1362.5, second=500.0, difference=-862.5, low=-900, high=-2)
    row = compare_table([comparison(task(d))]).rows[0]
    assert row[2:6] == ("1362.50", "500.00", "-862.50", "-900.00 to -2.00")


def test_notes_say_what_a_reader_must_know():
    waived = Mismatch(part="prompt.digest", first="a" * 64, second="unknown", waived=True)
    held = comparison(
        task(mismatches=(waived,), unhealthy=True, notes=("20 of the 40 rows are compared.",)),
        absent=("mmvp: in results/m/base alone",),
    )
    told = "\n".join(compare_table([held]).notes)
    for words in (
        "pope: 500 of 5,000 samples flip: 300 better, 200 worse (perhaps in format alone 10 better",
        "pope: (!) do not rely on these numbers, the judge is unhealthy.",
        "pope: 20 of the 40 rows are compared.",
        "allowed to differ in every task: prompt.digest (aaaa",
        "... and unknown)",
        "not compared: mmvp: in results/m/base alone.",
        "cluster-robust t; 10,000 draws, seed 0.",
        "corrected for 1 headline;",
        "reference: results/m/base (run base of hf:m",
        "run: results/n/new",
        "evalkit at 0123456789ab",
    ):
        assert words in told
    assert compare_table([held]).rows[0][1] == "better (!)"


def test_what_came_out_is_counted_over_headlines():
    held = comparison(
        task(difference(), difference(metric="f1", headline=False, difference=-0.1)),
        task(difference(difference=-0.1), difference(adjusted=0.3), task="mme"),
        task(difference(discordant=0), task="gqa"),
    )
    (line,) = summaries([held])
    assert line.startswith("n against m: worse in 1, better in 1, no difference seen in 1, ident")
    assert line.endswith("identical in 1 of 4 headline metrics.")
    assert summaries([comparison(task(difference(headline=False)))]) == (
        "n against m: no headline metric is compared.",
    )


def test_many_runs_are_rows_of_each_metric():
    names = ("llava-v1.5-base", "llava-v1.5-one", "llava-v1.5-two")
    base, one, two = (side(f"results/{n}", n, "r") for n in names)
    held = [comparison(first=base, second=other) for other in (one, two)]
    table = compare_table(held)
    assert table.header[:3] == ("metric", "run", "verdict")
    assert [row[:2] for row in table.rows] == [("pope accuracy", "one"), ("", "two")]
    assert compare_title(held) == "one, two against base"
    assert len(summaries(held)) == 2
    assert sum("corrected for 2 headlines" in note for note in table.notes) == 1


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([("a", "m", "x"), ("b", "n", "x")], ["m", "n"]),
        ([("a", "m", "x"), ("b", "m", "y")], ["m/x", "m/y"]),
        ([("a", "m", "x"), ("b", "m", "x")], ["a", "b"]),
        ([("a", "m", "x"), ("a", "m", "x")], ["m (1)", "m (2)"]),
        (
            [("a", "checkpoints-10", "x"), ("b", "checkpoints-20", "x")],
            ["checkpoints-10", "checkpoints-20"],
        ),
        (
            [("a", f"checkpoints-{n}", "x") for n in (10, 15, 20)],
            ["10", "15", "20"],
        ),
        ([(f"{'a' * 60}{n}", "m", "x") for n in "ab"], ["m (1)", "m (2)"]),
        ([("a", n, "x") for n in ("ab-1", "ab-2", "ab-3")], ["ab-1", "ab-2", "ab-3"]),
    ],
)
def test_names_are_as_short_as_they_can_be(sides, expected):
    first, *others = (side(*given) for given in sides)
    assert labels([comparison(first=first, second=other) for other in others]) == expected


# Flips


@pytest.mark.parametrize(
    ("answer", "text", "expected"),
    [
        ("yes", None, "yes"),
        ("yes", "Yes.", "yes"),
        ("yes", " yes ", "yes"),
        ("a", "(a)", "a (wrote: (a))"),
        (None, "perhaps", "(not read) perhaps"),
        (None, None, "(no answer)"),
    ],
)
def test_an_answer_is_shown_with_what_was_written(answer, text, expected):
    assert said(answer, text) == expected


ASKED = {("pope", "random/7"): Asked(question="Is there a dog?", choices=("Yes", "No"))}


def test_flips_as_lines_and_as_rows():
    lines = list(flip_lines([flip()], ASKED, 80))
    assert lines == [
        "  worse, another answer: random/7",
        "    question   Is there a dog? (A) Yes (B) No",
        "    right      yes",
        "    reference  yes",
        "    run        no (wrote: No, there is none)",
    ]
    table = flips_table([flip(gain=0.5, cause="format", texts=(None, None))], {})
    assert table.header == ("sample", "is", "right", "reference", "run", "cause")
    assert table.rows == (("random/7", "better", "yes", "yes", "no", "perhaps format alone"),)


def test_what_most_people_say_comes_first():
    ten = ("ale", "stone", *["sublimely ale"] * 3, *["ale"] * 4, "beer")
    assert right(flip(targets=ten)) == "ale / sublimely ale / stone / beer"
    assert right(flip(targets=())) == ""


@pytest.mark.parametrize("width", [20, 80])
def test_lines_fit(width):
    long = flip(sample_id="x" * 300, first="word " * 100, texts=("b" * 500, None))
    lines = [*flip_lines([long], {}, width), *wrapped(["word " * 100], width)]
    assert max(map(len, lines)) <= max(width, 45)


def hostile():
    """A comparison in which every text is a stranger's."""
    flips, questions = [], {}
    for place, text in enumerate(HOSTILE):
        name = f"{place} {text}"
        flips.append(
            flip(
                sample_id=name,
                first=text,
                second=None,
                targets=(text,),
                rules=(text, text),
                texts=(f"{text} more", text),
                tags={text: text},
            )
        )
        questions["pope", name] = Asked(question=text, choices=(text,), lacking=text)
    held = comparison(
        task(notes=HOSTILE, flips={"answer": (0, len(flips))}),
        second=side(" ".join(HOSTILE), HOSTILE[0], HOSTILE[1]),
        absent=HOSTILE,
    )
    return [held], [flips], questions


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


def test_hostile_texts_are_text_in_html():
    page = compare_html(*hostile(), absent=HOSTILE)
    page.encode()
    seen = Page(page)
    assert not {"script", "iframe", "object", "form", "a", "link"} & set(seen.tags)
    assert seen.tags.count("h1") == 1
    assert seen.tags.count("article") == len(HOSTILE)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert not [value for name, value in seen.attributes if name in ("src", "href")]
    assert "<script>alert(1)</script> more" in seen.text
    assert "{{ 7 * 7 }}{% raw %}" in seen.text
    assert "&lt;b&gt; &amp;" in seen.text
    assert not {"\x1b", "\x00", "\u202e", "\u200b"} & set(page)


def test_hostile_texts_are_text_in_markdown():
    page = compare_markdown(*hostile())
    page.encode()
    assert "<script" not in page
    assert "<img" not in page
    assert "](" not in page
    for markup in ("@", "**", "~~", "`", "http:", "www."):
        assert markup not in page.replace("&#64;", ""), markup
    tables = [line for line in page.split("\n") if line.startswith("|")]
    for line in tables:
        assert line.replace("\\|", "").count("|") in (15, 8)


def test_an_interval_that_does_not_bear_the_verdict_out_is_told():
    held = comparison(task(difference(p=0.04, adjusted=0.04, low=-0.01, high=0.1)))
    assert any("includes 0 although its p does not" in note for note in notes([held]))
    held = comparison(task(difference(p=0.04, adjusted=0.04, low=0.01, high=0.1)))
    assert not any("includes 0" in note for note in notes([held]))


def test_hostile_texts_are_json():
    held = json.loads(json.dumps(compare_json(*hostile()[:2])))
    assert [f["first"] for f in held["runs"][0]["flips"]] == list(HOSTILE)


def test_a_page_is_whole_and_asks_for_nothing():
    url = "data:image/jpeg;base64,AAAA"
    questions = {
        ("pope", "random/7"): Asked(
            question="Is there a dog?", choices=("Yes", "No"), pictures=(url,), lacking="No second."
        )
    }
    page = compare_html([comparison()], [[flip()]], questions)
    seen = Page(page)
    assert [value for name, value in seen.attributes if name == "src"] == [url]
    policy = [value for name, value in seen.attributes if name == "content"]
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in policy
    for words in ("Is there a dog?", "No second.", "No, there is none", "another answer"):
        assert words in seen.text
    assert "http" not in html.unescape(page).replace("http-equiv", "")


def test_a_long_text_is_cut_and_says_so():
    page = compare_html([comparison()], [[flip(texts=("a" * 10_000, None))]], {})
    assert "a" * LONGEST in page
    assert "a" * (LONGEST + 1) not in page
    assert "(10,000 characters)" in page


def links(page):
    """What GitHub makes links of by its looks: commits and issues, between marks and spaces."""
    pieces = map(html.unescape, page.split("<!-- -->"))
    words = [word for piece in pieces for word in re.split(r"[^0-9A-Za-z#@-]", piece)]
    return [
        w for w in words if re.search(r"^[0-9a-fA-F]{7,40}$|(?i:\bgh-)[0-9]|[#@][A-Za-z0-9]", w)
    ]


def test_no_name_and_no_answer_is_a_commit_an_issue_or_a_person_on_github():
    odd = "0123456789abcdef0123456789abcdef01234567 abcdef1 GH-12 gh-3 #12 @team a/b#4 x@abcdef12"
    told = comparison(first=side(name=odd, model=odd), second=side(odd, odd, "b"), absent=(odd,))
    flips = [[flip(sample_id=odd, first=odd, targets=(odd,), texts=(odd, odd))]]
    page = compare_markdown([told], flips, {})
    assert links(odd)
    assert not links(page)
    assert odd in html.unescape(page.replace("<!-- -->", ""))


@given(st.text() | st.text(alphabet="0aF -.:_gGhH#@x/"))
def test_a_safe_text_is_no_link_and_is_shown_whole(text):
    assert not links(safe(text))
    assert html.unescape(safe(text).replace("<!-- -->", "")) == printable(text)


# JSON


def test_the_json_object_keeps_its_form():
    """Who reads it by its keys must not be surprised: a change here moves `schema`."""
    held = compare_json([comparison()], [[flip()]])
    assert held["schema"] == 1
    assert list(held) == ["schema", "reference", "alpha", "draws", "seed", "runs"]
    assert list(held["reference"]) == [
        *("name", "kind", "model", "spec", "run", "created", "commit", "digest"),
    ]
    (run,) = held["runs"]
    assert list(run) == ["run", "absent", "tasks", "flips"]
    (one,) = run["tasks"]
    assert list(one) == [
        *("task", "protocol", "samples", "only_first", "only_second", "failed", "unhealthy"),
        *("mismatches", "differences", "flips", "notes"),
    ]
    assert one["flips"] == {
        "answer": {"better": 290, "worse": 190},
        "format": {"better": 10, "worse": 10},
    }
    assert list(one["differences"][0]) == [
        *("metric", "headline", "first", "second", "difference", "error", "low", "high", "method"),
        *("n", "clusters", "discordant", "won", "lost", "correlation", "p", "p_method"),
        *("adjusted", "detectable", "better", "maximum", "verdict"),
    ]
    assert list(run["flips"][0]) == [
        *("task", "sample_id", "gain", "first", "second", "targets", "rules", "texts", "cause"),
        *("tags", "withheld"),
    ]
