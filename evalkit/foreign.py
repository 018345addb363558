"""What another harness's code may do in a task's place: read the rows, and add up numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.records import MetricValue, Prediction, Sample, SampleScore

if TYPE_CHECKING:
    from evalkit.task import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What was read: the samples in the rows' order, and the hub's commit where it is known."""

    samples: tuple[Sample, ...]
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Numbers by name that are no sums over samples, and sentences that a reader must see."""

    values: Mapping[str, MetricValue]
    notes: tuple[str, ...] = ()


class Foreign(ABC):
    """Another harness behind a task."""

    @abstractmethod
    def read(self, folder: Path | None, *, offline: bool) -> Rows:
        """The task's rows as samples.

        Args:
            folder: Holds one folder per task; None is wherever the other harness takes them from.
            offline: Nothing is fetched.

        Raises:
            DataError: The rows cannot be had, or show what no backend can be shown.
        """

    @abstractmethod
    def metrics(self, scores: Sequence[SampleScore]) -> tuple[Metric, ...]:
        """The metrics that are sums, with the ranges that these scores show."""

    @abstractmethod
    def numbers(
        self, scores: Sequence[SampleScore], predictions: Mapping[str, Prediction]
    ) -> Numbers:
        """All other numbers, which the other harness computes from all answers at once.

        Raises:
            DataError: Its code fails.
        """
