"""The layers that import-linter holds are those that ARCHITECTURE.md shows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def levels(text):
    """Sets of siblings, top first, of `a > b | (c)`."""
    return [set(re.findall(r"\w+", level)) for level in text.split(" > ")]


def test_the_page_and_the_contract_have_the_same_layers():
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```\n(__main__ > .*?)^```$", page, re.MULTILINE | re.DOTALL)
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (c for c in config["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    assert levels(" ".join(shown.split())) == levels(" > ".join(contract["layers"]))
