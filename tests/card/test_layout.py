"""A layout is read strictly: what cannot be meant is one sentence with file, table and key."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.card.layout import Style, load_layout, parse_layout
from evalkit.errors import UsageError

PUBLISHED = Path(__file__).parents[2] / "results" / "published"

GOOD = """
published = "printed"
marks = "mixed"
[references]
gqa = "https://example.org/gqa"
[models.mine]
size = "3B"
[[tables]]
name = "main"
kind = "pivot"
corner = "Benchmark"
scale = 100
decimals = 1
columns = [{ label = "3B", where = { size = "3B" }, align = "center" }]
rows = [
  { label = "GQA", reference = "gqa", qualifier = "val", task = "gqa", metric = "accuracy" },
  { label = "MME", task = "mme", metric = "perception", scale = 1 },
]
[[tables]]
name = "ablation"
kind = "models"
missing = ""
columns = [
  { label = "Size", factor = "size" },
  { label = "GQA", task = "gqa", metric = "accuracy" },
]
[[tables]]
name = "safety"
kind = "spans"
groups = [{ label = "Gender", task = "gender" }]
columns = [{ label = "3B", where = { size = "3B" } }]
sections = [{ label = "Maximum", metric = "max" }]
rows = [{ label = "Threat", metric = "threat" }]
"""


def refused(text, tmp_path):
    path = tmp_path / "card.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_layout(path)
    said = str(caught.value)
    assert str(path) in said
    assert "\n" not in said
    return said


def test_what_a_layout_says_is_what_is_read(tmp_path):
    path = tmp_path / "card.toml"
    path.write_text(GOOD, encoding="utf-8")
    layout = load_layout(path)
    main, ablation, safety = layout.tables
    assert (layout.published, layout.marks) == ("printed", "mixed")
    assert layout.models == {"mine": {"size": "3B"}}
    assert main.style == Style(scale=100, decimals=1)
    assert main.rows[1].style.over(main.style) == Style(scale=1, decimals=1)
    assert (main.rows[0].reference, main.rows[0].qualifier) == ("gqa", "val")
    assert main.columns[0].where == {"size": "3B"}
    assert (ablation.missing, ablation.rows) == ("", ())
    assert ablation.columns[0].factor == "size"
    assert safety.sections[0].metric == "max"


@pytest.mark.parametrize("card", ["llava-gemma", "paligemma2"])
def test_the_layouts_of_published_cards_name_numbers_that_their_records_have(card, published):
    layout = load_layout(PUBLISHED / card / "card.toml")
    named = {
        (line.task, line.metric)
        for table in layout.tables
        for line in (*table.rows, *table.columns)
        if line.task and line.metric
    }
    held = {(c.task, c.metric) for r in published(card) for c in r.publication.cells}
    assert named == {cell for cell in held if not cell[0].startswith("fairface")}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "pivot"', 'kind = "pivots"', "table 1, sets kind = 'pivots'; it must be"),
        ('kind = "pivot"', "", "table 1, has no 'kind'"),
        ('name = "main"', "", "table 1, has no 'name'"),
        ('name = "ablation"', 'name = "main"', "two tables of the name 'main'"),
        ('corner = "Benchmark"', 'korner = "Benchmark"', "sets 'korner', which is not known"),
        ('corner = "Benchmark"', "corner = 3", "sets corner = 3; it must be a text"),
        ("decimals = 1", "decimals = 1.5", "sets decimals = 1.5; it must be a whole number"),
        ("decimals = 1", "decimals = -1", "sets decimals = -1; it must be a whole number"),
        ("decimals = 1", "decimals = true", "sets decimals = true; it must be a whole number"),
        ("scale = 100", "scale = 0", "sets scale = 0; it must be a number above 0"),
        ("scale = 100", "scale = nan", "sets scale = nan; it must be a number above 0"),
        ('align = "center"', 'align = "middle"', "table 1, columns 1, sets align = 'middle'"),
        ('reference = "gqa"', 'reference = "gwa"', "table 1, rows 1, sets reference = 'gwa'"),
        ('metric = "perception", ', "", "table 1, rows 2, has no 'metric'"),
        ('task = "mme", ', "", "table 1, rows 2, has no 'task'"),
        ('where = { size = "3B" }, align', "align", "table 1, columns 1, has no 'where'"),
        ('where = { size = "3B" }, align', "where = {}, align", "columns 1, sets where = {}"),
        ('size = "3B" }, align', "size = 3 }, align", "columns 1, sets where = {'size': 3}"),
        ('factor = "size" }', 'factor = "size", task = "gqa" }', "in place of a task"),
        ('"https://example.org/gqa"', '"javascript:alert(1)"', 'sets gqa = "javascript:'),
        ('"https://example.org/gqa"', '"https://example.org/ x"', "without blanks"),
        ('gqa = "https', '"g]a" = "https', "by a key of letters"),
        ('size = "3B"\n[[', "size = 3\n[[", "models, sets mine = {'size': 3}"),
        ('marks = "mixed"', 'marks = "never"', "sets marks = 'never'; it must be"),
        ('published = "printed"', 'published = "yes"', "sets published = 'yes'"),
        ('groups = [{ label = "Gender", task = "gender" }]', "", "table 3, has no 'groups'"),
        ('label = "Threat", ', "", "table 3, rows 1, has no 'label'"),
        ('kind = "spans"', 'kind = "spans"\nrow_heads = 1', "sets row_heads = 1; it must be true"),
        ('kind = "spans"', 'kind = "spans"\nnotes = "x"', "must be a list of sentences"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_file_table_and_key(old, new, told, tmp_path):
    assert old in GOOD
    assert told in refused(GOOD.replace(old, new, 1), tmp_path)


@pytest.mark.parametrize("text", ["", "[references]\n", "tables = 3\n"])
def test_a_layout_without_tables_is_refused(text, tmp_path):
    assert "tables" in refused(text, tmp_path)


def test_what_is_no_toml_or_no_file_is_refused(tmp_path):
    assert "is not valid TOML" in refused("[[tables", tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_layout(tmp_path / "none.toml")


def paths_of(value, path=()):
    """Where something stands in a plain value."""
    yield path
    if isinstance(value, dict):
        for key, held in value.items():
            yield from paths_of(held, (*path, key))
    if isinstance(value, list):
        for place, held in enumerate(value):
            yield from paths_of(held, (*path, place))


@given(st.data())
def test_whatever_stands_anywhere_is_read_or_refused_in_a_sentence(data):
    raw = tomllib.loads(GOOD)
    *outer, last = data.draw(st.sampled_from([p for p in paths_of(raw) if p]))
    odd = st.sampled_from([None, 3, -1.5, True, "", "x", "a\nb", [], [3], {}, {"size": []}, [{}]])
    place = raw
    for key in outer:
        place = place[key]
    place[last] = data.draw(odd)
    said = "The layout"
    try:
        parse_layout(raw, "The layout")
    except UsageError as error:
        said = str(error)
    assert said.startswith("The layout")
