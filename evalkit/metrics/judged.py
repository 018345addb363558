"""Numbers over verdicts: grades, and two answers weighed against each other.

A judge fails at times. So each number comes in four: by the official script's convention for
failures, over what was judged alone, and with every failure taken for the worst and for the best
verdict. Without failures all four are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evalkit.metrics.basic import divide
from evalkit.records import Outcome, SampleScore, Verdict
from evalkit.task import Metric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WORST, BEST = (10.0, 1.0), (1.0, 10.0)
"""The worst and the best that an answer can get beside a reference, on scales from 1 to 10."""

SHARES = 1000.0
"""The largest relative score: ten points against one."""


def grade_outcome(text: str | None, verdicts: Sequence[Verdict]) -> Outcome:
    """What verdicts with one rating from 0 to 1 are worth; an answer that failed is worth 0.

    Values: `official` takes a failed verdict for 0 (MM-Vet's convention); `grade` is the mean over
    verdicts that are there, and `judged` 1 if there is one; `low` and `high` take failed ones for 0
    and for 1; `run1`, `run2`, ... are the official grades of each repetition.
    """
    if text is None:  # there are no verdicts, and so no runs
        names = ("official", "grade", "low", "high")
        return Outcome(answer=None, values={**dict.fromkeys(names, 0.0), "judged": 1.0})
    read = [verdict.ratings[0] for verdict in verdicts if verdict.ratings]
    failed = len(verdicts) - len(read)
    runs = {f"run{v.repetition}": v.ratings[0] if v.ratings else 0.0 for v in verdicts}
    low, high = sum(read) / len(verdicts), (sum(read) + failed) / len(verdicts)
    values = {
        "official": low,
        "grade": sum(read) / len(read) if read else 0.0,
        "judged": float(bool(read)),
        "low": low,
        "high": high,
        **runs,
    }
    return Outcome(answer=_said(read), values=values, rule="judge")


def pair_outcome(text: str | None, verdicts: Sequence[Verdict]) -> Outcome:
    """What verdicts on a reference and an answer are worth, in points.

    Values: `reference` and `answer` are the means over verdicts, of which a failed one is -1 and -1
    (LLaVA-Bench's convention); after `judged_` the means over verdicts that are there; after `low_`
    and `high_` failed ones are `WORST` and `BEST`. An answer that failed is `WORST` in all.
    """
    if text is None:
        return Outcome(answer=None, values=_points([], [WORST], judged=True))
    read = [(v.ratings[0], v.ratings[1]) for v in verdicts if v.ratings]
    failed = len(verdicts) - len(read)
    values = _points(read, [WORST] * failed, judged=bool(read))
    values |= _means("high_", [*read, *[BEST] * failed])
    values |= _means("", [*read, *[(-1.0, -1.0)] * failed])
    values |= _means("judged_", read)
    return Outcome(answer=_said([pair[1] for pair in read]), values=values, rule="judge")


def _points(
    read: Sequence[tuple[float, float]], worst: Sequence[tuple[float, float]], *, judged: bool
) -> dict[str, float]:
    """All values, where nothing is better than the worst."""
    pairs = [*read, *worst]
    found = [_means(prefix, pairs) for prefix in ("", "judged_", "low_", "high_")]
    return {name: v for one in found for name, v in one.items()} | {"judged": float(judged)}


def _means(prefix: str, pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    count = len(pairs) or 1
    return {
        f"{prefix}{name}": sum(pair[place] for pair in pairs) / count
        for place, name in enumerate(("reference", "answer"))
    }


def _said(ratings: Sequence[float]) -> str | None:
    """The mean rating as a text, for those who read scores; None where there is none."""
    return f"{sum(ratings) / len(ratings):g}" if ratings else None


def run_totals(scores: Sequence[SampleScore]) -> dict[str, tuple[float, str]]:
    """Each repetition's total on MM-Vet's scale, and their population standard deviation.

    An answer that failed has no repetitions, and is worth 0 in each; nothing where all failed.

    Source: yuweihao/MM-Vet acde843, mm-vet_evaluator.py.
    """
    import numpy as np

    runs = {int(n[3:]) for score in scores for n in score.values if n.startswith("run")}
    if not runs:
        return {}
    names = [f"run{run}" for run in sorted(runs)]
    totals = [
        100 * sum(score.values.get(name, 0.0) for score in scores) / len(scores) for name in names
    ]
    found = {
        f"total_{name}": (total, "one repetition")
        for name, total in zip(names, totals, strict=True)
    }
    return found | {"total_std": (float(np.std(totals)), "population standard deviation of runs")}


def grades(name: str, scale: float = 100.0) -> tuple[Metric, ...]:
    """The mean grade in four readings, from the values that `grade_outcome` gives.

    Args:
        name: Of the official number; the others are `judged`, `judged_low` and `judged_high`.
        scale: What a full grade is worth.
    """

    def scaled(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return scale * divide(sums)

    def mean_of(metric: str, key: str) -> Metric:
        def row(unit: Sequence[SampleScore]) -> Sequence[float]:
            return (unit[0].values[key], 1.0)

        return Metric(name=metric, row=row, value=scaled, columns=2, high=scale)

    def judged_row(unit: Sequence[SampleScore]) -> Sequence[float]:
        values = unit[0].values
        return (values["grade"] * values["judged"], values["judged"])

    return (
        mean_of(name, "official"),
        Metric(name="judged", row=judged_row, value=scaled, columns=2, high=scale, weight=1),
        mean_of("judged_low", "low"),
        mean_of("judged_high", "high"),
    )


def relative_scores() -> tuple[Metric, ...]:
    """The answers' sum of points as a percentage of the references', in four readings.

    From the values that `pair_outcome` gives.
    """

    def percentage(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        import numpy as np

        first, second, count = sums[..., 0], sums[..., 1], sums[..., 2]
        means = [divide(np.stack([one, count], axis=-1)) for one in (first, second)]
        return 100.0 * divide(np.stack(means, axis=-1))  # of means: the last digit depends on it

    def relative(metric: str, prefix: str, weight: str | None = None) -> Metric:
        def row(unit: Sequence[SampleScore]) -> Sequence[float]:
            values = unit[0].values
            counted = values[weight] if weight else 1.0
            points = (values[f"{prefix}{name}"] * counted for name in ("answer", "reference"))
            return (*points, counted)

        return Metric(
            name=metric,
            row=row,
            value=percentage,
            columns=3,
            high=SHARES,
            bounded=False,
            weight=2 if weight else None,
        )

    return (
        relative("relative", ""),
        relative("judged", "judged_", "judged"),
        relative("judged_low", "low_"),
        relative("judged_high", "high_"),
    )


def official_relative(scores: Sequence[SampleScore]) -> tuple[float, float, float]:
    """LLaVA-Bench's printed figures: relative score, and ten times both mean scores.

    Both means are rounded to three decimals before anything is made of them, and every figure to
    one decimal.

    Source: haotian-liu/LLaVA c121f043, llava/eval/summarize_gpt_review.py.
    """
    import numpy as np

    pairs = [(score.values["reference"], score.values["answer"]) for score in scores]
    first, second = (round(float(mean), 3) for mean in np.asarray(pairs).mean(0))
    relative = round(second / first * 100, 1) if first else float("nan")
    return relative, round(first * 10, 1), round(second * 10, 1)


def printed_figures(scores: Sequence[SampleScore]) -> dict[str, tuple[float, str]]:
    """What LLaVA-Bench's script prints, which its rounding may part from the relative score.

    `printed` is the relative score, `printed_reference` and `printed_answer` are ten times both
    means, and `printed_NAME` is the relative score of a category. What the script would divide by
    zero is left out.
    """
    import math

    if not scores:
        return {}
    relative, reference, answer = official_relative(scores)
    found = {"printed": relative, "printed_reference": reference, "printed_answer": answer}
    for name in sorted({str(score.tags["category"]) for score in scores if score.tags}):
        own = [score for score in scores if score.tags.get("category") == name]
        found[f"printed_{name}"] = official_relative(own)[0]
    how = "rounded as the official script rounds"
    return {name: (value, how) for name, value in found.items() if not math.isnan(value)}
