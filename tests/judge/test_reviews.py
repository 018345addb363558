"""Real disagreement: GPT-4 asked again about the same answers, as judge, as human, and as drift."""

import json
from pathlib import Path

import pytest

from evalkit.judge.agreement import Pair, calibrate
from evalkit.judge.drift import MOVED, SAME, drift
from evalkit.report.judge_pages import WIDTH, calibration_page, drift_page

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference():
    root = ROOT.parent / "shared" / "reference"
    if not root.is_dir():
        pytest.skip("the reference files (../shared/reference) are not on this machine")
    return root


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def reviews(reference):
    """Three reviews of LLaVA-1.5-13B: question id -> score of its answer (the second of two)."""

    def second(review):
        first_line = review["content"].split("\n")[0]
        return float(first_line.split()[1])

    folder = reference / "llava-bench" / "reviews" / "in-the-wild"
    return [
        {str(r["question_id"]): second(r) for r in rows(folder / f"llava-v1.5-13b-eval{n}.jsonl")}
        for n in (1, 2, 3)
    ]


@pytest.fixture(scope="module")
def wild(reference, reviews):
    folder = reference / "llava-bench" / "in-the-wild"
    answers = rows(folder / "pred" / "llava-v1.5-13b.jsonl")
    lengths = {str(row["question_id"]): len(row["text"]) for row in answers}
    pictures = {str(row["question_id"]): row["image"] for row in rows(folder / "questions.jsonl")}
    judge, human, _ = reviews
    return [
        Pair(
            sample_id=name,
            judge=judge[name],
            human=human[name],
            length=lengths[name],
            cluster=pictures[name],
        )
        for name in judge
    ]


@pytest.fixture(scope="module")
def grades(reference):
    folder = reference / "mm-vet"
    found = json.loads((folder / "grades" / "llava-v1.5-13b_gpt-4-grade-3runs.json").read_text())
    answers = json.loads((folder / "pred" / "llava-v1.5-13b.json").read_text())
    questions = json.loads((folder / "mm-vet.json").read_text())
    return [
        Pair(
            sample_id=name,
            judge=grade["score"][0],
            human=grade["score"][1],
            length=len(answers[name]),
            cluster=questions[name]["imagename"],
        )
        for name, grade in found.items()
    ]


def fits(page):
    return max(map(len, page.splitlines())) <= WIDTH


def test_two_reviews_of_the_same_answers_agree_on_most(wild):
    found = calibrate(wild, scale=(1, 10))
    equal = sum(pair.judge == pair.human for pair in wild)
    assert (found.n, found.agreement.value.clusters) == (60, 24)
    assert found.agreement.value.value == equal / 60 == 38 / 60
    gap = sum(pair.judge - pair.human for pair in wild) / 60
    assert found.difference.value.value == pytest.approx(gap)
    assert 0.95 < found.kappa.value.low < found.kappa.value.value < found.kappa.value.high < 1
    assert calibrate(wild, scale=(1, 10), tolerance=1).agreement.value.value == 58 / 60
    assert fits(calibration_page(found))


def test_a_third_of_the_labels_give_a_narrower_interval_with_the_judge(wild):
    names = sorted((pair.sample_id for pair in wild), key=int)[::3]
    few = [
        Pair(
            sample_id=pair.sample_id,
            judge=pair.judge,
            human=pair.human if pair.sample_id in names else None,
            length=pair.length,
            cluster=pair.cluster,
        )
        for pair in wild
    ]
    found = calibrate(few, scale=(1, 10))
    corrected, alone = found.corrected.value, found.human_mean.value
    everyone = sum(pair.human for pair in wild) / 60
    assert corrected.low < everyone < corrected.high
    assert corrected.high - corrected.low < 0.7 * (alone.high - alone.low)
    assert abs(corrected.value - everyone) < abs(alone.value - everyone)


def test_gpt_4_does_not_repeat_itself_to_the_half_point_but_to_the_point(reviews):
    first, _, third = reviews
    exact = drift(first, third)
    assert (exact.n, exact.unchanged, exact.verdict) == (60, 42, MOVED)
    assert exact.direction.p > 0.05 > exact.flip_p
    point = drift(first, third, tolerance=1.0)
    assert [flip.sample_id for flip in point.flips] == ["49", "6"]
    assert point.verdict == SAME
    assert fits(drift_page(exact))
    assert drift(first, first).sentence.startswith(f"{SAME}: 0 of 60 anchors flipped")


def test_a_judge_that_is_milder_by_half_a_point_has_moved(reviews):
    first, _, third = reviews
    milder = {name: score + 0.5 for name, score in third.items()}
    found = drift(first, milder, tolerance=1.0)
    assert found.verdict == MOVED
    assert found.direction.p < 0.05
    assert found.shift.low > 0


def test_two_runs_of_mm_vet(grades):
    found = calibrate(grades, scale=(0, 1))
    assert (found.n, found.agreement.value.clusters) == (218, 200)
    assert found.agreement.value.value == 208 / 218
    assert 100 * found.judge_mean.value.value == pytest.approx(36.1, abs=0.05)  # as published
    assert 100 * found.human_mean.value.value == pytest.approx(36.5, abs=0.05)
    assert found.corrected.value.value == pytest.approx(found.human_mean.value.value)
    assert any("Every answer is labelled" in note for note in found.notes)
    assert fits(calibration_page(found))


def test_two_runs_of_mm_vet_as_right_and_wrong(grades):
    words = [
        Pair(
            sample_id=pair.sample_id,
            judge="right" if pair.judge >= 0.5 else "wrong",
            human="right" if pair.human >= 0.5 else "wrong",
            length=pair.length,
            cluster=pair.cluster,
        )
        for pair in grades
    ]
    found = calibrate(words, positive="right")
    assert found.confusion.counts == ((82, 0), (2, 134))
    observed, chance = 216 / 218, (82 * 84 + 136 * 134) / 218**2
    assert found.kappa.value.value == pytest.approx((observed - chance) / (1 - chance))
    before = {pair.sample_id: pair.judge for pair in words}
    moved = drift(before, {pair.sample_id: pair.human for pair in words})
    assert (moved.verdict, len(moved.flips), moved.direction.p) == (SAME, 2, 0.5)
