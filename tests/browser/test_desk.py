"""The desk in a real browser: the map lives, one click draws rings, two keys push, errors and silence cannot be missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Route, expect

from operations.health import LATE_AFTER, SILENT_AFTER
from tests.browser.desk_page import centre_on, pick_on_the_map
from tests.browser.desk_server import GPS_EVERY_S, LOSE_GRAPHICS, READY_WITHIN_MS, DeskServer, Visitor
from tests.cities import WEST, degrees

pytestmark = pytest.mark.browser

SHOWN = "[...Array(liandong.fleet.count).keys()].filter((k) => liandong.fleet.shown[2 * k] === liandong.fleet.shown[2 * k]).length"


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "operator")
    visitor.open("/?lang=en")
    yield visitor
    assert visitor.errors == []
    assert visitor.outside == []
    visitor.context.close()


@pytest.mark.parametrize("width", [1366, 1600, 1920])
def test_the_strip_holds_however_many_feeds_there_are(operator: Visitor, width: int) -> None:
    operator.page.set_viewport_size({"width": width, "height": 900})
    parts = "".join(
        f'<span class="{name}">{said}</span>' for name, said in (("mark", ""), ("word", "a-feed-with-a-long-name"), ("age", "9 s"))
    )
    badge = f'<span class="badge off">{parts}</span>'
    operator.knows(f"document.getElementById('feeds').insertAdjacentHTML('beforeend', '{badge}'.repeat(6))")
    assert 0 < operator.knows("document.querySelector('#strip .controls').getBoundingClientRect().right") <= width
    operator.page.set_viewport_size({"width": 1600, "height": 900})


def test_nothing_is_written_on_the_map_before_its_fonts_are_there(browser: Browser, desk: DeskServer) -> None:
    """A map keeps a glyph as it was first drawn: a box for a letter whose font came later would stay a box."""
    visitor, held = Visitor(browser, desk, "operator"), []
    visitor.page.route("**/fonts/*", lambda route: held.append(route))
    visitor.page.goto(f"{desk.url}/?lang=zh", wait_until="commit")  # the page is only loaded when its fonts are
    visitor.page.wait_for_selector("html.ready", timeout=READY_WITHIN_MS)
    names = "liandong.basemap.map.getStyle().layers.filter((layer) => layer.id.startsWith('label-')).length"
    assert visitor.knows(names) == 0
    assert visitor.knows("liandong.state.config.letters.length") > 0
    for route in held:
        route.continue_()
    visitor.page.unroute("**/fonts/*")
    assert visitor.until(names) > 0
    assert visitor.knows("document.fonts.check('16px \"Noto Sans SC Variable\"', liandong.state.config.letters)")
    assert visitor.errors == []
    visitor.context.close()


@pytest.mark.usefixtures("driving")
def test_units_come_and_glide(operator: Visitor) -> None:
    operator.until(f"{SHOWN} === 24")
    operator.page.emulate_media(reduced_motion="no-preference")
    for _ in range(2):  # it has begun to drive, and a glide takes as long as lies between two fixes
        place = operator.knows("liandong.fleet.to[0]")
        operator.until(f"liandong.fleet.to[0] !== {place}")
    before = operator.knows("[liandong.fleet.shown[0], liandong.fleet.shown[1], liandong.timing.frames]")
    centre_on(operator.page, 550, 550)
    operator.page.wait_for_timeout(700)
    between = operator.knows("[liandong.fleet.shown[0], liandong.fleet.to[0]]")
    assert between[0] != before[0], "the unit stands still between two fixes"
    assert between[0] != between[1], "the unit jumps to its fix instead of gliding"
    assert operator.knows("liandong.timing.frames") > before[2] + 3
    # A crew that is heard, but of a place where it was long ago, is no crew that stands there now.
    labels = "liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'unit-labels').props.data"
    operator.until(f"liandong.fleet.fixAt.fill(-Infinity) && {labels}.some(({{ text }}) => text.endsWith(' · over 1 h'))")


@pytest.mark.usefixtures("driving")
def test_who_asks_for_less_motion_sees_units_move_once_a_second(operator: Visitor) -> None:
    operator.page.emulate_media(reduced_motion="reduce")
    operator.page.wait_for_timeout(1_000)
    before = operator.knows("liandong.timing.frames")
    operator.page.wait_for_timeout(3_000)
    assert 1 <= operator.knows("liandong.timing.frames") - before <= 12


def test_coverage_is_on_the_strip_and_its_gaps_on_the_map(operator: Visitor) -> None:
    page = operator.page
    operator.until(r"/^\d+ %$/.test(document.querySelector('#coverage-open [data-coverage]').innerText)")
    page.locator("#coverage-open").click()
    assert page.locator("[data-share='street_share:5']").inner_text() != "–"
    page.keyboard.press("Escape")
    assert page.locator("#coverage").is_hidden()
    # A number that is told no more is none of now.
    page.evaluate("liandong.state.clockOffsetS += 60")
    operator.until("document.querySelector('#coverage-open [data-coverage]').innerText === '–'")
    page.evaluate("liandong.state.clockOffsetS -= 60")
    operator.until(r"/^\d+ %$/.test(document.querySelector('#coverage-open [data-coverage]').innerText)")
    page.keyboard.press("g")
    operator.until("liandong.basemap.map.getLayer('coverage-gaps') !== undefined")
    assert page.locator("#gap-legend").is_visible()
    page.keyboard.press("g")
    assert page.locator("#gap-legend").is_hidden()


def test_an_incident_appears_in_queue_counters_and_on_the_map(operator: Visitor, desk: DeskServer) -> None:
    desk.incident(text="one", grade=1)
    operator.page.wait_for_selector(".card.grade-1")
    operator.until("document.querySelector(\"[data-grade-count='1']\").innerText === '1'")
    operator.until("liandong.basemap.overlay._props.layers.some((layer) => layer.id === 'incidents' && layer.props.data.length === 1)")


def test_one_click_draws_rings_and_ranks_units(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(550, 900, text="rings please")
    operator.page.wait_for_selector(".card.grade-2")
    operator.page.locator(".card.grade-2").first.click()
    operator.page.wait_for_selector("#panel-scene .unit-row")
    operator.until("liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'ring-areas').props.data.length >= 1")
    assert operator.until("liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'ring-streets').props.data.length >= 1")
    assert incident_id in operator.page.url or operator.until(f"location.search.includes('{incident_id}')")


def test_two_keys_push_and_the_step_shows_at_once(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(200, 200, text="push me", grade=1, incident_type="robbery")
    operator.page.wait_for_selector(".card:has-text('Robbery')")
    operator.page.locator(".card:has-text('Robbery')").click()
    operator.page.wait_for_selector(f"#panel-scene .push-top[data-press*='{incident_id}']")
    operator.page.keyboard.press("p")
    operator.page.wait_for_selector(".note")
    assert "Push" in operator.page.locator(".note").last.inner_text()
    operator.page.wait_for_selector(".assignment.active")
    assert desk.services.handler.picture.incidents[incident_id].active_assignments
    operator.page.locator(".radio button", has_text="Acknowledged").click()
    operator.page.wait_for_selector(".assignment .stage-acknowledged")
    assert "for 西门" in operator.page.locator("#panel-after .timeline").inner_text()


def test_a_refusal_is_shown_in_its_own_words(operator: Visitor) -> None:
    operator.page.locator(".actions button", has_text="Note").click()
    operator.page.wait_for_selector("#ask:not([hidden])")
    operator.page.click("#ask-send")
    operator.page.wait_for_selector(".note.bad")
    assert "text" in operator.page.locator(".note.bad").inner_text()
    operator.page.keyboard.press("Escape")


def test_a_free_point_has_rings_too(operator: Visitor) -> None:
    operator.page.keyboard.press("Escape")
    operator.until("document.querySelector('#panel').classList.contains('open') === false")
    centre_on(operator.page, 100, 1000, 16)
    operator.page.mouse.click(*_on_screen(operator, 100, 1000))  # no crew comes by there
    operator.page.wait_for_selector("#panel-body:has-text('Point')")
    operator.until("liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'ring-areas').props.data.length >= 1")
    operator.page.keyboard.press("Escape")


def test_a_pursuit_grows_by_the_clock_keeps_its_sightings_and_ends_with_esc(operator: Visitor) -> None:
    page = operator.page
    centre_on(page, 500, 500)
    page.mouse.click(*_on_screen(operator, 420, 480))
    page.click("#panel-scene .pursue")
    page.wait_for_selector("#pursuit-lines button[aria-pressed=true]")
    assert "usual speed of each street × 1.5" in page.inner_text("#pursuit-assumed")
    drawn = "liandong.basemap.overlay._props.layers.filter((layer) => layer.id.startsWith('escape-')).length"
    assert operator.until(drawn) >= 5
    assert operator.knows("liandong.basemap.overlay._props.layers.every((layer) => !layer.id.startsWith('ring-'))")
    seen = page.inner_text("#pursuit-seen")
    operator.until(f"document.getElementById('pursuit-seen').textContent !== {seen!r}", within_s=3)  # the age counts by itself
    page.click("#pursuit-profile [data-profile=foot]")
    operator.until("document.getElementById('pursuit-assumed').textContent.includes('× 2')")
    page.route("**/api/v1/pursuit?*", _a_minute_old)  # as when the server says nothing more
    page.click("#pursuit-profile [data-profile=car]")
    operator.until("document.getElementById('pursuit-assumed').textContent.includes('grows no more')")
    page.unroute("**/api/v1/pursuit?*")
    page.click("#pursuit-again")
    pick_on_the_map(page, 800, 800)
    operator.until("document.querySelectorAll('#pursuit-sightings .sighting').length === 2")
    page.evaluate("liandong.replay.seek(Date.now() / 1000 - 60)")  # a pursuit is of the present
    assert page.locator("#pursuit").is_hidden()
    assert operator.until(f"{drawn} === 0")
    page.evaluate("liandong.replay.leave()")
    assert page.locator("#pursuit-sightings .sighting").count() == 2
    assert operator.until(drawn) >= 5
    page.keyboard.press("Escape")
    assert page.locator("#pursuit").is_hidden()
    assert operator.until(f"{drawn} === 0")
    page.keyboard.press("Escape")


def _a_minute_old(route: Route) -> None:
    answer = route.fetch()
    found = answer.json()
    route.fulfill(response=answer, json=found | {"at": (datetime.fromisoformat(found["at"]) - timedelta(minutes=1)).isoformat()})


@pytest.mark.usefixtures("driving")
def test_what_is_supposed_is_framed_follows_the_mouse_and_is_left_with_esc(operator: Visitor, desk: DeskServer) -> None:
    page = operator.page
    desk.moving = False
    centre_on(page, 550, 550)
    page.keyboard.press("i")
    page.wait_for_selector("#what-if-banner:not([hidden])")
    operator.until("[...document.querySelectorAll('[data-supposed]')].some((cell) => cell.textContent.includes('%'))")
    before = desk.services.positions.lon[:24].copy()
    row = "liandong.fleet.rows.find((row) => row && row.callsign === '西门00').index"
    lon, lat = float(before[0]), float(desk.services.positions.lat[0])
    operator.until(f"Math.abs(liandong.fleet.shown[2 * {row}] - {lon}) < 1e-5")  # what glides has come to rest
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    x, y = operator.knows(f"(({{x, y}}) => [x, y])(liandong.basemap.map.project([{lon}, {lat}]))")
    box = page.locator("#map canvas").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.down()
    page.mouse.move(box["x"] + x + 60, box["y"] + y + 20, steps=4)
    page.mouse.up()
    page.wait_for_selector("#what-if-list .supposed")
    operator.until("liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'supposed-rings')?.props.data.length > 0")
    assert page.locator("#ring-legend").is_visible()
    page.click("#what-if-advise")
    page.wait_for_selector("#what-if-advice .advice-sum")
    assert re.search(r"as of \d\d:\d\d:\d\d", page.inner_text("#what-if-advice"))
    # Advice about something that is no longer supposed is not shown, nor are figures of it where an answer is refused.
    with page.expect_response("**/what-if/standby"):
        page.evaluate("['advise', 'afresh'].forEach((name) => document.getElementById(`what-if-${name}`).click())")
    shares = "[...document.querySelectorAll('[data-supposed]')].map((cell) => cell.textContent).join('')"
    operator.until(f"{shares}.includes('%') && !document.getElementById('what-if-advise').disabled")
    assert not page.inner_text("#what-if-advice")
    refused = {"type": "urn:liandong:problem:off-network", "detail": ""}
    page.route("**/what-if/coverage", lambda route: route.fulfill(status=422, content_type="application/json", json=refused))
    page.click("#what-if-afresh")
    operator.until(f"!{shares}.includes('%')")
    assert "No street is near" in page.inner_text("#what-if-why")
    page.unroute("**/what-if/coverage")
    page.evaluate("performance.now = ((now) => () => now() + 5_000)(performance.now.bind(performance))")
    assert (desk.services.positions.lon[:24] == before).all()
    desk.moving = True
    operator.until(f"{shares}.includes('%')")  # asked anew by itself as units move on
    page.evaluate("liandong.tell('connection', false)")  # nothing is known of units that are not heard of
    assert "%" not in operator.knows(shares)
    operator.until(f"{shares}.includes('%')")
    page.keyboard.press("Escape")
    assert page.locator("#what-if-banner").is_hidden()
    page.keyboard.press("i")
    page.evaluate("liandong.replay.seek(Date.now() / 1000 - 60)")
    assert page.locator("#what-if-banner").is_hidden()
    page.evaluate("liandong.replay.leave()")


def _on_screen(visitor: Visitor, east_m: float, north_m: float) -> tuple[float, float]:
    lon, lat = degrees(east_m, north_m)
    x, y = visitor.knows(f"(({{x, y}}) => [x, y])(liandong.basemap.map.project([{lon}, {lat}]))")
    box = visitor.page.locator("#map canvas").first.bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def test_a_form_takes_the_focus_but_not_from_somebody_who_was_quicker(operator: Visitor) -> None:
    page = operator.page
    page.evaluate("window.was = window.setTimeout; window.setTimeout = (work, ms) => window.was(work, ms === 60 ? 1000 : ms)")
    page.keyboard.press("n")
    page.wait_for_selector("#new-dialog:not([hidden])")
    page.evaluate("void (window.setTimeout = window.was)")
    page.click("#new-text")
    page.wait_for_timeout(1_200)
    page.keyboard.type("typed")
    assert page.input_value("#new-text") == "typed"
    page.fill("#new-text", "")
    page.keyboard.press("Escape")
    page.wait_for_selector("#new-dialog", state="hidden")
    page.keyboard.press("n")
    expect(page.locator("#new-type")).to_be_focused()
    page.keyboard.press("Escape")


def test_an_incident_is_entered_by_hand(operator: Visitor, desk: DeskServer) -> None:
    operator.page.keyboard.press("n")
    operator.page.wait_for_selector("#new-dialog:not([hidden])")
    operator.page.click("#new-type")
    operator.page.locator("input[placeholder=Search]").fill("dispute")
    operator.page.get_by_text("Dispute", exact=True).last.click()
    operator.page.wait_for_selector("#new-type:has-text('Dispute')")
    operator.page.fill("#new-text", "entered by hand")
    operator.page.click("#new-submit")
    operator.page.wait_for_selector("#panel-body:has-text('entered by hand')")
    found = [one for one in desk.services.handler.picture.incidents.values() if one.text == "entered by hand"]
    assert len(found) == 1
    assert found[0].lon is None
    assert "no ring" in operator.page.locator("#panel-scene").inner_text()
    operator.page.keyboard.press("Escape")


def test_an_incident_without_a_point_is_located_on_the_map(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(lon=None, lat=None, text="no idea where", incident_type="fraud", org_code=WEST)
    rings = "liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'ring-areas').props.data.length"
    operator.page.locator(".card:has-text('Fraud')").click()
    operator.page.wait_for_selector("#panel-scene .unit-row .push")
    assert "without a point there is no ring" in operator.page.locator("#panel-scene").inner_text()
    assert operator.knows(rings) == 0
    operator.page.locator("#panel-body .actions button.primary", has_text="Locate").click()
    operator.page.wait_for_selector("#locate-dialog:not([hidden])")
    operator.page.click("#locate-send")
    operator.page.wait_for_selector("#locate-error:has-text('Choose a place')")
    operator.page.click("#locate-pick")
    pick_on_the_map(operator.page, 500, 500)
    operator.page.wait_for_selector("#locate-point-label:has-text(', ')")
    operator.page.click("#locate-send")
    operator.page.wait_for_selector("#locate-dialog", state="hidden")
    operator.page.wait_for_selector("#panel-scene .unit-row .eta")
    operator.until(f"{rings} >= 1")
    found = desk.services.handler.picture.incidents[incident_id]
    assert (found.lon, found.lat) == pytest.approx(degrees(500, 500), abs=2e-4)
    operator.page.locator("#panel-body .actions button", has_text="Classify").click()
    operator.page.wait_for_selector("#classify-dialog:not([hidden])")
    operator.until("document.querySelector('#classify-text').value === 'no idea where'")
    operator.page.fill("#classify-text", "at the crossing")
    operator.page.click("#classify-send")
    operator.page.wait_for_selector("#panel-body blockquote:has-text('at the crossing')")
    operator.page.keyboard.press("Escape")


def test_elements_are_switched_by_key_and_fetched(operator: Visitor) -> None:
    stamps = "liandong.basemap.overlay._props.layers.find((layer) => layer.id === 'elements').props.data"
    centre_on(operator.page, 500, 500, 15)
    operator.page.keyboard.press("Shift+Digit5")
    operator.until(f"{stamps}.some((stamp) => stamp.element === 'street_camera')")
    operator.page.keyboard.press("Shift+Digit5")
    operator.until(f"!{stamps}.some((stamp) => stamp.element === 'street_camera')")


def test_another_theme_keeps_view_and_overlay(operator: Visitor) -> None:
    before = operator.knows("liandong.basemap.map.getCenter().lng")
    operator.page.click("#theme-switch")
    operator.until("document.documentElement.dataset.theme === 'light'")
    operator.page.wait_for_timeout(1500)
    assert operator.knows("liandong.basemap.map.getCenter().lng") == pytest.approx(before, abs=1e-6)
    assert operator.knows("document.querySelectorAll('#map canvas').length") >= 2
    operator.page.click("#theme-switch")


@pytest.mark.usefixtures("driving")
def test_a_silent_feed_and_old_units_are_shown(operator: Visitor, desk: DeskServer) -> None:
    desk.moving = False
    operator.let_pass(SILENT_AFTER * GPS_EVERY_S)
    operator.page.wait_for_selector("#feeds .badge.bad", timeout=40_000)
    assert "gps" in operator.page.locator("#banner").inner_text()
    feed = desk.services.health.feed("gps")
    feed.heard(desk.clock.unix_s(), 0, refused=3)
    operator.let_pass((LATE_AFTER + 0.5) * GPS_EVERY_S)
    feed.heard(desk.clock.unix_s(), 0, refused=3)
    operator.page.wait_for_selector("#banner:has-text('All that feed gps sends is refused')", timeout=20_000)
    operator.let_pass(61)  # as `stale_after_s` of the catalogue
    operator.page.wait_for_selector("#catalogue [data-element=patrol_car][data-state=stale]", state="attached", timeout=20_000)
    desk.moving = True
    operator.page.wait_for_selector("#feeds .badge.good", timeout=20_000)


def test_a_lost_connection_cannot_be_missed_and_comes_back(operator: Visitor, desk: DeskServer) -> None:
    missed = []
    operator.context.set_offline(True)
    operator.page.evaluate("for (const s of [1]) window.dispatchEvent(new Event('offline'))")
    # Going offline does not cut an open socket in every Chromium: the frames are held back at the server's side instead.
    desk.loop.call_soon_threadsafe(lambda: missed.extend(_drop_live_sockets(desk)))
    operator.page.wait_for_selector("html.lost #banner:not([hidden])", timeout=15_000)
    assert "Connection lost" in operator.page.locator("#banner").inner_text()
    desk.incident(text="while away", grade=1, incident_type="theft")
    operator.context.set_offline(False)
    operator.page.wait_for_selector("html:not(.lost)", timeout=30_000)
    operator.page.wait_for_selector(".card:has-text('Theft')")


def _drop_live_sockets(desk: DeskServer) -> list[str]:
    server = desk._server
    assert server is not None
    cut = []
    for connection in list(server.server_state.connections):
        if type(connection).__name__ == "TransportProtocol":
            connection.transport.abort()
            cut.append("live")
    return cut


@pytest.mark.usefixtures("driving")
def test_nothing_is_asked_of_the_server_while_nothing_happens(operator: Visitor) -> None:
    operator.page.keyboard.press("Escape")
    operator.until("document.querySelectorAll('.video-tile').length === 0")  # a camera that gives no picture is asked again
    operator.page.wait_for_timeout(1500)
    before = len(operator.requests)
    operator.page.wait_for_timeout(4000)
    assert operator.requests[before:] == []


@pytest.mark.usefixtures("driving")
def test_a_map_at_rest_is_not_drawn(operator: Visitor, desk: DeskServer) -> None:
    frames, moving = "liandong.timing.frames", desk.moving
    desk.moving = True
    seen = operator.knows(frames)
    operator.until(f"{frames} > {seen + 1}")
    desk.moving = False

    def drawn_in_three_seconds() -> int:
        before = operator.knows(frames)
        operator.page.wait_for_timeout(3_000)
        return int(operator.knows(frames) - before)

    # The last fixes come and the last move ends; a deadline that strikes meanwhile is drawn, once.
    assert any(drawn_in_three_seconds() == 0 for _ in range(5))
    desk.moving = moving


def test_a_desk_whose_session_is_ended_elsewhere_is_sent_to_log_in_at_once(browser: Browser, desk: DeskServer) -> None:
    lost, own = Visitor(browser, desk, "west"), Visitor(browser, desk, "west")
    lost.open("/?lang=en")
    own.page.goto(f"{desk.url}/account?lang=en")
    assert own.page.locator("li:has-text('Chrome')").count() == 2
    # Meanwhile what is drawn over its map is lost: it says so.
    lost.knows(LOSE_GRAPHICS)
    expect(lost.page.locator("#banner")).to_have_text("The map does not show everything. Load this page again (F5).")
    own.page.get_by_role("button", name="End all others").click()
    lost.page.wait_for_url("**/login?next=**", timeout=5_000)
    assert own.page.locator("li").count() == 1
    assert (own.errors, own.outside) == ([], [])
    for visitor in (lost, own):
        visitor.context.close()
