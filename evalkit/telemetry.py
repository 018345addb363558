"""How a run went: the machine, and how fast each task was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The machine: processor, number of cores, memory in GiB, accelerators by name."""

    processor: str
    cores: int
    memory_gib: float
    accelerators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpeed:
    """How fast a task was answered in one session.

    Attributes:
        task: Its name.
        samples: Samples that were answered, or failed.
        seconds: Wall time.
        samples_per_second: Over the wall time, as the next two.
        prompt_tokens_per_second: Tokens that were read, those of shared prefixes once a sample.
        output_tokens_per_second: Tokens that were written.
        model_share: Share of the workers' time that models took, 0 to 1.
        waiting_share: Share that workers waited for data to be prepared.
        writing_share: Share of the wall time that the driver wrote predictions.
        prefix_hit_rate: Prompt tokens that a prefix read before answered for, of all; None where
            the backend does not count them.
    """

    task: str
    samples: int
    seconds: float
    samples_per_second: float
    prompt_tokens_per_second: float
    output_tokens_per_second: float
    model_share: float
    waiting_share: float
    writing_share: float
    prefix_hit_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """How the last session of a run went: speed, memory, and what the backend counted.

    Attributes:
        workers: Processes that answered.
        note: How requests were answered, such as the way that prefixes took.
        resumed: Whether earlier sessions answered some of the samples.
        tasks: One for each task that was asked in the session.
        peak_mib: Peak memory in MiB: "driver", and "worker" and "accelerator" (the largest of all)
            where they are known.
        counters: What the backend counted, by name ("cost_usd", "retries", ...).
    """

    workers: int
    note: str
    resumed: bool
    tasks: tuple[TaskSpeed, ...]
    peak_mib: Mapping[str, float]
    counters: Mapping[str, float]
