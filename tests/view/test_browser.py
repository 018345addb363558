"""The pages in a real browser: opening, filtering, searching, keys, both colours, hostile texts.

Skipped where playwright or Chromium is not installed. A click or a key only begins something: what
it leads to is waited for (`follow`, `until`, `filtered`), however long a busy machine takes for it.
"""

import re
import shutil
from itertools import pairwise
from time import monotonic
from urllib.parse import quote

import pytest

from evalkit.cli.view import _library
from evalkit.view.export import export

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

WAIT = 60_000  # milliseconds


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=2 * WAIT
        )
        yield opened
        opened.close()


@pytest.fixture
def served(start):
    """(folder, words) -> the address that a running `evalkit view` has printed."""
    processes = []

    def made(folder, *words):
        processes.append(start("view", *words, cwd=folder))
        return processes[-1].stdout.readline().strip()

    yield made
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def tab_of(browser, served):
    """(options) -> a tab that fails the test where the page reports an error or asks elsewhere."""
    troubles, contexts = [], []

    def heard(message):
        if message.type in ("error", "warning"):
            troubles.append(message.text)

    def asked(request):
        if not request.url.startswith(("http://127.0.0.1:", "file://", "data:")):
            troubles.append(request.url)

    def made(**options):
        given = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(**given)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(WAIT)
        tab.on("console", heard)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", asked)
        tab.on("dialog", lambda dialog: troubles.append(dialog.message) or dialog.dismiss())
        return tab

    yield made
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def samples(tab_of, served, place):
    """(options) -> a tab with the samples of the first run."""

    def made(**options):
        tab = tab_of(**options)
        enter(tab, served(place, "hash/one", "constant/two"))
        follow(tab, "h2 a >> nth=0")
        follow(tab, "main table a >> nth=0")
        until(tab, lambda: not tab.locator("[data-pending]").count())
        return tab

    return made


def enter(tab, address):
    """Open the printed address, and wait for the page to which the one with the token leads."""
    tab.goto(address)
    tab.wait_for_url(lambda url: "token=" not in url, wait_until="load")


def follow(tab, selector):
    """Click what leads to another page, and wait until that page has its styles and scripts.

    Not for the next event `load`: that may still be the one of the page that is left.
    """
    left = tab.url
    tab.click(selector)
    tab.wait_for_url(lambda url: url != left, wait_until="load")


def shown(tab):
    """The ids of the samples that are seen."""
    return tab.eval_on_selector_all(
        "article.card:not([hidden]) h2", "all => all.map(h => h.textContent.trim())"
    )


def until(tab, is_so):
    """Wait until something is so; the pages' own policy forbids playwright's way to wait for it."""
    ends = monotonic() + WAIT / 1000
    while not is_so():
        if monotonic() > ends:
            pytest.fail(f"{tab.url}\n{tab.inner_text('body')[:5000]}")
        tab.wait_for_timeout(50)


def until_shown(tab, ids):
    """Wait until the samples that are seen are these."""
    until(tab, lambda: shown(tab) == ids)


def has_picture(tab):
    decoded = "async i => { await i.decode(); return i.naturalWidth; }"
    return tab.eval_on_selector("article img", decoded) > 0


def press(tab, key, *ids):
    """Press a key, and wait until it has led to one of some samples."""
    tab.keyboard.press(key)
    focused = "document.activeElement.querySelector('h2')?.textContent.trim()"
    until(tab, lambda: tab.evaluate(focused) in ids)


def filtered(tab, **chosen):
    """Choose, press "Filter", and wait for what is said then; not for what was said before."""
    tab.evaluate("document.querySelector('#status').textContent = ''")
    for name, value in chosen.items():
        if name == "q":
            tab.fill("input[name=q]", value)
        else:
            tab.select_option(f"select[name={name}]", value)
    tab.click("#filters button")
    until(tab, lambda: re.match(r"[\d,]+ of [\d,]+ samples", tab.inner_text("#status")))


def test_from_the_address_to_a_sample_and_the_token_is_not_in_it(samples):
    tab = samples()
    assert "token" not in tab.url
    assert len(shown(tab)) == 40
    assert has_picture(tab)
    follow(tab, "article >> nth=3 >> h2 a")
    assert shown(tab) == ["q003"]


