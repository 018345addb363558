"""Asking the judge: wave by wave, through the cache and the runner, until every unit has a verdict.

A wave holds the next attempt of every unit that has none yet. What the cache knows is not asked;
of equal questions one is. A server is asked the first questions while the others are still written.
Everything else is the runner's: leases, retries, a journal of replies,
and a stop when nothing works any more. What was asked is in the journal, so a killed judge goes on
where it was. There a reply has the name of its attempt and the beginning of its key, so that a
reply about another answer, or other words, is none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

from evalkit.errors import EvalkitError
from evalkit.judge.cache import CachedReply, VerdictCache, cache_key, reply_of
from evalkit.judge.purse import Purse
from evalkit.judge.together import Together
from evalkit.judge.units import Unit, request_of, step, unasked
from evalkit.records import UNASKED, Prediction, Request, Verdict
from evalkit.rubric import Rubric
from evalkit.runner import engine
from evalkit.runner.journal import Journal
from evalkit.runner.plan import PROBE, Bundle, plan
from evalkit.runner.workers import Workers

PORTION = 64
"""Questions that are written and looked up together, before the first of them is asked."""


@dataclass(slots=True)
class _Wave:
    """A wave's questions so far.

    Attributes:
        keys: What each is, by its name.
        first: Of equal questions the name of the one that is asked, by their key.
        trouble: Why no more can be written.
    """

    keys: dict[str, str] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    trouble: Exception | None = None


Progress = Callable[[int, int], None]
"""Who is told how far the judge is: (verdicts that are there, all that are wanted)."""


class Asker:
    """A judge that is ready to be asked about one task's answers."""

    def __init__(
        self,
        task: str,
        rubric: Rubric,
        workers: Workers,
        journal: Journal,
        *,
        cache: VerdictCache | None,
        place: str = "",
    ) -> None:
        """Take what is needed.

        Args:
            task: The task's name.
            rubric: What is asked.
            workers: Who answers.
            journal: Replies that were paid for; earlier sessions' among them.
            cache: What anybody has paid for; None where nothing is kept.
            place: The server, where it is not the one that the model's name stands for (two servers
                may serve two models under one name), and what it is not sent.
        """
        self._task, self._rubric, self._workers = task, rubric, workers
        self._journal, self._cache, self._place = journal, cache, place
        self._kept = {name.rpartition("@")[0] for name in journal.predictions}
        self._last_kept = _moment(journal.path.stat().st_mtime)
        self._replies: dict[str, Prediction] = {}
        self._recalled: dict[str, str] = {}
        self._cached: set[str] = set()
        self._seen: set[str] = set()
        self._alike: dict[str, Prediction] = {}
        self._strange: set[str] = set()

    def verdicts(
        self,
        units: Sequence[Unit],
        purse: Purse,
        progress: Progress | None = None,
        *,
        settled: Mapping[str, Prediction] | None = None,
    ) -> list[Verdict]:
        """A verdict for each unit, in order.

        Units whose verdict failed in an earlier session are asked anew; in this session they are
        asked once. Where the purse is empty the rest is `unasked`.

        Args:
            units: What is judged.
            purse: What it may cost.
            progress: Who is told how far the judge is.
            settled: Replies, or failures, that are known without asking, by the names of attempts.

        Raises:
            BackendError: Nothing works any more; what was answered is in journal and cache.
        """
        self._recall([unit for unit in units if unit.name(0) not in self._seen])
        self._replies.update(settled or {})
        found: dict[str, Verdict] = {}
        asks, more = self._next(units, found), True
        if asks and self._recalled:
            self._share_recalled()
        while asks and more:
            if progress is not None:
                progress(len(units) - len(asks), len(units))
            more = self._wave(asks, purse) and not purse.is_empty()
            asks = self._next([unit for unit, _ in asks], found)
        if progress is not None:
            progress(len(units), len(units))
        return [found.get(unit.name(0)) or unasked(unit) for unit in units]

    def _recall(self, units: Sequence[Unit]) -> None:
        """Know earlier sessions' replies to these very questions, but for those that failed."""
        self._seen.update(unit.name(0) for unit in units)
        if not self._kept:
            return
        asks = [
            (unit, attempt)
            for unit in units
            for attempt in range(len(self._rubric.attempts))
            if unit.name(attempt) in self._kept
        ]
        keys = self._keys(asks, [request_of(self._task, self._rubric, *one) for one in asks])
        for name, key in keys.items():
            made = self._journal.predictions.get(_marked(name, key))
            if made is not None and not _was_unasked(made):
                self._replies[name] = replace(made, sample_id=name)
        self._forget_failed(units, keys)
        self._recalled |= {name: key for name, key in keys.items() if name in self._replies}

    def _forget_failed(self, units: Sequence[Unit], keys: Mapping[str, str]) -> None:
        """Drop replies of earlier sessions that came to nothing."""
        for unit in units:
            found = step(self._rubric, unit, self._replies)
            if isinstance(found, Verdict) and found.failure is not None:
                for name in map(unit.name, range(len(self._rubric.attempts))):
                    self._replies.pop(name, None)
                    self._journal.predictions.pop(_marked(name, keys.get(name, "")), None)

    def _share_recalled(self) -> None:
        """Let equal questions, and the cache, have what earlier sessions were told."""
        for name, key in self._recalled.items():
            self._alike.setdefault(key, self._replies[name])
        told = [self._replies[name] for name in self._recalled]
        self._keep(told, self._recalled, self._last_kept)
        self._recalled = {}

    def _next(self, units: Sequence[Unit], found: dict[str, Verdict]) -> list[tuple[Unit, int]]:
        """What is to be asked about units; `found` gets the verdicts on the others."""
        asks = []
        for unit in units:
            ahead = step(self._rubric, unit, self._replies)
            if isinstance(ahead, int):
                asks.append((unit, ahead))
                continue
            names = [unit.name(attempt) for attempt in range(ahead.requests)]
            cached = self._cached.issuperset(names)
            found[unit.name(0)] = replace(ahead, cached=True) if cached else ahead
        return asks

    def _wave(self, asks: Sequence[tuple[Unit, int]], purse: Purse) -> bool:
        """Get one reply for each, as far as the purse allows; False where there is no new one."""
        wave, known = _Wave(), len(self._replies)
        self._ask(wave, self._bundles(asks, purse, wave), purse)
        for name, key in wave.keys.items():  # of equal questions one was asked
            made = self._replies.get(wave.first.get(key, ""))
            if made is not None and name not in self._replies:
                self._replies[name] = replace(made, sample_id=name)
        return len(self._replies) > known

    def _bundles(
        self, asks: Sequence[tuple[Unit, int]], purse: Purse, wave: _Wave
    ) -> Iterator[Bundle]:
        """What is to be asked, a portion at a time.

        Where questions stand in one bundle, or a budget is to last for the first of them, all are
        one portion.
        """
        capacity = self._workers.crew().capacity
        alone = capacity.rows == 1 and purse.budget is None
        size = PORTION if alone else max(len(asks), 1)
        try:
            for start in range(0, len(asks), size):
                chosen = purse.affords(self._unknown(asks[start : start + size], wave))
                names = [_marked(r.sample_id, wave.keys[r.sample_id]) for r in chosen]
                own = [replace(r, sample_id=n) for r, n in zip(chosen, names, strict=True)]
                yield from plan({self._task: own}, capacity, sharing=False)
        except (EvalkitError, ValueError) as error:  # what is out is paid for, and comes first
            wave.trouble = error

    def _unknown(self, asks: Sequence[tuple[Unit, int]], wave: _Wave) -> list[Request]:
        """Questions that neither cache nor journal know, and that are not in the wave already."""
        requests = [request_of(self._task, self._rubric, unit, at) for unit, at in asks]
        keys = self._keys(asks, requests)
        wave.keys.update(keys)
        self._take_alike(keys)
        self._take_cached(keys)
        return [
            request
            for request in requests
            if request.sample_id not in self._replies
            and wave.first.setdefault(keys[request.sample_id], request.sample_id)
            == request.sample_id
        ]

    def _keys(
        self, asks: Sequence[tuple[Unit, int]], requests: Sequence[Request]
    ) -> dict[str, str]:
        own = self._workers.crew().identity
        identity = replace(own, name=f"{own.name}@{self._place}") if self._place else own
        return {
            request.sample_id: cache_key(identity, self._rubric.digest, request, unit.repetition)
            for (unit, _), request in zip(asks, requests, strict=True)
        }

    def _take_alike(self, keys: Mapping[str, str]) -> None:
        for name, key in keys.items():
            made = self._alike.get(key)
            if made is not None and made.failure is None and name not in self._replies:
                self._replies[name] = replace(made, sample_id=name)

    def _take_cached(self, keys: Mapping[str, str]) -> None:
        if self._cache is None:
            return
        wanted = {name: key for name, key in keys.items() if name not in self._replies}
        found = self._own_lines(self._cache, wanted.values())
        for name, key in wanted.items():
            if key in found and not self._rubric.is_cut(found[key].text, found[key].finish):
                made = self._replies[name] = _prediction(name, found[key])
                if not self._journal.any_done():
                    self._journal.predictions[name] = made  # it shows that the judge does answer
                self._cached.add(name)

    def _own_lines(self, cache: VerdictCache, keys: Iterable[str]) -> dict[str, CachedReply]:
        """Known replies, but for those that say themselves that they are another judge's."""
        identity = self._workers.crew().identity
        own = identity.backend, identity.name, self._rubric.digest
        lines = cache.find_lines(list(dict.fromkeys(keys)))
        fitting = {
            k: one for k, one in lines.items() if (one.backend, one.model, one.rubric) == own
        }
        self._strange |= lines.keys() - fitting.keys()
        return {key: reply_of(line) for key, line in fitting.items()}

    def notes(self) -> tuple[str, ...]:
        """What a reader of the verdicts must know of the cache, as parts of a sentence."""
        if self._cache is None or not self._strange:
            return ()
        note = (
            f"{len(self._strange):,} replies in the cache {self._cache.path.name} say that they "
            "are of another judge or rubric than their keys are, and were not taken"
        )
        return (note,)

    def _ask(self, wave: _Wave, bundles: Iterator[Bundle], purse: Purse) -> None:
        ahead = list(islice(bundles, PROBE))

        def came(_: str, predictions: Sequence[Prediction]) -> None:
            asked = [made for made in predictions if not _was_unasked(made)]
            made = [replace(p, sample_id=p.sample_id.rpartition("@")[0]) for p in asked]
            self._replies.update({one.sample_id: one for one in made})
            for one in made:
                if one.failure is None:
                    self._alike.setdefault(wave.keys[one.sample_id], one)
            self._keep(made, wave.keys, _moment(time.time()))

        if ahead:
            journals, workers = {self._task: self._journal}, Together(self._workers)
            engine.run(ahead, workers, journals, came, purse, more=bundles, enough=purse.is_empty)
        if wave.trouble is not None:
            raise wave.trouble

    def _keep(self, predictions: Sequence[Prediction], keys: Mapping[str, str], asked: str) -> None:
        """Put readable replies into the cache; others are asked for again one day."""
        if self._cache is None:
            return
        identity = self._workers.crew().identity
        readable = {
            keys[made.sample_id]: _reply(made, asked)
            for made in predictions
            if made.text is not None
            and self._rubric.read(made.text) is not None
            and not self._rubric.is_cut(made.text, made.finish)
        }
        self._cache.keep_all(
            readable, backend=identity.backend, model=identity.name, rubric=self._rubric.digest
        )


def _marked(name: str, key: str) -> str:
    """An attempt's name with the first 12 digits of what it asks."""
    return f"{name}@{key[:12]}"


def _was_unasked(made: Prediction) -> bool:
    """Whether a question was not sent after all, as the budget did not last for it."""
    return made.failure is not None and made.failure.kind == UNASKED


def _moment(seconds: float) -> str:
    """A time in seconds since 1970, ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _reply(made: Prediction, asked: str) -> CachedReply:
    return CachedReply(
        text=made.text or "",
        finish=made.finish,
        prompt_tokens=made.prompt_tokens,
        output_tokens=made.output_tokens,
        served=made.served or (),
        asked=asked,
    )


def _prediction(name: str, reply: CachedReply) -> Prediction:
    return Prediction(
        sample_id=name,
        text=reply.text,
        finish=reply.finish,
        prompt_tokens=reply.prompt_tokens,
        output_tokens=reply.output_tokens,
        served=reply.served,
    )
