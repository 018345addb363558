"""`evalkit view` as a user starts it: a real server on the loopback, and what goes wrong."""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from evalkit.store import RunFolder, load_run


@pytest.fixture
def running(start, place):
    """(words) -> a running `evalkit view`, and its port and token."""
    processes = []

    def made(*words):
        process = start("view", *words, cwd=place)
        processes.append(process)
        line = process.stdout.readline()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w-]{30,})\n", line)
        assert found, line + process.stderr.read()
        return process, int(found[1]), found[2]

    yield made
    for process in processes:
        process.kill()
        process.communicate()


def get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer, text


def test_the_printed_address_opens_the_pages(running):
    _, port, token = running()
    answer, _ = get(port, f"/?token={token}")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    answer, page = get(port, "/", Cookie=cookie)
    assert answer.status == 200
    assert "hash (one)" in page
    assert "server" not in answer.headers
    assert get(port, "/")[0].status == 403
    assert get(port, "/", Cookie=cookie, Host="evil.example")[0].status == 421


def test_another_address_of_this_machine_is_not_listened_on(running):
    _, port, _ = running()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=5)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_quietly(running, sent):
    process, port, token = running("hash/one")
    connection = socket.create_connection(("127.0.0.1", port))  # a browser keeps its own
    connection.sendall(f"GET /?token={token} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    process.send_signal(sent)
    _, err = process.communicate(timeout=30)
    connection.close()
    assert process.returncode == 0
    assert err.strip() == ""


def test_two_servers_have_two_tokens(running):
    _, first, token = running()
    _, second, other = running()
    assert token != other
    assert get(first, "/", **{"x-evalkit-token": other})[0].status == 403
    assert get(second, "/", **{"x-evalkit-token": other})[0].status == 200


def test_a_port_in_use_is_a_sentence(evalkit, running, place):
    _, port, _ = running()
    done = evalkit("view", "--port", port, cwd=place)
    assert done.code == 2
    assert done.err.startswith(f"evalkit: The port {port} is in use")


def test_no_runs_is_a_sentence(evalkit, tmp_path):
    done = evalkit("view", cwd=tmp_path)
    assert done.code == 2
    assert "no finished run in results/" in done.err
    assert "evalkit run demo" in done.err


def test_a_run_that_is_not_there_is_a_sentence(evalkit, place):
    done = evalkit("view", "hash/onr", cwd=place)
    assert done.code == 2
    assert "Did you mean results/hash/one?" in done.err


def test_a_named_run_that_was_edited_is_refused(evalkit, place):
    path = place / "results" / "hash" / "one" / "run.json"
    path.write_text(path.read_text().replace('"failed": 0', '"failed": 1', 1))
    done = evalkit("view", "hash/one", cwd=place)
    assert done.code == 15
    assert "is not what was written" in done.err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 99}', "\x00"])
def test_a_damaged_record_is_one_sentence(evalkit, place, content):
    (place / "results" / "hash" / "one" / "run.json").write_text(content)
    done = evalkit("view", "hash/one", cwd=place)
    assert done.code == 2
    assert done.err.count("\n") == 1


def test_without_the_extra_its_name_is_said(place):
    code = (
        "import sys; sys.modules['uvicorn'] = None; import importlib.util as u;"
        "find = u.find_spec; u.find_spec = lambda n, *a: None if n == 'uvicorn' else find(n, *a);"
        "from evalkit.cli import main; main(['view'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 20
    assert "needs the package 'uvicorn'" in done.stderr
    assert "extra 'view'" in done.stderr


def test_pages_are_exported_without_the_extra(place):
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('uvicorn', 'starlette')));"
        "from evalkit.cli import main; main(['view', 'hash/one', '--export', 'pages'])"
    )
    subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, check=True)
    assert (place / "pages" / "index.html").is_file()


def test_what_exported_pages_tell_of_the_machine_is_said(place, evalkit):
    results = place / "results" / "hash"
    record = load_run(results / "one")
    config = replace(record.config, data="/home/joe/my data, all of it")
    RunFolder(results / "two").write_record(replace(record, name="two", config=config))
    done = evalkit("view", "hash/one", "hash/two", "--export", "told", cwd=place)
    shutil.rmtree(results / "two")
    assert done.code == 0, done.err
    (line,) = done.err.splitlines()
    assert line.startswith("The page of hash/two tells what cards leave out: config.data /home/joe")


def test_nothing_is_written_into_a_run(running, place):
    folder = place / "results" / "hash" / "one"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    _, port, token = running("hash/one")
    key = json.loads((folder / "run.json").read_text())["digest"][:12]
    for path in (f"/run/{key}", f"/run/{key}/toy?q=even", f"/picture/{key}/toy/0/0"):
        assert get(port, path, **{"x-evalkit-token": token})[0].status == 200
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
