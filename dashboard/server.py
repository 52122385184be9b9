"""How the web server is run: small send buffers, and sockets that may be written to and cut off directly.

An ASGI application can only await `send`. That is one task and several copies per client and frame, and nothing ends a
connection whose reader has stopped: a polite close waits behind the bytes that nobody takes. So the WebSocket protocol
here hands its transport to the application, which writes prepared messages to it (`Outlet`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any, cast

import msgspec
import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

TRANSPORT = "liandong.transport"  # key in scope["extensions"]
TLS = "tls"  # key of ASGI's TLS extension
SEND_BUFFER = 128 * 1024  # bytes in the kernel per client; its default would hold 4 MB for one that reads nothing
LARGEST_MESSAGE = 2 * 1024 * 1024  # bytes of one incoming WebSocket message; a feed's batch fits, an attack does not
CLOSE_WITHIN_S = 2.0
STALLED_AFTER_S = 5.0  # a reader that has taken nothing for so long is cut off
TEXT, BINARY, CLOSE = 0x1, 0x2, 0x8


class TransportProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol; the application also finds the connection's transport in its scope."""

    async def run_asgi(self) -> None:
        extensions = cast(dict[str, Any], self.scope["extensions"])
        extensions[TRANSPORT] = self.transport
        await super().run_asgi()


class CertificateProtocol(H11Protocol):
    """uvicorn's HTTP protocol; the application also finds the client's certificate in its scope, as ASGI's TLS extension names it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        secured = transport.get_extra_info("ssl_object")
        shown = secured.getpeercert(binary_form=True) if secured is not None else None
        if shown is not None:
            self.app = _with_certificate(self.app, ssl.DER_cert_to_PEM_cert(shown))


def _with_certificate(application: Any, certificate: str) -> Any:
    async def application_with_certificate(scope: Scope, receive: Any, send: Any) -> None:
        scope.setdefault("extensions", {})[TLS] = {"client_cert_chain": [certificate]}
        await application(scope, receive, send)

    return application_with_certificate


def client_certificate(scope: Scope) -> bytes | None:
    """The certificate (PEM) that the client proved to hold in the TLS handshake, checked against `--tls-client-ca`; None without one."""
    chain = scope.get("extensions", {}).get(TLS, {}).get("client_cert_chain", [])
    return chain[0].encode() if chain else None


def listen_socket(host: str, port: int) -> socket.socket:
    """A bound socket whose connections get small send buffers. Raises OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # accepted connections inherit it
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.set_inheritable(False)
    return listening


def server_config(
    application: Any,
    certificate: Path | None = None,
    key: Path | None = None,
    log_level: str = "warning",
    client_ca: Path | None = None,
) -> uvicorn.Config:
    """Settings for `uvicorn.Server(config).serve(sockets=[listen_socket(host, port)])`.

    With `client_ca` browsers are asked for a certificate of these authorities; one of another, or out of date, ends the handshake.
    """
    return uvicorn.Config(
        application,
        http=CertificateProtocol,
        ws=TransportProtocol,
        ws_per_message_deflate=False,  # one deflate stream per client fills a core at 100 clients
        ws_max_size=LARGEST_MESSAGE,
        backlog=4096,  # 700 terminals come back at once after a restart
        access_log=False,
        log_level=log_level,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
        ssl_ca_certs=client_ca,
        ssl_cert_reqs=ssl.CERT_NONE if client_ca is None else ssl.CERT_OPTIONAL,
        timeout_graceful_shutdown=3,
    )


def websocket_message(opcode: int, payload: bytes) -> bytes:
    """One unfragmented, unmasked WebSocket message as a server sends it (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65_536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


class Outlet:
    """The sending side of one accepted WebSocket: writes whole messages, knows what waits, notices a reader that stopped."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._waiting = 0  # bytes that waited when last looked at, and those written since
        self._moved_at = 0.0  # loop time when bytes last moved, or none waited

    @classmethod
    def of(cls, scope: Scope) -> Outlet:
        """The outlet of an accepted connection. Raises RuntimeError when the server was started another way."""
        transport = scope.get("extensions", {}).get(TRANSPORT)
        if transport is None:
            raise RuntimeError("this connection has no transport in its scope; start uvicorn with dashboard.server.server_config")
        return cls(transport)

    @property
    def is_closing(self) -> bool:
        return self._transport.is_closing()

    @property
    def waiting_bytes(self) -> int:
        """Bytes written that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size()

    def write(self, message: bytes) -> None:
        """Hand over one message made by `websocket_message`; never blocks. Does nothing on a closing connection."""
        if not self._transport.is_closing():
            self._waiting += len(message)
            self._transport.write(message)

    def close(self, code: int, reason: str = "") -> None:
        """End politely: what waits is still sent, for as long as CLOSE_WITHIN_S."""
        self.write(websocket_message(CLOSE, code.to_bytes(2, "big") + reason.encode()[:120]))
        self._transport.close()
        asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._transport.abort)

    def abort(self) -> None:
        """End now: what waits is thrown away."""
        self._transport.abort()

    def is_stalled(self, loop_time: float) -> bool:
        """Whether bytes have waited too long and none has moved, as of `loop_time`; call it now and then."""
        waiting = self.waiting_bytes
        if waiting == 0 or waiting < self._waiting or self._moved_at == 0.0:
            self._moved_at = loop_time
        self._waiting = waiting
        return loop_time - self._moved_at > STALLED_AFTER_S


def bye(outlet: Outlet, reason: str, code: int) -> None:
    """The last text of a socket of ours, then its end."""
    outlet.write(websocket_message(TEXT, msgspec.json.encode({"type": "bye", "reason": reason})))
    outlet.close(code, reason)
