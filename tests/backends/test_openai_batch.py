"""The backend openai-batch: what is uploaded, what becomes of it, and what a stop leaves behind."""

import dataclasses
import itertools
import json
import os
import signal

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")
pytest.importorskip("PIL", reason="the extra openai is not installed")

from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends import openai_batch
from evalkit.backends.interface import BackendOptions
from evalkit.backends.openai import OpenAIBackend
from evalkit.backends.openai_batch import OpenAIBatchBackend
from evalkit.backends.openai_batch_files import Answers, Part, line_of
from evalkit.backends.openai_batch_state import Job, States
from evalkit.backends.openai_replies import Reply, Trouble
from evalkit.errors import UsageError
from evalkit.prices import parse_prices
from evalkit.records import Generation, Image, Message, Request

KEY = "sk-test-neverPrintThis-0123456789"
SECRETS = (KEY, "sk-proj-another")
PRICES = 'date = "2026-11-01"\n[models.toy-model]\ninput = 10\noutput = 100\ncached = 1\n'


@pytest.fixture
def backend_of(tmp_path):
    """Makes backends, and closes them: backend_of(server, retries="2")."""
    made = []

    def close(backend):
        made.remove(backend)
        backend.close()

    def make(server, kind=OpenAIBatchBackend, **options):
        own = {"base_url": server.url, **options}
        if kind is OpenAIBatchBackend:
            own = {"state": str(tmp_path / "state"), "poll": "0.01", "retries": "3", **own}
        told = BackendOptions(spec="s", name="toy-model", options=own)
        made.append(kind.load(told))
        return made[-1]

    make.close = close
    yield make
    for backend in made:
        backend.close()


def request(name, *parts, **generation):
    return Request(
        task="toy",
        sample_id=name,
        messages=(Message(role="user", content=parts),),
        generation=Generation(**{"max_new_tokens": 8, **generation}),
    )


def questions(count):
    return [request(f"q{i}", f"Is {i} even?") for i in range(count)]


def kinds(made):
    return [prediction.failure and prediction.failure.kind for prediction in made]


def texts(made):
    return [prediction.text for prediction in made]


def states(tmp_path):
    return sorted((tmp_path / "state").glob("*"))


RIGHT = ["yes", "no", "yes", "no"]

# What is uploaded


def test_bodies_and_answers_are_those_of_the_chat_backend(
    chat_server, batch_server, backend_of, png
):
    content = png(3)
    requests = [
        request("a", "Look:", Image(key="k", read=lambda: content), "Is 2 even?", stop=("\n",)),
        request("b", "Is 3 even?", stop=("\n",)),
    ]
    with chat_server() as chat, batch_server() as server:
        live = backend_of(chat, OpenAIBackend).generate(requests)
        backend = backend_of(server)
        made = backend.generate(requests)
        bodies = sorted((asked.body for asked in chat.asked), key=json.dumps)
    (rows,) = server.uploaded
    assert sorted((row["body"] for row in rows), key=json.dumps) == bodies
    assert {(row["method"], row["url"]) for row in rows} == {("POST", "/v1/chat/completions")}
    assert all(len(row["custom_id"]) == 64 for row in rows)
    for one, other in zip(live, made, strict=True):
        fields = ("sample_id", "text", "finish", "prompt_tokens", "output_tokens", "images")
        assert [getattr(one, f) for f in fields] == [getattr(other, f) for f in fields]
    counted = backend.counters()
    assert (counted["requests"], counted["prompt_tokens"], counted["batches"]) == (2, 200, 1)


def test_identical_requests_go_in_once(batch_server, backend_of):
    asked = [*questions(2), request("again", "Is 0 even?")]
    with batch_server() as server:
        backend = backend_of(server)
        made = backend.generate(asked)
    assert texts(made) == ["yes", "no", "yes"]
    assert [len(rows) for rows in server.uploaded] == [2]
    assert backend.counters()["prompt_tokens"] == 200


