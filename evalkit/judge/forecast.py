"""What judging a task will take, as it was ordered: said before the first question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalkit.judge.estimate import Estimate, estimate, expected_units
from evalkit.judge.order import JudgeOrder, counted_as, price_of, rubric_of, share_of
from evalkit.judge.units import units_of
from evalkit.records import Prediction, Sample
from evalkit.task import Task


def forecast(
    task: Task,
    order: JudgeOrder,
    samples: Sequence[Sample],
    answers: Mapping[str, Prediction] | None = None,
) -> Estimate:
    """What one attempt for every verdict takes.

    Args:
        task: The judged task.
        order: How it is judged.
        samples: What is asked of the model.
        answers: Its answers by sample id; None where there are none yet, and each is taken to be as
            long as it may be.

    Raises:
        UsageError: The rubric or the prices cannot be had.
    """
    rubric, price = rubric_of(task, order), price_of(order)
    swap = order.swap and rubric.pairwise
    units = (
        expected_units(samples, task.generation, order.votes, swap=swap)
        if answers is None
        else units_of(samples, answers, order.votes, swap=swap)
    )
    known = price[0] if price else None
    share, model = share_of(order), counted_as(order)
    return estimate(task.name, rubric, units, known, share, model=model)


def forecast_lines(found: Mapping[str, Estimate], order: JudgeOrder) -> Iterator[str]:
    """What judging will take, for people: a line a task, all together, and what may be spent.

    Args:
        found: What each task takes, by its name.
        order: How they are judged.
    """
    for name, one in found.items():
        yield one.line(name)
    costs = [one.cost_usd for one in found.values() if one.cost_usd is not None]
    cost, requests = sum(costs), sum(one.requests for one in found.values())
    if len(found) > 1:
        said = f"about {cost:.4f} USD" if costs else "no price is known"
        yield f"Judging all {len(found)} tasks: {requests:,} questions; {said}."
    if order.budget is not None:
        short = cost > order.budget
        yield (
            f"The judge's budget is {order.budget:.4f} USD, all sessions together"
            f"{', which is less: not all will be asked' if short else ''}."
        )
