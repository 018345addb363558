"""The plan: complete, uniform, the longest first, a bundle of every task before the rest."""

from hypothesis import given
from hypothesis import strategies as st

from evalkit.records import Generation, Image, Message, Request
from evalkit.runner.plan import PROBE, cost, plan


def request(
    task: str, number: int, words: int, tokens: int = 8, *, picture: bool = True
) -> Request:
    image = (Image(key=str(number), read=lambda: b""),) if picture else ()
    return Request(
        task=task,
        sample_id=f"{number}",
        messages=(Message(role="user", content=(*image, "word " * words)),),
        generation=Generation(max_new_tokens=tokens),
    )


requests = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from([4, 8]), st.booleans()),
        min_size=1,
        max_size=30,
    ),
    min_size=1,
).map(
    lambda tasks: {
        task: [
            request(task, i, words, tokens, picture=p) for i, (words, tokens, p) in enumerate(rows)
        ]
        for task, rows in tasks.items()
    }
)


@given(requests, st.integers(1, 9))
def test_every_request_stands_in_one_bundle(tasks, size):
    planned = [(b.task, r.sample_id) for b in plan(tasks, size) for r in b.requests]
    assert sorted(planned) == sorted((t, r.sample_id) for t, own in tasks.items() for r in own)


@given(requests, st.integers(1, 9))
def test_bundles_are_uniform_and_small_enough(tasks, size):
    for bundle in plan(tasks, size):
        assert 1 <= len(bundle.requests) <= size
        assert len({r.generation for r in bundle.requests}) == 1
        assert {r.task for r in bundle.requests} == {bundle.task}


@given(requests, st.integers(1, 9))
def test_some_of_every_task_and_kind_come_first(tasks, size):
    bundles = plan(tasks, size)
    flags = [b.probe for b in bundles]
    assert flags == sorted(flags, reverse=True)
    for task, own in tasks.items():
        for kind in (True, False):
            there = sum(bool(r.images) is kind for r in own)
            probed = [
                r for b in bundles if b.probe and b.task == task for r in b.requests
                if bool(r.images) is kind
            ]  # fmt: skip
            assert min(there, PROBE) <= len(probed) < PROBE + size


def test_the_longest_come_first():
    bundles = plan({"a": [request("a", i, words=i) for i in range(20)]}, 4)
    costs = [cost(r) for b in bundles for r in b.requests]
    assert costs == sorted(costs, reverse=True)
    assert bundles[0].cost == sum(costs[:4])


def test_text_only_requests_come_last():
    own = [request("a", i, words=50 - i, picture=i % 2 == 0) for i in range(12)]
    flags = [bool(r.images) for b in plan({"a": own}, 4) for r in b.requests]
    assert flags == sorted(flags, reverse=True)
