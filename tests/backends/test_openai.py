"""The backend openai as a class: what is sent, how much at once, and what it is made of."""

import asyncio
import base64
import io
import sys
import threading
import time
import warnings
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

import pytest

pytest.importorskip("openai", reason="the extra openai is not installed")

import PIL.Image
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.backends.data_urls import data_url
from evalkit.backends.interface import BackendOptions
from evalkit.backends.openai import OpenAIBackend
from evalkit.backends.openai_door import _client
from evalkit.backends.openai_limiter import Limiter
from evalkit.backends.openai_replies import retry_after
from evalkit.backends.openai_settings import read_settings
from evalkit.backends.pictures import UnreadableError
from evalkit.errors import BackendError, MissingExtraError, UsageError
from evalkit.prices import parse_prices
from evalkit.records import Generation, Image, Message, Request

PATIENCE = 300
"""Seconds after which something will never happen, however slow the machine is."""


@pytest.fixture
def backend_of():
    """Makes backends, and closes them: backend_of(server, retries="2")."""
    made = []

    def make(server, seed=0, **options):
        own = {"base_url": server.url, **options}
        backend = OpenAIBackend.load(
            BackendOptions(spec="openai:toy-model", name="toy-model", seed=seed, options=own)
        )
        made.append(backend)
        return backend

    yield make
    for backend in made:
        backend.close()


def encoded(picture, kind="PNG", **more):
    content = io.BytesIO()
    picture.save(content, kind, **more)
    return content.getvalue()


def noise(mode="RGB", size=(20, 14)):
    return PIL.Image.effect_noise(size, 80).convert(mode)


def image(content, key="p"):
    return Image(key=key, read=lambda: content)


def request(name, *parts, **generation):
    return Request(
        task="toy",
        sample_id=name,
        messages=(Message(role="user", content=parts),),
        generation=Generation(**{"max_new_tokens": 8, **generation}),
    )


# What is sent


def test_a_redirect_is_not_followed_and_an_endless_answer_is_not_read(chat_server, backend_of):
    asked = [request("to", "Is 2 even?"), request("long", "Is 4 even?")]
    script = {"Is 2 even?": "redirect", "Is 4 even?": "long"}
    with chat_server(lambda asked: script[asked.text]) as server:
        to, long = backend_of(server, concurrency="1").generate(asked)
    assert (to.failure.kind, long.failure.kind) == ("refused", "server")
    assert "answered 307" in to.failure.message
    assert "longer than 16777216 bytes" in long.failure.message
    assert len(server.asked) == 2


def test_the_proxy_of_the_environment_is_asked_but_where_there_is_to_be_none(
    chat_server, backend_of, monkeypatch
):
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with chat_server() as server:
        monkeypatch.setenv("http_proxy", f"http://{server.host}")
        backend = backend_of(server, base_url="http://model.example/v1")
        assert backend.generate([request("a", "Is 2 even?")])[0].text == "yes"
        assert server.asked[0].headers["Host"] == "model.example"
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert backend_of(server).generate([request("a", "Is 2 even?")])[0].text == "yes"


def test_the_account_of_the_environment_is_told(chat_server, backend_of, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-2")
    with chat_server() as server:
        backend_of(server).generate([request("a", "Is 2 even?")])
    told = {name.lower(): value for name, value in server.asked[0].headers.items()}
    assert (told["openai-organization"], told["openai-project"]) == ("org-1", "proj-2")


def test_a_short_key_is_no_secret_that_would_change_an_answer():
    options = BackendOptions(spec="x", name="m")
    assert read_settings(options, {"OPENAI_API_KEY": "EMPTY"}).hidden("EMPTY") == "EMPTY"
    assert read_settings(options, {"OPENAI_API_KEY": "abcd-1234"}).hidden("abcd-1234") == "[key]"


def test_pictures_and_texts_are_sent_in_their_order(chat_server, backend_of):
    content = encoded(noise())
    asked = request("a", "Look:", image(content), "Is 2 even?", stop=("\n",))
    with chat_server() as server:
        (made,) = backend_of(server, seed=7).generate([asked])
        (sent,) = server.asked
    assert made.text == "yes"
    assert (made.finish, made.prompt_tokens, made.output_tokens) == ("stop", 100, 2)
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    assert sent.body == {
        "model": "toy-model",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "image_url", "image_url": {"url": url}},
                    {"type": "text", "text": "Is 2 even?"},
                ],
            }
        ],
        "max_tokens": 8,
        "temperature": 0.0,
        "seed": 7,
        "stop": ["\n"],
    }
    assert made.images == (data_url(image(content)).digest,)