def test_a_filter_changes_samples_address_and_what_is_said(samples):
    tab = samples()
    filtered(tab, show="wrong", tag="kind=low")
    assert "show=wrong" in tab.url
    wrong = shown(tab)
    assert 0 < len(wrong) < 20
    assert f"{len(wrong)} of 40 samples" in tab.inner_text("#status")
    address = tab.url
    filtered(tab, show="", tag="", q="is 12 even")
    assert shown(tab) == ["q012"]
    tab.go_back()
    until_shown(tab, wrong)
    assert tab.url == address
    tab.goto(address)
    assert shown(tab) == wrong


COUNT = """() => [...document.querySelectorAll("p")]
  .filter((e) => /^[\\d,]+ of [\\d,]+ samples/.test(e.textContent.trim()) && !e.closest(".unseen"))
  .map((e) => e.textContent.trim())"""
"""What a reader sees of how many samples there are."""


def test_the_count_stands_once(samples):
    tab = samples()
    assert tab.evaluate(COUNT) == ["40 of 40 samples; these are 1 to 40"]
    filtered(tab, q="is 12 even")
    assert tab.evaluate(COUNT) == ["1 of 40 samples; these are 1 to 1"]


def test_two_runs_side_by_side_and_what_flipped(samples):
    tab = samples()
    filtered(tab, other=tab.eval_on_selector("select[name=other] option >> nth=1", "o => o.value"))
    assert tab.eval_on_selector_all("article >> nth=0 >> h3", "all => all.length") == 2
    filtered(tab, show="flipped")
    assert 0 < len(shown(tab)) < 40
    assert tab.locator(".moved").count() == len(shown(tab))
    assert "beside" in tab.inner_text("h1")


def test_keys_go_from_sample_to_sample(samples):
    tab = samples()
    for key, wanted in [("j", 0), ("j", 1), ("ArrowRight", 2), ("k", 1), ("ArrowLeft", 0)]:
        press(tab, key, f"q{wanted:03}")
    tab.keyboard.press("/")
    words = tab.locator("input[name=q]")
    expect(words).to_be_focused(timeout=WAIT)
    tab.keyboard.type("jk/")
    expect(words).to_have_value("jk/", timeout=WAIT)
    tab.keyboard.press("Escape")
    expect(words).not_to_be_focused(timeout=WAIT)
    press(tab, "j", "q000")


def test_the_last_sample_leads_to_the_next_page(tab_of, served, evalkit, toy_of, tmp_path):
    toy = toy_of(tmp_path / "large", 60)
    words = ("run", "toy", "--model", "dummy:hash", "--name", "n", *toy.options)
    assert evalkit(*words, cwd=tmp_path).code == 0
    tab = tab_of()
    enter(tab, served(tmp_path))
    follow(tab, "h2 a")
    follow(tab, "main table a")
    until(tab, lambda: not tab.locator("[data-pending]").count())
    for row in range(51):
        press(tab, "j", f"q{row:03}")
    press(tab, "k", "q049")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_window(samples, width):
    tab = samples(viewport={"width": width, "height": 800})
    for address in (tab.url, tab.url.rpartition("/")[0], re.sub(r"/run/.*", "/", tab.url)):
        tab.goto(address)
        until(tab, lambda: not tab.locator("[data-pending]").count())
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


