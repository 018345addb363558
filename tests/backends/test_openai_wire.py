"""Requests over HTTP: what a server sends, whole, and nothing of another's; and nothing twice."""

import asyncio
import base64
import gzip
import shutil
import ssl
import subprocess
import time

import pytest

pytest.importorskip("aiohttp", reason="the extra openai is not installed")

from evalkit.backends.interface import BackendOptions
from evalkit.backends.openai_replies import Trouble
from evalkit.backends.openai_settings import read_settings
from evalkit.backends.openai_wire import MOST_BYTES, Wire, proxy_of, trusted_by
from evalkit.errors import UsageError

KEY = "sk-canary-0123456789"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
MIB = 2**20


@pytest.fixture(autouse=True)
def _unproxied(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def wire_to(address, timeout=20):
    own = {"base_url": address, "concurrency": "1", "timeout": str(timeout)}
    options = BackendOptions(spec="x", name="m", options=own)
    return Wire(read_settings(options, {"OPENAI_API_KEY": KEY}))


def exchanged(handle, count=1, secure=None, body=b"{}", timeout=20):
    """What requests that follow one another on one `Wire` brought: bodies and troubles."""

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=secure)
        port = server.sockets[0].getsockname()[1]
        scheme, name = ("https", "localhost") if secure else ("http", "127.0.0.1")
        wire, found = wire_to(f"{scheme}://{name}:{port}/v1", timeout), []
        for _ in range(count):
            try:
                found.append(await wire.post(body))
            except Trouble as trouble:
                found.append(trouble)
            await asyncio.sleep(0.05)
        await wire.close()
        server.close()
        await asyncio.sleep(0.05)  # the server's ends close
        return found

    return asyncio.run(asyncio.wait_for(main(), 30))


