"""Rows of one of lmms-eval's tasks: which show equal pictures, wherever these stand in a row."""

import io
from types import SimpleNamespace

import PIL.Image
import pytest

datasets = pytest.importorskip("datasets", reason="the extra data is not installed")

from evalkit.lmms_tasks.documents import Documents  # noqa: E402 - it needs the package above


def png(shade):
    file = io.BytesIO()
    PIL.Image.new("RGB", (8, 6), (shade, 0, 0)).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


def messages(doc):
    shown = doc["shown"] if isinstance(doc["shown"], list) else [doc["shown"]]
    pictures = [{"type": "image", "url": one} for one in shown]
    return [{"role": "user", "content": [*pictures, {"type": "text", "text": "How many?"}]}]


def documents(kind, values):
    features = datasets.Features({"shown": kind})
    docs = datasets.Dataset.from_dict({"shown": values}, features=features)
    task = SimpleNamespace(
        eval_docs=docs, doc_to_messages=messages, doc_to_target=lambda doc: "answer"
    )
    return Documents(task, {})


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("listed", [datasets.Sequence, lambda kind: [kind]], ids=["list", "old"])
def test_equal_lists_of_pictures_are_one_cluster(listed, decode):
    kind = listed(datasets.Image(decode=decode))
    rows = [[png(1), png(2)], [png(1), png(2)], [png(1)], []]
    made = documents(kind, rows).some(0, len(rows), "default")
    clusters = [one["cluster"] for one in made]
    assert clusters[0] == clusters[1]
    assert len(set(clusters)) == 3
    assert [one["turns"][0][1] for one in made[1:3]] == [[0, 1, "How many?"], [0, "How many?"]]
    assert clusters[3] == "row-3", "it shows none"


def test_a_list_s_pictures_are_decoded_when_they_are_shown():
    found = documents(datasets.Sequence(datasets.Image()), [[png(1), png(9)]])
    with PIL.Image.open(io.BytesIO(found.picture(0, 1, "default"))) as shown:
        assert shown.getpixel((0, 0)) == (9, 0, 0)


def test_a_single_picture_is_the_same_cluster_as_before():
    made = documents(datasets.Image(), [png(1), png(2), png(1), None])
    clusters = [one["cluster"] for one in made.some(0, 3, "default")]
    assert clusters[0] == clusters[2] != clusters[1]
