"""The pages in reports/ are what the records in results/ give, and the picture is of the page."""

import runpy
import subprocess
import sys
from pathlib import Path

DRIFT, PICTURE = (Path(__file__).with_name(name) for name in ("drift.py", "photo.py"))


def test_no_page_is_stale():
    done = subprocess.run(
        [sys.executable, DRIFT], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_picture_is_of_the_page(tmp_path):
    script = runpy.run_path(str(PICTURE))
    told = "The picture is of another page; take it anew: python tests/reports/picture.py"
    assert script["digest_in"]() == script["digest"](), told
    other = tmp_path / "leaderboard.html"
    other.write_bytes(script["PAGE"].read_bytes() + b" ")
    assert script["digest_in"]() != script["digest"](other)
