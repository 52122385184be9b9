"""What may be said of a camera, whichever way it comes in: its properties checked by name, its addresses checked without being repeated.

A refusal never holds an address or a part of one: refusals are read in logs, in feeds' answers and on paper.
"""

from __future__ import annotations

import ipaddress
import math
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from dispatch.errors import RuleViolation
from operations.cameras import recorder_address
from operations.situation.elements import PRIVATE_PROPERTIES

LONGEST_URL = 2_000  # characters
MOST_PROPERTIES, LONGEST_PROPERTIES = 60, 8 * 1024  # of one camera; bytes of JSON
PICTURE_SCHEMES = frozenset({"rtsp", "rtsps", "http", "https", "gb28181"})  # the last: gb28181://device/channel, by an engine
SCHEMES = {"control_url": frozenset({"http", "https"}), "recorder_url": frozenset({"rtsp", "rtsps"})}
_SOME_TIME = datetime(2026, 11, 30, 14, 25, tzinfo=UTC)  # every one is written with the same characters
CODECS = ("h264", "h265", "mjpeg", "mpeg4", "av1")
_OTHER_CODECS = {"h.264": "h264", "avc": "h264", "h.265": "h265", "hevc": "h265", "jpeg": "mjpeg", "mpeg-4": "mpeg4"}
# Characters of RFC 3986: what is outside must be written as %XX, so that every reader of the address reads the same.
_URL = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=._~%-]+")
_ADDRESS_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^\s\"]+:[^\s\"]+@[A-Za-z0-9\[]")
# Columns of lists that others made, in which whoever wrote them keeps how to log in.
_SECRET_NAME = re.compile(
    r"password|passwd|passphrase|pwd|secret|credential|token|username|密码|口令|密钥|凭证|用户名|账号|帐号|账户|帐户"
    r"|(?<![a-z])(?:pass|psw|pw|user|login|auth|account)(?![a-z])",
    re.IGNORECASE,
)
_NAME_IN_JSON = re.compile(r'"((?:[^"\\]|\\.)*)":')
_NO_PROPERTY = "addresses and passwords are no properties; give url, substream_url, control_url, recorder_url"


class BadCamera(RuleViolation):
    """A value of a camera that can't be taken; `field` names it."""

    def __init__(self, field: str, detail: str, rule: str = "bad_property") -> None:
        super().__init__(rule, f"{field}: {detail}")
        self.field = field
        self.said = detail


def checked_address(field: str, url: str, loopback: bool = False) -> str:
    """The address as it is kept; empty stays empty. `loopback`: whether this machine itself may be named. Raises BadCamera."""
    if not url:
        return ""
    wrong, opened = _too_long(url), url
    if field == "recorder_url" and not wrong:
        wrong = recorder_address.wrong_with(url)
        opened = url if wrong else recorder_address.filled(url, _SOME_TIME, _SOME_TIME, UTC)
    wrong = wrong or _wrong_with(opened, SCHEMES.get(field, PICTURE_SCHEMES), loopback)
    if wrong:
        raise BadCamera(field, wrong, "bad_address")
    return url


def _too_long(url: str) -> str:
    return f"has {len(url)} characters; use at most {LONGEST_URL}" if len(url) > LONGEST_URL else ""


def _wrong_with(url: str, schemes: frozenset[str], loopback: bool) -> str:
    """Why it can't be taken, in words without any of it; empty when it can."""
    if not _URL.fullmatch(url):
        return "holds spaces, control or other characters that an address can't; write them as %XX"
    if "#" in url:
        return "holds a #; one in a password is written %23"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "can't be read as an address; write scheme://user:password@host:port/path"
    if parts.scheme.lower() not in schemes:
        return f"has a scheme that is not served; use {', '.join(sorted(schemes))}"
    if parts.netloc.count("@") > 1:
        return "holds more than one @; one in a password is written %40"
    if not parts.hostname:
        return "names no host"
    if port == 0:
        return "has port 0; a TCP port is 1 to 65535"
    return _wrong_with_host(parts, loopback)


