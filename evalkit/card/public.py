"""What of a record may be published: no path of the user's machine, no key, no address' password.

A record may hold where a model's folder or a file of answers lay. A card goes to strangers.
"""

from __future__ import annotations

import re
from dataclasses import replace

from evalkit.backends.secret_names import is_secret_option
from evalkit.report.markdown import safe
from evalkit.run_record import RunConfig

HERE = "path/to/"
"""What stands in a command for the folders above a local file."""

_END = r"\s/\\'\"`,;:()<>|@"  # what ends a part of a path
_LOCAL = re.compile(
    rf"(?:file:/{{2,}}|(?<![\w/.<])(?:~(?=/)|(?=/(?!/)))/?|\b[A-Za-z]:\\)"
    rf"(?:[^{_END}]*[/\\])*(?P<last>[^{_END}]*)"
)
_PERSON = re.compile(r"(?<=//)[^/@\s]+@")
_QUERY = re.compile(r"(https?://[^\s?#,]+)[?#][^\s,]*")
_KEY = re.compile(r"\b(?:sk-[\w-]{20,}|(?:hf|gh[opsu])_\w{20,})")
_OPTION = re.compile(r"(?<=,)([\w-]+)=([^,\s]*)")


def public(text: str, folders: str = "") -> str:
    """The text without what is nobody's business: of a local path its last part stays.

    Args:
        text: Any text of a record.
        folders: What stands for the folders that are left out.
    """
    text = _KEY.sub("[key]", _QUERY.sub(r"\1", _PERSON.sub("", text)))
    return _LOCAL.sub(lambda found: _shortened(found, folders), text)


def _shortened(found: re.Match[str], folders: str) -> str:
    whole, last = found.group(), found["last"]
    if len(whole) < 2:  # noqa: PLR2004 - a slash alone is no path
        return whole
    return folders + last if last else folders.rstrip("/") or "[path]"


def published(text: str) -> str:
    """Any text of a record as Markdown that can only be its public part."""
    return safe(public(text))


def public_spec(spec: str) -> str:
    """A model's spec without local folders, and without what an option's name says is secret."""
    found = _OPTION.sub(
        lambda pair: f"{pair[1]}=[key]" if is_secret_option(pair[1]) else pair[0], spec
    )
    return public(found, HERE)


def public_config(config: RunConfig) -> RunConfig:
    """What a run was told, with `HERE` for local folders and no address of a cluster."""
    return replace(
        config,
        model=public_spec(config.model),
        data=None if config.data is None else public(config.data, HERE),
        task_paths=tuple(public(path, HERE) for path in config.task_paths),
        ray_address=None if config.ray_address is None else "auto",
    )
