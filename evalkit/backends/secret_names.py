"""What a secret is called: in a model's options, which are recorded, and in the environment."""

from __future__ import annotations

import re

_OPTION = re.compile(
    r"(^|[_-])(api_?key|key|token|jwt|bearer|secret|password|passwd|passphrase|auth|authori[sz]ation"
    r"|credentials?|cookies?|headers?)$",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY$|^KEY$", re.IGNORECASE)


def is_secret_option(name: str) -> bool:
    """Whether a model's option would hold a secret; "max_new_tokens" and "api_key_env" would not.

    It errs on the side of refusing: "pad_token" is taken for a secret, too.
    """
    return bool(_OPTION.search(name))


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable may hold a secret, whose value is never to be shown."""
    return bool(_VARIABLE.search(name))