def test_sampling_and_options_change_the_fields(chat_server, backend_of):
    with chat_server() as server:
        options = {"max_tokens_field": "max_completion_tokens", "omit": "seed+stop"}
        backend = backend_of(server, **options)
        backend.generate([request("a", "Is 1 even?", temperature=0.5, top_p=0.9, stop=("x",))])
    body = server.asked[0].body
    assert {name: body[name] for name in body if name not in ("model", "messages")} == {
        "max_completion_tokens": 8,
        "temperature": 0.5,
        "top_p": 0.9,
    }


def test_a_stop_string_that_the_server_left_is_cut(chat_server, backend_of):
    with chat_server(answer=lambda asked: " red\nand more") as server:
        (made,) = backend_of(server).generate([request("a", "What?", stop=("\n",))])
    assert (made.text, made.finish) == ("red", "stop")


def test_an_answer_that_was_cut_says_so(chat_server, backend_of):
    with chat_server(lambda asked: "cut") as server:
        (made,) = backend_of(server).generate([request("a", "What?")])
    assert (made.text, made.finish) == ("yes it is", "length")


@pytest.mark.parametrize("fault", ["wrong usage", "absurd usage"])
def test_wrong_usage_is_no_usage(chat_server, backend_of, fault):
    with chat_server(lambda asked: fault) as server:
        backend = backend_of(server)
        (made,) = backend.generate([request("a", "What?")])
    assert (made.text, made.prompt_tokens, made.output_tokens) == ("yes", None, None)
    assert backend.counters()["prompt_tokens"] == 0


def test_beams_and_broken_pictures_fail_alone(chat_server, backend_of):
    requests = [
        request("beams", "Is 2 even?", num_beams=4),
        request("broken", image(encoded(noise())[:60]), "Is 2 even?"),
        request("whole", image(encoded(noise()), "q"), "Is 2 even?"),
    ]
    with chat_server() as server:
        beams, broken, whole = backend_of(server).generate(requests)
    assert (beams.failure.kind, broken.failure.kind) == ("refused", "image_unreadable")
    assert whole.text == "yes"
    assert len(server.asked) == 1


def test_a_text_that_cannot_be_sent_fails_alone_and_holds_no_place(chat_server, backend_of):
    with chat_server() as server:
        backend = backend_of(server, concurrency="1")
        made = backend.generate([request("bad", "Is \ud800 even?"), request("a", "Is 2 even?")])
    assert (made[0].failure.kind, made[1].text) == ("backend", "yes")


def test_the_first_question_about_a_picture_is_ahead(chat_server, backend_of):
    content = encoded(noise())
    requests = [request(f"{i}", image(content, f"k{i}"), f"Is {i} even?") for i in range(4)]
    with chat_server(seconds=0.05) as server:
        made = backend_of(server).generate(requests)
    first, *others = server.asked
    assert "Is 0" in first.text
    assert min(asked.at for asked in others) - first.at >= 0.05
    assert [p.text for p in made] == ["yes", "no", "yes", "no"]


# Pictures

SAME = {
    "png": ("PNG", "RGB", {}, "image/png"),
    "grey": ("PNG", "L", {}, "image/png"),
    "jpeg": ("JPEG", "RGB", {}, "image/jpeg"),
    "webp": ("WEBP", "RGB", {}, "image/webp"),
    "gif": ("GIF", "P", {}, "image/gif"),
}
MADE_ANEW = {
    "bmp": ("BMP", "RGB", {}),
    "tiff": ("TIFF", "RGB", {}),
    "cmyk": ("JPEG", "CMYK", {}),
    "clear": ("PNG", "RGBA", {}),
    "palette": ("PNG", "P", {"transparency": 3}),
    "deep": ("PNG", "I;16", {}),
    "animated": ("GIF", "P", {"save_all": True, "append_images": [noise("P")]}),
}


@pytest.mark.parametrize("name", SAME)
def test_usual_pictures_go_out_as_they_are(name):
    kind, mode, more, mime = SAME[name]
    content = encoded(noise(mode), kind, **more)
    head, _, tail = data_url(image(content)).url.partition(";base64,")
    assert (head, base64.b64decode(tail)) == (f"data:{mime}", content)