CONTRAST = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (e) => {
    const colour = getComputedStyle(e).backgroundColor;
    return colour.endsWith(", 0)") && e.parentElement ? behind(e.parentElement) : colour;
  };
  const low = [];
  for (const e of document.querySelectorAll("main *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (["OPTION", "FIGCAPTION"].includes(e.tagName) || e.closest(".unseen")) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(e.outerHTML.slice(0, 80));
  }
  return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_in_both_colours(samples, scheme):
    tab = samples(color_scheme=scheme)
    back = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")
    assert tab.evaluate(CONTRAST) == []


def test_a_screen_reader_finds_headings_labels_and_scopes(samples):
    tab = samples()
    assert tab.locator("h1").count() == 1
    assert tab.locator("main").count() == 1
    unlabelled = "all => all.filter(e => !e.labels.length).length"
    assert tab.eval_on_selector_all("select, input", unlabelled) == 0
    assert tab.eval_on_selector_all("th", "all => all.filter(e => !e.scope).length") == 0
    assert tab.eval_on_selector_all("img", "all => all.filter(e => !e.alt).length") == 0
    assert tab.get_attribute("#status", "role") == "status"
    levels = tab.eval_on_selector_all("h1, h2, h3", "all => all.map(e => +e.tagName[1])")
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_pages_work_without_scripts(tab_of, served, place):
    tab = tab_of(java_script_enabled=False)
    enter(tab, served(place, "hash/one"))
    follow(tab, "h2 a")
    follow(tab, "main table a")
    tab.select_option("select[name=tag]", "kind=high")
    follow(tab, "#filters button")
    assert tab.locator("article.card").count() == 20


def test_hostile_texts_do_nothing(tab_of, served, hostile):
    tab = tab_of()
    enter(tab, served(hostile))
    follow(tab, "h2 a")
    follow(tab, "main table a")
    filtered(tab, show="ambiguous")
    until(tab, lambda: not tab.locator("[data-pending]").count())
    assert tab.evaluate("window.owned") is None
    assert "<script>window.owned=1</script>" in tab.inner_text("#results")
    assert tab.locator("#results script, #results iframe, #results svg").count() == 0


# Exported pages


@pytest.fixture
def exported(place, monkeypatch, tmp_path):
    monkeypatch.chdir(place)
    library = _library(("hash/one", "constant/two"), None, ())
    pages = list(export(library, tmp_path / "pages"))
    return next(page for page in pages if page.name.endswith("-toy.html") and "+" in page.name)


def test_exported_pages_work_from_files(tab_of, exported):
    tab = tab_of()
    tab.goto((exported.parent / "index.html").as_uri())
    follow(tab, "h2 a >> nth=0")
    follow(tab, "main table a >> nth=1")
    assert len(shown(tab)) == 40
    assert has_picture(tab)
    filtered(tab, show="flipped")
    flipped = shown(tab)
    assert 0 < len(flipped) < 40
    assert f"{len(flipped)} of 40 samples" in tab.inner_text("#status")
    tab.reload()
    until_shown(tab, flipped)
    filtered(tab, q="is 12 even", show="")
    assert shown(tab) == ["q012"]
    tab.click("article:not([hidden]) h2 a")
    until(tab, lambda: "sample=q012" in tab.url)
    tab.go_back()
    until(tab, lambda: "sample=q012" not in tab.url)
    tab.go_back()
    until_shown(tab, flipped)
    assert tab.locator("article:visible").count() == len(flipped)
    press(tab, "j", *flipped)


WORDS = (
    "score",
    "PROMPT",
    "Even",
    "is 1",
    "YES",
    "q03",
    "low",
    "kind",
    "read by",
    "Answer",
    "(*[",
    "\u017f",
)
"""Words of cards, of samples, of both, and of none; the last is an s in any case."""


def test_search_finds_in_an_exported_page_what_the_server_finds(
    tab_of, exported, client_of, place, key_of
):
    one, two = (key_of(place / "results" / name) for name in ("hash/one", "constant/two"))
    client, tab, counts = client_of(place), tab_of(), set()
    for words in WORDS:
        page = client.get(f"/run/{one}/toy", params={"q": words, "other": two}).text
        count = re.search(r'class="count"><b>(\d+)</b>', page)[1]
        tab.goto(f"{exported.as_uri()}#q={quote(words)}")
        until(tab, lambda count=count: tab.evaluate(COUNT) == [f"{count} of 40 samples"])
        counts.add(count)
    assert len(counts) > 2
    tab.goto(f"{exported.as_uri()}#q=score")
    until(tab, lambda: tab.evaluate(COUNT) == ["0 of 40 samples"])


def test_hostile_texts_do_nothing_in_exported_pages(tab_of, hostile, monkeypatch, tmp_path):
    monkeypatch.chdir(hostile)
    tab = tab_of()
    for path in export(_library((), None, ()), tmp_path / "pages"):
        tab.goto(path.as_uri())
        if path.name.endswith("-hostile.html"):
            count = tab.locator("article").count()
            for link in tab.locator("article h2 a").all():
                wanted = [link.text_content().strip()]
                link.evaluate("a => { location.hash = a.hash; }")
                until(tab, lambda wanted=wanted: shown(tab) == wanted)
            assert count == 18
        assert tab.evaluate("window.owned") is None
