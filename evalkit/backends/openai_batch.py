"""A model behind OpenAI's Batch API: all requests in a file, answers within a day, half the price.

    openai-batch:MODEL,state=DIR[,base_url=...][,poll=SECONDS][,window=24h][,prices=FILE]

Bodies and replies are those of `evalkit.backends.openai`. A file of requests is uploaded, a batch
is made of it, and the backend waits for its end. DIR says which batches are out: whoever asks the
same again, even after the process was killed, takes their answers up and uploads nothing anew.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from evalkit.backends.interface import Allowance, BackendOptions, Capacity
from evalkit.backends.openai import OpenAIBackend, beams_failed, failed, most_of
from evalkit.backends.openai_batch_desk import NOT_FOUND, Desk
from evalkit.backends.openai_batch_files import MOST_BYTES, Answers, Line, Part, ended, line_of
from evalkit.backends.openai_batch_state import Job, States
from evalkit.backends.openai_client import Answered
from evalkit.backends.openai_replies import Reply, Trouble
from evalkit.backends.openai_settings import OPTIONS, Settings, number_of, read_settings
from evalkit.errors import BackendError, UsageError
from evalkit.records import HOPELESS, Prediction, Request

Result = TypeVar("Result")

LOG = logging.getLogger(__name__)


ROWS = 1_000_000
"""Requests in a bundle: the more go together, the fewer batches there are to wait for."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is asked: its line's id, and the digests of its pictures."""

    id: str
    digests: tuple[str, ...]


@dataclass(slots=True)
class _Sheet:
    """One call's requests: those that cannot be asked, those that are, and what is known of them.

    Attributes:
        requests: All of them.
        made: Predictions of those that cannot be asked, by place.
        asked: The others, by place.
        answers: What became of the others, by id.
        read: Batches that were read, and the ids of their requests that were answered.
    """

    requests: Sequence[Request]
    made: dict[int, Prediction] = field(default_factory=dict)
    asked: dict[int, _Asked] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    read: list[tuple[Job, frozenset[str]]] = field(default_factory=list)


