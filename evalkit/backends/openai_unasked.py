"""A request that is not sent where an answer waits already.

aiohttp keeps what a server sends on a connection that nobody uses, and would take it for the answer
to the next question, and that one's for the answer to the one after it.
"""

from __future__ import annotations

import aiohttp
from aiohttp.connector import Connection


class CleanRequest(aiohttp.ClientRequest):
    """A request for a connection on which nothing waits."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send it.

        Raises:
            aiohttp.ClientConnectionError: Something waits; the connection is closed, nothing sent.
        """
        if conn.protocol is None or conn.protocol.should_close:
            message = "the server sent what nobody asked for"
            raise aiohttp.ClientConnectionError(message)
        return await super().send(conn)
