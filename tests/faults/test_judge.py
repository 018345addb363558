"""Judges as people have them, through the command line: a failure is a failure, never a score.

Every test judges the same 40 answers of a dummy model to demo questions. The server counts requests
by what they say, so that nothing that was answered is asked twice, and grades by a digest of the
question, so that a score which no reply gave would be seen.
"""

import json
import random
import shutil
import signal
import time
import zlib
from collections import Counter

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

KEY = "sk-test-neverPrintThis-0123456789"
ANSWERS = 40


def grade(asked):
    """A grade from 0.0 to 1.0 that only this question has."""
    return f"{zlib.crc32(asked.text.encode()) % 11 / 10}"


def place(asked):
    """A number that only this question has, whichever attempt it is."""
    return int(asked.text.partition("No. ")[2].partition(" ")[0])


@pytest.fixture(scope="module")
def answered(evalkit, tmp_path_factory):
    """A run folder with 40 answers that wait for a judge."""
    folder = tmp_path_factory.mktemp("answered")
    data = folder / "data" / "mmvet"
    data.mkdir(parents=True)
    row = {"image": "one.png", "answer": "a dog<OR>dog", "capability": "rec"}
    rows = [
        {**row, "question_id": f"q{i:03}", "question": f"No. {i} asks: what is here?"}
        for i in range(ANSWERS)
    ]
    _picture(data / "one.png")
    (data / "test.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    done = evalkit(
        *("run", "mmvet", "--model", "dummy:echo", "--data", folder / "data", "--no-judge"),
        *("--out", folder / "out", "--name", "r", "--json"),
    )
    assert done.code == 0
    return folder / "out" / "echo" / "r"


def _picture(path):
    from PIL import Image

    Image.new("RGB", (4, 4)).save(path)


class Bench:
    """A run folder of its own and a cache; `judge` starts `evalkit judge` on them."""

    def __init__(self, evalkit, start, source, folder):
        self._evalkit, self._start = evalkit, start
        self.folder, self.run = folder, folder / "run"
        shutil.copytree(source, self.run)

    def words(self, server, *more, **options):
        told = "".join(f",{name}={value}" for name, value in options.items())
        judge = f"openai:toy-model,base_url={server.url}{told}"
        return (
            *("judge", self.run, "--judge", judge, "--json"),
            *("--judge-cache", self.folder / "cache.sqlite", *more),
        )

    def judge(self, server, *more, **options):
        done = self._evalkit(*self.words(server, *more, **options), OPENAI_API_KEY=KEY)
        files = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        assert KEY not in done.out + done.err
        assert not any(KEY.encode() in content for content in files)
        return done

    def start(self, server, *more, **options):
        return self._start(*self.words(server, *more, **options), OPENAI_API_KEY=KEY)

    def verdicts(self):
        """The verdicts by place, each of which is a grade that was given or a failure."""
        path = self.run / "verdicts" / "mmvet.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(rows) == ANSWERS
        assert all(bool(row.get("ratings")) != bool(row.get("failure")) for row in rows)
        return {int(row["sample_id"][1:]): row for row in rows}

    def known(self):
        """Questions whose replies are in the journal."""
        journals = [path.read_bytes() for path in (self.run / "judge").glob("*.jsonl")]
        whole = [line for own in journals for line in own.split(b"\n")[:-1]]
        rows = [row for row in map(json.loads, whole) if row.get("text") is not None]
        return {row["sample_id"].rpartition("@")[0] for row in rows}

    def kinds(self):
        """Failures by kind, of a look at the verdicts."""
        return {n: row["failure"]["kind"] for n, row in self.verdicts().items() if row["failure"]}


@pytest.fixture
def bench(evalkit, start, answered, tmp_path):
    return Bench(evalkit, start, answered, tmp_path)


def result(done):
    (task,) = done.record["results"]
    return task


