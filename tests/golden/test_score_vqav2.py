"""VQAv2's recorded results, scored from the files, beside the official tool's numbers."""

from __future__ import annotations

import pytest

from evalkit.answers.agreement import two_decimals
from evalkit.answers.vqa import PYTHON3, canonical_words, without_marks
from evalkit.errors import UsageError
from evalkit.rescore import Order, Scored, score_file

SMALL = "vqav2/synthetic_small"
RESULTS = f"{SMALL}/v2_OpenEnded_mscoco_val2014_synth_results.json"
REAL = "vqav2/real_textvqa_as_vqa"
TABLES = {"answer_type": "perAnswerType", "question_type": "perQuestionType"}


def scored(reference, results: str, references: str, protocol: str | None = None, **more) -> Scored:
    return score_file(
        Order(
            task="vqav2",
            predictions=reference.root / results,
            references=reference.root / references,
            protocol=protocol,
            **more,
        )
    )


def percent(scored: Scored, digits: int) -> dict:
    """The numbers as the tool keeps them with `n=12`."""
    slices = {
        table: {k: round(100 * v["accuracy"], digits) for k, v in found.items()}
        for tag, table in TABLES.items()
        for found in [scored.result.breakdowns[tag]]
    }
    return {"overall": round(100 * scored.result.metrics["accuracy"].value, digits), **slices}


def printed(scored: Scored) -> dict:
    """The numbers as the tool prints them, rounded as Python 2.7 rounds."""
    slices: dict[str, dict[str, list[float]]] = {table: {} for table in TABLES.values()}
    for score in scored.scores:
        for tag, table in TABLES.items():
            slices[table].setdefault(score.tags[tag], []).append(score.values["score"])
    rounded = {t: {k: two_decimals(v) for k, v in held.items()} for t, held in slices.items()}
    return {"overall": two_decimals([s.values["score"] for s in scored.scores]), **rounded}


def each(scored: Scored) -> dict[str, float]:
    return {score.sample_id: score.values["score"] for score in scored.scores}


@pytest.fixture(scope="module")
def expected(reference) -> dict:
    return reference.json(f"{SMALL}/expected.json")


def test_official(reference, expected):
    found, official = scored(reference, RESULTS, SMALL), expected["official_py27"]
    assert percent(found, 12) == official["accuracy_n12"]
    assert printed(found) == official["accuracy_n2"]
    assert {k: two_decimals([v]) for k, v in each(found).items()} == official["evalQA_n2"]
    assert found.result.metrics["accuracy_rounded"].value == 55.6 / 100
    sport = found.result.breakdowns["question_type"]["what sport is"]["accuracy_rounded"]
    assert sport == round(official["accuracy_n2"]["perQuestionType"]["what sport is"] / 100, 4)


def test_the_annotations_alone_are_enough(reference, expected):
    found = scored(reference, RESULTS, f"{SMALL}/v2_mscoco_val2014_annotations.json")
    assert percent(found, 12) == expected["official_py27"]["accuracy_n12"]


def test_after_llava_s_conversion(reference, expected):
    found = scored(reference, RESULTS, SMALL, convert="llava")
    after = expected["after_llava_convert_vqav2_for_submission"]
    assert printed(found) == after["accuracy_n2"]
    assert percent(found, 12)["overall"] == after["overall_n12"] == 52.46


