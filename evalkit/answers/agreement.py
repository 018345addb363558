"""How far ten people agree with an answer: VQA's soft score, in the arithmetic of each evaluator.

All take the mean over the people of min(1, equal answers among the other nine / 3). The numbers are
0, .3, .6, .9 and 1; in floating point their last digit depends on the order of the additions:

- GT-Vision-Lab/VQA `vqaEval.py` (a013f004) and M4C's evaluator (facebookresearch/mmf b0ffc7fb,
  `m4c_evaluators.py`) add person by person: `soft_score`;
- lmms-eval 0.7.3 (75571cfe), `tasks/vqav2/utils.py` and `tasks/textvqa/utils.py`, takes the exact
  mean of `statistics`: `exact_soft_score`;
- VLMEvalKit (e8e78f05), `dataset/utils/vqa_eval.py`, takes numpy's mean, which adds in pairs:
  `pairwise_soft_score`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache, reduce
from operator import add
from statistics import mean

from evalkit.answers.evalai import evalai_answer
from evalkit.answers.vqa import as_compared, lmms_eval_answer, vlmevalkit_answer, vqa_answer
from evalkit.records import Outcome, Sample

AS_WRITTEN = "compared as written (people unanimous)"
NORMALISED = "normalised"
"""The two rules of the official VQA evaluator."""

_NEEDED = 3
_CACHED = 1 << 12


def soft_score(answer: str, targets: Sequence[str]) -> float:
    """How far people agree with an answer, in the official arithmetic.

    Other than ten answers are averaged the same way; with none there is nothing to agree with, 0.

    Equal answers of two people are two answers. The official tool tells people apart by comparing
    whole entries, so by `answer_id`, which every real annotation has; without ids it would leave
    out all equal entries with the one, and ten equal answers would score 0.
    """
    matches = targets.count(answer)
    if not matches:
        return 0.0
    if matches > _NEEDED:
        return 1.0
    return running_sum(_agreements(answer, targets)) / len(targets)


def exact_soft_score(answer: str, targets: Sequence[str]) -> float:
    """The soft score with lmms-eval's arithmetic: the exact mean, rounded once."""
    return _exact_mean(_agreements(answer, targets)) if answer in targets else 0.0


def pairwise_soft_score(answer: str, targets: Sequence[str]) -> float:
    """The soft score with VLMEvalKit's arithmetic: numpy's mean, which adds in pairs."""
    return _pairwise_mean(_agreements(answer, targets)) if answer in targets else 0.0


def _agreements(answer: str, targets: Sequence[str]) -> tuple[float, ...]:
    """For each person, how far the others agree with the answer."""
    matches = targets.count(answer)
    return tuple([min(1.0, (matches - (target == answer)) / _NEEDED) for target in targets])


@lru_cache(maxsize=_CACHED)
def _exact_mean(numbers: tuple[float, ...]) -> float:
    return mean(numbers)


@lru_cache(maxsize=_CACHED)
def _pairwise_mean(numbers: tuple[float, ...]) -> float:
    import numpy as np

    return float(np.mean(numbers))


def running_sum(numbers: Iterable[float]) -> float:
    """The numbers added one by one, as `sum` did before Python 3.12 made it more exact."""
    return reduce(add, numbers, 0.0)


def two_decimals(scores: Sequence[float]) -> float:
    """What the official VQA tool reports of scores from 0 to 1: their mean by 100, two decimals.

    As Python 2.7 rounds: exact ties go away from zero.

    Args:
        scores: One of each question, in the order of the annotations; at least one.
    """
    percent = 100 * running_sum(scores) / len(scores)
    return float(Decimal(percent).quantize(Decimal("0.01"), ROUND_HALF_UP))


@lru_cache(maxsize=1 << 14)
def _outcome(answer: str | None, score: float, rule: str = "", *, doubt: bool = False) -> Outcome:
    """An outcome; one object for all equal ones, as most answers are given often."""
    return Outcome(answer=answer, values=_values(score), rule=rule, ambiguous=doubt)


@lru_cache(maxsize=_CACHED)
def _values(score: float) -> Mapping[str, float]:
    return {"score": score}