def test_copies_go_in_each(batch_server, backend_of):
    """A judge's votes say the same, and each is to be answered; equal copies share an answer."""
    asked = [
        dataclasses.replace(one, sample_id=f"{one.sample_id}{copy}", copy=copy)
        for one in questions(2)
        for copy in ("", "2.0", "2.0", "3.0")
    ]
    with batch_server() as server:
        backend = backend_of(server)
        assert texts(backend.generate(asked)) == ["yes"] * 4 + ["no"] * 4
        (rows,) = server.uploaded
        assert {row["custom_id"] for row in rows} > {
            line_of(backend.body(one, {})).id for one in questions(2)
        }
    assert len({row["custom_id"] for row in rows}) == len(rows) == 6
    assert all(len(row["custom_id"]) == 64 for row in rows)


def test_what_cannot_be_asked_fails_alone(batch_server, backend_of, png):
    broken = Image(key="b", read=lambda: png(3)[:40])
    requests = [
        request("beams", "Is 2 even?", num_beams=4),
        request("broken", broken, "Is 2 even?"),
        request("no text", "Is \ud800 even?"),
        request("whole", "Is 2 even?"),
    ]
    with batch_server() as server:
        made = backend_of(server).generate(requests)
        assert kinds(made) == ["refused", "image_unreadable", "backend", None]
        assert kinds(backend_of(server).generate(requests[:3])) == kinds(made)[:3]
    assert [len(rows) for rows in server.uploaded] == [1]


def test_a_request_that_is_too_large_fails_alone(batch_server, backend_of, monkeypatch):
    monkeypatch.setattr(openai_batch, "MOST_BYTES", 400)
    with batch_server() as server:
        made = backend_of(server).generate([request("large", "x" * 400), *questions(1)])
    assert kinds(made) == ["refused", None]


def test_many_requests_are_cut_into_several_batches(
    batch_server, backend_of, monkeypatch, tmp_path
):
    monkeypatch.setattr(openai_batch, "Part", lambda: Part(most_requests=3))
    with batch_server() as server:
        backend = backend_of(server)
        assert texts(backend.generate(questions(8))) == ["yes", "no"] * 4
        assert len(states(tmp_path)) == 3
        backend_of.close(backend)
    assert [len(rows) for rows in server.uploaded] == [3, 3, 2]
    assert not states(tmp_path)


BODIES = st.fixed_dictionaries({"messages": st.text(st.characters(exclude_categories=["Cs"]))})


@given(st.lists(BODIES, max_size=30), st.integers(1, 5), st.integers(200, 2000))
def test_no_part_is_too_large_and_none_is_lost(bodies, most, size):
    lines = [line_of(body) for body in bodies]
    parts = [Part(most, size)]
    for line in lines:
        if not parts[-1].takes(line):
            parts.append(Part(most, size))
        parts[-1].add(line)
    assert [line for part in parts for line in part.lines] == lines
    assert b"".join(part.content for part in parts) == b"".join(line.content for line in lines)
    for part in parts:
        assert len(part.lines) <= most
        assert len(part.content) <= size or len(part.lines) == 1
        assert part.content.count(b"\n") == len(part.lines)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(), min_size=1))
def test_an_id_is_the_contents_alone(body):
    turned = dict(reversed(body.items()))
    assert line_of(body).id == line_of(turned).id
    assert line_of({**body, "g": 1}).id != line_of(body).id


# What becomes of a line

LINES = {
    None: None,
    "missing": "server",
    "malformed": "server",
    "no id": "server",
    "no answer": "server",
    "duplicate": None,
    "400": "refused",
    "429": "rate_limited",
    "500": "server",
    "401": "unauthorized",
    "429 quota": "quota",
    "400 filter": "content_filter",
    "content filter": "content_filter",
    "refusal": "content_filter",
    "empty choices": "empty",
    "null content": "empty",
    "wrong types": "server",
    "a list": "server",
    "error inside": "server",
    "empty text": None,
    "cut": None,
}


