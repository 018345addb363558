"""LLaVA's two ensemble scripts on recorded answers: every count, and every final choice."""

from __future__ import annotations

import pytest

from evalkit.answers.sentence import sentence_letter
from evalkit.judge.ensemble import combine, no_guess, seeded_guess
from evalkit.judge.ensemble_files import read_sources

FOLDER = "scienceqa-gpt4-ensemble"
WRONG = "random_choice_returns_wrong"
CASES = ["0", "1", "2", "3", "4", WRONG]


def guess_of(case: str):
    return (lambda _: -1) if case == WRONG else seeded_guess(int(case))


@pytest.fixture(scope="module")
def sources(reference):
    return read_sources(
        ours=reference.root / FOLDER / "our_llava-v1.5-13b_as_sentences.jsonl.gz",
        gpt4=reference.root / "scienceqa" / "pred" / "gpt3_QCM-ALE_2_seed_3.json.gz",
        requery=reference.root / FOLDER / "requery_synthetic_judge_replies.jsonl.gz",
        references=reference.root / "scienceqa",
    )


@pytest.fixture(scope="module")
def expected(reference):
    return reference.json(f"{FOLDER}/expected.json")


def printed(ensemble) -> dict:
    """As `expected.json` has it: the count, and its share before and after rounding."""
    shares = {
        name: (count, count / len(ensemble.questions) * 100)
        for name, count in ensemble.printed.items()
    }
    return {
        name: {"count": count, "printed_percent": float(f"{share:.2f}"), "percent": share}
        for name, (count, share) in shares.items()
    }


@pytest.mark.parametrize("case", CASES)
def test_complement(sources, expected, case):
    found = combine(sources.problems, sources.ours, sources.gpt4, None, guess_of(case))
    assert printed(found) == expected["complement"][case]
    assert list(found.printed) == list(expected["complement"][case])


@pytest.mark.parametrize("case", CASES)
def test_judge(sources, expected, case):
    found = combine(sources.problems, sources.ours, sources.gpt4, sources.requery, guess_of(case))
    assert printed(found) == expected["requery"][case]
    assert list(found.printed) == list(expected["requery"][case])


def test_final_choices(sources, expected, reference):
    found = combine(sources.problems, sources.ours, sources.gpt4, sources.requery, guess_of(WRONG))
    finals = {pid: question.judge for pid, question in found.questions.items()}
    assert finals == reference.json(f"{FOLDER}/expected_final_index_per_pid.json.gz")
    assert found.tallies["judge"].percent == expected["requery_final_acc_field"]


def test_without_guesses_the_counts_are_those_of_wrong_guesses(sources, expected):
    given = (sources.problems, sources.ours, sources.gpt4)
    for requery, name in ((None, "complement"), (sources.requery, "requery")):
        assert printed(combine(*given, requery, no_guess)) == expected[name][WRONG]


def test_every_seed_lies_within_the_bounds(sources, expected):
    own = combine(sources.problems, sources.ours, sources.gpt4, sources.requery).tallies
    names = {
        "Our-Correct": "ours",
        "GPT-4-Correct": "gpt4",
        "GPT-4-OursVisual-Correct": "complement",
        "Requery-Correct": "judge",
        "Correct upper": "upper",
    }
    for case in CASES:
        for printed_name, name in names.items():
            count = expected["requery"][case][printed_name]["count"]
            assert own[name].right <= count <= own[name].possible


def test_replies_are_to_disagreements_alone(sources):
    found = combine(sources.problems, sources.ours, sources.gpt4, sources.requery)
    assert not found.needless_requery
    silent = set(found.disagreements) - set(sources.requery)
    assert len(found.disagreements) == len(sources.requery) + len(silent) == 1253
    unread = set(found.missing_requery) - silent
    assert silent < set(found.missing_requery)
    assert all(sentence_letter(sources.requery[pid]).answer is None for pid in unread)


SLICES = {
    "NAT": "subset361:subject=natural science",
    "SOC": "subset361:subject=social science",
    "LAN": "subset361:subject=language science",
    "TXT": "has_text",
    "IMG": "has_image",
    "NO": "no_context",
    "G1-6": "subset361:grade1-6",
    "G7-12": "subset361:grade7-12",
}


def test_slices(sources, reference):
    """Our sentences are LLaVA-1.5's letters, whose slices the official evaluator has counted."""
    files = reference.json("scienceqa/expected.json")["files"]
    llava = files["pred/llava-v1.5-13b.answers.jsonl.gz"]["via_official_evaluate_acc"]["counts"]
    found = combine(sources.problems, sources.ours, sources.gpt4, sources.requery).slices
    assert {
        name: (t["ours"].right, t["ours"].total, t["ours"].percent) for name, t in found.items()
    } == {
        name: (llava[key]["correct"], llava[key]["total"], llava[key]["accuracy_x100"])
        for name, key in SLICES.items()
    }
    gpt3 = files["pred/gpt3_QCM-ALE_2_seed_3.json.gz"]["expected"]["llava_extractor_on_outputs"]
    assert found["IMG"]["gpt4"].right == gpt3["img_correct"]
