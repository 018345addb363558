"""Memory that does not suffice: batches become smaller, no sample is lost."""

import json


def run(evalkit, toy, tmp_path, model, *more):
    common = (*toy.options, "--out", tmp_path / "out", "--name", "night", "--batch-size", 16)
    return evalkit("run", "toy", "--model", model, *common, *more)


def batches(log):
    return log.read_text().splitlines()


def predictions(tmp_path):
    (path,) = tmp_path.glob("out/*/night/predictions/toy.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_batches_that_do_not_fit_become_smaller_and_stay_so(evalkit, toy, tmp_path):
    log = tmp_path / "asked"
    done = run(evalkit, toy, tmp_path, f"dummy:constant,text=yes,memory=4,log={log}")
    assert done.code == 0
    made = predictions(tmp_path)
    assert len(made) == 40
    assert all(one["text"] == "yes" for one in made)
    # 16 and 8 fail once, at the beginning; what comes later is cut before it is sent.
    assert len(batches(log)) == 40 + 16 + 8


def test_a_sample_that_never_fits_is_a_failure_of_its_own(evalkit, toy, tmp_path):
    done = run(evalkit, toy, tmp_path, "dummy:constant,text=yes,memory=0", "--limit", 6)
    assert done.code == 12
    assert {one["failure"]["kind"] for one in predictions(tmp_path)} == {"out_of_memory"}
