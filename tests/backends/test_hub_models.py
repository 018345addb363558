"""Models of the hub, asked for before anything is downloaded: a stand-in hub on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ANSWERS = {
    "org/none": (404, {"X-Error-Code": "RepoNotFound"}, {}),
    "org/gated": (403, {"X-Error-Code": "GatedRepo"}, {}),
    "org/private": (401, {}, {}),
    "org/broken": (500, {}, {}),
    "org/pickled": (
        200,
        {},
        {"id": "org/pickled", "sha": "1" * 40, "siblings": [{"rfilename": "pytorch_model.bin"}]},
    ),
}


TOKEN = "hf_" + "secret" * 5


class Hub(BaseHTTPRequestHandler):
    """Answers `/api/models/<id>`; remembers what it was asked."""

    asked: list[str] = []  # noqa: RUF012 - one server, one list

    def do_GET(self):
        self.asked.append(self.path)
        name = self.path.removeprefix("/api/models/").partition("/revision/")[0]
        code, headers, body = ANSWERS.get(name, (404, {"X-Error-Code": "RevisionNotFound"}, {}))
        if "/revision/" in self.path:
            code, headers = 404, {"X-Error-Code": "RevisionNotFound"}
        content = json.dumps(body).encode()
        self.send_response(code)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Stay silent."""


@pytest.fixture(scope="module")
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(evalkit, toy, tmp_path):
    def go(model, *words, **environment):
        out = tmp_path / "out"
        return evalkit(
            "run",
            "toy",
            "--model",
            f"hf:{model}",
            *toy.options,
            "--out",
            out,
            *words,
            **environment,
        )

    return go


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("org/none", "is not on the hub, or is private"),
        ("org/private", "is not on the hub, or is private"),
        ("org/gated", "is gated"),
        ("org/pickled@v2", "has no revision 'v2'"),
        ("org/pickled", "has no .safetensors file on the hub"),
        ("org/broken", "cannot be asked for at the hub"),
    ],
)
def test_what_cannot_be_had_is_said_before_any_download(hub, run, model, said):
    done = run(model, HF_ENDPOINT=hub, HF_TOKEN=TOKEN)
    assert done.code == 20
    assert said in done.err
    assert TOKEN not in done.err + done.out


def test_an_unreachable_hub_is_one_sentence(run):
    done = run("org/none", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.code == 20
    assert "is there a network." in done.err


def test_offline_asks_nobody(hub, run, tmp_path):
    before = len(Hub.asked)
    done = run("org/none", "--offline", HF_ENDPOINT=hub, HF_HOME=str(tmp_path / "home"))
    assert done.code == 20
    assert "not in this machine's cache" in done.err
    assert len(Hub.asked) == before
