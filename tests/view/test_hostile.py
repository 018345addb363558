"""Everything that a stranger wrote is shown, and does nothing: in pages, files and the terminal."""

import re
import unicodedata
from html.parser import HTMLParser

import pytest

from evalkit.cli.view import _library
from evalkit.view.export import export

ALLOWED = {
    *("html", "head", "meta", "title", "link", "script", "style", "body", "a", "nav", "main"),
    *("h1", "h2", "h3", "p", "b", "i", "span", "div", "section", "article", "header", "figure"),
    *("img", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul", "li"),
    *("details", "summary", "form", "label", "select", "option", "input", "button", "dl", "dt"),
    *("dd", "bdi", "pre", "kbd"),
}
"""All that the templates are made of."""


class Seen(HTMLParser):
    """Tags, attributes, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self._in = [], [], None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag

    def handle_data(self, data):
        if self._in not in ("script", "style"):
            self.text.append(data)


def check(page):
    """That a page is made of the templates' own parts, whatever stands in it."""
    seen = Seen(page)
    assert {tag for tag, _ in seen.tags} <= ALLOWED
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "srcdoc"]
        for name in ("href", "src", "action"):
            address = attributes.get(name) or ""
            assert re.match(r"$|[/?#]|data:,$|[\w+-]+\.html|pictures/", address), (tag, address)
            assert not address.startswith("//")
    text = "".join(seen.text)
    hidden = {unicodedata.category(letter) for letter in text if letter not in "\n\t"}
    assert not hidden & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return text


@pytest.fixture
def pages(client_of, hostile, key_of):
    """The server's pages of the hostile run."""
    client = client_of(hostile)
    (folder,) = (path.parent for path in hostile.glob("results/*/*/run.json"))
    key = key_of(folder)
    return {a: client.get(a).text for a in ("/", f"/run/{key}", f"/run/{key}/hostile")}


def test_the_server_shows_them_as_text(pages):
    told = [check(page) for page in pages.values()]
    for text in ("<script>window.owned=1</script>", "{{ 7 * 7 }}", "&lt;script&gt;", "\\u202e"):
        assert text in told[-1]
    assert "49" not in re.sub(r"[0-9a-f]{12,}|\d{3,}", "", told[-1].partition("{{ 7")[2][:40])


def test_what_is_long_is_cut(pages):
    *_, page = pages.values()
    assert len(page) < 1_000_000
    assert "1,000,005 characters" in page


def test_queries_come_back_as_text(client_of, hostile, key_of):
    client = client_of(hostile)
    (folder,) = (path.parent for path in hostile.glob("results/*/*/run.json"))
    for name in ("q", "tag", "rule", "sample", "other", "show", "page"):
        for text in ('"><script>window.owned=1</script>', "\x00\x1b[31m\u202e", "{{ 7 * 7 }}"):
            answer = client.get(f"/run/{key_of(folder)}/hostile", params={name: text})
            assert answer.status_code in (200, 400)
            assert "<script>window" not in answer.text
            check(answer.text.replace("\x00", "").replace("\x1b", "").replace("\u202e", ""))


def test_each_sample_is_found_by_its_own_link(client_of, hostile, key_of):
    client = client_of(hostile)
    (folder,) = (path.parent for path in hostile.glob("results/*/*/run.json"))
    address = f"/run/{key_of(folder)}/hostile"
    page = client.get(address).text
    links = [a["href"] for t, a in Seen(page).tags if t == "a" and "sample=" in a.get("href", "")]
    assert len(links) == page.count("<article")
    for link in links:
        assert client.get(address + link).text.count("<article") == 1


def test_exported_pages_show_them_as_text(hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(hostile)
    for path in export(_library((), None, ()), tmp_path / "pages"):
        is_listing = path.name.endswith("-hostile.html")
        assert is_listing <= ("<script>window.owned=1</script>" in check(path.read_text()))


def test_the_terminal_gets_none_of_it(evalkit, hostile, tmp_path):
    name = "\x1b[31m\u202e::error::x"
    (tmp_path / "run.json").write_text("{}")
    for words in (("view", name), ("view", str(tmp_path)), ("view", "--export", f"p{name}")):
        done = evalkit(*words, cwd=hostile)
        assert "\x1b" not in done.out + done.err
        assert "\u202e" not in done.out + done.err
        assert not re.search("^::", done.out + done.err, re.MULTILINE)
