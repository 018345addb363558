"""`evalkit judge review` and what else reads its files: every wrong file is one sentence."""

import gzip
import json

import pytest

ROW = {"question_id": 1, "category": "conv", "content": "8 7\nwhy", "tuple": [8.0, 7.0]}
GRADE = {"model": "judge", "content": ["0.5"], "score": [0.5]}
REFERENCES = {
    name: {"question": "Q?", "answer": "a dog", "capability": ["rec"]} for name in ("v1_0", "v1_1")
}


def review(**changes):
    return json.dumps({**ROW, **changes})


def grades(*own):
    return json.dumps({f"v1_{n}": {**GRADE, **one} for n, one in enumerate(own)})


DEEP = "[" * 100_000
LONG = "9" * 400
WRONG = {
    "empty": ("", "is empty"),
    "blank": (" \n\n", "is empty"),
    "no grade": ("{}", "holds no grade"),
    "deep": (DEEP, "is nested too deeply"),
    "deep line": (f"{review()}\n{DEEP}", "Line 2 of"),
    "no object": (f"{review()}\n[1]", "Line 2 of"),
    "no JSON": (f"{review()}\n\n{{", "Line 3 of"),
    "no scores": (grades({"content": [], "score": []}), "'v1_0'"),
    "scores no list": (grades({"score": 0.5}), "needs a list of ratings"),
    "fewer replies": (grades({"content": ["0.5"], "score": [0.5, 0.5]}), "'v1_0'"),
    "uneven": (
        grades({}, {"content": ["0.5", "0.5"], "score": [0.5, 0.5]}),
        "has 1 grades of 'v1_0', but 2 of 'v1_1'",
    ),
    "grade is no object": (json.dumps({"v1_0": 3}), "has no content and score"),
    "grade too high": (grades({}, {"score": [1.5]}), "'v1_1'"),
    "grade too low": (grades({"content": ["a", "b"], "score": [-1, -1]}), "not from 0 to 1"),
    "grade NaN": (grades({}).replace("[0.5]", "[NaN]"), "no number"),
    "grade infinite": (grades({}).replace("[0.5]", "[1e400]"), "no number"),
    "grade long": (grades({}).replace("[0.5]", f"[{LONG}]"), "which is beyond 1e+150"),
    "grade a word": (grades({"score": ["0.5"]}), "no number"),
    "grade true": (grades({"score": [True]}), "no number"),
    "grade without a reply": (
        grades({}, {"content": [None], "score": [0.5]}),
        "wrong.jsonl has the grade 0.5 without a reply (its content is null); give",
    ),
    "unknown question": (json.dumps({"v9_9": GRADE}), "no question 'v9_9'"),
    "three": (review(tuple=[8, 7, 6]), "needs 2 ratings"),
    "one": (review(tuple=[8]), "needs 2 ratings"),
    "a text": (review(tuple="87"), "needs 2 ratings"),
    "rating NaN": (review().replace("[8.0", "[NaN"), "no number"),
    "rating infinite": (review().replace("[8.0", "[1e400"), "no number"),
    "rating long": (review().replace("[8.0", f"[{LONG}"), "which is beyond 1e+150"),
    "rating large": (review(tuple=[1e308, 7]), "which is beyond 1e+150"),
    "no question": (
        json.dumps({k: v for k, v in ROW.items() if k != "question_id"} | {"s": 1}),
        "",
    ),
    "reply no text": (review(content=[1]), "which is no text"),
    "no ratings": (json.dumps({"question_id": 1, "text": "8 7"}), "needs 2 ratings"),
}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "mm-vet.json").write_text(json.dumps(REFERENCES))
    return tmp_path


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_one_sentence(evalkit, place, name):
    content, said = WRONG[name]
    path = place / "wrong.jsonl"
    path.write_text(content)
    (place / "good.jsonl").write_text(review())
    verbs = [("review", path, "--json")]
    if name in ("deep", "grade NaN", "three", "empty"):
        verbs += [
            ("drift", "--anchors", path, "--now", "good.jsonl"),
            ("calibrate", path, "--labels", "good.jsonl"),
        ]
    for words in verbs:
        done = evalkit("judge", *words, "-r", "mm-vet.json", cwd=place)
        assert (done.code, done.out) == (2, "")
        assert len(done.err.splitlines()) == 1
        assert "wrong.jsonl" in done.err or "mm-vet.json" in done.err
        assert said in done.err
        assert len(done.err) < 400


@pytest.mark.parametrize(
    "content",
    [
        *(DEEP, "[]", '{"v1_0": 3}'),
        *(
            json.dumps({"v1_0": {"question": "Q?", "answer": "a", "capability": needed}})
            for needed in ("rec", [], [" , "])
        ),
    ],
)
def test_wrong_references_are_one_sentence(evalkit, place, content):
    (place / "mm-vet.json").write_text(content)
    (place / "grades.json").write_text(grades({}))
    done = evalkit("judge", "review", "grades.json", "-r", "mm-vet.json", cwd=place)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("evalkit: The references mm-vet.json")