def turned():
    exif = PIL.Image.Exif()
    exif[274] = 6
    return encoded(noise(), "JPEG", exif=exif)


@pytest.mark.parametrize("name", [*MADE_ANEW, "turned"])
def test_odd_pictures_go_out_as_what_other_backends_see(name):
    if name == "turned":
        content = turned()
    else:
        kind, mode, more = MADE_ANEW[name]
        content = encoded(noise(mode), kind, **more)
    head, _, tail = data_url(image(content)).url.partition(";base64,")
    assert head == "data:image/png"
    sent = PIL.Image.open(io.BytesIO(base64.b64decode(tail)))
    seen = PIL.Image.open(io.BytesIO(content)).convert("RGB")
    assert (sent.mode, sent.size, sent.tobytes()) == ("RGB", seen.size, seen.tobytes())


def test_what_is_no_picture_is_not_sent():
    with pytest.raises(UnreadableError):
        data_url(image(b"\x89PNG\r\n\x1a\nand nothing"))


FRAMES = {kind: encoded(noise("P"), kind, save_all=True, append_images=[noise("P")] * 2)
          for kind in ("GIF", "WEBP", "TIFF", "PNG")}  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(FRAMES)), st.floats(0.02, 1.0), st.randoms(use_true_random=False))
def test_a_damaged_picture_is_unreadable_or_sent(kind, part, dice):
    content = bytearray(FRAMES[kind][: int(len(FRAMES[kind]) * part)])
    for _ in range(dice.randrange(3)):
        content[dice.randrange(len(content))] = dice.randrange(256)
    with suppress(UnreadableError):
        assert data_url(image(bytes(content))).url.startswith("data:image/")


def test_a_picture_whose_frames_are_damaged_fails_alone(chat_server, backend_of):
    whole = FRAMES["GIF"]
    cuts = (whole[:end] for end in range(len(whole) - 1, 0, -1))
    broken = next(cut for cut in cuts if raises_late(cut))
    requests = [request("a", image(broken), "Is 2 even?"), request("b", "Is 2 even?")]
    with chat_server() as server:
        first, second = backend_of(server).generate(requests)
    assert (first.failure.kind, second.text) == ("image_unreadable", "yes")


def raises_late(content):
    """Whether the first frame can be read, and counting the others raises."""
    try:
        with PIL.Image.open(io.BytesIO(content)) as opened:
            opened.convert("RGB")
            try:
                return opened.n_frames < 0
            except IndexError:
                return True
    except (OSError, SyntaxError):
        return False


def test_pictures_on_many_threads_leave_the_warnings_as_they_were():
    content = encoded(noise(size=(60, 60)))

    def read(_):
        for _ in range(60):
            data_url(image(content))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(read, range(16)))
        added = [one for one in warnings.filters if one not in before]
        assert not any(one[2] is Warning and one[3] is None for one in added), added
        assert len(added) <= 2
        with pytest.raises(UserWarning, match="of one's own"):
            warnings.warn("of one's own", UserWarning, stacklevel=1)


# How much at once


def ask_many(backend, count, threads=64):
    """Ask from many threads, one request each time: every answer arrives."""
    requests = [[request(f"{i}", f"Is {i} even?")] for i in range(count)]
    with ThreadPoolExecutor(threads) as pool:
        made = [p for own in pool.map(backend.generate, requests) for p in own]
    assert [p.text for p in made] == ["no" if i % 2 else "yes" for i in range(count)]


def test_no_more_than_the_bound_is_asked_at_once(chat_server, backend_of):
    with chat_server(seconds=0.01) as server:
        ask_many(backend_of(server, concurrency="24"), 300)
        assert server.most <= 24
    with chat_server(seconds=0.01) as server:
        ask_many(backend_of(server, concurrency="1"), 20)
        assert server.most == 1


def test_as_many_as_the_bound_are_asked_at_once(chat_server, backend_of):
    """The server answers nobody before eight are there."""
    eight = threading.Barrier(8)

    def together(asked):
        eight.wait(PATIENCE)

    with chat_server(together) as server:
        ask_many(backend_of(server, concurrency="8"), 80)
        assert server.most <= 8


