"""What GQA's `eval.py` computes beside accuracies: five numbers that need more than answers.

Each is as the official script has it, quirks included, and absent, with the reason, where the
script would stop or would print 0.00 for want of a file. Shares are fractions here; the script
prints them by 100. Source: `eval.py` of the GQA site in the form of haotian-liu's gist db6eddc2,
which differs from the original only in its default names and in that it runs without choices and
scene graphs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import NoReturn

from evalkit.metrics.basic import divide
from evalkit.official.gqa_folder import Box, Map, Material, Scene
from evalkit.records import MetricValue, SampleScore
from evalkit.stats import interval
from evalkit.task import Metric

Given = Mapping[str, "str | None"]
"""Question id -> its answer as it is compared. A question that is not there has none; None is an
entry of the file that says nothing."""

Region = tuple[float, float, float, float]
"""x0, y0, x1, y1 as shares of the picture."""

_COMMON_ATTRIBUTES = ("color", "material", "shape")


class _AbsentError(Exception):
    """A number cannot be had; the text says why, in a few words."""


def _absent(why: str) -> NoReturn:
    raise _AbsentError(why)


def further_numbers(
    material: Material, given: Given, scores: Sequence[SampleScore]
) -> tuple[dict[str, MetricValue], tuple[str, ...]]:
    """The numbers that can be had, and one sentence about those that cannot.

    Args:
        material: What the references hold.
        given: Every answer of the prediction file, those to questions that are not scored too.
        scores: The scored questions, all of which `material` has.
    """
    ways: dict[str, Callable[[], MetricValue]] = {
        "consistency": lambda: _consistency(material, given, scores),
        "validity": lambda: _in_choices("valid", material, given, scores),
        "plausibility": lambda: _in_choices("plausible", material, given, scores),
        "grounding": lambda: _grounding(material, scores),
        "distribution": lambda: _distribution(material, given, scores),
    }
    found: dict[str, MetricValue] = {}
    reasons: dict[str, list[str]] = {}
    for name, way in ways.items():
        try:
            found[name] = way()
        except _AbsentError as reason:
            reasons.setdefault(str(reason), []).append(name)
    if not reasons:
        return found, ()
    told = "; ".join(f"{' and '.join(names)} ({why})" for why, names in reasons.items())
    return found, (f"Not computed: {told}.",)


# Shares


def _consistency(material: Material, given: Given, scores: Sequence[SampleScore]) -> MetricValue:
    """Over questions answered right, the mean share of right answers to what they entail.

    A question does not entail itself, though many list themselves.
    """
    entailed = {s.sample_id: _entailed(material, s.sample_id) for s in scores}
    right = {
        key: others
        for key, others in entailed.items()
        if others and key in given and given[key] == material.questions[key]["answer"]
    }
    if not right:
        some = "is answered right" if any(entailed.values()) else "is among the references"
        _absent(f"no question that entails another {some}")
    needed = dict.fromkeys(other for others in right.values() for other in others)
    unknown = [key for key in needed if key not in material.questions]
    if unknown:
        _absent(f"the references lack {_counted(unknown, 'entailed question')}")
    silent = [key for key in needed if key not in given]
    if silent:
        _absent(f"the file has no answers to {_counted(silent, 'entailed question')}")
    shares = {
        key: sum(given[o] == material.questions[o]["answer"] for o in others) / len(others)
        for key, others in right.items()
    }

    def row(unit: Sequence[SampleScore]) -> Sequence[float]:
        share = shares.get(unit[0].sample_id)
        return (0.0, 0.0) if share is None else (share, 1.0)

    asked = [score for score in scores if entailed[score.sample_id]]
    return replace(_ratio("consistency", row, asked), n=len(shares))


def _entailed(material: Material, key: str) -> list[str]:
    return [other for other in material.questions[key].get("entailed", ()) if other != key]


def _in_choices(
    kind: str, material: Material, given: Given, scores: Sequence[SampleScore]
) -> MetricValue:
    """The share of answers that are among the valid, or the plausible, ones.

    Where the detailed type contains "Common" the question asks what two things have in common, and
    the list is replaced by color, material and shape.
    """
    if material.choices is None:
        _absent("there is no choices file")
    lacking = [s.sample_id for s in scores if s.sample_id not in material.choices]
    if lacking:
        _absent(f"the choices lack {_counted(lacking, 'question')}")
    hits = {}
    for score in scores:
        key = score.sample_id
        types, choices = material.questions[key]["types"], material.choices[key]
        if "detailed" not in types:
            _absent("the references name no detailed types")
        allowed: Sequence[str] = choices["valid"] if kind == "valid" else choices["plausible"]
        if "Common" in types["detailed"]:
            allowed = _COMMON_ATTRIBUTES
        hits[key] = float(given.get(key) in allowed)
    return _ratio(kind, lambda unit: (hits[unit[0].sample_id], 1.0), scores, proportion=True)


def _ratio(
    name: str,
    row: Callable[[Sequence[SampleScore]], Sequence[float]],
    scores: Sequence[SampleScore],
    *,
    proportion: bool = False,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> MetricValue:
    low, high = bounds
    metric = Metric(
        name=name,
        row=row,
        value=divide,
        columns=2,
        low=low,
        high=high,
        proportion=proportion,
    )
    found = interval(metric, scores)
    if found is None:
        _absent("no question counts for it")
    return found


def _counted(keys: Sequence[str], noun: str) -> str:
    return f"{len(keys):,} {noun}{'s' if len(keys) > 1 else ''}, such as {keys[0]!r}"


# Grounding


def _grounding(material: Material, scores: Sequence[SampleScore]) -> MetricValue:
    """The mean attention on the regions that a question and its full answer name.

    A region that is named twice counts twice, so the number can pass 1. The script means to add the
    whole picture for questions about the scene; it looks for "scene" among a step's keys, where it
    never is, and so does not, and neither does this.
    """
    if material.attentions is None or material.scenes is None:
        lacking = "attention maps" if material.attentions is None else "scene graphs"
        _absent(f"there are no {lacking}")
    size = _map_size(material.attentions, scores)
    values, most = {}, 1.0
    for score in scores:
        key = score.sample_id
        regions, attention = _regions(material, key), material.attentions[key]
        values[key] = _attended(regions, attention, size)
        most = max(most, len(regions) * sum(abs(cell) for row in attention for cell in row))
    if not isfinite(most):
        _absent("the attention is too large to be added up")
    return _ratio(
        "grounding",
        lambda unit: (values[unit[0].sample_id], 1.0),
        scores,
        bounds=(-most if min(values.values(), default=0.0) < 0 else 0.0, most),
    )


def _map_size(attentions: Mapping[str, Map], scores: Sequence[SampleScore]) -> int:
    """The side of the square maps, `--mapSize` of the script; one for all."""
    lacking = [score.sample_id for score in scores if score.sample_id not in attentions]
    if lacking:
        _absent(f"there is no attention map of {_counted(lacking, 'question')}")
    size = len(attentions[scores[0].sample_id]) if scores else 0
    for score in scores:
        rows = attentions[score.sample_id]
        if not size or len(rows) != size or any(len(row) != size for row in rows):
            # Object-based attention lands here: the script's code for it stops with a NameError.
            _absent(
                f"the attention of {score.sample_id!r} is no square map, or not of the size of "
                "the others"
            )
    return size


def _regions(material: Material, key: str) -> list[Region]:
    question = material.questions[key]
    if "annotations" not in question:
        _absent(f"the question {key!r} has no annotations")
    scene = (material.scenes or {}).get(question["imageId"])
    if scene is None or not scene["width"] or not scene["height"]:
        _absent(f"there is no scene graph of {question['imageId']!r}, or no size in it")
    named = question["annotations"]
    found = []
    for thing in (*named["question"].values(), *named["fullAnswer"].values()):
        if thing not in scene["objects"]:
            _absent(f"{question['imageId']!r} has no object {thing!r} in its scene graph")
        found.append(_region(scene, scene["objects"][thing]))
    return found


def _region(scene: Scene, box: Box) -> Region:
    return (
        box["x"] / scene["width"],
        box["y"] / scene["height"],
        (box["x"] + box["w"]) / scene["width"],
        (box["y"] + box["h"]) / scene["height"],
    )


def _attended(regions: Sequence[Region], attention: Map, size: int) -> float:
    """The attention on all regions, each cell by the share of it that a region covers.

    The first index of the map runs along x. Additions are made in the order of the script.
    """
    edge = 1.0 / size
    sides = [(edge * k, edge * (k + 1)) for k in range(size)]
    total = 0.0
    for x0, y0, x1, y1 in regions:
        across = [_overlap(x0, x1, *side) for side in sides]
        down = [_overlap(y0, y1, *side) for side in sides]
        for i, (left, right) in enumerate(sides):
            if not across[i]:
                continue  # adds 0 in each cell
            for j, (top, bottom) in enumerate(sides):
                area = (right - left) * (bottom - top)
                total += attention[i][j] * (across[i] * down[j] / area)
    return total


def _overlap(low: float, high: float, start: float, end: float) -> float:
    return max(min(end, high) - max(start, low), 0.0)


# Distribution


def _distribution(material: Material, given: Given, scores: Sequence[SampleScore]) -> MetricValue:
    """How far predicted answers are spread otherwise than gold ones; lower is better.

    Within each global group the chi-square statistic of the two histograms, over gold answers only:
    a predicted answer that is nowhere gold is not looked at. Then the mean over groups by their
    size, by 100. Questions without a global group do not count.
    """
    gold: dict[str, Counter[str]] = {}
    said: dict[str, Counter[str | None]] = {}
    counted = []
    for score in scores:
        question = material.questions[score.sample_id]
        group = question.get("groups", {}).get("global")
        if group is not None:
            gold.setdefault(group, Counter())[question["answer"]] += 1
            said.setdefault(group, Counter())[given.get(score.sample_id)] += 1
            counted.append(score)
    if not counted:
        _absent("no question has a global group")
    weighted, most, n = 0.0, 0.0, 0
    for group, answers in gold.items():
        statistic = 0.0
        for answer, expected in answers.items():
            statistic += float(said[group][answer] - expected) ** 2 / expected
        size = answers.total()
        weighted += statistic * size
        most += _largest(answers) * size
        n += size
    return MetricValue(
        value=weighted / n / 100,
        low=None,
        high=None,
        method="none (a distance of histograms)",
        n=n,
        clusters=len({score.cluster for score in counted}),
        maximum=most / n / 100,
    )


def _largest(answers: Counter[str]) -> float:
    """The largest statistic: all answers are the rarest gold one, or none is a gold one."""
    size, rarest = answers.total(), min(answers.values())
    return max(float(size), (size - rarest) * size / rarest)
