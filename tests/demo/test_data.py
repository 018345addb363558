"""The data in the package: how they are built, their columns and their counts."""

import ast
import io
import re
from collections import Counter
from importlib.metadata import version

import pyarrow.parquet as pq
import pytest
from PIL import Image

from evalkit.demo import build, data_path

_ROWS = {
    "gqa/testdev_balanced_images/testdev.parquet": 16,
    "gqa/testdev_balanced_instructions/testdev.parquet": 132,
    "llava_bench_coco/train.parquet": 9,
    "llava_bench_wild/train.parquet": 12,
    "mme/test.parquet": 112,
    "mmvet/test.parquet": 24,
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


def test_mmvet_names_capabilities_in_several_combinations():
    rows = _read("mmvet/test.parquet")
    assert [row["question_id"] for row in rows] == [f"v1_{number}" for number in range(24)]
    named = [row["capability"].split(",") for row in rows]
    assert {name for names in named for name in names} == {
        *("rec", "ocr", "know"),
        *("gen", "spat", "math"),
    }
    assert len({frozenset(names) for names in named}) >= 12
    assert {"<AND>", "<OR>"} <= {mark for row in rows for mark in _marks(row["answer"])}


def _marks(answer):
    return re.findall("<[A-Z]+>", answer)


@pytest.mark.parametrize(
    ("name", "pictures", "answer"),
    [("llava_bench_wild", 6, "gpt_answer"), ("llava_bench_coco", 3, "answer")],
)
def test_llava_benches_ask_alike_in_each_category(name, pictures, answer):
    rows = _read(f"{name}/train.parquet")
    assert [row["question_id"] for row in rows] == [str(number) for number in range(len(rows))]
    counts = Counter(row["category"] for row in rows)
    assert set(counts) == {"conv", "detail", "complex"}
    assert len(set(counts.values())) == 1
    assert len({row["image_id"] for row in rows}) == pictures
    assert all(row["caption"] and row[answer].endswith(".") for row in rows)


def test_the_judged_files_are_tens_of_kilobytes():
    for name in ("mmvet/test", "llava_bench_wild/train", "llava_bench_coco/train"):
        assert (data_path() / f"{name}.parquet").stat().st_size < 30_000
