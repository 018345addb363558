"""The plan: complete, uniform, the longest first, a bundle of every task before the rest."""

from hypothesis import given
from hypothesis import strategies as st

from evalkit.backends.interface import Capacity
from evalkit.records import Generation, Image, Message, Request
from evalkit.runner.plan import KEPT_TOGETHER, PROBE, cost, plan, plan_in_turns


def request(
    task: str, number: int, words: int, tokens: int = 8, *, picture: bool = True, kin: str = ""
) -> Request:
    image = (Image(key=str(number), read=lambda: b""),) if picture else ()
    return Request(
        task=task,
        sample_id=f"{number}",
        messages=(Message(role="user", content=(*image, "word " * words)),),
        generation=Generation(max_new_tokens=tokens),
        kin=kin,
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
    planned = [(b.task, r.sample_id) for b in plan(tasks, Capacity(rows=size)) for r in b.requests]
    assert sorted(planned) == sorted((t, r.sample_id) for t, own in tasks.items() for r in own)


@given(requests, st.integers(1, 9))
def test_bundles_are_uniform_and_small_enough(tasks, size):
    for bundle in plan(tasks, Capacity(rows=size)):
        assert 1 <= len(bundle.requests) <= size
        assert len({r.generation for r in bundle.requests}) == 1
        assert {r.task for r in bundle.requests} == {bundle.task}


@given(requests, st.integers(1, 9))
def test_some_of_every_task_and_kind_come_first(tasks, size):
    bundles = plan(tasks, Capacity(rows=size))
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
    bundles = plan({"a": [request("a", i, words=i) for i in range(20)]}, Capacity(rows=4))
    costs = [cost(r, 576) for b in bundles for r in b.requests]
    assert costs == sorted(costs, reverse=True)
    assert bundles[0].cost == sum(costs[:4])


def test_text_only_requests_come_last():
    own = [request("a", i, words=50 - i, picture=i % 2 == 0) for i in range(12)]
    flags = [bool(r.images) for b in plan({"a": own}, Capacity(rows=4)) for r in b.requests]
    assert flags == sorted(flags, reverse=True)


capacities = st.builds(Capacity, rows=st.integers(1, 40), tokens=st.none() | st.integers(1, 9000))
kindred = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 400), st.booleans()), min_size=1, max_size=60
).map(
    lambda rows: [
        request("a", i, words, picture=shown, kin=f"picture {kin}")
        for i, (kin, words, shown) in enumerate(rows)
    ]
)


@given(kindred, capacities)
def test_a_shared_plan_is_complete_and_fits(own, capacity):
    bundles = plan({"a": own}, capacity, sharing=True)
    assert sorted(r.sample_id for b in bundles for r in b.requests) == sorted(
        r.sample_id for r in own
    )
    assert all(len(b.requests) <= capacity.rows for b in bundles)


@given(kindred)
def test_requests_of_a_picture_stay_together_where_they_fit(own):
    bundles = plan({"a": own}, Capacity(rows=60, tokens=700), sharing=True)
    for kin in {r.kin for r in own}:
        shown = [r for r in own if r.kin == kin and r.images]
        if sum(cost(r, 0) for r in shown) <= KEPT_TOGETHER:
            holding = [b for b in bundles if any(r in shown for r in b.requests)]
            assert len(holding) <= 1


def test_a_picture_counts_once_and_small_groups_share_a_bundle():
    pairs = [request("a", i, 0, kin=f"{i // 2}") for i in range(8)]
    alone = plan({"a": pairs}, Capacity(rows=64, tokens=1200))
    together = plan({"a": pairs}, Capacity(rows=64, tokens=1200), sharing=True)
    assert [len(b.requests) for b in alone] == [2] * 4
    assert [len(b.requests) for b in together] == [4] * 2
    assert together[0].cost == 2 * (576 + 2 * 8)


def test_a_large_group_is_cut_into_equal_pieces():
    many = [request("a", i, 0, kin="one") for i in range(50)]
    bundles = plan({"a": many}, Capacity(rows=20), sharing=True)
    assert [len(b.requests) for b in bundles] == [17, 17, 16]


def test_requests_without_kin_are_each_their_own():
    own = [request("a", i, 0) for i in range(6)]
    assert {
        len(b.requests) for b in plan({"a": own}, Capacity(rows=9, tokens=1), sharing=True)
    } == {1}


@given(requests, requests, st.integers(1, 9))
def test_a_round_is_planned_whole_before_the_next(one, two, size):
    capacity = Capacity(rows=size)
    found = told(plan_in_turns([one, two], capacity))
    assert found == [*told(plan(one, capacity)), *told(plan(two, capacity))]


def told(bundles):
    return [(b.task, [r.sample_id for r in b.requests], b.cost, b.probe) for b in bundles]
