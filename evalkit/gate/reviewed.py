"""Which of a candidate's own task files a gate runs: those that its baseline was made by.

Who may change a candidate's record must not choose the code that judges it. A baseline is reviewed
before it is accepted, and its record has the digest of each own task file (`scorer.source`).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from evalkit import registry
from evalkit.compare.sides import Scored


def reviewed(candidate: Scored, baseline: Scored) -> Scored:
    """The candidate without task files that its record names and the baseline's does not know.

    Args:
        candidate: With the task files of its record; those that the user names are not for this.
        baseline: The reviewed side.

    Raises:
        UsageError: A path that the candidate's record names does not exist.
    """
    known = {result.fingerprint.scorer.source for result in baseline.record.results}
    own = candidate.tasks
    files = [file.path for file in registry.path_files(own.paths)]
    taken = [f for f in files if hashlib.sha256(f.read_bytes()).hexdigest() in known]
    strange = [str(file) for file in files if file not in taken]
    if not strange:
        return candidate
    why = "not those of the baseline's record" + (f", or {own.why}" if own.strange else "")
    tasks = replace(own, paths=tuple(map(str, taken)), strange=(*strange, *own.strange), why=why)
    return replace(candidate, tasks=tasks)
