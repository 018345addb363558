"""Recorded predictions with the official evaluators' own numbers, digit for digit."""

from __future__ import annotations

import csv
from collections import defaultdict

import pytest

from evalkit.answers.vqa import as_compared
from evalkit.records import Image, Prediction, SampleScore
from evalkit.score import score_predictions
from evalkit.sums import total
from evalkit.tasks import gqa, mme, mmvp, pope, scienceqa, textvqa, vqav2

PICTURE = Image(key="none", read=lambda: b"")
SHORT = "\nAnswer the question using a single word or phrase."


def scored(task, rows, texts) -> tuple[SampleScore, ...]:
    """Rows and what was answered to them (None: failed), as the task scores them."""
    samples = [task.to_sample(row) for row in rows]
    predictions = {
        sample.id: Prediction(sample_id=sample.id, text=text)
        for sample, text in zip(samples, texts, strict=True)
    }
    assert len(predictions) == len(samples)
    return score_predictions(task, samples, predictions)


def numbers(task, scores) -> dict[str, float]:
    """All metrics of the task."""
    return {metric.name: total(metric, scores) for metric in task.metrics}


def by_tag(task, scores, tag, metric) -> dict[str, float]:
    """One metric, slice by slice."""
    slices = defaultdict(list)
    for score in scores:
        slices[score.tags[tag]].append(score)
    return {value: numbers(task, held)[metric] for value, held in slices.items()}


# POPE


def pope_scores(
    reference, truth: str, category: str, answers: list[str]
) -> tuple[SampleScore, ...]:
    lines = reference.lines(truth)[: len(answers)]
    rows = [
        {
            "question_id": line["question_id"],
            "question": line["text"],
            "answer": line["label"],
            "image_source": line["image"],
            "image": PICTURE,
            "category": category,
        }
        for line in lines
    ]
    return scored(pope.TASK, rows, answers)


def pope_llava_scores(reference, name: str) -> dict[str, tuple[SampleScore, ...]]:
    questions = reference.lines("pope/llava_pope_test_8910.jsonl.gz")
    categories = {line["question_id"]: line["category"] for line in questions}
    answers = defaultdict(list)
    for line in reference.lines(f"pope/{name}"):
        answers[categories[line["question_id"]]].append(line["text"])
    truth = "pope/gt_coco_llava15/coco_pope_{}.json.gz"
    return {
        category: pope_scores(reference, truth.format(category), category, texts)
        for category, texts in answers.items()
    }


def assert_pope(found: dict[str, float], expected: dict[str, float]) -> None:
    keys = ("accuracy", "precision", "recall", "f1", "yes_ratio")
    assert {key: found[key] for key in keys} == {key: expected[key] for key in keys}


@pytest.mark.parametrize(
    "name", ["pred/llava-v1.5-13b.jsonl.gz", "pred/llava-v1.5-7b.partial5712.jsonl.gz"]
)
def test_pope_splits(reference, name):
    expected = reference.json("pope/expected.json")["files"][name]["expected"]
    scores = pope_llava_scores(reference, name)
    for category, held in scores.items():
        found = numbers(pope.TASK, held)
        assert_pope(found, expected[category])
        assert found["macro_f1"] == expected[category]["f1"]


def test_pope_pooled_and_mean_of_splits(reference):
    name = "pred/llava-v1.5-13b.jsonl.gz"
    expected = reference.json("pope/expected.json")["files"][name]["expected"]
    scores = pope_llava_scores(reference, name)
    found = numbers(pope.TASK, tuple(score for held in scores.values() for score in held))
    assert_pope(found, expected["pooled_over_categories"])
    assert found["macro_f1"] == expected["mean_over_categories"]["f1"]
    assert round(100 * found["macro_f1"], 1) == 85.9  # LLaVA-1.5-13B, published


def test_pope_free_form_answers_on_the_current_questions(reference):
    name = "pred/llava1_popular_verbose.jsonl.gz"
    expected = reference.json("pope/expected.json")["files"][name]["expected"]["popular"]
    answers = [line["text"] for line in reference.lines(f"pope/{name}")]
    truth = "pope/gt_coco_current/coco_pope_popular.json.gz"
    assert_pope(numbers(pope.TASK, pope_scores(reference, truth, "popular", answers)), expected)


# MME


