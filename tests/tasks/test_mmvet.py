"""MM-Vet: its questions, its slices, and which of them share a picture."""

import json

import pytest

from evalkit.data import DataSource, load
from evalkit.errors import DataError
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


@pytest.mark.parametrize("needed", ["ocr,math", "ocr,ocr,math", ",math, ,ocr,", "OCR, Math"])
def test_a_capability_counts_once_in_whatever_case(needed):
    tags = to_sample(row("v1_0", b"x", capability=needed)).tags
    assert tags == {"capability": ("math", "ocr"), "integration": "math_ocr"}


def test_a_name_goes_before_bytes():
    one, two = (
        to_sample(row(f"v1_{i}", content, imagename=name))
        for i, (content, name) in enumerate(((b"x", "a.png"), (b"y", " a.png ")))
    )
    assert one.cluster == two.cluster == "a.png"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(({"imagename": odd}, "imagename") for odd in (None, "", " ", 0, float("nan"), ["a.png"])),
        ({"image": None}, "no picture (image)"),
        ({"image": None, "imagename": "a.png"}, "no picture (image)"),
        *(({"capability": odd}, "needs a capability") for odd in (None, "", " , ", ["ocr"])),
    ],
)
def test_what_a_row_lacks_is_said_with_its_name(change, said):
    with pytest.raises(ValueError, match=r"question 'v1_3'") as caught:
        to_sample({**row("v1_3", b"x"), **change})
    assert said in str(caught.value)


@pytest.mark.parametrize("change", [{"imagename": None}, {"image": None}])
def test_a_file_with_a_row_that_lacks_a_picture_or_its_name_is_one_sentence(tmp_path, change):
    folder = tmp_path / "mmvet"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"picture")
    told = {**row("v1_0", b""), "image": "a.png", "imagename": "a.png"}
    lines = [json.dumps(told), json.dumps({**told, "question_id": "v1_1", **change})]
    (folder / "test.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"row 1 cannot be made .* question 'v1_1' has") as caught:
        load(TASK, DataSource(folder=tmp_path))
    assert "\n" not in str(caught.value)


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
