"""Odd answers, as the official evaluators were seen to read them."""

import pytest

from evalkit.answers import vqa_tables
from evalkit.answers.evalai import evalai_answer
from evalkit.answers.gqa import gqa_answer
from evalkit.answers.letter import mmvp_letter, scienceqa_letter
from evalkit.answers.vqa import vqa_answer
from evalkit.answers.yes_no import mme_answer, pope_answer


@pytest.mark.parametrize(
    ("benchmark", "key", "parse", "unparsed"),
    [
        ("gqa", "converted", gqa_answer, ""),
        ("mme", "parsed", mme_answer, "other"),
        ("pope", "parsed", pope_answer, ""),
        ("scienceqa", "parsed", scienceqa_letter, "FAILED"),
    ],
)
def test_edge_cases_are_read_as_by_the_official_script(reference, benchmark, key, parse, unparsed):
    cases = reference.json(f"{benchmark}/edge_cases.json")["cases"]
    assert cases
    assert [(case["text"], parse(case["text"]) or unparsed) for case in cases] == [
        (case["text"], case[key]) for case in cases
    ]


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
    read = {case["text"]: mmvp_letter(case["text"], ("Open", "Closed")) for case in cases}
    differing = {
        x["text"]: read[x["text"]] for x in cases if (read[x["text"]] or "") != x["lmms_eval"]
    }
    assert differing == {
        "Open": "A",
        "A butterfly with wings open": None,
        "banana is yellow": None,
        "(a) or (b)": None,
    }
