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


def test_what_differs_between_the_orders_is_no_spread_of_votes(chat_server, judged):
    """A judge that likes what comes first: 8 for the reference, then 8 for the answer."""
    with chat_server(answer=lambda asked: "8 4\nwhy") as server:
        result = judged(server, "--swap")
        assert len(server.asked) == 24
    assert result["judge"]["consistency"] == 0, "each answer loses in one order and wins in another"
    assert result["judge"]["spread"] is None
    numbers = {name: value["value"] for name, value in result["metrics"].items()}
    assert numbers["judged"] == 100, "in both orders both have twelve points"


def test_a_judge_that_reads_is_of_one_mind_in_both_orders(chat_server, judged, tmp_path):
    """The ratings of a swapped question are turned back, whoever was shown first."""

    def fair(asked):
        mine = f"{ANSWER[number(asked)]}"
        ours, reference = asked.text.find("a cat"), asked.text.find("the reference")
        pair = (f"{REFERENCE[number(asked)]}", mine)
        return " ".join(pair if reference < ours else pair[::-1])

    with chat_server(answer=fair) as server:
        result = judged(server, "--swap")
    assert result["judge"]["consistency"] == 1
    assert result["metrics"]["judged"]["value"] == pytest.approx(74.747475)
    (path,) = tmp_path.glob("out/*/r/verdicts/llava_bench_coco.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["swapped"] for row in rows].count(True) == 12
    for row in rows:
        place = int(row["sample_id"][1:])
        assert row["ratings"] == [REFERENCE[place], ANSWER[place]]


def test_votes_spread_within_an_order(chat_server, judged):
    """The first vote has 4 points in both orders, the second 6 as the answer comes second."""

    def wavering(asked):
        return (
            f"8 {2 + 2 * asked.times}"
            if asked.text.find("the reference") < asked.text.find("a cat")
            else "4 8"
        )

    with chat_server(answer=wavering) as server:
        result = judged(server, "--swap", "--votes", "2")
    assert result["judge"]["spread"] == pytest.approx((1 + 0) / 2)


def test_the_share_of_failures_that_was_allowed_is_recorded_and_shown(
    chat_server, evalkit, judged, tmp_path
):
    with chat_server(answer=lambda asked: "Perhaps") as server:
        report = judged(server, "--max-judge-failures", "1")["judge"]
    assert (report["healthy"], report["failed"], report["max_failures"]) == (
        *(True, {"unreadable": 12}, 1.0),
    )
    (record,) = tmp_path.glob("out/*/r/run.json")
    shown = " ".join(evalkit("show", record.parent).out.split())
    assert (
        "12 missing (unreadable 12); 100 % of them may be missing by --max-judge-failures" in shown
    )
