"""How long a leaderboard takes: 60 models x 9 columns of made-up scores, or as many as are said.

python tests/benchmarks/leaderboard.py [--models 60] [--tasks 9] [--clusters 500] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace

import numpy as np

from evalkit.board.counting import Counted
from evalkit.board.ranks import Rival, ranked
from evalkit.metrics import accuracy
from evalkit.records import MetricValue


def rivals(models: int, clusters: int, seed: int) -> list[Rival]:
    """Models that are right on 50 to 80 % of four questions about each picture."""
    generator = np.random.default_rng(seed)
    hard = generator.normal(0, 0.1, clusters)
    found = []
    for share in np.linspace(0.5, 0.8, models):
        right = generator.binomial(4, np.clip(share + hard, 0, 1)).astype(float)
        rows = np.column_stack([right, np.full(clusters, 4.0)])
        value = right.sum() / (4 * clusters)
        counted = Counted(
            metric=accuracy(),
            samples="same",
            sums=rows.sum(axis=0),
            by_cluster=rows,
            scale=rows.sum(axis=0),
            strata=np.zeros(clusters, dtype=np.intp),
            leverages=np.full(clusters, 1 / clusters),
        )
        number = MetricValue(
            value=value, low=None, high=None, method="", n=4 * clusters, clusters=clusters,
            maximum=1.0,
        )  # fmt: skip
        found.append(Rival(value=number, counted=counted))
    return found


def main() -> None:
    """Measure; see the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=60)
    parser.add_argument("--tasks", type=int, default=9)
    parser.add_argument("--clusters", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    columns = [rivals(given.models, given.clusters, seed) for seed in range(given.tasks)]
    start = time.perf_counter()
    paired = [ranked(column) for column in columns]
    seconds = time.perf_counter() - start
    alone = [[replace(one, counted=None) for one in column] for column in columns]
    start = time.perf_counter()
    for column in alone:
        ranked(column)
    without = time.perf_counter() - start
    widths = [high - low + 1 for one in paired for low, high in one.ranges]
    told = {
        "models": given.models,
        "columns": given.tasks,
        "clusters": given.clusters,
        "seconds, paired": round(seconds, 2),
        "seconds, intervals": round(without, 3),
        "ranks in a range, mean": round(sum(widths) / len(widths), 1),
    }
    print(json.dumps(told) if given.json else "\n".join(f"{k}: {v}" for k, v in told.items()))


if __name__ == "__main__":
    main()