def test_a_server_that_refuses_above_its_capacity_loses_no_answer(chat_server, backend_of):
    """The first twelve are there at once, and four of them too many."""
    twelve, order = threading.Barrier(12), count(1)

    def crowded(asked):
        if next(order) > 12:
            return None
        return "429" if twelve.wait(PATIENCE) >= 8 else None

    with chat_server(crowded, seconds=0.01, capacity=8, refuses=True) as server:
        backend = backend_of(server, retries="20")
        ask_many(backend, 200)
    assert backend.counters()["rate_limited"] >= 4


def test_retry_after_holds_everything_back(chat_server, backend_of):
    with chat_server(lambda asked: "429 seconds" if len(server.asked) == 1 else None) as server:
        backend = backend_of(server)
        ask_many(backend, 1)
        first, second = server.asked
        assert second.at - first.at >= 1.0
    assert backend.counters()["rate_limited"] == 1


def test_retry_after_is_seconds_or_a_date():
    now = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
    assert retry_after("2.5", now) == 2.5
    assert retry_after("Wed, 25 Nov 2026 12:00:07 GMT", now) == 7
    assert retry_after("Wed, 25 Nov 2026 11:00:00 GMT", now) == 0
    assert retry_after("soon", now) is None
    assert retry_after("nan", now) is None
    assert retry_after(None, now) is None


HUGE = "99999999999999999999"
DATES = (
    f"Mon, {HUGE} Jan 2020 00:00:00 GMT",
    f"Mon, 01 Jan {HUGE} 00:00:00 GMT",
    f"Mon, 01 Jan 2020 {HUGE}:00:00 GMT",
    f"Mon, 01 Jan 2020 00:00:00 +{HUGE}",
    "Thu, 01 Jan 0001 00:00:00 +2300",
    "Fri, 31 Dec 9999 23:59:59 -2300",
)


@given(
    st.one_of(
        st.sampled_from(DATES),
        st.text(max_size=40),
        st.from_regex(r"[A-Z][a-z]{2}, \d{1,22} Jan \d{1,22} \d{1,22}:\d\d:\d\d [+-]\d{1,9}"),
    )
)
def test_a_retry_after_that_says_nothing_is_none(text):
    seconds = retry_after(text, datetime(2026, 11, 25, tzinfo=UTC))
    assert seconds is None or 0 <= seconds < float("inf")


def test_an_odd_refusal_is_a_failure_and_gives_its_place_back(chat_server, backend_of):
    with chat_server(lambda asked: "429 odd") as server:
        backend = backend_of(server, retries="0", concurrency="2")
        made = [backend.generate([request(f"{i}", f"Is {i} even?")])[0] for i in range(4)]
    assert [one.failure.kind for one in made] == ["rate_limited"] * 4
    assert backend._client.limiter.out == 0


@pytest.mark.parametrize("paused", [False, True])
def test_a_request_that_is_cancelled_holds_no_place(paused):
    async def go():
        limiter = Limiter(1, time.monotonic)
        if paused:
            limiter.pause(60)
        else:
            await limiter.enter()
        waiting = asyncio.create_task(limiter.enter())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
        return limiter.out

    assert asyncio.run(go()) == (0 if paused else 1)


def test_a_closed_backend_leaves_no_thread(chat_server):
    with chat_server() as server:
        own = {"base_url": server.url}
        before = set(threading.enumerate())
        backend = OpenAIBackend.load(BackendOptions(spec="x", name="m", options=own))
        backend.close()
        assert set(threading.enumerate()) <= before


def test_a_backend_that_is_closed_lets_the_threads_go_that_wait_for_answers(chat_server):
    def ask(backend, i):
        try:
            backend.generate([request(f"{i}-{k}", f"Is {k} even?") for k in range(3)])
        except (BackendError, CancelledError) as error:
            ended.append(type(error).__name__)

    ended = []
    with chat_server(lambda asked: "hang") as server:
        own = {"base_url": server.url}
        backend = OpenAIBackend.load(BackendOptions(spec="x", name="m", options=own))
        threads = [threading.Thread(target=ask, args=(backend, i), daemon=True) for i in range(12)]
        for thread in threads:
            thread.start()
        while len(server.asked) < 4:  # the others wait for a place
            time.sleep(0.01)
        backend.close()
        backend.close()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)
        assert backend._client.limiter.out == 0
        ask(backend, 12)
    assert ended[-1] == "BackendError"
    assert len(ended) == 13


