"""Asking the judge: wave by wave, through the cache and the runner, until every unit has a verdict.

A wave holds the next attempt of every unit that has none yet. What the cache knows is not asked;
of equal questions one is. Everything else is the runner's: leases, retries, a journal of replies,
and a stop when nothing works any more. What was asked is in the journal, so a killed judge goes on
where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from evalkit.judge.cache import CachedReply, VerdictCache, cache_key
from evalkit.judge.estimate import most_costly
from evalkit.judge.together import Together
from evalkit.judge.units import Unit, request_of, step, unasked
from evalkit.prices import Price
from evalkit.records import Prediction, Request, Verdict
from evalkit.rubric import Rubric
from evalkit.runner import engine
from evalkit.runner.journal import Journal
from evalkit.runner.plan import plan
from evalkit.runner.workers import Outcome, Workers


class Purse(engine.Watch):
    """What the judge may cost, and has cost in this session."""

    def __init__(
        self, budget: float | None, price: Price | None = None, share: float = 1.0
    ) -> None:
        """Start with a budget.

        Args:
            budget: In USD; None is no limit.
            price: The judge's, by which a question is known to be too dear before it is asked.
            share: Of the price that is paid (a half for a batch service).
        """
        self.budget = budget
        self._price, self._share = price, share
        self.spent = 0.0
        self.requests = 0

    def came(self, outcome: Outcome) -> None:
        """Count what an outcome cost."""
        self.spent += outcome.counts.get("cost_usd", 0.0)
        self.requests += int(outcome.counts.get("requests", len(outcome.lease.requests)))

    def is_empty(self) -> bool:
        """Whether nothing more may be asked."""
        return self.budget is not None and self.spent >= self.budget

    def affords(self, requests: Sequence[Request]) -> list[Request]:
        """As many of the first questions as can be paid for if every reply is as long as it may be.

        Args:
            requests: In the order in which they are asked.
        """
        if self.budget is None or self._price is None:
            return list(requests)
        left, chosen = self.budget - self.spent, list[Request]()
        for request in requests:
            left -= most_costly(request, self._price, self._share)
            if left < 0:
                break
            chosen.append(request)
        return chosen


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
            place: The server, where it is not the one that the model's name stands for: two servers
                may serve two models under one name.
        """
        self._task, self._rubric, self._workers = task, rubric, workers
        self._journal, self._cache, self._place = journal, cache, place
        self._replies: dict[str, Prediction] = dict(journal.predictions)
        self._cached: set[str] = set()
        self._seen: set[str] = set()
        self._alike: dict[str, Prediction] = {}

    def verdicts(
        self, units: Sequence[Unit], purse: Purse, progress: Progress | None = None
    ) -> list[Verdict]:
        """A verdict for each unit, in order.

        Units whose verdict failed in an earlier session are asked anew; in this session they are
        asked once. Where the purse is empty the rest is `unasked`.

        Raises:
            BackendError: Nothing works any more; what was answered is in journal and cache.
        """
        self._forget_failed(units)
        asks = self._next(units)
        if asks:
            self._recall(units)
        while asks:
            if progress is not None:
                progress(len(units) - len(asks), len(units))
            if not self._wave(asks, purse) or purse.is_empty():
                break
            asks = self._next(units)
        made = [self._verdict(unit) for unit in units]
        if progress is not None:
            progress(len(units), len(units))
        return made

    def _verdict(self, unit: Unit) -> Verdict:
        found = step(self._rubric, unit, self._replies)
        if isinstance(found, int):
            return unasked(unit)
        names = [unit.name(attempt) for attempt in range(found.requests)]
        return replace(found, cached=all(name in self._cached for name in names))

    def _forget_failed(self, units: Sequence[Unit]) -> None:
        """Drop replies of earlier sessions that came to nothing."""
        for unit in units:
            name = unit.name(0)
            if name in self._seen:
                continue
            self._seen.add(name)
            found = step(self._rubric, unit, self._replies)
            if isinstance(found, Verdict) and found.failure is not None:
                for attempt in range(len(self._rubric.attempts)):
                    self._replies.pop(unit.name(attempt), None)
                    self._journal.predictions.pop(unit.name(attempt), None)

    def _recall(self, units: Sequence[Unit]) -> None:
        """Know earlier sessions' replies by what was asked, for equal questions and the cache."""
        known = [
            (unit, attempt)
            for unit in units
            for attempt in range(len(self._rubric.attempts))
            if unit.name(attempt) in self._replies
        ]
        keys = self._keys(known, [request_of(self._task, self._rubric, *one) for one in known])
        for name, key in keys.items():
            self._alike.setdefault(key, self._replies[name])
        self._keep([self._replies[name] for name in keys], keys)

    def _next(self, units: Sequence[Unit]) -> list[tuple[Unit, int]]:
        found = ((unit, step(self._rubric, unit, self._replies)) for unit in units)
        return [(unit, at) for unit, at in found if isinstance(at, int)]

    def _wave(self, asks: Sequence[tuple[Unit, int]], purse: Purse) -> bool:
        """Get one reply for each, as far as the purse allows; False where nothing could be had."""
        requests = [request_of(self._task, self._rubric, unit, at) for unit, at in asks]
        keys = self._keys(asks, requests)
        self._take_alike(keys)
        self._take_cached(keys)
        first: dict[str, Request] = {}
        for request in requests:
            if request.sample_id not in self._replies:
                first.setdefault(keys[request.sample_id], request)
        affordable = purse.affords(list(first.values()))
        self._ask(affordable, keys, purse)
        for request in requests:  # of equal questions one was asked
            asked = first.get(keys[request.sample_id])
            if asked is not None and asked.sample_id in self._replies:
                made = self._replies[asked.sample_id]
                self._replies.setdefault(
                    request.sample_id, replace(made, sample_id=request.sample_id)
                )
        return bool(affordable) or len(first) < len(requests)

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
            if key in self._alike and self._alike[key].failure is None:
                made = replace(self._alike[key], sample_id=name)
                self._replies.setdefault(name, made)

    def _take_cached(self, keys: Mapping[str, str]) -> None:
        if self._cache is None:
            return
        wanted = {name: key for name, key in keys.items() if name not in self._replies}
        found = self._cache.find(list(dict.fromkeys(wanted.values())))
        for name, key in wanted.items():
            if key in found:
                made = self._replies[name] = _prediction(name, found[key])
                self._journal.predictions[name] = made  # it shows that the judge does answer
                self._cached.add(name)

    def _ask(self, requests: Sequence[Request], keys: Mapping[str, str], purse: Purse) -> None:
        if not requests:
            return
        crew = self._workers.crew()
        bundles = plan({self._task: requests}, crew.capacity, sharing=False)

        def came(_: str, predictions: Sequence[Prediction]) -> None:
            self._replies.update({made.sample_id: made for made in predictions})
            self._keep(predictions, keys)

        journals = {self._task: self._journal}
        workers = Together(self._workers)
        engine.run(bundles, workers, journals, came, purse, enough=purse.is_empty)

    def _keep(self, predictions: Sequence[Prediction], keys: Mapping[str, str]) -> None:
        """Put readable replies into the cache; others are asked for again one day."""
        if self._cache is None:
            return
        identity = self._workers.crew().identity
        readable = {
            keys[made.sample_id]: _reply(made)
            for made in predictions
            if made.text is not None and self._rubric.read(made.text) is not None
        }
        self._cache.keep_all(
            readable, backend=identity.backend, model=identity.name, rubric=self._rubric.digest
        )


def _reply(made: Prediction) -> CachedReply:
    return CachedReply(
        text=made.text or "",
        finish=made.finish,
        prompt_tokens=made.prompt_tokens,
        output_tokens=made.output_tokens,
        served=made.served or (),
        asked=datetime.now(UTC).isoformat(timespec="seconds"),
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
