"""The cards that are to be made again, and the records of their numbers."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from evalkit.store import load_run

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "results" / "published"


def _lines(path):
    """A card's lines; in the files each ends in " |", and empty ones are "|"."""
    text = path.read_text(encoding="utf-8")
    return [line[:-1].rstrip() if line.endswith("|") else line for line in text.splitlines()]


@pytest.fixture(scope="session")
def seeds():
    """(number) -> the lines of a card as it was published."""
    folder = ROOT.parent / "shared" / "seeds"
    if not folder.is_dir():
        pytest.skip("the published cards (../shared/seeds) are not on this machine")

    def lines(number):
        (path,) = folder.glob(f"{number}_*.txt")
        return _lines(path)

    lines.folder = folder
    return lines


@pytest.fixture(scope="session")
def published():
    """(card) -> the records of its models, in order of their names."""

    def records(card):
        return [load_run(path) for path in sorted((PUBLISHED / card).glob("*/run.json"))]

    return records


@pytest.fixture(scope="session")
def maker():
    """The script that makes the records."""
    path = ROOT / "tests" / "reports" / "published.py"
    spec = importlib.util.spec_from_file_location("published_records", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and msgspec look it up
    spec.loader.exec_module(module)
    return module
