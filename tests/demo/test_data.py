"""The data in the package: how they are built, their columns and their counts."""

import ast
import io
from collections import Counter
from importlib.metadata import version

import pyarrow.parquet as pq
import pytest
from PIL import Image

from evalkit.demo import build, data_path

_ROWS = {
    "gqa/testdev_balanced_images/testdev.parquet": 16,
    "gqa/testdev_balanced_instructions/testdev.parquet": 132,
    "mme/test.parquet": 112,
    "mmvp/train.parquet": 60,
    "pope/test.parquet": 120,
    "scienceqa/ScienceQA-FULL/test.parquet": 100,
    "scienceqa/ScienceQA-IMG/test.parquet": 50,
    "textvqa/validation.parquet": 80,
    "vqav2/testdev.parquet": 20,
    "vqav2/validation.parquet": 100,
}


def _read(name):
    return pq.read_table(data_path() / name).to_pylist()


def test_the_files_and_their_rows():
    found = {
        path.relative_to(data_path()).as_posix(): pq.read_metadata(path).num_rows
        for path in data_path().rglob("*.parquet")
    }
    assert found == _ROWS


def test_the_data_are_small():
    assert sum(path.stat().st_size for path in data_path().rglob("*.parquet")) < 2_000_000


def test_a_rebuild_gives_the_same_bytes(tmp_path):
    for package, recorded in build.BUILT_WITH.items():
        if version(package) != recorded:
            pytest.skip(f"the data were written with {package} {recorded}, not {version(package)}")
    build.build(tmp_path)
    for name in _ROWS:
        assert (tmp_path / name).read_bytes() == (data_path() / name).read_bytes(), name


def test_a_rebuild_gives_the_same_rows(tmp_path):
    build.build(tmp_path)
    for name in _ROWS:
        assert pq.read_table(tmp_path / name).equals(pq.read_table(data_path() / name)), name


@pytest.mark.parametrize("name", _ROWS)
def test_pictures_are_marked_and_open(name):
    schema = pq.read_schema(data_path() / name)
    assert b'"features"' in schema.metadata[b"huggingface"]
    if "image" not in schema.names:
        return
    assert b'"_type": "Image"' in schema.metadata[b"huggingface"]
    for row in _read(name)[:3]:
        if row["image"]:
            with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
                assert image.size == (64, 64)


def test_gqa_has_all_structural_types_and_joins_its_pictures():
    rows = _read("gqa/testdev_balanced_instructions/testdev.parquet")
    images = {row["id"] for row in _read("gqa/testdev_balanced_images/testdev.parquet")}
    ids = {row["id"] for row in rows}
    types = Counter(row["types"]["structural"] for row in rows)
    assert set(types) == {"query", "verify", "choose", "logical", "compare"}
    assert len(ids) == len(rows)
    assert {row["imageId"] for row in rows} == images
    assert {other for row in rows for other in ast.literal_eval(row["entailed"])} < ids


def test_mme_has_two_rows_a_picture():
    rows = _read("mme/test.parquet")
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first["question_id"] == second["question_id"]
        assert {first["answer"], second["answer"]} == {"Yes", "No"}
        assert first["question"].endswith(" Please answer yes or no.")
    assert set(Counter(row["category"] for row in rows).values()) == {8}
    assert len({row["category"] for row in rows}) == 14


def test_pope_is_balanced():
    rows = _read("pope/test.parquet")
    counts = Counter((row["category"], row["answer"]) for row in rows)
    assert set(counts.values()) == {20}
    assert len(counts) == 6


def test_vqa_questions_have_ten_answers_and_testdev_none():
    for name in ("vqav2/validation.parquet", "textvqa/validation.parquet"):
        rows = _read(name)
        assert {len(row["answers"]) for row in rows} == {10}
        assert len({row["question_id"] for row in rows}) == len(rows)
    assert {row["answer_type"] for row in _read("vqav2/validation.parquet")} == {
        "yes/no",
        "number",
        "other",
    }
    assert {row["answers"] for row in _read("vqav2/testdev.parquet")} == {None}


def test_half_of_scienceqa_has_pictures():
    rows = _read("scienceqa/ScienceQA-FULL/test.parquet")
    seen = [row for row in rows if row["image"]]
    assert seen == _read("scienceqa/ScienceQA-IMG/test.parquet")
    assert all(2 <= len(row["choices"]) <= 4 for row in rows)
    assert any(row["hint"] for row in seen)


def test_mmvp_pairs_ask_once_and_answer_twice():
    rows = _read("mmvp/train.parquet")
    assert [row["Index"] for row in rows] == list(range(1, 61))
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first["Question"] == second["Question"]
        assert first["Options"] == second["Options"]
        assert {first["Correct Answer"], second["Correct Answer"]} == {"(a)", "(b)"}
