"""An identity provider for tests: discovery, keys, codes and tokens as OpenID Connect wants them, and every way to get them wrong."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dispatch.clock import ManualClock

ISSUER = "https://idp.police.test/realm"
CLIENT_ID, SECRET = "liandong desk", "s3cret/+&="
REDIRECT = "https://city.test/login/oidc/return"


class IdentityProvider:
    """In this process; `transport` leads to it from any address."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.keys: dict[str, Any] = {
            "RS256": RSAKey.generate_key(2048, {"kid": "rsa-1"}),
            "ES256": ECKey.generate_key("P-256", {"kid": "ec-1"}),
        }
        self.algorithm = "RS256"
        self.changes: dict[str, Any] = {}  # of the next token's claims; None leaves one out
        self.token: str | None = None  # instead of one that is made
        self.described: dict[str, Any] = {}  # changes of the metadata
        self.answer: Response | None = None  # to everything
        self.asked: list[str] = []  # paths
        self._codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/realm/.well-known/openid-configuration", self._describe),
            Route("/realm/keys", self._publish),
            Route("/realm/token", self._exchange, methods=["POST"]),
        ]
        self.transport = httpx.ASGITransport(Starlette(routes=routes))

    def approve(self, address: str, name: str) -> dict[str, str]:
        """What the browser brings back when somebody logged in at `address`."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{ISSUER}/login?")
        assert (asked["client_id"], asked["redirect_uri"], asked["response_type"]) == (CLIENT_ID, REDIRECT, "code")
        assert (asked["code_challenge_method"], "openid" in asked["scope"].split()) == ("S256", True)
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked | {"name": name}
        return {"code": code, "state": asked["state"], "iss": ISSUER}

    def rotate(self) -> None:
        self.keys = {"RS256": RSAKey.generate_key(2048, {"kid": "rsa-2"}), "ES256": ECKey.generate_key("P-256", {"kid": "ec-2"})}

    async def _describe(self, request: Request) -> Response:
        base = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/login",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        return self._say(request, base | self.described)

    async def _publish(self, request: Request) -> Response:
        return self._say(request, KeySet(list(self.keys.values())).as_dict())

    async def _exchange(self, request: Request) -> Response:
        """A code once, for whom it was made: client, secret, address and PKCE are checked."""
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        known = base64.b64encode(b"liandong+desk:s3cret%2F%2B%26%3D").decode()
        by_header = request.headers.get("authorization") == f"Basic {known}"
        by_form = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, SECRET)
        if asked is None or form["redirect_uri"] != REDIRECT or challenge != asked["code_challenge"] or not (by_header or by_form):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return self._say(request, {"access_token": "a", "token_type": "Bearer", "id_token": self.token or self._token(asked)})

    def _token(self, asked: dict[str, str]) -> str:
        now_s = int(self.clock.unix_s())
        claims = {"iss": ISSUER, "sub": "u-17", "aud": CLIENT_ID, "iat": now_s, "exp": now_s + 300, "nonce": asked["nonce"]}
        claims |= {"preferred_username": asked["name"]} | self.changes
        key = self.keys[self.algorithm]
        header = {"alg": self.algorithm, "kid": key.kid}
        return jwt.encode(header, {name: value for name, value in claims.items() if value is not None}, key, algorithms=[self.algorithm])

    def _say(self, request: Request, content: Any) -> Response:
        self.asked.append(request.url.path)
        return self.answer or JSONResponse(content)
