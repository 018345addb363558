"""A stand-in for the hub on the loopback address, and the process that loads datasets from it."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest

SCRIPT = Path(__file__).with_name("load_jobs.py")


@dataclass
class Repository:
    """Commits by id, each with its files; `main` is the last one."""

    commits: dict = field(default_factory=dict)
    main: str = ""
    gated: bool = False

    def commit(self, files):
        names = sorted((name, hashlib.sha256(blob).hexdigest()) for name, blob in files.items())
        sha = hashlib.sha1(json.dumps([names, self.main]).encode()).hexdigest()  # noqa: S324
        self.commits[sha] = dict(files)
        self.main = sha
        return sha


class StandInHub:
    """Serves repositories as the hub does: its API, its redirects to a store of large files.

    `requests` is what was asked; `cuts` says how often a repository's large files break off.
    """

    def __init__(self):
        self.repositories = {}
        self.blobs = {}
        self.requests = []
        self.cuts = {}
        self.refused_tokens = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.server.hub = self
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def add(self, name, files, *, gated=False):
        repository = self.repositories.setdefault(name, Repository())
        repository.gated = gated
        self.blobs |= {hashlib.sha256(blob).hexdigest(): blob for blob in files.values()}
        return repository.commit(files)

    def fetched(self, name):
        """Paths of the files of a repository whose contents were asked for."""
        asked = [path.split("/", 5) for method, path in self.requests if method == "GET"]
        large = {rest[5] for rest in asked if rest[1:4] == ["store", *name.split("/")]}
        small = {
            rest[5] for rest in asked if rest[1:5] == ["datasets", *name.split("/"), "resolve"]
        }
        return large | {path.partition("/")[2] for path in small}

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.server.hub.requests.append((self.command, path))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token in self.server.hub.refused_tokens:
            text = "Invalid credentials in Authorization header"
            return self.reply(401, headers={"X-Error-Message": text})
        parts = path.strip("/").split("/")
        if parts[0] == "store":
            return self.store("/".join(parts[1:3]), parts[3])
        if parts[:2] == ["api", "datasets"]:
            return self.api("/".join(parts[2:4]), parts[4:], token)
        if parts[0] == "datasets" and parts[3:4] == ["resolve"]:
            return self.resolve("/".join(parts[1:3]), parts[4], "/".join(parts[5:]))
        return self.reply(404)

    def api(self, name, rest, token):
        repository = self.server.hub.repositories.get(name)
        if repository is None:
            if token:
                return self.reply(404, headers={"X-Error-Code": "RepoNotFound"})
            # What the hub says to a stranger, of repositories that do not exist as of private ones.
            text = "Invalid username or password."
            return self.reply(401, headers={"X-Error-Message": text})
        revision = rest[1] if rest else "main"
        sha = repository.main if revision == "main" else revision
        if sha not in repository.commits:
            return self.reply(404, headers={"X-Error-Code": "RevisionNotFound"})
        if rest[:1] == ["tree"]:
            return self.json([_entry(*item) for item in repository.commits[sha].items()])
        files = [{"rfilename": path} for path in repository.commits[sha]]
        return self.json({"_id": "0", "id": name, "sha": sha, "siblings": files, "tags": []})

    def resolve(self, name, sha, path):
        repository = self.server.hub.repositories[name]
        sha = repository.main if sha == "main" else sha
        if repository.gated:
            return self.reply(403, headers={"X-Error-Code": "GatedRepo"})
        blob = repository.commits[sha].get(path)
        headers = {"X-Repo-Commit": sha}
        if blob is None:
            return self.reply(404, headers=headers | {"X-Error-Code": "EntryNotFound"})
        digest = hashlib.sha256(blob).hexdigest()
        if not path.endswith(".parquet"):
            return self.reply(200, blob, headers | {"ETag": f'"{digest[:40]}"'})
        linked = {"X-Linked-ETag": f'"{digest}"', "X-Linked-Size": str(len(blob))}
        other_host = self.server.hub.endpoint.replace("127.0.0.1", "localhost")
        place = f"{other_host}/store/{name}/{digest}/{path}"
        return self.reply(302, headers=headers | linked | {"Location": place})

    def store(self, name, digest):
        blob = self.server.hub.blobs[digest]
        first, status = 0, 200
        if asked := self.headers.get("Range"):
            first, status = int(asked.removeprefix("bytes=").split("-")[0]), 206
        headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
        if status == 206:
            headers["Content-Range"] = f"bytes {first}-{len(blob) - 1}/{len(blob)}"
        if self.command == "GET" and self.server.hub.cuts.get(name, 0) > 0:
            self.server.hub.cuts[name] -= 1
            self.reply(status, blob[first:], headers, sent=0 if first else len(blob) // 3)
            self.close_connection = True
            return None
        return self.reply(status, blob[first:], headers)

    def json(self, value):
        return self.reply(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def reply(self, status, body=b"", headers=None, sent=None):
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:sent])


def _entry(path, blob):
    digest = hashlib.sha256(blob).hexdigest()
    entry = {"type": "file", "path": path, "size": len(blob), "oid": digest[:40]}
    if path.endswith(".parquet"):
        entry["lfs"] = {"oid": digest, "size": len(blob), "pointerSize": 130}
    return entry


PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    b"\x00\x00\x00\x0cIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\r\xefF\xb8\x00\x00\x00\x00IEND\xaeB`\x82"
)
PICTURE = {"bytes": PNG, "path": None}


def parquet(columns):
    """A table as `push_to_hub` writes it: its feature types are in the schema."""
    import datasets

    features = datasets.Features(
        {
            name: datasets.Image() if name == "image" else kind(values[0])
            for name, values in columns.items()
        }
    )
    table = datasets.Dataset.from_dict(columns, features=features)
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


def kind(value):
    import datasets

    if isinstance(value, list):
        return datasets.List(kind(value[0]))
    if isinstance(value, dict):
        return {name: kind(inner) for name, inner in value.items()}
    return datasets.Value({str: "string", int: "int64", bool: "bool"}[type(value)])


def card(**configs):
    """A README whose front matter names each config's splits and the patterns of their files."""
    entries = [
        {"config_name": name, "data_files": [{"split": s, "path": p} for s, p in splits.items()]}
        for name, splits in configs.items()
    ]
    return f"---\n{json.dumps({'configs': entries})}\n---\n# A dataset\n".encode()


@pytest.fixture(scope="session")
def tables():
    """What makes tables and READMEs as they are on the hub, and a picture to put there."""
    return SimpleNamespace(parquet=parquet, card=card, picture=PICTURE)


@pytest.fixture(scope="module")
def hub():
    hub = StandInHub()
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def load_jobs():
    """Runs jobs in a process of its own, as a user's would be; returns what each came to."""

    def run(jobs, home, endpoint, **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        process = subprocess.run(
            [sys.executable, str(SCRIPT)],
            input=json.dumps(jobs),
            env={**kept, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout.splitlines()[-1]) | {"stderr": process.stderr}

    return run


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Converted tables go to a folder of the session, and no bars are drawn."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("datasets")
