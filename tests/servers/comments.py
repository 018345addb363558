"""A server on 127.0.0.1 with the comments of one pull request, as GitHub's API has them.

    with CommentServer() as server:
        ... server.url ...

It is also a proxy for http, so that the real `gh` can be sent here: HTTP_PROXY=server.url and
GH_HOST=github.localhost. Two comments make a page. `refuses` answers every write with 403, as
GitHub does where a token may only read.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE = 2


class CommentServer:
    """The server; see the module's docstring."""

    def __init__(self, comments=(), *, login="github-actions[bot]", refuses=False):
        self.comments = [
            {"id": i, "user": {"login": who}, "body": body}
            for i, (who, body) in enumerate(comments, start=1)
        ]
        self.login, self.refuses = login, refuses
        self.tokens = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, body):
        """(status, object, number of the next page or 0) for a request."""
        place = urlsplit(path)
        if self.refuses and method != "GET":
            return 403, {"message": "Resource not accessible by integration"}, 0
        if place.path == "/repos/o/r/issues/7/comments":
            if method == "POST":
                made = {"id": len(self.comments) + 1, "user": {"login": self.login}} | body
                self.comments.append(made)
                return 201, made, 0
            page = int(parse_qs(place.query).get("page", ["1"])[0])
            end = page * PAGE
            return 200, self.comments[end - PAGE : end], page + 1 if end < len(self.comments) else 0
        if (found := re.fullmatch(r"/repos/o/r/issues/comments/(\d+)", place.path)) is not None:
            comment = self.comments[int(found.group(1)) - 1]
            if method == "PATCH":
                comment |= body
            return 200, comment, 0
        return 404, {"message": "Not Found"}, 0


def _handler(server):
    class Handler(BaseHTTPRequestHandler):
        def _reply(self):
            server.tokens.append(self.headers.get("Authorization", ""))
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            status, content, further = server.answer(self.command, self.path, body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            if further:
                link = re.sub(r"([?&])page=\d+&?|$", "", self.path) + f"&page={further}"
                self.send_header("Link", f'<{link}>; rel="next"')
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _reply  # noqa: N815 - http.server's names

        def log_message(self, *_):
            pass

    return Handler
