"""The edge: who gets through, what is refused before any route, what every answer carries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from dashboard import edge as edge_module
from dashboard.edge import Edge, actor_of, datum_of, safe_next, set_session, still_authenticated
from dashboard.rate_limit import RateLimit
from dispatch.clock import ManualClock
from operations.access.accounts import Accounts
from storage.accounts import AccountStore
from storage.database import open_database
from tests.operations.access_world import clock, organisations
from tests.passwords import QUICK

PASSWORD = "correct horse 9"


async def who(request: Request) -> JSONResponse:
    body = await request.body()
    return JSONResponse({"name": actor_of(request).name, "datum": datum_of(request), "body_bytes": len(body)})


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a page")


async def upload(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": sum([len(block) async for block in request.stream()])})


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(actor_of(socket).name)
    await socket.receive_text()
    await socket.send_text(str(await still_authenticated(socket)))
    await socket.close()


class House:
    """An edge around a few routes and a catch-all like Dash's."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock: ManualClock = clock()
        self.engine = open_database(f"sqlite:///{folder / 'edge.sqlite'}")
        self.accounts = Accounts(AccountStore(self.engine), organisations(), self.clock, hasher=QUICK)
        self.accounts.add_user("zhang", PASSWORD, "operator", "3302")
        self.token = self.accounts.add_token("feed", datum="gcj02", name="radio")
        routes = [
            Route("/api/v1/who", who, methods=["GET", "POST"]),
            Route("/api/v1/health", page),
            Route("/login", page, methods=["GET", "POST"]),
            Route("/uploads/{upload_id}", upload, methods=["PATCH"]),
            Route("/assets/site.css", page),
            Route("/terminal", page),
            WebSocketRoute("/live", echo),
            WebSocketRoute("/terminal/socket", echo),
        ]
        inner = Starlette(routes=[*routes, Route("/{path:path}", page)])
        self.edge = Edge(inner, self.accounts, self.clock, routes, pages=("/", "/wall", "/station/{code}"), **options)

    async def cookie(self) -> dict[str, str]:
        return {"Cookie": f"liandong_session={await self.accounts.login('zhang', PASSWORD, '10.0.0.9')}"}

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.edge)
        async with httpx.AsyncClient(transport=transport, base_url=more.pop("base", "http://city.test")) as client:
            return await client.request(method, path, headers=headers, **more)

    async def socket(self, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
        """What the server sends to a socket that says one thing."""
        encoded = [(name.lower().encode(), value.encode()) for name, value in ({"Host": "city.test"} | headers).items()]
        scope = {"type": "websocket", "path": path, "headers": encoded, "query_string": b"", "scheme": "ws", "client": ("10.0.0.9", 1)}
        incoming = [{"type": "websocket.receive", "text": "x"}, {"type": "websocket.connect"}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return incoming.pop()

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await self.edge(scope, receive, send)
        return sent


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    made.engine.dispose()


# Who


async def test_a_token_and_a_cookie_say_who_it_is(house: House) -> None:
    assert (await house.ask("GET", "/api/v1/who", house.bearer)).json() == {"name": "radio", "datum": "gcj02", "body_bytes": 0}
    assert (await house.ask("GET", "/api/v1/who", await house.cookie())).json()["name"] == "zhang"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic emhhbmc6eA=="},
        {"Cookie": "liandong_session=nonsense"},
        {"Cookie": "liandong_session="},
        {"Cookie": "other=1"},
    ],
)
async def test_nobody_gets_401_and_a_challenge(house: House, headers: dict[str, str]) -> None:
    answer = await house.ask("GET", "/api/v1/who", headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_bad_token_is_not_made_good_by_a_cookie(house: House) -> None:
    headers = await house.cookie() | {"Authorization": "Bearer nonsense"}
    assert (await house.ask("GET", "/api/v1/who", headers)).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/health", "/login", "/assets/site.css", "/terminal"])
async def test_public_paths_need_no_log_in(house: House, path: str) -> None:
    assert (await house.ask("GET", path)).status_code == 200


@pytest.mark.parametrize("path", ["/", "/wall", "/station/330203510000", "/_dash-layout", "/metrics", "/tiles/1/2/3.pbf", "/healthz"])
async def test_everything_else_is_denied_to_strangers(house: House, path: str) -> None:
    assert (await house.ask("GET", path)).status_code == 401
    assert (await house.ask("POST", path)).status_code == 401


async def test_a_browser_is_sent_to_log_in_and_back(house: House) -> None:
    answer = await house.ask("GET", "/replay?at=2026-05-01&x=a b", {"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/replay%3Fat%3D2026-05-01%26x%3Da%2520b"


async def test_a_browser_that_asks_the_api_is_not_sent_anywhere(house: House) -> None:
    assert (await house.ask("GET", "/api/v1/who", {"Accept": "text/html"})).status_code == 401


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/wall?screen=map", "/wall?screen=map"),
        ("//evil.test", "/"),
        ("https://evil.test", "/"),
        ("/\\evil.test", "/"),
        ("", "/"),
        ("/a\nb", "/"),
    ],
)
def test_after_log_in_one_stays_on_this_site(target: str, path: str) -> None:
    assert safe_next(target) == path


# Where from


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://city.test"}, 200),
        ({"Origin": "http://CITY.test"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://city.test:81"}, 403),
        ({"Origin": "http://city.test.evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_a_foreign_page_cannot_write_with_the_cookie(house: House, headers: dict[str, str], status: int) -> None:
    cookie = await house.cookie()
    assert (await house.ask("POST", "/api/v1/who", cookie | headers)).status_code == status
    assert (await house.ask("GET", "/api/v1/who", cookie | headers)).status_code == 200


async def test_a_foreign_page_cannot_log_a_browser_in(house: House) -> None:
    assert (await house.ask("POST", "/login", {"Origin": "http://evil.test"})).status_code == 403


async def test_a_program_with_a_token_may_come_from_anywhere(house: House) -> None:
    assert (await house.ask("POST", "/api/v1/who", house.bearer | {"Origin": "http://evil.test"})).status_code == 200


async def test_only_known_host_names_are_answered(tmp_path: Path) -> None:
    house = House(tmp_path, hosts=("127.0.0.1", "localhost", "[::1]"))
    for base, status in (
        ("http://127.0.0.1:8050", 200),
        ("http://LOCALHOST", 200),
        ("http://[::1]:8050", 200),
        ("http://evil.test:8050", 421),
    ):
        assert (await house.ask("GET", "/api/v1/health", base=base)).status_code == status
    house.engine.dispose()


# Sockets


async def test_a_socket_knows_its_actor_and_hears_of_the_log_out(house: House) -> None:
    cookie = await house.cookie()
    sent = await house.socket("/live", cookie)
    assert [m.get("text") for m in sent if m["type"] == "websocket.send"] == ["zhang", "True"]
    secret = cookie["Cookie"].partition("=")[2]
    original = house.accounts.actor_of_session

    async def after_log_out(value: str) -> Any:
        if getattr(house, "asked", False):
            await house.accounts.logout(secret)
        house.asked = True  # type: ignore[attr-defined]
        return await original(value)

    house.accounts.actor_of_session = after_log_out  # type: ignore[method-assign]
    sent = await house.socket("/live", cookie)
    assert [m.get("text") for m in sent if m["type"] == "websocket.send"] == ["zhang", "False"]


@pytest.mark.parametrize("path", ["/live", "/terminal/socket", "/_dash-ws-callback", "/nowhere"])
async def test_a_socket_of_nobody_is_closed_with_4401(house: House, path: str) -> None:
    sent = await house.socket(path, {})
    assert [m["type"] for m in sent] == ["websocket.accept", "websocket.close"]
    assert sent[-1]["code"] == 4401


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "http://city.test:8051"])
async def test_a_socket_of_a_foreign_page_is_never_accepted(house: House, origin: str) -> None:
    sent = await house.socket("/live", await house.cookie() | {"Origin": origin})
    assert [(m["type"], m.get("code")) for m in sent] == [("websocket.close", 4403)]


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/v1/typo",
        "/api/v2/who",
        "/tiles/x",
        "/assets/none.js",
        "/uploads/",
        "/terminal/none",
        "/live",
        "/feeds/v2",
        "/.env",
        "/.git/config",
        "/a/.ssh/id",
        "/sw.js",
        "/robots.txt",
        "/index.php",
        "/nowhere",
        "/wall/nowhere",
        "/wall%0A",
        "/station",
        "/station/",
        "/station/330203510000/nowhere",
        "/stations/330203510000",
    ],
)
async def test_unknown_paths_are_404_and_never_a_page(house: House, path: str) -> None:
    answer = await house.ask("GET", path, house.bearer)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/wall", "/wall/", "/station/330203510000", "/station/330203/"])
async def test_pages_reach_the_application(house: House, path: str) -> None:
    assert (await house.ask("GET", path, house.bearer)).text == "a page"


@pytest.mark.parametrize(("method", "path", "allow"), [("DELETE", "/api/v1/who", "GET, HEAD, POST"), ("GET", "/uploads/x", "PATCH")])
async def test_a_wrong_method_is_told_the_right_ones_and_never_gets_a_page(house: House, method: str, path: str, allow: str) -> None:
    answer = await house.ask(method, path, house.bearer)
    assert (answer.status_code, answer.headers["allow"], answer.json()["type"]) == (405, allow, "urn:liandong:problem:method-not-allowed")


# Sizes and rates


async def test_a_body_that_is_too_large_is_refused(house: House) -> None:
    limit = edge_module.BODY_LIMIT
    assert (await house.ask("POST", "/api/v1/who", house.bearer, content=b"x" * limit)).json()["body_bytes"] == limit
    assert (await house.ask("POST", "/api/v1/who", house.bearer, content=b"x" * (limit + 1))).status_code == 413


async def test_a_body_that_hides_its_size_is_refused_while_it_comes(house: House) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 65536
            yield b"x" * 65536

    assert (await house.ask("POST", "/api/v1/who", house.bearer, content=endless())).status_code == 413


async def test_a_body_of_a_stranger_is_not_even_read(house: House) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/who",
        "headers": [(b"host", b"city.test")],
        "query_string": b"",
        "client": None,
    }
    await house.edge(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_a_body_that_drips_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_module, "BODY_WITHIN_S", 0.05)

    async def dripping() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)

    assert (await house.ask("POST", "/api/v1/who", house.bearer, content=dripping())).status_code == 408


