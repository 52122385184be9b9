"""Log-in by identity provider in the browser: in with an account that is here, refused clearly otherwise, passwords go on without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse

from dashboard.api import add_api, create_server
from dashboard.application import add_pages
from dashboard.edge import Edge
from operations.access.accounts import Accounts
from operations.access.attempts import ATTEMPTS_PER_ADDRESS
from operations.access.oidc import Client, Provider
from settings import Settings, SettingsError, settings_from
from storage.accounts import AccountStore
from storage.database import open_database
from tests.dashboard.api_world import CITY, ApiCity
from tests.identity_provider import CLIENT_ID, ISSUER, REDIRECT, SECRET, IdentityProvider
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK


class Desk:
    """A server with an identity provider, and one browser."""

    def __init__(self, city: ApiCity, folder: Path) -> None:
        self.city, self.idp = city, IdentityProvider(city.clock)
        self.engine = open_database(f"sqlite:///{folder / 'oidc.sqlite'}")
        self.accounts = Accounts(AccountStore(self.engine), city.services.organisations, city.clock, hasher=QUICK)
        self.accounts.add_user("zhang", GOOD, "operator", CITY)
        client = Client(ISSUER, CLIENT_ID, SECRET, REDIRECT, "preferred_username")
        provider = Provider(client, city.clock, transport=self.idp.transport)
        services = replace(city.services, accounts=self.accounts, oidc=provider)
        server = create_server()
        add_api(server, services)
        add_pages(server, services, [])
        self.edge = Edge(server, self.accounts, city.clock, server.routes)
        self.cookies = httpx.Cookies()

    def ask(self, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="https://city.test", cookies=self.cookies) as client:
                answer = await client.request(method, path, **more)
                self.cookies = client.cookies
                return answer

        answer: httpx.Response = self.city.run(send())
        return answer

    def come_back(self, name: str = "zhang", next_path: str = "/wall", **change: str) -> httpx.Response:
        left = self.ask("/login/oidc", params={"next": next_path})
        assert left.status_code == 303
        brought = self.idp.approve(left.headers["location"], name) | change
        return self.ask("/login/oidc/return", params={"lang": "en"} | brought)

    def me(self) -> Any:
        return self.ask("/api/v1/me").json()


@pytest.fixture
def desk(city: ApiCity, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(city, tmp_path)
    yield made
    made.engine.dispose()


def test_in_with_the_role_and_scope_of_the_account_here(desk: Desk) -> None:
    assert "/login/oidc?next=" in desk.ask("/login").text
    entered = desk.come_back(next_path="/admin?x=1")
    assert (entered.status_code, entered.headers["location"]) == (303, "/admin?x=1")
    session = next(c for c in entered.headers.get_list("set-cookie") if c.startswith("liandong_session="))
    assert "HttpOnly" in session
    assert "Secure" in session
    me = desk.me()
    assert (me["name"], me["role"], me["org_code"]) == ("zhang", "operator", CITY)
    [kept] = desk.city.run(desk.accounts.sessions_of("zhang"))
    assert kept.how == "oidc"
    assert "liandong_oidc" not in desk.cookies


def test_the_cookie_of_the_way_there_is_for_nothing_else(desk: Desk) -> None:
    cookie = desk.ask("/login/oidc").headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/login/oidc", "Max-Age=600"} <= set(cookie.split("; "))


@pytest.mark.parametrize("name", ["nobody", "Zhang", "zhang ", "<b>x</b>", "x" * 3_000, "a\x00b"])
def test_whom_nobody_knows_here_is_told_so(desk: Desk, name: str) -> None:
    refused = desk.come_back(name)
    assert refused.status_code == 403
    assert "There is no account" in refused.text
    assert "<b>x</b>" not in refused.text
    assert desk.ask("/api/v1/me").status_code == 401
    assert desk.accounts.user(name) is None


def test_disabled_and_demo_accounts_stay_out(desk: Desk) -> None:
    desk.accounts.disable_user("zhang")
    desk.accounts.ensure_demo_accounts()
    for name in ("zhang", "admin"):
        assert desk.come_back(name).status_code == 403
    assert desk.ask("/api/v1/me").status_code == 401


def test_an_account_with_a_second_factor_is_asked_for_it(desk: Desk) -> None:
    desk.accounts._store.set_totp("zhang", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0, [])
    asked = desk.come_back()
    assert (asked.status_code, 'name="ticket"' in asked.text) == (200, True)
    assert desk.ask("/api/v1/me").status_code == 401
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked.text).group(1)  # type: ignore[union-attr]
    wrong = desk.ask("/login/code", "POST", data={"ticket": ticket, "code": "000000"}, headers={"Origin": "https://city.test"})
    assert wrong.status_code == 401


@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test", "/\\evil.test", "javascript:x"])
def test_it_leads_nowhere_else(desk: Desk, target: str) -> None:
    assert desk.come_back(next_path=target).headers["location"] == "/"


def test_a_replayed_or_foreign_answer_is_refused_clearly(desk: Desk) -> None:
    left = desk.ask("/login/oidc")
    brought = desk.idp.approve(left.headers["location"], "zhang")
    mine, desk.cookies = desk.cookies, httpx.Cookies()
    planted = desk.ask("/login/oidc/return", params=brought | {"lang": "zh"})  # an address that somebody else sends to a victim
    assert planted.status_code == 401
    assert "统一身份认证结果无效" in planted.text
    desk.cookies = mine
    assert desk.ask("/login/oidc/return", params=brought).status_code == 401
    assert desk.come_back(state="another").status_code == 401
    assert desk.ask("/api/v1/me").status_code == 401


def test_a_wall_stays_a_wall(desk: Desk) -> None:
    desk.come_back(next_path="/wall?screen=all")
    assert desk.me()["role"] == "viewer"


def test_passwords_go_on_when_the_provider_is_down(desk: Desk) -> None:
    desk.idp.answer = JSONResponse({}, 502)
    down = desk.ask("/login/oidc?lang=en&next=/admin")
    assert down.status_code == 503
    assert "Log in with your password" in down.text
    assert 'value="/admin"' in down.text
    form = {"name": "zhang", "password": GOOD, "next": "/admin"}
    entered = desk.ask("/login", "POST", data=form, headers={"Origin": "https://city.test"})
    assert entered.headers["location"] == "/admin"


def test_guessing_answers_is_locked(desk: Desk) -> None:
    for i in range(ATTEMPTS_PER_ADDRESS):
        assert desk.ask("/login/oidc/return", params={"state": f"guess-{i}", "code": "x"}).status_code == 401
    assert desk.come_back().status_code == 429


def test_without_a_provider_there_is_nothing(city: ApiCity) -> None:
    server = create_server()
    add_pages(server, city.services, [])
    assert not [route for route in server.routes if "oidc" in getattr(route, "path", "")]


GOOD_SETTINGS = {
    "oidc_issuer": "https://idp.police.test/realm",
    "oidc_client_id": "liandong",
    "oidc_secret_file": Path("secret"),
    "oidc_redirect": "https://city.test/login/oidc/return",
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"oidc_issuer": "http://idp.police.test"}, "oidc_issuer is"),
        ({"oidc_issuer": "https://idp.police.test/?x"}, "oidc_issuer is"),
        ({"oidc_redirect": ""}, "oidc_redirect is ''"),
        ({"oidc_redirect": "https://city.test/elsewhere"}, "login/oidc/return"),
        ({"oidc_client_id": ""}, "oidc_client_id"),
        ({"oidc_secret_file": None}, "oidc_secret_file"),
        ({"oidc_claim": ""}, "oidc_claim"),
    ],
)
def test_settings_that_do_not_fit_together(change: dict[str, Any], said: str) -> None:
    assert Settings(**GOOD_SETTINGS).oidc_claim == "preferred_username"
    with pytest.raises(SettingsError, match=said):
        Settings(**GOOD_SETTINGS | change)


def test_settings_come_from_the_environment() -> None:
    given = {f"LIANDONG_{name.upper()}": str(value) for name, value in GOOD_SETTINGS.items()}
    assert settings_from({}, given) == Settings(**GOOD_SETTINGS)
