"""The tables of two published cards, made again from records and layouts, equal the cards' own.

Lines are compared without padding. What differs on purpose: the columns of PaliGemma 2's HTML table
are declared before its first row (`COLUMNS`), since inside of it, where the card has them, they are
no valid HTML. Slips of the card are in the records as they are printed, and so in the tables.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.card.layout import load_layout
from evalkit.card.section import section, section_context
from evalkit.card.tables import card_tables, definitions

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
COLUMNS = ("<col>", *['<colgroup span="3"></colgroup>'] * 3)
IRREGULAR = {
    # decimals that the card leaves out where they would be 0, or writes too many of
    *("68.7", "11.1", "75.9", "97.6", "15%", "73.8."),
}


def made(card, records, **options):
    layout = load_layout(PUBLISHED / card / "card.toml")
    tables = card_tables(layout, records(card), **options)
    return {table.name: table for table in tables}, definitions(layout, tables)


def cells(line):
    """A line's cells; of the line below the header how each column is set."""
    found = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    return [re.sub(r"-+", "-", c) if re.fullmatch(r":?-{2,}:?", c) else c for c in found]


def rows(text):
    return [cells(line) for line in str(text).splitlines()]


def below(lines, title):
    """The table or the list below a title, without empty lines."""
    found = [line for line in lines[lines.index(title) + 1 :] if line.strip()]
    end = next(
        i
        for i, line in enumerate(found)
        if not line.startswith(("|", "*", "-")) or (i and line.startswith("**"))
    )
    return found[:end]


# LLaVA-Gemma


def test_llava_gemmas_table_is_the_cards(published, seeds):
    tables, links = made("llava-gemma", published)
    own = [line for line in seeds("000") if line.startswith("|") and len(line) > 1]
    assert len(own) == 8
    assert rows(tables["ablations"].text) == [cells(f"{line}|") for line in own]
    assert links == ""


def test_llava_gemmas_numbers_are_the_cards_when_they_are_written_from_values(published):
    tables, _ = made("llava-gemma", published, published="value")
    printed, _ = made("llava-gemma", published)
    check_written(tables["ablations"], printed["ablations"])


# PaliGemma 2


def test_paligemma_2s_main_table_is_the_cards(published, seeds):
    tables, _ = made("paligemma2", published)
    own = below(seeds("002"), "#### PaliGemma 2 results by model resolution and size")
    assert len(own) == 50
    assert rows(tables["main"].text) == [cells(line) for line in own]
    assert tables["main"].section == "PaliGemma 2 results by model resolution and size"


SMALL = {
    "icdar2015_incidental": "**[ICDAR 2015 Incidental][icdar2015-inc]**",
    "total_text": "**[Total-Text][total-text]**",
    "fintabnet": "**[FinTabNet][fintabnet]**",
    "pubtabnet": "**[PubTabNet][pubtabnet]**",
    "grandstaff": "**[GrandStaff][grandstaff]**",
    "pubchem": "**[PubChem][pubchem]**",
    "docci": "**[DOCCI][docci]**",
    "mimic_cxr": "**[MIMIC-CXR][mimic-cxr]**",
    "vsr": "**[Visual Spatial Reasoning][vsr]**",
}


@pytest.mark.parametrize(("name", "title"), SMALL.items())
def test_a_small_table_of_paligemma_2_is_the_cards(name, title, published, seeds):
    tables, _ = made("paligemma2", published)
    table = tables[name]
    assert table.heading == title
    own = [line for line in below(seeds("002"), title) if not line.startswith("- ")]
    assert rows(table.text) == [cells(line) for line in own]
    notes = [line for line in below(seeds("002"), title) if line.startswith("- ")]
    assert [f"- {note}" for note in table.notes] == notes


def test_the_small_tables_stand_in_the_cards_order(published, seeds):
    tables, _ = made("paligemma2", published)
    own = [line for line in seeds("002") if re.fullmatch(r"\*\*\[.*\]\[.*\]\*\*", line)]
    assert [t.heading for t in tables.values() if t.kind == "small"] == own == [*SMALL.values()]


