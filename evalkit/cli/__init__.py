"""The command line, one module per verb; a verb's module is imported when it is called."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from evalkit import __version__
from evalkit.cli.lazy import LazyGroup
from evalkit.errors import EvalkitError, ExitCode, UsageError

VERBS = {
    "run": ("evalkit.cli.run", "Evaluate a model on tasks, a suite or a task list."),
    "score": ("evalkit.cli.score", "Score a file of answers, without a model."),
    "judge": ("evalkit.cli.judge", "Judge a run's answers; calibrate and compare judges."),
    "gate": ("evalkit.cli.gate", "Judge a candidate run beside a baseline, by a policy."),
    "plan": ("evalkit.cli.plan", "Say how many samples of which tasks settle a question."),
    "show": ("evalkit.cli.show", "Show the numbers of a finished run."),
    "compare": ("evalkit.cli.compare", "Compare runs, sample by sample, with a reference."),
    "leaderboard": ("evalkit.cli.leaderboard", "Rank all runs below a folder, as pages."),
    "view": ("evalkit.cli.view", "Look through runs, sample by sample, in a browser."),
    "baseline": ("evalkit.cli.baseline", "Keep a run to be compared with; show it, and changes."),
    "card": ("evalkit.cli.card", "Write a model card from run records."),
    "verify": ("evalkit.cli.verify", "Check that cards and leaderboards say what records say."),
    "tasks": ("evalkit.cli.tasks", "List, show, start or check tasks."),
    "doctor": ("evalkit.cli.doctor", "Say what is installed and what is missing."),
}
"""Each verb's module, which has a click command `command`, and its line in `--help`."""


class _Verbs(LazyGroup):
    """All verbs, and the exit codes."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs, and below them the codes."""
        super().format_commands(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), code.meaning) for code in ExitCode])


@click.group(
    cls=_Verbs,
    verbs=VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="evalkit")
def group() -> None:
    """Evaluate vision-language models: official scores, with intervals and fingerprints."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; every error becomes one sentence and its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    _mend_streams()
    try:
        words = sys.argv[1:] if arguments is None else arguments
        _check_words(words)
        code = _invoke(words)
        sys.stdout.flush()
        sys.exit(code)
    except EvalkitError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:  # no verb: a question, not a mistake
        print(error.message)
        sys.exit(ExitCode.OK)
    except click.ClickException as error:
        _fail(_click_message(error), ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        _fail(
            "Interrupted. What was finished is on disk; the same command goes on from there.",
            ExitCode.INCOMPLETE,
        )
    except BrokenPipeError:  # the reader has seen enough; the interpreter must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
        code = ExitCode.INFRASTRUCTURE if full else ExitCode.USAGE
        _fail(f"A file cannot be read or written{where}: {error.strerror}.", code)


def _invoke(words: Sequence[str]) -> int:
    """Run the verb. Not by way of `group.main`, which makes a closed pipe an error of its own."""
    try:
        with group.make_context("evalkit", list(words)) as context:
            code = group.invoke(context)
    except click.exceptions.Exit as done:  # --help, --version
        code = done.exit_code
    return code if isinstance(code, int) else int(ExitCode.OK)


def _mend_streams() -> None:
    """Give closed streams a place to go, and let no character of a table end the program."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if not word.isascii() and word.encode("utf-8", "replace").decode() != word:
            message = f"The word {word!r} of the command is no valid Unicode."
            raise UsageError(message)


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _click_message(error: click.ClickException) -> str:
    message = error.format_message()
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message} (see {error.ctx.command_path} --help)"
    return message


def _fail(message: str, code: ExitCode) -> NoReturn:
    from evalkit.report.spoken import spoken

    print("evalkit: " + spoken(message), file=sys.stderr)
    sys.exit(int(code))
