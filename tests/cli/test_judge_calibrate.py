"""`evalkit judge calibrate`: what people said may be in files of several forms."""

import json
import os
from threading import Thread

import pytest

IDS = [f"v1_{i}" for i in range(12)]


@pytest.fixture
def place(tmp_path):
    references = {
        name: {"question": "Q?", "answer": "a dog", "capability": ["rec"], "imagename": "1.png"}
        for name in IDS
    }
    (tmp_path / "mm-vet.json").write_text(json.dumps(references))
    return tmp_path


def grades(path, shift=0.0):
    """A grade file as the official script writes it: one object, indented."""
    held = {}
    for place, name in enumerate(IDS):
        grade = round(place % 5 / 5 + shift * (place % 3 == 0), 1)
        held[name] = {"model": ["m"], "content": [f"{grade}"], "score": [grade]}
    path.write_text(json.dumps(held, indent=4))
    return path


def people(path, names, key="rating", value=0.4):
    path.write_text("".join(json.dumps({"sample_id": n, key: value}) + "\n" for n in names))
    return path


def test_an_indented_grade_file_may_be_the_labels(evalkit, place):
    judge, human = grades(place / "judge.json"), grades(place / "human.json", shift=0.2)
    words = ("judge", "calibrate", judge, "-r", place / "mm-vet.json", "--json", "--labels")
    done = evalkit(*words, human)
    assert done.code == 0, done.err
    assert done.record["n"] == 12
    assert done.record["agreement"]["value"]["value"] == pytest.approx(8 / 12)
    assert done.record["difference"]["value"]["value"] == pytest.approx(-0.2 / 3)
    same = evalkit(*words, judge)
    assert same.record["agreement"]["value"]["value"] == 1


def test_one_label_is_a_file_of_labels(evalkit, place):
    words = ("judge", "calibrate", grades(place / "judge.json"), "-r", place / "mm-vet.json")
    done = evalkit(*words, "--json", "--labels", people(place / "one.jsonl", IDS[:1]))
    assert (done.code, done.record["labelled"]) == (0, 1)


