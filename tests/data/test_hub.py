"""The hub's path, against a stand-in hub: what users run, in a process of its own."""

import io
import json

import pytest

pytest.importorskip("datasets")

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\r\xefF\xb8\x00\x00\x00\x00IEND\xaeB`\x82"
)
PICTURE = {"bytes": PNG, "path": None}


def parquet(columns):
    """A table as `push_to_hub` writes it: its feature types are in the schema."""
    import datasets

    features = datasets.Features(
        {
            name: datasets.Image() if name == "image" else kind(values[0])
            for name, values in columns.items()
        }
    )
    table = datasets.Dataset.from_dict(columns, features=features)
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def kind(value):
    import datasets

    if isinstance(value, list):
        return datasets.List(kind(value[0]))
    if isinstance(value, dict):
        return {name: kind(inner) for name, inner in value.items()}
    return datasets.Value({str: "string", int: "int64", bool: "bool"}[type(value)])


def card(**configs):
    """A README whose front matter names each config's splits and the patterns of their files."""
    entries = [
        {"config_name": name, "data_files": [{"split": s, "path": p} for s, p in splits.items()]}
        for name, splits in configs.items()
    ]
    return f"---\n{json.dumps({'configs': entries})}\n---\n# A dataset\n".encode()


def answers(text):
    return [{"answer": text, "answer_confidence": "yes", "answer_id": n} for n in range(1, 11)]


def gqa():
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
    images = {"id": ["n1", "n2"], "image": [PICTURE, PICTURE]}
    return {
        "README.md": card(
            testdev_balanced_images={"testdev": "testdev_balanced_images/testdev-*"},
            testdev_balanced_instructions={"testdev": "testdev_balanced_instructions/testdev-*"},
            train_balanced_images={"train": "train_balanced_images/train-*"},
        ),
        "testdev_balanced_images/testdev-00000-of-00001.parquet": parquet(images),
        "testdev_balanced_instructions/testdev-00000-of-00001.parquet": parquet(instructions),
        "train_balanced_images/train-00000-of-00001.parquet": parquet(images),
    }


def mme():
    table = {
        "question_id": ["existence/1.jpg", "existence/1.jpg"],
        "image": [PICTURE] * 2,
        "question": [
            "Is there a cat in this image? Please answer yes or no.",
            "Is there a dog in this image? Please answer yes or no.",
        ],
        "answer": ["Yes", "No"],
        "category": ["existence"] * 2,
    }
    return {
        "README.md": card(default={"test": "data/test-*"}),
        "data/test-00000-of-00001.parquet": parquet(table),
    }


def pope():
    def split(category):
        return parquet(
            {
                "id": ["0", "1"],
                "question_id": ["1", "2"],
                "question": ["Is there a snowboard in the image?", "Is there a car in the image?"],
                "answer": ["yes", "no"],
                "image_source": ["COCO_val2014_000000310196"] * 2,
                "image": [PICTURE] * 2,
                "category": [category] * 2,
            }
        )

    names = ("adversarial", "popular", "random")
    return {
        "README.md": card(
            Full={name: f"Full/{name}-*" for name in names}, default={"test": "data/test-*"}
        ),
        **{f"Full/{name}-00000-of-00001.parquet": split(name) for name in names},
        **{f"data/test-{n:05d}-of-00003.parquet": split(name) for n, name in enumerate(names)},
    }


def vqav2():
    def split(first):
        return parquet(
            {
                "question_type": ["what is", "is the"],
                "multiple_choice_answer": ["net", "yes"],
                "answers": [answers("net"), answers("yes")],
                "image_id": [262148, 262148],
                "answer_type": ["other", "yes/no"],
                "question_id": [first, first + 1],
                "question": ["What is it?", "Is the net high?"],
                "image": [PICTURE] * 2,
            }
        )

    return {
        "README.md": card(
            default={n: f"data/{n}-*" for n in ("validation", "testdev", "test", "train")}
        ),
        "data/validation-00000-of-00002.parquet": split(262148000),
        "data/validation-00001-of-00002.parquet": split(262148010),
        "data/testdev-00000-of-00001.parquet": split(1),
        "data/test-00000-of-00001.parquet": split(3),
        "data/train-00000-of-00001.parquet": split(5),
    }


def textvqa():
    table = {
        "image_id": ["003a8ae2ef43b901"],
        "question_id": [34602],
        "question": ["what is the brand of this camera?"],
        "question_tokens": [["what", "is"]],
        "image": [PICTURE],
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
        "README.md": card(default={s: f"data/{s}-*" for s in ("train", "validation", "test")}),
        "data/validation-00000-of-00001.parquet": parquet(table),
        "data/train-00000-of-00001.parquet": parquet(table),
        "data/test-00000-of-00001.parquet": parquet(table),
    }


def scienceqa():
    def split(images):
        count = len(images)
        return parquet(
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

    configs = {"ScienceQA-FULL": [None, PICTURE], "ScienceQA-IMG": [PICTURE]}
    splits = ("train", "validation", "test")
    return {
        "README.md": card(**{name: {s: f"{name}/{s}-*" for s in splits} for name in configs}),
        **{
            f"{name}/{s}-00000-of-00001.parquet": split(images)
            for name, images in configs.items()
            for s in splits
        },
    }


def mmvp():
    table = {
        "Index": [1, 2],
        "Question": ["Where is the yellow animal's head lying?"] * 2,
        "Options": ["(a) Floor (b) Carpet"] * 2,
        "Correct Answer": ["(a)", "(b)"],
        "image": [PICTURE] * 2,
    }
    return {
        "README.md": card(default={"train": "data/train-*"}),
        "data/train-00000-of-00001.parquet": parquet(table),
    }


@pytest.fixture(scope="module")
def commits(hub):
    """The seven datasets; GQA is only under its second name."""
    hub.add("lmms-lab-encoder/VQAv2", {"README.md": b"An older commit"})
    return {
        "gqa": hub.add("lmms-lab/GQA", gqa()),
        "mme": hub.add("lmms-lab-encoder/MME", mme()),
        "pope": hub.add("lmms-lab-encoder/POPE", pope()),
        "vqav2": hub.add("lmms-lab-encoder/VQAv2", vqav2()),
        "textvqa": hub.add("lmms-lab-encoder/textvqa", textvqa()),
        "scienceqa": hub.add("lmms-lab-encoder/ScienceQA", scienceqa()),
        "mmvp": hub.add("lmms-lab-eval/MMVP", mmvp()),
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
def later(hub, seven, commits, home, load_jobs):
    """A second process: offline, when all was fetched and the hub has moved on."""
    hub.add("lmms-lab-encoder/MME", mme() | {"README.md": b"A newer commit"})
    before = len(hub.requests)
    jobs = [{"task": name, "offline": True} for name in commits]
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


def made(repository, **changes):
    fields = {"repositories": [repository], "split": "test", "columns": ["image"], "rows": 2}
    return {"task": {**fields, "columns": ["id", "image"], "image_columns": ["image"], **changes}}


def small(shade=0):
    table = {"id": [f"a{shade}", "b"], "image": [PICTURE, PICTURE]}
    return {
        "README.md": card(default={"test": "data/test-*"}),
        "data/test-00000-of-00001.parquet": parquet(table),
    }


@pytest.fixture(scope="module")
def troubles(hub, tmp_path_factory, load_jobs):
    """Everything that can go wrong with a hub that is there, in one process."""
    first = hub.add("some/pinned", small())
    hub.add("some/pinned", small(1))
    hub.add("some/gated", small(2), gated=True)
    hub.add("some/cut", small(3))
    hub.add("some/torn", small(4))
    hub.add("some/bare", {"data/test-00000-of-00001.parquet": small(5)[PART]})
    hub.add("some/damaged", small(6) | {PART: b"PAR1 but no more"})
    hub.add("some/pictures", {"README.md": b"# Pictures", "data/test-1.png": PNG})
    hub.add("some/partial", small(8) | {"data/test-00000-of-00002.parquet": small(8)[PART]})
    hub.cuts |= {"some/cut": 2, "some/torn": 1000}
    jobs = {
        "pinned": made("some/pinned", revision=first),
        "unknown revision": made("some/pinned", revision="v9"),
        "gated": made("some/gated"),
        "nowhere": made("some/nowhere"),
        "cut": made("some/cut"),
        "torn": made("some/torn"),
        "bare": made("some/bare"),
        "damaged": made("some/damaged"),
        "column": made("some/pinned", columns=["id", "label", "image"]),
        "split": made("some/pinned", split="dev"),
        "config": made("some/pinned", config="Full"),
        "pictures": made("some/pictures"),
        "partial": made("some/partial"),
        "checked": made("some/pinned") | {"check": True},
        "checked split": made("some/pinned", split="dev") | {"check": True},
        "offline": made("some/never") | {"offline": True},
    }
    home = tmp_path_factory.mktemp("huggingface")
    outcomes = load_jobs(list(jobs.values()), home, hub.endpoint)["outcomes"]
    return dict(zip(jobs, outcomes, strict=True)) | {
        "first": first,
        "cuts left": hub.cuts["some/cut"],
    }


PART = "data/test-00000-of-00001.parquet"


def test_a_pinned_revision_is_loaded_and_recorded(troubles):
    identity = troubles["pinned"]["identity"]
    assert identity["revision"] == identity["requested_revision"] == troubles["first"]


def test_a_download_that_breaks_off_is_taken_up_again(troubles):
    assert troubles["cut"]["heads"] == [["PNG"], ["PNG"]]
    assert troubles["cuts left"] == 0


def test_a_repository_without_a_card_goes_by_names(troubles):
    assert troubles["bare"]["ids"] == ["0", "1"]


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("unknown revision", "some/pinned has no commit, tag or branch 'v9'"),
        ("gated", "refuses access to the dataset some/gated: set HF_TOKEN"),
        ("nowhere", "some/nowhere does not exist on the hub, or may not be read without a token"),
        ("torn", "some/torn could not be reached"),
        ("damaged", "cannot be read as Parquet"),
        ("column", "lacks the columns label; it has id, image"),
        ("split", "has no split 'dev' in its config None; it has: test"),
        ("config", "has no config 'Full'; it has: default"),
        ("pictures", "has no Parquet files; its files are: data/test-1.png"),
        (
            "partial",
            "has 1 of the 2 files test-*; the first that is missing is test-00001-of-00002",
        ),
        ("checked split", "has no split 'dev'"),
        ("offline", "some/never is not in the cache of this machine"),
    ],
)
def test_what_goes_wrong_is_one_sentence(case, text, troubles):
    assert text in troubles[case]["error"]
    assert troubles[case]["code"] == 20


def test_a_check_downloads_no_table(troubles):
    assert troubles["checked"]["checked"]


def test_a_refused_token_is_not_shown(hub, tmp_path, load_jobs):
    token = {"HF_TOKEN": "hf_secret"}
    hub.refused_tokens |= set(token.values())
    hub.add("some/private", small(9))
    answer = load_jobs([made("some/private")], tmp_path, hub.endpoint, **token)
    assert "refuses access to the dataset some/private" in answer["outcomes"][0]["error"]
    assert "hf_secret" not in json.dumps(answer)


def test_a_hub_that_does_not_answer(tmp_path, load_jobs):
    jobs = [made("some/pinned"), made("some/pinned") | {"check": True}]
    for outcome in load_jobs(jobs, tmp_path, "http://127.0.0.1:9")["outcomes"]:
        assert "some/pinned could not be reached" in outcome["error"]
