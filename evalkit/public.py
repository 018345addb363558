"""What of a text others may see: no secret, no password of an address, no place on this machine.

Cards and trackers go to strangers, and another's error may quote anything. Keys are known by their
shapes (OpenAI, Anthropic, Hugging Face, GitHub, Google, AWS, Groq, NVIDIA, web tokens of RFC 7519),
or by the name before them. Of a local path its last part stays.
"""

from __future__ import annotations

import re

HIDDEN = "[key]"
"""What stands for a secret."""

# What is secret by its name

_NAMES = (
    r"(?:api_?key|key|token|jwt|bearer|secret|password|passwd|passphrase|auth|authori[sz]ation"
    r"|credentials?|cookies?|headers?)"
)
_OPTION = re.compile(rf"(?:^|[_-]){_NAMES}$", re.IGNORECASE)
_VARIABLE = re.compile(r"TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY$|^KEY$", re.IGNORECASE)


def is_secret_option(name: str) -> bool:
    """Whether a model's option would hold a secret; "max_new_tokens" and "api_key_env" would not.

    It errs on the side of refusing: "pad_token" is taken for a secret, too.
    """
    return bool(_OPTION.search(name))


def is_secret_variable(name: str) -> bool:
    """Whether an environment variable may hold a secret, whose value is never to be shown."""
    return bool(_VARIABLE.search(name))


# Secrets in a text

_NAME = rf"(?<![\w-])(?:[\w-]*[_-])?{_NAMES}"
_QUOTED = r"(?:\"[^\"]*\"|'[^']*')"
_VALUE = r"[^\s\"',;{}]+"
_NAMED = re.compile(
    rf"(?i)((?<=,){_NAME}=)[^,]*"  # an option of a spec
    rf"|({_NAME}=)(?:{_QUOTED}|[^,\s]{{8,}})"
    r"|((?-i:\b[A-Z][A-Z0-9_]*_(?:KEY|TOKEN|SECRET|PASSWORD)=))[^\s,;\"'`{}|()]+"  # a variable
    rf"|([\"']{_NAME}[\"']\s*[:=]\s*){_QUOTED}"
    rf"|({_NAME}(?:\s*:\s*|\s+))[0-9a-f]{{32,}}\b"
    rf"|(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token)\s+)?){_VALUE}"
    rf"|(\b(?-i:Bearer)\s+){_VALUE}"
    rf"|(\bbearer\s+)(?=[^\s\"',;{{}}]*\d|[^\s\"',;{{}}]{{16}}){_VALUE}"
)
_SHAPES = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?:(?:proj|ant|svcacct|admin|or)-[\w*.-]*[\w*]"
    r"|(?=[\w*.-]*[\d*])[\w*.-]{4,}[\w*]|[\w-]{16,})"  # servers quote a key with stars in it
    r"|(?:hf|api_org|gh[opsur]|gsk)_[A-Za-z0-9]{12,}|github_pat_\w{12,}|nvapi-[\w-]{12,}"
    r"|AIza[\w-]{30,}|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|eyJ[\w-]{5,}\.eyJ[\w-]{5,}(?:\.[\w-]*)?)"
)
_PERSON = re.compile(r"(?<=//)[^/\s]*@")
_QUERY = re.compile(r"(\w://[^\s?#,]*)(?:[?#][^\s,]*)?")


def without_secrets(text: str) -> str:
    """The text without keys, and without names, passwords and queries of addresses."""
    text = _NAMED.sub(lambda found: found[found.lastindex or 0] + HIDDEN, text)
    text = _SHAPES.sub(HIDDEN, text)
    return _QUERY.sub(r"\1", _PERSON.sub("", text))


# Places

_PART = r"[^\s/\\,\"'`<>|()]"  # characters of a folder's name
_END = r"\s/\\'\"`,;:()<>|@"  # what ends the last part of a path in a sentence
_START = r"(?:file:/{2,}|(?<![\w/.<])(?:~[\w.-]*(?=/)|(?=/(?!/)))/?|(?<![\w/.<:])//+(?=\w)"
_START += r"|\b[A-Za-z]:\\|(?<![\w\\])\\\\(?=[\w.$-]+\\)"
_START += r"|(?<![\w/.\\])(?:\.\.[/\\])+(?=(?:home|Users|root)[/\\]))"
_FOLDER = rf"(?:(?!{_PART}*\.\w{{1,8}} ){_PART}+(?:(?<![:;.]) {_PART}+)*)?[/\\]+"
_ADDRESS = r"\w://[^\s,;\"'`<>|()]*"
_LOCAL = re.compile(rf"{_START}(?:{_FOLDER})*(?P<last>[^{_END}]*)|{_ADDRESS}")
_WHOLE = re.compile(r"(?:file:/|~[^/]*/|/|\.\.[\\/]|\\\\|[A-Za-z]:[\\/])(?s:.*)")


def public(text: str, folders: str = "") -> str:
    """The text without secrets, and without folders of this machine.

    Args:
        text: Any text of a record.
        folders: What stands for the folders that are left out.
    """
    return _LOCAL.sub(lambda found: _shortened(found, folders), without_secrets(text))


def _shortened(found: re.Match[str], folders: str) -> str:
    whole, last = found.group(), found["last"]
    if last is None or whole == "/":  # an address, or no path
        return whole
    return folders + last if last else folders.rstrip("/") or "[path]"


def public_spec(spec: str, folders: str = "") -> str:
    """A model's spec in its own form; paths in it may hold whatever a folder is called.

    Args:
        spec: `BACKEND:NAME,option=value,...`.
        folders: As for `public`.
    """
    if re.match(r"https?://", spec):
        return public(spec, folders)
    first, *options = _NAMED.sub(lambda found: found[found.lastindex or 0] + HIDDEN, spec).split(
        ","
    )
    parts = (first, "", "") if re.match(r"[A-Za-z]:\\", first) else first.partition(":")
    pairs = [parts, *(option.partition("=") for option in options)]
    return ",".join(
        before + sign + public_place(value, folders) if sign else public_place(before, folders)
        for before, sign, value in pairs
    )


def public_place(text: str, folders: str = "") -> str:
    """What is a path as a whole, whatever its folders are called, or else any text.

    Args:
        text: The folder of a model or of data, a file, or another value.
        folders: As for `public`.
    """
    if _WHOLE.fullmatch(text) is None:
        return public(text, folders)
    last = re.split(r"[/\\]", without_secrets(text))[-1]
    return folders + last if last.strip(".") else folders.rstrip("/") or "[path]"