def check_scores(done, bench, server):
    """The number is the mean of grades that the server gave, and of nothing else."""
    given = {place(a): float(grade(a)) for a in server.asked}
    rows = bench.verdicts()
    read = {n: row["ratings"][0] for n, row in rows.items() if row["ratings"]}
    assert all(given[n] == rating for n, rating in read.items())
    metrics = {name: m["value"] for name, m in result(done)["metrics"].items()}
    failed = ANSWERS - len(read)
    if read:
        assert metrics["judged"] == pytest.approx(100 * sum(read.values()) / len(read))
    assert metrics["judged_low"] == pytest.approx(100 * sum(read.values()) / ANSWERS)
    assert metrics["judged_high"] == pytest.approx(100 * (sum(read.values()) + failed) / ANSWERS)
    assert sum(result(done)["judge"]["failed"].values()) == failed


PASSING = {
    3: "429",
    4: "429 seconds",
    5: "429 date",
    6: "500",
    7: "503",
    8: "reset",
    9: "half",
    10: "wrong types",
    11: "html",
    12: "html page",
    13: "slow",
    14: "error inside",
}


def test_what_passes_costs_no_verdict(chat_server, bench):
    def script(asked):
        return PASSING.get(place(asked)) if asked.times == 1 else None

    with chat_server(script, answer=grade) as server:
        done = bench.judge(server, retries=6)
        assert (done.code, bench.kinds()) == (0, {})
        check_scores(done, bench, server)
    times = Counter(place(asked) for asked in server.asked)
    once_more = set(PASSING) - {13}
    assert times == {n: 1 + (n in once_more) for n in range(ANSWERS)}


FINAL = {
    "429": "rate_limited",
    "429 for an hour": "rate_limited",
    "500": "server",
    "503": "server",
    "reset": "connection",
    "hang": "timeout",
    "drip": "timeout",
    "half": "server",
    "wrong types": "server",
    "html": "server",
    "html page": "server",
    "400": "refused",
    "400 filter": "content_filter",
    "content filter": "content_filter",
    "refusal": "content_filter",
    "empty choices": "unreadable",
    "null content": "unreadable",
    "empty text": "unreadable",
    "cut": "unreadable",
}
SPREAD = {2 * i + 1: fault for i, fault in enumerate(FINAL)}


def test_what_does_not_pass_is_a_failure_by_kind_and_is_asked_again(chat_server, bench):
    faults = dict(SPREAD)

    with chat_server(lambda asked: faults.get(place(asked)), answer=grade) as server:
        done = bench.judge(server, retries=1, timeout=2)
        assert done.code == 14
        kinds = {faults[n]: kind for n, kind in bench.kinds().items()}
        assert kinds == FINAL
        check_scores(done, bench, server)
        report = result(done)["judge"]
        assert report["failed"] == dict(Counter(FINAL.values()))
        assert not report["healthy"]
        server.asked.clear()
        wrong = set(faults)
        faults.clear()
        again = bench.judge(server, retries=1, timeout=2)
        assert (again.code, bench.kinds()) == (0, {})
        assert Counter(map(place, server.asked)) == dict.fromkeys(wrong, 1)
    assert result(again)["judge"]["healthy"]


def test_too_many_failures_are_marked_in_the_table_and_few_are_not(chat_server, bench, evalkit):
    with chat_server(lambda a: "refusal" if place(a) == 20 else None, answer=grade) as server:
        assert bench.judge(server).code == 14
        shown = evalkit("show", bench.run)
        assert "UNHEALTHY: too many verdicts are missing" in shown.out
        assert "1 missing (content_filter 1)" in shown.out
        assert bench.judge(server, "--max-judge-failures", "0.03").code == 0
    assert "UNHEALTHY" not in evalkit("show", bench.run).out


def test_a_reply_that_was_cut_behind_its_rating_counts(chat_server, bench):
    def told(asked):
        return f"{grade(asked)}\nbecause the answer"

    with chat_server(lambda asked: "cut_grade", answer=told) as server:
        done = bench.judge(server)
        assert (done.code, bench.kinds()) == (0, {})
        check_scores(done, bench, server)


def test_a_budget_that_ends_an_unreadable_judge_does_not_hide_it(chat_server, bench, evalkit):
    with chat_server(answer=lambda _: "I would rather\x1b[31m not say") as server:
        words = ("--judge-budget", "0.355", "--judge-prices", prices(bench.folder))
        done = bench.judge(server, *words, concurrency=1)
    report = result(done)["judge"]
    assert report["failed"]["unasked"] < ANSWERS, "some were asked for"
    assert done.code == 14
    shown = evalkit("show", bench.run).out
    assert "UNHEALTHY: too many verdicts are missing; " in shown
    assert "not asked for, since the judge's budget was spent" in shown
    said = 'one that could not be read: "I would rather\\x1b[31m not say"'
    assert (said in shown, "\x1b" in shown) == (True, False)


