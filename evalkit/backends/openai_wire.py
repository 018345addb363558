"""Chat completions over HTTP: one body goes out, one comes back, or the trouble says why none does.

It is httpx2 without the package openai, whose models and options take longer than all else that is
done for a request, and, where no proxy is named, on asyncio's own sockets. No redirect is followed,
so the key goes where the user said and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.request import getproxies

from evalkit.backends.openai_replies import Trouble, late, read_refusal, unconnected
from evalkit.backends.openai_settings import Settings

if TYPE_CHECKING:
    import ssl

    import httpx2

    Send = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
    Close = Callable[[], Awaitable[None]]

MOST_BYTES = 16 * 2**20
"""Bytes of an answer, unpacked; no chat completion is as long."""


class Wire:
    """Connections to one server; lives on one event loop."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        import httpcore2
        import httpx2

        self._httpx2 = httpx2
        core = httpcore2.NetworkError, httpcore2.ProtocolError
        self._broken = (httpx2.HTTPError, *core, OSError)
        self._settings = settings
        self._url = httpx2.URL(f"{settings.base_url}/chat/completions")
        self._headers = [(b"Host", self._url.netloc), *httpx2.Headers(settings.headers).raw]
        trusted = trusted_by(self._url.scheme)
        self._pools = [self._pool(trusted) for _ in range(settings.concurrency)]
        self._free = self._pools[::-1]

    def _pool(self, trusted: ssl.SSLContext) -> tuple[Send, Close]:
        """A pool of one connection, as what sends a request and what closes it.

        All of a pool's connections are looked at each time that one is wanted, so it has but one.
        A client knows the proxies of the environment, and takes longer than connections alone.
        `post` has a timeout for the whole; one for each read would cost a timer each.
        """
        if _proxied():
            limits = self._httpx2.Limits(max_connections=1)
            client = self._httpx2.AsyncClient(verify=trusted, limits=limits, timeout=None)
            return partial(client.send, stream=True), client.aclose
        from evalkit.backends.openai_sockets import Direct

        direct = Direct(trusted)
        return direct.send, direct.close

    async def post(self, body: bytes) -> str:
        """The body that the server sends with a status of success.

        Raises:
            Trouble: There is none.
        """
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds):
                response, text = await self._exchange(body)
        except (TimeoutError, self._httpx2.TimeoutException) as error:
            raise late(seconds) from error
        except self._broken as error:
            raise unconnected(error) from error
        if response.is_success:
            return text
        raise read_refusal(response.status_code, response.headers, text, datetime.now(UTC))

    async def _exchange(self, body: bytes) -> tuple[httpx2.Response, str]:
        """Send a body through the pool that was used last of those that are free.

        The limiter lets no more requests out than there are pools.
        """
        headers = [*self._headers, (b"Content-Length", b"%d" % len(body))]
        stream = self._httpx2.ByteStream(body)  # with `content` all headers would be looked through
        request = self._httpx2.Request("POST", self._url, headers=headers, stream=stream)
        pool = self._free.pop()
        try:
            send, _ = pool
            response = await send(request)
            try:
                return response, await _text(response)
            finally:
                await response.aclose()
        finally:
            self._free.append(pool)

    async def close(self) -> None:
        """Close all connections."""
        for _, close in self._pools:
            await close()


def trusted_by(scheme: str) -> ssl.SSLContext:
    """Whose certificates are trusted: nobody's where none will be shown, as reading them is slow.

    Args:
        scheme: The server's, "http" or "https".
    """
    import ssl

    import httpx2

    if scheme == "http" and not _proxied():
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.create_ssl_context()


def _proxied() -> bool:
    """Whether the environment names a proxy."""
    return bool(getproxies().keys() - {"no"})


async def _text(response: httpx2.Response) -> str:
    """A response's body.

    Raises:
        Trouble: It is too long.
    """
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MOST_BYTES:
            words = f"the server's answer is longer than {MOST_BYTES} bytes"
            raise Trouble(kind="server", words=words)
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")
