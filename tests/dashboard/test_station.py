"""The desk of one station: who gets it at which address, and that everything on its page is narrowed to the station."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboard.application import _desk
from dashboard.callbacks.context import seen_by
from dashboard.callbacks.scene import scene_of
from dashboard.callbacks.selection import panel_of
from dashboard.layouts.page import Desk
from dispatch.commands import Note, ReceiveIncident
from dispatch.errors import NotFound, NotPermitted
from dispatch.model import Actor, Grade
from operations.access.authority import as_wall, within
from tests.dashboard.api_world import CITY, COUNTY, EAST, WEST, ApiCity, degrees
from tests.dashboard.pages_world import COMMANDER, PAGE, pages_of, words_in
from tests.dashboard.test_callbacks import ask

AT_WEST = PAGE | {"desk": WEST}
HTML = {"Accept": "text/html,application/xhtml+xml"}


class Browser:
    """Asks for pages as a browser does, with an account's token."""

    def __init__(self, city: ApiCity) -> None:
        self._city = city
        _, self._edge = pages_of(city)

    def get(self, path: str, scope: str | None = CITY, referrer: str = "", role: str = "operator", **more: Any) -> httpx.Response:
        headers = HTML | more.pop("headers", {})
        if scope is not None:
            headers["Authorization"] = f"Bearer {self._city.token(role, scope)}"
        if referrer:
            headers["Referer"] = referrer
        return ask(self._city, self._edge, "GET", path, headers=headers, **more)

    def layout(self, referrer: str = "", scope: str = CITY) -> Any:
        answer = self.get("/_dash-layout", scope, referrer)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def browser(city: ApiCity) -> Browser:
    return Browser(city)


