"""Scores -> numbers: each metric is a sum of rows and a function of that sum.

`mean` and `accuracy` make the common ones; a benchmark's own metric stands in a module of its
own. From the one shape of `evalkit.task.Metric` follow exact merging, intervals and paired
differences, with no code here.
"""

from evalkit.metrics.basic import accuracy, group_accuracy, mean
from evalkit.metrics.binary import (
    guarded_precision_recall_f1,
    macro_f1,
    precision_recall_f1,
    yes_ratio,
)
from evalkit.metrics.exact import exact_match
from evalkit.metrics.judged import (
    grade_outcome,
    grades,
    official_relative,
    pair_outcome,
    printed_figures,
    relative_scores,
    run_totals,
)
from evalkit.metrics.mme import mme_mean_total, mme_score, mme_total

__all__ = [
    "accuracy",
    "exact_match",
    "grade_outcome",
    "grades",
    "group_accuracy",
    "guarded_precision_recall_f1",
    "macro_f1",
    "mean",
    "mme_mean_total",
    "mme_score",
    "mme_total",
    "official_relative",
    "pair_outcome",
    "precision_recall_f1",
    "printed_figures",
    "relative_scores",
    "run_totals",
    "yes_ratio",
]
