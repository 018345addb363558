"""`model-index`: results that differ stay apart when huggingface_hub joins and splits them."""

from dataclasses import replace

import pytest
from huggingface_hub import EvalResult, ModelCardData
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from made_records import judge_report

from evalkit.card.entries import Entry, check_whole
from evalkit.card.eval_results import eval_results
from evalkit.card.front_matter import dumped
from evalkit.card.model_index import model_index
from evalkit.card.order import Benchmark
from evalkit.errors import IncompleteError, UsageError


def judged(result, judge):
    report = judge_report(judge=judge)
    return replace(result, judge=report)


def entries(*records):
    return [Entry(record=record, label=str(i)) for i, record in enumerate(records)]


def results(index):
    """The results as huggingface_hub reads them, by dataset's name and metric."""
    _, found = model_index_to_eval_results([{"name": "x", "results": index}])
    return found


def test_it_survives_the_hubs_own_round_trip(complete):
    index = model_index(entries(complete), "all", {"pope": "category"}, "https://example.com/x")
    found = results(index)
    assert all(isinstance(one, EvalResult) for one in found)
    assert eval_results_to_model_index("x", found) == [{"name": "x", "results": index}]
    data = ModelCardData(model_name="x", eval_results=found)
    assert data.to_dict()["model-index"][0]["results"] == index


def test_popes_categories_have_entries_of_their_own(complete):
    index = model_index(entries(complete), "headline", {"pope": "category"}, None)
    pope = [one for one in index if one["dataset"]["type"] == "lmms-lab/pope"]
    configs = [one["dataset"]["config"] for one in pope]
    assert len(set(configs)) == 4
    assert sum("category adversarial" in config for config in configs) == 1
    source = next(r for r in complete.results if r.task == "pope").breakdowns["category"]
    shown = next(one for one in pope if "adversarial" in one["dataset"]["config"])
    values = {metric["type"]: metric["value"] for metric in shown["metrics"]}
    assert values["f1"] == pytest.approx(source["adversarial"]["f1"], abs=5e-5)


def test_two_judges_share_no_entry(complete):
    gqa = complete.results[0]
    one, two = (replace(complete, results=(judged(gqa, j),)) for j in ("openai:a", "openai:b"))
    index = model_index(entries(one, two), "headline", {}, None)
    assert [entry["dataset"]["args"]["judge"] for entry in index] == ["openai:a", "openai:b"]
    configs = [entry["dataset"]["config"] for entry in index]
    assert ["judge openai:a" in configs[0], "judge openai:b" in configs[1]] == [True, True]


@pytest.mark.parametrize("digest", ["a" * 64, None])
def test_two_judges_whose_public_names_are_equal_share_no_entry(complete, digest):
    gqa = complete.results[0]
    one, two = (
        replace(
            complete,
            results=(judged(gqa, f"hf:/models/{folder}/judge"),),
            digest=digest or complete.digest,  # of one record nothing but the judge differs
        )
        for folder in "ab"
    )
    index = model_index(entries(one, two), "headline", {}, None)
    assert len(index) == 2
    assert all(len(entry["metrics"]) == 1 for entry in index)
    configs = [entry["dataset"]["config"] for entry in index]
    assert all("judge hf:judge" in config for config in configs)
    assert len(set(configs)) == 2
    assert "/models" not in dumped(index)


def with_data(result, **parts):
    data = replace(result.fingerprint.dataset, **parts)
    return replace(result, fingerprint=replace(result.fingerprint, dataset=data))


def test_no_two_results_share_an_entry_however_they_are_called(complete):
    gqa = complete.results[0]
    same = [with_data(gqa, repository=f"/data/{folder}/gqa", config="x (gqa)") for folder in "ab"]
    same += [with_data(gqa, repository="/data/a/gqa", config="x"), replace(same[0], task="#2")]
    records = [replace(complete, results=(one,), digest="c" * 64) for one in same]
    index = model_index(entries(*records, *records), "headline", {}, None)
    assert len(index) == 8
    assert all(len(entry["metrics"]) == 1 for entry in index)


def test_what_a_reader_must_know_stands_in_the_metrics_name(complete, paper):
    (first, *_) = model_index(entries(paper), "headline", {}, None)
    assert first["metrics"][0]["name"] == "gqa accuracy (self-reported)"
    gqa = judged(complete.results[0], "openai:m")
    gqa = replace(gqa, judge=replace(gqa.judge, healthy=False))
    (one,) = model_index(entries(replace(complete, results=(gqa,))), "headline", {}, None)
    told = "gqa accuracy (too many verdicts of its judge are missing)"
    assert one["metrics"][0]["name"] == told