def test_a_number_of_too_few_verdicts_is_marked_in_its_row_and_bounded(chat_server, bench, evalkit):
    with chat_server(lambda a: "refusal" if place(a) < 9 else None, answer=grade) as server:
        done = bench.judge(server)
    metrics = result(done)["metrics"]
    shown = evalkit("show", bench.run).out
    assert f" {metrics['judged']['value']:.2f}* " in shown
    ends = [metrics[f"judged_{end}"]["value"] for end in ("low", "high")]
    assert f"judged is {ends[0]:.2f} to {ends[1]:.2f} with all that are missing" in shown
    with chat_server(answer=grade) as server:
        assert bench.judge(server).code == 0
    whole = evalkit("show", bench.run).out
    assert ("* " in whole, "judged is" in whole) == (False, False)


@pytest.mark.parametrize("concurrency", [2, 32])
@pytest.mark.parametrize("fault", ["401", "429 quota"])
def test_a_key_that_expires_in_mid_run_stops_at_once(chat_server, bench, fault, concurrency):
    expired = []

    def script(asked):
        return fault if len(server.asked) > 16 and not expired else None

    with chat_server(script, answer=grade, seconds=0.02) as server:
        done = bench.judge(server, concurrency=concurrency)
        assert done.code == 20
        assert "What was finished is on disk" in done.err
        assert len(server.asked) <= 16 + concurrency
        assert not (bench.run / "verdicts").exists(), "nothing is scored that was not judged"
        expired.append("renewed")
        told = {place(asked) for asked in server.asked[:16]}
        server.asked.clear()
        again = bench.judge(server, concurrency=concurrency)
        assert (again.code, bench.kinds()) == (0, {})
        assert Counter(map(place, server.asked)) == dict.fromkeys(set(range(ANSWERS)) - told, 1)


def prices(folder):
    """A table by which one verdict (100 tokens read, 40 of them cached, 2 written) costs 0.01."""
    table = folder / "prices.toml"
    table.write_text('date = "2026-11-01"\n[models.toy-model]\ninput = 90\noutput = 500\n')
    return table


def test_a_spent_budget_stops_cleanly_and_a_larger_one_goes_on(chat_server, bench):
    table = prices(bench.folder)
    told = Counter()
    with chat_server(answer=grade, seconds=0.01) as server:
        done = bench.judge(server, "--judge-budget", "0.155", "--judge-prices", table)
        assert done.code == 12
        kinds = bench.kinds()
        assert set(kinds.values()) == {"unasked"}
        assert len(kinds) == ANSWERS - len(server.asked)
        spent = 0.01 * len(server.asked)
        assert 0.07 <= spent <= 0.155, "the cap is kept, and used: less than a question is left"
        assert result(done)["judge"]["cost_usd"] == pytest.approx(spent)
        assert not result(done)["judge"]["healthy"]
        check_scores(done, bench, server)
        told.update(map(place, server.asked))
        again = bench.judge(server, "--judge-budget", "5", "--judge-prices", table)
        assert (again.code, bench.kinds()) == (0, {})
        check_scores(again, bench, server)
    assert Counter(map(place, server.asked)) == dict.fromkeys(range(ANSWERS), 1)
    assert result(again)["judge"]["cost_usd"] == pytest.approx(0.01 * ANSWERS)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_judge_that_is_killed_at_ten_random_moments_goes_on(chat_server, bench, concurrency):
    dice = random.Random(11)
    with chat_server(answer=grade, seconds=0.05) as server:
        for _ in range(10):
            before = len(server.asked)
            known = bench.known()
            process = bench.start(server, concurrency=concurrency)
            end = time.monotonic() + 60
            while len(server.asked) < min(before + dice.randint(1, 5), ANSWERS):
                assert time.monotonic() < end
                if process.poll() is not None:
                    break
                time.sleep(0.005)
            time.sleep(dice.uniform(0, 0.1))
            process.kill()
            process.communicate()
            asked = {f"q{place(a):03}#1.0" for a in server.asked[before:]}
            assert not asked & known, "what is on disk is never asked again"
        time.sleep(0.2)
        done = bench.judge(server, concurrency=concurrency)
        assert (done.code, bench.kinds()) == (0, {})
        check_scores(done, bench, server)
    assert {place(asked) for asked in server.asked} == set(range(ANSWERS))
    assert len(server.asked) - ANSWERS <= 10 * concurrency, "lost: at most what was out"