def _wrong_with_host(parts: SplitResult, loopback: bool) -> str:
    """Cameras stand in private networks, so private addresses are right; what leads back to this machine or to nobody is not."""
    host = (parts.hostname or "").rstrip(".")
    try:
        address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        try:
            # 127.1, 0x7f000001 and 2130706433 are addresses to whoever opens a socket.
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            local = host == "localhost" or host.endswith(".localhost")
            return "names this machine itself; name the camera's host" if local and not loopback else ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return "" if loopback else "names this machine itself; name the camera's host"
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        return "names no single host (link-local, multicast or unspecified); name the camera's host"
    return ""


def checked_properties(properties: dict[str, Any], expand: Callable[[str], str]) -> dict[str, Any]:
    """The properties as they are kept: known ones in their units, the rest as they are. `expand` gives the full code of an
    organisation and raises ValueError. Raises BadCamera."""
    if len(properties) > MOST_PROPERTIES:
        raise BadCamera("properties", f"there are {len(properties)}; give at most {MOST_PROPERTIES}")
    kept: dict[str, Any] = {}
    for name, value in properties.items():
        if name.lower() in PRIVATE_PROPERTIES:
            raise BadCamera(name[:40], _NO_PROPERTY)
        if value is None or value == "":
            continue
        check = _CHECKS.get(name)
        kept[name] = value if check is None else check(name, value)
    if "org_code" in kept:
        try:
            kept["org_code"] = expand(str(kept["org_code"]))
        except ValueError as error:
            raise BadCamera("org_code", str(error)) from None
    _require_plain(kept)
    return kept


def _require_plain(properties: dict[str, Any]) -> None:
    """Properties go to every screen and into the journal: none may carry an address, under whatever name."""
    try:
        text = msgspec.json.encode(properties).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise BadCamera("properties", "can't be written as JSON; send plain values") from None
    if len(text) > LONGEST_PROPERTIES:
        raise BadCamera("properties", f"take {len(text)} bytes; send at most {LONGEST_PROPERTIES}")
    for name, value in properties.items():
        text = msgspec.json.encode(value).decode()
        if any(_SECRET_NAME.search(one) for one in (name, *_NAME_IN_JSON.findall(text))):
            raise BadCamera(name[:40].split("://")[0], _NO_PROPERTY)
        if _ADDRESS_IN_TEXT.search(name) or _ADDRESS_IN_TEXT.search(text):
            raise BadCamera(name[:40].split("://")[0], "holds an address; give it as url, substream_url, control_url or recorder_url")


def _number(least: float, most: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        try:
            number = float(value) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if not least <= number <= most:
            raise BadCamera(name, f"{str(value)[:40]!r} must be a number from {least:g} to {most:g}")
        return number

    return check


def _heading(name: str, value: Any) -> float:
    """Any finite number of degrees, clockwise from north, as 0 up to 360."""
    return round(_number(-3_600, 3_600)(name, value) % 360.0, 3)


def _text(name: str, value: Any) -> str:
    text = str(value).strip()
    if len(text) > 200 or not text.isprintable():
        raise BadCamera(name, "must be printable text of at most 200 characters")
    return text


def _codec(name: str, value: Any) -> str:
    text = str(value).strip().lower()
    text = _OTHER_CODECS.get(text, text)
    if text not in CODECS:
        raise BadCamera(name, f"{str(value)[:40]!r} is not known; use {', '.join(CODECS)}")
    return text


def _yes_or_no(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"yes": True, "true": True, "1": True, "是": True, "no": False, "false": False, "0": False, "否": False}
    text = str(value).strip().lower()
    if text not in known:
        raise BadCamera(name, f"{str(value)[:40]!r} must be yes or no")
    return known[text]


_ANGLE = _number(-360, 360)
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "heading_deg": _heading,
    "fov_deg": _number(1, 360),
    "range_m": _number(1, 5_000),
    "mast_height_m": _number(0, 300),
    "pan_min_deg": _ANGLE,
    "pan_max_deg": _ANGLE,
    "tilt_min_deg": _ANGLE,
    "tilt_max_deg": _ANGLE,
    "ptz": _yes_or_no,
    "codec": _codec,
    "substream_codec": _codec,
    "name": _text,
    "name_en": _text,
    "group": _text,
    "org_code": _text,
}
