"""Runs in batches, through the command line: killed, interrupted, expired, and never paid twice."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")
pytest.importorskip("PIL", reason="the extra openai is not installed")

KEY = "sk-test-neverPrintThis-0123456789"
SECRETS = (KEY, "sk-proj-another")
PRICES = 'date = "2026-11-01"\n[models.toy-model]\ninput = 10\noutput = 100\ncached = 1\n'


@dataclass
class Desk:
    """Runs the toy against a server, and looks for the key in all that is left behind."""

    evalkit: Any
    begin: Any
    toy: Any
    path: Path

    def words(self, server, prefix="openai-batch", out="results", **options):
        batch = {"state": self.path / "state", "poll": 0.05} if prefix == "openai-batch" else {}
        model = f"{prefix}:toy-model,base_url={server.url}"
        model += "".join(f",{name}={value}" for name, value in (batch | options).items())
        where = ("--out", self.path / out, "--name", "r", "--json")
        return ("run", "toy", "--model", model, *where, *self.toy.options)

    def run(self, server, **options):
        done = self.evalkit(*self.words(server, **options), OPENAI_API_KEY=KEY)
        self.check_secrets(done.out + done.err)
        return done

    def stopped(self, server, how):
        """Start a run, and stop it while it waits for its batch; its code and what it said."""
        server.calls.clear()
        process = self.begin(*self.words(server), OPENAI_API_KEY=KEY)
        while server.count("poll") < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        self.check_secrets(out + err)
        assert len(self.states()) == 1
        return process.returncode, err

    def states(self):
        return [json.loads(path.read_text()) for path in (self.path / "state").glob("*")]

    def check_secrets(self, said):
        contents = [path.read_bytes() for path in self.path.rglob("*") if path.is_file()]
        for secret in SECRETS:
            assert secret not in said
            assert not any(secret.encode() in content for content in contents)


@pytest.fixture
def desk(evalkit, start, toy, tmp_path):
    return Desk(evalkit, start, toy, tmp_path)


def results(done):
    (task,) = done.record["results"]
    return {name: (m["value"], m["low"], m["high"]) for name, m in task["metrics"].items()}


def test_a_run_is_one_batch_at_half_the_price(chat_server, batch_server, desk, tmp_path):
    table = tmp_path / "prices.toml"
    table.write_text(PRICES)
    with chat_server(key=KEY) as chat, batch_server(key=KEY) as server:
        live = desk.run(chat, prefix="openai", out="live", prices=table)
        done = desk.run(server, prices=table)
    assert (done.code, live.code) == (0, 0)
    assert results(done) == results(live)
    assert (server.count("upload"), len(server.batches)) == (1, 1)
    counted, before = (d.record["telemetry"]["counters"] for d in (done, live))
    assert counted["cost_usd"] == pytest.approx(before["cost_usd"] / 2)
    for name in ("requests", "prompt_tokens", "output_tokens", "cached_tokens"):
        assert counted[name] == before[name]
    assert not desk.states()


def test_a_killed_run_goes_on_with_its_batch(chat_server, batch_server, desk):
    with chat_server() as chat, batch_server(steps=None, key=KEY) as server:
        live = desk.run(chat, prefix="openai", out="live")
        for _ in range(2):
            code, _ = desk.stopped(server, signal.SIGKILL)
            assert code == -signal.SIGKILL
        (state,) = desk.states()
        assert state["batch"] == "batch_2"
        assert len(state["requests"]) == 40
        server.steps = 1
        done = desk.run(server)
        assert {call.name for call in server.calls if call.verb == "poll"} == {"batch_2"}
    assert (done.code, results(done)) == (0, results(live))
    assert (len(server.uploads), list(server.batches)) == (1, ["batch_2"])
    assert done.record["telemetry"]["counters"]["requests"] == 0
    assert not desk.states()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(batch_server, desk, how):
    with batch_server(steps=None, key=KEY) as server:
        code, said = desk.stopped(server, how)
        assert code == 12
        assert f"The batch batch_2 goes on at {server.host}, and its state is in" in said
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
        assert "destroyed" not in said
        server.steps = 1
        assert desk.run(server).code == 0
    assert (len(server.uploads), len(server.batches)) == (1, 1)


@pytest.mark.parametrize("fault", ["401", "429 quota"])
def test_a_key_that_expires_stops_the_run_and_keeps_the_batch(batch_server, desk, fault):
    expired = []

    def script(call):
        return fault if call.verb == "poll" and call.times > 2 and not expired else None

    with batch_server(script, steps=5, key=KEY) as server:
        done = desk.run(server)
        assert done.code == 20
        assert "What was finished is on disk" in done.err
        assert server.count("poll") == 3
        expired.append("renewed")
        again = desk.run(server)
    assert (again.code, results(again)["accuracy"][0]) == (0, 1.0)
    assert (len(server.uploads), len(server.batches)) == (1, 1)


def test_money_that_is_spent_within_a_batch_stops_the_run_and_costs_no_answer(batch_server, desk):
    def lines(asked):
        return "429 quota" if int(asked.text.split()[1]) >= 20 else None

    with batch_server(lines=lines) as server:
        done = desk.run(server)
        assert done.code == 20
        assert "insufficient_quota" in done.err
        server.lines = lambda asked: None
        again = desk.run(server)
    assert (again.code, results(again)["accuracy"][0]) == (0, 1.0)
    assert [len(rows) for rows in server.uploaded] == [40, 20]
    assert not desk.states()


def test_an_expired_batch_is_an_incomplete_run_that_asks_for_the_rest(batch_server, desk):
    with batch_server(ends="expired") as server:
        done = desk.run(server)
        assert done.code == 12
        assert done.record["results"][0]["coverage"]["failed"] == 20
        server.ends = "completed"
        again = desk.run(server)
    assert (again.code, results(again)["accuracy"][0]) == (0, 1.0)
    assert [len(rows) for rows in server.uploaded] == [40, 20]


def test_a_forgotten_batch_is_one_sentence_of_the_command(batch_server, desk):
    with batch_server(steps=None, key=KEY) as server:
        desk.stopped(server, signal.SIGKILL)
        server.batches.clear()
        server.steps = 1
        done = desk.run(server)
    assert (done.code, len(server.uploads)) == (0, 2)
    assert done.err.count("does not have the batch batch_2") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "needs a folder for the state of its batches"),
        ("state=s,poll=never", "poll must be a number of seconds between 0.01 and 3600"),
        ("state=s,window=soon", "window must be a time such as 24h"),
        ("state=toy.py/s", "The folder toy.py/s for the state of batches cannot be written"),
        ("state=s,colour=red", "option 'colour' is not known"),
    ],
)
def test_an_option_that_cannot_be_meant_is_one_sentence(batch_server, desk, options, said):
    with batch_server() as server:
        model = f"openai-batch:toy-model,base_url={server.url},{options}".rstrip(",")
        words = ("run", "toy", "--model", model, "--out", desk.path / "out", *desk.toy.options)
        done = desk.evalkit(*words, cwd=desk.toy.path.parent)
    assert done.code == 2
    assert said in done.err
    assert not (desk.path / "out").exists()
