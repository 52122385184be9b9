"""One SOAP request to an ONVIF device: signed by WS-UsernameToken digest, answered within seconds, whatever comes back named."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from datetime import datetime
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

import httpx
import msgspec

from feeds.video.safe_xml import MOST_BYTES, BadXml, first, local, parse, text
from operations.cameras.camera_health import without_addresses
from operations.cameras.ptz_driver import PtzFailed

TIMEOUT_S = 4.0  # of one request, from the name's look-up to the end of the answer
_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
_BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"


class Device(msgspec.Struct, frozen=True):
    """Where a device is asked, and as whom. Never shown: its `repr` is without both."""

    url: str  # without name and password
    user: str
    password: str

    @staticmethod
    def of(address: str) -> Device:
        """From an address with or without `user:password@`."""
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        url = parts._replace(netloc=host).geturl()
        return Device(url, unquote(parts.username or ""), unquote(parts.password or ""))

    def at_path_of(self, address: str) -> Device:
        """The same device at the path that it names for one of its services. Its host is not believed: behind address
        translation it is wrong, and a device that lies would send us elsewhere with a signed request."""
        named = urlsplit(address)
        url = urlsplit(self.url)._replace(path=named.path or "/", query=named.query).geturl()
        return msgspec.structs.replace(self, url=url)

    def __repr__(self) -> str:
        return "Device(…)"


async def call(client: httpx.AsyncClient, device: Device, body: str, created: datetime | None) -> Element:
    """The answer's body. `created` is the device's time, aware UTC; None asks without a signature. Raises PtzFailed."""
    header = "" if created is None or not device.user else security_header(device.user, device.password, secrets.token_bytes(16), created)
    envelope = f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{_ENVELOPE}">{header}<s:Body>{body}</s:Body></s:Envelope>'
    try:
        async with asyncio.timeout(TIMEOUT_S):
            status, data = await _post(client, device.url, envelope.encode())
    except (TimeoutError, httpx.TimeoutException):
        raise PtzFailed("camera-timeout", f"The camera's control did not answer within {TIMEOUT_S:g} s; try again.") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        detail = f"The camera's control can't be reached ({type(error).__name__}); check its network and address."
        raise PtzFailed("camera-unreachable", detail) from None
    return _body(status, data)


async def _post(client: httpx.AsyncClient, url: str, content: bytes) -> tuple[int, bytes]:
    """Status and body, which is read only as far as an answer may be long."""
    headers = {"content-type": "application/soap+xml; charset=utf-8"}
    async with client.stream("POST", url, content=content, headers=headers) as response:
        pieces, read = [], 0
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            read += len(piece)
            if read > MOST_BYTES:
                raise PtzFailed("camera-bad-answer", f"The camera's control answered more than {MOST_BYTES} bytes.")
        return response.status_code, b"".join(pieces)


def _body(status: int, data: bytes) -> Element:
    if status in (401, 403):
        raise _not_authorised()
    try:
        root = parse(data)
    except BadXml as error:
        raise PtzFailed("camera-bad-answer", f"The camera's control answered {status} and what can't be read: {error}.") from None
    fault = first(root, "Body", "Fault")
    if fault is not None:
        raise _fault(fault)
    body = first(root, "Body")
    if local(root) != "Envelope" or body is None or status >= 300:
        raise PtzFailed(
            "camera-bad-answer", f"The camera's control answered {status} without a SOAP body; is the address its ONVIF service?"
        )
    return body


def _fault(fault: Element) -> PtzFailed:
    codes = [text(one).rpartition(":")[2] for one in fault.iter() if local(one) == "Value"]
    if {"NotAuthorized", "FailedAuthentication", "InvalidSecurityToken"} & set(codes):
        return _not_authorised()
    reason = text(first(fault, "Reason", "Text")) or text(first(fault, "faultstring")) or "no reason given"
    said = without_addresses("".join(c for c in reason if c.isprintable())[:150])
    return PtzFailed("camera-refused", f"The camera refused: {said} ({', '.join(codes)[:80] or 'no code'}).")


def _not_authorised() -> PtzFailed:
    detail = "The camera's control refused our name and password; correct them in the register, and check the camera's clock."
    return PtzFailed("camera-not-authorised", detail)


def security_header(user: str, password: str, nonce: bytes, created: datetime) -> str:
    """WS-UsernameToken: base64(SHA-1(nonce + created + password))."""
    at = created.strftime("%Y-%m-%dT%H:%M:%S.") + f"{created.microsecond // 1000:03d}Z"
    digest = base64.b64encode(hashlib.sha1(nonce + at.encode() + password.encode()).digest()).decode()
    return (
        f'<s:Header><Security s:mustUnderstand="1" xmlns="{_WSSE}"><UsernameToken><Username>{escape(user)}</Username>'
        f'<Password Type="{_DIGEST}">{digest}</Password>'
        f'<Nonce EncodingType="{_BASE64}">{base64.b64encode(nonce).decode()}</Nonce>'
        f'<Created xmlns="{_WSU}">{at}</Created></UsernameToken></Security></s:Header>'
    )
