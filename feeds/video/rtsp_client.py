"""RTSP 1.0 (RFC 2326) with a device over one TCP connection that carries the pictures as well; blocking, for a thread of its own.

What comes is a device's: everything is bounded in time and size, and nothing of it gets into what is said of a failure.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

from feeds.video.rtsp_framing import Answer, Asked, Framed, Framing
from feeds.video.rtsp_login import Login

PORTS = {"rtsp": 554, "rtsps": 322}
LOOKED_UP_EVERY_S = 0.25  # whether anybody still wants it
TAKEN_WITHIN_S = 2.0  # a device takes what it is sent
MOST_WAITING = 8 << 20  # bytes of pictures that come before the answer to what was asked
PIECE_ROOM = 64  # bytes that are counted for each of their packets beside what it holds
_ADDRESS = re.compile(r"[!-~]{1,2000}")


class Unwanted(Exception):
    """Nobody wants the pictures any more."""


class Ended(ConnectionError):
    """The device has closed the connection."""


class Stuck(ConnectionError):
    """The device takes nothing of what it is sent."""


class RtspClient:
    """One connection. Raises TimeoutError, ConnectionError or another OSError, ValueError for what is no RTSP, and Unwanted."""

    def __init__(self, address: str, within_s: float, is_wanted: Callable[[], bool]) -> None:
        parts = urlsplit(address)
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without name and password
        self.session = ""
        self._login = Login(unquote(parts.username or ""), unquote(parts.password or ""))
        self._is_wanted = is_wanted
        self._framing = Framing()
        self._count = 0
        self._waiting: deque[Framed] = deque()
        self._waiting_bytes = 0
        self._socket = _connected(parts, within_s)
        self._send: Callable[[bytes], object] = self._send_blocking

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
        return self._kept() or self._read(deadline)

    def hand_over(self) -> socket.socket:
        """The connection, for somebody who reads and writes it instead: says with `written_by` how, and feeds what comes to `fed`."""
        self._socket.setblocking(False)
        return self._socket

    def written_by(self, write: Callable[[bytes], object]) -> None:
        self._send = write

    def fed(self, data: bytes) -> Iterator[Framed | Answer]:
        """What has come whole with these bytes."""
        self._framing.feed(data)
        while (got := self._kept() or self._framing.next()) is not None:
            if isinstance(got, Asked):
                self._refuse(got)
            else:
                yield got

    def is_challenged(self, answer: Answer) -> bool:
        """Whether what was refused may be asked again, with the log-in that the device wants now."""
        return answer.status == 401 and self._login.challenged(answer.all("www-authenticate"))

    def close(self) -> None:
        self._socket.close()

    def _kept(self) -> Framed | None:
        """What came before the answer to what was asked."""
        if not self._waiting:
            return None
        packet = self._waiting.popleft()
        self._waiting_bytes -= PIECE_ROOM + len(packet.data)
        return packet

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
            # Asked before everything that is taken, so that a flood is no way around it.
            if not self._is_wanted():
                raise Unwanted
            if time.monotonic() > deadline:
                raise TimeoutError
            got = self._framing.next()
            if isinstance(got, Asked):
                self._refuse(got)
                continue
            if got is not None:
                return got
            with suppress(TimeoutError):
                data = self._socket.recv(1 << 16)
                if not data:
                    raise Ended
                self._framing.feed(data)

    def _refuse(self, asked: Asked) -> None:
        """Whatever a device wants of us is nothing that we need."""
        if asked.method == "TEARDOWN":
            raise Ended
        self._write(f"RTSP/1.0 501 Not Implemented\r\nCSeq: {asked.count}\r\n\r\n")

    def _write(self, text: str) -> None:
        self._send(text.encode("utf-8", "surrogateescape"))

    def _send_blocking(self, data: bytes) -> None:
        """Within a time of its own: that it can't be sent tells nothing of whether more will come."""
        left, deadline = memoryview(data), time.monotonic() + TAKEN_WITHIN_S
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
