"""Pairs of answers judged from end to end: figures, both orders, and votes."""

import json
import re

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

REFERENCE = (8, 9, 10, 5, 10, 7, 10, 7, 10, 6, 7, 10)
ANSWER = (10, 2, 3, 2, 10, 4, 6, 10, 9, 4, 5, 9)


@pytest.fixture
def data(tmp_path):
    """A folder with twelve questions of LLaVA-Bench (COCO), in two categories."""
    from PIL import Image

    folder = tmp_path / "data" / "llava_bench_coco"
    folder.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "one.png")
    rows = [
        {
            "question_id": f"q{i:02}",
            "question": f"No. {i}?",
            "image": "one.png",
            "caption": f"{i}: a mat.",
            "category": "conv" if i < 6 else "detail",
            "answer": "the reference",
        }
        for i in range(12)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.parent


@pytest.fixture
def judged(evalkit, data, tmp_path):
    """The record of a judged run: judged(server, *more options)."""

    def made(server, *more):
        done = evalkit(
            *("run", "llava_bench_coco", "--model", "dummy:constant,text=a cat", "--data", data),
            *("--judge", f"openai:toy-model,base_url={server.url}", "--judge-cache", "none"),
            *("--out", tmp_path / "out", "--name", "r", "--json", *more),
        )
        assert done.code == 0, done.err
        (result,) = done.record["results"]
        return result

    return made


def number(asked):
    return int(re.search(r"No\. (\d+)\?", asked.text)[1])


def test_the_printed_figure_is_rounded_as_the_official_script_rounds(chat_server, judged):
    """Means of 8.25 and 6.167: 74.747 % before the script's rounding, and 74.752 % after it."""
    with chat_server(
        answer=lambda asked: f"{REFERENCE[number(asked)]} {ANSWER[number(asked)]}"
    ) as s:
        numbers = {name: value["value"] for name, value in judged(s)["metrics"].items()}
    assert sum(ANSWER) / sum(REFERENCE) == pytest.approx(0.74747475)
    assert numbers["relative"] == pytest.approx(74.747475)
    assert numbers["printed"] == round(100 * 6.167 / 8.25, 1) == 74.8
    assert (numbers["printed_reference"], numbers["printed_answer"]) == (82.5, 61.7)
    assert numbers["printed_conv"] == round(100 * round(31 / 6, 3) / round(49 / 6, 3), 1)
