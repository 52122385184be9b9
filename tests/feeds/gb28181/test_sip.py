"""SIP messages from bytes and back: both transports, what is none, and any bytes at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.gb28181 import sip
from feeds.gb28181.passwords import Passwords
from feeds.gb28181.sip import BadMessage
from feeds.gb28181.xml_text import read
from tests.feeds.gb28181.device import Device, xml
from tests.feeds.gb28181.line import DEVICE

KEEPALIVE = Device(DEVICE).notify("Keepalive", "<Status>OK</Status>")


def test_a_message_is_read():
    message = sip.parse(KEEPALIVE)
    assert (message.method, message.is_request, message.sender, message.branch) == ("MESSAGE", True, DEVICE, "z9hG4bK1")
    assert read(message.body).get("Status") == "OK"


def test_short_names_and_folded_fields_are_read_as_the_long_ones():
    lines = [
        "REGISTER sip:a SIP/2.0",
        "v: SIP/2.0/UDP h;branch=z",
        "f: <sip:1@h>;",
        " tag=5",
        "t: <sip:1@h>",
        "i: 7",
        "CSeq: 1 REGISTER",
        "l: 0",
    ]
    message = sip.parse("\r\n".join([*lines, "", ""]).encode())
    assert (message.sender, sip.parameter(message.get("from"), "tag"), message.get("call-id")) == ("1", "5", "7")


def test_an_answer_keeps_every_via_in_its_order_and_names_our_tag():
    request = sip.parse(KEEPALIVE.replace(b"\r\nFrom", b"\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKother\r\nFrom"))
    answer = sip.answer(sip.received(request, "10.1.1.1", 999), 200, "OK", "t1")
    lines = answer.decode().split("\r\n")
    assert lines[1].endswith(";rport=999;received=10.1.1.1;branch=z9hG4bK1")
    assert lines[2].endswith("z9hG4bKother")
    assert sip.parse(answer).status == 200
    assert sip.parameter(sip.parse(answer).get("to"), "tag") == "t1"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "bad_message"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad_message"),
        (KEEPALIVE.replace(b"Call-ID", b"X-ID"), "bad_message"),
        (KEEPALIVE.replace(b"CSeq: 1 MESSAGE", b"CSeq: 1 NOTIFY"), "bad_message"),
        (KEEPALIVE[:-20], "bad_length"),
        (KEEPALIVE.replace(b"Content-Length: ", b"Content-Length: -"), "bad_length"),
        (KEEPALIVE.replace(b"Content-Length: ", b"Content-Length: 9999"), "too_long"),
        (KEEPALIVE.replace(b"Max-Forwards: 70", b"X: 1\r\n" * 70 + b"Y: 2"), "bad_message"),
        (KEEPALIVE.replace(b"Max-Forwards: 70", b"X: " + b"x" * 17_000), "too_long"),
    ],
)
def test_what_is_no_message_is_named(data, reason):
    with pytest.raises(BadMessage, match=reason):
        sip.parse(data)


@given(st.lists(st.integers(1, 400), max_size=8))
def test_a_stream_is_cut_the_same_however_it_comes(cuts):
    whole = b"\r\n\r\n" + KEEPALIVE + b"\r\n" + KEEPALIVE
    stream, found, at = sip.Stream(), [], 0
    for cut in [*cuts, len(whole)]:
        found += list(stream.feed(whole[at : at + cut]))
        at += cut
    assert found == [sip.parse(KEEPALIVE)] * 2


def reason_of(take: Callable[[bytes], object], data: bytes) -> str:
    try:
        take(data)
    except BadMessage as bad:
        return bad.reason
    return ""


@given(st.binary(max_size=600))
def test_any_bytes_are_a_message_or_named(noise):
    for data in (noise, KEEPALIVE[: len(noise)] + noise, KEEPALIVE.replace(b"70", noise)):
        assert reason_of(sip.parse, data) in ("", "bad_message", "bad_length", "too_long")
        assert reason_of(lambda data: list(sip.Stream().feed(data)), data) in ("", "bad_message", "bad_length", "too_long")


def test_a_stream_without_an_end_is_given_up():
    with pytest.raises(BadMessage, match="too_long"):
        list(sip.Stream().feed(b"x" * (sip.MAX_HEAD + 1)))


def test_what_came_in_a_field_makes_no_line_of_its_own():
    with pytest.raises(BadMessage):
        sip.parse(KEEPALIVE.replace(b"Call-ID: ", b"Call-ID: a\rX-Evil: 1"))


@pytest.mark.parametrize("text", ["", "# nothing", "12 secret", f"{DEVICE} a b", "*", DEVICE])
def test_a_secret_file_that_lets_nobody_in_is_told(text):
    with pytest.raises(ValueError, match=r"line 1|no device|no common"):
        Passwords(text)


def test_passwords_of_their_own_and_the_common_one():
    passwords = Passwords(f"# cameras\n{DEVICE} own#1\n33020300001180000002\n* common\n")
    assert (passwords.of(DEVICE), passwords.of("33020300001180000002"), passwords.of("33020300001180000003")) == ("own#1", "common", None)


def test_text_between_tags_is_joined_and_trimmed():
    assert read(xml("Notify", "Keepalive", DEVICE, "<Status> O&amp;K </Status>")).get("Status") == "O&K"
