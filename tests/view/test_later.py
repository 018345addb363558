"""What a thread makes while others wait: it comes, comes later, or cannot be made; never both."""

from concurrent.futures import Future
from threading import Event

import pytest

from evalkit.errors import DataError
from evalkit.view.later import Later


class JustThen(Future):
    """A future that is done in the moment in which waiting for it has ended."""

    def __init__(self, end):
        super().__init__()
        self._end = end

    def result(self, timeout=None):
        try:
            return super().result(timeout)
        except TimeoutError:
            if not self.done():
                self._end(self)
            raise


def late(end):
    """Something whose thread ends it just when the time is over."""
    later = Later(Event().wait)
    later._future = JustThen(end)
    return later


def test_what_takes_longer_is_none_and_comes_when_it_is_made():
    go = Event()
    later = Later(lambda: go.wait() and "made")
    assert later.within(0) is None
    assert later.within(0.01) is None
    go.set()
    assert later.within(None) == "made"
    assert later.within(0) == "made"


def test_what_cannot_be_made_is_said_each_time():
    def make():
        message = "The data are not there."
        raise DataError(message)

    later = Later(make)
    for seconds in (None, 0):
        with pytest.raises(DataError, match="are not there"):
            later.within(seconds)


def test_what_is_made_just_when_the_time_is_over_is_there():
    assert late(lambda future: future.set_result("made")).within(0.01) == "made"


def test_what_fails_just_when_the_time_is_over_is_said():
    with pytest.raises(DataError, match="gone"):
        late(lambda future: future.set_exception(DataError("gone"))).within(0.01)


def test_a_time_that_ran_out_within_is_no_waiting():
    def make():
        message = "the disk took too long"
        raise TimeoutError(message)

    later = Later(make)
    with pytest.raises(TimeoutError, match="disk"):
        later.within(None)
    with pytest.raises(TimeoutError, match="disk"):
        later.within(0)
