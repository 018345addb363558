"""What the tests of cards share: the repository, and records like the demo's."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root():
    """The repository."""
    return Path(__file__).parents[2]
