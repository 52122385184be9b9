"""SIP messages (RFC 3261) as far as GB/T 28181 uses them: bytes to messages and back. No I/O.

A datagram is one message. A TCP stream is cut at the head's empty line and `Content-Length`; empty lines between messages keep a
connection alive and mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

MAX_HEAD = 16 * 1024
MAX_HEADERS = 64
# A catalogue in one message has a few thousand bytes an item when sent by TCP; a datagram can't hold more than 65,507 bytes.
MAX_BODY = 512 * 1024

_METHOD = re.compile(r"[A-Z]{3,16}")
_FIELD = re.compile(r"[A-Za-z0-9!%*_+`'~.-]+")
_USER = re.compile(r"sips?:([^@;:>\s]+)@", re.IGNORECASE)
_SHORT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type", "o": "event"}
# What a message without is none: nothing could be answered.
_NEEDED = ("via", "from", "to", "call-id", "cseq")


class BadMessage(Exception):
    """Bytes or a body that can't be taken; the message is the reason counted in the feed's health."""

    @property
    def reason(self) -> str:
        return str(self)


class Message(msgspec.Struct, frozen=True):
    """A request (`method` and `uri`) or a response (`status`; `method` is that of its CSeq)."""

    method: str
    uri: str
    status: int  # 0: a request
    fields: tuple[tuple[str, str], ...]  # names in small letters and in full, in their order
    body: bytes = b""

    @property
    def is_request(self) -> bool:
        return self.status == 0

    def get(self, name: str) -> str:
        """The first field of this name, empty without one."""
        return next((value for known, value in self.fields if known == name), "")

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known == name]

    @property
    def sender(self) -> str:
        """Who speaks: the user part of From; empty when there is none."""
        found = _USER.search(self.get("from"))
        return found.group(1) if found else ""

    @property
    def branch(self) -> str:
        """What marks a transaction."""
        return parameter(self.get("via"), "branch")


def parse(data: bytes) -> Message:
    """One message that came as a datagram. Raises BadMessage: bad_message, bad_length, too_long."""
    head, found, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not found:
        raise BadMessage("bad_message")
    message = _head(head)
    length = content_length(message)
    if length is None:
        return _with_body(message, body)
    if length > len(body):
        raise BadMessage("bad_length")
    return _with_body(message, body[:length])


class Stream:
    """Collects bytes of one TCP connection and yields its messages."""

    def __init__(self) -> None:
        self._raw = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Messages that are complete now. Raises BadMessage when nothing that follows could be understood: end the connection."""
        self._raw += data
        while True:
            start = len(self._raw) - len(self._raw.lstrip(b"\r\n"))
            del self._raw[:start]
            end = self._raw.find(b"\r\n\r\n", 0, MAX_HEAD)
            if end < 0:
                if len(self._raw) >= MAX_HEAD:
                    raise BadMessage("too_long")
                return
            message = _head(bytes(self._raw[:end]))
            length = content_length(message)
            if length is None:
                raise BadMessage("bad_length")  # a stream can't be cut without it
            if len(self._raw) < end + 4 + length:
                return
            body = bytes(self._raw[end + 4 : end + 4 + length])
            del self._raw[: end + 4 + length]
            yield _with_body(message, body)


def content_length(message: Message) -> int | None:
    """As told, None when it is not. Raises BadMessage."""
    told = message.get("content-length").strip()
    if not told:
        return None
    if not (told.isascii() and told.isdigit()) or len(told) > 9:
        raise BadMessage("bad_length")
    if int(told) > MAX_BODY:
        raise BadMessage("too_long")
    return int(told)


def parameter(value: str, name: str) -> str:
    """A parameter of a field, `;name=value` or, in Digest, `name="value"`; empty when it is not there."""
    found = re.search(rf'(?:^|[;,\s]){name}\s*=\s*(?:"([^"]*)"|([^\s;,">]*))', value, re.IGNORECASE)
    return (found.group(1) or found.group(2) or "") if found else ""


def received(message: Message, host: str, port: int) -> Message:
    """The request with the address it came from in its topmost Via, where it asks for that (RFC 3581)."""
    place = next(index for index, (name, _) in enumerate(message.fields) if name == "via")
    via = re.sub(r";\s*rport(?=\s*(?:;|,|$))", f";rport={port};received={host}", message.fields[place][1], count=1)
    return msgspec.structs.replace(message, fields=(*message.fields[:place], ("via", via), *message.fields[place + 1 :]))


def answer(request: Message, status: int, reason: str, tag: str, *more: tuple[str, str], body: bytes = b"") -> bytes:
    """A response to a request; `tag` is ours in To."""
    to = request.get("to")
    fields = [("Via", via) for via in request.all("via")]
    fields += [("From", request.get("from")), ("To", to if parameter(to, "tag") else f"{to};tag={tag}")]
    fields += [("Call-ID", request.get("call-id")), ("CSeq", request.get("cseq"))]
    return _written(f"SIP/2.0 {status} {reason}", [*fields, *more], body)


def request(method: str, uri: str, *fields: tuple[str, str], body: bytes = b"") -> bytes:
    return _written(f"{method} {uri} SIP/2.0", list(fields), body)


def _written(first: str, fields: list[tuple[str, str]], body: bytes) -> bytes:
    # Values that came from outside hold no line ends: `_head` has cut at them.
    lines = [first, *(f"{name}: {value}" for name, value in fields), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def _with_body(message: Message, body: bytes) -> Message:
    if len(body) > MAX_BODY:
        raise BadMessage("too_long")
    return msgspec.structs.replace(message, body=body)


def _head(head: bytes) -> Message:
    """First line and fields. Raises BadMessage."""
    if len(head) > MAX_HEAD:
        raise BadMessage("too_long")
    # A name in a display part may be in any encoding: bytes that are no UTF-8 are given back as they came.
    first, *lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
    if len(lines) > MAX_HEADERS or any(sign in line for line in (first, *lines) for sign in "\r\n\0"):
        raise BadMessage("bad_message")
    fields = tuple(_field(line) for line in lines)
    known = {name for name, _ in fields}
    if not known.issuperset(_NEEDED):
        raise BadMessage("bad_message")
    cseq = dict(fields)["cseq"].split()
    if len(cseq) != 2 or not (cseq[0].isascii() and cseq[0].isdigit()) or not _METHOD.fullmatch(cseq[1]):
        raise BadMessage("bad_message")
    words = first.split(" ", 2)
    if words[0] == "SIP/2.0" and len(words) >= 2 and re.fullmatch(r"[1-6][0-9]{2}", words[1]):
        return Message(cseq[1], "", int(words[1]), fields)
    if len(words) == 3 and words[2] == "SIP/2.0" and words[0] == cseq[1]:
        return Message(words[0], words[1], 0, fields)
    raise BadMessage("bad_message")


def _field(line: str) -> tuple[str, str]:
    name, found, value = line.partition(":")
    name = name.strip().lower()
    if not found or not _FIELD.fullmatch(name):
        raise BadMessage("bad_message")
    return _SHORT.get(name, name), value.strip()
