"""Every verb and option that a page names is one of evalkit's.

Looked at are commands in blocks and between backticks, and options that stand between backticks
alone; those of other programs are listed here.
"""

import re
import shlex
from pathlib import Path

import click
import pytest

from evalkit.cli import group

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
        *ROOT.glob("evalkit/**/*.md"),
        *ROOT.glob("tasks/*.md"),
        *ROOT.glob("results/**/README.md"),
    )
)
FOREIGN = {"--lmms-python", "--protocols"}
"""Options of scripts in tests/."""

BLOCK = re.compile(r"^```(console|sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|\s)(?:\.venv/bin/)?evalkit (.+)")


def lines_of(text):
    """The lines of a page that may be commands: of blocks, and between backticks."""
    for language, body in BLOCK.findall(text):
        lines = body.replace("\\\n", " ").splitlines()
        yield from (x for x in lines if language != "console" or x.startswith("$ "))
    inline = re.findall(r"`(evalkit [^`]+)`", ANY_BLOCK.sub("", text))
    yield from (line.replace("\n", " ") for line in inline)


def commands(text):
    """The words behind "evalkit" of every command on a page."""
    for line in lines_of(text):
        for part in re.split(r" && | \| |; ", line):
            if found := COMMAND.search(part):
                words = shlex.split(found[1], comments=True)
                yield [word.partition("|")[0] for word in words]  # one|another: the first


def verb_of(words):
    """The command that the words name; None where a word is no verb."""
    context, found, rest = click.Context(group, info_name="evalkit"), group, list(words)
    while isinstance(found, click.Group) and rest and not rest[0].startswith("-"):
        try:
            name, found, rest = found.resolve_command(context, rest)
        except click.UsageError:
            return None
        context = click.Context(found, parent=context, info_name=name)
    return found


def options_of(command):
    """All names of a command's options, help among them."""
    held = (name for p in command.params for name in (*p.opts, *p.secondary_opts))
    return {name for name in held if name.startswith("-")} | {"-h", "--help", "--version"}


def verbs(command=group, context=None):
    """All commands below one, itself among them."""
    context = context or click.Context(command)
    yield command
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        inner = command.get_command(context, name)
        yield from verbs(inner, click.Context(inner, parent=context, info_name=name))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one(page):
    for words in commands((ROOT / page).read_text(encoding="utf-8")):
        said = " ".join(words)
        command = verb_of(words)
        assert command is not None, said
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert given <= options_of(command), said


@pytest.mark.parametrize("page", PAGES)
def test_every_option_is_one(page):
    known = set().union(*map(options_of, verbs())) | FOREIGN
    prose = ANY_BLOCK.sub("", (ROOT / page).read_text(encoding="utf-8"))
    named = re.findall(r"--[a-z][\w-]*", " ".join(re.findall(r"`(--[^`]+)`", prose)))
    assert set(named) <= known


def test_what_is_none_is_found():
    page = (
        "```sh\nevalkit runn pope\n.venv/bin/evalkit run pope --limits 3 && ls\n```\n"
        "```console\n$ evalkit judge RUN --swap\nevalkit said\n```\n`evalkit judge cache stat`\n"
    )
    found = list(commands(page))
    assert [" ".join(words) for words in found] == [
        "runn pope",
        "run pope --limits 3",
        "judge RUN --swap",
        "judge cache stat",
    ]
    assert verb_of(found[0]) is verb_of(found[3]) is None
    assert "--limits" not in options_of(verb_of(found[1]))
    assert "--swap" in options_of(verb_of(found[2]))
