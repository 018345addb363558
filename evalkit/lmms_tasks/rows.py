"""The rows of a task of lmms-eval, its rules and its numbers, over the bridge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.foreign import Foreign, Numbers, Rows
from evalkit.lmms_tasks.bridge import Bridge, Opening
from evalkit.metrics import mean
from evalkit.records import Image, Message, MetricValue, Outcome, Prediction, Sample, SampleScore

if TYPE_CHECKING:
    from evalkit.task import Metric

DEFAULT = "default"
"""The prompt variant that is for all models."""

CHUNK = 256
"""Rows that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Document:
    """One row in the words for one model."""

    messages: tuple[Message, ...]
    targets: tuple[str, ...]
    cluster: str

    @property
    def images(self) -> tuple[Image, ...]:
        """The pictures of all turns, in order."""
        return tuple(p for m in self.messages for p in m.content if isinstance(p, Image))

    @property
    def text(self) -> str:
        """The text of all turns, joined by newlines."""
        return "\n".join(p for m in self.messages for p in m.content if isinstance(p, str))


class LmmsRows(Foreign):
    """One task of lmms-eval: its rows once they are read, its scorer, its numbers."""

    def __init__(self, bridge: Bridge, name: str, metrics: Sequence[Mapping[str, Any]]) -> None:
        """Nothing is read yet.

        Args:
            bridge: The process that holds the task.
            name: lmms-eval's name of it.
            metrics: What its files say of its metrics: name, mean (or not), better (if higher).
        """
        self._bridge = bridge
        self._name = name
        self._told = {entry["name"]: entry for entry in metrics}
        self._count = 0
        self._documents: dict[str, dict[int, Document]] = {}
        self._values: dict[tuple[int, str], Mapping[str, float]] = {}

    def read(self, folder: Path | None, *, offline: bool) -> Rows:
        """The rows of the split, from lmms/NAME under the folder, or from where lmms-eval has them.

        Raises:
            DataError: They cannot be had, or show what no backend can be shown.
        """
        place = None if folder is None else str((folder / "lmms" / self._name).absolute())
        told = self._bridge.open(Opening(self._name, place, offline))
        self._count = told["rows"]
        self._documents.clear()
        self._values.clear()
        samples = tuple(self._sample(number) for number in range(self._count))
        return Rows(samples=samples, revision=told["revision"])

    def _sample(self, number: int) -> Sample:
        row = self.document(number, DEFAULT)
        return Sample(
            id=str(number),
            question=row.text,
            images=row.images,
            targets=row.targets,
            cluster=row.cluster,
        )

    def document(self, number: int, variant: str) -> Document:
        """A row by its number, in the words for a model.

        Raises:
            DataError: lmms-eval's code cannot make them.
        """
        known = self._documents.setdefault(variant, {})
        if number not in known:
            start = number - number % CHUNK
            stop = min(start + CHUNK, self._count)
            told, _ = self._bridge.ask(
                self._name, do="docs", start=start, stop=stop, variant=variant
            )
            for place, doc in enumerate(told["docs"], start):
                known[place] = self._document(place, variant, doc)
        return known[number]

    def _document(self, number: int, variant: str, told: Mapping[str, Any]) -> Document:
        def part(given: str | int) -> str | Image:
            if isinstance(given, str):
                return given
            picture = _Picture(self._bridge, self._name, variant, number, given)
            return Image(key=f"{variant}/{number}/{given}", read=picture.read)

        return Document(
            messages=tuple(
                Message(role=role, content=tuple(map(part, parts))) for role, parts in told["turns"]
            ),
            targets=tuple(told["targets"]),
            cluster=told["cluster"],
        )

    def score(self, sample: Sample, text: str | None) -> Outcome:
        """What the task's `process_results` makes of a text.

        A failed prediction is an empty text to it, and where more is better it counts as 0: an
        empty text may be worth something.
        """
        values = dict(self._processed(int(sample.id), text or ""))
        if text is None:
            better = [name for name in values if self._entry(name).get("better", True)]
            values |= dict.fromkeys(better, 0.0)
        return Outcome(answer=text, values=values)

    def _processed(self, number: int, text: str) -> Mapping[str, float]:
        """Each answer is scored once, since the task's code may be slow, or ask for money."""
        if (number, text) not in self._values:
            told, _ = self._bridge.ask(self._name, do="score", doc=number, text=text)
            self._values[number, text] = told["values"]
        return self._values[number, text]

    def _entry(self, name: str) -> Mapping[str, Any]:
        """What is known of a metric; where there are filters its name is "metric,filter"."""
        return self._told.get(name.partition(",")[0], {})

    def metrics(self, scores: Sequence[SampleScore]) -> tuple[Metric, ...]:
        """The means, between 0 and 1, or 0 and 100, or what the scores show else."""
        names = dict.fromkeys(name for score in scores for name in score.values)
        told = {name: self._entry(name) for name in names}
        return tuple(
            _mean(name, scores, better=entry.get("better", True))
            for name, entry in told.items()
            if entry.get("mean")
        )

    def numbers(
        self, scores: Sequence[SampleScore], predictions: Mapping[str, Prediction]
    ) -> Numbers:
        """What lmms-eval's own aggregations give.

        Raises:
            DataError: Its process fails.
        """
        asked = [score.sample_id for score in scores]
        made = [predictions.get(sample_id) for sample_id in asked]
        texts = [("" if one is None else one.text) or "" for one in made]
        answers = [[int(i), text] for i, text in zip(asked, texts, strict=True)]
        told, _ = self._bridge.ask(self._name, do="aggregate", answers=answers)
        clusters = len({score.cluster for score in scores})
        values = {
            name: _number(value, len(scores), clusters) for name, value in told["numbers"].items()
        }
        return Numbers(values=values, notes=tuple(self._notes(told["skipped"], scores)))

    def _notes(self, skipped: Mapping[str, str], scores: Sequence[SampleScore]) -> list[str]:
        found = [
            f"lmms/{self._name}: {name} has no number: {self._bridge.clean(why)}."
            for name, why in skipped.items()
        ]
        if failed := sum(score.failed for score in scores):
            found.append(
                f"lmms/{self._name}: lmms-eval knows no failures; its code was given {failed} "
                "empty texts for them."
            )
        return found