def test_paligemma_2s_table_of_safety_is_the_cards(published, seeds):
    tables, _ = made("paligemma2", published)
    lines = [line.strip() for line in seeds("002") if line.strip()]
    own = lines[lines.index("<table>") : lines.index("</table>") + 1]
    found = [line.strip() for line in tables["safety"].text.splitlines()]
    assert found[: 1 + len(COLUMNS)] == ["<table>", *COLUMNS]
    assert own[: 2 + len(COLUMNS)] == ["<table>", "<tr>", *COLUMNS]
    assert found[1 + len(COLUMNS) :] == ["<tr>", *own[2 + len(COLUMNS) :]]
    assert len(own) == 152


def test_paligemma_2s_links_are_the_cards(published, seeds):
    _, links = made("paligemma2", published)
    own = [line for line in seeds("002") if re.match(r"\[[^ ]+\]: ", line)]
    assert links.splitlines() == own
    assert len(own) == 37 + 9


def test_paligemma_2s_numbers_are_the_cards_when_they_are_written_from_values(published):
    tables, _ = made("paligemma2", published, published="value")
    printed, _ = made("paligemma2", published)
    for name, table in tables.items():
        check_written(table, printed[name])


def check_written(table, printed):
    """Each value that is written by the layout is what is printed, but where that is irregular."""
    pairs = [
        (cell.text, own.text)
        for row, beside in zip(table.grid.rows, printed.grid.rows, strict=True)
        for cell, own in zip(row.cells, beside.cells, strict=True)
    ]
    assert pairs
    odd = {own: text for text, own in pairs if text != own}
    assert odd.keys() <= IRREGULAR
    for own, text in odd.items():  # the same number all the same
        assert float(text.rstrip("%")) == float(own.rstrip("%."))


# HTML


class Rows(HTMLParser):
    """How many columns each row fills, and how often elements are opened and closed."""

    def __init__(self):
        super().__init__()
        self.widths, self.open = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.widths.append(0)
        if tag in ("td", "th"):
            self.widths[-1] += int(dict(attrs).get("colspan", 1))
        if tag != "col":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_row_of_the_table_of_safety_fills_all_columns(published):
    tables, _ = made("paligemma2", published)
    parser = Rows()
    parser.feed(tables["safety"].text)
    assert parser.open == []
    assert parser.widths == [10] * 14


def test_the_table_of_safety_is_valid_html(published):
    html5lib = pytest.importorskip("html5lib")
    tables, _ = made("paligemma2", published)
    page = "<!DOCTYPE html><title>card</title>{}"
    html5lib.HTMLParser(strict=True).parse(page.format(tables["safety"].text))


def test_the_published_table_of_safety_is_not(seeds):
    html5lib = pytest.importorskip("html5lib")
    own = "\n".join(seeds("002"))
    own = own[own.index("<table>") : own.index("</table>") + len("</table>")]
    with pytest.raises(html5lib.html5parser.ParseError):
        html5lib.HTMLParser(strict=True).parse(f"<!DOCTYPE html><title>card</title>{own}")


# Templates


@pytest.mark.parametrize(
    ("card", "template"), [("llava-gemma", "ablation"), ("paligemma2", "grid")]
)
def test_the_templates_hold_all_tables_and_say_where_the_numbers_are_from(
    card, template, published
):
    layout = load_layout(PUBLISHED / card / "card.toml")
    tables = card_tables(layout, published(card))
    context = section_context(layout, tables)
    text = section(template, context)
    places = [text.index(str(table.text)) for table in tables]
    assert places == sorted(places)
    assert text.count("not measured here") == 1
    assert text.count("As printed: ") == (6 if card == "paligemma2" else 0)
    assert text.endswith(f"{context['definitions']}\n" if context["definitions"] else "here.\n")
    assert "\n\n\n" not in text
    assert text == section(template, section_context(layout, card_tables(layout, published(card))))
