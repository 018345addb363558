"""Servers as people have them, through the command line: nothing is lost, doubled or given away."""

import json
import socket
import time

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")
pytest.importorskip("PIL", reason="the extra openai is not installed")

PLAIN = "gsk_neverPrintThisEither0123456789"
"""A key that could be a variable's name."""

KEY = "sk-test-neverPrintThis-0123456789"


def spec(server, **options):
    more = "".join(f",{name}={value}" for name, value in options.items())
    return f"openai:toy-model,base_url={server.url}{more}"


@pytest.fixture
def run(evalkit, toy, tmp_path):
    """Runs the toy against a server: run(server, retries=2) -> what the command left behind."""

    def made(server, *words, key="", model=None, **options):
        out = tmp_path / "results"
        model = model or spec(server, **options)
        done = evalkit(
            *("run", "toy", "--model", model, "--out", out, "--name", "r", "--json"),
            *(*toy.options, *words),
            OPENAI_API_KEY=key,
        )
        secrets = [KEY, "sk-proj-another"]
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        for secret in secrets:
            assert secret not in done.err + done.out
            assert not any(secret.encode() in content for content in files)
        return done

    return made


def failures(tmp_path):
    (path,) = (tmp_path / "results").rglob("predictions/toy.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["sample_id"] for row in rows] == [f"q{i:03}" for i in range(40)]
    return {r["sample_id"]: r["failure"]["kind"] for r in rows if r["failure"]}


def scores(done):
    (task,) = done.record["results"]
    return {name: metric["value"] for name, metric in task["metrics"].items()}


def test_a_good_server_is_asked_once_a_sample(chat_server, run, tmp_path):
    table = tmp_path / "prices.toml"
    table.write_text(
        'date = "2026-11-01"\n[models.toy-model]\ninput = 10\noutput = 100\ncached = 1\n'
    )
    with chat_server(key=KEY) as server:
        done = run(server, key=KEY, prices=table)
    assert (done.code, scores(done)["accuracy"]) == (0, 1.0)
    assert len(server.asked) == 40
    counters = done.record["telemetry"]["counters"]
    assert counters["requests"] == 40
    assert (counters["prompt_tokens"], counters["cached_tokens"]) == (4000, 1600)
    assert counters["cost_usd"] == pytest.approx(40 * (60 * 10 + 40 * 1 + 2 * 100) / 1e6)


PASSING = ("429", "429 seconds", "429 date", "500", "503", "reset", "half", "wrong types", "slow")


def test_what_passes_costs_no_sample(chat_server, run):
    def script(asked):
        number = int(asked.text.split()[1])
        return PASSING[number] if number < len(PASSING) and asked.times == 1 else None

    with chat_server(script) as server:
        done = run(server, retries=6)
    assert (done.code, scores(done)["accuracy"]) == (0, 1.0)
    assert len(server.asked) == 40 + len(PASSING) - 1
    assert done.record["telemetry"]["counters"]["rate_limited"] == 3


FINAL = {
    "500": "server",
    "429": "rate_limited",
    "429 for an hour": "rate_limited",
    "reset": "connection",
    "hang": "timeout",
    "half": "server",
    "wrong types": "server",
    "wrong choices": "server",
    "a list": "server",
    "error inside": "server",
    "400": "refused",
    "echo": "refused",
    "403": "forbidden",
    "404": "not_found",
    "400 filter": "content_filter",
    "content filter": "content_filter",
    "refusal": "content_filter",
    "empty choices": "empty",
    "null content": "empty",
}
ONCE = {"429 for an hour", "400", "403", "404", "echo", "400 filter", "content filter"} | {
    *("refusal", "empty choices", "null content")
}


def test_what_does_not_pass_is_a_failure_and_is_asked_again_on_resume(chat_server, run, tmp_path):
    faults = dict(enumerate(FINAL))

    def script(asked):
        return faults.get(int(asked.text.split()[1]))

    with chat_server(script) as server:
        done = run(server, key=KEY, retries=1, timeout=1.5)
        assert done.code == 12
        kinds = {faults[int(sample[1:])]: kind for sample, kind in failures(tmp_path).items()}
        assert kinds == FINAL
        times = {faults.get(int(a.text.split()[1])): a.times for a in server.asked}
        assert {fault for fault, n in times.items() if n == 1 and fault} == ONCE
        server.asked.clear()
        faults.clear()
        again = run(server, key=KEY, retries=1, timeout=1.5)
        assert (again.code, len(server.asked)) == (0, len(FINAL))
    assert failures(tmp_path) == {}
    assert scores(again) == {"accuracy": 1.0, "pair_accuracy": 1.0}


def test_a_server_that_goes_away_stops_the_run_and_the_rest_is_asked_later(
    chat_server, run, tmp_path
):
    gone = []

    def script(asked):
        return "503" if len(server.asked) > 16 and not gone else None

    with chat_server(script) as server:
        done = run(server, retries=0, concurrency=2)
        assert done.code in (12, 20)
        gone.append("back")
        answered = {a.text for a in server.asked[:16]}
        server.asked.clear()
        again = run(server, retries=0, concurrency=2)
    assert (again.code, scores(again)["accuracy"]) == (0, 1.0)
    assert not answered & {asked.text for asked in server.asked}
    assert failures(tmp_path) == {}


@pytest.mark.parametrize("fault", ["400", "403", "404"])
def test_a_server_that_refuses_everything_stops_the_run_at_its_start(chat_server, run, fault):
    with chat_server(lambda asked: fault) as server:
        done = run(server, "--batch-size", "1", concurrency=2)
    assert done.code == 20
    assert "first samples of the task 'toy' all failed" in done.err
    assert len(server.asked) <= 10


@pytest.mark.parametrize("fault", ["401", "429 quota"])
def test_a_key_that_expires_in_mid_run_stops_it_at_once(chat_server, run, tmp_path, fault):
    expired = []

    def script(asked):
        return fault if len(server.asked) > 16 and not expired else None

    with chat_server(script) as server:
        done = run(server, key=KEY, concurrency=2)
        assert done.code == 20
        assert "What was finished is on disk" in done.err
        assert len(server.asked) <= 20, "nothing more was asked, and nothing twice"
        expired.append("renewed")
        answered = {a.text for a in server.asked[:16]}
        server.asked.clear()
        again = run(server, key=KEY, concurrency=2)
    assert (again.code, scores(again)["accuracy"]) == (0, 1.0)
    assert not answered & {asked.text for asked in server.asked}
    assert failures(tmp_path) == {}


def test_a_killed_run_goes_on_where_it_was(chat_server, start, run, toy, tmp_path):
    with chat_server(seconds=0.05) as server:
        words = ("run", "toy", "--model", spec(server, concurrency=2), "--name", "r", "--json")
        process = start(*words, "--out", tmp_path / "results", *toy.options)
        journals = tmp_path / "results"
        while not any(b"q0" in p.read_bytes() for p in journals.rglob("*toy*") if p.is_file()):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.communicate()
        before = len(server.asked)
        done = run(server, concurrency=2)
        assert (done.code, scores(done)["accuracy"]) == (0, 1.0)
        assert len(server.asked) - before < 40
    assert failures(tmp_path) == {}


def test_an_empty_text_is_an_answer(chat_server, run, tmp_path):
    with chat_server(lambda asked: "empty text") as server:
        done = run(server)
    assert done.code == 0
    assert failures(tmp_path) == {}
    assert scores(done)["accuracy"] == 0.0


# At the door


def test_an_unreachable_server_is_one_sentence(evalkit, toy, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = f"openai:toy-model,base_url=http://127.0.0.1:{port}/v1"
    done = evalkit("run", "toy", "--model", model, "--out", tmp_path / "out", *toy.options)
    assert done.code == 20
    assert f"http://127.0.0.1:{port}/v1 cannot be reached" in done.err
    assert not (tmp_path / "out").exists()


def test_a_key_that_is_refused_or_missing_is_one_sentence(chat_server, run):
    with chat_server(key="another") as server:
        refused = run(server, key=KEY)
        missing = run(server)
    assert (refused.code, missing.code) == (20, 20)
    assert "refused the key in the environment variable OPENAI_API_KEY (401" in refused.err
    assert "asks for a key (401), and the environment variable OPENAI_API_KEY holds none" in (
        missing.err
    )
    assert not server.asked


def test_an_unknown_model_is_one_sentence(chat_server, run):
    with chat_server(lambda asked: "404", models=("small", "large")) as server:
        done = run(server)
    assert done.code == 20
    assert "does not have the model 'toy-model'; it lists small, large (404" in done.err


@pytest.mark.parametrize(
    ("fault", "option"),
    [
        ("no max_tokens", "max_tokens_field=max_completion_tokens"),
        ("no temperature", "omit=temperature"),
    ],
)
@pytest.mark.parametrize("models", [("toy-model",), ("another",)])
def test_a_field_that_the_server_refuses_is_named_with_its_cure(
    chat_server, run, models, fault, option
):
    """At the door, where the model is not listed, and in mid-run, where it is."""
    with chat_server(lambda asked: fault, models=models) as server:
        done = run(server)
    assert done.code == 20
    assert f"give the model the option {option}" in done.err
    assert "does not have the model" not in done.err


@pytest.mark.parametrize("models", [None, ("another",)])
def test_a_model_that_is_not_listed_but_answers_is_had(chat_server, run, models):
    with chat_server(models=models) as server:
        assert run(server, "--limit", "2").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (f"api_key={KEY}", "option api_key would be written into the run's record"),
        (f"api_key_env={KEY}", "api_key_env must be the name of an environment variable"),
        (f"api_key_env={PLAIN}", "api_key_env names an environment variable that is not set"),
        (f"api_key_file={KEY}", "api_key_file must name a file that holds the key"),
        ("api_key_file=.", "api_key_file must name a file that holds the key and nothing else (Is"),
        ("api_key_env=HOME,api_key_file=key", "api_key_file excludes api_key_env"),
        (f"base_url=http://me:{KEY}@127.0.0.1/v1", "base_url must hold no user, password or query"),
        (f"base_url=http://127.0.0.1/v1?key={KEY}", "base_url must hold no user, password"),
        (f"colour=red,base_url=http://me:{KEY}@127.0.0.1/v1", "option 'colour' is not known"),
        ("base_url=127.0.0.1:8000", "base_url must be an address such as"),
        ("concurrency=0", "concurrency must be a whole number between 1 and 1000"),
        ("timeout=soon", "timeout must be a number of seconds"),
        ("retries=-1", "retries must be a whole number between 0 and 100"),
        ("max_tokens_field=tokens", "must be max_tokens or max_completion_tokens"),
        ("omit=model", "omit may name, joined by '+', temperature"),
        ("prices=nowhere.toml", "price table nowhere.toml cannot be read"),
    ],
)
def test_an_option_that_cannot_be_meant_is_one_sentence(evalkit, toy, tmp_path, options, said):
    out = tmp_path / "out"
    done = evalkit("run", "toy", "--model", f"openai:m,{options}", "--out", out, *toy.options)
    assert done.code == 2
    assert said in done.err
    assert KEY not in done.err
    assert PLAIN not in done.err
    assert not out.exists()


