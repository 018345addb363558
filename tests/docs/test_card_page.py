"""The page of cards names every key that files may set, and all that a template is given."""

import re
from pathlib import Path

import pytest

from evalkit.board.ranks import undistinguished
from evalkit.card import layout, meta
from evalkit.card.entries import Entry
from evalkit.card.filters import FILTERS, filters_of
from evalkit.card.render import Sheet, context_of
from evalkit.card.sandbox import LAYOUT, WORK, Sandbox
from evalkit.store import load_run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "evalkit" / "card" / "README.md").read_text(encoding="utf-8")
TOML = "\n".join(re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
NAMED = set(
    re.findall(r"`(\w+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL))
)


def in_toml(key):
    return re.search(rf"(^|[{{,] )\[*{key}( = |\]|\.)", TOML, re.MULTILINE)


def layout_keys():
    lines = {key for roles in layout._LINES.values() for keys in roles.values() for key in keys}
    roles = {role for roles in layout._LINES.values() for role in roles}
    return lines | roles | {*layout._TOP, *layout._TABLE, "subcorner", "row_heads"}


@pytest.mark.parametrize("key", sorted({*meta.ONE, *meta.MANY, *meta._OTHERS, *meta._BENCHMARK}))
def test_every_key_of_the_front_matter_is_named(key):
    assert in_toml(key)


@pytest.mark.parametrize("key", sorted(layout_keys()))
def test_every_key_of_a_layout_is_named(key):
    assert in_toml(key)


def test_every_kind_and_way_to_set_a_column_is_named():
    for word in layout.KINDS:
        assert f'kind = "{word}"' in TOML
    assert all(word in TOML for word in layout.ALIGNS)


def test_all_that_a_template_is_given_is_named():
    record = load_run(ROOT / "results" / "demo" / "baseline")
    sheet = Sheet(entries=(Entry(record=record, label="x"),), template="", partial=True)
    given = context_of(sheet, undistinguished)
    assert {*given, *given["runs"][0], *given["runs"][0]["prompts"][0]} <= NAMED
    assert NAMED >= LAYOUT
    sandbox = Sandbox()
    assert {*sandbox.globals} <= NAMED
    assert {*filters_of(sandbox)} <= NAMED
    assert {*FILTERS} <= {*filters_of(sandbox)}
    assert WORK == 3_000_000
