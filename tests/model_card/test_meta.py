"""What a user says of a card's front matter is checked, and a mistake is named."""

import pytest

from evalkit.card.meta import read_meta
from evalkit.errors import EvalkitError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("licence = 'mit'", "sets 'licence', which is not known; it may set license, "),
        ("license = 3", "sets license to something else than a text"),
        ("tags = [1]", "sets tags to something else than a text or a list of texts"),
        ("slices = 'category'", "sets slices to something else than a table"),
        ("[slices]\npope = 1", "sets slices.pope to something else than a text"),
        ("[eval_results]\ngqa = 'x'", "sets eval_results.gqa to something else than a table of"),
        ("[eval_results.gqa]\ndataset = 'x'", "a table of dataset, task_id, metric"),
        ("license = ", "is not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path, text, said):
    path = tmp_path / "meta.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvalkitError) as raised:
        read_meta(path)
    assert said in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(EvalkitError, match="cannot be read"):
        read_meta(tmp_path / "none.toml")
