"""Which files a repository's README, or custom, gives to a split."""

import json

import pytest

from evalkit.data.layout import split_files
from evalkit.errors import DataError

pytest.importorskip("datasets")


@pytest.fixture
def found(tmp_path):
    def find(names, configs, config=None, split="test"):
        if configs is not None:
            front = f"---\n{json.dumps({'configs': configs})}\n---\n"
            (tmp_path / "README.md").write_text(front)
        return split_files(names, tmp_path / "README.md", config, split, "some/where")

    return find


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            [{"split": "test", "path": "data/test-*"}],
            ["data/test-0.parquet", "data/test-1.parquet"],
        ),
        ([{"split": "test", "path": "./data/test-1*"}], ["data/test-1.parquet"]),
        (
            [{"split": "test", "path": ["data/test-1*", "data/test-*"]}],
            ["data/test-1.parquet", "data/test-0.parquet"],
        ),
    ],
)
def test_patterns_of_a_config(found, files, expected):
    names = ["README.md", "data/test-1.parquet", "data/test-0.parquet", "data/testdev-0.parquet"]
    assert found(names, [{"config_name": "default", "data_files": files}]) == expected


def test_files_without_a_split_are_train(found):
    configs = [{"config_name": "default", "data_files": "x/*"}]
    assert found(["x/a.parquet"], configs, split="train") == ["x/a.parquet"]


def test_the_default_config_may_have_any_name(found):
    files = [{"split": "test", "path": "*/test*"}]
    configs = [{"config_name": "only", "data_files": files}]
    assert found(["x/test.parquet"], configs) == ["x/test.parquet"]


def test_several_configs_and_no_default(found):
    configs = [{"config_name": name, "data_files": "x/*"} for name in "ab"]
    with pytest.raises(DataError, match="some/where has no config 'default'; it has: a, b"):
        found(["x/test.parquet"], configs)


@pytest.mark.parametrize(
    ("names", "config"),
    [
        (["data/test-0.parquet"], None),
        (["data/test/0.parquet"], None),
        (["test.parquet"], None),
        (["Full/test-0.parquet"], "Full"),
        (["test-0.parquet"], "Full"),
    ],
)
def test_customary_names(found, names, config):
    assert found([*names, "testdev.parquet", "data/train-0.parquet"], None, config) == names


def test_a_readme_that_makes_no_sense(found):
    with pytest.raises(DataError, match="README of the dataset some/where cannot be understood"):
        found([], [{"data_files": 7}])


def test_a_readme_that_is_not_yaml(found, tmp_path):
    (tmp_path / "README.md").write_text("---\nconfigs: [\n---\n")
    with pytest.raises(DataError, match="README of the dataset some/where cannot be understood"):
        found([], None)
