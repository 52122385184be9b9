"""The outermost layer of the web server, before every route, page and socket: deny by default.

Pure ASGI, so that it also stands before Dash's own routes and its callback socket. It knows who asks (`actor_of`), refuses
what comes from a foreign page, is too large or too frequent, answers unknown paths before Dash's catch-all would
return a page for them, and sets the security headers. What an actor may do is decided by `operations.access.authority`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.open_sockets import UNAUTHENTICATED, OpenSockets, Recheck
from dashboard.problems import problem
from dashboard.rate_limit import RateLimit
from dispatch.clock import Clock
from dispatch.errors import NotPermitted
from dispatch.model import Actor
from operations.access.accounts import SESSION_COOKIE, Accounts, sha256_of
from operations.access.authority import ENROLLING, as_replay

FOREIGN_ORIGIN = NOT_PERMITTED = 4403  # WebSocket close code
BODY_LIMIT = 1024 * 1024  # bytes; uploads have a limit of their own
BODY_WITHIN_S = 30.0  # a body that drips in slower than this is given up
REPLAY_HEADER = "X-Replay"  # which past moment the page shows
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

# What needs no log-in. Exact paths, and prefixes of static files.
PUBLIC_PATHS = frozenset(
    {
        "/login",
        "/login/code",
        "/login/oidc",
        "/login/oidc/return",
        "/login/certificate",
        "/logout",
        "/api/v1/health",
        "/api/v1/openapi.json",
        "/api/docs",
        "/_favicon.ico",
        "/favicon.ico",
    }
)
# All that is open to somebody who must set up a second factor first.
ENROLMENT_PATHS = frozenset({"/account", "/account/second-factor", "/account/second-factor/confirm"})
PUBLIC_PREFIXES = ("/assets/", "/api/docs/")
# The terminal's shell is static and must open without a network; what it shows comes over its socket, which is not public.
TERMINAL, TERMINAL_SOCKET = "/terminal", "/terminal/socket"

# Below these an unknown path is an error, never a page.
GUARDED = ("/api", "/tiles", "/assets", "/terminal", "/uploads", "/feeds", "/live", "/metrics", "/video")
DASH_PREFIXES = ("/_dash-", "/_reload-hash", "/_favicon.ico")  # routes that Dash adds by itself at its start


class Visitor(NamedTuple):
    """Who a connection belongs to, and how it said so."""

    actor: Actor
    datum: str  # of the positions this program sends; wgs84 for people
    by_cookie: bool
    recheck: Recheck
    key: str = ""  # of its session, the same for all its requests
    at: datetime | None = None  # the past moment its page shows


def actor_of(connection: HTTPConnection) -> Actor:
    """Who makes this request or holds this socket. Raises NotPermitted when nobody has logged in (public paths)."""
    return _visitor(connection).actor


def datum_of(connection: HTTPConnection) -> str:
    """The datum declared with the connection's token."""
    return _visitor(connection).datum


def session_of(connection: HTTPConnection) -> str:
    """What this request or socket has in common with others of the same log-in, or of the same token."""
    visitor = _visitor(connection)
    return visitor.key or f"{visitor.actor.kind}:{visitor.actor.name}"


async def still_authenticated(connection: HTTPConnection) -> bool:
    """Whether the log-in or token this connection began with still holds. For sockets, which outlive log-outs."""
    return await _visitor(connection).recheck()


def _visitor(connection: HTTPConnection) -> Visitor:
    visitor = connection.scope.get("state", {}).get("visitor")
    if visitor is None:
        raise NotPermitted("unauthenticated", "Nobody is logged in on this connection; log in or send a token.")
    return visitor


def set_session(response: Response, secret: str, connection: HTTPConnection) -> None:
    """Hand the browser its session after a log-in."""
    response.set_cookie(SESSION_COOKIE, secret, httponly=True, samesite="lax", secure=connection.url.scheme == "https", path="/")


def clear_session(response: Response) -> None:
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", path="/")


def client_address(connection: HTTPConnection) -> str:
    """The peer's address. Headers that claim another are not believed."""
    return connection.client.host if connection.client is not None else "local"


def safe_next(target: str) -> str:
    """Where to go after a log-in: a path of this site, else the first page."""
    is_path = target.startswith("/") and not target.startswith("//") and "\\" not in target
    return target if is_path and target.isprintable() else "/"


