"""Whether a text declines to answer; a rule of evalkit's own, for the audit only.

No official evaluator knows refusals: it reads a refusal like any other text. The rule finds the
openings with which assistants decline; an answer that merely says "no" or "unknown" is none.
"""

import re
from functools import lru_cache

_REFUSAL = re.compile(
    r"""^\W*(?:
        (?:i['\u2019]?m|i\s+am|we['\u2019]?re)\s+(?:so\s+|very\s+)?(?:sorry|afraid|unable|not\s+able)\b
      | (?:sorry|apologies|unfortunately)\b\s*,?\s*(?:but\s+)?(?:i|we|as)\b
      | i\s+apologi[sz]e\b
      | i\s+(?:can(?:no|['\u2019]?)t|can\s+not|won['\u2019]?t|will\s+not|do\s+not|don['\u2019]?t)\s+
            (?:help|assist|answer|provide|identify|comply|determine|see\s+(?:any|an|the)\s+image)\b
      | as\s+an?\s+(?:ai|artificial|language|large)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


@lru_cache(maxsize=1 << 14)
def is_refusal(text: str) -> bool:
    """Whether the text opens by declining to answer, in English."""
    return _REFUSAL.match(text) is not None
