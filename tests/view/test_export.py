"""Exported pages: files alone, of which each says by its policy what may run in it."""

import hashlib
import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest

from evalkit.cli.view import _library
from evalkit.view.export import export


class Parts(HTMLParser):
    """The tags of a page with their attributes, and what stands in scripts and styles."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.inline, self._in = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = tag if tag in ("script", "style") else None

    def handle_data(self, data):
        if self._in:
            self.inline.append((self._in, data))
            self._in = None


@pytest.fixture
def exported(evalkit, place):
    def made(*words):
        done = evalkit("view", *words, "--export", "pages", cwd=place)
        assert done.code == 0, done.err
        return {path.name: path.read_text() for path in (place / "pages").glob("*.html")}

    return made


def test_all_runs_and_tasks_and_the_first_beside_the_other(exported, place, key_of):
    one, two = (key_of(place / "results" / name) for name in ("constant/two", "hash/one"))
    pages = exported()
    assert set(pages) == {
        "index.html",
        f"{one}.html",
        f"{two}.html",
        f"{one}-toy.html",
        f"{two}-toy.html",
        f"{one}+{two}-toy.html",
    }


def test_every_address_in_a_page_is_a_file_beside_it(exported, place):
    for name, page in exported().items():
        for tag, attributes in Parts(page).tags:
            address = attributes.get("href") or attributes.get("src")
            if address and not address.startswith(("#", "data:,")):
                assert re.fullmatch(r"[\w+-]+\.html|pictures/[0-9a-f]+\.jpeg", address), (name, tag)
                assert (place / "pages" / address).is_file()


def test_the_policy_names_the_one_style_and_the_one_script(exported):
    for page in exported().values():
        parts = Parts(page)
        (policy,) = [a["content"] for t, a in parts.tags if t == "meta" and "http-equiv" in a]
        assert "unsafe" not in policy
        assert [kind for kind, _ in parts.inline] == ["style", "script"]
        for _, text in parts.inline:
            digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_the_same_runs_give_the_same_bytes(exported, place):
    first = exported()
    assert exported() == first


def test_a_limit_keeps_what_is_wrong_and_says_so(exported, place):
    pages = exported("hash/one", "--samples", "5")
    (page,) = (text for name, text in pages.items() if name.endswith("-toy.html"))
    states = re.findall(r'data-state="(\w*)', page)
    assert states == ["wrong"] * 5
    assert "Only 5 of the 40 samples" in page


def test_a_changed_picture_is_a_sentence(exported, place):
    data = place / "toy" / "data" / "toy"
    (data / "3.png").write_bytes((data / "4.png").read_bytes())
    pages = exported("hash/one")
    text = "".join(pages.values())
    assert text.count("not the one that the model saw") == 1


@pytest.mark.parametrize("folder", ["results/hash/one", "results/hash/one/pages"])
def test_pages_are_not_written_into_a_run(evalkit, place, folder):
    done = evalkit("view", "--export", folder, cwd=place)
    assert done.code == 2
    assert "is the folder of a run" in done.err


def test_a_file_in_the_folders_place_is_a_sentence(evalkit, place):
    (place / "pages").write_text("mine")
    done = evalkit("view", "--export", "pages", cwd=place)
    assert done.code == 2
    assert "is a file" in done.err
    assert (place / "pages").read_text() == "mine"


@pytest.mark.parametrize("folder", ["results", "results/hash"])
def test_pages_are_not_scattered_among_runs(evalkit, place, folder):
    done = evalkit("view", "--export", folder, cwd=place)
    assert done.code == 2
    assert f"{folder} holds runs (" in done.err
    assert done.err.count("\n") == 1
    assert not list((place / "results").rglob("*.html"))


@pytest.mark.parametrize("name", ["index.html", "{}.html", "{}-toy.html", "{}-toy+0.html"])
def test_another_page_is_not_replaced(evalkit, exported, place, key_of, name):
    mine = place / "pages" / name.format(key_of(place / "results" / "hash" / "one"))
    mine.parent.mkdir()
    mine.write_text("<!doctype html>\n<title>mine</title>")
    (place / "pages" / "mine.html").write_text("mine, too")
    done = evalkit("view", "--export", "pages", cwd=place)
    assert done.code == 2
    assert f"pages/{mine.name} would be replaced" in done.err
    assert done.err.count("\n") == 1
    assert len(list((place / "pages").iterdir())) == 2
    assert "mine" in mine.read_text()
    mine.unlink()
    first = exported()
    assert exported() == first
    assert first["mine.html"] == "mine, too"


def test_an_export_says_which_pages_stand(place, monkeypatch):
    monkeypatch.chdir(place)
    written = list(export(_library(("hash/one",), None, ()), place / "pages"))
    assert written[-1] == place / "pages" / "index.html"
    assert all(path.is_file() for path in written)
