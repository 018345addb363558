"""`--judge replay:FILE`: replies of a file, each for the question that it answers."""

import json
import shutil

import pytest

from evalkit.data import DataSource, load
from evalkit.demo import data_path
from evalkit.tasks.llava_bench_wild import TASK


@pytest.fixture
def bench_of(evalkit, tmp_path):
    """A run of LLaVA-Bench's demo questions, and a way to judge copies of it."""

    class Bench:
        cache = tmp_path / "cache.sqlite"

        def __init__(self, limit=6):
            done = evalkit(
                *("run", "llava_bench_wild", "--model", "dummy:echo", "--data", "demo"),
                *("--limit", limit, "--no-judge", "--out", tmp_path, "--name", "r"),
            )
            assert done.code == 0, done.err
            self.run = tmp_path / "echo" / "r"
            lines = (self.run / "predictions" / "llava_bench_wild.jsonl").read_text().splitlines()
            self.ids = [json.loads(line)["sample_id"] for line in lines]
            rows = load(TASK, DataSource(folder=data_path())).samples
            told = {s.id: len(str((s.inputs, s.question, s.targets))) for s in rows}
            self.last_asked = min(self.ids, key=told.__getitem__)  # the longest are asked first

        def review(self, place, rows):
            """Write a file of a name that every review has."""
            path = tmp_path / place / "review.jsonl"
            path.parent.mkdir()
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            path.write_text("".join(lines), encoding="utf-8")
            return path

        def judge(self, path, *more, run=None):
            judge = ("--judge", f"replay:{path}", "--judge-cache", self.cache)
            return evalkit("judge", run or self.run, *judge, "--json", *more)

        def copy(self, name):
            shutil.copytree(self.run, tmp_path / name)
            return tmp_path / name

    return Bench


@pytest.fixture
def bench(bench_of):
    """Six questions."""
    return bench_of()


def result(done):
    (task,) = done.record["results"]
    return task


def test_two_files_of_one_name_are_two_judges(bench):
    """One after the other in one folder, with one cache."""
    found = []
    for place, reply in (("one", "8 4\nwhy"), ("two", "4 8\nwhy")):
        rows = [{"question_id": i, "content": reply} for i in bench.ids]
        done = bench.judge(bench.review(place, rows))
        assert done.code == 0, done.err
        assert result(done)["judge"]["cached"] == 0
        found.append(result(done))
    assert [round(r["metrics"]["relative"]["value"], 6) for r in found] == [50, 200]
    one, two = (r["fingerprint"]["judge"] for r in found)
    assert one["weights"] != two["weights"]
    assert {**one, "weights": ""} == {**two, "weights": ""}
    assert not bench.cache.exists(), "what is in a file already is not kept"


def test_a_review_has_no_replies_in_the_other_order(bench):
    rows = [{"question_id": i, "content": "8 4\nwhy"} for i in bench.ids]
    done = bench.judge(bench.review("one", rows), "--swap")
    assert done.code == 14, done.err
    report = result(done)["judge"]
    assert report["failed"] == {"unrecorded": 6}
    assert report["consistency"] is None
    lines = (bench.run / "verdicts" / "llava_bench_wild.jsonl").read_text().splitlines()
    failed = [json.loads(line) for line in lines if json.loads(line)["failure"]]
    assert {row["swapped"] for row in failed} == {True}
    assert "in the other order" in failed[0]["failure"]["message"]


@pytest.mark.parametrize("said", [0, 1])
def test_a_file_that_lacks_the_first_replies_is_read_to_its_end(bench_of, said):
    """More are lacking, at the start and in a row, than would end the run of a model."""
    bench = bench_of(limit=12)
    last = bench.last_asked if said else "other"
    done = bench.judge(bench.review("one", [{"question_id": last, "content": "8 4\nwhy"}]))
    assert done.code == 14, done.err
    assert result(done)["judge"]["failed"] == {"unrecorded": 12 - said}
    assert result(done)["judge"]["verdicts"] == 12
    lines = (bench.run / "verdicts" / "llava_bench_wild.jsonl").read_text().splitlines()
    read = [json.loads(line)["ratings"] for line in lines]
    assert [ratings for ratings in read if ratings] == [[8.0, 4.0]] * said


def test_a_run_s_own_verdicts_give_its_numbers_again(bench, chat_server):
    """In both orders and twice; the judge likes whoever comes first, and no reply is another's."""
    pytest.importorskip("openai", reason="the extra openai is not installed")

    with chat_server(
        answer=lambda asked: f"9 {1 + asked.text.count('e') % 8}.{asked.times}\nwhy"
    ) as server:
        told = ("--swap", "--votes", "2")
        spec = ("--judge", f"openai:toy-model,base_url={server.url}", "--judge-cache", "none")
        other = bench.copy("live")
        first = bench.judge("none", *told, *spec, run=other)
    assert first.code == 0, first.err
    again = bench.judge(other / "verdicts" / "llava_bench_wild.jsonl", *told)
    assert again.code == 0, again.err
    assert result(again)["metrics"] == result(first)["metrics"]
    for name in ("consistency", "spread", "verdicts"):
        assert result(again)["judge"][name] == result(first)["judge"][name]
    assert result(first)["judge"]["consistency"] == 0
    replies = [
        [json.loads(line)["reply"] for line in path.read_text().splitlines()]
        for path in (run / "verdicts" / "llava_bench_wild.jsonl" for run in (other, bench.run))
    ]
    assert replies[0] == replies[1]
    assert len(set(replies[0])) > 6


@pytest.mark.parametrize("odd", ["\u2028", "\x85", "\x1e", "\u2029"])
def test_a_reply_may_hold_any_end_of_line_but_its_own(bench, odd):
    rows = [{"question_id": i, "content": f"8 4\nwhy{odd}so"} for i in bench.ids]
    done = bench.judge(bench.review("one", rows))
    assert done.code == 0, done.err
    assert result(done)["metrics"]["relative"]["value"] == pytest.approx(50)


def test_several_replies_to_a_question_are_its_runs(bench):
    rows = [{"question_id": i, "content": f"8 {vote}\nwhy"} for vote in (2, 4) for i in bench.ids]
    done = bench.judge(bench.review("one", rows), "--votes", "2")
    assert done.code == 0, done.err
    assert result(done)["metrics"]["relative"]["value"] == pytest.approx(100 * 3 / 8)
    assert result(done)["judge"]["spread"] == 1


def test_a_file_of_another_kind_is_refused(bench):
    done = bench.judge(bench.review("one", [{"id": 1}]))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "review.jsonl needs a list of replies (content)" in done.err
