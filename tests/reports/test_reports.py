"""The pages in reports/ are what the records in results/ give, byte for byte."""

import subprocess
import sys
from pathlib import Path

DRIFT = Path(__file__).with_name("drift.py")


def test_no_page_is_stale():
    done = subprocess.run(
        [sys.executable, DRIFT], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
