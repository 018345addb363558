"""Published answers and verdicts side by side: the official numbers, and what differs."""

import json
from pathlib import Path

import pytest

from evalkit.compare import sides
from evalkit.compare.comparing import Choice, compare, compare_all
from evalkit.report.compare_table import verdict
from evalkit.store import RunFolder

UNKNOWN = frozenset({"prompt", "generation", "preprocessing"})
ANSWERS = Choice(allow=UNKNOWN)
VERDICTS = Choice(allow=UNKNOWN | {"judge"})
REVIEWS = "llava-bench/reviews/in-the-wild/llava-v1.5-13b-eval?.jsonl"
WILD = "llava-bench/in-the-wild/questions.jsonl"


@pytest.fixture(scope="module")
def scored(evalkit, reference, tmp_path_factory):
    """Scores a file of answers; gives the run's folder."""
    out = tmp_path_factory.mktemp("scored")

    def score(task: str, predictions: str, references: str) -> Path:
        folder = out / predictions.replace("/", "-")
        if not folder.exists():
            files = ("--predictions", reference.root / predictions)
            words = (*files, "--references", reference.root / references, "--offline")
            done = evalkit("score", task, *words, "--out", folder)
            assert done.code in (0, 12), done.err
        return folder

    return score


@pytest.fixture(scope="module")
def reviewed(evalkit, reference, tmp_path_factory):
    """Makes runs of files of verdicts; gives their folders."""
    out = tmp_path_factory.mktemp("reviewed")

    def review(pattern: str, references: str) -> list[Path]:
        files = sorted(reference.root.glob(pattern))
        done = evalkit("judge", "review", *files, "-r", reference.root / references, "--out", out)
        assert done.code == 0, done.err
        return [out / file.stem for file in files]

    return review


def said_yes(text):
    """POPE's rule: the first sentence, without commas, has none of three words."""
    return not {"No", "not", "no"} & set(text.split(".")[0].replace(",", "").split(" "))


def right(folder):
    """The sample ids that a run of POPE answers rightly, by the rule above."""
    run = RunFolder(folder)
    targets = {score.sample_id: score.targets[0] == "yes" for score in run.read_scores("pope")}
    made = {made.sample_id: said_yes(made.text) for made in run.read_predictions("pope")}
    return {name for name, yes in made.items() if targets[name] == yes}, set(made)


def test_pope_of_two_sizes_of_one_model(scored):
    """7B's published file has two of the three lists: on those the sizes do not differ."""
    large, small = (
        scored("pope", f"pope/pred/llava-v1.5-{name}.jsonl.gz", "pope/gt_coco_llava15")
        for name in ("13b", "7b.partial5712")
    )
    choice = Choice(allow=UNKNOWN, metrics="all")
    (task,) = compare(sides.load(large), sides.load(small), choice).comparison.tasks
    told = {d.metric: d for d in task.differences}
    (right_large, answered), (right_small, shared) = right(large), right(small)
    assert task.samples == len(shared & answered) == 5712
    won, lost = len(right_small - right_large), len((right_large & shared) - right_small)
    assert (told["accuracy"].won, told["accuracy"].lost) == (won, lost) == (134, 137)
    assert told["accuracy"].difference == pytest.approx((won - lost) / 5712, abs=1e-12)
    assert told["macro_f1"].clusters == 500
    assert told["macro_f1"].low < 0 < told["macro_f1"].high
    assert verdict(told["macro_f1"], 0.05) == "no difference seen"
    assert 0.01 < told["macro_f1"].detectable < 0.015
    assert any("no sample of popular" in note for note in task.notes)


def test_a_pruned_cache_loses_text(scored, reference):
    names = ("llava-v1.5-13b", "llava_real_drop_10")
    whole, pruned = (
        sides.load(
            scored("textvqa", f"textvqa/pred/{n}.jsonl.gz", "textvqa/TextVQA_0.5.1_val.json.gz")
        )
        for n in names
    )
    found = compare(whole, pruned, ANSWERS)
    (d,) = found.comparison.tasks[0].differences
    assert d.first == pytest.approx(0.61254, abs=1e-9)
    assert d.second == pytest.approx(0.44708, abs=1e-9)
    assert d.high < -0.1
    assert verdict(d, 0.05) == "worse"
    assert d.won + d.lost == len(found.flips)


def test_mmvet_of_two_sizes_of_one_model(reviewed):
    folders = reviewed("mm-vet/grades/*.json", "mm-vet/mm-vet.json")
    (task,) = compare(*map(sides.load, folders), VERDICTS).comparison.tasks
    (d,) = task.differences
    assert (round(d.first, 1), round(d.second, 1)) == (36.3, 31.2)
    assert (d.n, verdict(d, 0.05)) == (218, "worse")
    assert set(task.flips) == {"verdict"}


def test_three_reviews_of_one_model_do_not_differ(reviewed, reference):
    """GPT-4 said it three times: 72.8, 72.7 and 72.1 are one number."""
    folders = reviewed(REVIEWS, WILD)
    first, *others = map(sides.load, folders)
    found = [one.comparison.tasks[0] for one in compare_all(first, others, VERDICTS)]
    told = [task.differences[0] for task in found]
    numbers = [told[0].first, *(d.second for d in told)]
    assert [round(number, 1) for number in numbers] == [72.8, 72.7, 72.1]
    assert {verdict(d, 0.05) for d in told} == {"no difference seen"}
    assert {(d.n, d.clusters) for d in told} == {(60, 24)}
    assert all(d.low < 0 < d.high and d.correlation > 0.9 for d in told)


def test_nobody_says_how_published_answers_were_asked(evalkit, reviewed):
    folders = reviewed(REVIEWS, WILD)
    done = evalkit("compare", *folders[:2])
    assert done.code == 13
    for part in ("prompt", "generation", "preprocessing", "judge"):
        assert f"{part} is unknown in both" in done.err
    record = json.loads((folders[0] / "run.json").read_text())
    assert record["results"][0]["judge"]["judge"] == f"file:{folders[0].name}.jsonl"
