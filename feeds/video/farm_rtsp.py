"""The RTSP side of a test camera: requests, answers, Digest log-in, the description of a stream."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from feeds.digest_response import Challenge, Quality, response
from feeds.video import nal
from feeds.video.rtp import CLOCK_HZ, PAYLOAD_TYPE

REALM, NONCE = "camera", "5f1766a0e5edde3291c35060a866964c"
LONGEST_HEAD = 16 * 1024  # bytes


class Connection:
    """One client. Interleaved packets that it sends (receiver reports) are passed over."""

    @dataclass(frozen=True)
    class Request:
        """What a client asks."""

        method: str
        url: str
        headers: dict[str, str]  # names in small letters

        @property
        def path(self) -> str:
            return urlsplit(self.url).path

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.channel = 0
        self.session_s = 0.0  # without a request for so long it is cut off; 0: never

    @property
    def waiting_bytes(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    def send(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    def abort(self) -> None:
        self._writer.transport.abort()

    def end(self) -> None:
        """Close when what waits has been sent."""
        self._writer.close()

    async def request(self) -> Request | None:
        """The next request; None at the end. Raises ConnectionError, IncompleteReadError, TimeoutError or ValueError."""
        async with asyncio.timeout(self.session_s or None):
            return await self._request()

    async def _request(self) -> Request | None:
        while (first := await self._reader.read(1)) == b"$":
            head = await self._reader.readexactly(3)
            await self._reader.readexactly(int.from_bytes(head[1:], "big"))
        if not first:
            return None
        text = first + await self._reader.readuntil(b"\r\n\r\n")
        if len(text) > LONGEST_HEAD:
            raise ValueError("a request's head is too long")
        line, *rest = text.decode("latin-1").strip().split("\r\n")
        method, url, _ = line.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (entry.partition(":") for entry in rest)}
        await self._reader.readexactly(int(headers.get("content-length", "0")))
        return self.Request(method, url, headers)

    def answer(
        self, request: Request, status: int = 200, reason: str = "OK", headers: Mapping[str, str] | None = None, body: str = ""
    ) -> None:
        lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {request.headers.get('cseq', '0')}"]
        lines.append(f"Session: 8630;timeout={self.session_s:.0f}" if self.session_s else "Session: 8630")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n" + body).encode())


@dataclass(frozen=True)
class Digest:
    """Log-in by RFC 2617, as most cameras have it without qop; by RFC 7616 with another algorithm."""

    user: str
    password: str = field(repr=False)
    algorithm: str = ""  # as it is named; empty: MD5
    qop: str = ""

    def challenge(self) -> str:
        more = (f', qop="{self.qop}"' if self.qop else "") + (f", algorithm={self.algorithm}" if self.algorithm else "")
        return f'Digest realm="{REALM}", nonce="{NONCE}"{more}'

    def accepts(self, request: Connection.Request) -> bool:
        """Whether a request carries the right answer to the challenge."""
        given = {name: a or b for name, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s",]+))', request.headers.get("authorization", ""))}
        challenge = Challenge({"SHA-256": "sha256"}.get(self.algorithm, "md5"), REALM, NONCE)
        quality = Quality(self.qop, given.get("nc", ""), given.get("cnonce", "")) if self.qop else None
        wanted = response(challenge, self.user, self.password, request.method, given.get("uri", ""), quality)
        return (given.get("username"), given.get("qop", ""), given.get("response")) == (self.user, self.qop, wanted)


def sdp(codec: str, parameters: Sequence[bytes]) -> str:
    """The description of a stream with these parameter sets (H.264: SPS, PPS; HEVC: VPS, SPS, PPS)."""
    coded = [base64.b64encode(unit).decode() for unit in parameters]
    if codec == "h264":
        sps = next(unit for unit in parameters if nal.h264_type(unit) == 7)
        sets = [text for text, unit in zip(coded, parameters, strict=True) if nal.h264_type(unit) in (7, 8)]
        name, form = "H264", f"packetization-mode=1;profile-level-id={sps[1:4].hex()};sprop-parameter-sets={','.join(sets)}"
    else:
        by_type = {nal.hevc_type(unit): text for text, unit in zip(coded, parameters, strict=True)}
        name, form = "H265", f"sprop-vps={by_type[32]};sprop-sps={by_type[33]};sprop-pps={by_type[34]}"
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=test camera", "t=0 0", "a=control:*", f"m=video 0 RTP/AVP {PAYLOAD_TYPE}"]
    lines += [f"a=rtpmap:{PAYLOAD_TYPE} {name}/{CLOCK_HZ}", f"a=fmtp:{PAYLOAD_TYPE} {form}", "a=control:track0"]
    return "\r\n".join(lines) + "\r\n"
