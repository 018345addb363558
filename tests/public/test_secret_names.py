"""What a secret is called: one list for options, one for the environment."""

import pytest

from evalkit.backends.interface import BackendOptions
from evalkit.backends.lmms import LmmsBackend
from evalkit.errors import UsageError
from evalkit.public import is_secret_option, is_secret_variable
from evalkit.registry import parse_model

SECRETS = (
    *("key", "api_key", "APIKEY", "hf_token", "token", "my-secret", "password", "auth"),
    *("Authorization", "Proxy-Authorization", "bearer", "credentials", "passwd", "extra_headers"),
)
OTHERS = (
    "api_key_env",
    "api_key_file",
    "max_new_tokens",
    "tokenizer",
    "keyboard",
    "monkey",
    "author",
    "authority",
    "base_url",
)


@pytest.mark.parametrize("name", SECRETS)
def test_both_doors_refuse_an_option_that_would_be_recorded(name):
    assert is_secret_option(name)
    with pytest.raises(UsageError, match="would be written into the run's record"):
        parse_model(f"lmms:toy,{name}=x")
    told = BackendOptions(spec="lmms:toy", name="toy", options={name: "x"})
    with pytest.raises(UsageError, match="would be recorded"):
        LmmsBackend.preflight(told)


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_looks_like_one_is_taken(name):
    assert not is_secret_option(name)
    assert parse_model(f"openai:m,{name}=x").options == {name: "x"}


def test_variables_are_judged_more_broadly():
    secret = ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "DB_PASSWORD_2", "KEY")
    assert all(map(is_secret_variable, secret))
    assert not any(map(is_secret_variable, ("PATH", "KEYBOARD", "HOME")))
