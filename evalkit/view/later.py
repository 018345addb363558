"""What is made on a thread of its own while pages are already shown."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from threading import Thread
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Later(Generic[Made]):
    """Something that a thread makes; the thread does not keep the process from ending."""

    def __init__(self, make: Callable[[], Made]) -> None:
        """Begin to make it."""
        self._future: Future[Made] = Future()
        Thread(target=self._work, args=(make,), daemon=True).start()

    def _work(self, make: Callable[[], Made]) -> None:
        try:
            made = make()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._future.set_exception(error)
        else:
            self._future.set_result(made)

    def within(self, seconds: float | None) -> Made | None:
        """What was made; None where it takes longer. None as argument waits for the end.

        Raises:
            EvalkitError: It cannot be made, or whatever else making it has raised.
        """
        try:
            return self._future.result(seconds)
        except Late:
            # It may have ended since, or what was raised is such an error itself.
            return self._future.result() if self._future.done() else None
