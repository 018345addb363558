"""Connections on asyncio's own transports: what a server sends, whole, and nothing of another's."""

import asyncio
import shutil
import ssl
import subprocess

import httpcore2
import httpx2
import pytest

from evalkit.backends.openai_sockets import ENOUGH, Direct

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def exchanged(handle, count=1, secure=None, trusted=None, body=b"{}"):
    """Bodies of the answers to requests that follow one another on one `Direct`."""

    async def main():
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=secure)
        port = server.sockets[0].getsockname()[1]
        scheme, name = ("https", "localhost") if secure else ("http", "127.0.0.1")
        direct = Direct(trusted or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        found = []
        try:
            for _ in range(count):
                found.append(await asked(direct, f"{scheme}://{name}:{port}/v1", body))
                await asyncio.sleep(0.05)
        finally:
            await direct.close()
            server.close()
            await asyncio.sleep(0.05)  # the server's ends close
        return found

    return asyncio.run(asyncio.wait_for(main(), 20))


async def asked(direct, url, body):
    """The body of one answer."""
    headers = [("Host", "x"), ("Content-Length", str(len(body)))]
    stream = httpx2.ByteStream(body)
    response = await direct.send(httpx2.Request("POST", url, headers=headers, stream=stream))
    try:
        return b"".join([part async for part in response.aiter_bytes()])
    finally:
        await response.aclose()


async def taken(reader):
    """Read one request, however long its body is."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return await reader.readexactly(size)


def server(answer, *, close=False, late=b""):
    """A server that gives an answer to each request; `late` follows it unasked."""
    connections = []

    async def handle(reader, writer):
        connections.append(writer)
        try:
            while True:
                await taken(reader)
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

    return handle, connections


def test_one_connection_serves_requests_that_follow_one_another():
    handle, connections = server(ANSWER)
    assert exchanged(handle, 3) == [b"hi"] * 3
    assert len(connections) == 1


def test_a_connection_that_the_server_closed_is_made_anew():
    handle, connections = server(ANSWER, close=True)
    assert exchanged(handle, 3) == [b"hi"] * 3
    assert len(connections) == 3


def test_what_nobody_asked_for_answers_no_later_question():
    handle, connections = server(ANSWER, late=ANSWER.replace(b"hi", b"no"))
    assert exchanged(handle, 2) == [b"hi"] * 2
    assert len(connections) == 2


@pytest.mark.parametrize("size", [0, 1, ENOUGH - 1, ENOUGH, 20 * ENOUGH])
def test_bodies_of_any_length_come_and_go_whole(size):
    sent = bytes(i % 251 for i in range(1000)) * (size // 1000 + 1)
    sent = sent[:size]
    handle, _ = server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + sent)
    assert exchanged(handle, body=sent) == [sent]


def test_a_body_that_is_read_slowly_waits_at_the_server():
    async def main():
        handle, _ = server(
            b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 5 * 10**7
        )
        listening = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        direct = Direct(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        headers = [("Host", "x"), ("Content-Length", "0")]
        request = httpx2.Request("POST", url, headers=headers, stream=httpx2.ByteStream(b""))
        response = await direct.send(request)
        await asyncio.sleep(0.3)
        stream = direct._pool.connections[0]._connection._network_stream
        waiting, size = len(stream._came), 0
        async for part in response.aiter_bytes():
            size += len(part)
        await response.aclose()
        await direct.close()
        listening.close()
        return waiting, size

    waiting, size = asyncio.run(asyncio.wait_for(main(), 20))
    assert waiting <= 4 * ENOUGH
    assert size == 5 * 10**7


def test_an_answer_that_breaks_off_is_none():
    handle, _ = server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", close=True)
    with pytest.raises(httpcore2.RemoteProtocolError):
        exchanged(handle)


def test_an_answer_before_the_question_is_read_counts():
    async def handle(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()

    assert exchanged(handle, body=b"x" * 1000) == [b"no"]


def test_nobody_there_is_said():
    async def main():
        direct = Direct(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        await asked(direct, "http://127.0.0.1:1/", b"")

    with pytest.raises(httpcore2.ConnectError, match="Connect call failed"):
        asyncio.run(main())


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


def test_an_encrypted_connection_serves_several_requests(certificate):
    trusted = ssl.create_default_context(cafile=certificate[0])
    body = b"y" * 3 * ENOUGH
    handle, connections = server(ANSWER)
    assert exchanged(handle, 3, encrypted(certificate), trusted, body) == [b"hi"] * 3
    assert len(connections) == 1


def test_a_certificate_that_nobody_trusts_is_refused(certificate):
    handle, _ = server(ANSWER)
    for trusted in (ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)):
        with pytest.raises(httpcore2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            exchanged(handle, 1, encrypted(certificate), trusted)
