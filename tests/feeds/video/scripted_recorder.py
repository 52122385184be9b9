"""A recorder that says what it was told to say, byte for byte, right or wrong."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from feeds.video.rtp import Packetizer, interleaved, replay_extension

SDP = (
    "v=0\r\ns=x\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 sprop-parameter-sets=Z00AKZY1QPAET8s3AQEBAg==,aO4xsg==\r\na=control:track0\r\n"
)


@dataclass(frozen=True)
class Asked:
    method: str
    url: str
    headers: dict[str, str]

    def answer(self, status: str = "200 OK", body: str = "", **headers: str) -> bytes:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {self.headers['cseq']}", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
        return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode()


def honest(asked: Asked) -> bytes | None:
    """What a right one says; its pictures are none."""
    match asked.method:
        case "DESCRIBE":
            return asked.answer(body=SDP, Content_Type="application/sdp")
        case "SETUP":
            return asked.answer(Session="77;timeout=60", Transport="RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=1")
        case "PLAY":
            return asked.answer(Range=asked.headers["range"])
        case "TEARDOWN":
            return None
    return asked.answer()


def pictures(at_s: float, count: int) -> bytes:
    """As they stand on the connection, each a second after the one before, dated."""
    packetizer = Packetizer("h264", 1)
    units = [(k, b"\x65key" if k == 0 else b"\x41more") for k in range(count)]
    packets = [one for k, unit in units for one in packetizer.packets([unit], k * 90_000, replay_extension(at_s + k, k == 0))]
    return b"".join(interleaved(0, one) for one in packets) + interleaved(1, packetizer.bye())


@dataclass
class Scripted:
    """How it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    def url(self, who: str = "", scheme: str = "rtsp") -> str:
        return f"{scheme}://{who}127.0.0.1:{self.port}/replay?t=1"

    def methods(self) -> list[str]:
        return [one.method for one in self.asked]


@contextmanager
def scripted(says: Callable[[Asked], bytes | None], context: ssl.SSLContext | None = None) -> Iterator[Scripted]:
    """`says`: the answer to a request; None: it closes."""
    server = socket.create_server(("127.0.0.1", 0))
    told, is_over = Scripted(server.getsockname()[1]), threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            with suppress(OSError), server.accept()[0] as plain:
                plain.settimeout(10)
                with context.wrap_socket(plain, server_side=True) if context is not None else plain as connection:
                    _talk(connection, told, says)

    thread = threading.Thread(target=serve, name="scripted-recorder")
    thread.start()
    try:
        yield told
    finally:
        is_over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(12)


def _talk(connection: socket.socket, told: Scripted, says: Callable[[Asked], bytes | None]) -> None:
    with connection.makefile("rb") as reader:
        while (line := reader.readline()).endswith(b"\n"):
            headers = dict[str, str]()
            while field_line := reader.readline().decode().strip():
                name, _, value = field_line.partition(":")
                headers[name.lower()] = value.strip()
            method, url, version = line.decode().split()[:3]
            if method.startswith("RTSP/"):  # its answer to what was asked of it
                continue
            assert version == "RTSP/1.0"
            told.asked.append(Asked(method, url, headers))
            said = says(told.asked[-1])
            if said is None:
                return
            connection.sendall(said)
