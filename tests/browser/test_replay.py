"""The time bar in a real browser: dragged, it shows the past and takes no command; one key brings back the present."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from dispatch.commands import Push
from dispatch.model import Actor
from dispatch.past import STAGE_FIELDS, PastIncident
from operations.records.incident_import import read_incidents, read_mapping
from operations.tracking.reports import FeedSession, PositionReport
from storage.database import open_database
from storage.past import PastIncidents
from tests.browser.desk_server import READY_WITHIN_MS, DeskServer, Visitor
from tests.browser.node import wait_for
from tests.cities import CITY, degrees

pytestmark = pytest.mark.browser

MAPPING = Path(__file__).resolve().parents[2] / "docs/examples/sf-fire-calls.toml"
APART_S = 4.0  # between what is told apart: a pixel of the bar is a second
SPAN_S = 600.0  # the bar's narrowest
# How often the map was drawn for a selection while the frame was waited for; asked again where that came meanwhile, once a second.
ASKED_BETWEEN = """async () => {
  const { fleet } = liandong;
  for (let k = 0; k < 20; k += 1) {
    fleet.awaited = true;
    const drawn = (window.drawnBefore = window.drawnUnits.length);
    liandong.select({ kind: "unit", unit_id: `u${k}` });
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
    if (fleet.awaited) return { before: window.drawnUnits.length - drawn };
  }
  return null;
}"""
MAP_ENDS_AT = "document.querySelector('#map .svg-container').getBoundingClientRect().bottom"
# As while it has a style on its way: a wish to fit its map into the page is given up.
PLOTLY_IS_BUSY = """() => {
  const { Plots } = Plotly, resize = Plots.resize;
  Plots.resize = () => Promise.reject(new Error("busy"));
  setTimeout(() => (Plots.resize = resize), 2_000);
}"""
# The first unit's record in a frame, with the greatest ages it can tell.
FRAME_OF_LONG_AGO = """() => {
  const bytes = new Uint8Array(52).fill(255, 48);
  bytes.fill(0, 32, 36);
  liandong.tell("frame", { full: false, count: 1, pictureAt: Date.now() / 1000, bytes });
  return [liandong.fleet.heardAt[0], liandong.fleet.fixAt[0]].map((at) => at === -Infinity);
}"""
# What the strip shows once coverage is told of some seconds after the moment that is shown.
COVERAGE_OF = """(afterS) => {
  const at = liandong.state.replay.at + afterS, expected = { incidents: 0, hours: null, as_of: null };
  const found = { picture_at: new Date(at * 1000).toISOString(), minutes: [1, 3, 5], street_share: [0.1, 0.2, 0.3], incident_share: null };
  const left_out = { no_position: 0, old_position: 0, off_network: 0 };
  liandong.tell("coverage", { ...found, resident_share: null, expected, units: 3, left_out });
  return document.querySelector("[data-coverage]").textContent;
}"""
FEED = FeedSession("gps", Actor("gps", "feed", CITY, kind="token"))


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    made = Visitor(browser, desk, "operator", size=(1600, 900))
    made.open("/?lang=en")
    yield made
    # What the page was told it may not do in replay is said there too.
    assert [error for error in made.errors if "403" not in error] == []
    made.context.close()


def test_the_bar_is_dragged_to_the_past_and_a_key_brings_back_the_present(operator: Visitor, desk: DeskServer) -> None:
    page = operator.page
    first = desk.incident(grade=2, text="two men fighting")
    operator.let_pass(APART_S)
    wanted = desk.clock.unix_s()
    operator.let_pass(APART_S)
    desk.handle(Push(incident_id=first, unit_ids=("u0",)))
    operator.until(f"liandong.state.incidents.get('{first}')?.stage === 'pushed'")
    operator.let_pass(APART_S)

    track = page.locator("#time-bar-track")
    box = track.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 2, middle)
    for _ in range(30):
        page.mouse.wheel(0, -100)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 60, middle)
    page.mouse.move(box["x"] + box["width"] * (1 - (desk.clock.unix_s() - wanted) / SPAN_S), middle)
    page.mouse.up()

    operator.until(
        f"document.documentElement.classList.contains('replaying') && liandong.state.incidents.get('{first}')?.stage === 'received'"
    )
    expect(page.locator("#replay-band")).to_contain_text("REPLAY")
    page.wait_for_url("**/replay?**at=**")
    page.locator(".card:has-text('Assault')").first.click()
    page.wait_for_selector("html:not(.scene-waiting):not(.panel-waiting) #panel-scene:has-text('Who can be there')")
    expect(page.locator("#panel [data-press]")).to_have_count(0)
    expect(page.locator("#new-open")).to_be_hidden()
    page.keyboard.press("n")
    expect(page.locator("#new-dialog")).to_be_hidden()
    expect(page.locator("#toast")).to_contain_text("In replay no command is given")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: {writeText: () => Promise.reject(new Error('denied'))}})")
    page.locator("#time-bar-link").click()
    expect(page.locator("#toast")).to_contain_text("stands in the address bar")
    note = f"fetch('/api/v1/incidents/{first}/commands', {{method: 'POST', headers: {{'Content-Type': 'application/json'}}, "
    note += "body: JSON.stringify({command: 'note', text: 'x'})}).then((answer) => answer.status)"
    assert page.evaluate(note) == 403

    second = desk.incident(grade=3, text="while nobody looked")
    page.wait_for_timeout(500)
    assert page.evaluate(f"liandong.state.incidents.has('{second}')") is False
    page.keyboard.press("l")
    operator.until(f"liandong.state.incidents.has('{second}') && liandong.state.incidents.get('{first}').stage === 'pushed'")
    expect(page.locator("#replay-band")).to_be_hidden()
    page.wait_for_url(lambda url: "/replay" not in url)
    page.wait_for_selector("#panel [data-press]")
    page.goto(f"{desk.url}/replay?at=yesterday&lang=en", wait_until="commit")
    expect(page.locator("#toast")).to_contain_text("names no moment that can be shown", timeout=30_000)
    page.wait_for_selector("html.ready", timeout=READY_WITHIN_MS)
    operator.until("liandong.state.connected && liandong.state.replay === null")


def test_a_moment_that_has_not_come_and_one_without_a_record_are_named_and_the_map_keeps_its_place(
    operator: Visitor, desk: DeskServer
) -> None:
    page, note = operator.page, operator.page.locator("#replay-note")
    desk.incident(text="something to step back to")
    operator.let_pass(APART_S)
    operator.until("liandong.basemap.map.loaded()")
    page.evaluate(PLOTLY_IS_BUSY)
    page.evaluate(f"liandong.replay.seek({desk.clock.unix_s() + 86_400})")
    expect(note).to_contain_text("has not come yet")
    # The band above has made the map lower.
    operator.until(f"{MAP_ENDS_AT} > 0 && Math.abs({MAP_ENDS_AT} - document.getElementById('time-bar').getBoundingClientRect().top) < 1")
    page.evaluate("liandong.replay.step('previous')")
    expect(note).not_to_contain_text("has not come yet")
    page.evaluate(f"liandong.replay.seek({desk.clock.unix_s() - 86_400})")
    expect(note).to_contain_text("Nothing was recorded around this moment")
    page.evaluate(f"liandong.replay.seek({desk.clock.unix_s() - 2.5})")
    operator.until("liandong.fleet.count > 0 && liandong.state.replay.wanted === null")
    assert [page.evaluate(COVERAGE_OF, after_s) for after_s in (3600, -3600, 0)] == ["–", "–", "20 %"], "of another moment it is none"
    assert page.evaluate(FRAME_OF_LONG_AGO) == [True, True], "no more than 'over an hour' is known of these ages"
    page.evaluate("liandong.tell('replay-refused', 'past_not_readable')")
    expect(page.locator("#toast")).to_contain_text("a file is damaged. This is the present")
    operator.until("liandong.state.connected && liandong.state.replay === null")


@pytest.mark.usefixtures("driving")
def test_no_map_without_anybody_is_drawn_on_the_way_to_another_moment(operator: Visitor, desk: DeskServer) -> None:
    """The units of a moment come with its hello, their places with the frame behind it: neither is drawn without the other."""
    page = operator.page
    operator.until("liandong.fleet.count > 0 && liandong.state.replay === null")
    # Crews are moved beside the feeds here, and nothing of that is kept: their place of now is.
    at, (lon, lat) = desk.clock.now(), degrees(550, 550)
    told = [PositionReport(unit_id=unit_id, lon=lon, lat=lat, position_at=at) for unit_id in desk.services.handler.picture.units]
    assert desk.call(desk.services.intake.positions(told, FEED)) == []
    tracks = desk.services.tracks
    wait_for(lambda: len(desk.call(asyncio.to_thread(tracks.known_at, desk.clock.unix_s()))) == len(told))
    operator.let_pass(2 * APART_S)
    page.evaluate(
        """() => {
          const { basemap: { overlay }, fleet } = liandong, drawn = (window.drawnUnits = []), set = overlay.setProps.bind(overlay);
          overlay.setProps = (props) => {
            if (props.layers) drawn.push(props.layers.find((layer) => layer.id === "units").props.data.length);
            return set(props);
          };
        }"""
    )
    operator.until("window.drawnUnits.length > 0")
    now = desk.clock.unix_s()
    for back_s in (6.0, 3.0, 7.0, 2.5):
        before = operator.knows("window.drawnUnits.length")
        page.evaluate(f"liandong.replay.seek({now - back_s}, {{ playing: false }})")
        operator.until(f"liandong.state.replay.wanted === null && window.drawnUnits.length > {before}")
    assert 0 not in operator.knows("window.drawnUnits")
    # Whatever else asks for a drawing between the two waits for the second.
    asked = page.evaluate(ASKED_BETWEEN)
    assert asked == {"before": 0}
    operator.until("window.drawnUnits.length > window.drawnBefore")
    # Gaps follow a jump at once, also where nothing moves: before anything was kept they are not known.
    gaps = "document.querySelector('[data-gaps-age]').textContent"
    page.keyboard.press("g")
    operator.until(f"{gaps} === '0 s'")
    page.evaluate(f"liandong.replay.seek({now - 7_200}, {{ playing: false }})")
    operator.until(f"{gaps}.includes('not known')")
    page.keyboard.press("g")
    page.keyboard.press("l")
    operator.until("liandong.state.replay === null && liandong.state.connected")


def test_calls_of_another_system_pass_over_the_map(operator: Visitor, desk: DeskServer, shared_data: Path) -> None:
    """One of San Francisco's fire calls, at sixty times: received, on the way, there, over."""
    found = read_incidents(shared_data / "incidents/sf_fire_calls_lonemountain_2009on.csv", read_mapping(MAPPING)).incidents
    one = next(call for call in found if len(call.responses) > 2 and takes_its_time(call))
    engine = open_database(f"sqlite:///{desk.folder / 'data' / 'journal.sqlite'}")
    PastIncidents(engine).add(found)
    engine.dispose()
    page, id_ = operator.page, one.incident_id

    begins = quote((one.received_at - timedelta(seconds=30)).isoformat())
    operator.open(f"/replay?at={begins}&speed=60&incident={id_}&lang=en")
    assert page.evaluate(f"liandong.state.incidents.has('{id_}')") is False
    page.keyboard.press(" ")
    operator.until(f"liandong.state.incidents.get('{id_}')?.stage === 'received'")
    expect(page.locator(f".card:has-text('{one.source_id}')")).to_contain_text(one.incident_type)
    drawn = page.evaluate("liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'incidents').props.data")
    assert [(row["lon"], row["lat"]) for row in drawn if row["incident_id"] == id_] == [(one.lon, one.lat)]
    operator.until(f"liandong.state.incidents.get('{id_}')?.stage === 'en_route'")
    operator.until(f"liandong.state.incidents.get('{id_}')?.stage === 'on_scene'")
    page.keyboard.press(" ")
    expect(page.locator("#panel-body")).to_contain_text(f"As {one.source} recorded it")
    expect(page.locator("#panel-body .assignment")).to_have_count(len(page.evaluate(f"liandong.state.incidents.get('{id_}').assignments")))
    page.keyboard.press(" ")
    operator.until(f"liandong.state.incidents.get('{id_}')?.stage === 'closed'")
    expect(page.locator(f".card:has-text('{one.source_id}')")).to_have_count(0)
    page.keyboard.press("l")
    operator.until(f"liandong.state.incidents.size > 0 && !liandong.state.incidents.has('{id_}')")

    # Whoever is given its address finds it in the middle of the map.
    during = quote((one.received_at + timedelta(seconds=30)).isoformat())
    operator.open(f"/replay?at={during}&incident={id_}&lang=en")
    operator.until(f"Math.abs(liandong.basemap.map.getCenter().lng - {one.lon}) < 0.001")


def takes_its_time(call: PastIncident) -> bool:
    """Whether six minutes are enough for it, and each of its stages lasts for a second of a replay at sixty times."""
    firsts = [min((at for one in call.responses if (at := getattr(one, name)) is not None), default=None) for name in STAGE_FIELDS[1:3]]
    instants = [call.received_at, *firsts, call.shown_until]
    known = [at for at in instants if at is not None]
    apart = [later - earlier for earlier, later in pairwise(known)]
    return len(known) == 4 and min(apart) > timedelta(seconds=60) and call.shown_until - call.received_at < timedelta(minutes=6)