def test_run_judges_at_once_and_the_same_command_goes_on(chat_server, evalkit, tmp_path):
    """`evalkit run --judge`: model and judge in one command, an outage in between."""
    faults = ["refusal"]

    def script(asked):
        return faults[0] if faults and len(server.asked) == 5 else None

    with chat_server(script, answer=lambda asked: "0.7") as server:
        words = (
            *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--limit", "12"),
            *("--judge", f"openai:toy-model,base_url={server.url},concurrency=1", "--json"),
            *("--judge-cache", tmp_path / "cache.sqlite", "--out", tmp_path / "out", "--name", "r"),
        )
        first = evalkit(*words, OPENAI_API_KEY=KEY)
        assert first.code == 14
        asked, _ = len(server.asked), faults.clear()
        again = evalkit(*words, OPENAI_API_KEY=KEY)
        assert again.code == 0
        assert len(server.asked) == asked + 1
        assert evalkit(*words, OPENAI_API_KEY=KEY).code == 0
        assert len(server.asked) == asked + 1
    assert result(again)["metrics"]["judged"]["value"] == pytest.approx(70)
    assert result(again)["fingerprint"]["judge"]["served"] == "toy-model-0613 fp_toy"


def test_a_budget_is_one_budget_over_all_sessions(chat_server, bench):
    table = prices(bench.folder)
    with chat_server(answer=grade, seconds=0.01) as server:
        words = ("--judge-budget", "0.155", "--judge-prices", table)
        assert bench.judge(server, *words).code == 12
        asked = len(server.asked)
        again = bench.judge(server, *words)
        assert (again.code, set(bench.kinds().values())) == (12, {"unasked"})
    assert 0.01 * len(server.asked) <= 0.155
    assert len(server.asked) == asked, "what was left did not pay for one more"
    assert result(again)["judge"]["cost_usd"] == pytest.approx(0.01 * asked)


@pytest.mark.parametrize("named", ["other-model", "toy-model2"])
def test_a_budget_without_a_price_of_the_judge_is_refused(chat_server, bench, named):
    table = bench.folder / "prices.toml"
    table.write_text(f'date = "2026-11-01"\n[models.{named}]\ninput = 90\noutput = 500\n')
    with chat_server(answer=grade) as server:
        done = bench.judge(server, "--judge-budget", "0.155", "--judge-prices", table)
    assert (done.code, server.asked) == (2, [])
    assert "has none of the judge 'toy-model'" in done.err


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_interrupted_run_does_not_wait_for_a_slow_judge(
    chat_server, start, evalkit, tmp_path, concurrency
):
    with chat_server(answer=grade_of_any) as server:
        words = (
            *("run", "mmvet", "--model", "dummy:echo", "--data", "demo", "--limit", "12"),
            *("--judge", f"openai:toy-model,base_url={server.url},concurrency={concurrency}"),
            *("--judge-cache", "none", "--out", tmp_path / "out", "--name", "r", "--json"),
        )
        server.script = lambda _: "hang" if len(server.asked) > 5 else None
        process = start(*words, OPENAI_API_KEY=KEY)
        end = time.monotonic() + 60
        while len(server.asked) <= 5:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)  # the server hangs until it is closed
        assert (process.returncode, out) == (12, "")
        assert "evalkit: Interrupted." in err, err
        assert "Traceback" not in err, err
        answered = {asked.text for asked in server.asked[:5]}
        server.asked.clear()
        server.script = lambda _: None
        done = evalkit(*words, OPENAI_API_KEY=KEY)
        assert done.code == 0
    assert not answered & {asked.text for asked in server.asked}, "nothing is asked twice"
    assert len(server.asked) == 12 - len(answered)


def grade_of_any(asked):
    """A grade for any question."""
    return "0.7"
