"""The tables of two published cards, made again by `evalkit card`, equal the cards' own.

Lines are compared without padding. What differs on purpose: the columns of PaliGemma 2's HTML table
are declared before its first row (`COLUMNS`), since inside of it, where the card has them, they are
no valid HTML. Slips of the card are in the records as they are printed, and so in the tables.
"""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.card.layout import load_layout
from evalkit.card.tables import card_tables

PUBLISHED = Path(__file__).parents[2] / "results" / "published"
COLUMNS = ("<col>", *['<colgroup span="3"></colgroup>'] * 3)
IRREGULAR = {
    # decimals that the card leaves out where they would be 0, or writes too many of
    *("68.7", "11.1", "75.9", "97.6", "15%", "73.8."),
}


TEMPLATES = {"llava-gemma": "ablation", "paligemma2": "grid"}


@pytest.fixture(scope="module")
def written(evalkit, tmp_path_factory):
    """(card) -> the lines of the file that `evalkit card` writes of its records and layout."""
    texts = {}

    def lines(card):
        if card not in texts:
            folder = tmp_path_factory.mktemp(card)
            shutil.copytree(PUBLISHED / card, folder / "runs")
            runs = sorted(
                path.parent.relative_to(folder) for path in folder.glob("runs/*/run.json")
            )
            words = ("--template", TEMPLATES[card], "--layout", "runs/card.toml", "--out", "made")
            done = evalkit("card", *runs, *words, cwd=folder)
            assert done.code == 0, done.err
            text = (folder / "made" / "README.md").read_text(encoding="utf-8")
            assert evalkit("verify", "made/README.md", cwd=folder).code == 0
            texts[card] = text.splitlines()
        return texts[card]

    return lines


def tables_of(card, records, **options):
    """A card's tables by name, with the cells behind them."""
    layout = load_layout(PUBLISHED / card / "card.toml")
    return {table.name: table for table in card_tables(layout, records(card), **options)}


def cells(line):
    """A line's cells; of the line below the header how each column is set."""
    found = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
    return [re.sub(r"-+", "-", c) if re.fullmatch(r":?-{2,}:?", c) else c for c in found]


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


def pipes(lines):
    """The cells of all lines of tables in Markdown."""
    return [cells(line) for line in lines if line.startswith("|") and len(line) > 1]


def test_llava_gemmas_table_is_the_cards(written, seeds):
    own = [f"{line}|" for line in seeds("000") if line.startswith("|") and len(line) > 1]
    assert len(own) == 8
    assert pipes(written("llava-gemma")) == pipes(own)


def test_llava_gemmas_numbers_are_the_cards_when_they_are_written_from_values(published):
    tables = tables_of("llava-gemma", published, published="value")
    printed = tables_of("llava-gemma", published)
    check_written(tables["ablations"], printed["ablations"])


# PaliGemma 2


def test_paligemma_2s_main_table_is_the_cards(written, seeds):
    title = "#### PaliGemma 2 results by model resolution and size"
    own, made = (below(lines, title) for lines in (seeds("002"), written("paligemma2")))
    assert len(own) == 50
    assert pipes(made) == pipes(own)


SMALL = (
    "**[ICDAR 2015 Incidental][icdar2015-inc]**",
    "**[Total-Text][total-text]**",
    "**[FinTabNet][fintabnet]**",
    "**[PubTabNet][pubtabnet]**",
    "**[GrandStaff][grandstaff]**",
    "**[PubChem][pubchem]**",
    "**[DOCCI][docci]**",
    "**[MIMIC-CXR][mimic-cxr]**",
    "**[Visual Spatial Reasoning][vsr]**",
)


@pytest.mark.parametrize("title", SMALL)
def test_a_small_table_of_paligemma_2_is_the_cards(title, written, seeds):
    own, made = (below(lines, title) for lines in (seeds("002"), written("paligemma2")))
    assert own
    assert pipes(made) == pipes(own)
    texts = [[line for line in found if not line.startswith("|")] for found in (own, made)]
    assert texts[0] == texts[1]  # lists of one value, and notes


def test_the_small_tables_stand_in_the_cards_order(written, seeds):
    found = [
        [line for line in lines if re.fullmatch(r"\*\*\[.*\]\[.*\]\*\*", line)]
        for lines in (seeds("002"), written("paligemma2"))
    ]
    assert found[0] == found[1] == list(SMALL)


def html_of(lines):
    """The lines of the table in HTML, without blanks around them."""
    lines = [line.strip() for line in lines if line.strip()]
    return lines[lines.index("<table>") : lines.index("</table>") + 1]


def test_paligemma_2s_table_of_safety_is_the_cards(written, seeds):
    own, found = (html_of(lines) for lines in (seeds("002"), written("paligemma2")))
    assert found[: 1 + len(COLUMNS)] == ["<table>", *COLUMNS]
    assert own[: 2 + len(COLUMNS)] == ["<table>", "<tr>", *COLUMNS]
    assert found[1 + len(COLUMNS) :] == ["<tr>", *own[2 + len(COLUMNS) :]]
    assert len(own) == 152


def test_paligemma_2s_links_are_the_cards(written, seeds):
    own, made = (
        [line for line in lines if re.match(r"\[[^ ]+\]: ", line)]
        for lines in (seeds("002"), written("paligemma2"))
    )
    assert made == own
    assert len(own) == 37 + 9


def test_paligemma_2s_numbers_are_the_cards_when_they_are_written_from_values(published):
    tables = tables_of("paligemma2", published, published="value")
    printed = tables_of("paligemma2", published)
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


def test_every_row_of_the_table_of_safety_fills_all_columns(written):
    parser = Rows()
    parser.feed("\n".join(html_of(written("paligemma2"))))
    assert parser.open == []
    assert parser.widths == [10] * 14


def test_the_table_of_safety_is_valid_html(written):
    html5lib = pytest.importorskip("html5lib")
    text = "\n".join(html_of(written("paligemma2")))
    html5lib.HTMLParser(strict=True).parse(f"<!DOCTYPE html><title>card</title>{text}")


def test_the_published_table_of_safety_is_not(seeds):
    html5lib = pytest.importorskip("html5lib")
    own = "\n".join(seeds("002"))
    own = own[own.index("<table>") : own.index("</table>") + len("</table>")]
    with pytest.raises(html5lib.html5parser.ParseError):
        html5lib.HTMLParser(strict=True).parse(f"<!DOCTYPE html><title>card</title>{own}")


# What stands around the tables


@pytest.mark.parametrize("card", TEMPLATES)
def test_the_added_words_stand_below_the_tables_and_say_where_the_numbers_are_from(
    card, written, published
):
    lines = written(card)
    text = "\n".join(lines)
    added = text.index("- Published numbers are copied from ")
    assert all(str(table.text) in text[:added] for table in tables_of(card, published).values())
    assert text.count("not measured here") == 1
    assert text.count("As printed: ") == (6 if card == "paligemma2" else 0)
    assert "rounded half to even" in text[added:]
    section = text.index("### Where the published numbers are from")
    assert text.count("SHA-256", section) == len(published(card))
    assert "In bold" not in text
    assert "¶" not in text
    assert "\n\n\n" not in text
