"""lmms-eval's tasks on evalkit's runner: `evalkit run lmms/NAME`.

The task's rows, words and rules stay with lmms-eval, in a process of its own
(`evalkit.lmms_tasks.program`); the model is asked by evalkit. Numbers carry the protocol
"lmms-eval". Means are metrics like any other, with intervals by clusters of equal pictures; what
lmms-eval computes in another way stands beside them without an interval.

Rows come from where the task takes them, or with `--data DIR` from DIR/lmms/NAME: a saved
`DatasetDict`, or SPLIT.parquet (SPLIT-*.parquet). Prompt variants are lmms-eval's settings by model
("qwen_vl"); "default" is the one for all.

Not there: tasks that ask several rounds, compare likelihoods, draw several answers or show solved
examples first, video and audio; groups (their members are named instead); tasks whose code asks a
judge, since lmms-eval turns a judge's failure into a score (EVALKIT_LMMS_JUDGE=allow runs them all
the same).
"""

from evalkit.lmms_tasks.tasks import PREFIX, load, names

__all__ = ["PREFIX", "load", "names"]