def holds_words(answer: str, targets: Iterable[str]) -> bool:
    """Whether an answer of several words has one of the texts in it, as whole words.

    A person would take "it is a dog" for "dog"; the evaluators do not.

    Args:
        answer: A normalised answer: its words stand apart by one space.
        targets: Normalised answers; empty ones stand in nothing.
    """
    if " " not in answer:
        return False
    framed = f" {answer} "
    return any(f" {target} " in framed for target in set(targets) if target)


def most_agreed(targets: Sequence[str], compared: Sequence[str]) -> str:
    """The first of the answers that scores best, as it was given.

    Args:
        targets: What people said; at least one.
        compared: The same answers as the evaluator compares them.
    """
    return targets[max(range(len(compared)), key=lambda k: soft_score(compared[k], compared))]


def vqa_score(sample: Sample, text: str | None) -> Outcome:
    """The official VQA score, which normalises only where the ten people disagree.

    A wrong answer is ambiguous if EvalAI's processor, which most people run over their answers
    before they upload them, would have made it right, or if it holds a right one.
    """
    if text is None:
        return _outcome(None, 0.0)
    answer, gold, unanimous = as_compared(text, sample.targets)
    value = soft_score(answer, gold)
    doubt = not value and _doubtful(text, gold, unanimous=unanimous)
    return _outcome(answer, value, AS_WRITTEN if unanimous else NORMALISED, doubt=doubt)


def _doubtful(text: str, gold: Sequence[str], *, unanimous: bool) -> bool:
    if unanimous and evalai_answer(text) == evalai_answer(gold[0]) != "":
        return True
    return holds_words(vqa_answer(text), map(vqa_answer, gold))


def vqa_best(sample: Sample) -> str:
    """An answer that most people gave, under the official VQA rules."""
    return most_agreed(sample.targets, as_compared("", sample.targets)[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class AlwaysNormalised:
    """A protocol that normalises the answer and the ten, whatever they are.

    Attributes:
        source: Whose rules these are.
        normalise: Makes texts equal that count as the same answer.
        soft_score: In the protocol's arithmetic.
        rule: What the protocol does, for the audit.
    """

    source: str
    normalise: Callable[[str], str]
    soft_score: Callable[[str, Sequence[str]], float] = soft_score
    rule: str = NORMALISED

    def score(self, sample: Sample, text: str | None) -> Outcome:
        """The soft score; a wrong answer that holds a right one is ambiguous."""
        if text is None:
            return _outcome(None, 0.0)
        answer, gold = self.normalise(text), tuple(map(self.normalise, sample.targets))
        value = self.soft_score(answer, gold)
        return _outcome(answer, value, self.rule, doubt=not value and holds_words(answer, gold))

    def best(self, sample: Sample) -> str:
        """An answer that most people gave."""
        return most_agreed(sample.targets, tuple(map(self.normalise, sample.targets)))


M4C = AlwaysNormalised(
    source="facebookresearch/mmf b0ffc7fb mmf/utils/m4c_evaluators.py", normalise=evalai_answer
)
"""TextVQA's official rules."""

LMMS_EVAL_VQA = AlwaysNormalised(
    source="lmms-eval 0.7.3 (75571cfe) lmms_eval/tasks/vqav2/utils.py",
    normalise=lmms_eval_answer,
    soft_score=exact_soft_score,
    rule="always normalised",
)
"""lmms-eval's VQAv2."""

LMMS_EVAL_TEXTVQA = AlwaysNormalised(
    source="lmms-eval 0.7.3 (75571cfe) lmms_eval/tasks/textvqa/utils.py",
    normalise=evalai_answer,
    soft_score=exact_soft_score,
)
"""lmms-eval's TextVQA: the official rules, but for the last digit of a sum."""

VLMEVALKIT_VQA = AlwaysNormalised(
    source='VLMEvalKit e8e78f05 vlmeval/dataset/utils/vqa_eval.py, "vqa_score"',
    normalise=vlmevalkit_answer,
    soft_score=pairwise_soft_score,
    rule="always normalised, full stops after digits stay",
)
"""VLMEvalKit's rules for VQAv2 and TextVQA alike."""
