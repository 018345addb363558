"""Draws the demo's data: `python -m evalkit.demo.build --out DIR`.

The same bytes come out at every build with the same version of `BUILT_WITH`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features

from evalkit.demo import columns, data_path
from evalkit.demo.facts import Row
from evalkit.demo.rows import (
    gqa,
    llava_bench,
    mme,
    mmvet,
    mmvp,
    pope,
    scienceqa,
    textvqa,
    vqav2,
)
from evalkit.demo.scenes import Scene

BUILT_WITH: Final = {"datasets": "5.2.0", "pyarrow": "26.0.1"}
"""The versions that wrote the files in the package: others may write other bytes of equal value."""

_Table = tuple[str, Features, list[Row]]
"""A file's path under the data folder, its columns and its rows."""


def build(out: Path) -> None:
    """Write every file.

    Args:
        out: The folder that gets `<task>/<config>/<split>.parquet`.
    """
    for name, features, rows in _tables():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(rows, schema=features.arrow_schema)
        pq.write_table(table, path, compression="zstd", compression_level=9, version="2.6")


def _tables() -> Iterator[_Table]:
    yield from _gqa(Random("data gqa"))
    yield "mme/test.parquet", columns.MME, _mme(Random("data mme"))
    yield "pope/test.parquet", columns.POPE, _pope(Random("data pope"))
    yield from _vqav2(Random("data vqav2"))
    yield "textvqa/validation.parquet", columns.TEXTVQA, _textvqa(Random("data textvqa"))
    yield from _scienceqa(Random("data scienceqa"))
    yield "mmvp/train.parquet", columns.MMVP, _mmvp(Random("data mmvp"))
    yield "mmvet/test.parquet", columns.MMVET, _mmvet(Random("data mmvet"))
    yield (
        "llava_bench_wild/train.parquet",
        columns.LLAVA_BENCH_WILD,
        _llava_bench_wild(Random("data llava_bench_wild")),
    )
    yield (
        "llava_bench_coco/train.parquet",
        columns.LLAVA_BENCH_COCO,
        _llava_bench_coco(Random("data llava_bench_coco")),
    )


def _picture(scene: Scene, name: str) -> dict[str, object]:
    return {"bytes": scene.png(), "path": name}


def _gqa(rng: Random) -> Iterator[_Table]:
    scenes = {key: gqa.draw(rng) for key in range(1, 17)}
    rows = [row for key, scene in scenes.items() for row in gqa.ask(rng, scene, key)]
    names = {key: f"d{key:05d}" for key in scenes}
    images = [
        {"id": names[key], "image": _picture(scene, f"{names[key]}.png")}
        for key, scene in scenes.items()
    ]
    yield "gqa/testdev_balanced_instructions/testdev.parquet", columns.GQA, rows
    yield "gqa/testdev_balanced_images/testdev.parquet", columns.GQA_IMAGES, images


def _mme(rng: Random) -> list[Row]:
    rows = []
    for category, kind in mme.CATEGORIES.items():
        for key in range(1, 5):
            scene = kind.draw(rng)
            image = _picture(scene, f"{key:04d}.png")
            rows += [{**row, "image": image} for row in mme.ask(rng, scene, key, category)]
    return rows


def _pope(rng: Random) -> list[Row]:
    """List the rows category by category, as the dataset does."""
    rows = []
    for key in range(20):
        scene = pope.draw(rng)
        image = _picture(scene, f"demo_val_{key:012d}.png")
        rows += [{**row, "image": image} for row in pope.ask(rng, scene, key)]
    rows.sort(key=lambda row: ("adversarial", "popular", "random").index(row["category"]))
    return [{**row, "id": str(number)} for number, row in enumerate(rows)]


def _vqav2(rng: Random) -> Iterator[_Table]:
    rows = [row for key in range(1, 20) for row in _vqav2_picture(rng, key)]
    unseen = ("question_type", "multiple_choice_answer", "answers", "answer_type")
    blank = [{**row, **dict.fromkeys(unseen)} for row in rows[100:120]]
    yield "vqav2/validation.parquet", columns.VQAV2, rows[:100]
    yield "vqav2/testdev.parquet", columns.VQAV2, blank


def _vqav2_picture(rng: Random, key: int) -> list[Row]:
    scene = vqav2.draw(rng)
    image = _picture(scene, f"{key:012d}.png")
    return [{**row, "image": image} for row in vqav2.ask(rng, scene, key)]


def _textvqa(rng: Random) -> list[Row]:
    rows = []
    for key in range(1, 41):
        scene = textvqa.draw(rng)
        image = _picture(scene, f"{key:016x}.png")
        rows += [{**row, "image": image} for row in textvqa.ask(rng, scene, key)]
    return rows


def _scienceqa(rng: Random) -> Iterator[_Table]:
    rows = []
    for key in range(25):
        scene = scienceqa.draw(rng)
        image = _picture(scene, "image.png")
        asked = rng.sample(scienceqa.ask(rng, scene, key), 2)
        rows += [{**row, "image": image} for row in asked]
        rows += [{**scienceqa.ask_text(rng, key), "image": None} for _ in range(2)]
    seen = [row for row in rows if row["image"]]
    yield "scienceqa/ScienceQA-FULL/test.parquet", columns.SCIENCEQA, rows
    yield "scienceqa/ScienceQA-IMG/test.parquet", columns.SCIENCEQA, seen


def _mmvp(rng: Random) -> list[Row]:
    rows: list[Row] = []
    for _ in range(30):
        made = mmvp.contrast(rng, mmvp.draw(rng))
        for place in rng.sample((0, 1), 2):
            index = len(rows) + 1
            image = _picture(made.scenes[place], f"{index}.png")
            rows.append({**mmvp.row(made, place, index), "image": image})
    return rows


def _mmvet(rng: Random) -> list[Row]:
    rows: list[Row] = []
    for kind in mmvet.PICTURES:
        scene = kind.draw(rng)
        image = _picture(scene, f"v1_{len(rows)}.png")
        rows += [{**row, "image": image} for row in mmvet.ask(kind, scene, len(rows))]
    return rows


def _llava_bench_wild(rng: Random) -> list[Row]:
    rows = []
    for key in range(6):
        scene = llava_bench.draw_wild(rng, key)
        image = _picture(scene, f"{key + 1:03d}.png")
        rows += [{**row, "image": image} for row in llava_bench.ask_wild(rng, scene, key)]
    return rows


def _llava_bench_coco(rng: Random) -> list[Row]:
    rows = []
    for key in range(3):
        scene = llava_bench.draw_coco(rng)
        image = _picture(scene, f"{key + 1:012d}.png")
        rows += [{**row, "image": image} for row in llava_bench.ask_coco(rng, scene, key)]
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Build into the folder that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m evalkit.demo.build", description=__doc__)
    parser.add_argument("--out", type=Path, default=data_path(), help="folder to write to")
    build(parser.parse_args(arguments).out)


if __name__ == "__main__":
    main()
