"""The response of HTTP's Digest (RFC 2617, RFC 7616), which RTSP and SIP have taken over: one for who asks and for who checks. No I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Challenge:
    """What is answered: as the server said it, and `algorithm` by hashlib's name."""

    algorithm: str
    realm: str
    nonce: str


@dataclass(frozen=True)
class Quality:
    """Of protection, where one was asked for: `auth`, the count of uses of this nonce and the asker's own nonce."""

    name: str
    count: str
    own_nonce: str


def response(challenge: Challenge, user: str, password: str, method: str, uri: str, quality: Quality | None = None) -> str:
    """Proves the password without telling it. What came in undecodable bytes is hashed as those."""

    def digest(*parts: str) -> str:
        return hashlib.new(challenge.algorithm, ":".join(parts).encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

    secret, asked = digest(user, challenge.realm, password), digest(method, uri)
    if quality is None:
        return digest(secret, challenge.nonce, asked)
    return digest(secret, challenge.nonce, quality.count, quality.own_nonce, quality.name, asked)
