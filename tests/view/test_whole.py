"""Long texts: a card shows their beginning, and leads to a page on which they stand whole."""

import html
import json
import re

import pytest

from evalkit.report.compare_page import LONGEST
from evalkit.view.whole import uncut

TASK = '''"""long: questions and answers of any length. A task for tests.

No paper; the answer is what is written.
"""

from evalkit.metrics import accuracy
from evalkit.records import Generation, Outcome, Sample
from evalkit.task import DatasetRef, Prompt, Task


def to_sample(row):
    return Sample(id=row["id"], question=row["text"], targets=("yes",), cluster=row["id"])


def score(sample, text):
    return Outcome(answer=None if text is None else "no", values={"correct": 0.0})


TASK = Task(
    name="long",
    version=1,
    dataset=DatasetRef(repositories=("nobody/long",), split="test", columns=("id", "text"), rows=3),
    to_sample=to_sample,
    prompts={"plain": Prompt(template="{{ question }}")},
    generation=Generation(max_new_tokens=4),
    score=score,
    metrics=(accuracy(),),
    headline=("accuracy",),
)
'''

LONG = (
    "</pre><script>window.owned=1</script>\n\x1b[31m\u202e" + "wörd <b>&amp;\n" * 80_000 + "the end"
)
"""1 MB of somebody's attack."""

ROWS = {
    "short": ("a" * LONGEST, "b" * LONGEST),
    "asked": (LONG, "brief"),
    "said": ("brief", LONG),
}
"""What is asked, and what a model writes, by id."""


@pytest.fixture(scope="module")
def long(evalkit, tmp_path_factory):
    """A folder with a run with long texts."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "long.py").write_text(TASK)
    (folder / "data" / "long").mkdir(parents=True)
    rows = [json.dumps({"id": name, "text": asked}) for name, (asked, _) in ROWS.items()]
    (folder / "data" / "long" / "test.jsonl").write_text("\n".join(rows) + "\n")
    said = [json.dumps({"sample_id": name, "text": text}) for name, (_, text) in ROWS.items()]
    (folder / "said.jsonl").write_text("\n".join(said) + "\n")
    words = ("--model", "replay:said.jsonl", "--task-path", "long.py", "--data", "data")
    done = evalkit("run", "long", *words, "--name", "l", cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def key(long, key_of):
    (record,) = long.glob("results/*/*/run.json")
    return key_of(record.parent)


def texts(page):
    """What stands whole on a page, by its heading."""
    found = re.findall(r'<h2>([^<]+) <span.*?<pre class="uncut">\n(.*?)</pre>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


def links(page):
    """Where each card leads to whole texts."""
    cards = re.findall(r"<article.*?</article>", page, re.DOTALL)
    return [re.findall(r'class="whole"><a href="([^"]+)"', card) for card in cards]


def test_whole_texts_are_where_a_card_leads_and_only_where_it_cuts(client_of, long, key):
    client = client_of(long)
    page = client.get(f"/run/{key}/long").text
    assert len(page) < 50_000
    assert links(page) == [[], [f"/whole/{key}/long/1"], [f"/whole/{key}/long/2"]]
    for row, name in ((1, "question"), (2, "wrote")):
        told = client.get(f"/whole/{key}/long/{row}").text
        assert texts(told)[name] == uncut(LONG)
        assert texts(told)["id"] == list(ROWS)[row]
        assert "<script>window" not in told
        assert "\x1b" not in told
        assert "\u202e" not in told
        assert f"({len(LONG):,} characters)" in told


@pytest.mark.parametrize("address", ["/whole/{}/long/3", "/whole/{}/other/0", "/whole/0/long/0"])
def test_there_is_no_page_of_a_sample_that_there_is_not(client_of, long, key, address):
    assert client_of(long).get(address.format(key)).status_code == 404


def test_an_export_has_a_file_for_each_sample_that_is_cut(evalkit, long, key, tmp_path):
    done = evalkit("view", "--export", tmp_path / "pages", cwd=long)
    assert done.code == 0, done.err
    assert "(5 pages)" in done.out
    assert len(list((tmp_path / "pages").glob("*.html"))) == 5
    page = (tmp_path / "pages" / f"{key}-long.html").read_text()
    assert links(page) == [[], [f"{key}-long+1.html"], [f"{key}-long+2.html"]]
    assert texts((tmp_path / "pages" / f"{key}-long+1.html").read_text())["question"] == uncut(LONG)
    assert texts((tmp_path / "pages" / f"{key}-long+2.html").read_text())["wrote"] == uncut(LONG)
    assert not (tmp_path / "pages" / f"{key}-long+0.html").exists()


def test_an_export_searches_whole_texts(evalkit, long, key, tmp_path):
    done = evalkit("view", "--export", tmp_path / "pages", cwd=long)
    assert done.code == 0, done.err
    page = (tmp_path / "pages" / f"{key}-long.html").read_text()
    searched = re.findall(r'data-searched="([^"]*)"', page)
    for told, (sample_id, texts) in zip(searched, ROWS.items(), strict=True):
        assert sorted(json.loads(html.unescape(told))) == sorted([sample_id, "no", *texts])


def test_a_short_text_is_whole_on_its_card(client_of, long, key):
    page = client_of(long).get(f"/run/{key}/long").text
    assert "a" * LONGEST in page
    assert "b" * LONGEST in page
