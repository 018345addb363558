"""Odd answers, as the official evaluators were seen to read them."""

import pytest

from evalkit.answers import vqa_tables
from evalkit.answers.evalai import evalai_answer
from evalkit.answers.gqa import gqa_answer
from evalkit.answers.letter import (
    lmms_eval_mmvp_letter,
    lmms_eval_scienceqa_letter,
    mmvp_letter,
    scienceqa_letter,
)
from evalkit.answers.verdict import mmvp_verdict
from evalkit.answers.vqa import vqa_answer
from evalkit.answers.yes_no import (
    lmms_mme_reading,
    lmms_pope_reading,
    mme_reading,
    pope_reading,
    vlmevalkit_reading,
)


@pytest.mark.parametrize(
    ("benchmark", "key", "parse", "unparsed"),
    [
        ("gqa", "converted", gqa_answer, ""),
        ("scienceqa", "parsed", lambda text: scienceqa_letter(text).answer, "FAILED"),
    ],
)
def test_edge_cases_are_read_as_by_the_official_script(reference, benchmark, key, parse, unparsed):
    cases = reference.json(f"{benchmark}/edge_cases.json")["cases"]
    assert cases
    assert [(case["text"], parse(case["text"]) or unparsed) for case in cases] == [
        (case["text"], case[key]) for case in cases
    ]


@pytest.mark.parametrize(
    ("benchmark", "key", "read", "unread"),
    [
        ("pope", "parsed", pope_reading, None),
        ("pope", "vlmevalkit", vlmevalkit_reading, "Unknown"),
        ("mme", "parsed", mme_reading, "other"),
        ("mme", "lmms_eval", lmms_mme_reading, "other"),
        ("mme", "vlmevalkit", vlmevalkit_reading, "Unknown"),
    ],
)
def test_yes_and_no_are_read_as_by_each_implementation(reference, benchmark, key, read, unread):
    cases = reference.json(f"{benchmark}/edge_cases.json")["cases"]
    found = {case["text"]: read(case["text"]).answer or unread.lower() for case in cases}
    assert found == {case["text"]: case[key].lower() for case in cases}


def test_lmms_eval_compares_the_whole_text_with_pope_s_answers(reference):
    cases = reference.json("pope/edge_cases.json")["cases"]
    read = {case["text"]: lmms_pope_reading(case["text"]).answer for case in cases}
    whole = {case["text"]: case["lmms_eval_pred"] for case in cases}
    assert read == {text: word if word in ("yes", "no") else None for text, word in whole.items()}


@pytest.mark.parametrize(("key", "normalise"), [("vqa_py27", vqa_answer), ("m4c", evalai_answer)])
def test_answers_are_normalised_as_by_the_official_script(reference, key, normalise):
    cases = reference.json("vqav2/normalise_cases.json")
    assert len(cases) == 552
    assert [(case["in"], normalise(case["in"])) for case in cases] == [
        (case["in"], case[key]) for case in cases
    ]


def test_the_tables_are_the_official_ones(reference):
    tables = reference.json("vqav2/tables.json")
    assert tables["contractions"] == vqa_tables.CONTRACTIONS
    assert tables["number_words"] == vqa_tables.NUMBER_WORDS
    assert set(tables["articles"]) == vqa_tables.ARTICLES
    assert list(vqa_tables.MARKS) == tables["punctuation_in_order"]


def test_mmvp_letters_differ_from_lmms_eval_where_it_guesses(reference):
    cases = reference.json("mmvp/edge_cases.json")["direct_letter"]["cases"]
    read = {case["text"]: mmvp_letter(case["text"], ("Open", "Closed")).answer for case in cases}
    differing = {
        x["text"]: read[x["text"]] for x in cases if (read[x["text"]] or "") != x["lmms_eval"]
    }
    assert differing == {
        "Open": "A",
        "A butterfly with wings open": None,
        "banana is yellow": None,
        "(a) or (b)": None,
    }


def test_mmvp_letters_of_lmms_eval(reference):
    cases = reference.json("mmvp/edge_cases.json")["direct_letter"]["cases"]
    read = {case["text"]: lmms_eval_mmvp_letter(case["text"]).answer or "" for case in cases}
    assert read == {case["text"]: case["lmms_eval"] for case in cases}


def test_mmvp_judge_replies(reference):
    cases = reference.json("mmvp/edge_cases.json")["official_judge"]["cases"]
    assert {x["judge_reply"]: mmvp_verdict(x["judge_reply"]).answer == "yes" for x in cases} == {
        x["judge_reply"]: x["counts_as_correct"] for x in cases
    }


def test_scienceqa_letters_of_lmms_eval(reference):
    for case in reference.json("scienceqa/edge_cases.json")["cases"]:
        letter = lmms_eval_scienceqa_letter(case["text"]).answer
        accepted = letter in "ABCDE"[: case["n_choices"]] if letter else False
        assert ([letter] if accepted else None) == case["lmms_eval_accepts"], case["text"]
