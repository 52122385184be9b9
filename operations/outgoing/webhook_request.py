"""One request to a webhook: where it may go, how it is signed, what its answer means, when the next one may be.

Headers and signature are those of Standard Webhooks, so that receivers can use any of its libraries. Redirects are not
followed, proxies of the environment are not used, and of the answer nothing is kept but its status.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import ssl
from collections.abc import Collection

import httpx
import msgspec

LONGEST_URL = 500  # characters
TIMEOUT_S = 5.0  # for the whole request, from the name's lookup to the end of the answer
ANSWER_BYTES = 64 * 1024  # read of an answer so that its connection can be used again; a longer one is cut off
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 600.0
GONE = 410  # the receiver asks for no more
SECRET_PREFIX = "whsec_"
SECRET_BYTES = (24, 64)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class BadUrl(ValueError):
    """An address that nothing is sent to; the message says why and what would do."""


class BadSecret(ValueError):
    """A secret that can't be used; the message says what would do."""


class Answer(msgspec.Struct, frozen=True):
    """How a request ended. `status` None: there was no answer. `reason` is empty when the receiver has taken the events."""

    status: int | None
    duration_ms: float
    reason: str = ""


def check_url(url: str, allowed: Collection[str]) -> str:
    """The address as it will be sent to. `allowed` are hosts, or host:port (`[::1]:9000`), in small letters. Raises BadUrl."""
    if len(url) > LONGEST_URL:
        raise BadUrl(f"has {len(url)} characters; use at most {LONGEST_URL}")
    try:
        # The same reading that the request is made with: two readings of one address are how filters are passed by.
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise BadUrl(f"{url[:60]!r} is no address; write http://host:port/path") from None
    if parsed.scheme not in ("http", "https"):
        raise BadUrl(f"{parsed.scheme[:20]!r} is no scheme to post to; use http or https")
    if parsed.userinfo:
        raise BadUrl("holds a name or password; leave it out and check the signature instead")
    if parsed.fragment:
        raise BadUrl("holds a fragment, which is never sent; leave out what follows #")
    host = parsed.raw_host.decode("ascii").lower()
    port = parsed.port if parsed.port is not None else 443 if parsed.scheme == "https" else 80
    if not 0 < port < 65536:
        raise BadUrl(f"has port {port}; a TCP port is 1 to 65535")
    written = f"[{host}]" if ":" in host else host
    if not {host, written, f"{written}:{port}"} & set(allowed):
        listed = ", ".join(sorted(allowed)[:10]) or "none"
        raise BadUrl(f"host {written}:{port} is not allowed (allowed: {listed}); ask who runs the server to add it to webhook_hosts")
    # What would be escaped could make it longer than the column.
    if len(str(parsed)) > LONGEST_URL:
        raise BadUrl(f"has {len(str(parsed))} characters once escaped; use at most {LONGEST_URL}")
    return str(parsed)


def new_secret() -> str:
    """A secret nobody has seen."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that sign. Raises BadSecret."""
    try:
        if not secret.startswith(SECRET_PREFIX):
            raise binascii.Error
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret(f"is not {SECRET_PREFIX} with base64 behind it; leave it out and one is made") from None
    if not SECRET_BYTES[0] <= len(key) <= SECRET_BYTES[1]:
        raise BadSecret(f"holds {len(key)} bytes; use {SECRET_BYTES[0]} to {SECRET_BYTES[1]}, or leave it out and one is made")
    return key


def signed_headers(secret: str, delivery_id: str, at: int, body: bytes) -> dict[str, str]:
    """Id, time (whole Unix seconds) and HMAC-SHA256 over `id.time.body`."""
    signature = hmac.new(key_of(secret), f"{delivery_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
        "content-type": "application/json",
        "user-agent": "Liandong",
    }


def pause_s(failures: int, chance: float) -> float:
    """How long to wait after that many failures in a row (1 or more): twice as long each time up to a cap, and between half and
    all of it by `chance` (0 to 1), so that receivers that fail together aren't asked again together."""
    whole = min(FIRST_PAUSE_S * 2.0 ** min(failures - 1, 30), LONGEST_PAUSE_S)
    return whole * (0.5 + 0.5 * chance)


def new_client(connections: int) -> httpx.AsyncClient:
    """Built in a thread: reading the machine's certificates takes long. Trusts what the machine trusts."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    context = ssl.create_default_context()
    return httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S, limits=limits)


async def post(client: httpx.AsyncClient, url: str, body: bytes, headers: dict[str, str], timeout_s: float = TIMEOUT_S) -> Answer:
    """Send and read the answer's status; whatever goes wrong outside is an answer too."""
    loop = asyncio.get_running_loop()
    begun = loop.time()

    def ended(status: int | None, reason: str) -> Answer:
        return Answer(status, round((loop.time() - begun) * 1000.0, 1), reason[:200])

    status: int | None = None
    try:
        async with asyncio.timeout(timeout_s), client.stream("POST", url, content=body, headers=headers) as response:
            status = response.status_code
            read = 0
            async for piece in response.aiter_raw():
                read += len(piece)
                if read > ANSWER_BYTES:
                    break
    except TimeoutError:
        reason = f"no answer within {timeout_s:g} s"
    except (httpx.HTTPError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
    if status is None:
        return ended(None, reason)
    if 200 <= status < 300:
        return ended(status, "")  # also when the rest of the answer never came
    if 300 <= status < 400:
        return ended(status, f"answered {status}; redirects are not followed, give the final address")
    return ended(status, f"answered {status}")
