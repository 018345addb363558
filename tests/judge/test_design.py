"""Which judge it is, and how it is asked: what is another judge's is never taken for this one's."""

import sys
from dataclasses import replace

import pytest

from evalkit import registry
from evalkit.errors import NotComparableError
from evalkit.judge.design import DESIGN, WHO, asked_of, check_design, options_of, place_of, who_of
from evalkit.judge.order import JudgeOrder
from evalkit.judge.stage import JudgeStage
from evalkit.official.interface import no_picture
from evalkit.records import Prediction
from evalkit.run_record import ModelIdentity

LOCAL = """
from dataclasses import replace
from evalkit.backends.dummy import DummyBackend


class Local(DummyBackend):
    option_names = frozenset({"attn", "dtype", "device_map", "text"})
    neutral_options = frozenset({"device_map", "dtype", "text"})

    def identity(self):
        told = super().identity()
        return replace(told, name="local", dtype=self._set.get("dtype", "float32"))
"""
"""A judge whose weights stay the same while its number format does not."""


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Judges four answers of one run folder, with one cache: judged("dtype=float16") -> Judged."""
    folder = tmp_path / "plugged"
    folder.mkdir()
    (folder / "local.py").write_text(LOCAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    task = registry.load_task("mmvet")
    row = {
        "image": no_picture("one.png"),
        "imagename": "one.png",
        "answer": "a dog",
        "capability": "rec",
    }
    samples = [task.to_sample({**row, "question_id": f"q{i}", "question": "?"}) for i in range(4)]
    answers = {s.id: Prediction(sample_id=s.id, text=f"answer to {s.id}") for s in samples}

    def made(*options):
        spec = ",".join(["plugged.local:Local:constant", *options])
        order = JudgeOrder(model=spec, cache=tmp_path / "cache.sqlite")
        with JudgeStage(order, tmp_path, [task]) as stage:
            return stage.judge(task, samples, answers)

    yield made
    for name in ("plugged", "plugged.local"):
        sys.modules.pop(name, None)


def test_another_number_format_or_attention_is_another_judge(judged, tmp_path):
    spoken = {
        (): "0.1",
        ("dtype=float16",): "0.2",
        ("attn=eager",): "0.3",
        ("dtype=float16", "attn=eager"): "0.4",
    }
    fingerprints = []
    for journals, (options, text) in enumerate(spoken.items(), start=1):
        found = judged(*options, f"text={text}")
        assert {v.ratings for v in found.verdicts} == {(float(text),)}, "no other judge's reply"
        assert found.report.cached == 0
        assert len(list((tmp_path / "judge").glob("mmvet-*.jsonl"))) == journals
        fingerprints.append(found.fingerprint)
    first, *others = fingerprints
    assert first["dtype"] == "float32"
    assert "options" not in first
    assert [one["dtype"] for one in others] == ["float16", "float32", "float16"]
    assert [one.get("options") for one in others] == [None, "attn=eager", "attn=eager"]


def test_where_a_model_stands_makes_no_other_judge(judged):
    first = judged("text=0.1")
    moved = judged("device_map=auto", "text=0.9")
    assert moved.fingerprint == first.fingerprint
    assert {v.ratings for v in moved.verdicts} == {(0.1,)}, "its replies are known"


def test_what_a_backend_calls_neutral_is_among_its_options():
    for name in registry.BACKENDS:
        backend = registry.backend_class(registry.parse_model(f"{name}:x"))
        assert backend.any_option or backend.neutral_options <= backend.option_names, name
    spec = "hf:a/b,device_map=auto,attn=sdpa,trust_remote_code=true"
    assert options_of(JudgeOrder(model=spec)) == "attn=sdpa, trust_remote_code=true"
    spec = "lmms:toy,pretrained=a/b,device=cuda:1,batch_size=4,simple=true,any=1"
    assert options_of(JudgeOrder(model=spec)) == "any=1, simple=true"
    assert options_of(JudgeOrder(model="openai:m,retries=1,concurrency=4,omit=stop")) == ""
    assert options_of(JudgeOrder(model="replay:grades.json")) == ""


def test_a_server_is_named_as_before_in_keys_and_journals():
    """Replies that servers were paid for are found again."""
    known = ModelIdentity(spec="openai:m", backend="openai", name="m")
    told = {"": "", ",base_url=http://127.0.0.1:1/v1,omit=stop": "127.0.0.1:1/v1 without stop"}
    for options, place in told.items():
        assert place_of(JudgeOrder(model=f"openai:m{options}"), known) == place


RUBRIC = registry.load_task("llava_bench_coco").judging.own


def asked(rubric=RUBRIC, **order):
    return asked_of(JudgeOrder(**{"model": "openai:m", **order}), rubric)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (asked(votes=2), "votes was 1, is 2"),
        (asked(swap=True), "orders was one, is both"),
        (asked(model="openai:m,omit=temperature"), "omitted was none, is temperature"),
        (asked(replace(RUBRIC, max_tokens=9)), f"max_tokens was {RUBRIC.max_tokens}, is 9"),
        (asked(replace(RUBRIC, words="Other.")), f"rubric was {RUBRIC.digest[:12]}, is "),
        (asked(replace(RUBRIC, attempts=RUBRIC.attempts * 2)), "temperature was "),
    ],
)
def test_another_design_is_refused_by_name(now, said):
    with pytest.raises(NotComparableError) as caught:
        check_design(asked(), now, "results/r")
    assert "The verdicts in results/r were asked for in another way" in str(caught.value)
    assert said in str(caught.value)
    check_design(now, dict(now), "results/r")
    check_design({"votes": now["votes"]}, now, "results/r")


def test_every_part_of_the_fingerprint_is_of_the_judge_or_of_the_design():
    known = ModelIdentity(spec="hf:a/b", backend="hf", name="a/b", digest="d", dtype="float16")
    order = JudgeOrder(model="hf:a/b,attn=eager")
    assert set(who_of(order, known)) == set(WHO)
    assert {"task", *asked()} == set(DESIGN)