def test_where_the_python_3_port_differs(reference, expected):
    """Digits, lower case and white space of Python 3 move four questions; its `round`, a type."""
    port = expected["official_py3_port"]
    found = scored(reference, RESULTS, SMALL)
    ours = {k: two_decimals([v]) for k, v in each(found).items()}
    theirs = dict(ours)
    for sample in found.samples:
        said = [found.predictions[sample.id].text, *sample.targets]
        line = [text.replace("\n", " ").replace("\t", " ").strip() for text in said]
        if len(set(line[1:])) > 1:
            line = [canonical_words(without_marks(text, PYTHON3), PYTHON3) for text in line]
        matches = line[1:].count(line[0])
        theirs[sample.id] = (0.0, 30.0, 60.0, 90.0)[matches] if matches < 4 else 100.0
    assert {k: v for k, v in theirs.items() if v != ours[k]} == port["evalQA_n2_where_different"]
    assert len(port["evalQA_n2_where_different"]) == 4
    sport = [s.values["score"] for s in found.scores if "sport" in s.tags["question_type"]]
    assert 100 * sum(sport) / len(sport) == 3.125
    assert two_decimals(sport) == 3.13
    assert port["accuracy_n2"]["perQuestionType"]["what sport is"] == 3.12


def test_lmms_eval(reference, expected):
    theirs = expected["other_protocols_on_same_files"]["lmms_eval_75571cfe"]
    found = scored(reference, RESULTS, SMALL, "lmms-eval")
    assert each(found) == theirs["per_question"]
    assert 100 * found.result.metrics["accuracy"].value == theirs["mean_x100"]
    assert theirs["mean_x100"] == 60.400000000000055


def test_vlmevalkit(reference, expected):
    """Each question's number was written down rounded; 0.9 is 0.8999999999999998 in five."""
    theirs = expected["other_protocols_on_same_files"]["vlmevalkit_e8e78f05_vqa_score"]
    found = scored(reference, RESULTS, SMALL, "vlmevalkit")
    assert {k: round(v, 12) for k, v in each(found).items()} == theirs["per_question"]
    assert 100 * found.result.metrics["accuracy"].value == theirs["mean_x100"] == 58.68


def test_real_answers(reference):
    expected = reference.json(f"{REAL}/expected.json.gz")["llava-v1.5-13b"]
    results = f"{REAL}/results_llava-v1.5-13b.json.gz"
    for convert, key, overall in (
        (None, "official_py27", 49.094),
        ("llava", "after_llava_convert_vqav2_for_submission_py27", 60.078),
    ):
        found = scored(reference, results, REAL, convert=convert)
        assert percent(found, 12) == expected[key]["accuracy_n12"]
        assert printed(found) == expected[key]["accuracy_n2"]
        questions = {k: two_decimals([v]) for k, v in each(found).items()}
        assert questions == expected[key]["evalQA_n2"]
        assert printed(found)["overall"] == round(overall, 2)


def test_an_odd_file_that_the_tool_scores(reference):
    official = reference.json("vqav2/odd_result_files/expected.json")["official_py27"]
    found = scored(reference, "vqav2/odd_result_files/duplicates_last_wins.json.gz", SMALL)
    assert printed(found) == official["duplicates_last_wins"]["accuracy_n2"]


@pytest.mark.parametrize(
    ("name", "failed", "said"),
    [
        ("missing_one", 1, "The official tool stops unless"),
        ("unknown_id", 0, "stops at answers to questions that"),
        ("string_ids", 0, "another type"),
        ("integer_answer", 0, "another type"),
        ("answer_missing", 1, "stops at an entry without an answer"),
    ],
)
def test_odd_files_at_which_the_tool_stops(reference, expected, name, failed, said):
    """What can be scored is scored: at most one of 500 questions differs from the whole file."""
    official = reference.json("vqav2/odd_result_files/expected.json")["official_py27"]
    assert "raises" in official[name]
    found = scored(reference, f"vqav2/odd_result_files/{name}.json.gz", SMALL)
    assert found.result.coverage.failed == failed
    assert any(said in note for note in found.result.notes)
    whole = expected["official_py27"]["evalQA_n2"]
    odd = {k for k, v in each(found).items() if two_decimals([v]) != whole[k]}
    assert len(each(found)) == 500
    assert len(odd) <= 1


def test_a_file_that_is_no_list_is_refused_in_a_sentence(reference):
    with pytest.raises(UsageError, match="not_a_list"):
        scored(reference, "vqav2/odd_result_files/not_a_list.json.gz", SMALL)
