"""Two models whose truth is known, answering questions about pictures, over and over.

The model of a layout is the one behind the false alarms that are published for it (a latent effect
of each image, of each model's own): the logit of a right answer is

    skill + difficulty * q + image_effect * z,

with q a standard normal number of the question, the same for both models, and z one of the image,
each model its own. So equal models answer alike where questions are easy or hard, and are better or
worse by whole images. For a logit the correlation r of two differences about one image is near
image_effect² E[p (1 - p)], and a test that knows of no images is wrong by the design effect
1 + (m - 1) r of m questions an image. `skill` and `difficulty` set r to about 0.046, so that such
tests raise false alarms in 0.145 of POPE's comparisons (m = 18) and in 0.198 of GQA's (m = 31).
Expected values are integrals over q and z (Gauss and Hermite), so the truth is no simulation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from evalkit.metrics import (
    accuracy,
    group_accuracy,
    macro_f1,
    mme_total,
    precision_recall_f1,
    relative_scores,
)
from evalkit.paired import Paired
from evalkit.task import Metric

IMAGE_EFFECT = 0.6
"""Standard deviation of an image's effect, in logits."""

MME = (30, 30, 30, 30, 147, 170, 200, 200, 200, 20, 70, 20, 20, 20)
"""Images of MME's subtasks: 1,187 in all."""

