"""What judging will take, before the first question: requests, tokens, money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.judge.token_count import count_tokens
from evalkit.judge.units import Unit, request_of
from evalkit.prices import Price
from evalkit.records import Generation, Sample
from evalkit.rubric import Rubric

WORD = " the"
"""A token of every vocabulary of OpenAI's, and as many characters as are taken for one."""

COUNTED = 1_000
"""Questions whose tokens are counted, at least, where there are so many; others are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one attempt for every verdict takes; retries come on top.

    Attributes:
        requests: Questions.
        prompt_tokens: Tokens of the questions.
        output_tokens: Tokens of the replies, at most.
        cost_usd: What that costs; None where no price is known.
        how: How tokens were counted.
    """

    requests: int
    prompt_tokens: int
    output_tokens: int
    cost_usd: float | None
    how: str

    def line(self, task: str) -> str:
        """One line for people."""
        cost = "no price is known" if self.cost_usd is None else f"about {self.cost_usd:.4f} USD"
        return (
            f"Judging {task}: {self.requests:,} questions if no reply is known yet and each "
            f"can be read; about {self.prompt_tokens:,} tokens to read and at most "
            f"{self.output_tokens:,} to write ({self.how}); {cost}."
        )


def estimate(
    task: str,
    rubric: Rubric,
    units: Sequence[Unit],
    price: Price | None,
    share: float = 1.0,
    *,
    model: str | None = None,
) -> Estimate:
    """Count one attempt of each unit; of very many, every so manyth is counted.

    Args:
        task: The task's name.
        rubric: What is asked.
        units: The verdicts that are wanted.
        price: The judge's price.
        share: Of the price that is paid (a half for a batch service).
        model: The judge's name, where its tokens may be counted by OpenAI's vocabularies.
    """
    step = max(1, len(units) // COUNTED)
    asked = [request_of(task, rubric, unit, 0).text for unit in units[::step]]
    counted = count_tokens(asked, model)
    prompt = round(counted.tokens * len(units) / max(len(asked), 1))
    output = rubric.max_tokens * len(units)
    cost = None if price is None else share * price.cost(prompt, output)
    return Estimate(
        requests=len(units),
        prompt_tokens=prompt,
        output_tokens=output,
        cost_usd=cost,
        how=counted.how,
    )


def expected_units(
    samples: Sequence[Sample], generation: Generation, votes: int, *, swap: bool
) -> list[Unit]:
    """Units before there are answers: each is taken to be as long as it may be."""
    answer = WORD * generation.max_new_tokens
    orders = (False, True) if swap else (False,)
    return [
        Unit(sample=sample, answer=answer, repetition=repetition, swapped=swapped)
        for repetition in range(1, votes + 1)
        for swapped in orders
        for sample in samples
    ]
