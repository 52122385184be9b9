"""What is known of a place and of a number, in the panel and on the phone: who is told, who is not, until when."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from dashboard.callbacks.commands import send
from dashboard.callbacks.context import facts_for
from dashboard.callbacks.selection import panel_of
from dispatch.commands import Push, WarnPlace
from dispatch.model import Actor
from operations.access.authority import as_wall
from operations.outgoing.push import Pushes
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, commands_in, parts_of, words_in

OPERATOR = Actor("desk", "operator", CITY)


class Phone:
    """A crew's link that keeps what it was told."""

    def __init__(self, unit_id: str) -> None:
        self.actor = Actor(f"officer {unit_id}", "officer", WEST, unit_id=unit_id)
        self.told: list[dict[str, Any]] = []
        self.news = asyncio.Event()

    def tell(self, message: bytes) -> None:
        self.told.append(json.loads(message))
        self.news.set()

    def bye(self, reason: str) -> None:
        raise AssertionError(reason)


@pytest.fixture
def spot(city: ApiCity) -> dict[str, float]:
    """Hours after whatever an earlier test reported."""
    city.clock.advance(10_000)
    lon, lat = degrees(300, 300)
    return {"lon": lon, "lat": lat}


def lines(city: ApiCity, incident_id: str, look: str, actor: Actor = COMMANDER, page: dict[str, Any] = PAGE) -> list[Any]:
    above, _, _ = city.run(panel_of(city.services, actor, {"kind": "incident", "incident_id": incident_id}, page))
    return [part for part in parts_of(above, "Div") if part.className == f"due-line {look}"]


def press(city: ApiCity, command: str, incident_id: str, text: str, choice: str | None = None, **more: Any) -> dict[str, str]:
    pending = {"command": command, "incident": incident_id, "unit": "", "key": f"{command}-{incident_id}-{text}", "shown": None, **more}
    return city.run(send(city.services, COMMANDER, pending, text, choice, facts_for(city.services, COMMANDER, PAGE)))


def test_a_warning_is_set_shown_and_lifted_at_the_desk(city: ApiCity, spot: dict[str, float]) -> None:
    first = city.incident("commander", **spot)["incident_id"]
    assert press(city, "warn_place", first, "axe behind the door", "armed")["kind"] == "good"
    later = city.incident("commander", **spot)["incident_id"]
    (line,) = lines(city, later, "premise")
    said = words_in(line)
    expires = (city.clock.now() + timedelta(days=90)).date().isoformat()
    assert "Armed occupant axe behind the door" in said
    assert f"until {expires}" in said
    assert "set by chief" in said
    assert commands_in(line) == [("lift_warning", "")]
    assert commands_in(lines(city, later, "premise", OPERATOR)) == [], "setting and lifting is a commander's"
    for reader, page in ((VIEWER, PAGE), (as_wall(COMMANDER), PAGE | {"wall": True}), (Actor("east", "commander", EAST), PAGE)):
        assert lines(city, later, "premise", reader, page) == []
    (warning_id,) = city.services.handler.picture.warnings
    assert press(city, "lift_warning", later, "moved away", warning=warning_id)["kind"] == "good"
    assert lines(city, later, "premise") == []


def test_the_api_names_kinds_and_who_may(city: ApiCity, spot: dict[str, float]) -> None:
    incident_id = city.incident("commander", **spot)["incident_id"]
    body = {"warning": "dog", "text": "bites", "expires_at": (city.clock.now() + timedelta(days=2)).isoformat()}
    assert city.command(incident_id, "warn_place", "operator", **body).status_code == 403
    unknown = city.command(incident_id, "warn_place", "commander", **body | {"warning": "ghost"})
    assert (unknown.status_code, "name one of armed," in unknown.json()["detail"]) == (422, True)
    assert city.command(incident_id, "warn_place", "commander", **body).status_code == 200
    told = [event["event"] for event in city.get(f"/incidents/{incident_id}/timeline", "viewer").json()["events"]]
    assert "place_warned" not in told
    assert "place_warned" in [event["event"] for event in city.get(f"/incidents/{incident_id}/timeline").json()["events"]]
    city.clock.advance(2 * 86_400)
    assert lines(city, incident_id, "premise") == []


def test_a_crew_is_told_with_its_push_and_when_the_place_is_warned_of_later(city: ApiCity, spot: dict[str, float]) -> None:
    city.unit("told")
    first = city.incident("commander", **spot)["incident_id"]
    press(city, "warn_place", first, "acid in the yard", "hazmat")
    later = city.incident("commander", **spot)["incident_id"]

    async def heard(phone: Phone, what: str) -> None:
        async with asyncio.timeout(10):
            while what not in json.dumps(phone.told, ensure_ascii=False):
                phone.news.clear()
                await phone.news.wait()

    async def story() -> list[dict[str, Any]]:
        pushes, phone, handler = Pushes(city.services), Phone("told"), city.services.handler
        await pushes.attach(phone, "phone")
        await handler.handle(Push(incident_id=later, unit_ids=("told",)), COMMANDER)
        await heard(phone, '"push"')
        tomorrow = city.clock.now() + timedelta(days=1)
        await handler.handle(WarnPlace(incident_id=first, warning="dog", text="and a dog", expires_at=tomorrow), COMMANDER)
        await heard(phone, "and a dog")
        pushes.detach(phone)
        return phone.told

    told = city.run(story())
    push = next(message for message in told if message["type"] == "push")
    assert [(one["warning"], one["text"]) for one in push["incident"]["warnings"]] == [("hazmat", "acid in the yard")]
    assert "set_by" not in push["incident"]["warnings"][0]
    assert {one["warning"] for one in told[-1]["incident"]["warnings"]} == {"hazmat", "dog"}


def test_officers_emergencies_at_the_place_are_counted_for_ninety_days(city: ApiCity) -> None:
    lon, lat = degrees(700, 900)
    place = {"lon": lon, "lat": lat}
    earlier = city.incident("commander", incident_type="officer_emergency", grade=1, **place)
    city.clock.advance(86_400)
    here = city.incident("commander", **place)["incident_id"]
    (line,) = lines(city, here, "premise")
    assert f"Officers' emergencies here: 1 in 90 days #{earlier['number']}" in words_in(line)
    city.clock.advance(90 * 86_400)
    assert lines(city, here, "premise") == []


def test_earlier_calls_of_the_number_are_told_to_who_may_see_callers(city: ApiCity, spot: dict[str, float]) -> None:
    caller = {"name": "赵女士", "number": "13600006666"}
    for kind in ("noise", "noise", "dispute"):
        ended = city.incident("commander", incident_type=kind, caller=caller, **spot)
        city.command(ended["incident_id"], "close", "commander", disposition="nothing_found")
        city.clock.advance(86_400)
    here = city.incident("commander", caller=caller, **spot)["incident_id"]
    (line,) = lines(city, here, "caller-calls")
    said = words_in(line)
    for part in ("Earlier calls of this number: 3", "Noise × 2, Dispute", "Nothing found × 3", f"#{ended['number']}"):
        assert part in said
    assert lines(city, here, "caller-calls", OPERATOR)
    for reader in (VIEWER, Actor("root", "admin", CITY), Actor("reads", "reviewer", CITY)):
        assert lines(city, here, "caller-calls", reader) == []