LIMITED = tuple(max(1, count // 16) for count in MME)
"""The same with a limit: 67 images, and eight subtasks with one of them."""

HEAVY = (40,) + (2,) * 38
"""Questions of the images of a benchmark in which one has a third of them."""

LISTS = ("adversarial", "popular", "random")
"""POPE's lists of questions, six of each about an image."""

Right = npt.NDArray[np.float64]
"""Shape (images, questions): 1 where the model is right."""

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True)
class Measure:
    """A metric, and its rows from the answers of one model.

    Attributes:
        metric: The metric.
        rows: Right answers, shape (images, questions), -> rows of shape (units, k).
        expected: Skill -> the expected rows of all units, shape (units, k).
    """

    metric: Metric
    rows: Callable[[Right], npt.NDArray[np.float64]]
    expected: Callable[[float], npt.NDArray[np.float64]]

    def truth(self, skill: float) -> float:
        """The metric of an endless benchmark."""
        return float(self.metric.value(self.expected(skill).sum(axis=0)))


@dataclass(frozen=True)
class Layout:
    """A benchmark's images and questions, and what is measured on it.

    Attributes:
        name: The benchmark.
        images: Number of clusters.
        draw: (generator, skills) -> what each model gives, shape (models, images, questions).
        skill: Of equal models.
        measures: By name.
        strata: Shape (images,); all 0 where there are none.
        codes: Shape (questions,): the image of each; None where all have as many.
        plain: Whether the plain tests apply: answers are right or wrong.
    """

    name: str
    images: int
    draw: Callable[[np.random.Generator, tuple[float, float]], npt.NDArray[np.float64]]
    skill: float
    measures: dict[str, Measure]
    strata: npt.NDArray[np.intp]
    codes: npt.NDArray[np.intp] | None = None
    plain: bool = True

    def paired(self, measure: Measure, given: npt.NDArray[np.float64]) -> Paired:
        """Both models' rows of a measure."""
        first, second = (measure.rows(one) for one in given)
        codes = self.codes
        if codes is None:
            codes = np.repeat(np.arange(self.images), len(first) // self.images)
        return Paired(
            first=first, second=second, codes=codes, clusters=self.images, strata=self.strata
        )

    def skill_for(self, measure: Measure, effect: float) -> float:
        """The skill that moves a measure by an effect."""
        truth = measure.truth(self.skill) + effect
        return float(brentq(lambda skill: measure.truth(skill) - truth, -5, 9, xtol=1e-10))


# Right and wrong


def _answers(
    images: int, questions: int, difficulty: float
) -> Callable[[np.random.Generator, tuple[float, float]], npt.NDArray[np.float64]]:
    def draw(
        generator: np.random.Generator, skills: tuple[float, float]
    ) -> npt.NDArray[np.float64]:
        hard = difficulty * generator.standard_normal((images, questions))
        own = IMAGE_EFFECT * generator.standard_normal((2, images, 1))
        chance = expit(np.array(skills)[:, None, None] + hard + own)
        return (generator.random((2, images, questions)) < chance).astype(float)

    return draw


def _uneven(
    codes: npt.NDArray[np.intp], difficulty: float
) -> Callable[[np.random.Generator, tuple[float, float]], npt.NDArray[np.float64]]:
    """The same of images with other numbers of questions: shape (2, questions, 1)."""

    def draw(
        generator: np.random.Generator, skills: tuple[float, float]
    ) -> npt.NDArray[np.float64]:
        hard = difficulty * generator.standard_normal((len(codes), 1))
        own = IMAGE_EFFECT * generator.standard_normal((2, codes.max() + 1, 1))
        chance = expit(np.array(skills)[:, None, None] + hard + own[:, codes])
        return (generator.random((2, len(codes), 1)) < chance).astype(float)

    return draw


def _chance(skill: float, difficulty: float, together: int = 1) -> float:
    """The chance that `together` questions about one image are all right."""
    logits = skill + difficulty * _NODES[:, None] + IMAGE_EFFECT * _NODES
    return float(((_WEIGHTS @ expit(logits)) ** together) @ _WEIGHTS)


def _ones(right: Right) -> npt.NDArray[np.float64]:
    return np.stack([right.ravel(), np.ones(right.size)], axis=1)


def _correct(difficulty: float) -> Measure:
    def expected(skill: float) -> npt.NDArray[np.float64]:
        return np.array([[_chance(skill, difficulty), 1.0]])

    return Measure(accuracy(), _ones, expected)


def _pairs(difficulty: float) -> Measure:
    def expected(skill: float) -> npt.NDArray[np.float64]:
        return np.array([[_chance(skill, difficulty, together=2), 1.0]])

    return Measure(group_accuracy("pair_accuracy"), lambda r: _ones(r.min(axis=1)), expected)


def _yes_no(metric: Metric, columns: str, difficulty: float) -> Measure:
    """A function of counts; every other question is to be answered "yes"."""

    def rows(right: Right) -> npt.NDArray[np.float64]:
        there = np.tile([1.0, 0.0], right.size // 2)
        return _count(right.ravel(), there)

    def _count(p: npt.NDArray[np.float64], there: npt.NDArray[np.float64]) -> Right:
        tp, fp, fn = p * there, (1 - p) * (1 - there), (1 - p) * there
        return np.stack({"f1": (tp, fp, fn), "precision": (tp, tp + fp)}[columns], axis=1)

    def expected(skill: float) -> npt.NDArray[np.float64]:
        return _count(np.full(2, _chance(skill, difficulty)), np.array([1.0, 0.0]))

    return Measure(metric, rows, expected)


def _macro(difficulty: float) -> Measure:
    """The mean F1 of POPE's three lists, a third of each image's questions in each."""
    pooled = _yes_no(precision_recall_f1()[2], "f1", difficulty)

    def spread(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        place = np.arange(len(counts)) // 6 % 3
        return (counts[:, None, :] * (place[:, None] == np.arange(3))[..., None]).reshape(-1, 9)

    return Measure(
        macro_f1(tag="list", slices=LISTS),
        lambda right: spread(pooled.rows(right)),
        lambda skill: spread(np.tile(pooled.expected(skill), (9, 1))),
    )


def _mme(difficulty: float, strata: npt.NDArray[np.intp]) -> Measure:
    spots = np.eye(len(MME))[strata]

    def spread(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return (spots[:, :, None] * counts[:, None, :]).reshape(len(strata), -1)

    def rows(right: Right) -> npt.NDArray[np.float64]:
        ones = np.ones(len(right))
        return spread(np.stack([right.sum(axis=1), 2 * ones, right.min(axis=1), ones], axis=1))

    def expected(skill: float) -> npt.NDArray[np.float64]:
        alone, both = (_chance(skill, difficulty, together=n) for n in (1, 2))
        return spread(np.tile([2 * alone, 2.0, both, 1.0], (len(strata), 1)))

    metric = mme_total("total", [f"subtask {place}" for place in range(len(MME))])
    return Measure(metric, rows, expected)


# Points


REFERENCE = 8.5
"""What a reference answer is worth, about, in points from 1 to 10."""

_SPREADS = (1.0, 1.5)
"""Standard deviations of an image's effect, and of a question's, in points."""


def _points(generator: np.random.Generator, skills: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Reviews of 24 images with 3 questions each: shape (2, 24, 6), answers before references."""
    images = generator.standard_normal((2, 24, 1)) * _SPREADS[0]
    noise = generator.standard_normal((2, 24, 6)) * _SPREADS[1]
    shared = generator.standard_normal((1, 24, 3)) * _SPREADS[1]
    answers = np.array(skills)[:, None, None] + images + noise[..., :3] + shared
    references = REFERENCE + noise[..., 3:] + shared
    return np.clip(np.rint(np.concatenate([answers, references], axis=2)), 1, 10)


def _relative() -> Measure:
    def rows(given: Right) -> npt.NDArray[np.float64]:
        answers, references = given[:, :3].ravel(), given[:, 3:].ravel()
        return np.stack([answers, references, np.ones(len(answers))], axis=1)

    def expected(skill: float) -> npt.NDArray[np.float64]:
        own, noise = _SPREADS[0] ** 2, 2 * _SPREADS[1] ** 2
        return np.array([[_mean(skill, own + noise), _mean(REFERENCE, noise), 1.0]])

    return Measure(relative_scores()[0], rows, expected)


def _mean(centre: float, variance: float) -> float:
    """The mean of a normal number that is rounded and cut to 1 to 10."""
    return float(1 + (1 - ndtr((np.arange(2, 11) - 0.5 - centre) / variance**0.5)).sum())


# The layouts


@dataclass(frozen=True)
class _Shape:
    """What layouts of right and wrong answers differ in; difficulty and skill are in logits."""

    images: int
    questions: int
    difficulty: float
    skill: float

    def layout(
        self, name: str, measures: dict[str, Measure], strata: npt.NDArray[np.intp] | None = None
    ) -> Layout:
        return Layout(
            name=name,
            images=self.images,
            draw=_answers(self.images, self.questions, self.difficulty),
            skill=self.skill,
            measures=measures,
            strata=np.zeros(self.images, dtype=np.intp) if strata is None else strata,
        )


def layouts() -> tuple[Layout, ...]:
    """POPE, GQA, MME, MMVP, LLaVA-Bench (In-the-Wild) of 24 images, and two that are awkward.

    Those are MME with a limit, where subtasks have a single image, and a benchmark of which one
    image has a third of the questions.
    """
    precision, _, f1, _ = precision_recall_f1()
    by_subtask = np.repeat(np.arange(len(MME)), MME)
    pope = _Shape(images=500, questions=18, difficulty=0.8, skill=1.75)
    gqa = _Shape(images=398, questions=31, difficulty=2.0, skill=0.75)
    mme = _Shape(images=len(by_subtask), questions=2, difficulty=0.8, skill=1.5)
    limited = replace(mme, images=sum(LIMITED), skill=0.3)
    of_limited = np.repeat(np.arange(len(MME)), LIMITED)
    mmvp = _Shape(images=150, questions=2, difficulty=0.8, skill=0.3)
    of_pope = {
        "accuracy": _correct(pope.difficulty),
        "f1": _yes_no(f1, "f1", pope.difficulty),
        "precision": _yes_no(precision, "precision", pope.difficulty),
        "macro_f1": _macro(pope.difficulty),
    }
    return (
        pope.layout("pope", of_pope),
        gqa.layout("gqa", {"accuracy": _correct(gqa.difficulty)}),
        mme.layout("mme", {"total": _mme(mme.difficulty, by_subtask)}, by_subtask),
        mmvp.layout("mmvp", {"pair_accuracy": _pairs(mmvp.difficulty)}),
        Layout(
            name="llava_bench",
            images=24,
            draw=_points,
            skill=7.0,
            measures={"relative": _relative()},
            strata=np.zeros(24, dtype=np.intp),
            plain=False,
        ),
        limited.layout("mme_limited", {"total": _mme(limited.difficulty, of_limited)}, of_limited),
        _heavy(difficulty=0.8),
    )


def _heavy(difficulty: float) -> Layout:
    codes = np.repeat(np.arange(len(HEAVY)), HEAVY)
    f1 = precision_recall_f1()[2]
    return Layout(
        name="heavy",
        images=len(HEAVY),
        draw=_uneven(codes, difficulty),
        skill=0.3,
        measures={"accuracy": _correct(difficulty), "f1": _yes_no(f1, "f1", difficulty)},
        strata=np.zeros(len(HEAVY), dtype=np.intp),
        codes=codes,
    )