def mme_rows(reference, folder: str) -> list[dict]:
    return [
        {
            "question_id": f"{subtask}/{fields[0]}",
            "image": PICTURE,
            "question": fields[1],
            "answer": fields[2],
            "category": subtask,
            "response": fields[3] if len(fields) > 3 else "",
        }
        for subtask in (*mme.PERCEPTION, *mme.COGNITION)
        for line in reference.text(f"mme/{folder}/{subtask}.txt").splitlines()
        for fields in [line.split("\t")]
    ]


def assert_mme(scores: tuple[SampleScore, ...], expected: dict) -> None:
    found = numbers(mme.TASK, scores)
    assert found["perception"] == expected["total"]["Perception"]
    assert found["cognition"] == expected["total"]["Cognition"]
    for name, subtasks in (("perception", mme.PERCEPTION), ("cognition", mme.COGNITION)):
        per_subtask = by_tag(mme.TASK, scores, "subtask", name)
        assert {key: per_subtask[key] for key in subtasks} == {
            key: expected["subtasks"][key]["score"] for key in subtasks
        }


@pytest.mark.parametrize("folder", ["pred/LaVIN", "pred/llava-v1.5-7b"])
def test_mme_official_answer_files(reference, folder):
    expected = reference.json("mme/expected.json")["files"][f"{folder}/"]["expected"]
    rows = mme_rows(reference, folder)
    assert_mme(scored(mme.TASK, rows, [row["response"] for row in rows]), expected)


def test_mme_llava_answer_file(reference):
    expected = reference.json("mme/expected.json")["files"]["pred/llava-v1.5-7b/"]["expected"]
    assert expected["total"]["Perception"] == 1508.6726137691257
    texts = {}
    for line in reference.lines("mme/pred/llava-v1.5-7b.jsonl.gz"):
        subtask, *_, file = line["question_id"].split("/")
        texts[subtask, file, line["prompt"].removesuffix(SHORT)] = line["text"]
    # The published numbers are those of the official files, which lack 9 images that are here.
    counted = {
        row["question_id"].rpartition(".")[0] for row in mme_rows(reference, "pred/llava-v1.5-7b")
    }
    rows, answers = [], []
    for row in mme_rows(reference, "gt"):
        text = texts.pop((*row["question_id"].split("/"), mme.to_sample(row).question), None)
        if row["question_id"].rpartition(".")[0] in counted:
            rows.append(row)
            answers.append(text)
    assert not texts
    assert_mme(scored(mme.TASK, rows, answers), expected)


def test_mme_questions_are_asked_as_llava_asks_them(reference):
    prompt = mme.TASK.prompts["llava"]
    asked = {
        (*row["question_id"].split("/"), prompt.render(mme.to_sample(row)))
        for row in mme_rows(reference, "gt")
    }
    theirs = set()
    for line in reference.lines("mme/llava_mme_questions.jsonl.gz"):
        subtask, *_, file = line["question_id"].split("/")
        theirs.add((subtask, file, line["text"]))
    assert len(theirs) == 2374
    assert asked == theirs


# GQA

GQA_FILES = ("gt_xgqa_en_dev.json.gz", "gt_xgqa_en_train_48.json.gz")


@pytest.mark.parametrize("name", [*GQA_FILES, "both"])
def test_gqa(reference, name):
    entries = {}
    for file in GQA_FILES if name == "both" else [name]:
        entries |= reference.json(f"gqa/{file}")
    predictions = reference.lines("gqa/pred/llava-v1.5-13b.xgqa_subset.jsonl.gz")
    texts = {line["question_id"]: line["text"] for line in predictions}
    rows = [{"id": key, "image": PICTURE} | entry for key, entry in entries.items()]
    scores = scored(gqa.TASK, rows, [texts[row["id"]] for row in rows])
    expected = reference.json("gqa/expected.json")["files"][name]["expected"]
    found = numbers(gqa.TASK, scores)
    assert {key: 100 * value for key, value in found.items()} == {
        key: expected[key] for key in ("accuracy", "binary", "open")
    }
    for tag, table in (
        ("structural", "accuracyPerStructuralType"),
        ("semantic", "accuracyPerSemanticType"),
        ("steps", "accuracyPerSteps"),
        ("words", "accuracyPerLength"),
    ):
        slices = by_tag(gqa.TASK, scores, tag, "accuracy")
        assert {key: 100 * value for key, value in slices.items()} == {
            key: entry["accuracy"] for key, entry in expected[table].items()
        }


# VQAv2


