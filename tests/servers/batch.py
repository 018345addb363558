"""A server of files and batches on 127.0.0.1 that misbehaves as it is told.

    with BatchServer(script=lambda call: "500" if call.times == 1 else None) as server:
        ... server.url ...

A script is asked about every call ("upload", "create", "list", "poll", "content", "models") and
names a fault, or returns None. `lines` is asked about every line of an input file and names what
becomes of it. A batch ends at its `steps`-th look; `steps` None: never. It answers single requests
too, and counts them in `asked`.
"""

import itertools
import json
import re
import socket
import struct
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chat import STATUSES, Asked, completion, even

HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

PAGES = {"html": (502, HTML), "html 200": (200, HTML)}


@dataclass
class Call:
    """One call: what it wants, of which object, and how often that was wanted up to now."""

    verb: str
    name: str
    times: int


class BatchServer:
    """The server; see the module's docstring."""

    def __init__(
        self,
        script=lambda call: None,
        *,
        lines=lambda asked: None,
        ends="completed",
        errors=(),
        steps=2,
        answer=even,
        models=("toy-model",),
        key=None,
        backwards=False,
    ):
        self.script, self.lines, self.ends, self.steps = script, lines, ends, steps
        self.errors, self.answer, self.models, self.key = errors, answer, models, key
        self.backwards = backwards
        self.calls = []
        self.asked = []
        self.files = {}
        self.uploads = []
        self.batches = {}
        self.numbers = itertools.count(1)
        self._times = Counter()
        self._looks = Counter()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"desk": self})
        self._http = _Server(("127.0.0.1", 0), handler)
        self.host = f"127.0.0.1:{self._http.server_port}"
        self.url = f"http://{self.host}/v1"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self._http.shutdown()
        self._http.server_close()

    def restart(self):
        """Forget everything, and count anew."""
        self.numbers = itertools.count(1)
        self.files.clear()
        self.batches.clear()
        self.uploads.clear()

    def count(self, verb):
        return sum(call.verb == verb for call in self.calls)

    @property
    def uploaded(self):
        """The rows of all input files, file by file."""
        return [_rows(self.files[name]) for name in self.uploads]

    def note(self, verb, name):
        with self._lock:
            self._times[verb] += 1
            call = Call(verb, name, self._times[verb])
            self.calls.append(call)
        return self.script(call)

    # What it does

    def upload(self, content):
        name = self.store(content)
        self.uploads.append(name)
        return {"id": name, "object": "file", "bytes": len(content), "purpose": "batch"}

    def store(self, content):
        with self._lock:
            name = f"file-{next(self.numbers)}"
            self.files[name] = content
        return name

    def create(self, body):
        with self._lock:
            name = f"batch_{next(self.numbers)}"
            self.batches[name] = {
                "id": name,
                "object": "batch",
                "endpoint": body["endpoint"],
                "input_file_id": body["input_file_id"],
                "completion_window": body["completion_window"],
                "created_at": 1,
                "status": "validating",
            }
        return self.batches[name]

    def look(self, name):
        """The batch; it is a step further after each look."""
        batch = self.batches[name]
        self._looks[name] += 1
        if batch["status"] in ("validating", "in_progress", "finalizing"):
            batch["status"] = "in_progress"
            if self.steps is not None and self._looks[name] >= self.steps:
                self.end(batch)
        return batch

    def end(self, batch):
        batch["status"] = self.ends
        rows = _rows(self.files[batch["input_file_id"]])
        ids = [row["custom_id"] for row in rows]
        wrong = [*self.errors]
        if len(set(ids)) < len(ids):
            wrong.append({"code": "duplicate_custom_id", "message": "twice", "line": 1})
        if any(row["url"] != batch["endpoint"] or row["method"] != "POST" for row in rows):
            wrong.append({"code": "mismatched_url", "message": "another url", "line": 1})
        if wrong or self.ends == "failed":
            batch["status"] = "failed"
            batch["errors"] = {"object": "list", "data": wrong}
            return
        output, errors = [], []
        for place, row in enumerate(rows):
            late = self.ends in ("expired", "cancelled") and place >= len(rows) // 2
            self.answered(row, f"batch_{self.ends}" if late else None, output, errors)
        for kind, lines in (("output", output), ("error", errors)):
            texts = lines[::-1] if self.backwards else lines
            if texts:
                batch[f"{kind}_file_id"] = self.store("".join(f"{t}\n" for t in texts).encode())

    def single(self, body):
        """The answer to a request that is no batch's."""
        self.asked.append(_asked(body))
        return completion(self.answer(self.asked[-1]))

    def answered(self, row, late, output, errors):
        """Write what becomes of a request to the output or the error file."""
        asked = _asked(row["body"])
        fault = None if late else self.lines(asked)
        if late or fault == "no answer":
            error = {"code": late or "server_error", "message": "could not be executed"}
            errors.append(_line(row, None, error))
            return
        status, _, body = STATUSES.get(fault, (200, {}, None))
        body = completion(self.answer(asked)) if body is None else body
        line = _line(row, {"status_code": status, "request_id": "r", "body": body}, None)
        if fault == "missing":
            return
        if fault == "malformed":
            line = line[: len(line) // 2]
        if fault == "no id":
            line = json.dumps({"response": {}})
        (errors if status != 200 else output).append(line)
        if fault == "duplicate":
            output.append(line.replace('"content": "', '"content": "not '))
            errors.append(_line(row, None, {"code": "server_error", "message": "and yet"}))


def _asked(body):
    text = "\n".join(
        part if isinstance(part, str) else part.get("text", "")
        for message in body["messages"]
        for part in (
            message["content"] if isinstance(message["content"], list) else [message["content"]]
        )
    )
    return Asked(body, {}, text, 1)


def _line(row, response, error):
    named = {"id": "batch_req_1", "custom_id": row["custom_id"]}
    return json.dumps({**named, "response": response, "error": error})


def _rows(content):
    return [json.loads(line) for line in content.decode().split("\n") if line]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients may leave."""


class _Handler(BaseHTTPRequestHandler):
    desk: BatchServer
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

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def served(self, verb, name, work):
        """Answer a call, unless the script or the key says otherwise."""
        key = self.headers["Authorization"]
        if self.desk.key is not None and key != f"Bearer {self.desk.key}":
            self.reply(401, {}, {"error": {"message": f"no such key: {key}"}})
            return
        fault = self.desk.note(verb, name)
        if fault == "echo":
            said = f"bad header Authorization: {key}, sk-proj-another"
            self.reply(400, {}, {"error": {"message": said}})
        elif fault in STATUSES:
            self.reply(*STATUSES[fault])
        elif fault in PAGES:
            status, page = PAGES[fault]
            self.reply(status, {"Content-Type": "text/html"}, page)
        elif fault == "reset":
            self.reset()
        elif (value := work()) is None:
            self.reply(404, {}, {"error": {"message": f"no such {verb}: {name}", "code": None}})
        elif fault == "reset after":
            self.reset()
        else:
            self.reply(200, {}, value)

    def do_GET(self):
        path, desk = self.path.partition("?")[0], self.desk
        if path == "/v1/models":
            models = {"data": [{"id": name, "object": "model"} for name in desk.models]}
            self.served("models", "", lambda: models)
        elif path == "/v1/batches":
            rows = list(desk.batches.values())[::-1]
            self.served("list", "", lambda: {"object": "list", "data": rows, "has_more": False})
        elif found := re.fullmatch(r"/v1/batches/(\w+)", path):
            name = found[1]
            self.served("poll", name, lambda: desk.look(name) if name in desk.batches else None)
        elif found := re.fullmatch(r"/v1/files/([\w-]+)/content", path):
            self.served("content", found[1], lambda: desk.files.get(found[1]))
        else:
            self.reply(404, {}, {"error": {"message": "no such page"}})

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/files":
            fields = _fields(content, self.headers["Content-Type"])
            assert fields["purpose"] == b"batch"
            self.served("upload", "", lambda: self.desk.upload(fields["file"]))
        elif self.path == "/v1/batches":
            body = json.loads(content)
            known = body["input_file_id"] in self.desk.files
            self.served("create", "", lambda: self.desk.create(body) if known else None)
        elif self.path == "/v1/chat/completions":
            self.served("chat", "", lambda: self.desk.single(json.loads(content)))
        else:
            self.reply(404, {}, {"error": {"message": "no such page"}})


def _fields(content, kind):
    """The fields of a form as browsers send it."""
    boundary = b"--" + re.search(r"boundary=([^;]+)", kind)[1].strip('"').encode()
    found = {}
    for part in content.split(boundary)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        found[re.search(rb'name="(\w+)"', head)[1].decode()] = body.removesuffix(b"\r\n")
    return found
