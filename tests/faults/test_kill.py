"""A run that is killed at any moment goes on, and ends as if it had never been killed."""

import json
import random
import signal
import time


def words(toy, out, log):
    return (
        "run", "toy", "toy:short", "--model", f"dummy:hash,sleep=0.02,log={log}", *toy.options,
        "--out", out, "--batch-size", 3, "--name", "night",
    )  # fmt: skip


def asked_of(log):
    return log.read_text().count("\n") if log.exists() else 0


def finished_in(out):
    """Samples whose prediction is whole on disk, as the log writes them."""
    return {
        f"{path.stem.replace('-', ':')}\t{json.loads(line)['sample_id']}"
        for path in out.glob("*/night/journal/*.jsonl")
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    }


def wait_for(log, count):
    """Wait until so many samples have been asked."""
    deadline = time.monotonic() + 60
    while asked_of(log) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def without_times(record):
    timed = ("created", "finished", "seconds", "telemetry", "digest")  # which is over the times too
    return json.dumps({k: v for k, v in record.items() if k not in timed}, sort_keys=True)


def contents(out):
    (folder,) = out.glob("*/night")
    record = json.loads((folder / "run.json").read_text())
    predictions = {
        path.name: [
            {k: v for k, v in json.loads(line).items() if k != "seconds"}
            for line in path.read_text().splitlines()
        ]
        for path in sorted((folder / "predictions").iterdir())
    }
    return without_times(record).replace(str(out.parent), ""), predictions


def test_kills_at_random_moments_change_nothing_and_nothing_is_asked_twice(
    evalkit, start, toy, tmp_path
):
    log = tmp_path / "asked"
    assert evalkit(*words(toy, tmp_path / "whole", log)).code == 0
    expected = contents(tmp_path / "whole")
    log.unlink()
    moments = random.Random(20)
    for _ in range(10):
        finished = finished_in(tmp_path / "cut")
        seen = asked_of(log)
        process = start(*words(toy, tmp_path / "cut", log))
        wait_for(log, seen + moments.randint(1, 6))
        time.sleep(moments.uniform(0, 0.06))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not finished & set(log.read_text().splitlines()[seen:])
    finished = finished_in(tmp_path / "cut")
    seen = asked_of(log)
    assert evalkit(*words(toy, tmp_path / "cut", log)).code == 0
    last = log.read_text().splitlines()[seen:]
    assert len(last) == 80 - len(finished)
    assert not finished & set(last)
    assert contents(tmp_path / "cut") == expected


def test_an_interrupt_says_how_to_go_on(start, evalkit, toy, tmp_path):
    log = tmp_path / "asked"
    process = start(*words(toy, tmp_path / "cut", log))
    wait_for(log, 1)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 12
    assert "same command goes on" in err
    assert "Traceback" not in err
    assert evalkit(*words(toy, tmp_path / "cut", log)).code == 0


def test_a_process_that_dies_in_the_backend_loses_nothing(evalkit, toy, tmp_path):
    common = (*toy.options, "--out", tmp_path / "results", "--name", "night", "--batch-size", 4)
    dying = "dummy:constant,text=yes,die=q005"
    assert evalkit("run", "toy", "--model", dying, *common).code < 0
    (journal,) = (tmp_path / "results").glob("*/night/journal/toy.jsonl")
    kept = journal.read_text().count("\n")
    assert 0 < kept < 40


def test_a_torn_journal_and_a_duplicated_line_do_no_harm(evalkit, start, toy, tmp_path):
    log = tmp_path / "asked"
    process = start(*words(toy, tmp_path / "cut", log))
    wait_for(log, 12)
    process.kill()
    process.communicate()
    (journal,) = (tmp_path / "cut").glob("*/night/journal/toy.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines, lines[0], lines[-1][: len(lines[-1]) // 2]]))
    assert evalkit(*words(toy, tmp_path / "cut", log)).code == 0
    assert evalkit(*words(toy, tmp_path / "whole", log)).code == 0
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
