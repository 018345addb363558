"""What tests of the judge start from."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared():
    """The folder of reference files."""
    root = Path(__file__).resolve().parents[3] / "shared" / "reference"
    if not root.is_dir():
        pytest.skip("the reference files (../shared/reference) are not on this machine")
    return root
