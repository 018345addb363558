"""The leaderboard in Chromium: by keyboard, in the dark, on a small screen, without a request.

Needs the package `playwright` and a Chromium: one on the path, or playwright's own.
"""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.board.entries import read
from evalkit.board.making import Choice, make
from evalkit.report.board_html import board_html

from .conftest import answered, published, record, result, written

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

MODELS = {"lab/good": 0.85, "lab/middle": 0.6, "other/weak": 0.35}


LAUNCH = 120_000  # milliseconds: machines are slow where many tests run


@pytest.fixture(scope="module")
def browser():
    place = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with playwright.sync_playwright() as started:
        own = started.chromium
        if place is None and not Path(own.executable_path).exists():
            pytest.skip("no Chromium: none on the path, and none of playwright's own")
        held = own.launch(executable_path=place, args=["--no-sandbox"], timeout=LAUNCH)
        yield held
        held.close()


@pytest.fixture
def page_file(results):
    """A leaderboard with two tasks, another prompt, a published number and a hostile name."""
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    for seed, (name, share) in enumerate([*MODELS.items(), (hostile, 0.5)]):
        scores, pope = answered(share, seed), answered(share, seed, task="pope")
        made = [result(scores), result(pope, "pope")]
        made = made if name != "other/weak" else made[:1]
        folder = results / f"m{seed}" / "run"
        written(folder, record(name, *made, parameters=10**6 * (seed + 1)))
    own = result(answered(0.7, 9))
    prompt = replace(own.fingerprint.prompt, variant="qwen")
    own = replace(own, fingerprint=replace(own.fingerprint, prompt=prompt))
    written(results / "qwen" / "run", record("lab/other-prompt", own))
    written(results / "published" / "x", published("good", 0.8))
    path = Path("page.html").resolve()
    reference = "results/m1/run/run.json"
    entries = read(results).entries
    path.write_text(board_html(make(entries, Choice(reference=reference))), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, page_file):
    """Opens the page; checks at the end that it said nothing and asked for nothing."""
    contexts, said, asked = [], [], []

    def open_(*, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []
    assert set(asked) == {page_file.as_uri()}


def names(page, section=0):
    rows = page.locator("[data-section]").nth(section).locator("tr[data-model]")
    return [row.get_attribute("data-model") for row in rows.all() if row.is_visible()]


def test_it_is_sorted_by_keyboard(opened):
    page = opened()
    button = page.get_by_role("button", name=re.compile("gqa accuracy")).first
    head = page.locator("thead").first.locator("th").nth(1)
    expect(head).to_have_attribute("aria-sort", "none")
    button.focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    falling = names(page)
    assert [name for name in falling if name in MODELS] == list(MODELS)
    page.keyboard.press("Space")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert [name for name in names(page) if name in MODELS] == list(MODELS)[::-1]
    page.get_by_role("button", name="model").first.press("Enter")
    expect(head).to_have_attribute("aria-sort", "none")
    assert names(page) == sorted(names(page))


def test_what_has_no_number_comes_last_either_way(opened):
    page = opened()
    button = page.get_by_role("button", name=re.compile("pope macro_f1")).first
    head = page.locator("thead").first.locator("th", has=button)
    for direction in ("descending", "ascending"):
        button.press("Enter")
        expect(head).to_have_attribute("aria-sort", direction)
        assert names(page)[-1] == "other/weak"


def test_rows_stay_in_their_group(opened):
    page = opened()
    page.get_by_role("button", name="model").first.press("Enter")
    head = page.locator("thead").first.locator("th").first
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert names(page, 1) == ["lab/other-prompt"]
    assert names(page, 2) == ["good"]
    told = page.locator("[data-section] caption").nth(1).inner_text()
    assert "prompt.variant: qwen, not llava" in told


def test_it_is_filtered_and_says_how_many_are_left(opened):
    page = opened()
    status = page.get_by_role("status")
    expect(status).to_have_text("All 6 models shown.")
    assert status.get_attribute("aria-live") == "polite"
    page.get_by_label("Filter models").fill("LAB/")
    expect(status).to_have_text("3 of 6 models shown.")
    assert set(names(page)) == {"lab/good", "lab/middle"}
    assert not page.locator("[data-section]").nth(2).is_visible()
    assert not page.locator("tr.apart").nth(1).is_visible()
    page.get_by_label("Task", exact=True).select_option("pope")
    expect(status).to_have_text("2 of 6 models shown, task pope.")
    visible = [h.inner_text() for h in page.locator("h2").all() if h.is_visible()]
    assert any("pope" in text for text in visible)
    assert not any("gqa" in text for text in visible)
    page.get_by_label("Filter models").fill("nobody")
    expect(status).to_have_text("0 of 6 models shown, task pope.")


def test_rows_that_have_nothing_of_a_task_are_not_shown_for_it(opened):
    page = opened()
    assert "other/weak" in names(page)
    page.get_by_label("Task", exact=True).select_option("pope")
    expect(page.get_by_role("status")).to_have_text("3 of 6 models shown, task pope.")
    assert "other/weak" not in names(page)
    assert set(names(page)) > {"lab/good", "lab/middle"}
    assert not names(page, 1) + names(page, 2)
    page.get_by_label("Task", exact=True).select_option("")
    expect(page.get_by_role("status")).to_have_text("All 6 models shown.")
    assert "other/weak" in names(page)


def test_this_repositorys_first_table_is_not_cut_and_no_chart_stands_alone(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto((Path(__file__).parents[2] / "reports" / "leaderboard.html").as_uri())
    first = page.locator("[data-section]").first
    assert first.evaluate("e => e.scrollWidth <= e.clientWidth")
    page.locator(".charts").first.evaluate(
        "e => { while (e.children.length < 4) e.append(e.lastElementChild.cloneNode(true)) }"
    )
    tops = page.locator(".charts").first.evaluate("e => [...e.children].map(c => c.offsetTop)")
    context.close()
    assert len(set(tops)) == 2
    assert tops[2] == tops[3]


def test_dark_and_light_by_the_system_and_by_the_switch(opened):
    def shade(page):
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3

    light, dark = opened(), opened(scheme="dark")
    assert shade(light) > 200
    assert shade(dark) < 50
    light.get_by_label("Colours").select_option("dark")
    dark.get_by_label("Colours").select_option("light")
    assert shade(light) < 50
    assert shade(dark) > 200
    light.get_by_label("Colours").select_option("system")
    assert shade(light) > 200


def test_a_small_screen_scrolls_in_tables_alone(opened):
    page = opened(width=390)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    for chart in page.locator(".charts svg").all():
        assert chart.bounding_box()["width"] <= 390


def test_the_keyboard_sees_where_it_is(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(8):
        page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        assert page.evaluate(f"{style}.outlineStyle") == "solid"
        assert float(page.evaluate(f"{style}.outlineWidth").removesuffix("px")) >= 2


def test_readers_of_the_screen_are_told(opened):
    page = opened()
    assert page.evaluate("document.documentElement.lang") == "en"
    for control in page.locator("input, select").all():
        assert control.evaluate("e => e.labels.length") == 1
    for head in page.locator("th").all():
        assert head.get_attribute("scope") in {"col", "row", "rowgroup"}
    for chart in page.locator("svg").all():
        assert chart.get_attribute("role") == "img"
        assert chart.locator("> title").text_content().strip()
        assert chart.locator("> desc").text_content().strip()
    identifiers = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(identifiers) == len(set(identifiers))
    assert page.locator("table caption").count() == page.locator("table").count()


def test_its_policy_lets_no_other_script_in(browser, page_file):
    text = page_file.read_text(encoding="utf-8")
    page_file.write_text(text.replace("</main>", "<script>document.title='in'</script></main>"))
    context = browser.new_context()
    page = context.new_page()
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.goto(page_file.as_uri())
    expect(page).to_have_title("Leaderboard")
    context.close()
