"""Logging in to a device over RTSP: Basic, and Digest with MD5 or SHA-256, with `qop=auth` or without (RFC 2617, RFC 7616)."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from itertools import zip_longest

from feeds.digest_response import Challenge, Quality, response

_SCHEME = re.compile(r"(?:^|,)\s*(Digest|Basic)(?=\s|$)", re.IGNORECASE)
# Looked for at the beginning of a word only: a long word without a value is not read again from each of its letters.
_PARAMETER = re.compile(r'(?<![\w-])([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_ALGORITHMS = {"": "md5", "MD5": "md5", "SHA-256": "sha256"}  # by hashlib's names
_STRENGTH = ("basic", "md5", "sha256")


class Login:
    """As whom one device is asked. Neither name nor password is in its `repr`, and nothing of it is logged."""

    def __init__(self, user: str, password: str) -> None:
        """Raises ValueError for a name that would end its line."""
        if not (user + password).isprintable():
            raise ValueError("control characters in a name or password")
        self._user, self._password = user, password
        self._challenge: Challenge | None = None
        self._strength = ""  # how it is answered, empty: not yet asked for
        self._named = ""  # the algorithm, as it was named
        self._opaque = ""
        self._has_quality, self._count = False, 0

    def challenged(self, fields: Sequence[str]) -> bool:
        """Whether one of these challenges can be answered; the strongest is, from now on."""
        if not self._user and not self._password:
            return False
        offered = [one for field in fields for one in _challenges(field)]
        best = max(offered, key=lambda one: _STRENGTH.index(one[0]), default=None)
        if best is None:
            return False
        self._strength, given = best
        self._challenge = Challenge(self._strength, given.get("realm", ""), given.get("nonce", ""))
        self._named, self._opaque = given.get("algorithm", ""), given.get("opaque", "")
        self._has_quality, self._count = bool(given.get("qop")), 0
        return True

    def credentials(self, method: str, uri: str) -> str:
        """What proves it for one request; empty before it was asked for."""
        if self._challenge is None:
            return ""
        if self._strength == "basic":
            return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        quality = None
        if self._has_quality:
            self._count += 1
            quality = Quality("auth", f"{self._count:08x}", secrets.token_hex(8))
        proof = response(self._challenge, self._user, self._password, method, uri, quality)
        said = {"username": self._user, "realm": self._challenge.realm, "nonce": self._challenge.nonce, "uri": uri, "response": proof}
        if self._opaque:
            said["opaque"] = self._opaque
        fields = [f'{name}="{_quoted(value)}"' for name, value in said.items()]
        if self._named:
            fields.append(f"algorithm={self._named}")
        if quality is not None:
            fields += [f"qop={quality.name}", f"nc={quality.count}", f'cnonce="{quality.own_nonce}"']
        return "Digest " + ", ".join(fields)


def _challenges(field: str) -> list[tuple[str, dict[str, str]]]:
    """Those of a header that can be answered, each with what it says."""
    found = []
    places = [*_SCHEME.finditer(field)]
    for place, following in zip_longest(places, places[1:]):
        said = field[place.end() : following.start() if following else len(field)]
        given = {name.lower(): _unquoted(quoted) or plain for name, quoted, plain in _PARAMETER.findall(said)}
        if place[1].lower() == "basic":
            found.append(("basic", given))
            continue
        algorithm = _ALGORITHMS.get(given.get("algorithm", "").upper())
        qualities = [one.strip().lower() for one in given.get("qop", "auth").split(",")]
        if algorithm is not None and "auth" in qualities and given.get("nonce"):
            found.append((algorithm, given))
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