def test_a_stray_field_does_not_make_a_file_of_labels_a_review(evalkit, place):
    words = ("judge", "calibrate", grades(place / "judge.json"), "-r", place / "mm-vet.json")
    path = place / "human.jsonl"
    path.write_text(json.dumps({"sample_id": IDS[0], "rating": 0.4, "question_id": 1}))
    done = evalkit(*words, "--labels", path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "has the unknown field 'question_id'; known are sample_id, label, rating" in done.err


def test_labels_of_samples_that_were_not_judged_are_counted(evalkit, place):
    words = ("judge", "calibrate", grades(place / "judge.json"), "-r", place / "mm-vet.json")
    some = evalkit(*words, "--labels", people(place / "h.jsonl", [*IDS[:9], "v1_99", "v1_98"]))
    assert some.code == 0
    said = "2 of 11 labels are about samples that were not judged here ('v1_99' first)"
    assert said in " ".join(some.out.split())
    none = evalkit(*words, "--labels", people(place / "h.jsonl", ["zz1", "zz2"]))
    assert (none.code, none.out, none.err.count("\n")) == (2, "", 1)
    assert "'zz1' is the first, while 'v1_0' is a judged sample's id" in none.err


def test_a_file_of_verdicts_tells_no_lengths(evalkit, place):
    words = ("judge", "calibrate", grades(place / "judge.json"), "-r", place / "mm-vet.json")
    done = evalkit(*words, "--labels", grades(place / "human.json", shift=0.2))
    page = " ".join(done.out.split())
    assert "The length of no labelled answer is known." in page
    assert "length to 0" not in page
    assert "of one length" not in page


def test_another_run_may_be_the_labels(evalkit, place):
    """A run with two judged tasks, of which --task names one, as it does in both runs."""
    for name in ("one", "two"):
        done = evalkit(
            *("run", "mmvet", "llava_bench_coco", "--model", "dummy:constant,text=a dog"),
            *("--data", "demo", "--limit", "6", "--out", place, "--name", name),
            *("--judge", "dummy:constant,text=0.5", "--judge-cache", "none"),
            *("--max-judge-failures", "1"),
        )
        assert done.code == 0, done.err
    one, two = sorted(path.parent for path in place.glob("*/*/run.json"))
    done = evalkit("judge", "calibrate", one, "--labels", two, "--task", "mmvet", "--json")
    assert done.code == 0, done.err
    assert (done.record["n"], done.record["agreement"]["value"]["value"]) == (6, 1)
    assert done.record["length"]["n"] == 6
    unnamed = evalkit("judge", "calibrate", one, "--labels", two)
    assert "name one with --task" in unnamed.err


def test_a_run_is_named_as_it_is_elsewhere(evalkit, tmp_path):
    done = evalkit(
        *("run", "mmvet", "--model", "dummy:constant,text=a dog", "--data", "demo", "--limit", "3"),
        *("--name", "one", "--judge", "dummy:constant,text=0.5", "--judge-cache", "none"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    for name in ("constant/one", "results/constant/one/run.json"):
        for words in (
            ("judge", "calibrate", name, "--labels", "constant/one"),
            ("judge", "drift", "--anchors", name, "--now", "constant/one"),
        ):
            assert evalkit(*words, cwd=tmp_path).code in (0, 11), words
    lost = evalkit("judge", "calibrate", "constant/onee", "--labels", "constant/one", cwd=tmp_path)
    assert (lost.code, lost.out, lost.err.count("\n")) == (2, "", 1)
    assert "There is no file or run at constant/onee, nor in results/." in lost.err
    assert "Did you mean results/constant/one?" in lost.err


def test_the_scale_is_the_rubrics_unless_another_is_given(evalkit, place):
    words = ("judge", "calibrate", grades(place / "judge.json"), "-r", place / "mm-vet.json")
    within = people(place / "h.jsonl", IDS[:9], value=0.4)
    done = evalkit(*words, "--json", "--labels", within)
    assert (done.code, done.record["scale"]) == (0, [0, 1])
    beyond = people(place / "h.jsonl", IDS[:9], value=4)
    refused = evalkit(*words, "--labels", beyond)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "On a scale from 0 to 1 the human label of sample 'v1_0' cannot be 4.0" in refused.err
    assert "if people used another scale, --scale LOW HIGH names it" in refused.err
    told = evalkit(*words, "--json", "--labels", beyond, "--scale", 0, 10)
    assert (told.code, told.record["scale"]) == (0, [0, 1])
    assert told.record["human_mean"]["value"]["value"] == pytest.approx(0.4)
    off = evalkit(*words, "--labels", beyond, "--scale", 0, 3)
    assert (off.code, off.out, off.err.count("\n")) == (2, "", 1)
    assert "from 0 to 3, which --scale names, the human label of sample 'v1_0' cannot be 4.0" in (
        off.err
    )


def test_labels_of_another_scale_are_put_on_the_rubrics(evalkit, place):
    """0 to 100 are exactly a hundred times the judge's grades."""
    judge = grades(place / "judge.json")
    lines = (
        {"sample_id": name, "rating": round(100 * own["score"][0])}
        for name, own in json.loads(judge.read_text()).items()
    )
    labels = place / "h.jsonl"
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("judge", "calibrate", judge, "-r", place / "mm-vet.json", "--labels", labels)
    done = evalkit(*words, "--scale", 0, 100, "--json")
    assert (done.code, done.record["agreement"]["value"]["value"]) == (0, 1), done.err
    assert done.record["difference"]["value"]["value"] == 0
    said = " ".join(evalkit(*words, "--scale", 0, 100).out.split())
    assert "from 0 to 100, were put on the judge's scale from 0 to 1." in said
    assert evalkit(*words).code == 2


def test_a_judge_that_left_its_scale_makes_it_wider(evalkit, place):
    """The official script of LLaVA-Bench counts any number."""
    rows = [
        {"question_id": n, "content": f"8 {own}", "tuple": [8, own]}
        for n, own in enumerate((3, 12, 5))
    ]
    path = place / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = evalkit(
        *("judge", "calibrate", path, "--json"),
        *("--labels", people(place / "h.jsonl", ["0", "1"], value=2)),
    )
    assert (done.code, done.record["scale"]) == (0, [1, 12])


def test_labels_of_samples_without_a_verdict_are_none(evalkit, place):
    rows = [
        {"question_id": 1, "content": "?", "tuple": [-1, -1]},
        {"question_id": 2, "content": "8 7", "tuple": [8, 7]},
    ]
    path = place / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("judge", "calibrate", path, "--labels")
    refused = evalkit(*words, people(place / "h.jsonl", ["1"], value=2))
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "evalkit: None of the 1 labels is about a sample with a verdict: the judge has given 1 to "
        "2 samples.\n"
    )
    assert evalkit(*words, people(place / "h.jsonl", ["1", "2"], value=2)).code == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
@pytest.mark.parametrize("form", ["labels", "grades"])
def test_labels_may_come_from_a_pipe(evalkit, place, form):
    """A pipe can be read once."""
    held = grades(place / "judge.json")
    given = people(place / "h.jsonl", IDS) if form == "labels" else held
    words = ("judge", "calibrate", held, "-r", place / "mm-vet.json", "--json", "--labels")
    plain = evalkit(*words, given).record
    pipe = place / "pipe"
    os.mkfifo(pipe)
    Thread(target=pipe.write_bytes, args=(given.read_bytes(),), daemon=True).start()
    assert evalkit(*words, pipe).record == plain


def test_a_rating_in_quotation_marks_is_called_a_text(evalkit, place):
    words = ("judge", "calibrate", grades(place / "judge.json"), "-r", place / "mm-vet.json")
    refused = evalkit(*words, "--labels", people(place / "h.jsonl", IDS, value="0.4"))
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "has the rating '0.4', a text; it must be a finite number" in refused.err