def vqa_rows(reference, annotations: str, questions: str) -> list[dict]:
    asked = {q["question_id"]: q["question"] for q in reference.json(questions)["questions"]}
    return [
        entry | {"question": asked[entry["question_id"]], "image": PICTURE}
        for entry in reference.json(annotations)["annotations"]
    ]


def vqa_texts(reference, name: str) -> dict[int, str]:
    return {entry["question_id"]: entry["answer"] for entry in reference.json(name)}


def converted(rows, texts) -> dict[int, str]:
    """The answers after the conversion for upload."""
    samples = [(vqav2.to_sample(row), texts[row["question_id"]]) for row in rows]
    _, entries = vqav2.submission(samples)
    return {entry["question_id"]: entry["answer"] for entry in entries}


def assert_vqa(scores: tuple[SampleScore, ...], expected: dict) -> None:
    found = numbers(vqav2.TASK, scores)["accuracy"]
    assert round(100 * found, 12) == expected["overall"]
    for tag, table in (("answer_type", "perAnswerType"), ("question_type", "perQuestionType")):
        slices = by_tag(vqav2.TASK, scores, tag, "accuracy")
        assert {k: round(100 * v, 12) for k, v in slices.items()} == expected[table]


@pytest.fixture(scope="module")
def small(reference):
    folder = "vqav2/synthetic_small"
    rows = vqa_rows(
        reference,
        f"{folder}/v2_mscoco_val2014_annotations.json",
        f"{folder}/v2_OpenEnded_mscoco_val2014_questions.json",
    )
    name = f"{folder}/v2_OpenEnded_mscoco_val2014_synth_results.json"
    return rows, vqa_texts(reference, name), reference.json(f"{folder}/expected.json")


def test_vqav2_awkward_answers(small):
    rows, texts, expected = small
    scores = scored(vqav2.TASK, rows, [texts[row["question_id"]] for row in rows])
    official = expected["official_py27"]
    assert_vqa(scores, official["accuracy_n12"])
    assert round(100 * numbers(vqav2.TASK, scores)["accuracy"], 2) == 55.6
    assert {s.sample_id: round(100 * s.values["score"], 2) for s in scores} == official["evalQA_n2"]


def test_vqav2_awkward_answers_after_conversion(small):
    rows, texts, expected = small
    texts = converted(rows, texts)
    scores = scored(vqav2.TASK, rows, [texts[row["question_id"]] for row in rows])
    found = round(100 * numbers(vqav2.TASK, scores)["accuracy"], 2)
    assert found == 52.46
    assert str(found) in str(expected["after_llava_convert_vqav2_for_submission"])


def test_vqav2_people_s_answers_are_compared_as_the_tool_compared_them(reference, small):
    rows, texts, _ = small
    name = "vqav2/synthetic_small/human_answers_as_compared_py27.json.gz"
    compared = {}
    for row in rows:
        targets = vqav2.to_sample(row).targets
        _, gold, _ = as_compared(texts[row["question_id"]], targets)
        compared[str(row["question_id"])] = list(gold)
    assert compared == reference.json(name)


def test_vqav2_real_answers(reference):
    folder = "vqav2/real_textvqa_as_vqa"
    rows = vqa_rows(reference, f"{folder}/annotations.json.gz", f"{folder}/questions.json.gz")
    texts = vqa_texts(reference, f"{folder}/results_llava-v1.5-13b.json.gz")
    expected = reference.json(f"{folder}/expected.json.gz")["llava-v1.5-13b"]["official_py27"]
    scores = scored(vqav2.TASK, rows, [texts[row["question_id"]] for row in rows])
    assert_vqa(scores, expected["accuracy_n12"])
    assert round(100 * numbers(vqav2.TASK, scores)["accuracy"], 12) == 49.094
    texts = converted(rows, texts)
    scores = scored(vqav2.TASK, rows, [texts[row["question_id"]] for row in rows])
    assert round(100 * numbers(vqav2.TASK, scores)["accuracy"], 12) == 60.078


# TextVQA


def textvqa_rows(reference, name: str) -> dict[tuple[str, str], dict]:
    return {
        (entry["image_id"], entry["question"].lower()): entry | {"image": PICTURE, "ocr_tokens": []}
        for entry in reference.json(name)["data"]
    }


def question_of(prompt: str) -> str:
    """The question in one of LLaVA's prompt layouts."""
    if prompt.startswith("OCR tokens: "):
        return prompt.partition("Question: ")[2].partition(" Short answer:")[0]
    first, *rest = prompt.split("\n")
    return rest[0] if first.startswith("Reference OCR token:") and len(rest) > 1 else first


