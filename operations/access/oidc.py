"""Log-in with an identity provider of the police network: OpenID Connect, authorization code with PKCE, state and nonce.

The provider says who somebody is, nothing more: the account of that name, with its role and scope, must be here already. What a
browser brings back is believed only with the cookie of the browser that set out, once, within minutes, and with a token that the
provider's own keys signed for us.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from dispatch.clock import Clock

# Asymmetric ones only: with a shared secret, whoever can check a token could make one. Never `none`.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
AWAY_S = 600.0  # from setting out to coming back
MOST_AWAY = 10_000
LEEWAY_S = 60  # between our clock and the provider's
KNOWN_FOR_S = 3600.0  # what the provider says of itself
KEYS_FOR_S = 300.0  # a key that was withdrawn is believed no longer
KEYS_AGAIN_AFTER_S = 30.0  # an unknown key is asked for no more often
TIMEOUT_S = 5.0
ANSWER_BYTES = 256 * 1024
LONGEST_VALUE = 4096  # of what a browser brings back

Json = dict[str, Any]


class ProviderUnavailable(Exception):
    """The identity provider does not answer, or not as one does; the message says how."""


class LoginRefused(Exception):
    """What came back does not prove who it is; the message says why, for the log."""


class Away(msgspec.Struct, frozen=True):
    """A browser that was sent to the provider."""

    browser_sha256: str
    nonce: str
    verifier: str
    next_path: str
    until_s: float


class SetOut(msgspec.Struct, frozen=True):
    """Where to send a browser, and the cookie that it must bring back."""

    url: str
    cookie: str


class Identity(msgspec.Struct, frozen=True):
    """Who the provider says it is, and where the browser wanted to go."""

    name: str
    next_path: str


class Client(msgspec.Struct, frozen=True):
    """How we are known to the provider. `redirect` is our own address that browsers come back to, `claim` carries the account's name."""

    issuer: str
    client_id: str
    secret: str
    redirect: str
    claim: str


