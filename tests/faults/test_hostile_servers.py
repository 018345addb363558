"""Servers that send elsewhere, never end, or are not what they seem: one sentence, and no key."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

KEY = "sk-canary-0123456789"


@contextmanager
def server(handle):
    """A server on the loopback address; every request goes to `handle`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *words):
            pass

        do_GET = do_POST = handle  # noqa: N815 - http.server asks so

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}/v1"
    finally:
        made.shutdown()
        made.server_close()


@pytest.fixture
def run(evalkit, toy, tmp_path):
    def started(url, **options):
        told = "".join(f",{name}={value}" for name, value in options.items())
        spec = f"openai:toy-model,base_url={url}{told}"
        words = ("run", "toy", "--model", spec, *toy.options, "--out", tmp_path / "out")
        return evalkit(*words, OPENAI_API_KEY=KEY)

    return started


def test_a_key_is_not_taken_to_another_server(run):
    asked = []

    def elsewhere(request):
        asked.append(dict(request.headers))
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"{}")

    with server(elsewhere) as other:

        def sends(request):
            request.send_response(307)
            request.send_header("Location", other + request.path)
            request.send_header("Content-Length", "0")
            request.end_headers()

        with server(sends) as url:
            done = run(url)
    assert done.code == 20
    assert "sends elsewhere (307)" in done.err
    assert not asked
    assert KEY not in done.err


def test_a_server_that_never_ends_its_answer_is_left(run):
    def drips(request):
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        for _ in range(400):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.2)

    with server(drips) as url:
        begun = time.monotonic()
        done = run(url, timeout=2, retries=0)
    assert done.code == 20
    assert "did not end its answer" in done.err
    assert time.monotonic() - begun < 60


def test_a_missing_v1_is_guessed(run):
    def nothing(request):
        request.send_response(404)
        request.send_header("Content-Length", "9")
        request.end_headers()
        request.wfile.write(b"Not Found")

    with server(nothing) as url:
        done = run(url.removesuffix("/v1"))
    assert done.code == 20
    assert "does base_url lack /v1?" in done.err


def test_a_missing_key_is_said_before_the_network(evalkit, toy, tmp_path):
    words = ("run", "toy", "--model", "openai:gpt-4o", *toy.options, "--out", tmp_path)
    done = evalkit(*words, OPENAI_API_KEY="")
    assert done.code == 20
    assert "api.openai.com asks for a key" in done.err