@pytest.mark.parametrize("backwards", [False, True])
def test_every_line_is_an_answer_or_a_failure_of_its_kind(
    batch_server, backend_of, tmp_path, backwards
):
    faults = dict(enumerate(LINES))

    def lines(asked):
        return faults[int(asked.text.split()[1])]

    asked = questions(len(LINES))
    with batch_server(lines=lines, backwards=backwards) as server:
        backend = backend_of(server)
        made = backend.generate(asked)
        found = dict(zip(LINES, kinds(made), strict=True))
        assert found == LINES
        by_fault = dict(zip(LINES, made, strict=True))
        assert (by_fault["cut"].text, by_fault["cut"].finish) == ("yes it is", "length")
        assert by_fault["empty text"].text == ""
        assert by_fault["malformed"].failure.message.endswith(
            "no line for this request (2 damaged lines could belong to it)"
        )
        failed = [r for r, p in zip(asked, made, strict=True) if p.failure]
        faults.clear()
        faults.update(dict.fromkeys(range(len(LINES))))
        again = backend.generate(failed)
    assert kinds(again) == [None] * len(failed)
    assert [len(rows) for rows in server.uploaded] == [len(LINES), len(failed)]
    backend_of.close(backend)
    assert not states(tmp_path)


def test_of_two_lines_the_first_answer_counts_once(batch_server, backend_of):
    with batch_server(lines=lambda asked: "duplicate") as server:
        backend = backend_of(server)
        made = backend.generate(questions(4))
    assert texts(made) == RIGHT
    assert backend.counters()["prompt_tokens"] == 400


def row(name, text):
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    answer = {"status_code": 200, "body": {"choices": [choice]}}
    return json.dumps({"custom_id": name, "response": answer, "error": None}, ensure_ascii=False)


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.text(st.characters(exclude_categories=["Cs"]))),
    st.randoms(),
)
def test_the_order_of_lines_does_not_matter_and_texts_are_kept(said, dice):
    lines = [row(name, text) for name, text in said.items()]
    lines += [json.dumps({"custom_id": name, "error": {"code": "x"}}) for name in said]
    dice.shuffle(lines)
    answers = Answers()
    answers.read("\n".join(lines))
    assert {name: found.text for name, found in answers.known.items()} == said
    assert answers.damaged == 0


@given(st.text() | st.binary().map(lambda b: b.decode("utf-8", "replace")))
def test_no_line_whatever_it_holds_is_an_error(line):
    answers = Answers()
    answers.read(line)
    assert all(isinstance(found, Reply | Trouble) for found in answers.known.values())


# What becomes of a batch


def test_an_expired_batch_keeps_what_was_answered(batch_server, backend_of, tmp_path):
    with batch_server(ends="expired") as server:
        backend = backend_of(server)
        made = backend.generate(questions(4))
        assert kinds(made) == [None, None, "timeout", "timeout"]
        assert "time was over" in made[2].failure.message
        server.ends = "completed"
        assert texts(backend.generate(questions(4)[2:])) == RIGHT[2:]
    assert [len(rows) for rows in server.uploaded] == [4, 2]


