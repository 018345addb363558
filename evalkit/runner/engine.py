"""Bundles -> predictions: the inline engine, one backend in this process.

Whatever goes wrong in a backend becomes a `Failure` of the samples that it went wrong for: a batch
that raises is asked again in halves, so that one poisonous sample costs one sample. Only when
nothing works any more does the run stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evalkit.backends.interface import Backend
from evalkit.errors import BackendError, UsageError
from evalkit.records import Failure, Prediction, Request
from evalkit.runner.journal import Journal
from evalkit.runner.plan import PROBE, Bundle

PATIENCE = 24
"""Samples that may fail in a row before the run stops; at a task's start it is `plan.PROBE`."""

MESSAGE_LENGTH = 500
"""Characters of an exception's text that a failure keeps."""

OnPredictions = Callable[[str, Sequence[Prediction]], None]
"""Told of each batch of predictions after it is on disk: the task's name, and the predictions."""


def run(
    bundles: Sequence[Bundle],
    backend: Backend,
    journals: Mapping[str, Journal],
    on_predictions: OnPredictions,
) -> None:
    """Answer all requests that are not yet answered.

    Args:
        bundles: The plan.
        backend: Who answers.
        journals: One a task; each says what is done and takes what is made.
        on_predictions: Told of progress.

    Raises:
        BackendError: The first samples of a task, or many in a row, all failed. What was
            finished is in the journals.
    """
    health = _Health(bundles, journals)
    for bundle in bundles:
        journal = journals[bundle.task]
        pending = [r for r in bundle.requests if not journal.is_done(r.sample_id)]
        if not pending:
            continue
        predictions = answer(backend, pending)
        journal.append(predictions)
        on_predictions(bundle.task, predictions)
        health.note(bundle.task, predictions)


class _Health:
    """Sees when nothing works any more: at a task's start, or many samples in a row.

    Samples that failed in an earlier session are not counted: they may well fail again.
    """

    def __init__(self, bundles: Sequence[Bundle], journals: Mapping[str, Journal]) -> None:
        totals = Counter[str]()
        for bundle in bundles:
            totals[bundle.task] += len(bundle.requests)
        fresh = {task: total for task, total in totals.items() if not journals[task].any_done()}
        self._at_start = {task: min(PROBE, total) for task, total in fresh.items()}
        self._known = {task: frozenset(own.predictions) for task, own in journals.items()}
        self._in_a_row = 0

    def note(self, task: str, predictions: Sequence[Prediction]) -> None:
        """Count failures; raise when they are too many."""
        failures = [p for p in predictions if p.failure and p.failure.kind == "backend"]
        if len(failures) < len(predictions):
            self._at_start.pop(task, None)
            self._in_a_row = 0
            return
        known = self._known[task]
        new = [p.failure for p in failures if p.failure and p.sample_id not in known]
        self._in_a_row += len(new)
        if task in self._at_start and new:
            self._at_start[task] -= len(new)
            if self._at_start[task] <= 0:
                raise BackendError(_broken_start(task, new[-1]))
        if self._in_a_row >= PATIENCE and new:
            raise BackendError(_gave_up(new[-1]))


def answer(backend: Backend, requests: Sequence[Request]) -> Sequence[Prediction]:
    """One prediction for each request, whatever happens in the backend.

    A batch that raises is cut in halves, until what is left works or is one sample: a poisonous
    sample costs itself, and a batch that is too large for the memory becomes smaller.
    """
    try:
        predictions = [_clean(made) for made in backend.generate(requests)]
        _check(requests, predictions)
    except UsageError:  # a file of the user's is wrong: no sample is to blame
        raise
    except Exception as error:  # noqa: BLE001 - the boundary at which a backend's error is a Failure
        failure = _failure(error)
    else:
        return predictions
    # Outside the handler, so that the exception and the tensors it holds are gone.
    backend.recover()
    if len(requests) == 1:
        return [Prediction(sample_id=requests[0].sample_id, failure=failure)]
    middle = len(requests) // 2
    return [*answer(backend, requests[:middle]), *answer(backend, requests[middle:])]


def _clean(prediction: Prediction) -> Prediction:
    """The prediction with lone surrogates replaced: no file could hold them."""
    if prediction.text is None or prediction.text.isascii():
        return prediction
    text = prediction.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return prediction if text == prediction.text else replace(prediction, text=text)


def _check(requests: Sequence[Request], predictions: Sequence[Prediction]) -> None:
    asked = [request.sample_id for request in requests]
    answered = [prediction.sample_id for prediction in predictions]
    if asked != answered:
        message = f"the backend was asked {asked} and answered {answered}"
        raise BackendError(message)


def _failure(error: Exception) -> Failure:
    text = f"{type(error).__name__}: {error}"
    return Failure(kind="backend", message=text[:MESSAGE_LENGTH])


def _broken_start(task: str, failure: Failure) -> str:
    return (
        f"The first samples of the task {task!r} all failed, so the run was stopped: "
        f"{failure.message}. Mend the cause and give the same command again."
    )


def _gave_up(failure: Failure) -> str:
    return (
        f"{PATIENCE} samples in a row failed, so the run was stopped; the last said: "
        f"{failure.message}. What was finished is on disk: the same command goes on from there."
    )
