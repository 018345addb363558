"""The seven benchmarks from a stand-in hub: what users run, in a process of its own."""

import json

import pytest

pytest.importorskip("datasets")


def answers(text):
    return [{"answer": text, "answer_confidence": "yes", "answer_id": n} for n in range(1, 11)]


def gqa(tables):
    instructions = {
        "id": ["q0", "q1", "q2"],
        "imageId": ["n2", "n1", "n2"],
        "question": ["Is it red?", "Who is there?", "Is it blue?"],
        "answer": ["yes", "man", "no"],
        "fullAnswer": ["Yes, it is.", "A man.", "No."],
        "isBalanced": [True] * 3,
        "groups": [{"global": "", "local": "10-x"}] * 3,
        "entailed": [""] * 3,
        "equivalent": ["q0"] * 3,
        "types": [{"structural": "verify", "semantic": "attr", "detailed": "verifyAttr"}] * 3,
        "semantic": [[{"operation": "select", "argument": "x", "dependencies": [0]}]] * 3,
        "semanticStr": ["select: x"] * 3,
    }
    images = {"id": ["n1", "n2"], "image": [tables.picture, tables.picture]}
    return {
        "README.md": tables.card(
            testdev_balanced_images={"testdev": "testdev_balanced_images/testdev-*"},
            testdev_balanced_instructions={"testdev": "testdev_balanced_instructions/testdev-*"},
            train_balanced_images={"train": "train_balanced_images/train-*"},
        ),
        "testdev_balanced_images/testdev-00000-of-00001.parquet": tables.parquet(images),
        "testdev_balanced_instructions/testdev-00000-of-00001.parquet": tables.parquet(
            instructions
        ),
        "train_balanced_images/train-00000-of-00001.parquet": tables.parquet(images),
    }


def mme(tables):
    table = {
        "question_id": ["existence/1.jpg", "existence/1.jpg"],
        "image": [tables.picture] * 2,
        "question": [
            "Is there a cat in this image? Please answer yes or no.",
            "Is there a dog in this image? Please answer yes or no.",
        ],
        "answer": ["Yes", "No"],
        "category": ["existence"] * 2,
    }
    return {
        "README.md": tables.card(default={"test": "data/test-*"}),
        "data/test-00000-of-00001.parquet": tables.parquet(table),
    }


def pope(tables):
    def split(category):
        return tables.parquet(
            {
                "id": ["0", "1"],
                "question_id": ["1", "2"],
                "question": ["Is there a snowboard in the image?", "Is there a car in the image?"],
                "answer": ["yes", "no"],
                "image_source": ["COCO_val2014_000000310196"] * 2,
                "image": [tables.picture] * 2,
                "category": [category] * 2,
            }
        )

    names = ("adversarial", "popular", "random")
    return {
        "README.md": tables.card(
            Full={name: f"Full/{name}-*" for name in names}, default={"test": "data/test-*"}
        ),
        **{f"Full/{name}-00000-of-00001.parquet": split(name) for name in names},
        **{f"data/test-{n:05d}-of-00003.parquet": split(name) for n, name in enumerate(names)},
    }


def vqav2(tables):
    def split(first):
        return tables.parquet(
            {
                "question_type": ["what is", "is the"],
                "multiple_choice_answer": ["net", "yes"],
                "answers": [answers("net"), answers("yes")],
                "image_id": [262148, 262148],
                "answer_type": ["other", "yes/no"],
                "question_id": [first, first + 1],
                "question": ["What is it?", "Is the net high?"],
                "image": [tables.picture] * 2,
            }
        )

    return {
        "README.md": tables.card(
            default={n: f"data/{n}-*" for n in ("validation", "testdev", "test", "train")}
        ),
        "data/validation-00000-of-00002.parquet": split(262148000),
        "data/validation-00001-of-00002.parquet": split(262148010),
        "data/testdev-00000-of-00001.parquet": split(1),
        "data/test-00000-of-00001.parquet": split(3),
        "data/train-00000-of-00001.parquet": split(5),
    }