ENDS = {
    "cancelled": ("cancelled", (), "somebody cancelled the batch"),
    "failed": ("refused", ({"code": "invalid", "message": "odd", "line": 3},), "line 3: odd"),
    "silent": ("refused", (), "it does not say why"),
    "spent": ("quota", ({"code": "billing_hard_limit_reached", "message": "pay"},), "pay"),
    "full": ("rate_limited", ({"code": "token_limit_exceeded", "message": "wait"},), "wait"),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_batch_that_ends_badly_is_failures_and_is_forgotten(
    batch_server, backend_of, tmp_path, case
):
    kind, errors, said = ENDS[case]
    ends = "cancelled" if case == "cancelled" else "failed"
    with batch_server(ends=ends, errors=errors if ends == "failed" else ()) as server:
        backend = backend_of(server)
        made = backend.generate(questions(1) if ends == "cancelled" else questions(4))
        assert set(kinds(made)) == {kind}
        assert said in made[0].failure.message
        assert not states(tmp_path)
        server.ends, server.errors = "completed", ()
        if kind != "quota":
            assert texts(backend.generate(questions(4))) == RIGHT
            assert server.count("upload") == 2


# What becomes of a call

PASSING = ("429", "429 seconds", "500", "503", "reset", "html", "html 200", "a list")
VERBS = ("upload", "create", "poll", "content")


@pytest.mark.parametrize(
    ("verb", "fault"),
    [own for own in itertools.product(VERBS, PASSING) if own != ("content", "a list")],
)
def test_what_passes_is_tried_again(batch_server, backend_of, verb, fault):
    def script(call):
        return fault if call.verb == verb and call.times == 1 else None

    with batch_server(script) as server:
        backend = backend_of(server)
        made = backend.generate(questions(4))
    assert texts(made) == RIGHT
    assert len(server.batches) == 1
    assert backend.counters()["retries"] == 1
    assert backend.counters()["rate_limited"] == fault.startswith("429")


def test_a_batch_whose_making_was_not_heard_of_is_found(batch_server, backend_of):
    def script(call):
        return "reset after" if call.verb == "create" and call.times == 1 else None

    with batch_server(script) as server:
        assert texts(backend_of(server).generate(questions(4))) == RIGHT
    assert (len(server.batches), server.count("upload"), server.count("list")) == (1, 1, 1)


def test_a_server_that_lists_no_batches_is_asked_again(batch_server, backend_of):
    def script(call):
        if call.verb == "list":
            return "404"
        return "500" if call.verb == "create" and call.times == 1 else None

    with batch_server(script) as server:
        assert texts(backend_of(server).generate(questions(4))) == RIGHT


LASTING = {"500": "server", "429": "rate_limited", "reset": "connection", "html": "server"}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", LASTING)
def test_an_outage_is_failures_and_the_batch_goes_on(
    batch_server, backend_of, tmp_path, verb, fault
):
    gone = []
    with batch_server(lambda call: fault if call.verb == verb and not gone else None) as server:
        made = backend_of(server, retries="1").generate(questions(4))
        assert kinds(made) == [LASTING[fault]] * 4
        assert len(states(tmp_path)) == (verb != "upload")
        gone.append("back")
        before = server.count("upload")
        assert texts(backend_of(server).generate(questions(4))) == RIGHT
    assert len(server.batches) == 1
    assert server.count("upload") - before == (verb == "upload")


REFUSALS = {"401": "unauthorized", "429 quota": "quota", "echo": "refused"}


@pytest.mark.parametrize(("verb", "fault"), [*itertools.product(VERBS, REFUSALS)])
def test_a_refusal_is_not_asked_again(batch_server, backend_of, monkeypatch, verb, fault):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(openai_batch, "Part", lambda: Part(most_requests=2))
    with batch_server(lambda call: fault if call.verb == verb else None, key=KEY) as server:
        made = backend_of(server).generate(questions(4))
    assert kinds(made) == [REFUSALS[fault]] * 4
    assert server.count(verb) == (2 if fault == "echo" else 1)
    assert not any(secret in made[0].failure.message for secret in SECRETS)


# What a stop leaves behind


def test_a_batch_that_is_out_is_taken_up_for_a_part_and_then_the_rest(
    batch_server, backend_of, tmp_path
):
    gone = []
    with batch_server(lambda call: "500" if call.verb == "poll" and not gone else None) as server:
        backend_of(server, retries="0").generate(questions(4))
        gone.append("back")
        backend = backend_of(server)
        some = [*reversed(questions(2)), request("new", "Is 8 even?")]
        assert texts(backend.generate(some)) == ["no", "yes", "yes"]
        assert texts(backend.generate(questions(4)[2:])) == RIGHT[2:]
    assert [len(rows) for rows in server.uploaded] == [4, 1]


def test_answers_that_nobody_stored_are_read_again(batch_server, backend_of, tmp_path):
    with batch_server() as server:
        first = backend_of(server)
        first.generate(questions(4))
        assert len(states(tmp_path)) == 1, "the process may be killed before it stores them"
        assert texts(backend_of(server).generate(questions(4))) == RIGHT
        backend_of.close(first)
    assert server.count("upload") == 1
    assert not states(tmp_path)


def test_what_was_read_before_an_interruption_is_read_again(
    batch_server, backend_of, tmp_path, monkeypatch
):
    """The first of two batches has ended, and the process is interrupted at the second."""
    monkeypatch.setattr(openai_batch, "Part", lambda: Part(most_requests=2))

    def script(call):
        if call.verb == "content":
            stop.append(call)
        if stop and call.verb == "poll":
            os.kill(os.getpid(), signal.SIGINT)

    stop = []
    with batch_server(script) as server:
        backend = backend_of(server, poll="0.2")
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - closed as `closing` closes it
            try:
                backend.generate(questions(4))
            finally:
                backend_of.close(backend)
        assert len(states(tmp_path)) == 2
        server.script = lambda call: None
        again = backend_of(server)
        assert texts(again.generate(questions(4))) == RIGHT
        backend_of.close(again)
    assert (server.count("upload"), len(server.batches)) == (2, 2)
    assert not states(tmp_path)


@pytest.mark.parametrize("gone", ["batch", "files", "all"])
def test_a_batch_that_the_server_forgot_is_one_sentence_and_an_upload(
    batch_server, backend_of, tmp_path, caplog, gone
):
    with batch_server() as server:
        backend_of(server).generate(questions(4))
        if gone == "batch":
            server.batches.clear()
        elif gone == "all":
            server.restart()
        else:
            del server.files[server.batches["batch_2"]["output_file_id"]]
        backend = backend_of(server)
        assert texts(backend.generate([*questions(5)])) == [*RIGHT, "yes"]
    said = "does not have the batch batch_2 or its answers any more: its requests are uploaded anew"
    assert [r.getMessage() for r in caplog.records] == [f"{server.host} {said}."]
    sizes = [len(rows) for rows in server.uploaded]
    assert sizes == ([1, 4] if gone == "all" else [4, 1, 4])


@pytest.mark.parametrize("was_made", [False, True])
def test_a_process_that_died_before_it_knew_its_batch_is_gone_on_with(
    batch_server, backend_of, tmp_path, was_made
):
    with batch_server() as server:
        content = b"".join(line_of(b).content for b in bodies(backend_of(server), questions(4)))
        file = server.upload(content)["id"]
        if was_made:
            fixed = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}
            server.create({"input_file_id": file, **fixed})
        ids = tuple(json.loads(line)["custom_id"] for line in content.split(b"\n") if line)
        job = Job(server=server.url, file=file, digest="d", requests=ids)
        States(tmp_path / "state", server.url).write(job)
        assert texts(backend_of(server).generate(questions(4))) == RIGHT
    assert (server.count("upload"), server.count("list"), len(server.batches)) == (0, 1, 1)
    assert server.count("create") == (not was_made)


