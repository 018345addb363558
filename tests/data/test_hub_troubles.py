"""What a hub can do wrong, and what is said of it."""

import json

import pytest

pytest.importorskip("datasets")


def made(repository, **changes):
    fields = {"repositories": [repository], "split": "test", "columns": ["image"], "rows": 2}
    return {"task": {**fields, "columns": ["id", "image"], "image_columns": ["image"], **changes}}


def small(tables, shade=0):
    table = {"id": [f"a{shade}", "b"], "image": [tables.picture, tables.picture]}
    return {
        "README.md": tables.card(default={"test": "data/test-*"}),
        "data/test-00000-of-00001.parquet": tables.parquet(table),
    }


@pytest.fixture(scope="module")
def troubles(hub, tables, tmp_path_factory, load_jobs):
    """Everything that can go wrong with a hub that is there, in one process."""
    first = hub.add("some/pinned", small(tables))
    hub.add("some/pinned", small(tables, 1))
    hub.add("some/gated", small(tables, 2), gated=True)
    hub.add("some/cut", small(tables, 3))
    hub.add("some/torn", small(tables, 4))
    hub.add("some/bare", {"data/test-00000-of-00001.parquet": small(tables, 5)[PART]})
    hub.add("some/damaged", small(tables, 6) | {PART: b"PAR1 but no more"})
    hub.add(
        "some/pictures", {"README.md": b"# Pictures", "data/test-1.png": tables.picture["bytes"]}
    )
    hub.add(
        "some/partial",
        small(tables, 8) | {"data/test-00000-of-00002.parquet": small(tables, 8)[PART]},
    )
    hub.add("some/checked", small(tables, 11))
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
        "checked": made("some/checked") | {"check": True},
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


def test_a_check_downloads_no_table(hub, troubles):
    assert troubles["checked"]["checked"]
    assert hub.fetched("some/checked") == {"README.md"}


def test_a_refused_token_is_not_shown(hub, tables, tmp_path, load_jobs):
    token = {"HF_TOKEN": "hf_secret"}
    hub.refused_tokens |= set(token.values())
    hub.add("some/private", small(tables, 9))
    answer = load_jobs([made("some/private")], tmp_path, hub.endpoint, **token)
    assert "refuses access to the dataset some/private" in answer["outcomes"][0]["error"]
    assert "hf_secret" not in json.dumps(answer)


def test_a_hub_that_does_not_answer(tmp_path, load_jobs):
    jobs = [made("some/pinned"), made("some/pinned") | {"check": True}]
    for outcome in load_jobs(jobs, tmp_path, "http://127.0.0.1:9")["outcomes"]:
        assert "some/pinned could not be reached" in outcome["error"]


def test_a_cache_that_cannot_be_written(hub, tables, tmp_path, load_jobs):
    hub.add("some/whole", small(tables, 10))
    (tmp_path / "file").touch()
    outcome = load_jobs([made("some/whole")], tmp_path / "file", hub.endpoint)["outcomes"][0]
    assert "some/whole could not be put into the hub's cache" in outcome["error"]


def test_only_the_hub_and_large_tables_need_datasets(hub, tables, tmp_path, load_jobs):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "test.parquet").write_bytes(small(tables)[PART])
    jobs = [made("some/pinned") | {"folder": str(tmp_path)}, made("some/pinned")]
    answer = load_jobs(jobs, tmp_path, hub.endpoint, NO_DATASETS="1")
    assert answer["outcomes"][0]["ids"] == ["0", "1"]
    assert answer["outcomes"][1]["kind"] == "MissingExtraError"
    assert "pip install -e '.[data]'" in answer["outcomes"][1]["error"]
