"""Who is let in, and what every answer says."""

import pytest

from evalkit.view.door import HEADER

from_elsewhere = {"host": "evil.example"}


@pytest.fixture
def stranger(client_of, place):
    client = client_of(place)
    del client.headers[HEADER]
    return client


def test_without_the_token_nothing_is_shown(stranger):
    for address in ("/", "/static/view.js", "/nothing", "/?token=", "/?token=the-toke"):
        answer = stranger.get(address)
        assert answer.status_code == 403
        assert "hash" not in answer.text


def test_the_first_address_gives_a_cookie_and_leads_on_without_the_token(stranger):
    answer = stranger.get("/?token=the-token&x=1")
    assert answer.status_code == 200
    assert 'content="0;url=/?x=1"' in answer.text
    assert "the-token" not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/\\evil.example", '/"><script>', "/%0d%0aX: y"]
)
def test_the_first_page_leads_nowhere_else(stranger, path):
    text = stranger.get(f"http://127.0.0.1{path}", params={"token": "the-token"}).text
    place = text.partition("0;url=")[2].partition('"')[0]
    assert place.startswith("/")
    assert not place.startswith(("//", "/\\"))
    assert "<script" not in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1]", "1.1"])
def test_another_name_is_refused_even_with_the_token(client_of, place, host):
    answer = client_of(place).get("/?token=the-token", headers={"host": host})
    assert answer.status_code == 421
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:1", "LOCALHOST"])
def test_names_of_this_machine_are_answered_on_any_port(client_of, place, host):
    assert client_of(place).get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_pages_are_only_read(client_of, place, method):
    assert client_of(place).request(method, "/").status_code == 405


@pytest.mark.parametrize("address", ["/", "/nothing", "/static/view.css", "/?token=the-token"])
def test_every_answer_forbids_what_it_can(client_of, place, address):
    headers = client_of(place).get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_a_refusal_says_the_same_headers(stranger):
    assert stranger.get("/").headers["cache-control"] == "no-store"
