"""Published grades and reviews: the official evaluators' own numbers, to the last digit."""

import json

import numpy as np
import pytest

from evalkit.answers.judge_reply import first_line_pair
from evalkit.judge.review import read_review
from evalkit.judge.review_numbers import numbers_of

LLAVA, MMVET = "llava-bench", "mm-vet"


@pytest.fixture(scope="module")
def llava(reference):
    return reference.root / LLAVA


@pytest.fixture(scope="module")
def mmvet(reference):
    return reference.root / MMVET


def expected(folder):
    return json.loads((folder / "expected.json").read_text())


def test_every_review_file_has_the_official_numbers(llava):
    told = {name: own for name, own in expected(llava).items() if name.endswith(".jsonl")}
    assert len(told) >= 8
    for name, numbers in told.items():
        review = read_review(llava / "reviews" / name)
        found = numbers_of(review)
        official = {
            key.removeprefix("llava_bench_"): (
                v["relative"],
                v["reference_x10"],
                v["candidate_x10"],
            )
            for key, v in numbers["official_summary"].items()
        }
        assert found.official == official, name
        exact = numbers["unrounded"]["all"]
        assert found.metrics["relative"].value == exact["relative_without_the_3_decimal_rounding"]
        assert list(found.totals) == exact["sum_scores"], name
        assert len(found.failed) == numbers["rows_with_minus_one"], name
        differing = numbers["rows_where_parse_score_of_the_text_differs_from_the_stored_pair"]
        assert len(review.differing) == len(differing), name


def test_the_published_mean_of_three_reviews(llava):
    files = sorted((llava / "reviews" / "in-the-wild").glob("llava-v1.5-13b-eval?.jsonl"))
    official = [numbers_of(read_review(path)).official["all"][0] for path in files]
    assert official == [72.8, 72.7, 72.1]
    assert round(sum(official) / 3, 1) == 72.5


def test_sixty_questions_are_about_twenty_four_pictures(llava):
    folder = llava / "reviews" / "in-the-wild"
    for path in sorted(folder.glob("llava-v1.5-13b-eval?.jsonl")):
        alone = numbers_of(read_review(path))
        known = numbers_of(read_review(path, llava / "in-the-wild" / "questions.jsonl"))
        assert (alone.metrics["relative"].clusters, known.metrics["relative"].clusters) == (60, 24)
        assert known.official == alone.official
        assert known.metrics["printed"].value == known.official["all"][0]


def test_a_failed_review_is_left_out_and_bounds_the_number(llava):
    name = "smoothguard_Qwen2.5-reviews-new.jsonl"
    found = numbers_of(read_review(llava / "reviews" / "in-the-wild" / name))
    assert found.failed == ("15",)
    low, own, high = (found.metrics[k].value for k in ("judged_low", "judged", "judged_high"))
    assert low < own < high
    assert found.metrics["judged"].value != found.metrics["relative"].value


def test_the_pair_is_read_as_the_official_parser_reads_it(llava):
    cases = json.loads((llava / "parse_score_cases.json").read_text())
    odd = 0
    for case in cases:
        pair = case["parse_score"]
        if any(isinstance(number, str) for number in pair):  # "nan", "inf": no number to equal
            assert first_line_pair(case["review"]) is None
            odd += 1
            continue
        assert list(first_line_pair(case["review"]) or (-1, -1)) == pair, case
    assert odd


def test_every_grade_file_has_the_official_numbers(mmvet):
    for name, told in expected(mmvet).items():
        found = numbers_of(read_review(mmvet / "grades" / f"{name}.json", mmvet / "mm-vet.json"))
        total = found.metrics["total"].value
        runs = [found.metrics[f"total_run{r}"].value for r in range(1, told["num_run"] + 1)]
        std = found.metrics["total_std"].value
        for tag, kind in (("capability", "capability"), ("integration", "integration")):
            ours = {key: value["total"] for key, value in found.slices[tag].items()}
            ours |= {"total": total, "std": std}
            exact = dict(told[f"{kind}_12_decimals"])
            assert {k: round(v, 12) for k, v in ours.items()} == pytest.approx(
                {k: v for k, v in exact.items() if k != "runs"}, abs=2e-12
            )
            printed = {k: float(np.round(v, 1)) for k, v in ours.items()}
            shown = dict(told[f"{kind}_1_decimal"])
            assert printed == {k: v for k, v in shown.items() if k != "runs"}
            assert [float(np.round(run, 1)) for run in runs] == shown["runs"]
