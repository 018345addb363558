"""MM-Vet: its questions, its slices, and which of them share a picture."""

import json

import pytest

from evalkit.data import DataSource, load
from evalkit.judging import judge_run
from evalkit.records import Image
from evalkit.tasks.mmvet import TASK, to_sample


def row(name, content, **more):
    image = Image(key=name, read=lambda: content)
    told = {"question": "What?", "answer": "-1<AND>-5", "capability": "ocr, math"}
    return {"question_id": name, "image": image, **told, **more}


def test_sample():
    sample = to_sample(row("v1_0", b"x"))
    assert (sample.id, sample.targets) == ("v1_0", ("-1<AND>-5",))
    assert sample.tags == {"capability": ("math", "ocr"), "integration": "math_ocr"}


def test_the_same_bytes_are_the_same_picture():
    one, two, other = (to_sample(row(f"v1_{i}", c)) for i, c in enumerate((b"x", b"x", b"y")))
    assert one.cluster == two.cluster != other.cluster


def test_a_name_goes_before_bytes_and_an_empty_one_is_none():
    one, two = (to_sample(row(f"v1_{i}", c, imagename="a.png")) for i, c in enumerate((b"x", b"y")))
    assert one.cluster == two.cluster == "a.png"
    bytes_alone = to_sample(row("v1_0", b"x")).cluster
    assert to_sample(row("v1_0", b"x", imagename=None)).cluster == bytes_alone


def test_published_questions_without_a_picture_stand_alone():
    assert to_sample({**row("v1_0", b""), "image": None}).cluster == "v1_0"


@pytest.mark.parametrize("named", [True, False], ids=["named", "by bytes"])
def test_rows_of_a_file_are_clustered_by_picture(tmp_path, named):
    folder = tmp_path / "mmvet"
    folder.mkdir()
    lines = []
    for number in range(6):
        picture = f"{number // 2}.png" if named else f"copy-{number}.png"
        (folder / picture).write_bytes(b"picture %d" % (number // 2))
        told = {**row(f"v1_{number}", b""), "image": picture}
        lines.append(json.dumps(told | ({"imagename": picture} if named else {})))
    (folder / "test.jsonl").write_text("\n".join(lines))
    samples = load(TASK, DataSource(folder=tmp_path)).samples
    clusters = [sample.cluster for sample in samples]
    assert len(set(clusters)) == 3
    assert clusters[0::2] == clusters[1::2]
    assert (clusters[0] == "0.png") == named


def test_a_run_has_as_many_clusters_as_pictures_and_is_judged_later(evalkit, tmp_path):
    """The clusters are in the fingerprint: they must be the same when the rows are read again."""
    from evalkit.judge.order import JudgeOrder

    words = ("--model", "dummy:echo", "--data", "demo", "--no-judge", "--out", tmp_path)
    done = evalkit("run", "mmvet", *words, "--name", "r")
    assert done.code == 0, done.err
    pictures = {s.images[0].read() for s in load(TASK, demo_source()).samples}
    result = judge_run(tmp_path / "echo" / "r", JudgeOrder(model="dummy:constant,text=0.5"))
    (metric,) = {m.clusters for m in result.results[0].metrics.values()}
    assert metric == len(pictures) < 24


def demo_source():
    from evalkit.demo import data_path

    return DataSource(folder=data_path(), label="demo")
