"""GQA's files as a user has them: whole, in parts, odd and damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.rescore import Order, Scored, score_file

WHOLE = [[1 / 49] * 7 for _ in range(7)]


def entry(answer: str = "yes", **changes) -> dict:
    return {
        "imageId": "n1",
        "question": "Is it a dog?",
        "answer": answer,
        "isBalanced": True,
        "types": {"structural": "verify", "semantic": "obj", "detailed": "exist"},
        "semantic": [{"operation": "select", "argument": "dog (1)", "dependencies": []}],
        "groups": {"global": None, "local": "x"},
        "entailed": [],
        "annotations": {"question": {"3": "1"}, "fullAnswer": {"1": "1"}, "answer": {}},
        **changes,
    }


class Bench:
    """A folder of references and a prediction file."""

    def __init__(self, root: Path):
        self.references = root / "references"
        self.references.mkdir()
        self.predictions = root / "predictions.json"

    def write(self, name: str, content, *, packed: bool = False) -> Path:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        path = self.references / name
        path.write_bytes(gzip.compress(raw) if packed else raw)
        return path

    def score(self, texts: dict, references: Path | None = None, **options) -> Scored:
        written = [{"questionId": key, "prediction": text} for key, text in texts.items()]
        self.predictions.write_text(json.dumps(written))
        place = references or self.references
        return score_file(
            Order(task="gqa", predictions=self.predictions, references=place, **options)
        )

    def numbers(self, texts: dict, **options) -> dict[str, float]:
        metrics = self.score(texts, **options).result.metrics
        return {name: value.value for name, value in metrics.items()}

    def absence(self, texts: dict) -> str:
        notes = self.score(texts).result.notes
        return next((note for note in notes if note.startswith("Not computed")), "")


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


# Questions


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["testdev_balanced_questions.json", "anything.json"])
def test_a_question_file(bench, packed, name):
    path = bench.write(name, {"1": entry(), "2": entry("no")}, packed=packed)
    scored = bench.score({"1": "yes", "2": "yes"}, path)
    assert scored.result.metrics["accuracy"].value == 0.5
    assert scored.result.breakdowns["words"]["4"]["accuracy"] == 0.5


def test_only_balanced_questions_are_scored_and_the_others_are_known(bench):
    bench.write("val_questions.json", {"1": entry(), "2": entry(isBalanced=False)})
    result = bench.score({"1": "yes", "2": "no", "3": "no"}).result
    assert result.coverage.asked == 1
    assert any("1 answer" in note for note in result.notes), result.notes


def test_files_of_one_split_are_merged_and_may_repeat_a_question(bench):
    bench.write("testdev_all_questions.json", {"1": entry(), "2": entry(isBalanced=False)})
    bench.write("testdev_balanced_questions.json.gz", {"1": entry()}, packed=True)
    bench.write("gt_more.json", {"3": entry("no")})
    assert bench.numbers({"1": "yes", "3": "yes"})["accuracy"] == 0.5


def test_two_files_that_differ_in_a_question_are_refused(bench):
    bench.write("testdev_all_questions.json", {"1": entry()})
    bench.write("testdev_balanced_questions.json", {"1": entry("no")})
    with pytest.raises(UsageError, match=r"'1' is not the same in .*all.* and in .*balanced"):
        bench.score({"1": "yes"})


def test_of_several_splits_test_dev_is_scored(bench):
    bench.write("testdev_balanced_questions.json", {"1": entry()})
    bench.write("val_balanced_questions.json", {"2": entry()})
    bench.write("val_choices.json", {"2": {"valid": [], "plausible": []}})
    scored = bench.score({"1": "yes"})
    assert scored.result.metrics["accuracy"].value == 1.0
    assert "validity" not in scored.result.metrics
    assert any("testdev, val, testdev is scored" in note for note in scored.result.notes)


def test_several_other_splits_are_refused(bench):
    bench.write("train_balanced_questions.json", {"1": entry()})
    bench.write("val_balanced_questions.json", {"2": entry()})
    with pytest.raises(UsageError, match="several splits \\(train, val\\)"):
        bench.score({"1": "yes"})


def test_chunks_in_a_folder_of_their_own(bench):
    (bench.references / "val_all_questions").mkdir()
    for k in range(2):
        bench.write(f"val_all_questions/val_all_questions_{k}.json", {str(k): entry()})
    assert bench.numbers({"0": "yes", "1": "no"})["accuracy"] == 0.5


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not whole JSON"),
        (b'{"1": {"imageId"', "not whole JSON"),
        (b"[1, 2]", "Expected `object`, got `array`"),
        (b"{}", "no entries"),
        ({"1": entry(), "7": {"question": "x"}}, "entry '7', .*missing required field"),
        ({"1": entry(), "8": entry(answer=None)}, "entry '8', .*answer.*challenge splits"),
        ({"1": entry(isBalanced=False)}, "no balanced question"),
        (b'{"1": "\xff"}', "questions.json"),
        (b"\x1f\x8bdamaged", "cannot be read"),
    ],
)
def test_damaged_question_files_are_named_with_the_place(bench, content, complaint):
    bench.write("val_questions.json", content)
    with pytest.raises(UsageError, match=complaint):
        bench.score({"1": "yes"})


def test_a_file_that_is_not_of_questions(bench):
    path = bench.write("val_choices.json", {"1": {"valid": [], "plausible": []}})
    with pytest.raises(UsageError, match="holds choices; give the question file"):
        bench.score({"1": "yes"}, path)


# Answers


def test_a_result_list_is_compared_as_it_is_and_said_to_be(bench):
    bench.write("val_questions.json", {"1": entry(), "2": entry()})
    scored = bench.score({"1": "Yes.", "2": "yes"})
    assert scored.result.metrics["accuracy"].value == 0.5
    assert any("1 of 2 predictions have capitals or a full stop" in n for n in scored.result.notes)


def test_answers_of_llava_are_converted(bench):
    path = bench.write("val_questions.json", {"1": entry(), "2": entry()})
    lines = [{"question_id": str(k), "prompt": "?", "text": "Yes."} for k in (1, 2)]
    bench.predictions = bench.predictions.with_suffix(".jsonl")
    bench.predictions.write_text("\n".join(map(json.dumps, lines)))
    order = Order(task="gqa", predictions=bench.predictions, references=path)
    assert score_file(order).result.metrics["accuracy"].value == 1.0


def test_of_two_predictions_the_last_counts(bench):
    path = bench.write("val_questions.json", {"1": entry()})
    written = [{"questionId": "1", "prediction": text} for text in ("yes", "no")]
    bench.predictions.write_text(json.dumps(written))
    order = Order(task="gqa", predictions=bench.predictions, references=path)
    assert score_file(order).result.metrics["accuracy"].value == 0.0


def test_a_missing_prediction_is_wrong_and_said_to_stop_the_official_script(bench):
    bench.write("val_questions.json", {"1": entry(), "2": entry()})
    result = bench.score({"1": "yes"}).result
    assert result.metrics["accuracy"].value == 0.5
    assert any("eval.py stops" in note for note in result.notes)


def lmms_eval_line(number: int, question: str, target: str, text: str) -> str:
    line = {
        "doc_id": number,
        "input": f"{question}\nAnswer the question using a single word or phrase.",
        "target": target,
        "filtered_resps": text,
    }
    return json.dumps(line)


def test_samples_of_lmms_eval_carry_their_gold_answers(tmp_path):
    path = tmp_path / "x_samples_gqa.jsonl"
    lines = [lmms_eval_line(0, "Is it?", "yes", "Yes!"), lmms_eval_line(1, "Who?", "dog", "cat")]
    path.write_text("\n".join(lines))
    for protocol, accuracy in (("official", 0.0), ("lmms-eval", 0.5), ("vlmevalkit", 0.0)):
        result = score_file(Order(task="gqa", predictions=path, protocol=protocol)).result
        assert {name: m.value for name, m in result.metrics.items()} == {"accuracy": accuracy}
        assert not any(result.breakdowns.values())


def test_rows_of_lmms_eval_are_those_of_the_references(bench, tmp_path):
    place = bench.write(
        "val_questions.json", {"71": entry(question="Is it?"), "72": entry(question="Was it?")}
    )
    path = tmp_path / "x_samples_gqa.jsonl"
    path.write_text(lmms_eval_line(1, "Was it?", "yes", "yes"))
    result = score_file(Order(task="gqa", predictions=path, references=place)).result
    assert result.metrics["accuracy"].value == 0.5
    path.write_text(lmms_eval_line(0, "Was it?", "yes", "yes"))
    with pytest.raises(UsageError, match="in another order"):
        score_file(Order(task="gqa", predictions=path, references=place))


def table(path: Path, *rows: tuple[object, ...]) -> Path:
    lines = [("index", "question", "answer", "prediction"), *rows]
    path.write_text("\n".join("\t".join(map(str, line)) for line in lines) + "\n")
    return path


def test_a_table_of_vlmevalkit_carries_its_gold_answers(tmp_path):
    path = table(tmp_path / "m_GQA.tsv", (0, "Is it?", "yes", " YES"), (1, "Who?", "dog", "dog."))
    for protocol, accuracy in (("official", 0.5), ("lmms-eval", 1.0), ("vlmevalkit", 0.5)):
        result = score_file(Order(task="gqa", predictions=path, protocol=protocol)).result
        assert result.metrics["accuracy"].value == accuracy


def test_a_table_is_matched_by_question_id_or_else_by_row(bench, tmp_path):
    place = bench.write("val_questions.json", {"71": entry(), "72": entry("no")})
    for first, second in ((71, 72), (0, 1)):
        path = table(
            tmp_path / "m_GQA.tsv",
            (second, "Is it a dog?", "no", "no"),
            (first, "Is it a dog?", "yes", "no"),
        )
        result = score_file(Order(task="gqa", predictions=path, references=place)).result
        assert result.metrics["accuracy"].value == 0.5
        assert result.metrics["binary"].value == 0.5


def test_two_gold_answers_to_one_row_are_refused(tmp_path):
    path = tmp_path / "x_samples_gqa.jsonl"
    lines = [lmms_eval_line(0, "Is it?", gold, "yes") for gold in ("yes", "no")]
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError, match="two gold answers to the question '0'"):
        score_file(Order(task="gqa", predictions=path))


# Further numbers


def test_consistency_is_the_share_of_entailed_answers_that_are_right(bench):
    bench.write(
        "val_questions.json",
        {
            "1": entry(entailed=["1", "2", "3"]),
            "2": entry(isBalanced=False),
            "3": entry("no", isBalanced=False),
            "4": entry(entailed=["2"]),  # answered wrong: does not count
            "5": entry(entailed=["5"]),  # entails itself alone: does not count
        },
    )
    texts = {"1": "yes", "2": "yes", "3": "yes", "4": "no", "5": "yes"}
    consistency = bench.score(texts).result.metrics["consistency"]
    assert (consistency.value, consistency.n) == (0.5, 1)


@pytest.mark.parametrize(
    ("texts", "entailed", "reason"),
    [
        ({"1": "yes"}, ["2"], "the file has no answers to 1 entailed question, such as '2'"),
        ({"1": "yes", "2": "yes"}, ["9"], "the references lack 1 entailed question, such as '9'"),
        ({"1": "no"}, ["2"], "no question that entails another is answered right"),
        ({"1": "yes"}, ["1"], "no question that entails another is among the references"),
    ],
)
def test_consistency_is_absent_where_answers_are(bench, texts, entailed, reason):
    bench.write("val_questions.json", {"1": entry(entailed=entailed), "2": entry(isBalanced=False)})
    assert reason in bench.absence(texts)
    assert "consistency" not in bench.numbers(texts)


def test_a_question_whose_text_is_null_has_an_answer_that_is_wrong(bench):
    bench.write("val_questions.json", {"1": entry(entailed=["2"]), "2": entry(isBalanced=False)})
    assert bench.numbers({"1": "yes", "2": None})["consistency"] == 0.0


def test_valid_and_plausible_answers(bench):
    common = {"structural": "query", "semantic": "attr", "detailed": "twoCommon"}
    bench.write(
        "val_questions.json", {"1": entry(), "2": entry(), "3": entry("color", types=common)}
    )
    choices = {"valid": ["yes", "no"], "plausible": ["no"]}
    bench.write("val_choices.json", dict.fromkeys("123", choices))
    numbers = bench.numbers({"1": "yes", "2": "color", "3": "shape"})
    assert (numbers["validity"], numbers["plausibility"]) == (2 / 3, 1 / 3)


def test_choices_that_lack_a_question_give_no_number(bench):
    bench.write("val_questions.json", {"1": entry(), "2": entry()})
    bench.write("val_choices.json", {"1": {"valid": ["yes"], "plausible": []}})
    texts = {"1": "yes", "2": "yes"}
    reason = "validity and plausibility (the choices lack 1 question, such as '2')"
    assert reason in bench.absence(texts)


def test_no_choices_file_is_no_zero(bench):
    bench.write("val_questions.json", {"1": entry()})
    assert "validity and plausibility (there is no choices file)" in bench.absence({"1": "yes"})
    assert "validity" not in bench.numbers({"1": "yes"})


def test_grounding_counts_a_region_as_often_as_it_is_named(bench):
    half = {"width": 100, "height": 100, "objects": {"1": {"x": 0, "y": 0, "w": 50, "h": 100}}}
    scene_step = [{"operation": "select", "argument": "scene"}]  # the whole picture is not added
    bench.write("val_questions.json", {"1": entry(semantic=scene_step)})
    bench.write("val_sceneGraphs.json", {"n1": half})
    bench.write("val_attentions.json", [{"questionId": "1", "attention": WHOLE}])
    assert bench.numbers({"1": "yes"})["grounding"] == pytest.approx(1.0)


def test_the_first_index_of_a_map_runs_from_left_to_right(bench):
    left = {"width": 10, "height": 10, "objects": {"1": {"x": 0, "y": 0, "w": 1, "h": 10}}}
    attention = [[1.0, 0.0], [0.0, 0.0]]
    bench.write("val_questions.json", {"1": entry()})
    bench.write("val_sceneGraphs.json", {"n1": left})
    bench.write("val_attentions.json", [{"questionId": "1", "attention": attention}])
    assert bench.numbers({"1": "yes"})["grounding"] == pytest.approx(2 * 0.2)


BOX = {"x": 0, "y": 0, "w": 1, "h": 1}


@pytest.mark.parametrize(
    ("scenes", "maps", "reason"),
    [
        (None, {"1": WHOLE}, "there are no scene graphs"),
        ({"n1": {"1": BOX}}, None, "there are no attention maps"),
        ({"n1": {"1": BOX}}, {"2": WHOLE}, "no attention map of 1 question, such as '1'"),
        ({"n2": {"1": BOX}}, {"1": WHOLE}, "no scene graph of 'n1'"),
        ({"n1": {"2": BOX}}, {"1": WHOLE}, "'n1' has no object '1' in its scene graph"),
        ({"n1": {"1": BOX}}, {"1": [[0, 0, 1, 1, 0.5]]}, "no square map"),
        ({"n1": {"1": BOX}}, {"1": []}, "no square map"),
        ({"n1": {"1": BOX}}, {"1": [[1e308, 1e308], [1e308, 1e308]]}, "too large"),
    ],
)
def test_grounding_is_absent_where_its_inputs_are(bench, scenes, maps, reason):
    bench.write("val_questions.json", {"1": entry()})
    if scenes is not None:
        graphs = {
            key: {"width": 9, "height": 9, "objects": objects} for key, objects in scenes.items()
        }
        bench.write("val_sceneGraphs.json", graphs)
    if maps is not None:
        entries = [{"questionId": key, "attention": rows} for key, rows in maps.items()]
        bench.write("val_attentions.json", entries)
    assert reason in bench.absence({"1": "yes"})


def test_damaged_companions_are_named(bench):
    bench.write("val_questions.json", {"1": entry()})
    bench.write("val_choices.json", {"1": {"valid": "yes", "plausible": []}})
    with pytest.raises(UsageError, match=r"val_choices.json, entry '1', .*valid"):
        bench.score({"1": "yes"})
    bench.write("val_choices.json", {"1": {"valid": [], "plausible": []}})
    bench.write("val_attentions.json", [{"questionId": "1", "attention": "x"}])
    with pytest.raises(UsageError, match=r"val_attentions.json is not as in GQA's"):
        bench.score({"1": "yes"})


def test_distribution_looks_at_gold_answers_alone(bench):
    group = {"global": "color", "local": "x"}
    golds = {"1": "red", "2": "red", "3": "blue", "4": "blue"}
    questions = {key: entry(gold, groups=group) for key, gold in golds.items()}
    bench.write("val_questions.json", {**questions, "5": entry("green")})
    # red: 1 said where 2 are gold; blue: 2 and 2; "pink" is nowhere gold; 5 has no global group
    texts = {"1": "red", "2": "pink", "3": "blue", "4": "blue", "5": "red"}
    distribution = bench.score(texts).result.metrics["distribution"]
    assert distribution.value == (1 / 2) / 100
    assert (distribution.n, distribution.low, distribution.high) == (4, None, None)
    assert bench.numbers(dict.fromkeys(texts, "red"))["distribution"] <= distribution.maximum


def test_distribution_without_groups_is_absent(bench):
    bench.write("val_questions.json", {"1": entry()})
    assert "distribution (no question has a global group)" in bench.absence({"1": "yes"})