def test_a_published_run_of_the_models_name_is_not_the_cards(complete, paper):
    named = replace(paper, model=replace(complete.model, digest=None, revision=None))
    measured = replace(complete, model=named.model)
    index = model_index(entries(measured, named), "headline", {}, None)
    assert index == model_index(entries(measured), "headline", {}, None)
    assert model_index(entries(named, measured), "headline", {}, None) == model_index(
        entries(named), "headline", {}, None
    )


def test_two_protocols_and_two_runs_share_no_entry(complete):
    gqa = complete.results[0]
    other = replace(complete, results=(replace(gqa, protocol="lmms-eval"),))
    again = replace(complete, results=(gqa,), name="again", digest="b" * 64)
    index = model_index(entries(replace(complete, results=(gqa,)), other, again), "all", {}, None)
    assert len(index) == 3
    assert len({entry["dataset"]["config"] for entry in index}) == 3


def test_another_models_results_are_not_the_cards(complete, early):
    index = model_index(entries(complete, early), "headline", {}, None)
    assert index == model_index(entries(complete), "headline", {}, None)


def test_what_stands_there_is_what_the_table_shows(demo):
    index = model_index(entries(demo), "headline", {}, None)
    pope = next(one for one in index if one["dataset"]["name"] == "evalkit demo: pope")
    (metric,) = pope["metrics"]
    assert metric["value"] == 0.8283
    assert metric["name"] == "pope macro_f1 (of 120 rows of the demo's own made-up data)"
    assert metric["args"]["n"] == 120
    assert "revision" not in pope["dataset"]


HOSTILE = "<script>alert(1)</script>\n---\n[x](http://evil)-->\n{a: *b}\u202e/home/alice/x"


def test_hostile_names_stay_texts_on_one_line(complete):
    gqa = complete.results[0]
    data = replace(gqa.fingerprint.dataset, config=HOSTILE, split=HOSTILE)
    result = replace(gqa, task=HOSTILE, fingerprint=replace(gqa.fingerprint, dataset=data))
    index = model_index(entries(replace(complete, results=(result,))), "headline", {}, None)
    text = dumped(index)
    assert "/home/alice" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("---") for line in text.splitlines())
    assert "\n" not in index[0]["dataset"]["config"]


GQA = Benchmark(task="gqa", metric="accuracy", dataset="lmms-lab/GQA", task_id="testdev")


def test_eval_results_hold_whole_numbers_alone(complete, demo):
    (one,) = eval_results(entries(complete), [GQA], None)
    assert one["dataset"] == {"id": "lmms-lab/GQA", "task_id": "testdev", "revision": "a" * 40}
    with pytest.raises(IncompleteError, match="only whole"):
        eval_results(entries(demo), [GQA], None)
    with pytest.raises(UsageError, match="two values"):
        eval_results(entries(complete), [GQA, GQA], None)
    with pytest.raises(UsageError, match="has no accuracy of mme"):
        eval_results(entries(complete), [replace(GQA, task="mme")], None)


def given(result, **data):
    """The result as if its data were others."""
    told = replace(result.fingerprint.dataset, **data)
    return replace(result, fingerprint=replace(result.fingerprint, dataset=told))


@pytest.mark.parametrize(
    ("data", "named", "number"),
    [
        (("demo", 132), ("evalkit-demo", "evalkit demo: gqa"), " (of 132 rows of the demo's own"),
        (("local", 12578), ("local-data", "local data: gqa"), " (of 132 rows of local data that"),
        (("local", 132), ("gqa", "gqa"), ""),
        (("lmms-lab/GQA", 132), ("lmms-lab/GQA", "gqa"), ""),
    ],
)
def test_data_that_are_not_the_benchmarks_claim_nothing(complete, data, named, number):
    own = given(complete.results[0], repository=data[0], expected_rows=data[1], revision=None)
    (only,) = model_index(entries(replace(complete, results=(own,))), "headline", {}, None)
    assert (only["dataset"]["type"], only["dataset"]["name"]) == named
    assert only["metrics"][0]["name"].startswith(f"gqa accuracy{number}")
    assert only["dataset"]["args"]["of"] == 132


def test_data_that_are_not_the_benchmarks_are_refused(complete):
    for repository, expected in (("demo", 132), ("local", 12578)):
        own = given(complete.results[0], repository=repository, expected_rows=expected)
        record = replace(complete, results=(own,))
        with pytest.raises(IncompleteError, match="gqa is of 132 rows of"):
            check_whole([record])
        one = Benchmark(task="gqa", metric="accuracy", dataset="a/b", task_id="gqa")
        with pytest.raises(IncompleteError, match="not the benchmark's"):
            eval_results(entries(record), [one], None)
    check_whole([complete])
