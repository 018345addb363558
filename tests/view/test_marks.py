"""Numbers that a reader must not take for plain ones: they say so, or are not shown."""

import html
import json
import re

import pytest
from made_records import dataset, fingerprint, judge_report, publication, record, result, value

from evalkit.store import RunFolder

NUMBER = 0.4321
FOOTNOTES = {
    "§": "of a part of the data",
    "¶": "self-reported",
    "⚠": "too many verdicts of its judge are missing",
}


def written(folder, *changed, **changes):
    """A run's folder with a record that was made up."""
    made = record("m", *changed, **changes)
    RunFolder(folder).write_record(made)
    return folder


def cells(page):
    """The cells of all tables that hold the number."""
    found = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page)
    return [html.unescape(cell) for cell in found if cell.startswith(f"{NUMBER}")]


def judged(failed, **changes):
    report = judge_report(10, {"unparsed": failed}, healthy=False, **changes)
    return result("gqa", {"accuracy": value(NUMBER)}, judge=report)


LIMITED = result(
    "gqa",
    {"accuracy": value(NUMBER)},
    breakdowns={"kind": {"one": {"accuracy": NUMBER}, "two": {"accuracy": NUMBER}}},
    fingerprint=fingerprint(dataset=dataset(10, rows=100, expected_rows=100)),
)


@pytest.mark.parametrize(
    ("made", "changes", "marks"),
    [
        (result("gqa", {"accuracy": value(NUMBER)}), {}, ""),
        (LIMITED, {}, "§"),
        (result("gqa", {"accuracy": value(NUMBER)}), {"publication": publication()}, "¶"),
        (judged(4), {}, "*⚠"),
    ],
)
def test_the_pages_of_runs_mark_numbers(client_of, tmp_path, made, changes, marks):
    folder = written(tmp_path / "results" / "m" / "n", made, **changes)
    client = client_of(tmp_path)
    key = json.loads((folder / "run.json").read_text())["digest"][:12]
    for address, times in (("/", 1), (f"/run/{key}", 1 + 2 * len(made.breakdowns))):
        page = client.get(address).text
        assert cells(page) == [f"{NUMBER}{marks}"] * times
        for mark, words in FOOTNOTES.items():
            assert (f"<li>{mark} {words}" in page) == (mark in marks)


def test_a_number_of_no_verdict_is_not_shown(client_of, tmp_path):
    folder = written(tmp_path / "results" / "m" / "n", judged(10))
    key = json.loads((folder / "run.json").read_text())["digest"][:12]
    for address in ("/", f"/run/{key}"):
        page = client_of(tmp_path).get(address).text
        assert str(NUMBER) not in page
        assert "<li>⚠ too many verdicts" in page


def test_a_page_of_samples_marks_numbers(client_of, place, evalkit, key_of):
    words = ("--task-path", "toy/toy.py", "--data", "toy/data", "--limit", "20")
    evalkit("run", "toy", "--model", "dummy:hash", "--name", "part", *words, cwd=place)
    one, part = (key_of(place / "results" / "hash" / name) for name in ("one", "part"))
    client = client_of(place)
    numbers = re.compile(r'<td class="right">(0\.\d{4})([^ <]*)</td>')
    whole, some, both = (
        numbers.findall(client.get(f"/run/{address}").text)
        for address in (f"{one}/toy", f"{part}/toy", f"{one}/toy?other={part}")
    )
    assert whole
    assert {mark for _, mark in whole} == {""}
    assert {mark for _, mark in some} == {"§"}
    assert both == whole + some


def test_samples_of_a_judge_that_never_answered_have_no_number(
    evalkit, client_of, tmp_path, key_of
):
    judge = ("--judge", "dummy:constant,text=nothing", "--judge-cache", "none")
    words = ("run", "mmvet", "--model", "dummy:hash", "--data", "demo", "--name", "j")
    done = evalkit(*words, *judge, cwd=tmp_path)
    assert done.code == 14, done.err
    folder = tmp_path / "results" / "hash" / "j"
    page = client_of(tmp_path).get(f"/run/{key_of(folder)}/mmvet").text
    table = page.partition("<form")[0]
    assert "<td" in table
    assert not re.search(r"\d\.\d", re.sub(r"<details>.*?</details>", "", table, flags=re.DOTALL))
    assert "<li>⚠ too many verdicts" in table
