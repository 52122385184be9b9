"""RTSP 1.0 (RFC 2326) with a device over one TCP connection that carries the pictures as well; blocking, for a thread of its own.

What comes is a device's: everything is bounded in time and size, and nothing of it gets into what is said of a failure.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from feeds.video.rtsp_login import Login

PORTS = {"rtsp": 554, "rtsps": 322}
LOOKED_UP_EVERY_S = 0.25  # whether anybody still wants it
TAKEN_WITHIN_S = 2.0  # a device takes what it is sent
LONGEST_LINE, LONGEST_HEAD, MOST_HEADERS = 4_096, 16 * 1024, 64  # bytes, bytes, lines
LARGEST_BODY = 64 * 1024
MOST_WAITING = 8 << 20  # bytes of pictures that come before the answer to what was asked
PIECE_ROOM = 64  # bytes that are counted for each of their packets beside what it holds
_STATUS = re.compile(r"RTSP/1\.[0-9] ([0-9]{3})(?: .*)?")
_ASKED = re.compile(r"([A-Z_]{1,20}) \S+ RTSP/1\.\d")
_ADDRESS = re.compile(r"[!-~]{1,2000}")


class Unwanted(Exception):
    """Nobody wants the pictures any more."""


class Ended(ConnectionError):
    """The device has closed the connection."""


class Stuck(ConnectionError):
    """The device takes nothing of what it is sent."""


@dataclass(frozen=True)
class Framed:
    """A packet out of the connection."""

    channel: int
    data: bytes


@dataclass(frozen=True)
class Answer:
    """To a request."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in small letters
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")


@dataclass(frozen=True)
class _Asked:
    """A request of the device's own."""

    method: str
    count: str


class RtspClient:
    """One connection. Raises TimeoutError, ConnectionError or another OSError, ValueError for what is no RTSP, and Unwanted."""

    def __init__(self, address: str, within_s: float, is_wanted: Callable[[], bool]) -> None:
        parts = urlsplit(address)
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without name and password
        self.session = ""
        self._login = Login(unquote(parts.username or ""), unquote(parts.password or ""))
        self._is_wanted = is_wanted
        self._buffer = bytearray()
        self._count = 0
        self._waiting: deque[Framed] = deque()
        self._waiting_bytes = 0
        self._socket = _connected(parts, within_s)

    def ask(self, method: str, url: str, headers: Mapping[str, str], deadline: float) -> Answer:
        """The answer, until `deadline` (monotonic s); asked again once with the log-in that the device wants."""
        answer = self._answer(self.send(method, url, headers), deadline)
        if self.is_challenged(answer):
            answer = self._answer(self.send(method, url, headers), deadline)
        return answer

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> int:
        """Ask without waiting; the number by which the answer tells what it answers."""
        if not _ADDRESS.fullmatch(url):
            raise ValueError("an address that can't be asked")
        self._count += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._count}", "User-Agent: Liandong"]
        if self.session:
            lines.append(f"Session: {self.session}")
        if credentials := self._login.credentials(method, url):
            lines.append(f"Authorization: {credentials}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._write("\r\n".join(lines) + "\r\n\r\n")
        return self._count

    def next(self, deadline: float) -> Framed | Answer:
        """What comes next, whole, until `deadline` (monotonic s)."""
        if not self._waiting:
            return self._read(deadline)
        packet = self._waiting.popleft()
        self._waiting_bytes -= PIECE_ROOM + len(packet.data)
        return packet

    def is_challenged(self, answer: Answer) -> bool:
        """Whether what was refused may be asked again, with the log-in that the device wants now."""
        return answer.status == 401 and self._login.challenged(answer.all("www-authenticate"))

    def close(self) -> None:
        self._socket.close()

    def _answer(self, count: int, deadline: float) -> Answer:
        while True:
            got = self._read(deadline)
            if isinstance(got, Framed):
                self._waiting.append(got)
                self._waiting_bytes += PIECE_ROOM + len(got.data)
                if self._waiting_bytes > MOST_WAITING:
                    raise ValueError("pictures instead of an answer")
            elif got.get("cseq") in (str(count), ""):
                return got

    def _read(self, deadline: float) -> Framed | Answer:
        while True:
            self._need(1, deadline)
            if self._buffer[:1] == b"$":
                self._need(4, deadline)
                size = int.from_bytes(self._buffer[2:4], "big")
                self._need(4 + size, deadline)
                packet = Framed(self._buffer[1], bytes(self._buffer[4 : 4 + size]))
                del self._buffer[: 4 + size]
                return packet
            if self._buffer[:1] in (b"\r", b"\n"):
                del self._buffer[:1]
                continue
            message = self._message(deadline)
            if isinstance(message, Answer):
                return message
            if message.method == "TEARDOWN":
                raise Ended
            # Whatever it wants of us is nothing that we need.
            self._write(f"RTSP/1.0 501 Not Implemented\r\nCSeq: {message.count}\r\n\r\n")

    def _message(self, deadline: float) -> Answer | _Asked:
        if not self._buffer[:1].isalpha():
            raise ValueError("no RTSP")
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > LONGEST_HEAD:
                raise ValueError("a head is too long")
            self._need(len(self._buffer) + 1, deadline)
        # As it is written: what a device has to be told again is told in its own bytes, whatever they mean.
        first, *rest = self._buffer[:end].decode("utf-8", "surrogateescape").split("\r\n")
        if end > LONGEST_HEAD or len(rest) > MOST_HEADERS or max(map(len, (first, *rest))) > LONGEST_LINE:
            raise ValueError("a head is too long")
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest))
        told = dict(reversed(headers))
        length = told.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > LARGEST_BODY:
            raise ValueError("a body is too long")
        self._need(end + 4 + int(length), deadline)
        body = bytes(self._buffer[end + 4 : end + 4 + int(length)])
        del self._buffer[: end + 4 + int(length)]
        if status := _STATUS.fullmatch(first):
            return Answer(int(status[1]), headers, body)
        if asked := _ASKED.fullmatch(first):
            return _Asked(asked[1], told.get("cseq", "0")[:10])
        raise ValueError("no RTSP")

    def _need(self, size: int, deadline: float) -> None:
        """Wait until so much has come; asked before everything that is taken, so that a flood is no way around it."""
        while True:
            if not self._is_wanted():
                raise Unwanted
            if time.monotonic() > deadline:
                raise TimeoutError
            if len(self._buffer) >= size:
                return
            with suppress(TimeoutError):
                data = self._socket.recv(1 << 16)
                if not data:
                    raise Ended
                self._buffer += data

    def _write(self, text: str) -> None:
        """Within a time of its own: that it can't be sent tells nothing of whether more will come."""
        left, deadline = memoryview(text.encode("utf-8", "surrogateescape")), time.monotonic() + TAKEN_WITHIN_S
        while left:
            try:
                left = left[self._socket.send(left) :]
            except TimeoutError:
                if not self._is_wanted():
                    raise Unwanted from None
            if left and time.monotonic() > deadline:
                raise Stuck


def _connected(parts: SplitResult, within_s: float) -> socket.socket:
    made = socket.create_connection((parts.hostname, parts.port or PORTS[parts.scheme.lower()]), within_s)
    try:
        if parts.scheme.lower() == "rtsps":
            made = _context().wrap_socket(made, server_hostname=parts.hostname)
        made.settimeout(LOOKED_UP_EVERY_S)
        return made
    except BaseException:
        made.close()
        raise


def _context() -> ssl.SSLContext:
    """Devices sign their own certificates, if any: as with cameras, they are not checked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