def textvqa(tables):
    table = {
        "image_id": ["003a8ae2ef43b901"],
        "question_id": [34602],
        "question": ["what is the brand of this camera?"],
        "question_tokens": [["what", "is"]],
        "image": [tables.picture],
        "image_width": [1024],
        "image_height": [664],
        "flickr_original_url": ["https://example.org/x.jpg"],
        "flickr_300k_url": ["https://example.org/y.jpg"],
        "answers": [["nous les gosses", "dakota", *["dakota"] * 8]],
        "image_classes": [["Cassette deck"]],
        "set_name": ["val"],
        "ocr_tokens": [["DAKOTA", "DIGITAL"]],
    }
    return {
        "README.md": tables.card(
            default={s: f"data/{s}-*" for s in ("train", "validation", "test")}
        ),
        "data/validation-00000-of-00001.parquet": tables.parquet(table),
        "data/train-00000-of-00001.parquet": tables.parquet(table),
        "data/test-00000-of-00001.parquet": tables.parquet(table),
    }


def scienceqa(tables):
    def split(images):
        count = len(images)
        return tables.parquet(
            {
                "image": images,
                "question": ["Which is a solid?", "Which is larger?"][:count],
                "choices": [["rock", "water"], ["a", "b", "c"]][:count],
                "answer": [0, 2][:count],
                "hint": ["", "Look."][:count],
                "task": ["closed choice"] * count,
                "grade": ["grade2"] * count,
                "subject": ["natural science"] * count,
                "topic": ["chemistry"] * count,
                "category": ["matter"] * count,
                "skill": ["Identify"] * count,
                "lecture": [""] * count,
                "solution": ["x"] * count,
            }
        )

    configs = {"ScienceQA-FULL": [None, tables.picture], "ScienceQA-IMG": [tables.picture]}
    splits = ("train", "validation", "test")
    return {
        "README.md": tables.card(
            **{name: {s: f"{name}/{s}-*" for s in splits} for name in configs}
        ),
        **{
            f"{name}/{s}-00000-of-00001.parquet": split(images)
            for name, images in configs.items()
            for s in splits
        },
    }


def mmvp(tables):
    table = {
        "Index": [1, 2],
        "Question": ["Where is the yellow animal's head lying?"] * 2,
        "Options": ["(a) Floor (b) Carpet"] * 2,
        "Correct Answer": ["(a)", "(b)"],
        "image": [tables.picture] * 2,
    }
    return {
        "README.md": tables.card(default={"train": "data/train-*"}),
        "data/train-00000-of-00001.parquet": tables.parquet(table),
    }