@dataclass(slots=True)
class _Round:
    """What is out: batches, and which requests are waited for from each.

    Attributes:
        jobs: Batches by name.
        wanted: Ids of requests by their batch's name.
        adopted: Names of batches that an earlier call made.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    wanted: dict[str, set[str]] = field(default_factory=dict)
    adopted: set[str] = field(default_factory=set)


class OpenAIBatchBackend(OpenAIBackend):
    """Asks in batches; see the module's docstring."""

    shares_prefixes = False
    price_share: ClassVar[float] = 0.5  # OpenAI's Batch API guide
    option_names: ClassVar[frozenset[str]] = OPTIONS | {"state", "poll", "window"}
    neutral_options: ClassVar[frozenset[str]] = option_names

    def __init__(self, settings: Settings, options: BackendOptions) -> None:
        """Make the client; nothing is asked."""
        prices = settings.prices.times(self.price_share) if settings.prices else None
        super().__init__(replace(settings, prices=prices), options)
        self.leases = 1
        self._states = _states(settings, options)
        self._desk = Desk(
            client=self._client,
            run=self._run,
            settings=self._settings,
            poll=_poll(options),
            window=_window(options),
        )
        self._handed_on: list[tuple[Job, frozenset[str]]] = []
        self._hopeless: Trouble | None = None

    @classmethod
    def preflight(cls, options: BackendOptions) -> None:
        """As for a chat server; the folder for the state must be writable, too."""
        settings = read_settings(options, os.environ)
        states = _states(settings, options)
        _poll(options)
        _window(options)
        super().preflight(options)
        states.check()

    def keep_within(self, allowance: Allowance) -> bool:  # noqa: ARG002 - the interface's
        """Nothing: a batch goes out as a whole."""
        return False

    def capacity(self) -> Capacity:
        """As much as there is: files are cut here, not by the plan."""
        return Capacity(rows=self._options.batch_size or ROWS)

    def note(self) -> str:
        """Which server is asked, and how; where the state is; the day of its prices."""
        own = self._settings
        note = f"sent in batches to {own.host}, which has {self._desk.window} for each"
        note += f"; what is out is written in {self._states.folder}"
        return note + (f"; half the prices of {own.prices.day}" if own.prices else "")

    def counters(self) -> Mapping[str, float]:
        """Those of the chat backend, where a request is a line that was uploaded; and batches."""
        batches = float(self._client.counters["batches"])
        return {**super().counters(), "batches": batches}

    def prepare(self, requests: Sequence[Request]) -> Any:  # noqa: ARG002 - the interface's
        """Nothing: pictures are read one request at a time, for a bundle may hold all of them."""
        return None

    def generate(self, requests: Sequence[Request]) -> Sequence[Prediction]:
        """Ask about all of them; returns when their batches have ended."""
        return self.generate_prepared(requests, None)

    def generate_prepared(self, requests: Sequence[Request], ready: Any) -> Sequence[Prediction]:  # noqa: ARG002
        """`generate`; nothing is prepared."""
        self._forget()
        begun = time.monotonic()
        sheet = _Sheet(requests)
        try:
            while self._must_ask_again(sheet):
                pass
        except KeyboardInterrupt:
            self._say_how_to_go_on(sheet)
            raise
        self._handed_on = sheet.read
        seconds = round((time.monotonic() - begun) / max(len(requests), 1), 6)
        return [self._prediction(sheet, place, seconds) for place in range(len(requests))]

    def _prediction(self, sheet: _Sheet, place: int, seconds: float) -> Prediction:
        if place in sheet.made:
            return sheet.made[place]
        asked = sheet.asked[place]
        found, request = sheet.answers.known[asked.id], sheet.requests[place]
        if isinstance(found, Reply):
            used = found.usage.at_most(most_of(request))
            answered = Answered(reply=self._client.hidden(found), seconds=seconds, used=used)
        else:
            used = found.usage.at_most(most_of(request) if found.paid else None)
            answered = Answered(failure=self._client.failure(found), used=used)
        return self.prediction_of(request, answered, asked.digests)

    def _must_ask_again(self, sheet: _Sheet) -> bool:
        """Ask, and wait; whether some of it was in batches that the server has forgotten."""
        out = self._submitted(sheet)
        lost = [self._lost(out, name, sheet) for name in out.jobs]
        return any(lost)

    # Out

    def _submitted(self, sheet: _Sheet) -> _Round:
        """Upload what is not out yet, as files of the size that a batch may have."""
        out = _Round()
        home = {name: job for job in self._states.jobs() for name in job.requests}
        part, drawn = Part(), set[str]()
        for place in range(len(sheet.requests)):
            line = self._line(sheet, place)
            if line is None or line.id in sheet.answers.known:
                continue
            if job := home.get(line.id):
                out.jobs[job.stem] = job
                out.wanted.setdefault(job.stem, set()).add(line.id)
                out.adopted.add(job.stem)
            elif line.id not in drawn:
                drawn.add(line.id)
                if not part.takes(line):
                    self._submit(part, out, sheet.answers)
                    part = Part()
                part.add(line)
        if part.lines:
            self._submit(part, out, sheet.answers)
        return out

    def _line(self, sheet: _Sheet, place: int) -> Line | None:
        """The line of the request at a place; None where it cannot be asked, and why is noted."""
        request = sheet.requests[place]
        ready = super().prepare([request])
        if request.generation.num_beams > 1:
            sheet.made[place] = beams_failed(request)
        elif request.sample_id in ready.broken:
            sheet.made[place] = ready.broken[request.sample_id]
        else:
            try:
                line = line_of(self.body(request, ready.pictures), request.copy)
            except UnicodeEncodeError as error:
                sheet.made[place] = failed(request, "backend", f"the request is no text: {error}")
                return None
            if len(line.content) <= MOST_BYTES:
                sheet.asked[place] = _Asked(line.id, ready.digests(request))
                return line
            words = f"the request is larger than a batch may be ({len(line.content)} bytes)"
            sheet.made[place] = failed(request, "refused", words)
        return None

    def _submit(self, part: Part, out: _Round, answers: Answers) -> None:
        """Upload a part; its state is written before anything else is done with it."""
        content = part.content
        try:
            file = self._checked(lambda: self._desk.upload(content))
        except Trouble as error:
            answers.fill(part.ids, error)
            return
        self._client.counters["requests"] += len(part.lines)
        job = Job(
            server=self._settings.base_url,
            file=file,
            digest=hashlib.sha256(content).hexdigest(),
            requests=part.ids,
        )
        self._states.write(job)
        out.wanted[job.stem] = set(part.ids)
        try:
            out.jobs[job.stem] = self._made(job, perhaps_made=False)
        except Trouble as error:
            answers.fill(part.ids, error)
            if not error.passing and error.kind not in HOPELESS:
                self._states.forget(job)

    def _made(self, job: Job, *, perhaps_made: bool) -> Job:
        """The job with its batch."""
        batch = self._checked(lambda: self._desk.make(job.file, perhaps_made=perhaps_made))
        self._client.counters["batches"] += 1
        job = replace(job, batch=batch)
        self._states.write(job)
        return job

    def _checked(self, work: Callable[[], Result]) -> Result:
        """Do it, unless the server has said that nothing will be answered any more."""
        if self._hopeless is not None:
            raise self._hopeless
        try:
            return work()
        except Trouble as error:
            self._hopeless = error if error.kind in HOPELESS else None
            raise

    # Back

    def _lost(self, out: _Round, name: str, sheet: _Sheet) -> bool:
        """Wait for a batch and read it; whether the server has forgotten it.

        The state stays where the server could not be asked: the batch goes on.
        """
        job, wanted = out.jobs[name], out.wanted[name]
        try:
            if job.batch is None:
                job = self._made(job, perhaps_made=True)
            found = self._files(job, str(job.batch))
        except Trouble as error:
            unknown = error.status == NOT_FOUND or (job.batch is None and not error.passing)
            if name in out.adopted and unknown and error.kind not in HOPELESS:
                self._say_forgotten(job)
                self._states.forget(job)
                return True
            sheet.answers.fill(wanted, error)
            return False
        self._take(job, wanted, found, sheet)
        return False

    def _files(self, job: Job, name: str) -> Answers:
        """All that a batch's files say, once it has ended."""
        batch = self._checked(lambda: self._desk.wait(name))
        found = Answers()
        for place in ("output_file_id", "error_file_id"):
            if file := batch.get(place):
                found.read(self._checked(lambda file=file: self._desk.fetch(str(file))))  # type: ignore[misc]
        if found.known and found.known.keys().isdisjoint(job.requests):
            # A server that was set up anew, and counts from the beginning.
            words = f"the server's batch {name} holds other requests than were sent"
            raise Trouble(kind="server", words=words, status=NOT_FOUND)
        found.fill(job.requests, ended(batch, found.damaged))
        return found

    def _take(self, job: Job, wanted: set[str], found: Answers, sheet: _Sheet) -> None:
        """Take over what is wanted, count it, and see that it is not taken twice.

        Failures are struck out of the state at once: they are to be asked again. Answers are struck
        out when somebody has stored them: a process that is killed before that reads them again.
        """
        own = {name: found.known[name] for name in wanted}
        for one in own.values():
            self._client.spend(one.usage)
        sheet.answers.known |= own
        answered = frozenset(name for name, one in own.items() if isinstance(one, Reply))
        if answered:
            sheet.read.append((job, answered))
        if wanted - answered:
            self._states.forget(job, wanted - answered)

    def _forget(self) -> None:
        """Strike out what was handed on, now that it is stored."""
        while self._handed_on:
            job, ids = self._handed_on.pop()
            self._states.forget(job, ids)

    def close(self) -> None:
        """Forget what was handed on; batches that are out go on.

        Nothing is forgotten where an interruption or a full disk may have kept it from being
        stored. A `BackendError` is how the engine stops a run after everything was stored.
        """
        stopped = sys.exception()
        if stopped is None or isinstance(stopped, BackendError):
            self._forget()
        super().close()

    # Words

    def _say_forgotten(self, job: Job) -> None:
        what = f"batch {job.batch}" if job.batch else f"file {job.file}"
        words = "%s does not have the %s or its answers any more: its requests are uploaded anew."
        LOG.warning(words, self._settings.host, what)

    def _say_how_to_go_on(self, sheet: _Sheet) -> None:
        read = {job.stem for job, _ in sheet.read}
        for job in (own for own in self._states.jobs() if own.stem not in read):
            words = (
                "The batch %s goes on at %s, and its state is in %s: the same command waits for it "
                "again, and uploads nothing that is in it."
            )
            where = self._settings.host, self._states.folder
            LOG.warning(words, job.batch or f"of the file {job.file}", *where)


def _states(settings: Settings, options: BackendOptions) -> States:
    place = options.options.get("state")
    if not place:
        message = (
            "The backend openai-batch needs a folder for the state of its batches, so that a run "
            "that was stopped finds them again: give the model's option state=DIR."
        )
        raise UsageError(message)
    return States(Path(place).expanduser(), settings.base_url)


def _poll(options: BackendOptions) -> float:
    return number_of(options.options, "poll", "30", (0.01, 3600))


def _window(options: BackendOptions) -> str:
    window = options.options.get("window", "24h")
    if not re.fullmatch(r"[1-9][0-9]*[hd]", window):
        message = "The model's option window must be a time such as 24h or 7d."
        raise UsageError(message)
    return window
