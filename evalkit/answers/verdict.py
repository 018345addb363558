"""The reply of a judge that was asked for yes or no, as MMVP's official script counts it."""

from evalkit.records import Reading

_REPLIES = frozenset({"yes", "no"})


def mmvp_verdict(reply: str) -> Reading:
    """The verdict "yes" or "no": the whole reply, in any case, without anything around it.

    "Yes." and " yes" count as no verdict, and so does "yes" with a newline: the official pattern
    accepts it, and the comparison that follows does not.

    Source: tsb0601/MMVP `scripts/gpt_grader.py` at 7635005.
    """
    lowered = reply.lower()
    if lowered in _REPLIES:
        return Reading(lowered, "exact reply")
    empty = not reply.strip()
    return Reading(None, "empty" if empty else "no exact reply", ambiguous=not empty)
