"""The dummy is deterministic, and sees pictures and words."""

import pytest

from evalkit.backends.dummy import DummyBackend
from evalkit.backends.interface import BackendOptions
from evalkit.errors import UsageError


def dummy(name, seed=0, **options):
    return DummyBackend.load(BackendOptions(spec=name, name=name, seed=seed, options=options))


def test_it_answers_as_it_was_told(request_of):
    asked = [request_of(0)]
    assert dummy("echo").generate(asked)[0].text == "What?"
    assert dummy("constant", text="no").generate(asked)[0].text == "no"


def test_hash_depends_on_picture_words_and_seed(request_of):
    asked = [request_of(i) for i in range(40)]
    texts = [p.text for p in dummy("hash").generate(asked)]
    assert len(set(texts)) > 3
    assert texts == [p.text for p in dummy("hash").generate(asked)]
    assert texts != [p.text for p in dummy("hash", seed=1).generate(asked)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("parrot", {}),
        ("echo", {"sleep": "long"}),
        ("echo", {"sleep": "-1"}),
        ("echo", {"sleep": "nan"}),
        ("hash", {"text": "yes"}),
        ("hash", {"fail": ""}),
        ("hash", {"die": ""}),
        ("hash", {"die-every": "0"}),
    ],
)
def test_wrong_words_are_found_before_the_run(name, options):
    with pytest.raises(UsageError):
        DummyBackend.preflight(BackendOptions(spec=name, name=name, options=options))