def test_a_failed_grade_may_be_without_a_reply(evalkit, place):
    (place / "grades.json").write_text(grades({}, {"content": [None], "score": [0]}))
    done = evalkit("judge", "review", "grades.json", "-r", "mm-vet.json", "--json", cwd=place)
    assert (done.code, done.err) == (14, ""), "one of two verdicts has failed"
    assert json.loads(done.out)[0]["metrics"]["total"]["value"] == 25


@pytest.mark.parametrize(
    ("names", "clusters"),
    [
        (("a.png", " a.png "), 1),
        (("a.png", "b.png"), 2),
        *(((("a.png"), odd), 2) for odd in (None, " ", 0, ["a.png"])),
        ((" ", " "), 2),
    ],
)
def test_questions_share_a_picture_where_every_one_is_named(evalkit, place, names, clusters):
    known = {
        name: {**own, "imagename": picture}
        for (name, own), picture in zip(REFERENCES.items(), names, strict=True)
    }
    (place / "mm-vet.json").write_text(json.dumps(known))
    (place / "grades.json").write_text(grades({}, {}))
    words = ("judge", "review", "grades.json", "-r", "mm-vet.json")
    done = evalkit(*words, "--json", cwd=place)
    assert done.code == 0, done.err
    assert json.loads(done.out)[0]["metrics"]["total"]["clusters"] == clusters
    page = " ".join(evalkit(*words, cwd=place).out.split())
    noted = "MM-Vet's own mm-vet.json says which they are" in page
    assert noted == (not all(isinstance(name, str) and name.strip() for name in names))


def no_constant(word):
    raise ValueError(word)


def test_what_is_printed_is_json_also_where_a_share_is_of_nothing(evalkit, place):
    path = place / "zeros.jsonl"
    path.write_text(review(tuple=[0, 5], content="0 5"))
    done = evalkit("judge", "review", path, "--json")
    assert done.code == 0
    (found,) = json.loads(done.out, parse_constant=no_constant)
    assert found["official"]["all"] == [None, 0.0, 50.0]


def test_good_files_are_read_as_before(evalkit, place):
    (place / "grades.json").write_text(grades({}, {"score": [1], "content": ["1.0"]}))
    done = evalkit("judge", "review", "grades.json", "-r", "mm-vet.json", "--json", cwd=place)
    assert done.code == 0
    assert json.loads(done.out)[0]["metrics"]["total"]["value"] == 75
    (place / "r.jsonl").write_text(f"{review()}\n{review(tuple=[-1, -1], content='?')}\n")
    done = evalkit("judge", "review", "r.jsonl", "--json", cwd=place)
    assert done.code == 14
    assert json.loads(done.out)[0]["failed"] == ["line-2"]


def official(pairs):
    """The figures of summarize_gpt_review.py (haotian-liu/LLaVA c121f043), written out plainly."""
    first, second = (round(sum(pair[i] for pair in pairs) / len(pairs), 3) for i in (0, 1))
    return [round(second / first * 100, 1), round(first * 10, 1), round(second * 10, 1)]


@pytest.mark.parametrize("odd", [[8, -1], [-1, 8], [700, 8], [8, 10.5]])
def test_ratings_beyond_the_scale_count_as_in_the_official_script(evalkit, place, odd):
    """The official parser takes any two numbers for a rating, and the script counts them."""
    reply = "{:g} {:g}\nwhy".format(*odd)
    (place / "r.jsonl").write_text(
        f"{review()}\n{review(question_id=2, tuple=odd, content=reply)}\n"
    )
    done = evalkit("judge", "review", "r.jsonl", "--json", cwd=place)
    assert done.code == 0
    (found,) = done.record
    assert found["official"]["all"] == official([[8, 7], odd])
    assert (found["failed"], found["doubtful"]) == ([], ["2"])
    page = evalkit("judge", "review", "r.jsonl", "--explain", cwd=place)
    assert "1 stored rating is not from 0 to 10; the official script counts such." in page.out
    assert repr(reply.splitlines()[0]) in page.out


def test_verdicts_are_counted_and_not_samples(evalkit, place):
    """One of 120 verdicts on 40 questions is less than 1 %, though one of 40 questions is more."""
    known = {f"q{i}": REFERENCES["v1_0"] for i in range(40)}
    held = {name: {"model": "j", "content": ["0.5"] * 3, "score": [0.5] * 3} for name in known}
    (place / "mm-vet.json").write_text(json.dumps(known))
    for bad, code, said in ((1, 0, "1 failed verdict "), (2, 14, "2 failed verdicts ")):
        held["q7"] = {"model": "j", "content": ["?"] * bad + ["1"] * (3 - bad), "score": [0.0] * 3}
        held["q7"]["score"][bad:] = [1.0] * (3 - bad)
        (place / "grades.json").write_text(json.dumps(held))
        done = evalkit("judge", "review", "grades.json", "-r", "mm-vet.json", cwd=place)
        assert (done.code, said in " ".join(done.out.split())) == (code, True)
    held["q7"] = {"model": "j", "content": ["0.1", "0.2", "1"], "score": [1.0, 1.0, 1.0]}
    (place / "grades.json").write_text(json.dumps(held))
    done = evalkit("judge", "review", "grades.json", "-r", "mm-vet.json", cwd=place)
    assert "2 stored ratings are not what" in " ".join(done.out.split())


