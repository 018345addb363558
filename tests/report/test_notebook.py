"""What a notebook shows of a record: numbers with marks, and of a stranger's words the words."""

import html
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_comparisons import compared_task, comparison, difference, side
from made_records import judge_report

import evalkit
from evalkit.compare.comparing import Choice, compare
from evalkit.compare.sides import load
from evalkit.records import Coverage
from evalkit.report.compare_table import compare_table
from evalkit.report.table import printable

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onmouseover=alert(1) x='",
    "</td></table></div><h1>yes</h1><!--",
    "$\\href{javascript:alert(1)}{x}$ \\(a\\)",
    "[x](javascript:alert(1)) ![x](http://evil/x.png)",
    "\x1b[31mred\x1b[0m \x07\x00",
    "\u202egnirts\u202c \u200b\ufeff",
    "&lt;b&gt; &amp;",
    "lone \ud800 surrogate",
)
TAGS = {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li"}
ATTRIBUTES = {
    ("class", "evalkit tex2jax_ignore mathjax_ignore"),
    ("style", "text-align: left"),
    ("style", "text-align: right"),
}


class Reader(HTMLParser):
    """Reads a piece: whether its elements are closed in order, its attributes, cells and text."""

    def __init__(self, piece):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.rows, self.texts = [], set(), set(), [], []
        self.other = []
        self.feed(piece)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes.update(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open[-1:] in (["td"], ["th"]):
            self.rows[-1][-1] += data

    def handle_comment(self, data):
        self.other.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment

    @property
    def cells(self):
        """Rows below the header, by the header's names."""
        return [dict(zip(self.rows[0], row, strict=True)) for row in self.rows[1:]]

    @property
    def text(self):
        return "".join(self.texts)


def read(record):
    """What `_repr_html_` of a record gives, which holds nothing but plain elements."""
    reader = Reader(record._repr_html_())
    assert reader.tags <= TAGS
    assert reader.attributes <= ATTRIBUTES
    assert reader.other == []
    return reader


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    evalkit.evaluate(model="dummy:hash", tasks=["mme", "pope"], data="demo", out=out, name="r")
    return out / "hash" / "r"


@pytest.fixture(scope="module")
def record(folder):
    return evalkit.load_run(folder)


FLIPS = {"answer": (20, 10)}


def compared(task="pope", model="n", **changed):
    differences = (difference(metric="f1"), difference(metric="yes_ratio", headline=False))
    return comparison(
        compared_task(*differences, **{"task": task, "samples": 500, "flips": FLIPS, **changed}),
        second=side(f"results/{model}/r", model, "r"),
        absent=("gqa: it is in one of the two alone",),
    )


def test_a_run_shows_its_headlines_with_intervals(record):
    cells = read(record).cells
    assert [cell["metric"] for cell in cells] == ["perception", "cognition", "macro_f1"]
    value = record.results[1].metrics["macro_f1"]
    assert cells[2]["value"] == f"{value.value:.4f}⁂"  # the demo's rows are none of POPE's
    assert cells[2]["95 % interval"] == f"{value.low:.4f} to {value.high:.4f}"
    assert "⁂ of the demo's own made-up data" in read(record).text


def test_marks_of_one_task_are_not_another_tasks(record):
    data = record.results[1].fingerprint.dataset
    whole = replace(data, repository="lmms-lab/POPE", expected_rows=data.rows)
    fingerprint = replace(record.results[1].fingerprint, dataset=whole)
    results = (record.results[0], replace(record.results[1], fingerprint=fingerprint))
    cells = read(replace(record, results=results)).cells
    assert [cell["value"][-1] == "⁂" for cell in cells] == [True, True, False]


def test_self_reported_numbers_are_marked_in_a_record(record):
    shown = read(replace(record, source="self-reported"))
    assert all(cell["value"].endswith("¶⁂") for cell in shown.cells)
    assert "¶ self-reported" in shown.text


def test_a_task_shows_all_of_its_numbers(record):
    result = record.results[1]
    shown = read(result)
    assert [cell["metric"] for cell in shown.cells] == list(result.metrics)
    assert "headline: macro_f1" in shown.text


def test_failures_and_a_judge_that_failed_are_seen(record):
    report = judge_report(120, {"timeout": 60})
    lost = Coverage(asked=120, answered=110, failed=10, unparsed=0)
    result = replace(record.results[1], judge=report, coverage=lost)
    for shown in (read(result), read(replace(record, results=(result,)))):
        assert all("⚠" in cell["value"] for cell in shown.cells)
        assert "UNHEALTHY" in shown.text
        assert shown.cells[0]["failed"] == "10"
    void = replace(result, judge=replace(report, failed={"timeout": 120}))
    assert {cell["value"][0] for cell in read(void).cells} == {"-"}


def test_a_comparison_shows_its_headlines_in_words_and_numbers():
    shown = read(compared())
    assert [cell["metric"] for cell in shown.cells] == ["pope f1"]
    assert shown.cells[0]["verdict"] == "better"
    assert shown.cells[0]["difference"] == "+0.0200"
    assert shown.cells[0]["95 % interval"] == "+0.0100 to +0.0300"
    assert "n against m: better in 1 of 1 headline metric." in shown.text
    assert "30 of 500 samples flip" in shown.text
    assert "not compared: gqa: it is in one of the two alone" in shown.text


def test_notes_of_a_comparison_are_of_columns_that_are_there():
    shown = read(compared())
    assert not {"could see", "won", "lost", "r"} & shown.cells[0].keys()
    for word in ("could see", "won, lost", "correlation"):
        assert word not in shown.text
    assert "values are over the samples that both have." in shown.text
    assert "could see" in " ".join(compare_table([compared()]).notes)


def test_what_compare_gives_shows_its_comparison(folder):
    run = load(folder)
    found = compare(run, run, Choice(draws=99))
    assert found._repr_html_() == found.comparison._repr_html_()
    assert read(found).cells[0]["verdict"] == "identical"


def test_an_unhealthy_judge_is_seen_in_a_comparison():
    assert read(compared(unhealthy=True)).cells[0]["verdict"] == "better (!)"


def test_a_comparison_of_nothing_says_why():
    shown = read(replace(compared(), tasks=()))
    assert shown.cells == []
    assert "gqa: it is in one of the two alone" in shown.text


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_others_are_words(record, text):
    result = replace(
        record.results[0],
        task=text,
        protocol=text,
        notes=(text,),
        headline=(text,),
        metrics={text: record.results[0].metrics["perception"]},
        audit=None,
    )
    model = replace(record.model, name=text, spec=text)
    shown = read(replace(record, name=text, model=model, results=(result,)))
    assert shown.cells[0]["task"] == shown.cells[0]["metric"] == printable(text)
    assert printable(text) in shown.text
    assert printable(text) in read(result).text
    both = read(compared(task=text, model=text, notes=(text,)))
    assert both.cells[0]["metric"] == f"{printable(text)} f1"


@given(st.text())
def test_any_text_is_that_text(text):
    from evalkit.report.notebook import _text

    assert html.unescape(_text(text)) == printable(text)
    assert not set(_text(text)) & set("<>\"'\n")


def test_showing_a_record_imports_no_heavy_package(tmp_path, folder):
    code = (
        "import sys; from evalkit.store import load_run\n"
        f"assert 'perception' in load_run({str(folder)!r})._repr_html_()\n"
        "print(sorted({'pandas', 'jinja2', 'torch', 'tabulate', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
