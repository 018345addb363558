"""Datasets as samples: from the hub, from a folder, from the demo set; pictures are read late.

`load` finds the files of a task's split (`hub`, `folder`), opens them as tables (`tables`), and
makes a sample of each row (`loading`). `select` and `identify` (`subset`) say which samples are
evaluated.
"""

from evalkit.data.loading import DataSource, LoadedDataset, load, preflight
from evalkit.data.subset import identify, in_random_order, select

__all__ = [
    "DataSource",
    "LoadedDataset",
    "identify",
    "in_random_order",
    "load",
    "preflight",
    "select",
]