class Edge:
    """Wraps the whole application.

    `routes` are those added on purpose: whatever else would match under a guarded prefix is Dash's catch-all. `script_hashes`
    are the hashes of inline scripts Dash writes (`app.csp_hashes()`), `pages` the paths it draws, `{name}` for any part. `hosts` are
    the names the server answers to, empty for any: in demo mode, where passwords are well known, a page of another name must not
    reach it through its own DNS. `refused` is told of every refusal for its rate, by which limit it was.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        clock: Clock,
        routes: Sequence[BaseRoute],
        script_hashes: Iterable[str] = (),
        pages: Iterable[str] = ("/",),
        hosts: Iterable[str] = (),
        refused: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._app = app
        self._refused = refused
        self._accounts = accounts
        self._routes = tuple(routes)
        self._pages = [compile_path(page)[0] for page in pages]
        self._hosts = frozenset(hosts)
        self._policy = content_security_policy(script_hashes)
        # Measured against a desk's page load of some 60 calls and 700 terminals behind one gateway token.
        self._known_limit = RateLimit(clock, per_s=300.0, burst=3000)
        self._unknown_limit = RateLimit(clock, per_s=10.0, burst=100)
        # What changes something, callbacks included. A person at a desk makes a few a second; several programs, and every desk of a
        # command room, may stand behind one address.
        self._session_writes = RateLimit(clock, per_s=30.0, burst=300)
        self._address_writes = RateLimit(clock, per_s=600.0, burst=6000)
        self._sockets = OpenSockets()
        accounts.when_sessions_end(self._sockets.look)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refuse_host(scope) or self._refuse_origin(scope)
        visitor = None if refusal is not None else await self._identify(scope)
        if visitor is not None and refusal is None:
            visitor, refusal = _in_replay(scope, visitor)
        if refusal is None:
            refusal = self._refuse_rate(scope, visitor) or self._refuse_stranger(scope, visitor)
            refusal = refusal or _refuse_enrolling(scope, visitor) or self._refuse_unknown_path(scope)
        if refusal is None and _has_small_body(scope):
            body = await _read_body(scope, receive)
            refusal = body if isinstance(body, Response) else None
            receive = receive if isinstance(body, Response) else _replay(body, receive)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        _remember(scope, visitor)
        await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._refuse_host(scope) is not None or self._refuse_origin(scope) is not None:
            await receive()  # websocket.connect
            await send({"type": "websocket.close", "code": FOREIGN_ORIGIN, "reason": "foreign origin"})
            return
        visitor = await self._identify(scope)
        if visitor is None:
            # Accepted first: before that, a browser's page learns nothing but that it failed.
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": UNAUTHENTICATED, "reason": "log in or send a token"})
            return
        if visitor.actor.kind == ENROLLING:
            await receive()
            await send({"type": "websocket.close", "code": NOT_PERMITTED, "reason": "second factor missing"})
            return
        _remember(scope, visitor)
        with self._sockets.holding(scope, visitor.recheck, send) as sending:
            await self._app(scope, receive, sending)

    async def _identify(self, scope: Scope) -> Visitor | None:
        """Bearer token if one is sent, else the session cookie. A bad token is not made good by a cookie."""
        connection = HTTPConnection(scope)
        accounts = self._accounts
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            scheme, _, secret = authorization.partition(" ")
            found = await accounts.actor_of_token(secret.strip()) if scheme.lower() == "bearer" else None

            async def token_holds() -> bool:
                return await accounts.actor_of_token(secret.strip()) == found

            return None if found is None else Visitor(found[0], found[1], False, token_holds)
        cookie = connection.cookies.get(SESSION_COOKIE)
        actor = await accounts.actor_of_session(cookie) if cookie else None

        async def session_holds() -> bool:
            return await accounts.actor_of_session(cookie or "") == actor

        return None if actor is None else Visitor(actor, "wgs84", True, session_holds, sha256_of(cookie or ""))

    def _refuse_host(self, scope: Scope) -> Response | None:
        host = Headers(scope=scope).get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if not self._hosts or name.lower() in self._hosts:
            return None
        return problem(421, "unknown-host", f"This server does not answer to the name {name!r}; use {sorted(self._hosts)[0]}.")

    def _refuse_origin(self, scope: Scope) -> Response | None:
        """Refuse what a page of another site makes a browser send. Programs send neither header, and no cookie by accident."""
        headers = Headers(scope=scope)
        if (scope["type"] == "http" and scope["method"] in SAFE_METHODS) or "authorization" in headers:
            return None
        origin = headers.get("origin")
        if origin is not None:
            own = origin.partition("://")[2].lower() == headers.get("host", "").lower()
        else:
            own = headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
        if own:
            return None
        return problem(
            403, "foreign-origin", f"The request comes from a page of {origin or 'another site'}; open it from this server's own pages."
        )

    def _refuse_rate(self, scope: Scope, visitor: Visitor | None) -> Response | None:
        """Static files and tiles are not counted: one move of a map asks for dozens."""
        if scope["path"].startswith(("/assets/", "/tiles/", "/_dash-component-suites/")):
            return None
        address = client_address(HTTPConnection(scope))
        limits = {"stranger": (self._unknown_limit, address)} if visitor is None else {"account": (self._known_limit, visitor.actor.name)}
        if scope["method"] not in SAFE_METHODS:
            limits["address"] = (self._address_writes, address)
            if visitor is not None and visitor.by_cookie:
                limits["session"] = (self._session_writes, visitor.key)
        waits_s = {name: limit.take(key) for name, (limit, key) in limits.items()}
        name, wait_s = max(waits_s.items(), key=lambda wait: wait[1])
        if wait_s <= 0.0:
            return None
        self._refused(name)
        detail = f"Too many requests of this {name}; wait {wait_s:.1f} s."
        return problem(429, "too-many-requests", detail, headers={"Retry-After": str(int(wait_s) + 1)})

    def _refuse_stranger(self, scope: Scope, visitor: Visitor | None) -> Response | None:
        path = scope["path"]
        if visitor is not None or _is_public(path, scope["method"]):
            return None
        headers = Headers(scope=scope)
        wants_page = scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", "")
        if wants_page and "authorization" not in headers and not path.startswith(GUARDED):
            query = scope.get("query_string", b"").decode("latin-1")
            target = quote(path + ("?" + query if query else ""), safe="/")
            return RedirectResponse(f"/login?next={target}", 303)
        return problem(
            401,
            "unauthenticated",
            "Log in, or send Authorization: Bearer TOKEN with a valid token.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _refuse_unknown_path(self, scope: Scope) -> Response | None:
        """Before Dash's catch-all, which answers a GET of any path with a page."""
        path: str = scope["path"]
        if path.startswith(DASH_PREFIXES) or any(page.fullmatch(path.rstrip("/") or "/") for page in self._pages):
            return None
        if self._has_route(scope):
            return None
        allowed = ", ".join(method for method in METHODS if self._has_route({**scope, "method": method}))
        if allowed:
            detail = f"{scope['method']} is not a method of {path}; use {allowed}."
            return problem(405, "method-not-allowed", detail, headers={"Allow": allowed})
        return problem(404, "not-found", f"There is nothing at {path}; see /api/docs for what there is.")

    def _has_route(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] == Match.FULL for route in self._routes)

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", self._policy)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                if scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", "max-age=31536000")
            await send(message)

        return send_with_headers


SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=(self), payment=(), usb=()",
}


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """What pages may load: this server only. MapLibre's worker is a blob, so is a live stream; Dash and AG Grid write inline styles."""
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "connect-src": "'self'",
        "media-src": "'self' blob:",  # what MediaSource plays is one
        "font-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _refuse_enrolling(scope: Scope, visitor: Visitor | None) -> Response | None:
    """Nothing but setting it up, for somebody who lacks a second factor and must have one."""
    path: str = scope["path"]
    if visitor is None or visitor.actor.kind != ENROLLING or path in ENROLMENT_PATHS or _is_public(path, scope["method"]):
        return None
    if scope["method"] in ("GET", "HEAD") and "text/html" in Headers(scope=scope).get("accept", ""):
        return RedirectResponse("/account", 303)
    return problem(403, "second-factor-missing", f"{visitor.actor.name} must set up a second factor first; do it at /account.")


def _in_replay(scope: Scope, visitor: Visitor) -> tuple[Visitor, Response | None]:
    """Whoever says that its page shows the past looks and commands nothing, whatever it asks for."""
    told = Headers(scope=scope).get(REPLAY_HEADER)
    if told is None:
        return visitor, None
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        detail = f"{REPLAY_HEADER} {told[:40]!r} is no instant; send ISO 8601 with an offset, such as 2026-05-01T08:00:00Z."
        return visitor, problem(400, "bad-replay", detail)
    return visitor._replace(actor=as_replay(visitor.actor), at=at), None


def _is_public(path: str, method: str) -> bool:
    if path in PUBLIC_PATHS:
        return True
    is_shell = path == TERMINAL or (path.startswith(TERMINAL + "/") and path != TERMINAL_SOCKET)
    return method in ("GET", "HEAD") and (is_shell or path.startswith(PUBLIC_PREFIXES))


def _remember(scope: Scope, visitor: Visitor | None) -> None:
    state: dict[str, Any] = scope.setdefault("state", {})
    if visitor is not None:
        state["visitor"] = visitor
        state["actor"] = visitor.actor


def _has_small_body(scope: Scope) -> bool:
    """Pieces of uploads are stored while they arrive and limited there."""
    return scope["method"] not in SAFE_METHODS and not scope["path"].startswith(("/uploads", "/api/v1/uploads"))


async def _read_body(scope: Scope, receive: Receive) -> bytes | Response:
    """The whole body, or why not."""
    too_large = problem(413, "body-too-large", f"The body has more than {BODY_LIMIT} bytes; send less at a time.")
    announced = Headers(scope=scope).get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > BODY_LIMIT:
        return too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return problem(400, "body-cut", "The connection ended before the body did.")
                body += message.get("body", b"")
                if len(body) > BODY_LIMIT:
                    return too_large
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        return problem(408, "body-too-slow", f"The body was not complete after {BODY_WITHIN_S:.0f} s; send it again.")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that hands out the body already read, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return waiting.pop() if waiting else await receive()

    return replaying
