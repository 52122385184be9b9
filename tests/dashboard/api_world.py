"""A whole composed node on the small test city behind its edge, asked over ASGI without a socket. Synchronous to use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from composition import compose
from dashboard.api import add_api, create_server
from dashboard.edge import Edge
from dispatch.clock import ManualClock
from dispatch.commands import Command
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, UnitKind
from operations.services import Services
from settings import Settings
from tests.cities import CITY, COUNTY, EAST, WEST, build_test_city, degrees
from tests.operations.access_world import NOW
from tests.passwords import QUICK

__all__ = ["CITY", "COUNTY", "EAST", "WEST", "ApiCity", "api_city", "degrees"]

SYSTEM = Actor("system", "admin", CITY, kind="system")
MIDDLE = degrees(500, 500)  # on a crossing, west of the border between the stations


class ApiCity:
    """One node and clients of any role."""

    def __init__(self, services: Services, edge: Edge, clock: ManualClock, runner: asyncio.Runner) -> None:
        self.services = services
        self.edge = edge
        self.clock = clock
        self._runner = runner
        self._tokens: dict[tuple[str, str, str | None], str] = {}

    def run(self, awaitable: Any) -> Any:
        return self._runner.run(awaitable)

    def token(self, role: str, scope: str = CITY, unit_id: str | None = None, datum: str = "wgs84") -> str:
        key = (role, scope, unit_id)
        if key not in self._tokens:
            self._tokens[key] = self.services.accounts.add_token(role, scope, datum, unit_id=unit_id)
        return self._tokens[key]

    def ask(
        self, method: str, path: str, role: str | None = "operator", scope: str = CITY, unit_id: str | None = None, **more: Any
    ) -> httpx.Response:
        """One request; `role` None is nobody. Paths below /api/v1 may be given without it."""
        headers = dict(more.pop("headers", {}))
        if role is not None:
            headers.setdefault("Authorization", f"Bearer {self.token(role, scope, unit_id)}")
        url = path if path.startswith(("/api", "/metrics", "http")) else f"/api/v1{path}"
        answer: httpx.Response = self.run(self._ask(method, url, headers, more))
        return answer

    async def _ask(self, method: str, url: str, headers: dict[str, str], more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self.edge, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://city.test") as client:
            return await client.request(method, url, headers=headers, **more)

    def get(self, path: str, role: str | None = "operator", scope: str = CITY, **more: Any) -> httpx.Response:
        return self.ask("GET", path, role, scope, **more)

    def post(self, path: str, body: Any, role: str | None = "operator", scope: str = CITY, **more: Any) -> httpx.Response:
        return self.ask("POST", path, role, scope, json=body, **more)

    def put(self, path: str, body: Any, role: str | None = "operator", scope: str = CITY, **more: Any) -> httpx.Response:
        return self.ask("PUT", path, role, scope, json=body, **more)

    def handle(self, command: Command, actor: Actor = SYSTEM) -> Any:
        return self.run(self.services.handler.handle(command, actor))

    def unit(self, unit_id: str, org_code: str = WEST, at_m: tuple[float, float] | None = (500, 450), **more: Any) -> None:
        """Register a crew and put it somewhere."""
        fields: dict[str, Any] = {"callsign": unit_id.upper(), "kind": UnitKind.PATROL_CAR} | more
        self.handle(RegisterUnit(unit_id=unit_id, org_code=org_code, **fields))
        if at_m is not None:
            lon, lat = degrees(*at_m)
            index = np.array([self.services.positions.follow(self.services.handler.picture.units[unit_id])])
            now, unknown = np.array([self.clock.unix_s()]), np.array([np.nan], np.float32)
            self.services.positions.write(index, np.array([lon]), np.array([lat]), now, now, unknown, unknown)

    def incident(self, role: str = "operator", scope: str = CITY, **more: Any) -> dict[str, Any]:
        """Received over HTTP; its answer."""
        lon, lat = MIDDLE
        body = {"incident_type": "assault", "grade": 2, "text": "两人打架", "lon": lon, "lat": lat} | more
        answer = self.post("/incidents", {name: value for name, value in body.items() if value is not None}, role, scope)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def command(self, incident_id: str, name: str, role: str = "operator", scope: str = CITY, **more: Any) -> httpx.Response:
        unit_id = more.pop("as_unit", None)
        return self.post(f"/incidents/{incident_id}/commands", {"command": name, **more}, role, scope, unit_id=unit_id)


@contextmanager
def api_city(folder: Path) -> Iterator[ApiCity]:
    """Composed, running, and stopped again."""
    clock = ManualClock(NOW)
    city = build_test_city(folder)
    settings = Settings(city=city.folder, data=folder / "data", demo=False, webhook_hosts="127.0.0.1", admin_second_factor=False)
    node = compose(settings, city, clock, QUICK)
    with asyncio.Runner() as runner:
        running = node.running()
        services = runner.run(running.__aenter__())
        server = create_server()
        add_api(server, services)
        yield ApiCity(services, Edge(server, services.accounts, clock, server.routes), clock, runner)
        runner.run(running.__aexit__(None, None, None))


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem of a refused request; fails when it is none."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail"} <= problem.keys()
    assert problem["status"] == status
    return problem


def fields_of(problem: dict[str, Any]) -> set[str]:
    return {error["field"] for error in problem.get("errors", [])}
