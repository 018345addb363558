"""Laws of subsets and digests."""

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import dataset

from evalkit.data import identify, in_random_order, select
from evalkit.errors import UsageError
from evalkit.records import Sample

IDENTITY = dataset(0)


def sample(name, group=None, targets=(), cluster="c"):
    return Sample(id=name, question="?", cluster=cluster, group=group, targets=targets)


groups = st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=40)
splits = groups.map(lambda of: tuple(sample(str(n), group) for n, group in enumerate(of)))
limits = st.integers(1, 45)
seeds = st.integers(0, 3)


def units(samples):
    return [s.group or f"alone {s.id}" for s in samples]


def ids(samples):
    return {s.id for s in samples}


@given(splits, limits, seeds)
def test_groups_are_whole_and_in_order(samples, limit, seed):
    chosen = select(samples, limit, seed)
    assert list(chosen) == [s for s in samples if s in chosen]
    assert not set(units(chosen)) & set(units([s for s in samples if s not in chosen]))


@given(splits, limits, seeds)
def test_a_limit_is_kept_unless_one_group_exceeds_it(samples, limit, seed):
    chosen = select(samples, limit, seed)
    assert len(chosen) <= limit or len(set(units(chosen))) == 1
    assert bool(chosen) == bool(samples)


@given(splits, limits, limits, seeds)
def test_smaller_subsets_lie_within_larger_ones(samples, one, other, seed):
    small, large = (ids(select(samples, n, seed)) for n in sorted((one, other)))
    assert small <= large


@given(splits, limits, seeds, st.randoms())
def test_the_order_of_rows_moves_no_choice(samples, limit, seed, random):
    shuffled = random.sample(samples, len(samples))
    assert ids(select(samples, limit, seed)) == ids(select(shuffled, limit, seed))


@given(splits, seeds)
def test_no_limit_is_all(samples, seed):
    assert select(samples, None, seed) is samples
    assert tuple(select(samples, max(1, len(samples)), seed)) == samples


clustered = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40).map(
    lambda of: tuple(sample(str(n), f"{c}{n % 2}", cluster=c) for n, c in enumerate(of))
)


@given(clustered, limits, limits, seeds)
def test_by_cluster_clusters_are_whole_and_subsets_nested(samples, one, other, seed):
    small, large = (select(samples, n, seed, by_cluster=True) for n in sorted((one, other)))
    assert ids(small) <= ids(large)
    for chosen, limit in zip((small, large), sorted((one, other)), strict=True):
        left = {s.cluster for s in samples if s not in chosen}
        assert not left & {s.cluster for s in chosen}
        assert len(chosen) <= limit or len({s.cluster for s in chosen}) == 1


strata = st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from("xyz"), min_size=1)


@given(strata, seeds, st.randoms())
def test_a_random_order_has_every_cluster_once_and_no_order_of_rows_moves_it(held, seed, random):
    order = in_random_order(held, seed)
    assert sorted(order) == sorted(held)
    assert in_random_order(dict(random.sample(sorted(held.items()), len(held))), seed) == order


@given(strata, seeds)
def test_every_beginning_has_its_share_of_each_stratum(held, seed):
    order = in_random_order(held, seed)
    for count in range(len(order) + 1):
        for stratum in set(held.values()):
            size = sum(own == stratum for own in held.values())
            inside = sum(held[cluster] == stratum for cluster in order[:count])
            assert abs(inside - size * count / len(order)) <= len(set(held.values()))


@given(clustered, limits, seeds)
def test_a_limit_by_cluster_is_a_beginning_of_the_random_order(samples, limit, seed):
    chosen = {s.cluster for s in select(samples, limit, seed, by_cluster=True)}
    order = in_random_order({s.cluster: "" for s in samples}, seed)
    assert set(order[: len(chosen)]) == chosen


def test_another_seed_is_another_subset():
    samples = [sample(str(n)) for n in range(100)]
    assert select(samples, 10, 0) != select(samples, 10, 1)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_wrong_usage(limit):
    with pytest.raises(UsageError, match="at least 1"):
        select([sample("a")], limit, 0)


def test_pythons_hash_seed_moves_no_choice():
    code = (
        "from evalkit.data import select; from evalkit.records import Sample; "
        "print([s.id for s in select([Sample(id=str(n), question='', cluster='') "
        "for n in range(50)], 5, 0)])"
    )
    chosen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(chosen) == 1


def digest(*samples):
    return identify(IDENTITY, samples).digest


def test_an_identity_counts_the_samples():
    assert identify(IDENTITY, [sample("a"), sample("b")]).samples == 2


def test_a_digest_sees_ids_targets_and_order():
    a, b = sample("a", targets=("x", "y")), sample("b")
    different = [
        digest(),
        digest(a),
        digest(a, b),
        digest(b, a),
        digest(sample("a", targets=("xy",)), b),
        digest(sample("a", targets=("y", "x")), b),
        digest(sample("a"), sample("x", targets=("y",)), b),
        digest(sample('a","x'), b),
    ]
    assert len(set(different)) == len(different)


def test_a_digest_does_not_see_what_prompts_say():
    assert digest(sample("a", group="g")) == digest(sample("a"))


tags = st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.tuples(st.text(max_size=3)))
whole = st.builds(
    Sample,
    id=st.just("a"),
    question=st.text(max_size=3),
    group=st.none() | st.text(max_size=3),
    cluster=st.text(max_size=3),
    tags=tags,
    inputs=tags,
)


def context(*samples):
    return identify(IDENTITY, samples).context


@given(whole, whole)
def test_a_context_sees_group_cluster_tags_and_inputs_and_nothing_else(one, two):
    seen = ("group", "cluster", "tags", "inputs")
    same = all(getattr(one, name) == getattr(two, name) for name in seen)
    assert (context(one) == context(two)) == same
    assert digest(one) == digest(two)


@given(whole)
def test_a_context_sees_no_order_of_tags_and_inputs_but_that_of_samples(one):
    turned = {name: dict(reversed(getattr(one, name).items())) for name in ("tags", "inputs")}
    assert context(replace(one, **turned)) == context(one)
    other = replace(one, cluster=one.cluster + "x")
    assert len({context(one, other), context(other, one), context(one), context(other)}) == 4
