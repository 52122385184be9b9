"""Where may be sent to, which secrets sign, how long to wait, and what an answer means."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.outgoing.webhook_request import (
    ANSWER_BYTES,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    BadSecret,
    BadUrl,
    check_url,
    key_of,
    new_client,
    new_secret,
    pause_s,
    post,
)
from tests.operations.webhook_world import Receiver

ALLOWED = ("records.local", "10.0.0.7:8443", "[fd00::7]:9000", "::1")


@pytest.mark.parametrize(
    "url",
    [
        "http://records.local/in?x=1",
        "https://RECORDS.local:9000/in",
        "https://10.0.0.7:8443",
        "http://[fd00::7]:9000/",
        "http://[::1]:1234/",
    ],
)
def test_listed_hosts_are_sent_to(url: str) -> None:
    assert check_url(url, ALLOWED).lower().startswith(url.lower())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://10.0.0.7:9000/", "10.0.0.7:9000 is not allowed"),
        ("https://10.0.0.7/", "10.0.0.7:443 is not allowed"),
        ("http://[fd00::7]:9001/", "is not allowed"),
        ("http://records.local.evil.test/", "is not allowed"),
        ("http://records.local./", "is not allowed"),
        ("http://evil.test#@records.local/", "fragment"),
        ("http://evil.test\\@records.local/", ""),
        ("http://records.local@evil.test/", "name or password"),
        ("http://user:secret@records.local/", "name or password"),
        ("http://:@records.local/", "name or password"),
        ("http://127.0.0.1/", "is not allowed"),
        ("http://0x7f000001/", "is not allowed"),
        ("http://2130706433/", "is not allowed"),
        ("http://[::ffff:127.0.0.1]/", "is not allowed"),
        ("http://localhost/", "is not allowed"),
        ("file:///etc/passwd", "'file' is no scheme"),
        ("gopher://records.local/", "'gopher' is no scheme"),
        ("//records.local/", "'' is no scheme"),
        ("records.local/in", "'' is no scheme"),
        ("http:///in", "is not allowed"),
        ("http://records.local/\r\nX: y", "is no address"),
        ("http://records.local:99999/", "has port 99999"),
        ("http://records.local:0/", "has port 0"),
        ("http://[/", "is not allowed"),
        ("http://records.local/" + "x" * 500, "has 521 characters"),
        ("http://records.local/" + "警" * 100, "once escaped"),
        ("", "'' is no scheme"),
    ],
)
def test_everything_else_is_refused_with_the_reason(url: str, words: str) -> None:
    with pytest.raises(BadUrl) as refused:
        check_url(url, ALLOWED)
    assert words in str(refused.value)


def test_nothing_is_allowed_by_default_and_the_remedy_is_named() -> None:
    with pytest.raises(BadUrl, match=r"allowed: none\); ask who runs the server to add it to webhook_hosts"):
        check_url("http://10.0.0.7/", ())


def test_secrets() -> None:
    assert len(key_of(new_secret())) == 32
    assert new_secret() != new_secret()
    for secret in ("", "secret", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "QUFB" * 22, "whsec_警"):
        with pytest.raises(BadSecret, match="leave it out and one is made"):
            key_of(secret)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_pauses_grow_to_a_cap_and_are_spread(failures: int, chance: float) -> None:
    pause, whole = pause_s(failures, chance), pause_s(failures, 1.0)
    assert whole / 2 <= pause <= whole <= LONGEST_PAUSE_S
    assert pause_s(1, 1.0) == FIRST_PAUSE_S
    assert pause_s(failures + 1, 1.0) == min(2 * whole, LONGEST_PAUSE_S)


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (204, 204, ""),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, ""),
        (b"HTTP/1.1 200 X\r\nContent-Length: 999999999\r\n\r\n" + b"x" * (ANSWER_BYTES + 1), 200, ""),
        (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nnever all", 200, ""),
        (b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\nnever all", 200, ""),
        (301, 301, "answered 301; redirects are not followed, give the final address"),
        (404, 404, "answered 404"),
        (503, 503, "answered 503"),
        (b"no HTTP at all\r\n\r\n", None, "RemoteProtocolError"),
        (b"HTTP/1.1 200 X\r\nX: " + b"y" * 200_000, None, "RemoteProtocolError"),
        (None, None, "no answer within 0.2 s"),
    ],
)
async def test_what_an_answer_means(answer: int | bytes | None, status: int | None, reason: str) -> None:
    async with Receiver().running() as receiver, new_client(1) as client:
        receiver.answer = lambda request: answer
        found = await post(client, receiver.url(), b"{}", {}, timeout_s=0.2)
        assert (found.status, found.reason[: len(reason)]) == (status, reason)
        assert bool(found.reason) == bool(reason)
        assert found.duration_ms < 2_000


async def test_nobody_there_and_a_name_that_is_none() -> None:
    async with new_client(1) as client:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        for url in (f"http://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
            found = await post(client, url, b"{}", {}, timeout_s=2.0)
            assert found.status is None
            assert found.reason


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver().running() as receiver, Receiver().running() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        async with new_client(1) as client:
            assert (await post(client, receiver.url(), b"{}", {})).status == 204
        assert proxy.requests == []