def test_a_key_may_be_in_a_file(chat_server, evalkit, toy, tmp_path):
    """It is sent, and stands nowhere else, also where the server puts it into its answers."""
    path, out = tmp_path / "key", tmp_path / "out"
    path.write_text(f"{PLAIN}\n")
    words = ("run", "toy", "--limit", "4", "--out", out, "--json", *toy.options)
    with chat_server(key=PLAIN) as server:
        model = f"openai:toy-model,base_url={server.url},api_key_file={path}"
        done = evalkit(*words, "--model", model, OPENAI_API_KEY=KEY)
        assert done.code == 0, done.err
        path.write_text("another-key-0123456789\n")
        refused = evalkit(*words, "--fresh", "--model", model)
        path.write_text("")
        empty = evalkit(*words, "--fresh", "--model", model)
    held = [file.read_text() for file in out.rglob("*.json*")]
    assert held
    assert not any(PLAIN in text for text in (*held, done.out, done.err))
    assert refused.code == 20
    assert "refused the key in the file that api_key_file names" in refused.err
    assert "another-key-0123456789" not in refused.err
    assert (empty.code, "names an empty file" in empty.err) == (2, True)


def test_padding_to_a_square_is_refused(chat_server, run):
    with chat_server() as server:
        done = run(server, "--image-preprocess", "pad-square")
    assert done.code == 2
    assert "pad-square" in done.err
