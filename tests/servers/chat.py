"""A chat-completions server on 127.0.0.1 that misbehaves as it is told.

    with ChatServer(script=lambda asked: "500" if asked.times == 1 else None) as server:
        ... server.url ...

A script is asked about every request to /chat/completions and names a fault, or returns None for a
good answer. `capacity` requests are worked on at once, each for `seconds`; more wait (or, with
`refuses`, are answered 429). `usage` gives what a good answer says of its tokens.
"""

import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request: its body and headers, its text, and how often it was sent up to now."""

    body: dict
    headers: dict
    text: str
    times: int
    at: float = field(default_factory=time.monotonic)

    @property
    def urls(self):
        parts = [part for m in self.body["messages"] for part in m["content"] if m["content"]]
        return [p["image_url"]["url"] for p in parts if isinstance(p, dict) and "image_url" in p]


def even(asked):
    """The answer of one who knows the toy task."""
    number = re.search(r"Is (\d+) even", asked.text)
    return " yes\n" if number and int(number[1]) % 2 == 0 else "no"


def completion(text, finish="stop", **message):
    return {
        "id": "c",
        "object": "chat.completion",
        "model": "toy-model-0613",
        "created": 1767225600,
        "system_fingerprint": "fp_toy",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 2,
            "total_tokens": 102,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
    }


ERROR = {"error": {"message": "something broke", "type": "error", "code": None}}

PAGE = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"


def unsupported(what):
    """A field that OpenAI refuses."""
    return {"error": {"message": f"Unsupported {what}.", "type": "invalid_request_error"}}


STATUSES = {
    "html": (502, {"Content-Type": "text/html"}, PAGE),
    "html page": (200, {"Content-Type": "text/html"}, PAGE),
    "429": (429, {}, ERROR),
    "429 seconds": (429, {"Retry-After": "1"}, ERROR),
    "429 date": (429, {}, ERROR),
    "429 odd": (429, {"Retry-After": "Mon, 99999999999999999999 Jan 2020 00:00:00 GMT"}, ERROR),
    "429 for an hour": (429, {"Retry-After": "3600"}, ERROR),
    "429 quota": (429, {}, {"error": {"message": "pay", "code": "insufficient_quota"}}),
    "500": (500, {}, ERROR),
    "503": (503, {}, ERROR),
    "400": (400, {}, {"error": {"message": "too many pictures", "code": None}}),
    "no max_tokens": (400, {}, unsupported("parameter: 'max_tokens' is not for toy-model")),
    "no temperature": (400, {}, unsupported("value: 'temperature' may be 1 alone")),
    "401": (401, {}, {"error": {"message": "bad key"}}),
    "403": (403, {}, {"error": {"message": "not for this key"}}),
    "404": (404, {}, {"error": {"message": "no such model"}}),
    "400 filter": (400, {}, {"error": {"message": "no", "code": "content_filter"}}),
    "empty choices": (200, {}, {**completion(""), "choices": []}),
    "null content": (200, {}, completion(None, "length")),
    "refusal": (200, {}, completion(None, refusal="I will not")),
    "content filter": (200, {}, completion("half an ans", "content_filter")),
    "empty text": (200, {}, completion("")),
    "cut": (200, {}, completion("yes it is", "length")),
    "cut grade": (200, {}, completion("0.", "length")),
    "wrong types": (200, {}, completion(["yes"])),
    "wrong choices": (200, {}, {"choices": "yes"}),
    "wrong usage": (200, {}, {**completion("yes"), "usage": {"prompt_tokens": "many"}}),
    "absurd usage": (200, {}, {**completion("yes"), "usage": {"prompt_tokens": 10**400}}),
    "a list": (200, {}, [1]),
    "error inside": (200, {}, ERROR),
}


class ChatServer:
    """The server; see the module's docstring."""

    def __init__(
        self,
        script=lambda asked: None,
        *,
        answer=even,
        models=("toy-model",),
        key=None,
        seconds=0.0,
        capacity=1000,
        refuses=False,
        usage=None,
    ):
        self.script, self.answer, self.models, self.key = script, answer, models, key
        self.seconds, self.capacity, self.refuses = seconds, capacity, refuses
        self.usage = usage
        self.asked = []
        self.working = 0
        self.most = 0
        self._times = Counter()
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(capacity)
        self._over = threading.Event()
        handler = type("Handler", (_Handler,), {"chat": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        self.host = f"127.0.0.1:{self._http.server_port}"
        self.url = f"http://{self.host}/v1"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._http.shutdown()
        self._http.server_close()

    def note(self, body, headers):
        parts = [m["content"] for m in body["messages"]]
        lines = [
            part if isinstance(part, str) else part.get("text", "")
            for content in parts
            for part in (content if isinstance(content, list) else [content])
        ]
        urls = json.dumps(body["messages"])
        digest = hashlib.sha256(urls.encode()).hexdigest()
        with self._lock:
            self._times[digest] += 1
            asked = Asked(body, headers, "\n".join(lines), self._times[digest])
            self.asked.append(asked)
        return asked

    def work(self):
        """Work on a request; False if there are too many already."""
        with self._lock:
            self.working += 1
            self.most = max(self.most, self.working)
            if self.refuses and self.working > self.capacity:
                self.working -= 1
                return False
        with self._slots:
            time.sleep(self.seconds)
        with self._lock:
            self.working -= 1
        return True

    def hang(self):
        """Answer nothing until the server is closed."""
        self._over.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """Clients may leave."""


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words):
        """Say nothing."""

    def reply(self, status, headers, value):
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)

    def refused(self):
        if self.chat.key is None or self.headers["Authorization"] == f"Bearer {self.chat.key}":
            return False
        said = f"no such key: {self.headers['Authorization']}"
        self.reply(401, {}, {"error": {"message": said}})
        return True

    def do_GET(self):
        if self.refused():
            return
        if self.chat.models is None or self.path != "/v1/models":
            self.reply(404, {}, {"error": {"message": "no such page"}})
            return
        self.reply(
            200, {}, {"data": [{"id": name, "object": "model"} for name in self.chat.models]}
        )

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.refused():
            return
        asked = self.chat.note(body, dict(self.headers))
        fault = self.chat.script(asked)
        if fault is None:
            good = self.chat.work()
            said = completion(self.chat.answer(asked))
            if self.chat.usage is not None:
                said["usage"] = self.chat.usage(asked)
            self.reply(*((200, {}, said) if good else STATUSES["429"]))
        elif fault in STATUSES:
            status, headers, value = STATUSES[fault]
            if fault == "429 date":
                headers = {"Retry-After": formatdate(time.time() + 1.5, usegmt=True)}
            self.reply(status, headers, value)
        else:
            getattr(self, f"fault_{fault}")(asked)

    def fault_reset(self, asked):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def fault_hang(self, asked):
        self.chat.hang()
        self.close_connection = True

    def fault_slow(self, asked):
        time.sleep(0.5)
        self.reply(200, {}, completion(self.chat.answer(asked)))

    def fault_cut_grade(self, asked):
        self.reply(200, {}, completion(self.chat.answer(asked), "length"))

    def fault_drip(self, asked):
        """Send the body byte by byte, so that no single read is late but the whole is."""
        content = json.dumps(completion(self.chat.answer(asked))).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(OSError):
            for place in range(len(content)):
                self.wfile.write(content[place : place + 1])
                time.sleep(0.05)
        self.close_connection = True

    def fault_half(self, asked):
        content = json.dumps(completion(self.chat.answer(asked))).encode()
        self.reply(200, {}, content[: len(content) // 2])

    def fault_echo(self, asked):
        said = f"bad header Authorization: {self.headers['Authorization']}, sk-proj-another"
        self.reply(400, {}, {"error": {"message": said}})

    def fault_echo_500(self, asked):
        self.reply(500, {}, {"error": {"message": f"broken: {self.headers['Authorization']}"}})

    def fault_echo_429(self, asked):
        said = {"error": {"message": self.headers["Authorization"]}}
        self.reply(429, {"Retry-After": "3600"}, said)

    def fault_echo_401(self, asked):
        said = self.headers["Authorization"].removeprefix("Bearer ")
        self.reply(401, {}, {"error": {"message": f"Incorrect API key provided: {said}"}})

    def fault_echo_body(self, asked):
        self.reply(200, {}, {"debug": dict(self.headers)})

    def fault_echo_html(self, asked):
        self.reply(502, {}, f"<html>{self.headers['Authorization']}</html>".encode())

    def fault_echo_answer(self, asked):
        said = completion(f"0.4 said {self.headers['Authorization']}")
        self.reply(200, {}, {**said, "model": self.headers["Authorization"]})

    def fault_echo_escaped(self, asked):
        """A key that stands in the body in another spelling than its own."""
        key = self.headers["Authorization"].removeprefix("Bearer ")
        spelt = "".join(f"\\u{ord(sign):04x}" for sign in key)
        body = json.dumps({**completion("0.4 said KEY"), "system_fingerprint": "KEY"})
        self.reply(200, {}, body.replace("KEY", spelt).encode())

    def fault_redirect(self, asked):
        self.reply(307, {"Location": self.path.replace("chat", "other")}, {})

    def fault_long(self, asked):
        self.reply(200, {}, completion("yes " * 5_000_000))

    def fault_echo_refusal(self, asked):
        self.reply(200, {}, completion(None, refusal=f"not for {self.headers['Authorization']}"))
