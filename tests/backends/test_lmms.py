"""The backend `lmms` against a stand-in for lmms-eval: replies, deaths, hangs, orphans."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.backends.interface import BackendOptions
from evalkit.backends.lmms import DEATHS, LmmsBackend
from evalkit.backends.lmms_process import Process
from evalkit.errors import BackendError, MissingExtraError, UsageError
from evalkit.records import Generation, Image, Message

FILES = {
    "lmms_eval/__init__.py": "",
    "lmms_eval/api/__init__.py": "",
    "lmms_eval/api/instance.py": """
        class Instance:
            def __init__(self, request_type, arguments, idx, metadata):
                self.args = arguments

        class Counts:
            input_tokens = 3
            output_tokens = 8

        def unwrap_generation_output(made):
            return made, Counts if made.startswith(" long") else None
        """,
    "lmms_eval/models/__init__.py": """
        import os, sys, time
        from loguru import logger

        def get_model_manifest(name):
            if name != "toy":
                raise ValueError(f"Unknown model {name!r} with {os.environ['MY_PASSWORD']}")

        def get_model(name, force_simple=False):
            return Toy

        class Toy:
            is_simple = True

            def __init__(self, pretrained="", batch_size=1, device="", **more):
                assert batch_size == 1, "batch size must be 1"
                print("noise on stdout", flush=True)
                os.write(1, b"more noise")
                if pretrained == "unloadable":
                    raise OSError("no weights for " + os.environ["HF_TOKEN"])

            @classmethod
            def create_from_arg_string(cls, text, settings):
                return cls(**dict(p.split("=") for p in text.split(",") if p), **settings)

            def generate_until(self, requests):
                return [self.answer(*r.args) for r in requests]

            def answer(self, text, settings, visuals, number, task, split):
                pictures = visuals(self.task_dict[task][split][number])
                print("noise", flush=True)
                settings.pop("until", None)
                if "die" in text:
                    print("weights burnt, token", os.environ.get("HF_TOKEN"), file=sys.stderr)
                    os.kill(os.getpid(), 9)
                if "hang" in text:
                    time.sleep(600)
                if "edge" in text:  # a secret where a text is cut
                    raise ValueError("x" * 780 + os.environ["MY_PASSWORD"] * 2)
                if "raise" in text:
                    raise KeyError("odd")
                if "memory" in text:
                    raise MemoryError("full")
                if "brink" in text:
                    logger.error("x" * 390 + os.environ["MY_PASSWORD"] * 2)
                    return ""
                if "swallow" in text:
                    logger.error("Error shape mismatch in generating")
                    return ""
                if "marker" in text:
                    return "[LMMS_EVAL_REQUEST_FAILED after 3 retries] 429"
                if "empty" in text:
                    return ""
                return f" {text} {[p.size for p in pictures]} {sorted(settings)}. END tail"
        """,
    "loguru.py": """
        class Level:
            no = 40

        class Message:
            def __init__(self, text):
                self.record = {"message": text, "level": Level}

        class Logger:
            sinks = {}

            def add(self, sink, level=0):
                self.sinks[len(self.sinks)] = sink
                return len(self.sinks) - 1

            def remove(self, number):
                self.sinks.pop(number)

            def error(self, text):
                for sink in self.sinks.values():
                    sink(Message(text))

        logger = Logger()
        """,
}


@pytest.fixture
def stub(tmp_path, monkeypatch):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "hf_verysecretindeed")
    monkeypatch.setenv("MY_PASSWORD", "AbCdEf0123456789SecretValue")
    monkeypatch.setenv("EVALKIT_LMMS_PYTHON", sys.executable)
    return tmp_path


def options(name="toy", **more):
    told = {"timeout": "60", **more}
    return BackendOptions(spec=f"lmms:{name}", name=name, options=told)


@pytest.fixture
def toy(stub):
    model = LmmsBackend.load(options())
    yield model
    model.close()


def test_answers_settings_and_pictures_arrive(toy, request_of):
    asked = request_of(1, "Hue?", generation=Generation(max_new_tokens=4, stop=("END",)))
    (made,) = toy.generate([asked])
    assert made.text == (
        "Hue?xxx [(60, 28)] ['do_sample', 'max_new_tokens', 'num_beams', 'temperature']."
    )
    assert len(made.images[0]) == 64
    assert toy.identity().architecture == "Toy"


def test_an_answer_cut_at_a_stop_string_is_not_cut_by_its_length(toy, request_of):
    cut = Generation(max_new_tokens=8, stop=("END", "tail"))
    whole = Generation(max_new_tokens=8, stop=("nowhere",))
    made = [toy.generate([request_of(1, "long", generation=g)])[0] for g in (cut, whole)]
    assert [p.finish for p in made] == ["stop", "length"]
    assert [p.text[-3:] for p in made] == ["'].", "ail"]


def test_a_larger_batch_is_asked_one_at_a_time_where_it_is_refused(stub, request_of):
    model = LmmsBackend.load(replace(options(), batch_size=4))
    assert [p.text[:4] for p in model.generate([request_of(0), request_of(10)])] == ["What"] * 2
    model.close()


def test_swallowed_errors_are_failures_of_their_own_samples(toy, request_of):
    texts = ("swallow", "marker", "empty", "fine")
    made = toy.generate([request_of(0, text) for text in texts])
    kinds = [p.failure.kind if p.failure else p.text[:4] for p in made]
    assert kinds == ["adapter-swallowed", "adapter-refused", "", "fine"]
    assert "shape mismatch" in made[0].failure.message


def test_an_error_leaves_the_process_alive(toy, request_of):
    with pytest.raises(BackendError, match="KeyError"):
        toy.generate([request_of(0, "raise")])
    with pytest.raises(BackendError, match="full") as caught:
        toy.generate([request_of(0, "memory")])
    assert toy.is_out_of_memory(caught.value)
    assert toy.generate([request_of(0)])[0].text
    assert toy.counters() == {"lmms_restarts": 0}


def test_a_death_is_told_and_survived_a_few_times(toy, request_of):
    for _ in range(DEATHS + 1):
        with pytest.raises(BackendError, match="by signal 9; it said last: weights burnt") as told:
            toy.generate([request_of(0, "die")])
        assert "verysecret" not in str(told.value)
    with pytest.raises(BackendError, match="in vain"):
        toy.generate([request_of(0)])


def test_after_a_death_the_next_is_answered(toy, request_of):
    with pytest.raises(BackendError):
        toy.generate([request_of(0, "die")])
    assert toy.generate([request_of(0)])[0].text
    assert toy.counters() == {"lmms_restarts": 1}


def test_a_hang_ends(stub, request_of):
    model = LmmsBackend.load(options(timeout="120"))
    assert model._process._timeout == 120
    model._process._timeout = 1.5  # too little for a start on a busy machine
    with pytest.raises(BackendError, match=r"no answer in 1\.5 seconds"):
        model.generate([request_of(0, "hang")])
    assert model.generate([request_of(0)])[0].text
    model.close()


def test_a_system_text_is_not_dropped_in_silence(toy, request_of):
    asked = request_of(0)
    with_system = replace(
        asked, messages=(Message(role="system", content=("Be brief.",)), *asked.messages)
    )
    made = toy.generate([with_system, asked])
    assert made[0].failure.kind == "unsupported"
    assert made[1].text


def test_what_cannot_be_is_found_before_the_run(stub, monkeypatch):
    LmmsBackend.preflight(options())
    with pytest.raises(UsageError, match="no model adapter 'tou'"):
        LmmsBackend.preflight(options("tou"))
    with pytest.raises(UsageError, match="would be recorded"):
        LmmsBackend.preflight(options(api_key="x"))
    with pytest.raises(UsageError, match="timeout"):
        LmmsBackend.preflight(options(timeout="soon"))
    with pytest.raises(BackendError, match="cannot be started"):
        LmmsBackend.preflight(options(python="/nowhere/python"))
    monkeypatch.setenv("PYTHONPATH", "")
    if not _has_lmms():
        with pytest.raises(BackendError, match="has no package lmms_eval"):
            LmmsBackend.preflight(options())
        monkeypatch.delenv("EVALKIT_LMMS_PYTHON")
        with pytest.raises(MissingExtraError):
            LmmsBackend.preflight(options())


def test_an_adapter_that_does_not_load_says_so_without_secrets(stub):
    with pytest.raises(BackendError, match=r"no weights for \[key\]") as told:
        LmmsBackend.load(options(pretrained="unloadable"))
    assert "verysecret" not in str(told.value)


def test_a_secret_is_not_cut_in_two(toy, request_of):
    with pytest.raises(BackendError, match="xxx") as told:
        toy.generate([request_of(0, "edge")])
    assert "AbC" not in str(told.value)
    assert len(str(told.value)) <= 800
    (made,) = toy.generate([request_of(0, "brink")])
    assert made.failure.message.startswith("xxx")
    assert "AbC" not in made.failure.message


def test_what_is_said_before_the_run_holds_no_secret(stub):
    with pytest.raises(UsageError, match=r"Unknown model 'tou' with \[key\]"):
        LmmsBackend.preflight(options("tou"))


def test_a_picture_that_cannot_be_read_is_the_failure_of_its_sample(toy, request_of):
    def missing():
        raise OSError(2, "No such file")

    gone = replace(
        request_of(3), messages=(Message(role="user", content=(Image(key="g", read=missing), "?")),)
    )
    asked = [request_of(0), request_of(1, shown=b"no picture"), gone, request_of(2)]
    made = toy.generate(asked)
    kinds = [p.failure.kind if p.failure else "" for p in made]
    assert kinds == ["", "image_unreadable", "image_unreadable", ""]
    assert "cannot be read" in made[2].failure.message
    assert len(made[3].images[0]) == 64


def test_the_program_tells_whose_picture_it_cannot_read(stub, png):
    parts = [[["user", len(png(0))], ["user", "good"]], [["user", 3], ["user", "bad"]]]
    load = {"do": "load", "model": "toy", "arguments": "", "given": [], "batch_size": 1}
    load |= {"device": "cpu", "dtype": None, "revision": None, "simple": False}
    told = {"do": "generate", "generation": {}}
    told["requests"] = [{"text": one[1][1], "parts": one} for one in parts]
    with Process(sys.executable, 60, os.environ) as process:
        assert "error" not in process.ask(load)[0]
        good, bad = process.ask(told, png(0) + b"bad")[0]["answers"]
    assert good["text"].startswith(" good")
    assert bad["unreadable"].startswith("UnidentifiedImageError")


def test_a_message_may_be_large(toy, request_of):
    (made,) = toy.generate([request_of(1, "Hue? " + "very " * 40_000)])
    assert made.failure is None
    assert made.text.startswith("Hue? very very")


def test_the_program_ends_where_it_hears_no_message(stub):
    with Process(sys.executable, 60, os.environ) as process:
        process._child.stdin.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        with pytest.raises(BackendError, match="ended"):
            process.ask({"do": "load"})


HOST = """
import sys, threading
from evalkit.backends.interface import BackendOptions
from evalkit.backends.lmms import LmmsBackend

def work():
    model = LmmsBackend.load(BackendOptions(spec="lmms:toy", name="toy"))
    print(model._process._child.pid, flush=True)
    import time
    time.sleep(600)

if sys.argv[1] == "thread":
    threading.Thread(target=work).start()
else:
    work()
"""


@pytest.mark.parametrize("place", ["main", "thread"])
def test_no_orphan_is_left_by_a_kill(stub, place):
    with subprocess.Popen([sys.executable, "-c", HOST, place], stdout=subprocess.PIPE) as host:
        child = int(host.stdout.readline())
        host.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 120
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process):
    try:
        os.kill(process, 0)
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _has_lmms():
    import importlib.util

    return importlib.util.find_spec("lmms_eval") is not None