@pytest.mark.parametrize(
    ("key", "truth", "answers"),
    [
        (name, "TextVQA_0.5.1_val.json.gz", f"pred/{name}.jsonl.gz")
        for name in ("llava-v1.5-13b", "llava_real_drop_10", "llava_real_drop_200")
    ]
    + [("synthetic", "synthetic/TextVQA_0.5.1_val.json", "synthetic/answers.jsonl")],
)
def test_textvqa(reference, key, truth, answers):
    questions = textvqa_rows(reference, f"textvqa/{truth}")
    lines = reference.lines(f"textvqa/{answers}")
    rows = [questions[x["question_id"], question_of(x["prompt"]).lower()] for x in lines]
    scores = scored(textvqa.TASK, rows, [line["text"] for line in lines])
    per_line = reference.json(f"textvqa/expected_per_line/{key}.json.gz")
    assert [s.values["score"] for s in scores] == [entry["score"] for entry in per_line]
    expected = reference.json("textvqa/expected.json")[key]["accuracy"]
    assert numbers(textvqa.TASK, scores) == {"accuracy": expected}


def test_textvqa_questions_are_asked_as_llava_asks_them(reference):
    rows = textvqa_rows(reference, "textvqa/TextVQA_0.5.1_val.json.gz").values()
    prompt = textvqa.TASK.prompts["llava"]
    lines = reference.lines("textvqa/pred/llava-v1.5-13b.jsonl.gz")
    assert [prompt.render(textvqa.to_sample(row)) for row in rows] == [
        question_of(line["prompt"]) + SHORT for line in lines
    ]


# ScienceQA


def scienceqa_rows(reference) -> dict[str, dict]:
    """The test split; the question holds the context."""
    entries = reference.json("scienceqa/gt_test_derived.json.gz")
    return {
        key: entry
        | {
            "__index__": int(key),
            "question": entry["question_and_context"],
            "image": PICTURE if entry["image"] else None,
        }
        for key, entry in entries.items()
    }


def test_scienceqa_questions_are_asked_as_llava_asks_them(reference):
    rows = scienceqa_rows(reference)
    prompt = scienceqa.TASK.prompts["llava"]
    lines = reference.lines("scienceqa/pred/llava-v1.5-13b.answers.jsonl.gz")
    whole = {key: row | {"hint": ""} for key, row in rows.items()}  # question holds the context
    assert [prompt.render(scienceqa.to_sample(whole[line["question_id"]])) for line in lines] == [
        line["prompt"].removeprefix("<image>\n") for line in lines
    ]


# MMVP


def mmvp_rows(reference) -> list[dict]:
    text = reference.text("mmvp/Questions.csv")
    return [row | {"image": PICTURE} for row in csv.DictReader(text.splitlines())]


def test_mmvp_trivial_predictors(reference):
    rows = mmvp_rows(reference)
    expected = reference.json("mmvp/edge_cases.json")["trivial"]
    found = numbers(mmvp.TASK, scored(mmvp.TASK, rows, ["(a)"] * len(rows)))
    assert found == expected['all "(a)"']
    gold = [row["Correct Answer"] for row in rows]
    assert numbers(mmvp.TASK, scored(mmvp.TASK, rows, gold)) == expected["all correct"]
    failed = numbers(mmvp.TASK, scored(mmvp.TASK, rows, [None] * len(rows)))
    assert failed == {"pair_accuracy": 0.0, "accuracy": 0.0}


def test_mmvp_keys_do_not_depend_on_the_key_of_the_rows(reference):
    original = mmvp_rows(reference)
    disputed = {"99": "(b)", "100": "(a)", "279": "(b)", "280": "(a)"}
    swapped = [
        row | {"Correct Answer": disputed.get(row["Index"], row["Correct Answer"])}
        for row in original
    ]
    corrected = mmvp.TASK.variant("corrected")
    for task, key in ((mmvp.TASK, original), (corrected, swapped)):
        letters = [row["Correct Answer"] for row in key]
        assert numbers(task, scored(task, original, letters))["accuracy"] == 1.0
        assert numbers(task, scored(task, swapped, letters))["accuracy"] == 1.0
    theirs = [row["Correct Answer"] for row in original]
    assert numbers(corrected, scored(corrected, original, theirs)) == {
        "pair_accuracy": 148 / 150,
        "accuracy": 296 / 300,
    }