@dataclass(frozen=True, slots=True)
class _Picture:
    """Where a picture is; it travels to other processes."""

    bridge: Bridge
    task: str
    variant: str
    document: int
    number: int

    def read(self) -> bytes:
        """The picture as PNG."""
        _, content = self.bridge.ask(
            self.task, do="picture", variant=self.variant, doc=self.document, number=self.number
        )
        return content


def mean_where_given(name: str, *, better: bool | None = True) -> Metric:
    """The mean over those samples that have the value: a task may count some under another name.

    Args:
        name: The value's key.
        better: Whether more of it is better; None where lmms-eval does not say.
    """
    made = mean(name, of=name, only=lambda score: name in score.values)
    return replace(made, higher_is_better=better)


def _mean(name: str, scores: Sequence[SampleScore], *, better: bool | None) -> Metric:
    given = [score.values[name] for score in scores if name in score.values]
    low, high = min([0.0, *given]), _scale(max(given))
    return replace(mean_where_given(name, better=better), low=low, high=high)


def _scale(value: float) -> float:
    """The end of the scale that a number seems to be on: 1, 100, or itself."""
    return next((end for end in (1.0, 100.0) if value <= end), value)


def _number(value: float, n: int, clusters: int) -> MetricValue:
    return MetricValue(
        value=value,
        low=None,
        high=None,
        method="none (lmms-eval's own aggregation)",
        n=n,
        clusters=clusters,
        maximum=None,
    )