async def taken(reader):
    """Read one request, however long its body is; its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(size)
    return head


def server(answer, *, close=False, late=b""):
    """A server that gives an answer to each request; `late` follows it unasked."""
    connections, heads = [], []

    async def handle(reader, writer):
        connections.append(writer)
        try:
            while True:
                heads.append(await taken(reader))
                writer.write(answer)
                await writer.drain()
                if late:
                    await asyncio.sleep(0.01)
                    writer.write(late)
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    return handle, connections, heads


def with_length(body, *headers):
    told = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), told, body)


# Connections


def test_one_connection_serves_requests_that_follow_one_another():
    handle, connections, _ = server(ANSWER)
    assert exchanged(handle, 3) == ["hi"] * 3
    assert len(connections) == 1


def test_a_connection_that_the_server_closed_is_made_anew():
    handle, connections, _ = server(ANSWER, close=True)
    assert exchanged(handle, 3) == ["hi"] * 3
    assert len(connections) == 3


@pytest.mark.parametrize("together", [False, True])
def test_what_nobody_asked_for_answers_no_later_question(together):
    unasked = ANSWER.replace(b"hi", b"no")
    handle, connections, heads = (
        server(ANSWER + unasked) if together else server(ANSWER, late=unasked)
    )
    found = exchanged(handle, 4)
    bodies = [one for one in found if isinstance(one, str)]
    troubles = [one for one in found if isinstance(one, Trouble)]
    assert set(bodies) == {"hi"}
    assert all((one.kind, one.passing) == ("connection", True) for one in troubles)
    assert len(heads) == len(bodies), "where trouble is told, nothing was sent"
    assert len(connections) == len(bodies)


def test_a_question_that_was_cut_off_is_asked_once():
    handle, _, heads = server(b"", close=True)
    (found,) = exchanged(handle)
    assert (found.kind, found.passing, len(heads)) == ("connection", True, 1)


def test_a_connection_that_is_cut_off_after_others_is_not_asked_again():
    """A question may have been answered, and billed, where its connection closed before the end."""
    heads = []

    async def handle(reader, writer):
        for answer in (ANSWER, b""):
            heads.append(await taken(reader))
            writer.write(answer)
        writer.close()

    first, second = exchanged(handle, 2)
    assert (first, second.kind, len(heads)) == ("hi", "connection", 2)


def test_nobody_there_is_said():
    async def main():
        wire = wire_to("http://127.0.0.1:1/v1")
        try:
            await wire.post(b"{}")
        finally:
            await wire.close()

    with pytest.raises(Trouble) as found:
        asyncio.run(main())
    assert "Connect call failed" in found.value.words


# Bodies


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB + 1, 5 * MIB])
def test_bodies_of_any_length_come_and_go_whole(size):
    sent = (b"0123456789" * (size // 10 + 1))[:size]
    handle, *_ = server(with_length(sent))
    assert exchanged(handle, body=sent) == [sent.decode()]


def test_packed_answers_are_unpacked_and_one_that_is_too_long_is_left():
    handle, *_ = server(with_length(gzip.compress(b"hi"), b"Content-Encoding: gzip"))
    assert exchanged(handle) == ["hi"]
    bomb = gzip.compress(b"0" * 20 * MOST_BYTES)
    handle, *_ = server(with_length(bomb, b"Content-Encoding: gzip"))
    assert "longer than 16777216 bytes" in exchanged(handle)[0].words


BROKEN = {
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi",
    "half a header": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "a long header": with_length(b"hi", b"X: " + b"a" * 10**6),
    "no HTTP": b"\x16\x03\x01\r\n\r\n",
    "not packed": with_length(b"hi", b"Content-Encoding: gzip"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_is_broken_is_none_and_is_told_on_one_line(name):
    handle, *_ = server(BROKEN[name], close=True)
    (found,) = exchanged(handle)
    assert (found.kind, found.passing) == ("connection", True)
    assert found.words.isprintable()


def test_an_answer_before_the_question_is_read_counts():
    async def handle(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()

    (found,) = exchanged(handle, body=b"x" * 1000)
    assert (found.status, found.words) == (413, "the server answered 413: no")


def test_a_server_that_does_not_read_is_given_up_in_time():
    done = asyncio.Event()

    async def handle(reader, writer):
        writer.transport.pause_reading()
        await done.wait()
        writer.transport.abort()

    async def main():
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        wire = wire_to(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", 0.5)
        begun = time.monotonic()
        with pytest.raises(Trouble) as found:
            await wire.post(b"x" * 50 * MIB)
        await wire.close()
        seconds = time.monotonic() - begun
        done.set()
        listening.close()
        await asyncio.sleep(0.1)
        return found.value.kind, seconds

    kind, seconds = asyncio.run(main())
    assert kind == "timeout"
    assert seconds < 10


# What is told, and to whom


def test_the_key_goes_to_the_server_and_a_file_of_passwords_does_not(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("default login me password other\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    handle, _, heads = server(with_length(b"hi", b"Set-Cookie: a=b; Path=/"))
    assert exchanged(handle, 2) == ["hi"] * 2
    for head in heads:
        assert head.count(f"\r\nAuthorization: Bearer {KEY}\r\n".encode()) == 1
        assert b"ookie" not in head


@pytest.mark.parametrize("password", ["", "me:secret@"])
def test_a_proxy_of_an_encrypted_server_is_not_given_the_key(monkeypatch, password):
    """It is told the server's name, and its own password where there is one."""
    heads = []

    async def handle(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def main():
        proxy = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://{password}127.0.0.1:{port}")
        wire = wire_to("https://model.example/v1")
        try:
            await wire.post(b"{}")
        finally:
            await wire.close()
            proxy.close()

    with pytest.raises(Trouble) as found:
        asyncio.run(main())
    (head,) = heads
    assert head.startswith(b"CONNECT model.example:443 ")
    assert KEY.encode() not in head
    assert (b"Proxy-Authorization: Basic " + base64.b64encode(b"me:secret") in head) == bool(
        password
    )
    assert "secret" not in found.value.words
    assert found.value.kind == "connection"


def test_a_proxy_is_the_one_of_the_scheme_unless_the_server_is_excepted(monkeypatch):
    monkeypatch.setenv("https_proxy", "p.example:3128")
    monkeypatch.setenv("all_proxy", "socks5://s.example")
    monkeypatch.setenv("no_proxy", "near.example,127.0.0.1")
    assert proxy_of("https://far.example/v1") == "http://p.example:3128"
    assert proxy_of("https://near.example/v1") is None
    assert proxy_of("http://127.0.0.1:8000/v1") is None
    with pytest.raises(UsageError, match="a proxy of the kind socks5://"):
        proxy_of("http://far.example/v1")


# TLS


def test_a_server_in_the_clear_shows_none_and_none_is_trusted():
    trusted = trusted_by("http")
    assert trusted.verify_mode is ssl.CERT_REQUIRED
    assert trusted.check_hostname
    assert not trusted.get_ca_certs()


@pytest.mark.parametrize(("scheme", "proxy"), [("https", None), ("http", "https://p.example")])
def test_others_are_trusted_by_the_usual_authorities(monkeypatch, scheme, proxy):
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
    trusted = trusted_by(scheme)
    assert trusted.verify_mode is ssl.CERT_REQUIRED
    assert trusted.get_ca_certs()


@pytest.fixture
def certificate(tmp_path):
    """A certificate of "localhost" that signs itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, path = tmp_path / "key.pem", tmp_path / "certificate.pem"
    words = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", path]
    subprocess.run(["openssl", "req", "-x509", *words], check=True, capture_output=True)
    return path, key


def encrypted(certificate):
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_an_encrypted_connection_serves_several_requests(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    handle, connections, _ = server(ANSWER)
    found = exchanged(handle, 3, encrypted(certificate), body=b"y" * MIB)
    assert found == ["hi"] * 3
    assert len(connections) == 1


def test_a_certificate_that_nobody_trusts_is_refused(certificate):
    handle, _, heads = server(ANSWER)
    (found,) = exchanged(handle, 1, encrypted(certificate))
    assert found.kind == "connection"
    assert "CERTIFICATE_VERIFY_FAILED" in found.words
    assert not heads