class Provider:
    """One identity provider. On the event loop; keeps no connection open."""

    def __init__(
        self, client: Client, clock: Clock, ca_file: Path | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._ca_file = ca_file
        self._transport = transport
        self._away: dict[str, Away] = {}  # by SHA-256 of the state; a restart forgets them
        self._described: tuple[float, Json] | None = None  # until when, what the provider says of itself
        self._keys: tuple[float, KeySet] | None = None  # when fetched, its keys

    async def set_out(self, next_path: str) -> SetOut:
        """Raises ProviderUnavailable."""
        described, now_s = await self._description(), self._clock.unix_s()
        if len(self._away) >= MOST_AWAY:
            self._away = {state: away for state, away in self._away.items() if away.until_s > now_s}
            if len(self._away) >= MOST_AWAY:
                raise ProviderUnavailable("too many log-ins are under way")
        state, nonce, verifier, cookie = (secrets.token_urlsafe(32) for _ in range(4))
        self._away[_sha256(state)] = Away(_sha256(cookie), nonce, verifier, next_path, now_s + AWAY_S)
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": self._client.redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        endpoint = described["authorization_endpoint"]
        return SetOut(f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}", cookie)

    async def come_back(self, brought: dict[str, str], cookie: str) -> Identity:
        """Who it is. `brought` is what the address holds. Raises LoginRefused and ProviderUnavailable."""
        away = self._away.pop(_sha256(brought.get("state", "")), None)  # once, whatever follows
        if away is None or away.until_s <= self._clock.unix_s():
            raise LoginRefused("the state is unknown, used or too old")
        if not secrets.compare_digest(away.browser_sha256, _sha256(cookie)):
            raise LoginRefused("another browser set out")
        if brought.get("iss", self._client.issuer) != self._client.issuer:  # RFC 9207
            raise LoginRefused(f"the answer is of issuer {brought['iss'][:200]!r}")
        if "error" in brought:
            raise LoginRefused(f"the provider says {brought['error'][:200]!r}")
        code = brought.get("code", "")
        if not 0 < len(code) <= LONGEST_VALUE:
            raise LoginRefused("there is no code, or one too long")
        claims = await self._claims(await self._exchange(code, away.verifier), away.nonce)
        name = claims.get(self._client.claim)
        if not isinstance(name, str) or not name:
            raise LoginRefused(f"the token has no claim {self._client.claim!r}")
        return Identity(name, away.next_path)

    async def _exchange(self, code: str, verifier: str) -> str:
        """The identity token for a code."""
        client, described = self._client, await self._description()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect, "code_verifier": verifier}
        if "client_secret_basic" in described.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            auth: httpx.BasicAuth | None = httpx.BasicAuth(*(_form_encoded(part) for part in (client.client_id, client.secret)))
        else:
            auth, form = None, form | {"client_id": client.client_id, "client_secret": client.secret}
        status, answer = await self._ask("POST", described["token_endpoint"], data=form, auth=auth)
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise LoginRefused(f"the code was not taken: {status} {str(answer.get('error', ''))[:200]!r}")
        return token

    async def _claims(self, token: str, nonce: str) -> Json:
        """What the token says, once it is the provider's, for us, of this log-in and of now."""
        client = self._client
        try:
            try:
                read = jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:  # the provider has new keys
                read = jwt.decode(token, await self._key_set(again=True), algorithms=ALGORITHMS)
            claims: Json = read.claims
            jwt.JWTClaimsRegistry(
                now=int(self._clock.unix_s()),
                leeway=LEEWAY_S,
                iss={"essential": True, "value": client.issuer},
                sub={"essential": True},
                aud={"essential": True, "value": client.client_id},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise LoginRefused(f"the token is not good: {type(error).__name__}: {str(error)[:200]}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client.client_id) != client.client_id:
            raise LoginRefused("the token was made for another party")
        return claims

    async def _description(self) -> Json:
        """The provider's own metadata (OpenID Connect Discovery), believed for an hour."""
        if self._described is not None and self._described[0] > self._clock.unix_s():
            return self._described[1]
        status, found = await self._ask("GET", f"{self._client.issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != 200 or found.get("issuer") != self._client.issuer:
            raise ProviderUnavailable(f"{self._client.issuer} describes itself as {str(found.get('issuer'))[:200]!r} ({status})")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            scheme = urlsplit(str(found.get(name, ""))).scheme
            if scheme != "https" and scheme != urlsplit(self._client.issuer).scheme:
                raise ProviderUnavailable(f"{name} is {str(found.get(name))[:200]!r}; it must be https")
        self._described = (self._clock.unix_s() + KNOWN_FOR_S, found)
        return found

    async def _key_set(self, again: bool = False) -> KeySet:
        now_s = self._clock.unix_s()
        if self._keys is not None and now_s - self._keys[0] < (KEYS_AGAIN_AFTER_S if again else KEYS_FOR_S):
            return self._keys[1]
        status, found = await self._ask("GET", (await self._description())["jwks_uri"])
        if status != 200:
            raise ProviderUnavailable(f"its keys can't be had ({status})")
        try:
            keys = KeySet.import_key_set(found)  # type: ignore[arg-type]
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderUnavailable(f"its keys can't be read: {type(error).__name__}") from error
        self._keys = (now_s, keys)
        return keys

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, Json]:
        """Status and JSON object of an answer; bounded in time and size, and never redirected."""
        body = bytearray()
        try:
            async with asyncio.timeout(TIMEOUT_S), await self._http() as http, http.stream(method, url, **more) as answer:
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES:
                        raise ProviderUnavailable(f"{url} answers with more than {ANSWER_BYTES} bytes")
            found = msgspec.json.decode(body) if body else {}
        except TimeoutError:
            raise ProviderUnavailable(f"{url} does not answer within {TIMEOUT_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, msgspec.DecodeError) as error:
            raise ProviderUnavailable(f"{url}: {type(error).__name__}: {str(error)[:200]}") from error
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{url} answers with something else than an object")
        return answer.status_code, found

    async def _http(self) -> httpx.AsyncClient:
        transport = self._transport
        if transport is None:  # in a thread: reading certificates takes long
            context = await asyncio.to_thread(ssl.create_default_context, cafile=self._ca_file)
            transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
        return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=TIMEOUT_S)


def _form_encoded(text: str) -> str:
    """As RFC 6749, 2.3.1, wants client id and secret before they are joined."""
    return urlencode({"": text})[1:]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
