"""Connections to a server for httpcore2, on asyncio's own transports.

httpcore2 reaches its sockets through anyio, which works on other event loops too, and opens several
scopes for each read and write: a fifth of the work of a request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore2
import httpx2

IDLE = 5.0
"""Seconds after which a connection that nobody used is not used again; the server may close it."""

ENOUGH = 2**18
"""Bytes that wait to be read, above which the server is kept from sending more."""


class Direct:
    """One connection to a server, made when it is needed and made anew when it was closed."""

    def __init__(self, trusted: ssl.SSLContext) -> None:
        """Connect to nothing yet.

        Args:
            trusted: Whose certificates are trusted.
        """
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=1,
            keepalive_expiry=IDLE,
            network_backend=Sockets(),
        )

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """The response to a request; its body is still to be read, and it is to be closed.

        Raises:
            httpcore2.NetworkError: The connection cannot be made, or breaks.
            httpcore2.ProtocolError: The server speaks something else.
        """
        url = request.url
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.stream,
        )
        response = await self._pool.handle_async_request(asked)
        return httpx2.Response(
            response.status, headers=response.headers, stream=_Body(response.stream)
        )

    async def close(self) -> None:
        """Close the connection."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    """A response's body as it comes."""

    def __init__(self, parts: Any) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._parts:
            yield part

    async def aclose(self) -> None:
        await self._parts.aclose()


class Sockets(httpcore2.AsyncNetworkBackend):
    """Opens connections on the running loop. Whoever asks has a timeout for the whole request."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the interface's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore2.AsyncNetworkStream:
        """A connection, in the clear.

        Raises:
            httpcore2.ConnectError: There is none.
        """
        local = None if local_address is None else (local_address, 0)
        try:
            _, stream = await asyncio.get_running_loop().create_connection(
                Stream, host, port, local_addr=local, happy_eyeballs_delay=0.25
            )
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        return stream


class Stream(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """One connection: what came waits until it is read."""

    def __init__(self) -> None:
        """Wait to be connected."""
        self._transport: Any = None
        self._came = bytearray()
        self._ended = False
        self._paused = False
        self._error: Exception | None = None
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there, or has become an encrypted one."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._came += data
        if len(self._came) > ENOUGH and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        _wake(self._reading)

    def eof_received(self) -> bool:
        """The server sends no more; the connection is closed."""
        self._ended = True
        _wake(self._reading)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._ended, self._error = True, exc
        _wake(self._reading)
        _wake(self._writing)

    def pause_writing(self) -> None:
        """The server reads more slowly than it is written to."""
        self._writing = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """The server has caught up."""
        _wake(self._writing)
        self._writing = None

    # What httpcore2 asks for

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        """What comes next; nothing at the end.

        Raises:
            httpcore2.ReadError: The connection broke.
        """
        if not self._came and not self._ended:
            self._reading = asyncio.get_running_loop().create_future()
            await self._reading
        if not self._came and self._error is not None:
            raise httpcore2.ReadError(str(self._error)) from self._error
        read = bytes(self._came[:max_bytes])
        del self._came[:max_bytes]
        if self._paused and len(self._came) <= ENOUGH:
            self._paused = False
            self._transport.resume_reading()
        return read

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Send, and wait while the server does not keep up.

        Raises:
            httpcore2.WriteError: The connection broke, or was closed.
        """
        if not buffer:
            return
        if not self._transport.is_closing():
            self._transport.write(buffer)
        if self._writing is not None and not self._ended:
            await self._writing
        if self._transport.is_closing():
            raise httpcore2.WriteError(str(self._error or "the server closed it")) from self._error

    async def aclose(self) -> None:
        """Close the connection, whether or not the server has read all."""
        self._transport.close()
        await asyncio.sleep(0)
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The same connection, encrypted.

        Raises:
            httpcore2.ConnectError: The server's certificate is not trusted, or it speaks no TLS.
        """
        try:
            self._transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, ssl_context, server_hostname=server_hostname
            )
        except (OSError, ssl.SSLError) as error:
            self._transport.close()
            raise httpcore2.ConnectError(str(error)) from error
        return self

    def get_extra_info(self, info: str) -> Any:
        """Whether something came that nobody asked for, or the end; the connection's own facts."""
        if info == "is_readable":
            return bool(self._came) or self._ended
        return self._transport.get_extra_info(info)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