def test_a_file_that_is_gone_before_its_batch_was_made_is_uploaded_anew(
    batch_server, backend_of, tmp_path, caplog
):
    with batch_server() as server:
        backend = backend_of(server)
        ids = tuple(line_of(body).id for body in bodies(backend, questions(4)))
        job = Job(server=server.url, file="file-gone", digest="d", requests=ids)
        States(tmp_path / "state", server.url).write(job)
        assert texts(backend.generate(questions(4))) == RIGHT
    assert "does not have the file file-gone" in caplog.text


def bodies(backend, requests):
    return [backend.body(request, {}) for request in requests]


def test_another_servers_batches_are_left_alone(batch_server, backend_of, tmp_path):
    with batch_server() as one, batch_server() as other:
        backend_of(one).generate(questions(4))
        (before,) = [path.read_text() for path in states(tmp_path)]
        backend_of(other).generate(questions(4))
        assert before in [path.read_text() for path in states(tmp_path)]
    assert (one.count("upload"), other.count("upload")) == (1, 1)


@pytest.mark.parametrize("text", ["{", "[]", '{"server": 3}', "null", '{"requests": [1]}'])
def test_a_damaged_state_is_one_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UsageError, match=r"state of a batch in .*a\.json cannot be read"):
        States(tmp_path, "s").jobs()


@given(st.lists(st.text(min_size=1), unique=True, min_size=1), st.data())
def test_a_state_is_gone_when_its_last_request_is(tmp_path_factory, ids, data):
    folder = States(tmp_path_factory.mktemp("state"), "s")
    job = Job(server="s", file="f", digest="d", batch="b", requests=tuple(ids))
    folder.write(job)
    assert folder.jobs() == [job]
    struck = data.draw(st.sets(st.sampled_from(ids)))
    for name in struck:
        folder.forget(job, {name})
    left = [name for name in ids if name not in struck]
    assert [list(own.requests) for own in folder.jobs()] == ([left] if left else [])


def test_half_a_price_table_is_half_of_every_price():
    price = parse_prices(PRICES, "t").times(0.5).models["toy-model"]
    assert (price.input, price.output, price.cached) == (5, 50, 0.5)
