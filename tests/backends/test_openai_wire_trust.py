"""Whose certificates a connection trusts."""

import ssl

import pytest

from evalkit.backends.openai_wire import trusted_by


@pytest.fixture(autouse=True)
def _unproxied(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_server_in_the_clear_shows_none_and_none_is_trusted():
    trusted = trusted_by("http")
    assert trusted.verify_mode is ssl.CERT_REQUIRED
    assert trusted.check_hostname
    assert not trusted.get_ca_certs()


@pytest.mark.parametrize(("scheme", "proxy"), [("https", None), ("http", "https://p.example")])
def test_others_are_trusted_by_the_usual_authorities(monkeypatch, scheme, proxy):
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
    trusted = trusted_by(scheme)
    assert trusted.verify_mode is ssl.CERT_REQUIRED
    assert trusted.get_ca_certs()
