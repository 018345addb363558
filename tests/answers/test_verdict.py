import pytest

from evalkit.answers.verdict import mmvp_verdict
from evalkit.records import Reading


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("yes", Reading("yes", "exact reply")),
        ("YES", Reading("yes", "exact reply")),
        ("No", Reading("no", "exact reply")),
        ("Yes.", Reading(None, "no exact reply", ambiguous=True)),
        ("yes\n", Reading(None, "no exact reply", ambiguous=True)),
        ("ye\u017f", Reading(None, "no exact reply", ambiguous=True)),
        ("", Reading(None, "empty")),
    ],
)
def test_only_the_bare_word_counts(reply, found):
    assert mmvp_verdict(reply) == found
