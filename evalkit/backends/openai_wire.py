"""Chat completions over HTTP: one body goes out, one comes back, or the trouble says why none does.

It is aiohttp without the package openai, whose models and options take longer than all else that is
done for a request. No redirect is followed, no cookie is kept and no file of passwords is read, so
the key goes where the user said and nowhere else. It sends nothing twice: whoever asks does.
"""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from evalkit.backends.openai_replies import Trouble, late, read_refusal, unconnected
from evalkit.backends.openai_settings import Settings
from evalkit.errors import UsageError

if TYPE_CHECKING:
    import ssl

    import aiohttp

MOST_BYTES = 16 * 2**20
"""Bytes of an answer, unpacked; no chat completion is as long."""

IDLE = 5.0
"""Seconds after which a connection that nobody used is not used again; the server may close it."""

LONGEST_HEADER = 2**16
"""Bytes of one header of an answer."""


class Wire:
    """Connections to one server; lives on one event loop, which runs when it is made."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        import aiohttp

        from evalkit.backends.openai_unasked import CleanRequest

        self._broken = (aiohttp.ClientError, OSError)
        self._settings = settings
        self._headers = settings.headers  # the session's own would go to a proxy too, key and all
        self._url = f"{settings.base_url}/chat/completions"
        proxy = proxy_of(self._url)
        connector = aiohttp.TCPConnector(
            limit=settings.concurrency,
            keepalive_timeout=IDLE,
            ssl=trusted_by(urlsplit(self._url).scheme),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            skip_auto_headers=("Accept-Encoding",),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # none: `post` has one for the whole
            proxy=proxy,
            request_class=CleanRequest,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )

    async def post(self, body: bytes) -> str:
        """The body that the server sends with a status of success.

        Raises:
            Trouble: There is none.
        """
        seconds = self._settings.timeout
        try:
            async with asyncio.timeout(seconds):
                response, text = await self._exchange(body)
        except TimeoutError as error:
            raise late(seconds) from error
        except self._broken as error:
            raise unconnected(error) from error
        if 200 <= response.status < 300:  # noqa: PLR2004 - the range that means success
            return text
        raise read_refusal(response.status, response.headers, text, datetime.now(UTC))

    async def _exchange(self, body: bytes) -> tuple[aiohttp.ClientResponse, str]:
        """Send a body; a connection whose answer is not read to its end is closed."""
        data = io.BytesIO(body)  # aiohttp warns of long bytes
        async with self._session.post(
            self._url, data=data, headers=self._headers, allow_redirects=False
        ) as response:
            return response, await _text(response)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


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


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address; None where there is to be none.

    Raises:
        UsageError: It is of a kind that cannot be spoken to.
    """
    parts, proxies = urlsplit(url), getproxies()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named or proxy_bypass(parts.hostname or ""):
        return None
    kind, found, _ = named.partition("://")
    if found and kind not in ("http", "https"):
        message = (
            f"The environment names a proxy of the kind {kind}:// for {parts.hostname}; it must be "
            "http:// or https://, or no_proxy must name the server."
        )
        raise UsageError(message)
    return named if found else f"http://{named}"


def _proxied() -> bool:
    """Whether the environment names a proxy."""
    return bool(getproxies().keys() - {"no"})


async def _text(response: aiohttp.ClientResponse) -> str:
    """A response's body.

    Raises:
        Trouble: It is too long.
    """
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MOST_BYTES:
            words = f"the server's answer is longer than {MOST_BYTES} bytes"
            raise Trouble(kind="server", words=words)
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")
