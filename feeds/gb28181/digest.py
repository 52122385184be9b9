"""Digest authentication of a registration (RFC 3261 chapter 22, RFC 8760). No I/O.

Devices of the 2016 version know MD5; those that call themselves 2022 (`X-GB-Ver: 3.0`) are offered SHA-256 first. SM3 is taken from a
device that names it where Python's OpenSSL has it. Signed registrations (GB 35114) are not taken.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from feeds.digest_response import Challenge, Quality, response
from feeds.gb28181.sip import Message, parameter

# A challenge is good for so long; a device that is slower gets another one.
NONCE_KEPT_S = 120
_ALGORITHMS = {"": "md5", "MD5": "md5", "SHA-256": "sha256", "SM3": "sm3"}


class Challenges:
    """Makes challenges and tells which are its own, without keeping any: a nonce is its time and a code over it and who asked."""

    def __init__(self, secret: bytes, realm: str) -> None:
        self._secret = secret
        self.realm = realm

    def challenge(self, message: Message, host: str, now_s: float) -> list[tuple[str, str]]:
        """The fields of a 401, what is liked best first."""
        nonce = self._nonce(int(now_s), message.sender, host)
        offered = ["SHA-256", "MD5"] if message.get("x-gb-ver").startswith("3") else ["MD5"]
        return [("WWW-Authenticate", f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}') for name in offered]

    def refusal(self, message: Message, password: str, host: str, now_s: float) -> str:
        """Why the request's credentials are none: challenge_expired, unknown_algorithm, wrong_password; empty when they are right."""
        given = message.get("authorization")
        nonce = parameter(given, "nonce")
        if not self._is_ours(nonce, message.sender, host, now_s) or parameter(given, "realm") != self.realm:
            return "challenge_expired"
        return check(given, message.method, password)

    def _nonce(self, at: int, device_id: str, host: str) -> str:
        code = hmac.new(self._secret, f"{at}|{device_id}|{host}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
        return f"{at:x}{code[:32]}"

    def _is_ours(self, nonce: str, device_id: str, host: str, now_s: float) -> bool:
        if not re.fullmatch(r"[0-9a-f]{33,48}", nonce):
            return False
        at = int(nonce[:-32], 16)
        return 0 <= now_s - at <= NONCE_KEPT_S and hmac.compare_digest(nonce, self._nonce(at, device_id, host))


def check(credentials: str, method: str, password: str) -> str:
    """Whether an Authorization field proves the password: empty, or why not. The user name in it is the device's own affair."""
    name = _ALGORITHMS.get(parameter(credentials, "algorithm").upper())
    if not credentials.lower().startswith("digest ") or name is None or name not in hashlib.algorithms_available:
        return "unknown_algorithm"

    challenge = Challenge(name, parameter(credentials, "realm"), parameter(credentials, "nonce"))
    named = parameter(credentials, "qop")
    quality = Quality(named, parameter(credentials, "nc"), parameter(credentials, "cnonce")) if named else None
    expected = response(challenge, parameter(credentials, "username"), password, method, parameter(credentials, "uri"), quality)
    given = parameter(credentials, "response").lower().encode("utf-8", "surrogateescape")
    return "" if hmac.compare_digest(given, expected.encode()) else "wrong_password"
