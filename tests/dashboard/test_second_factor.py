"""The second factor in the browser: what an administrator without one reaches, setting it up, the second step of the log-in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from dashboard.api import add_api, create_server
from dashboard.application import add_pages
from dashboard.edge import Edge
from operations.access.accounts import Accounts
from operations.access.attempts import ATTEMPTS_PER_NAME, ATTEMPTS_WINDOW_S
from operations.access.enrolment import Enrolment
from operations.access.second_factor import STEP_S
from operations.access.sessions import Sessions
from storage.accounts import AccountStore
from storage.audit import AuditLog
from storage.database import open_database
from tests.dashboard.api_world import CITY, ApiCity, problem_of
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK

numbers = count(1)


class Desk:
    """A server whose administrators need a second factor, and one browser."""

    def __init__(self, city: ApiCity, folder: Path) -> None:
        self.city, self.engine = city, open_database(f"sqlite:///{folder / 'factor.sqlite'}")
        store, log = AccountStore(self.engine), AuditLog(self.engine)
        given = city.services
        self.accounts = Accounts(store, given.organisations, city.clock, hasher=QUICK, admins_need_second_factor=True)
        sessions = Sessions(self.accounts, given.authority, log, city.clock)
        enrolment = Enrolment(store, self.accounts, log, city.clock)
        services = replace(given, accounts=self.accounts, sessions=sessions, enrolment=enrolment)
        server = create_server()
        add_api(server, services)
        add_pages(server, services, [])
        self.edge = Edge(server, self.accounts, city.clock, server.routes)
        self.name = f"boss-{next(numbers)}"
        self.accounts.add_user(self.name, GOOD, "admin", CITY)
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Origin": "http://city.test", "Accept": "text/html"} | more.pop("headers", {})

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://city.test", cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=headers, **more)
                self.cookies = client.cookies
                return answer

        answer: httpx.Response = self.city.run(send())
        return answer

    def password(self, next_path: str = "/", **more: Any) -> httpx.Response:
        return self.ask("POST", "/login?lang=en", data={"name": self.name, "password": GOOD, "next": next_path}, **more)

    def code(self, app: pyotp.TOTP) -> str:
        return app.generate_otp(int(self.city.clock.unix_s() // STEP_S))

    def enrol(self) -> tuple[pyotp.TOTP, list[str]]:
        assert self.password().status_code == 303
        assert self.ask("POST", "/account/second-factor").headers["location"] == "/account"
        page = self.ask("GET", "/account?lang=en").text
        key = re.search(r"<code>([A-Z2-7 ]{39})</code>", page)
        assert key is not None
        app = pyotp.TOTP(key.group(1).replace(" ", ""))
        done = self.ask("POST", "/account/second-factor/confirm", data={"code": self.code(app)})
        assert done.status_code == 200
        assert done.headers["cache-control"] == "no-store"
        self.city.clock.advance(STEP_S)
        return app, re.findall(r"<code>([a-z2-7-]{19})</code>", done.text)


@pytest.fixture
def desk(city: ApiCity, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(city, tmp_path)
    yield made
    made.engine.dispose()


def test_an_administrator_without_one_reaches_the_account_page_only(desk: Desk) -> None:
    assert desk.password().headers["location"] == "/"
    for path in ("/", "/wall", "/admin", "/account/sessions/end"):
        assert desk.ask("GET", path).headers["location"] == "/account"
    for method, path in (
        ("GET", "/api/v1/me"),
        ("GET", "/api/v1/picture"),
        ("GET", "/metrics"),
        ("GET", "/api/v1/sessions"),
        ("POST", "/account/sessions/end-all"),
        ("POST", "/_dash-update-component"),
        ("GET", "/tiles/1/1/1.pbf"),
    ):
        problem = problem_of(desk.ask(method, path, headers={"Accept": "*/*"}), 403)
        assert problem["type"] == "urn:liandong:problem:second-factor-missing"
    page = desk.ask("GET", "/account?lang=en").text
    assert "set it up to go on" in page
    assert "Administrator" in page
    assert "Accounts of your scope" not in page


async def no_message() -> dict[str, Any]:
    return {"type": "websocket.connect"}


@pytest.mark.parametrize("path", ["/live", "/terminal/socket", "/_dash-ws-callback"])
def test_an_administrator_without_one_gets_no_socket(desk: Desk, path: str) -> None:
    desk.password()
    cookie = f"liandong_session={desk.cookies['liandong_session']}".encode()
    headers = [(b"host", b"city.test"), (b"cookie", cookie)]
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b"", "scheme": "ws", "client": ("10.0.0.9", 1)}
    desk.city.run(desk.edge(scope, no_message, send))
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 4403)]


def test_setting_it_up_and_logging_in_with_it(desk: Desk) -> None:
    app, recovery = desk.enrol()
    assert len(recovery) == 10
    assert desk.ask("GET", "/admin").status_code == 200  # the session that set it up is whole now
    page = desk.ask("GET", "/account?lang=en").text
    assert "10 recovery codes are left" in page
    assert "password + code" in page
    assert app.secret not in page
    assert recovery[0] not in page
    desk.ask("POST", "/logout")
    asked = desk.password("/wall?screen=all")
    assert (asked.status_code, "set-cookie" in asked.headers) == (200, False)
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked.text).group(1)  # type: ignore[union-attr]
    form = {"ticket": ticket, "next": "/admin"}
    wrong = desk.ask("POST", "/login/code?lang=en", data=form | {"code": "000000"})
    assert wrong.status_code == 401
    assert "wrong or was used before" in wrong.text
    entered = desk.ask("POST", "/login/code", data=form | {"code": desk.code(app)})
    assert (entered.status_code, entered.headers["location"]) == (303, "/admin")
    assert desk.ask("GET", "/api/v1/me", headers={"Accept": "*/*"}).json()["role"] == "viewer"  # it was begun for a wall, and stays one
    again = desk.ask("POST", "/login/code?lang=en", data=form | {"code": desk.code(app)})
    assert again.status_code == 401
    assert "Log in again" in again.text


def test_the_picture_to_scan_is_drawn_here_and_says_the_key(desk: Desk) -> None:
    desk.password()
    desk.ask("POST", "/account/second-factor")
    page = desk.ask("GET", "/account?lang=en").text
    assert "<svg" in page
    assert not re.findall(r'(?:src|href)="https?:', page)


@pytest.mark.parametrize("target", ["//evil.test", "https://evil.test/", "/\\evil.test", "javascript:alert(1)", "/a\nb"])
def test_the_second_step_leads_nowhere_else(desk: Desk, target: str) -> None:
    app, _ = desk.enrol()
    desk.cookies.clear()
    asked = desk.password(target)
    assert "evil" not in asked.text
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked.text).group(1)  # type: ignore[union-attr]
    entered = desk.ask("POST", "/login/code", data={"ticket": ticket, "code": desk.code(app), "next": target})
    assert entered.headers["location"] == "/"


def test_a_foreign_page_can_neither_set_it_up_nor_send_a_code(desk: Desk) -> None:
    desk.password()
    for path in ("/account/second-factor", "/account/second-factor/confirm", "/login/code"):
        for headers in ({"Origin": "http://evil.test"}, {"Origin": "null"}):
            problem_of(desk.ask("POST", path, data={"code": "000000"}, headers=headers), 403)
    assert "<svg" not in desk.ask("GET", "/account").text


def test_what_is_sent_comes_back_as_text(desk: Desk) -> None:
    desk.enrol()
    desk.cookies.clear()
    ticket = '"><script>alert(1)</script>'
    answer = desk.ask("POST", "/login/code", data={"ticket": ticket, "code": ticket, "next": ticket})
    assert answer.status_code == 401
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("value", ["x" * 200_000, "\x00", "１２３４５６"])
def test_oversized_and_senseless_fields_are_wrong_codes(desk: Desk, value: str) -> None:
    desk.password()
    desk.ask("POST", "/account/second-factor")
    assert desk.ask("POST", "/account/second-factor/confirm", data={"code": value}).status_code == 422
    assert desk.ask("POST", "/login/code", data={"ticket": value, "code": value}).status_code == 401


def test_guessing_is_told_to_wait(desk: Desk) -> None:
    app, _ = desk.enrol()
    desk.cookies.clear()
    asked = [desk.password().text for _ in range(ATTEMPTS_PER_NAME + 1)]
    tickets = [re.search(r'name="ticket" value="([^"]+)"', page).group(1) for page in asked]  # type: ignore[union-attr]
    for ticket in tickets[:-1]:
        assert desk.ask("POST", "/login/code", data={"ticket": ticket, "code": "000000"}).status_code == 401
    locked = desk.ask("POST", "/login/code?lang=en", data={"ticket": tickets[-1], "code": desk.code(app)})
    assert locked.status_code == 429
    assert "Try again in" in locked.text
    assert desk.password().status_code == 429
    desk.city.clock.advance(ATTEMPTS_WINDOW_S + 1)
    assert desk.password().status_code == 200


def test_confirming_what_was_not_begun_is_said(desk: Desk) -> None:
    desk.password()
    answer = desk.ask("POST", "/account/second-factor/confirm?lang=zh", data={"code": "000000"})
    assert answer.status_code == 404
    assert "尚未开始设置" in answer.text


def test_the_demo_asks_nobody(city: ApiCity, desk: Desk) -> None:
    """Demo accounts have no second factor and can't be given one that others would lack."""
    desk.accounts._admins_need_second_factor = False
    desk.accounts.ensure_demo_accounts()
    entered = desk.ask("POST", "/login", data={"name": "admin", "password": "liandong-demo", "next": "/admin"})
    assert entered.headers["location"] == "/admin"
    page = desk.ask("GET", "/account?lang=en").text
    assert "Two-factor" not in page
    problem_of(desk.ask("POST", "/account/second-factor"), 403)
