"""A device of GB/T 28181 for tests: what it writes, and how it answers a challenge. Written apart from the listener's own code."""

from __future__ import annotations

import hashlib
import re
from typing import Any

PLATFORM = "33020000002000000001"
REALM = "3302000000"


class Device:
    """Writes the messages of one device."""

    def __init__(self, device_id: str, password: str = "secret", transport: str = "UDP", host: str = "10.0.0.9", port: int = 5060) -> None:
        self.device_id, self.password = device_id, password
        self._via = f"SIP/2.0/{transport} {host}:{port};rport;branch=z9hG4bK"
        self._cseq = 0

    def request(self, method: str, body: bytes = b"", *more: str) -> bytes:
        self._cseq += 1
        lines = [
            f"{method} sip:{PLATFORM}@{REALM} SIP/2.0",
            f"Via: {self._via}{self._cseq}",
            f"From: <sip:{self.device_id}@{REALM}>;tag=17",
            f"To: <sip:{PLATFORM if method != 'REGISTER' else self.device_id}@{REALM}>",
            f"Call-ID: {self.device_id}-{method}",
            f"CSeq: {self._cseq} {method}",
            "Max-Forwards: 70",
            *more,
            f"Content-Length: {len(body)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def register(self, challenge: bytes | None = None, expires: int = 3600, algorithm: str = "MD5", *more: str) -> bytes:
        fields = [f"Contact: <sip:{self.device_id}@10.0.0.9:5060>", f"Expires: {expires}", *more]
        if challenge is not None:
            fields.append("Authorization: " + self._credentials(challenge.decode(), algorithm))
        return self.request("REGISTER", b"", *fields)

    def notify(
        self, command: str, *lines: str, kind: str = "Notify", sn: Any = 7, encoding: str = "GB2312", method: str = "MESSAGE"
    ) -> bytes:
        return self.request(
            method, xml(kind, command, self.device_id, *lines, sn=sn, encoding=encoding), "Content-Type: Application/MANSCDP+xml"
        )

    def ok(self, asked: bytes, status: str = "200 OK") -> bytes:
        """The answer to a request of the platform."""
        head = asked.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        kept = [line for line in head if line.startswith(("Via", "From", "Call-ID", "CSeq"))]
        to = next(line for line in head if line.startswith("To:"))
        return "\r\n".join([f"SIP/2.0 {status}", *kept, to if "tag=" in to else f"{to};tag=d1", "Content-Length: 0", "", ""]).encode()

    def _credentials(self, challenge: str, algorithm: str) -> str:
        nonces = re.findall(r'nonce="([^"]+)"', challenge)
        uri = f"sip:{PLATFORM}@{REALM}"

        def h(text: str) -> str:
            return hashlib.new({"MD5": "md5", "SHA-256": "sha256", "SM3": "sm3"}[algorithm], text.encode()).hexdigest()

        response = h(f"{h(f'{self.device_id}:{REALM}:{self.password}')}:{nonces[0]}:{h(f'REGISTER:{uri}')}")
        return (
            f'Digest username="{self.device_id}", realm="{REALM}", nonce="{nonces[0]}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}'
        )


def xml(kind: str, command: str, device_id: str, *lines: str, sn: Any = 7, encoding: str = "GB2312") -> bytes:
    head = f'<?xml version="1.0" encoding="{encoding}"?>\r\n<{kind}>\r\n<CmdType>{command}</CmdType>\r\n<SN>{sn}</SN>\r\n'
    text = head + f"<DeviceID>{device_id}</DeviceID>\r\n" + "\r\n".join(lines) + f"\r\n</{kind}>\r\n"
    return text.encode("utf-8" if encoding == "UTF-8" else "gb18030")


def item(channel_id: str, name: str = "中山东路1", **fields: Any) -> str:
    told = {"DeviceID": channel_id, "Name": name, "Manufacturer": "Acme", "Model": "C1", "CivilCode": "330203", "Status": "ON"} | fields
    return "<Item>" + "".join(f"<{tag}>{value}</{tag}>" for tag, value in told.items()) + "</Item>"


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def serial_of(asked: bytes) -> str:
    found = re.search(rb"<SN>(\d+)</SN>", asked)
    assert found is not None, asked
    return found.group(1).decode()
