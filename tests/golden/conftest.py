"""Where the official prediction files and numbers lie: beside the checkout, never inside it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Reference:
    """The folder of reference files; each has a README with source and licence."""

    def __init__(self, root: Path):
        self.root = root

    def text(self, name: str) -> str:
        path = self.root / name
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode()
        return path.read_text(encoding="utf-8")

    def json(self, name: str):
        return json.loads(self.text(name))

    def lines(self, name: str) -> list:
        return [json.loads(line) for line in self.text(name).split("\n") if line]


@pytest.fixture(scope="session")
def reference() -> Reference:
    root = ROOT.parent / "shared" / "reference"
    if not root.is_dir():
        pytest.skip("the reference files (../shared/reference) are not on this machine")
    return Reference(root)
