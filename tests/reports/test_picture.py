"""README's picture of the demo is what its record gives, and shows without a network."""

import re
import subprocess
import sys
from pathlib import Path

from lxml import etree

PICTURE = Path(__file__).with_name("picture.py")
DRAWN = Path(__file__).parents[2] / "reports" / "demo.svg"


def words(tree):
    """All that is written in the picture, in order, with ordinary blanks."""
    return " ".join("".join(tree.itertext()).replace("\xa0", " ").split())


def test_the_picture_is_not_stale():
    done = subprocess.run(
        [sys.executable, PICTURE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_picture_says_what_show_says(evalkit):
    """All but the first line and the last: `run` names the model as it was asked for."""
    shown = evalkit("show", DRAWN.parents[1] / "results" / "demo" / "baseline").out
    table = " ".join(shown.partition("\n")[2].split())
    assert table in words(etree.fromstring(DRAWN.read_bytes()))


def test_the_picture_fetches_nothing():
    text = DRAWN.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"' )]+", text)) == {"http://www.w3.org/2000/svg"}
    assert all(place.startswith("#") for place in re.findall(r"url\((.+?)\)", text))
    assert not re.search(r"<script|<image|<use|@import|@font-face|href", text)