async def test_pieces_of_uploads_are_not_held_in_memory(house: House) -> None:
    size = 2 * edge_module.BODY_LIMIT
    answer = await house.ask("PATCH", "/uploads/1", house.bearer, content=b"x" * size)
    assert answer.json() == {"bytes": size}


async def test_too_many_requests_wait(house: House) -> None:
    statuses = [(await house.ask("GET", "/api/v1/health")).status_code for _ in range(110)]
    assert statuses[:100] == [200] * 100
    refused = await house.ask("GET", "/api/v1/health")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert (await house.ask("GET", "/api/v1/who", house.bearer)).status_code == 200
    house.clock.advance(1.0)
    assert (await house.ask("GET", "/api/v1/health")).status_code == 200


WRITES = [
    ("POST", "/api/v1/who"),
    ("PATCH", "/uploads/1"),
    ("POST", "/_dash-update-component"),
    ("PUT", "/anything"),
    ("DELETE", "/anything"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_session_that_writes_too_often_waits_and_nobody_else_does(tmp_path: Path, method: str, path: str) -> None:
    """On every path, whether there is a route or not; other sessions of the same account, and programs, go on."""
    counted: list[str] = []
    house = House(tmp_path, refused=counted.append)
    house.edge._session_writes = RateLimit(house.clock, per_s=2.0, burst=3)
    busy, other = await house.cookie(), await house.cookie()
    for _ in range(3):
        assert (await house.ask(method, path, busy)).status_code != 429
    refused = await house.ask(method, path, busy)
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:liandong:problem:too-many-requests")
    assert refused.json()["detail"] == "Too many requests of this session; wait 0.5 s."
    assert int(refused.headers["retry-after"]) == 1
    assert counted == ["session"]
    for headers in (other, house.bearer):
        assert (await house.ask(method, path, headers)).status_code != 429
    assert (await house.ask("GET", "/api/v1/who", busy)).status_code == 200, "reading has a limit of its own"
    house.clock.advance(1.0)
    assert (await house.ask(method, path, busy)).status_code != 429
    house.engine.dispose()


async def test_an_address_that_writes_too_often_waits_whoever_asks_from_it(tmp_path: Path) -> None:
    counted: list[str] = []
    house = House(tmp_path, refused=counted.append)
    house.edge._address_writes = RateLimit(house.clock, per_s=1.0, burst=2)
    assert [(await house.ask("POST", "/api/v1/who", headers)).status_code for headers in (house.bearer, await house.cookie())] == [200, 200]
    for headers in (house.bearer, await house.cookie(), {}):
        refused = await house.ask("POST", "/api/v1/who", headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert counted == ["address"] * 3
    assert (await house.ask("GET", "/api/v1/who", house.bearer)).status_code == 200
    house.engine.dispose()


@given(st.lists(st.floats(min_value=-5, max_value=5), min_size=1, max_size=60))
def test_a_rate_limit_never_lets_more_through_than_it_says(steps: list[float]) -> None:
    """Whatever the clock does, backwards too: at most the burst and the rate over the time that passed forwards."""
    at = clock()
    limit, taken, forward = RateLimit(at, per_s=2.0, burst=5), 0, 0.0
    for step in steps:
        at.advance(step)
        forward += max(step, 0.0)
        taken += limit.take("x") == 0.0
    assert taken <= 5 + 2.0 * forward + 1


def test_a_clock_set_back_locks_nobody_out() -> None:
    at = clock()
    limit = RateLimit(at, per_s=1.0, burst=3)
    assert limit.take("x") == 0.0
    at.advance(-86_400)
    assert limit.take("x") <= 1.0
    at.advance(3.0)
    assert limit.take("x") == 0.0


# Answers


async def test_every_answer_carries_the_security_headers(house: House) -> None:
    for path, headers in (
        ("/login", {}),
        ("/api/v1/who", {}),
        ("/api/v1/who", house.bearer),
        ("/wall", house.bearer),
        ("/api/x", house.bearer),
    ):
        answer = await house.ask("GET", path, headers)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert (await house.ask("GET", "/api/v1/who", house.bearer)).headers["cache-control"] == "no-store"


async def test_scripts_are_allowed_by_hash_and_never_by_eval(tmp_path: Path) -> None:
    house = House(tmp_path, script_hashes=["'sha256-abc='"])
    policy = (await house.ask("GET", "/login")).headers["content-security-policy"]
    assert "script-src 'self' 'sha256-abc=';" in policy
    assert "unsafe-eval" not in policy
    assert policy.count("unsafe-inline") == 1
    house.engine.dispose()


async def test_https_is_remembered_and_its_cookie_stays_on_https(house: House) -> None:
    assert "strict-transport-security" not in (await house.ask("GET", "/login")).headers
    secure = await house.ask("GET", "/login", base="https://city.test")
    assert secure.headers["strict-transport-security"].startswith("max-age=")
    for scheme, flags in (("http", "HttpOnly; Path=/; SameSite=lax"), ("https", "HttpOnly; Path=/; SameSite=lax; Secure")):
        request = Request({"type": "http", "scheme": scheme, "path": "/", "headers": [], "server": ("city.test", 80), "query_string": b""})
        answer = PlainTextResponse("")
        set_session(answer, "secret", request)
        assert answer.headers["set-cookie"] == f"liandong_session=secret; {flags}"


async def test_lifespan_passes_through(house: House) -> None:
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    await Edge(inner, house.accounts, house.clock, ())({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


async def test_a_problem_names_what_and_the_remedy(house: House) -> None:
    problem = json.loads((await house.ask("GET", "/api/v1/typo", house.bearer)).content)
    assert problem["type"] == "urn:liandong:problem:not-found"
    assert problem["detail"] == "There is nothing at /api/v1/typo; see /api/docs for what there is."
