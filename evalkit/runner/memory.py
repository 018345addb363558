"""How much memory this process and its accelerators took at their peak."""

from __future__ import annotations

import resource
import sys


def memory_peak() -> float:
    """Peak memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def accelerator_peak() -> float:
    """Peak memory that torch took on the fullest accelerator, in MiB; 0 where there is none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0.0
    devices = range(torch.cuda.device_count())
    return float(max(torch.cuda.max_memory_allocated(i) for i in devices)) / 2**20
