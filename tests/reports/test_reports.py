"""The pages in reports/ are what the records in results/ give, and the picture is of the page."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

DRIFT, PICTURE = (Path(__file__).with_name(name) for name in ("drift.py", "photo.py"))


def test_no_page_is_stale():
    done = subprocess.run(
        [sys.executable, DRIFT], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readmes_command_makes_the_committed_leaderboard(tmp_path):
    script = runpy.run_path(str(DRIFT))
    root = script["ROOT"]
    readme = (root / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"(?m)^evalkit (leaderboard .*--trained-on .*?) +#", readme)
    shutil.copytree(root / "results" / "published", tmp_path / "results" / "published")
    for path in (*script["RUNS"], *script["BASELINES"]):
        place = tmp_path / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", *shlex.split(line)],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = sorted((tmp_path / "boards").iterdir())
    assert len(made) == 4
    for page in made:
        assert page.read_bytes() == (root / "reports" / page.name).read_bytes(), page.name


def test_the_picture_is_of_the_page(tmp_path):
    script = runpy.run_path(str(PICTURE))
    told = "The picture is of another page; take it anew: python tests/reports/photo.py"
    assert script["digest_in"]() == script["digest"](), told
    other = tmp_path / "leaderboard.html"
    other.write_bytes(script["PAGE"].read_bytes() + b" ")
    assert script["digest_in"]() != script["digest"](other)