# Settings


def test_keys_are_not_in_what_is_shown():
    options = BackendOptions(spec="x", name="m", options={"api_key_env": "MY_KEY"})
    own = read_settings(options, {"MY_KEY": "abc-123", "OPENAI_API_KEY": "other"})
    assert own.key == "abc-123"
    assert "abc-123" not in repr(own)
    said = own.redacted("abc-123 sk-proj-x Authorization: Bearer abcdef, yes")
    assert said == "[key] [key] Authorization: Bearer [key], yes"


def test_a_key_that_no_header_can_carry_is_refused():
    with pytest.raises(UsageError, match="OPENAI_API_KEY holds characters that no key can have"):
        read_settings(BackendOptions(spec="x", name="m"), {"OPENAI_API_KEY": "a\nb"})


@pytest.mark.parametrize(
    ("module", "package"), [("aiohttp", "aiohttp"), ("openai", "openai"), ("PIL", "pillow")]
)
def test_a_missing_package_names_the_extra(monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    said = rf"needs the package '{package}'.*pip install -e '\.\[openai\]'"
    with pytest.raises(MissingExtraError, match=said):
        OpenAIBackend.preflight(BackendOptions(spec="x", name="m"))


def test_a_revision_belongs_to_the_models_id():
    own = read_settings(BackendOptions(spec="x", name="m", revision="v2"), {})
    assert (own.model, own.host, own.key) == ("m@v2", "api.openai.com", "")


NO_ADDRESSES = (
    "http://127.0.0.1:8000/v1\x7f", "http://exa mple/v1", "http://a..b/v1", "http://.a/v1",
    f"http://{'a' * 300}/v1", "http://\u2603.example/v1", "http://\ud800/v1", "http://a/\ud800",
)  # fmt: skip


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_is_none_is_one_sentence(address):
    options = BackendOptions(spec="x", name="m", options={"base_url": address})
    with pytest.raises(UsageError, match="base_url"):
        OpenAIBackend.preflight(options)


@settings(deadline=None)
@given(st.text(max_size=30), st.sampled_from(["http://{}", "http://{}/v1", "http://a/{}", "{}"]))
def test_any_address_is_taken_or_refused_in_a_sentence(text, form):
    options = BackendOptions(spec="x", name="m", options={"base_url": form.format(text)})
    with suppress(UsageError):
        own = read_settings(options, {})
        with _client(own):
            pass


def test_addresses_of_other_scripts_and_versions_are_taken():
    for address in ("http://m\u00fcller.example/v1", "http://[::1]:1/v1", "https://a_b.c:99/v1"):
        options = BackendOptions(spec="x", name="m", options={"base_url": address})
        with _client(read_settings(options, {})) as api:
            assert str(api.base_url).endswith("/v1/")


# Prices

TABLE = 'date = "2026-11-01"\n[models."a/b"]\ninput = 2\noutput = 8\n'


def test_cached_tokens_cost_as_others_unless_the_table_says():
    table = parse_prices(TABLE, "t.toml")
    assert table.day == "2026-11-01"
    assert table.models["a/b"].cost(1_000_000, 500_000, 400_000) == 6.0
    cheap = parse_prices(TABLE + "cached = 1\n", "t.toml").models["a/b"]
    assert cheap.cost(1_000_000, 500_000, 400_000) == pytest.approx(5.6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date = ", "is not valid TOML"),
        ('date = "2026-11-01"', "needs tables"),
        (TABLE.replace("2026-11-01", "lately"), "needs date"),
        (TABLE.replace("output = 8", ""), "'output' is missing or wrong"),
        (TABLE.replace("= 8", "= -8"), "'output' is missing or wrong"),
        (TABLE + "image = 1\n", "'image' is missing or wrong"),
    ],
)
def test_a_wrong_price_table_is_one_sentence(text, said):
    with pytest.raises(UsageError, match=said):
        parse_prices(text, "t.toml")


def test_a_model_without_a_price_costs_nothing_that_is_known(chat_server, backend_of, tmp_path):
    table = tmp_path / "prices.toml"
    table.write_text(TABLE)
    with chat_server() as server:
        backend = backend_of(server, prices=str(table))
        backend.generate([request("a", "Is 1 even?")])
    assert "cost_usd" not in backend.counters()
    assert backend.counters()["prompt_tokens"] == 100
