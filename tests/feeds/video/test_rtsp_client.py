"""Whatever a device sends is taken apart or named: one connection, fed from the other end of a pair of sockets."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.video import rtsp_client
from feeds.video.rtsp_client import Ended, RtspClient, Stuck, Unwanted
from feeds.video.rtsp_framing import LARGEST_BODY, LONGEST_HEAD, Answer, Framed

PIECES = [
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
    b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nv=0\r\n",
    b"$\x00\x00\x03abc",
    b"$\x01\x00\x00",
    b"OPTIONS * RTSP/1.0\r\nCSeq: 4\r\n\r\n",
    b"\r\n",
]


@contextmanager
def connected(said: bytes) -> Iterator[tuple[RtspClient, socket.socket]]:
    """The device has said it, and closed its side."""
    ours, theirs = socket.socketpair()
    with pytest.MonkeyPatch.context() as patch, ours, theirs:
        ours.settimeout(0.25)
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        patch.setattr(rtsp_client, "_connected", lambda *_: ours)
        yield RtspClient("rtsp://admin:secret@10.0.0.1/replay", 1.0, lambda: True), theirs


def all_of(said: bytes) -> tuple[list[Framed | Answer], Exception]:
    got: list[Framed | Answer] = []
    with connected(said) as (client, _):
        while True:
            try:
                got.append(client.next(time.monotonic() + 5))
            except (Ended, ValueError) as end:
                return got, end


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_answers_and_pictures_come_out_as_they_were_mixed(pieces: list[bytes]) -> None:
    got, end = all_of(b"".join(pieces))
    wanted = [one for one in pieces if one[:1] in (b"R", b"$")]
    assert [one.data if isinstance(one, Framed) else one.body for one in got] == [
        piece[4:] if piece[:1] == b"$" else piece.partition(b"\r\n\r\n")[2] for piece in wanted
    ]
    assert isinstance(end, Ended)


@settings(max_examples=300)
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=60), st.text(max_size=30).map(str.encode)), max_size=12),
    st.integers(0, 400),
)
def test_any_bytes_end_in_a_name_and_hold_no_more_than_they_may(pieces: list[bytes], cut: int) -> None:
    got, end = all_of(b"".join(pieces)[: cut + 100])
    assert isinstance(end, (Ended, ValueError))
    for one in got:
        assert len(one.data if isinstance(one, Framed) else one.body) <= max(LARGEST_BODY, 65_535)


def test_what_a_device_asks_is_declined_by_its_number() -> None:
    with connected(b"ANNOUNCE rtsp://x RTSP/1.0\r\nCSeq: 4\r\nContent-Length: 2\r\n\r\nok" + PIECES[0]) as (client, theirs):
        assert isinstance(client.next(time.monotonic() + 5), Answer)
        assert theirs.recv(200) == b"RTSP/1.0 501 Not Implemented\r\nCSeq: 4\r\n\r\n"


@pytest.mark.parametrize("head", [b"X" * LONGEST_HEAD, b"RTSP/1.0 200 OK\r\nX: " + b"y" * 5_000 + b"\r\n\r\n"])
def test_a_head_without_an_end_is_given_up(head: bytes) -> None:
    assert "too long" in str(all_of(head + b"z" * 10)[1])


def test_what_waits_before_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_client, "MOST_WAITING", 10_000)
    with (
        connected((b"$\x00\x10\x00" + bytes(4_096)) * 3 + PIECES[0]) as (client, _),
        pytest.raises(ValueError, match="instead of an answer"),
    ):
        client.ask("PLAY", client.url, {}, time.monotonic() + 5)


def test_empty_pieces_before_an_answer_are_bounded_as_well_and_what_is_taken_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtsp_client, "MOST_WAITING", 10_000)
    empty, answer = b"$\x00\x00\x00", PIECES[0]
    with connected(empty * 200 + answer) as (client, _), pytest.raises(ValueError, match="instead of an answer"):
        client.ask("PLAY", client.url, {}, time.monotonic() + 5)
    with connected(empty * 100 + answer + empty * 100 + answer.replace(b"CSeq: 1", b"CSeq: 2")) as (client, _):
        for _ in range(2):
            assert client.ask("PLAY", client.url, {}, time.monotonic() + 5).status == 200
            assert [client.next(time.monotonic() + 5) for _ in range(100)] == [Framed(0, b"")] * 100


def test_nothing_is_waited_for_that_nobody_wants() -> None:
    with connected(PIECES[0]) as (client, _):
        client._is_wanted = lambda: False
        with pytest.raises(Unwanted):
            client.next(time.monotonic() + 5)


@pytest.mark.parametrize("url", ["rtsp://x/a b", "rtsp://x/\r\nX: y", "rtsp://x/é", ""])
def test_an_address_that_would_break_its_line_is_not_asked(url: str) -> None:
    with connected(b"") as (client, _), pytest.raises(ValueError, match="can't be asked"):
        client.send("SETUP", url, {})


@pytest.mark.parametrize(("is_wanted", "end"), [(True, Stuck), (False, Unwanted)])
def test_a_device_that_takes_nothing_is_told_from_one_that_sends_nothing(
    is_wanted: bool, end: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_client, "TAKEN_WITHIN_S", 0.5)
    with connected(b"") as (client, _):
        client._is_wanted = lambda: is_wanted
        with pytest.raises(end):
            client._write("y" * 10_000_000)


def test_a_device_that_is_slow_to_take_what_it_is_sent_gets_all_of_it() -> None:
    with connected(b"") as (client, theirs):
        text, got = "x" * 2_000_000, bytearray()

        def take() -> None:
            time.sleep(0.4)
            while len(got) < len(text):
                got.extend(theirs.recv(1 << 16))

        thread = threading.Thread(target=take)
        thread.start()
        client._write(text)
        thread.join(5)
        assert got == text.encode()


@pytest.mark.parametrize("coding", ["utf-8", "gb18030"])
def test_a_realm_is_given_back_and_hashed_in_the_bytes_in_which_it_came(coding: str) -> None:
    realm = "监控".encode(coding)
    asks = b'RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm="' + realm + b'", nonce="n"\r\n\r\n'
    with connected(asks + PIECES[0].replace(b"CSeq: 1", b"CSeq: 2")) as (client, theirs):
        assert client.ask("DESCRIBE", client.url, {}, time.monotonic() + 5).status == 200
        said = theirs.recv(2_000).partition(b"CSeq: 2\r\n")[2]
    secret = hashlib.md5(b"admin:" + realm + b":secret").hexdigest()
    asked = hashlib.md5(b"DESCRIBE:rtsp://10.0.0.1/replay").hexdigest()
    assert b'realm="' + realm + b'"' in said
    assert f'response="{hashlib.md5(f"{secret}:n:{asked}".encode()).hexdigest()}"'.encode() in said


def test_neither_name_nor_password_goes_out_unasked() -> None:
    with connected(PIECES[0]) as (client, theirs):
        client.ask("DESCRIBE", client.url, {}, time.monotonic() + 5)
        said = theirs.recv(500).decode()
    assert said.startswith("DESCRIBE rtsp://10.0.0.1/replay RTSP/1.0\r\nCSeq: 1\r\n")
    assert "secret" not in said + repr(vars(client))
