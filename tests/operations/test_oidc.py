"""The identity provider's answers: whom they let in, and every way in which one proves nothing."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, PlainTextResponse, Response

from operations.access.oidc import AWAY_S, KEYS_AGAIN_AFTER_S, KEYS_FOR_S, LEEWAY_S, Client, LoginRefused, Provider, ProviderUnavailable
from tests.identity_provider import CLIENT_ID, ISSUER, REDIRECT, SECRET, IdentityProvider
from tests.operations.access_world import clock


class World:
    def __init__(self) -> None:
        self.clock = clock()
        self.idp = IdentityProvider(self.clock)
        self.provider = Provider(
            Client(ISSUER, CLIENT_ID, SECRET, REDIRECT, "preferred_username"), self.clock, transport=self.idp.transport
        )

    async def log_in(self, name: str = "zhang") -> str:
        leaving = await self.provider.set_out("/wall")
        identity = await self.provider.come_back(self.idp.approve(leaving.url, name), leaving.cookie)
        assert identity.next_path == "/wall"
        return identity.name


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_whom_the_provider_names_is_named(world: World, algorithm: str) -> None:
    world.idp.algorithm = algorithm
    assert await world.log_in("zhang") == "zhang"
    assert await world.log_in("李伟") == "李伟"


async def test_a_provider_that_wants_the_secret_in_the_form(world: World) -> None:
    world.idp.described = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert await world.log_in() == "zhang"


NOW = int(clock().unix_s())


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.test"},
        {"iss": ISSUER + "/"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"aud": []},
        {"aud": None},
        {"aud": [CLIENT_ID, "another client"]},  # without azp
        {"aud": [CLIENT_ID, "another client"], "azp": "another client"},
        {"azp": "another client"},
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"exp": NOW - LEEWAY_S},
        {"exp": None},
        {"exp": "never"},
        {"iat": NOW + LEEWAY_S + 1},
        {"iat": None},
        {"nbf": NOW + LEEWAY_S + 1},
        {"sub": None},
        {"preferred_username": None},
        {"preferred_username": ""},
        {"preferred_username": 17},
        {"preferred_username": ["zhang"]},
    ],
    ids=str,
)
async def test_a_token_with_wrong_claims_names_nobody(world: World, changes: dict[str, Any]) -> None:
    world.idp.changes = changes
    with pytest.raises(LoginRefused):
        await world.log_in()
    world.idp.changes = {}
    assert await world.log_in() == "zhang"


async def test_several_audiences_with_us_as_the_party(world: World) -> None:
    world.idp.changes = {"aud": [CLIENT_ID, "records"], "azp": CLIENT_ID}
    assert await world.log_in() == "zhang"


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("forged", ["none", "none-signed", "public-key-as-secret", "own-key", "cut", "nonsense", "empty", "long"])
async def test_a_token_that_the_provider_did_not_sign_names_nobody(world: World, forged: str) -> None:
    leaving = await world.provider.set_out("/")
    brought = world.idp.approve(leaving.url, "zhang")
    nonce = httpx.URL(leaving.url).params["nonce"]
    claims = {"iss": ISSUER, "sub": "1", "aud": CLIENT_ID, "iat": NOW, "exp": NOW + 300, "nonce": nonce, "preferred_username": "admin"}
    good = jwt.encode({"alg": "RS256", "kid": "rsa-1"}, claims, world.idp.keys["RS256"])
    by_secret = f"{part({'alg': 'HS256', 'kid': 'rsa-1'})}.{part(claims)}"
    digest = hmac.new(world.idp.keys["RS256"].as_pem(private=False), by_secret.encode(), "sha256").digest()
    world.idp.token = {
        "none": f"{part({'alg': 'none'})}.{part(claims)}.",
        "none-signed": f"{part({'alg': 'none', 'kid': 'rsa-1'})}.{part(claims)}.{good.split('.')[2]}",
        "public-key-as-secret": f"{by_secret}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}",
        "own-key": jwt.encode({"alg": "RS256", "kid": "rsa-1"}, claims, RSAKey.generate_key(2048)),
        "cut": good[:-2],
        "nonsense": "a.b.c",
        "empty": ".",
        "long": "x" * 100_000,
    }[forged]
    with pytest.raises(LoginRefused, match="token is not good"):
        await world.provider.come_back(brought, leaving.cookie)


async def test_a_state_is_good_once_in_its_own_browser_and_for_minutes(world: World) -> None:
    leaving = await world.provider.set_out("/")
    brought = world.idp.approve(leaving.url, "zhang")
    assert (await world.provider.come_back(brought, leaving.cookie)).name == "zhang"
    with pytest.raises(LoginRefused, match="state"):
        await world.provider.come_back(brought, leaving.cookie)
    for cookie in ("", "another browser's", leaving.cookie + "x"):
        leaving_again = await world.provider.set_out("/")
        brought = world.idp.approve(leaving_again.url, "zhang")
        with pytest.raises(LoginRefused, match="browser"):
            await world.provider.come_back(brought, cookie)
        with pytest.raises(LoginRefused, match="state"):  # and it is used up by that
            await world.provider.come_back(brought, leaving_again.cookie)
    late = await world.provider.set_out("/")
    brought = world.idp.approve(late.url, "zhang")
    world.clock.advance(AWAY_S)
    with pytest.raises(LoginRefused, match="too old"):
        await world.provider.come_back(brought, late.cookie)


@pytest.mark.parametrize(
    "brought", [{}, {"code": "x"}, {"code": "x", "state": ""}, {"code": "x", "state": "y" * 100_000}, {"state": "\udcff"}]
)
async def test_what_nobody_set_out_with_is_refused(world: World, brought: dict[str, str]) -> None:
    with pytest.raises(LoginRefused):
        await world.provider.come_back(brought, "")
    assert world.idp.asked == []  # the provider is not even asked


@pytest.mark.parametrize(
    "change", [{"iss": "https://evil.test"}, {"error": "access_denied"}, {"code": ""}, {"code": "x" * 5000}, {"code": "unknown"}]
)
async def test_what_is_brought_back_wrong_is_refused(world: World, change: dict[str, str]) -> None:
    leaving = await world.provider.set_out("/")
    with pytest.raises(LoginRefused):
        await world.provider.come_back(world.idp.approve(leaving.url, "zhang") | change, leaving.cookie)


async def test_a_code_of_another_log_in_does_not_fit(world: World) -> None:
    """Its verifier (PKCE) is another."""
    one, other = await world.provider.set_out("/"), await world.provider.set_out("/")
    stolen = world.idp.approve(other.url, "admin")["code"]
    with pytest.raises(LoginRefused, match="invalid_grant"):
        await world.provider.come_back(world.idp.approve(one.url, "zhang") | {"code": stolen}, one.cookie)


async def test_new_keys_are_fetched_and_old_ones_forgotten(world: World) -> None:
    await world.log_in()
    old = world.idp.keys
    world.idp.rotate()
    with pytest.raises(LoginRefused):  # asked a moment ago
        await world.log_in()
    world.clock.advance(KEYS_AGAIN_AFTER_S)
    assert await world.log_in() == "zhang"
    world.idp.keys, new = old, world.idp.keys
    fetched = world.idp.asked.count("/realm/keys")
    for _ in range(5):
        with pytest.raises(LoginRefused):
            await world.log_in()
    assert world.idp.asked.count("/realm/keys") == fetched  # a flood of unknown keys does not reach the provider
    world.idp.keys = new
    world.clock.advance(KEYS_FOR_S)
    assert await world.log_in() == "zhang"


ANSWERS: list[Response] = [
    JSONResponse({}, 500),
    JSONResponse([]),
    JSONResponse({"issuer": "https://evil.test"}),
    PlainTextResponse("<html>"),
    PlainTextResponse("x" * 300_000),
    PlainTextResponse("", 302, {"Location": "https://evil.test"}),
]


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_provider_that_answers_nonsense_is_unavailable(world: World, answer: Response) -> None:
    world.idp.answer = answer
    with pytest.raises(ProviderUnavailable):
        await world.provider.set_out("/")
    world.idp.answer = None
    leaving = await world.provider.set_out("/")
    brought = world.idp.approve(leaving.url, "zhang")
    world.idp.answer = answer
    with pytest.raises((ProviderUnavailable, LoginRefused)):
        await world.provider.come_back(brought, leaving.cookie)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
async def test_secrets_are_not_sent_in_the_clear(world: World, name: str) -> None:
    world.idp.described = {name: "http://idp.police.test/realm/x"}
    with pytest.raises(ProviderUnavailable, match="must be https"):
        await world.provider.set_out("/")


async def test_a_provider_that_is_down_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    provider = Provider(Client(ISSUER, CLIENT_ID, SECRET, REDIRECT, "sub"), clock(), transport=httpx.MockTransport(refuse))
    with pytest.raises(ProviderUnavailable, match="connection refused"):
        await provider.set_out("/")
