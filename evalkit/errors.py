"""What can go wrong, one class per boundary, each with its exit code.

Every error that a user may cause is an `EvalkitError`; its text is one sentence (or two) that
says what is wrong, where, and what to do. The command line prints that text and leaves with the
code; nothing else prints errors.
"""

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every verb; `evalkit --help` prints this table."""

    OK = 0
    USAGE = 2
    REGRESSION = 10
    INCONCLUSIVE = 11
    INCOMPLETE = 12
    NOT_COMPARABLE = 13
    JUDGE_UNHEALTHY = 14
    STALE = 15
    INFRASTRUCTURE = 20

    @property
    def meaning(self) -> str:
        """What the code says, in a few words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done, or pass",
    ExitCode.USAGE: "wrong usage or wrong input",
    ExitCode.REGRESSION: "regression",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.INCOMPLETE: "incomplete: failed or missing samples",
    ExitCode.NOT_COMPARABLE: "not comparable",
    ExitCode.JUDGE_UNHEALTHY: "judge unhealthy",
    ExitCode.STALE: "stale: a record, scores or a page that are not what was written",
    ExitCode.INFRASTRUCTURE: "infrastructure: model, data, network or disk could not be had",
}


class EvalkitError(Exception):
    """The parent of all; its text is meant for the user's eyes."""

    exit_code: ExitCode = ExitCode.INFRASTRUCTURE


class UsageError(EvalkitError):
    """The command, a file given to it or a task file says something that cannot be meant."""

    exit_code = ExitCode.USAGE


class DataError(EvalkitError):
    """A dataset cannot be had, or is not what its task expects."""


class BackendError(EvalkitError):
    """A model, or a process that evalkit asks, cannot be loaded or does not answer at all."""


class MissingExtraError(EvalkitError):
    """An optional package is not installed; the text names the install command."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        """Say that `purpose` needs `package`, which the extra `extra` installs."""
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"install evalkit's extra {extra!r} (in its checkout: pip install -e '.[{extra}]')."
        )


class StoreError(EvalkitError):
    """A run folder or a file in it is damaged, of another schema, or holds something else."""

    exit_code = ExitCode.USAGE


MISNAMED = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})
"""Reasons for which a file cannot be written that are the name's fault, not the machine's."""


class UnwritableError(StoreError):
    """A run folder or a file in it cannot be written: the disk is full, or writing forbidden."""

    exit_code = ExitCode.INFRASTRUCTURE

    def __init__(self, what: str, error: OSError) -> None:
        """Say that `what` cannot be written, and the system's reason."""
        super().__init__(what, error)
        if error.errno in MISNAMED:
            self.exit_code = ExitCode.USAGE
        self._text = f"{what} cannot be written: {error.strerror or error}."

    def __str__(self) -> str:
        """The sentence."""
        return self._text


class IncompleteError(EvalkitError):
    """Answers are missing, and the user asked that this be an error."""

    exit_code = ExitCode.INCOMPLETE


class UnhealthyJudgeError(EvalkitError):
    """Too many verdicts of a judge are missing for its numbers to be relied on."""

    exit_code = ExitCode.JUDGE_UNHEALTHY


class NotComparableError(EvalkitError):
    """Two things that must agree do not; the text names the part that differs."""

    exit_code = ExitCode.NOT_COMPARABLE


class StaleError(EvalkitError):
    """A record, scores or a task are not those that were written; the text names what differs."""

    exit_code = ExitCode.STALE
