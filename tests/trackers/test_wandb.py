"""What wandb writes offline is read back by its own reader of its files."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from evalkit.errors import UsageError
from evalkit.trackers.wandb import Wandb

pytest.importorskip("wandb", reason="the extra `trackers` is not installed")
pytestmark = [
    pytest.mark.slow,  # wandb starts a process for each run
    pytest.mark.filterwarnings("ignore"),  # wandb's own
]