def test_questions_about_one_picture_are_one_cluster_where_the_references_say_so(evalkit, place):
    rows = [review(question_id=i, tuple=[8, 5 + i % 3], content=f"8 {5 + i % 3}") for i in range(6)]
    (place / "r.jsonl").write_text("\n".join(rows))
    lines = [
        json.dumps({"question_id": i, "image": f"{i // 3}.jpg", "text": "Q?"}) for i in range(6)
    ]
    (place / "questions.jsonl").write_text("\n".join(lines))
    words, told = ("judge", "review", "r.jsonl"), ("-r", "questions.jsonl")
    alone = evalkit(*words, "--json", cwd=place).record[0]["metrics"]["relative"]
    known = evalkit(*words, *told, "--json", cwd=place).record[0]["metrics"]["relative"]
    assert (alone["clusters"], known["clusters"]) == (6, 2)
    assert alone["value"] == known["value"]
    said = "Questions about one picture are taken for independent"
    assert said in evalkit(*words, cwd=place).out
    assert said not in evalkit(*words, *told, cwd=place).out
    (place / "questions.jsonl").write_text("\n".join(lines[:5]))
    lacking = evalkit(*words, *told, cwd=place)
    assert (lacking.code, lacking.err.count("\n")) == (2, 1)
    assert "Line 6 of r.jsonl is about the question '5', which the references lack" in lacking.err
    (place / "questions.jsonl").write_text('{"question_id": 1, "text": "Q?"}\n{}')
    assert "a line has question_id, text and image" in evalkit(*words, *told, cwd=place).err


def told(evalkit, place, *words):
    """The page of a review in one line, and the notes in the JSON object."""
    page = evalkit("judge", "review", *words, cwd=place)
    found = evalkit("judge", "review", *words, "--json", cwd=place)
    assert page.code == found.code == 0, page.err
    notes = found.record[0]["notes"]
    shown = " ".join(page.out.split())
    assert all(note in shown for note in notes)
    return notes


def test_a_part_of_the_references_is_called_one(evalkit, place):
    (place / "grades.json").write_text(grades({}))
    words = ("grades.json", "-r", "mm-vet.json")
    (note,) = told(evalkit, place, *words)
    assert note.startswith("grades.json is about 1 of the 2 questions of the references; the")
    (place / "grades.json").write_text(grades({}, {}))
    assert told(evalkit, place, *words) == []
    asked = [{"question_id": n, "image": f"{n}.jpg", "text": "Q?"} for n in range(3)]
    (place / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)))
    (place / "r.jsonl").write_text(review())
    (note,) = told(evalkit, place, "r.jsonl", "-r", "questions.jsonl")
    assert note.startswith("r.jsonl is about 1 of the 3 questions")


def test_a_question_that_is_given_twice_is_named(evalkit, place):
    one, two = (json.dumps({**GRADE, "score": [n], "content": [str(n)]}) for n in (0, 1))
    (place / "grades.json").write_text(f'{{"v1_0": {one}, "v1_1": {two}, "v1_0": {two}}}')
    (note,) = told(evalkit, place, "grades.json", "-r", "mm-vet.json")
    assert "grades 1 of its questions again ('v1_0' first); the last grade counts" in note
    (place / "r.jsonl").write_text(f"{review()}\n{review(question_id=2)}\n{review()}")
    (note,) = told(evalkit, place, "r.jsonl")
    assert "reviews 1 of its questions again (line-3 first); each line counts" in note


def test_references_of_another_benchmark_are_not_taken(evalkit, place):
    """Both LLaVA-Benches number their questions from 0."""
    (place / "r.jsonl").write_text(review(category="llava_bench_conv"))
    asked = {"question_id": 1, "image": "1.jpg", "text": "Q?", "category": "detail"}
    (place / "questions.jsonl").write_text(json.dumps(asked))
    refused = evalkit("judge", "review", "r.jsonl", "-r", "questions.jsonl", cwd=place)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert "of the category 'conv', which is 'detail' in the references" in refused.err
    (place / "questions.jsonl").write_text(json.dumps({**asked, "category": "conv"}))
    assert told(evalkit, place, "r.jsonl", "-r", "questions.jsonl") == []
    (note,) = told(evalkit, place, "r.jsonl", "-r", "mm-vet.json")
    assert note == (
        "mm-vet.json is MM-Vet's, which says nothing of LLaVA's reviews: it was not used for "
        "r.jsonl."
    )


def test_packed_files_are_read_like_plain_ones(evalkit, place):
    (place / "grades.json").write_text(grades({}, {}))
    plain = evalkit("judge", "review", "grades.json", "-r", "mm-vet.json", "--json", cwd=place)
    for name in ("grades.json", "mm-vet.json"):
        (place / f"{name}.gz").write_bytes(gzip.compress((place / name).read_bytes()))
    words = ("grades.json.gz", "-r", "mm-vet.json.gz", "--json")
    assert evalkit("judge", "review", *words, cwd=place).record == plain.record
