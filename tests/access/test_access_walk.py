"""Everyone asks for everything: what comes back is what the one table grants, and nobody reads what is not theirs."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.staticfiles import StaticFiles

from dashboard.readers import is_a_pages
from operations.access.permissions import Role
from tests.access import expected as ex
from tests.access import routes as r
from tests.access import walk as w
from tests.access.walk import Walk, walk
from tests.access.world import access_world
from tests.docs.access_document import DOCUMENT, with_tables

KINDS = (w.HTTP, w.COMMAND, w.CONVERSATION, w.SOCKET, w.MESSAGE)


@pytest.fixture(scope="module")
def access_walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Every way into the application, walked as everyone, once; takes some twenty seconds."""
    with access_world(tmp_path_factory.mktemp("access")) as world:
        return walk(world)


def test_every_way_in_is_declared(access_walk: Walk) -> None:
    """A new route, socket, message, command or callback: say in `tests/access/routes.py` or `surfaces.py` what it takes."""
    assert access_walk.undeclared == []


def test_nothing_is_declared_that_is_not_there(access_walk: Walk) -> None:
    assert access_walk.gone == []


@pytest.mark.parametrize("kind", KINDS)
def test_everyone_gets_what_the_table_grants_and_nothing_else(access_walk: Walk, kind: str) -> None:
    steps = [step for step in access_walk.steps if step.kind == kind]
    assert {step.who.role for step in steps} >= set(Role)
    assert [str(step) for step in steps if step.outcome not in step.wanted] == []


def test_nobody_reads_what_it_may_not_know(access_walk: Walk) -> None:
    assert [str(step) for step in access_walk.steps if step.leaked] == []


@pytest.mark.parametrize("secret", ex.SECRETS)
def test_who_may_know_reads_it_somewhere(access_walk: Walk, secret: str) -> None:
    """Else nothing would be proved by its absence elsewhere."""
    may_know = ex.SECRETS[secret][1]
    askers = {step.who.name: step.who for step in access_walk.steps if step.who.kind in ("token", "session", "wall")}
    readers = {step.who.name for step in access_walk.steps if secret in step.found}
    assert readers & set(askers) == {name for name, who in askers.items() if may_know(who)}


def test_every_answer_of_every_route_carries_the_security_headers(access_walk: Walk) -> None:
    """Refusals, files, pages, downloads; of whoever asks."""
    assert access_walk.bare == []


@pytest.mark.parametrize(
    "policy", ["", "default-src 'self'", "default-src 'self'; script-src 'self' 'unsafe-inline'; frame-ancestors 'none'"]
)
def test_a_weaker_policy_would_be_noticed(policy: str) -> None:
    assert "Content-Security-Policy" in w.lacks("/", {"content-security-policy": policy})


def test_what_is_hidden_is_refused_in_the_words_of_what_does_not_exist(access_walk: Walk) -> None:
    assert access_walk.differing == []


def test_the_document_shows_what_the_walk_found(access_walk: Walk) -> None:
    """When this fails: `python -m tests.docs.access_document`."""
    document = DOCUMENT.read_text(encoding="utf-8")
    assert document == with_tables(document, access_walk)


def test_every_route_is_found_however_it_was_added() -> None:
    server, inner, outer = FastAPI(openapi_url=None, docs_url=None, redoc_url=None), APIRouter(prefix="/inner"), APIRouter(prefix="/outer")

    async def nothing() -> None: ...

    async def socket(_: WebSocket) -> None: ...

    inner.add_api_route("/{name}", nothing, methods=["GET", "PUT"])
    outer.include_router(inner)
    server.include_router(outer, prefix="/api")
    server.add_api_websocket_route("/socket", socket)
    server.mount("/files", StaticFiles(directory="."))
    assert set(w.routes_in(server.routes)) == {
        ("GET", "/api/outer/inner/{name}"),
        ("PUT", "/api/outer/inner/{name}"),
        ("WEBSOCKET", "/socket"),
        ("GET", "/files"),
    }


@pytest.mark.parametrize(
    "path", ["/", "/wall", "/wall/", "//", "/apix", "/anything/at/all", "/tiles/1/2/3.pbf", "/style.json", "/_dash-layout"]
)
def test_what_is_not_named_is_a_pages(path: str) -> None:
    assert is_a_pages(path)


def test_every_declared_path_outside_pages_asks_for_itself() -> None:
    """Whatever takes no log-in, or another action than seeing the picture, is not behind the pages' question."""
    for (_, path, _), route in r.ROUTES.items():
        if route.takes in (ex.PUBLIC, ex.EVERYBODY):
            assert not is_a_pages(route.url.format(dash_file="/_dash-component-suites/x", upload="x")), path