def parts_of_json(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of a layout as it is sent, from the outside in."""
    if isinstance(part, dict):
        yield part
    if isinstance(part, dict | list):
        for one in part.values() if isinstance(part, dict) else part:
            yield from parts_of_json(one)


def stores(layout: Any) -> dict[str, Any]:
    """Data of every store, by id."""
    return {part["props"]["id"]: part["props"].get("data") for part in parts_of_json(layout) if part.get("type") == "Store"}


# Who gets which desk


@pytest.mark.parametrize("code", [CITY, COUNTY, WEST, EAST, "3302", "330203", f"{WEST}/"])
def test_every_organisation_has_a_desk_and_it_is_the_same_page(browser: Browser, code: str) -> None:
    answer = browser.get(f"/station/{code}?incident=1&lang=zh")
    assert answer.status_code == 200
    own, desk = (re.sub(r'"end_id":"[^"]+"', "", page) for page in (browser.get("/").text, answer.text))  # drawn anew for each page
    assert desk == own


@pytest.mark.parametrize(("scope", "code"), [(WEST, WEST), (COUNTY, WEST), (COUNTY, "330203")])
def test_a_desk_in_ones_own_scope_opens(browser: Browser, scope: str, code: str) -> None:
    assert browser.get(f"/station/{code}", scope).status_code == 200


@pytest.mark.parametrize(("scope", "code"), [(WEST, EAST), (WEST, "330203"), (COUNTY, CITY)])
def test_a_desk_outside_ones_scope_is_refused_in_words(browser: Browser, scope: str, code: str) -> None:
    answer = browser.get(f"/station/{code}?lang=en", scope)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    for part in ("This desk is not open to you", f"is outside the scope {scope}", 'href="/"', 'href="?lang=zh"'):
        assert part in answer.text
    assert "你不能打开这个指挥席位" in browser.get(f"/station/{code}?lang=zh", scope).text
    assert "dash-config" not in answer.text


@pytest.mark.parametrize("code", ["330299", "000000000000", "west", "330203010001", "%3Cscript%3Ealert(1)"])
def test_an_unknown_code_is_not_found(browser: Browser, code: str) -> None:
    answer = browser.get(f"/station/{code}?lang=en")
    assert answer.status_code == 404
    assert "There is no such desk" in answer.text
    assert "<script>alert" not in answer.text
    assert "没有这个指挥席位" in browser.get(f"/station/{code}?lang=zh").text


@pytest.mark.parametrize("path", ["/station", "/station/", f"/station/{WEST}/more", f"/station/{WEST}%0A/x"])
def test_what_is_no_address_of_a_desk_is_no_page(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


def menu(layout: Any) -> list[tuple[str, str, bool]]:
    """Name, address and whether it is the one shown, of every desk offered in the strip."""
    nav = next(
        (part for part in parts_of_json(layout) if part.get("type") == "Nav" and part["props"].get("className") == "desk-menu"), None
    )
    links = [part["props"] for part in parts_of_json(nav) if part.get("type") == "A"]
    return [(link["children"], link["href"], link.get("aria-current") == "page") for link in links]


def test_the_strip_leads_to_every_desk_of_the_scope(browser: Browser) -> None:
    offered = menu(browser.layout(f"http://testserver/station/{WEST}"))
    assert [address for _, address, _ in offered] == ["/", f"/station/{COUNTY}", f"/station/{WEST}", f"/station/{EAST}"]
    assert [name for name, _, shown in offered if shown] == ["西门派出所"]
    assert [address for _, address, _ in menu(browser.layout(scope=COUNTY))] == ["/", f"/station/{WEST}", f"/station/{EAST}"]
    assert menu(browser.layout(scope=WEST)) == []


def test_programs_get_the_refusal_as_a_problem(browser: Browser) -> None:
    refused = browser.get(f"/station/{EAST}", WEST, headers={"Accept": "*/*"})
    unknown = browser.get("/station/330299", headers={"Accept": "application/json"})
    assert (refused.status_code, unknown.status_code) == (403, 404)
    assert [one.json()["type"].rpartition(":")[2] for one in (refused, unknown)] == ["outside-scope", "unknown-organisation"]


def test_a_role_that_sees_no_picture_gets_no_desk(browser: Browser) -> None:
    assert browser.get(f"/station/{WEST}", role="feed").status_code == 403


def test_nobody_is_sent_to_log_in_and_comes_back(city: ApiCity) -> None:
    _, edge = pages_of(city)
    answer = ask(city, edge, "GET", f"/station/{WEST}?incident=7", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next=/station/{WEST}%3Fincident%3D7"


def test_nothing_is_posted_to_a_desk(city: ApiCity) -> None:
    _, edge = pages_of(city)
    bearer = {"Authorization": f"Bearer {city.token('operator')}"}
    assert ask(city, edge, "POST", f"/station/{WEST}", headers=bearer).status_code == 405


# What its page is laid out for


def test_the_layout_is_that_of_the_desk_in_the_referrer(browser: Browser) -> None:
    layout = browser.layout(f"http://city.test/station/{WEST}?lang=en#x")
    assert stores(layout)["config"]["desk"] == WEST
    assert stores(layout)["page"]["desk"] == WEST
    assert "西门派出所" in str(layout)
    camera = next(part["map"] for part in parts_of_json(layout) if "map" in part)
    middle_of_west = degrees(250, 550)
    assert (camera["center"]["lon"], camera["center"]["lat"]) == (
        pytest.approx(middle_of_west[0], abs=1e-4),
        pytest.approx(middle_of_west[1], abs=1e-4),
    )


def test_a_desk_without_an_area_looks_at_that_of_the_level_above(city: ApiCity) -> None:
    address, of_county = f"http://city.test/station/{WEST}", (121.0, 29.0, 122.0, 30.0)
    assert _desk(city.services, COMMANDER, address, {COUNTY: of_county, CITY: (0.0, 0.0, 1.0, 1.0)}) == Desk(
        WEST, "西门派出所", "西门派出所", of_county
    )
    nowhere = _desk(city.services, COMMANDER, address, {})
    assert nowhere is not None
    assert nowhere.bounds == city.services.city.bounds


def test_the_page_knows_whose_incidents_are_its_own(browser: Browser) -> None:
    """Those of others are seen when a crew of its own is on them: the queue puts them after."""
    assert set(stores(browser.layout())["config"]["own"]) == {CITY, COUNTY, WEST, EAST}
    assert stores(browser.layout(f"http://city.test/station/{WEST}"))["config"]["own"] == [WEST]
    assert stores(browser.layout("", WEST))["config"]["own"] == [WEST]


def test_a_short_code_stands_for_the_full_one(browser: Browser) -> None:
    assert stores(browser.layout("http://city.test/station/330203"))["config"]["desk"] == COUNTY


@pytest.mark.parametrize("referrer", ["", "http://city.test/", "http://city.test/wall", "http://city.test/station/330299", "nonsense:///"])
def test_any_other_page_is_the_accounts_own(browser: Browser, referrer: str) -> None:
    found = stores(browser.layout(referrer))
    assert found["config"]["desk"] is None
    assert found["page"]["desk"] is None


def test_a_referrer_never_opens_a_desk_outside_ones_scope(browser: Browser) -> None:
    layout = browser.layout(f"http://city.test/station/{EAST}", WEST)
    config = stores(layout)["config"]
    assert config["desk"] is None
    assert config.pop("organisations")[EAST] == "东门派出所"  # the names of all are no secret; nothing else may speak of it
    assert "东门派出所" not in str(layout)


# What its callbacks show and do


def received(city: ApiCity, east_m: float, text: str) -> str:
    lon, lat = degrees(east_m, 500)
    command = ReceiveIncident(incident_type="assault", grade=Grade.URGENT, text=text, lon=lon, lat=lat)
    incident_id: str = city.handle(command).incident_id
    return incident_id


def test_a_page_says_how_its_actor_is_used() -> None:
    assert seen_by(COMMANDER, None) == seen_by(COMMANDER, PAGE) == seen_by(COMMANDER, PAGE | {"desk": None}) == COMMANDER
    assert seen_by(COMMANDER, AT_WEST) == within(COMMANDER, WEST)
    assert seen_by(COMMANDER, AT_WEST | {"wall": True}) == as_wall(within(COMMANDER, WEST))


@pytest.mark.parametrize("desk", ["nonsense", CITY, ["a list"], {"of": "things"}])
def test_a_page_that_lies_about_its_desk_widens_nothing(city: ApiCity, desk: Any) -> None:
    own = Actor("east", "commander", EAST)
    assert city.services.authority.visible_orgs(seen_by(own, PAGE | {"desk": desk})) <= city.services.authority.visible_orgs(own)


def test_panel_and_scene_are_the_stations(city: ApiCity) -> None:
    city.unit("at-west", WEST, (300, 500), marked=False)
    city.unit("at-east", EAST, (800, 500), marked=False)
    west, east = received(city, 400, "west of the line"), received(city, 700, "east of the line")
    actor = seen_by(COMMANDER, AT_WEST)

    def panel(incident_id: str) -> str:
        above, below, _ = city.run(panel_of(city.services, actor, {"kind": "incident", "incident_id": incident_id}, AT_WEST))
        return words_in([above, below])

    assert "west of the line" in panel(west)
    assert "may not see it" in panel(east)
    assert "east of the line" not in panel(east)
    children, drawn = city.run(scene_of(city.services, actor, {"kind": "incident", "incident_id": west}, AT_WEST))
    assert drawn["rings"] is not None
    assert "AT-WEST" in words_in(children)
    assert "AT-EAST" not in words_in(children), "plain clothes of another station"
    assert city.run(scene_of(city.services, actor, {"kind": "incident", "incident_id": east}, AT_WEST)) == (
        [],
        {"rings": None, "at": None, "point": None, "cameras": [], "selection": {"kind": "incident", "incident_id": east}},
    )


def test_commands_of_the_desk_stay_in_the_station(city: ApiCity) -> None:
    east = received(city, 700, "not ours")
    with pytest.raises(NotFound):
        city.handle(Note(incident_id=east, text="x"), seen_by(COMMANDER, AT_WEST))
    with pytest.raises(NotPermitted):
        city.handle(ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, org_code=EAST), seen_by(COMMANDER, AT_WEST))
    outcome = city.handle(ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY), seen_by(COMMANDER, AT_WEST))
    assert city.services.handler.picture.incidents[outcome.incident_id].org_code == WEST
