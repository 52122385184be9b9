"""The account page: one's own sessions and their ends, an administrator's scope, and what a hostile browser can't do with it."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import httpx
import pytest

from dashboard.edge import Edge
from dashboard.i18n import words_in
from dashboard.layouts.account import device_word
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, problem_of
from tests.dashboard.pages_world import pages_of

PASSWORD = "long enough password"
OWN = {"Origin": "http://city.test"}
numbers = count(1)


class Person:
    """A browser that is signed in."""

    def __init__(self, city: ApiCity, edge: Edge, role: str = "operator", scope: str = WEST) -> None:
        self.city, self.edge, self.name = city, edge, f"{role}-{next(numbers)}"
        city.services.accounts.add_user(self.name, PASSWORD, role, scope)
        self.cookie = self.sign_in()

    def sign_in(self, agent: str = "Mozilla/5.0 (Windows NT 10.0) Chrome/138.0 Safari/537.36", next_path: str = "/") -> str:
        form = {"name": self.name, "password": PASSWORD, "next": next_path}
        answer = self.ask("POST", "/login", data=form, headers=OWN | {"User-Agent": agent}, cookie="")
        assert answer.status_code == 303
        return answer.headers["set-cookie"].split(";")[0]

    def ask(self, method: str, path: str, cookie: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Cookie": self.cookie if cookie is None else cookie} | more.pop("headers", OWN)

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://city.test") as client:
                return await client.request(method, path, headers=headers, **more)

        answer: httpx.Response = self.city.run(send())
        return answer

    def session_ids(self, cookie: str | None = None) -> list[str]:
        return [s["session_id"] for s in self.ask("GET", "/api/v1/sessions", cookie).json()["sessions"]]

    def is_in(self, cookie: str) -> bool:
        return self.ask("GET", "/account", cookie).status_code == 200


@pytest.fixture(scope="module")
def edge(city: ApiCity) -> Edge:
    from dashboard.api import add_api, create_server
    from dashboard.application import add_pages

    server = create_server()
    add_api(server, city.services)
    add_pages(server, city.services, [])
    return Edge(server, city.services.accounts, city.clock, server.routes)


@pytest.fixture
def zhang(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge)


def test_the_page_lists_ones_own_and_ends_one(zhang: Person) -> None:
    other = zhang.sign_in("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1")
    page = zhang.ask("GET", "/account?lang=en")
    assert page.headers["cache-control"] == "no-store"
    assert "Chrome · Windows" in page.text
    assert "Safari · iPhone" in page.text
    assert page.text.count("this one") == 1
    assert "Accounts of your scope" not in page.text
    lost = next(i for i in zhang.session_ids(other) if i not in _current(zhang))
    ended = zhang.ask("POST", "/account/sessions/end", data={"account": zhang.name, "session_id": lost})
    assert (ended.status_code, ended.headers["location"]) == (303, "/account")
    assert (zhang.is_in(other), zhang.is_in(zhang.cookie)) == (False, True)
    again = zhang.ask("POST", "/account/sessions/end?lang=zh", data={"session_id": lost})
    assert again.status_code == 404
    assert "该登录已结束" in again.text


def _current(person: Person) -> list[str]:
    return [s["session_id"] for s in person.ask("GET", "/api/v1/sessions").json()["sessions"] if s["is_current"]]


def test_ending_all_others_keeps_the_one_that_asks(zhang: Person) -> None:
    others = [zhang.sign_in() for _ in range(3)]
    assert zhang.ask("POST", "/account/sessions/end-all", data={"account": ""}).status_code == 303
    assert [zhang.is_in(cookie) for cookie in (zhang.cookie, *others)] == [True, False, False, False]
    assert zhang.session_ids() == _current(zhang)


def test_an_administrator_ends_those_of_the_scope_by_page_and_api(city: ApiCity, edge: Edge, zhang: Person) -> None:
    boss, away = Person(city, edge, "admin", WEST), Person(city, edge, "viewer", EAST)
    page = boss.ask("GET", f"/account?account={zhang.name}&lang=en")
    assert f"Sessions of {zhang.name}" in page.text
    assert f'<option value="{zhang.name}">' in page.text
    assert away.name not in page.text
    [own] = zhang.session_ids()
    assert boss.ask("DELETE", f"/api/v1/sessions/{own}?account={zhang.name}").status_code == 204
    assert not zhang.is_in(zhang.cookie)
    cookie = zhang.sign_in()
    assert boss.ask("DELETE", f"/api/v1/sessions?account={zhang.name}").json() == {"ended": 1}
    assert not zhang.is_in(cookie)
    for name in (away.name, "nobody"):
        assert boss.ask("GET", f"/account?account={name}").status_code == 404
        assert boss.ask("POST", "/account/sessions/end-all", data={"account": name}).status_code == 404
        problem_of(boss.ask("DELETE", f"/api/v1/sessions?account={name}"), 404)
        problem_of(boss.ask("GET", f"/api/v1/sessions?account={name}"), 404)
    assert away.is_in(away.cookie)


def test_nobody_else_may(city: ApiCity, edge: Edge, zhang: Person) -> None:
    chief = Person(city, edge, "commander", CITY)
    [own] = zhang.session_ids()
    for answer in (
        chief.ask("GET", f"/account?account={zhang.name}"),
        chief.ask("POST", "/account/sessions/end", data={"account": zhang.name, "session_id": own}),
        chief.ask("POST", "/account/sessions/end-all", data={"account": zhang.name}),
        chief.ask("DELETE", f"/api/v1/sessions/{own}?account={zhang.name}"),
    ):
        problem_of(answer, 403)
    problem_of(chief.ask("DELETE", f"/api/v1/sessions/{own}"), 404)  # not one of the chief's own
    assert zhang.is_in(zhang.cookie)
    problem_of(city.get("/sessions", "viewer"), 403)  # a program has none


def test_a_wall_may_not_end_what_its_account_does_elsewhere(city: ApiCity, edge: Edge) -> None:
    boss = Person(city, edge, "admin", CITY)
    wall = boss.sign_in(next_path="/wall?screen=all")
    problem_of(boss.ask("GET", "/account", wall), 403)
    problem_of(boss.ask("POST", "/account/sessions/end-all", wall, data={}), 403)
    assert boss.is_in(boss.cookie)
    assert "wall" in boss.ask("GET", "/account?lang=en").text


@pytest.mark.parametrize("path", ["/account/sessions/end", "/account/sessions/end-all"])
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_foreign_page_ends_nothing(zhang: Person, path: str, headers: dict[str, str]) -> None:
    other = zhang.sign_in()
    [lost] = [i for i in zhang.session_ids() if i not in _current(zhang)]
    problem_of(zhang.ask("POST", path, data={"session_id": lost}, headers=headers), 403)
    assert zhang.is_in(other)


def test_strangers_are_sent_to_log_in(zhang: Person) -> None:
    for method, path in (
        ("GET", "/account"),
        ("POST", "/account/sessions/end"),
        ("GET", "/api/v1/sessions"),
        ("DELETE", "/api/v1/sessions"),
    ):
        assert zhang.ask(method, path, "").status_code == 401
    sent = zhang.ask("GET", "/account", "", headers={"Accept": "text/html"})
    assert sent.headers["location"] == "/login?next=/account"


def test_what_a_browser_calls_itself_is_shown_as_text(zhang: Person) -> None:
    zhang.sign_in("<script>alert(1)</script>")
    page = zhang.ask("GET", "/account").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("value", ["x" * 100_000, "\x00", "%00", "'; drop table sessions; --", "\udcff".encode("utf-8", "surrogatepass")])
def test_senseless_names_find_nothing(city: ApiCity, edge: Edge, value: Any) -> None:
    boss = Person(city, edge, "admin", CITY)
    for form in ({"session_id": value}, {"account": value, "session_id": "1"}):
        assert boss.ask("POST", "/account/sessions/end", data=form).status_code == 404
    assert boss.is_in(boss.cookie)


def test_a_form_with_too_many_fields_is_refused(zhang: Person) -> None:
    problem_of(zhang.ask("POST", "/account/sessions/end", data={f"f{i}": "1" for i in range(21)}), 422)
    problem_of(zhang.ask("POST", "/login", "", data={f"f{i}": "1" for i in range(2_000)}), 422)


def test_a_log_in_gives_a_new_session_whatever_cookie_was_there(zhang: Person) -> None:
    fixed = "liandong_session=chosen-by-somebody-else"
    form = {"name": zhang.name, "password": PASSWORD}
    answer = zhang.ask("POST", "/login", fixed, data=form)
    assert answer.headers["set-cookie"].split(";")[0] not in (fixed, zhang.cookie)
    assert not zhang.is_in(fixed)


@pytest.mark.parametrize(
    ("agent", "word"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0.0.0 Safari/537.36 Edg/138.0", "Edge · Windows"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/138.0.0.0 Mobile Safari/537.36", "Chrome · Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15", "Safari · Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · Linux"),
        (
            "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0 Safari/537.36 ArkWeb/4.1 HuaweiBrowser/5.0",
            "Huawei Browser · HarmonyOS",
        ),
        ("gateway/1.0", "gateway/1.0"),
        ("", "Unknown device"),
    ],
)
def test_devices_are_called_by_names_people_know(agent: str, word: str) -> None:
    assert device_word(agent, words_in("en")) == word


def test_many_sessions_at_once(zhang: Person) -> None:
    async def all_at_once() -> list[str | None]:
        accounts = zhang.city.services.accounts
        return await asyncio.gather(*(accounts.login(zhang.name, PASSWORD, f"10.1.0.{i}") for i in range(5)))

    cookies = zhang.city.run(all_at_once())
    assert len(zhang.session_ids()) == 6
    zhang.ask("POST", "/account/sessions/end-all", data={})
    assert not any(zhang.is_in(f"liandong_session={cookie}") for cookie in cookies)


def test_pages_of_the_application_link_to_it(city: ApiCity) -> None:
    app, _ = pages_of(city)
    assert "'/account'" in repr(app.layout())
