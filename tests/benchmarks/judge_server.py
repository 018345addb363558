"""A chat-completions server for timing: a fixed latency, a number of requests at a time, no more.

`python judge_server.py SECONDS CAPACITY` prints its port and serves until its input ends. Requests
above the capacity wait their turn. GET /asked says how many were answered and the most that were
worked on at once. It speaks just enough HTTP, so that the server's own work is small beside the
clients'.
"""

import asyncio
import json
import os
import sys
import threading
import zlib

REPLY = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "model": "toy-model-0613",
        "created": 1767225600,
        "system_fingerprint": "fp_toy",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "0.5"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 3, "total_tokens": 203},
    }
)
MODELS = json.dumps({"data": [{"id": "toy-model", "object": "model"}]})


class Server:
    """Counts, and the places to work."""

    def __init__(self, seconds: float, capacity: int) -> None:
        self.seconds = seconds
        self.slots = asyncio.Semaphore(capacity)
        self.answered = self.working = self.most = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests, one after another."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, _, rest = head.partition(b"\r\n")
                length = next(
                    (int(h[15:]) for h in rest.lower().split(b"\r\n") if h[:15] == LENGTH), 0
                )
                body = await self.reply(line, await reader.readexactly(length))
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def reply(self, line: bytes, asked: bytes) -> bytes:
        """The body for a request's first line and body; grades differ from question to question."""
        if line.startswith(b"GET /asked"):
            return json.dumps({"answered": self.answered, "most": self.most}).encode()
        if line.startswith(b"GET"):
            return MODELS.encode()
        async with self.slots:
            self.working += 1
            self.most = max(self.most, self.working)
            if self.seconds:
                await asyncio.sleep(self.seconds)
            self.working -= 1
            self.answered += 1
        return REPLY.replace("0.5", f"0.{zlib.crc32(asked) % 10}").encode()


LENGTH = b"content-length:"


async def main() -> None:
    """Serve until the input ends."""
    own = Server(float(sys.argv[1]), int(sys.argv[2]))
    server = await asyncio.start_server(own.serve, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=leave, daemon=True).start()
    await server.serve_forever()


def leave() -> None:
    """End the process when its input ends; open connections end with it."""
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