@pytest.fixture(scope="module")
def commits(hub, tables):
    """The seven datasets; GQA is only under its second name."""
    hub.add("lmms-lab-encoder/VQAv2", {"README.md": b"An older commit"})
    return {
        "gqa": hub.add("lmms-lab/GQA", gqa(tables)),
        "mme": hub.add("lmms-lab-encoder/MME", mme(tables)),
        "pope": hub.add("lmms-lab-encoder/POPE", pope(tables)),
        "vqav2": hub.add("lmms-lab-encoder/VQAv2", vqav2(tables)),
        "textvqa": hub.add("lmms-lab-encoder/textvqa", textvqa(tables)),
        "scienceqa": hub.add("lmms-lab-encoder/ScienceQA", scienceqa(tables)),
        "mmvp": hub.add("lmms-lab-eval/MMVP", mmvp(tables)),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("huggingface")


@pytest.fixture(scope="module")
def seven(hub, commits, home, load_jobs):
    jobs = [{"task": name} for name in commits]
    outcomes = load_jobs(jobs, home, hub.endpoint)["outcomes"]
    return dict(zip(commits, outcomes, strict=True))


IDS = {
    "gqa": ["q0", "q1", "q2"],
    "mme": ["existence/1.jpg#Yes", "existence/1.jpg#No"],
    "pope": [f"{name}/{n}" for name in ("adversarial", "popular", "random") for n in (1, 2)],
    "vqav2": ["262148000", "262148001", "262148010", "262148011"],
    "textvqa": ["34602"],
    "scienceqa": ["0", "1"],
    "mmvp": ["1", "2"],
}


@pytest.mark.parametrize("name", IDS)
def test_every_benchmark_loads(name, seven, commits):
    loaded = seven[name]
    assert loaded["ids"] == IDS[name]
    assert loaded["identity"]["revision"] == commits[name]
    assert loaded["identity"]["requested_revision"] is None
    assert loaded["identity"]["rows"] == len(IDS[name])
    assert {head for heads in loaded["heads"] for head in heads} == {"PNG"}


@pytest.mark.parametrize("name", IDS)
def test_another_number_of_rows_is_said_loudly(name, seven):
    assert f"has {len(IDS[name])} rows, but the task expects" in seven[name]["notes"][-1]


def test_the_second_name_of_a_repository_is_tried_and_said(seven):
    assert seven["gqa"]["identity"]["repository"] == "lmms-lab/GQA"
    assert "lmms-lab-encoder/GQA could not be had" in seven["gqa"]["notes"][0]


def test_questions_about_one_picture_share_its_key(seven):
    keys = [key for keys in seven["gqa"]["keys"] for key in keys]
    assert keys == [f"testdev_balanced_images/image/{row}" for row in (1, 0, 1)]


def test_rows_without_a_picture_have_none(seven):
    assert seven["scienceqa"]["keys"] == [[], ["ScienceQA-FULL/image/1"]]


@pytest.mark.parametrize(
    ("repository", "files"),
    [
        ("lmms-lab-encoder/VQAv2", [f"data/validation-0000{n}-of-00002.parquet" for n in (0, 1)]),
        (
            "lmms-lab/GQA",
            [
                f"testdev_balanced_{table}/testdev-00000-of-00001.parquet"
                for table in ("images", "instructions")
            ],
        ),
        ("lmms-lab-encoder/ScienceQA", ["ScienceQA-FULL/test-00000-of-00001.parquet"]),
    ],
)
def test_only_the_asked_split_is_fetched(repository, files, hub, seven):
    assert hub.fetched(repository) == {"README.md", *files}


@pytest.fixture(scope="module")
def later(hub, seven, home, load_jobs):
    """A second process: offline, when all was fetched and the hub has moved on."""
    hub.add("lmms-lab-encoder/MME", {"README.md": b"A newer commit"})
    before = len(hub.requests)
    jobs = [{"task": name, "offline": True} for name in seven]
    jobs += [{"task": "mme", "offline": True, "check": True}]
    jobs += [{"task": "vqav2:testdev", "offline": True}]
    jobs += [{"task": "mmvp", "offline": True, "changes": {"repositories": ["no/where"]}}]
    answer = load_jobs(jobs, home, hub.endpoint)
    return answer | {"requests": hub.requests[before:]}


def test_offline_loads_the_same_without_a_request(later, seven):
    assert later["requests"] == []
    assert later["sockets"] == 0
    loaded = later["outcomes"][: len(seven)]
    assert [one["identity"] for one in loaded] == [one["identity"] for one in seven.values()]
    assert [one["heads"] for one in loaded] == [one["heads"] for one in seven.values()]


def test_offline_preflight_sees_what_is_cached(later, seven):
    assert later["outcomes"][len(seven)] == {"checked": True, "sockets": 0}


def test_offline_says_what_is_missing(later, seven):
    part, nothing = later["outcomes"][len(seven) + 1 :]
    assert "lmms-lab-encoder/VQAv2 only in part" in part["error"]
    assert "no/where is not in the cache of this machine" in nothing["error"]
    assert part["code"] == nothing["code"] == 20


GIVEN = {
    "gqa": [{"question_id": "q1", "text": "Man."}, {"question_id": "q0", "text": "yes"}],
    "mme": [{"question_id": "existence/1.jpg", "prompt": "Is there a cat in this image?"}],
    "pope": [{"doc_id": n, "filtered_resps": "Yes", "target": "yes"} for n in range(6)],
    "vqav2": [{"question_id": 262148000, "answer": "yes"}],
    "textvqa": [{"sample_id": "34602", "text": "nokia", "finish": "stop"}],
    "scienceqa": [{"doc_id": 1, "filtered_resps": "A", "target": "A"}],
    "mmvp": [{"doc_id": 0, "filtered_resps": "(a)", "target": "A"}],
}


@pytest.mark.parametrize("name", IDS)
def test_answers_without_references_are_scored_against_the_hub_s_rows(  # noqa: PLR0917
    name, hub, seven, home, evalkit, tmp_path
):
    path = tmp_path / "answers.jsonl"
    rows = [{"text": "yes"} | row if "prompt" in row else row for row in GIVEN[name]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    environment = {"HF_HOME": str(home), "HF_ENDPOINT": hub.endpoint}
    done = evalkit("score", name, "-p", path, "--json", "--offline", **environment)
    assert done.code in (0, 12), done.err
    found = json.loads(done.out)
    assert found["coverage"]["answered"] + found["coverage"]["unparsed"] == len(rows)
    assert found["metrics"]
