"""The process behind the backend `lmms`: started, asked, watched and ended."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from evalkit.backends.lmms_program import MOST, Frame, read_frame, write_frame
from evalkit.errors import BackendError, MissingExtraError
from evalkit.public import HIDDEN, is_secret_variable, without_secrets

PROGRAM = Path(__file__).with_name("lmms_program.py")
"""Started by its path: the other environment need not have evalkit."""

PYTHON = "EVALKIT_LMMS_PYTHON"
"""The environment variable that names an interpreter with lmms-eval."""


def interpreter(told: str | None, purpose: str) -> str:
    """The Python that has lmms-eval: the one that was told, that of the environment, or this one.

    Raises:
        MissingExtraError: None was named, and this one has no lmms-eval; `purpose` needs it.
    """
    named = told or os.environ.get(PYTHON)
    if named:
        return str(Path(named).expanduser())
    if importlib.util.find_spec("lmms_eval") is None:
        package = "lmms_eval"
        raise MissingExtraError(package, "lmms", purpose)
    return sys.executable


class Process:
    """One run of the program, asked over pipes; its stderr goes to a temporary file."""

    def __init__(
        self,
        python: str,
        timeout: float,
        environment: Mapping[str, str],
        program: Path = PROGRAM,
    ) -> None:
        """Start the program.

        Args:
            python: The interpreter.
            timeout: Seconds that one answer may take.
            environment: The program's environment variables.
            program: What is started.

        Raises:
            BackendError: The interpreter cannot be started.
        """
        self.python = python
        self._timeout = timeout
        self._secrets = [
            value for name, value in environment.items()
            if is_secret_variable(name) and len(value) > 5  # noqa: PLR2004 - no secret is shorter
        ]  # fmt: skip
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._child = subprocess.Popen(  # noqa: S603 - the user's own interpreter
                [python, str(program), *_parent()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=dict(environment) | {"PYTHONSAFEPATH": "1"},
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            message = f"The Python {python} for lmms-eval cannot be started: {error.strerror}."
            raise BackendError(message) from error

    def __enter__(self) -> Self:
        """The process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def is_alive(self) -> bool:
        """Whether the program still runs."""
        return self._child.poll() is None

    def ask(self, message: dict[str, Any], content: bytes = b"") -> Frame:
        """One message there, one back.

        Raises:
            BackendError: The program ended, or took too long and was ended.
        """
        late = threading.Event()
        timer = threading.Timer(self._timeout, self._end_late, (late,))
        timer.daemon = True
        timer.start()
        try:
            answer = self._exchange(message, content)
        finally:
            timer.cancel()
        if answer is None:
            raise BackendError(self._obituary(late=late.is_set()))
        return answer

    def clean(self, text: str, most: int = 800) -> str:
        """The text without what looks like a secret, or is one of the environment's; then cut.

        Args:
            text: What the program said, whole: a part of a secret would not be found.
            most: Characters that are kept.
        """
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return without_secrets(text)[:most]

    def close(self) -> None:
        """End the program and all that it started."""
        self._kill()
        for stream in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self._errors.close()

    def _exchange(self, message: dict[str, Any], content: bytes) -> Frame | None:
        assert self._child.stdin is not None  # noqa: S101
        assert self._child.stdout is not None  # noqa: S101
        try:
            write_frame(self._child.stdin, message, content)
            return read_frame(self._child.stdout)
        except OSError:
            return None
        except ValueError as error:
            text = f"{self.python} does not speak as lmms-eval's program does ({error})"
            raise BackendError(self.clean(text)) from error

    def _end_late(self, late: threading.Event) -> None:
        late.set()
        self._kill(wait=False)

    def _kill(self, *, wait: bool = True) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        if wait:
            self._child.wait()

    def _obituary(self, *, late: bool) -> str:
        self._kill()
        if late:
            return f"lmms-eval gave no answer in {self._timeout:g} seconds (option timeout)"
        code = self._child.returncode
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        said = self._last_words()
        return f"lmms-eval's process ended {how}" + (f"; it said last: {said}" if said else "")

    def _last_words(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - MOST))
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        if size > MOST:
            lines[0] = ""  # it is cut, maybe within a secret
        return self.clean(next((line.strip() for line in reversed(lines) if line.strip()), ""), 300)


def _parent() -> list[str]:
    """This process's id, where the child may ask Linux to end it with its parent.

    Linux ends it with the *thread* that started it, so only the main thread asks for that; for
    children of other threads the end of the pipe has to do.
    """
    main = threading.current_thread() is threading.main_thread()
    return [str(os.getpid())] if main else []
