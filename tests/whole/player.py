"""Plays a scripted evening (`evening.py`): desks and phones in real browsers, another system's feed, cables that are pulled out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from difflib import unified_diff

from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import connect

from tests.browser.desk_page import answer, enter, fill_in, pick_on_the_map, press, show
from tests.browser.desk_server import PASSWORD, Visitor
from tests.browser.node import Node, wait_for
from tests.browser.phone import Phone
from tests.cities import CITY as CITY_CODE
from tests.cities import WEST, degrees
from tests.whole.cable import Cable
from tests.whole.evening import CITY, CLIMB_S, CLOCK, FEED, NETWORK, PHONES, RADIO_CREWS, STATION, Beat, Step, Story, expected
from tests.whole.record import Json, lines

PATIENCE_MS = 60_000  # on shared cores a page may be late; nothing is ever slept through
PATIENCE_S = PATIENCE_MS / 1000
SIZE = (1280, 720)  # of a desk's window
AT_ONCE = 6  # stories that are told at the same time
PHOTO = b"\xff\xd8\xff\xe0" + bytes(2_000)
VIDEO = b"\x1aE\xdf\xa3" + bytes(300_000)
# Commands that open the small dialog, and those that have a key.
ASKED = frozenset(
    {"feedback", "refuse", "review", "return", "close", "divert", "mark_invalid", "cancel", "reopen", "note"}
    | {"call_service", "merge", "escalate", "offer_handover", "refuse_handover", "call_back"}
)
KEYS = {"take_alarm": "a", "stop_repush": "s", "push_nearest": "p", "claim": "c", "bookmark": "b"}
OF_ANOTHER = frozenset({"merge", "tell_apart"})  # what stands behind the command is another incident


class Desk:
    """One desk: its page, at the end of a cable of its own."""

    def __init__(self, browser: Browser, node: Node, account: str, path: str) -> None:
        self.cable = Cable(node.port)
        self.visitor = Visitor(browser, self.cable, account, size=SIZE)
        self.page = self.visitor.page
        self.page.set_default_timeout(PATIENCE_MS)
        self._draw_little()
        self._connections: list[str] = []
        self.page.on("websocket", lambda socket: self._connections.append(socket.url))
        self.visitor.open(path)
        self.page.evaluate("window.isTheSamePage = true")

    def _draw_little(self) -> None:
        """Without a graphics card a map that glides in all its pixels costs seconds: it jumps, and has one pixel for sixteen."""
        self.page.emulate_media(reduced_motion="reduce")
        width, height = SIZE
        screen = {"width": width, "height": height, "deviceScaleFactor": 0.25, "mobile": False}
        self.visitor.context.new_cdp_session(self.page).send("Emulation.setDeviceMetricsOverride", screen)

    def command(self, incident_id: str, body: Json, key: str | None) -> None:
        """With the page's own session."""
        headers = {"Origin": self.cable.url} | ({"Idempotency-Key": key} if key else {})
        said = self.page.request.post(f"{self.cable.url}/api/v1/incidents/{incident_id}/commands", data=body, headers=headers)
        assert said.ok, f"{body}: {said.text()}"

    def ask(self, path: str) -> Json:
        """As the page's own account."""
        said = self.page.request.get(f"{self.cable.url}/api/v1{path}")
        assert said.ok, said.text()
        found: Json = said.json()
        return found

    def look_at(self, number: int, events: int) -> None:
        """Have an incident in the panel, as it is now: with so many events."""
        head = self.page.locator("#panel-body .head .number").first
        if not (head.is_visible() and head.inner_text() == f"#{number}"):
            show(self.page, number)
        expect(self.page.locator("#panel-after .timeline .note-right").first).to_have_text(str(events))
        self.page.wait_for_selector("html:not(.panel-waiting)")

    def shows_that_it_is_lost(self) -> None:
        self.page.wait_for_selector("html.lost #banner:not([hidden])")
        expect(self.page.locator("#banner")).to_contain_text("Connection lost")

    def shows_that_it_is_back(self) -> None:
        """The same page, which has asked for what came after the last revision it had heard of."""
        self.page.wait_for_selector("html:not(.lost)")
        assert self.page.evaluate("window.isTheSamePage")
        assert re.search(r"revision=[1-9]", self._connections[-1]), self._connections

    def close(self) -> None:
        self.visitor.context.close()
        self.cable.close()


class Evening:
    """Does each step of the script and waits until what it leads to, and nothing else, is on record."""

    def __init__(self, node: Node, browser: Browser) -> None:
        self.node = node
        self.ids: dict[int, str] = {}  # by the script's number
        self.expected: dict[int, list[str]] = {}
        self.told_at: dict[int, dict[int, datetime]] = {}  # of events that came late: when they could be told, by their place
        self._is_down = False  # the server
        self._away: set[str] = set()  # phones whose network is cut
        self._running: list[list[Beat]] = []
        self._reports: dict[int, Json] = {}
        self._feed_token = node.accounts.add_token("feed", CITY_CODE, name="cad")
        for crew, organisation in PHONES.items():
            node.register(crew, crew, f"officer-{crew}", organisation)
        for crew in RADIO_CREWS:
            node.ask("PUT", f"/units/{crew}", json={"callsign": crew, "kind": "patrol_car", "org_code": WEST, "radio_group": "西 2"})
        for account, organisation in (("city-desk", CITY_CODE), ("west-desk", WEST)):
            node.accounts.add_user(account, PASSWORD, "commander", organisation)
        self.desks = {
            CITY: Desk(browser, node, "city-desk", "/?lang=en"),
            STATION: Desk(browser, node, "west-desk", f"/station/{WEST}?lang=en"),
        }
        self.phones = {crew: self._phone(browser, crew) for crew in PHONES}

    def _phone(self, browser: Browser, crew: str) -> Phone:
        phone = Phone(self.node, browser, reduced_motion="reduce")
        phone.page.set_default_timeout(PATIENCE_MS)
        phone.context.grant_permissions(["geolocation", "microphone"])
        phone.log_in(f"officer-{crew}").wait_for_selector(".head .tick")
        wait_for(lambda: self.node.unit(crew)["lon"] is not None, PATIENCE_S)
        return phone

    def account(self) -> str:
        """What the desks show, for somebody who reads of an evening that failed."""
        return "\n".join(f"{who}: {desk.visitor.account()}" for who, desk in self.desks.items())

    def close(self) -> None:
        for phone in self.phones.values():
            phone.context.close()
        for desk in self.desks.values():
            desk.close()

    # The order of the evening ------------------------------------------------------------------------------------------

    def play_act(self, stories: tuple[Story, ...]) -> None:
        """Several stories at once, a beat of each in turn; what the clock has done comes before everything that people do.

        A story that waits for the clock goes on in the next act.
        """
        waiting = [[(one,) if isinstance(one, Step) else one for one in story] for story in stories]
        turn = 0
        while True:
            by_clock = [story for story in self._running if story[0][0].who == CLOCK]
            by_people = [story for story in self._running if story[0][0].who != CLOCK]
            if waiting and len(by_people) < AT_ONCE:
                self._running.append(waiting.pop(0))
                continue
            turn += 1
            story = next((story for story in by_clock if self._has_struck(story[0][0])), None)
            if story is None and not by_people:
                return
            self._play_beat(story or by_people[turn % len(by_people)])

    def wait_for_the_clock(self) -> None:
        """What is left at the end."""
        while self._running:
            self._play_beat(self._running[0])

    def _has_struck(self, step: Step) -> bool:
        return len(self.lines(step.of)) >= len(self.expected[step.of]) + len(step.told)

    def _play_beat(self, story: list[Beat]) -> None:
        for step in story.pop(0):
            self.play(step)
        self._running = [one for one in self._running if one]

    def play(self, step: Step) -> None:
        told_at = None
        if step.who in self.desks:
            desk = self.desks[step.who]
            told_at = self._at_the_desk(desk, step) if step.by_hand else self._over_the_api(desk, step)
        elif step.who in self.phones:
            self._on_the_phone(self.phones[step.who], step)
        elif step.who == FEED:
            self._by_the_feed(step)
        elif step.who == NETWORK:
            told_at = self._with_the_network(*step.does.split())
        self._wait_until_told(step, told_at)

    def _wait_until_told(self, step: Step, told_at: datetime | None) -> None:
        numbers = {step.of}
        for told in step.told:
            number, line, is_late = expected(step, told)
            numbers.add(number)
            self._find(number)
            if is_late:
                assert told_at is not None, step
                self.told_at.setdefault(number, {})[len(self.expected.get(number, []))] = told_at
            self.expected.setdefault(number, []).append(line)
        if self._is_down:
            return  # nobody can be asked
        until = time.monotonic() + (2 * CLIMB_S if step.who == CLOCK else PATIENCE_S)
        for number in numbers & self.ids.keys():
            wanted = self.expected[number]
            while len(found := self.lines(number)) < len(wanted) and time.monotonic() < until:
                time.sleep(0.03)
            assert found == wanted, f"after {step}:\n" + "\n".join(unified_diff(wanted, found, "script", "record", lineterm=""))

    # What is on record -------------------------------------------------------------------------------------------------

    def incidents(self) -> list[Json]:
        return list(self.node.ask("GET", "/incidents", params={"limit": 500})["incidents"])

    def lines(self, number: int) -> list[str]:
        """The timeline as the script tells it."""
        return lines(self.node.events(self.ids[number]), {incident_id: str(number) for number, incident_id in self.ids.items()})

    def _find(self, number: int) -> None:
        """The incident of the server that a number of the script means: the one that has just come."""
        if number not in self.ids:
            known = set(self.ids.values())
            (self.ids[number],) = wait_for(lambda: {one["incident_id"] for one in self.incidents()} - known, PATIENCE_S)

    def number(self, of: int) -> int:
        """What people call it."""
        number: int = self.node.ask("GET", f"/incidents/{self.ids[of]}")["number"]
        return number

    # At a desk ---------------------------------------------------------------------------------------------------------

    def _at_the_desk(self, desk: Desk, step: Step) -> None:
        """With mouse and keys."""
        page, (verb, *about), how = desk.page, step.does.split(), step.how
        if verb == "receive":
            enter(page, how["choice"], how["text"])
            return
        incident_id = self.ids[step.of]
        desk.look_at(self.number(step.of), len(self.expected[step.of]))
        if verb in KEYS:
            self._by_key(page, verb, incident_id, about[0] if about else "")
            return
        press(page, verb, incident_id, about[0] if about and verb not in OF_ANOTHER else "")
        if verb == "merge":
            expect(page.locator("#ask-choice")).to_contain_text(f"#{self.number(int(about[0]))} ")
        if verb in ASKED:
            answer(page, how.get("text", ""), how.get("choice", ""))
        elif verb in ("classify", "split"):
            fill_in(page, verb, how["text"], how.get("choice", ""))
        elif verb == "locate":
            page.click("#locate-pick")
            pick_on_the_map(page, *how["at"])
            page.wait_for_selector("#locate-point-label:has-text(', ')")
            page.click("#locate-send")
            expect(page.locator("#locate-dialog")).to_be_hidden()

    def _by_key(self, page: Page, verb: str, incident_id: str, about: str) -> None:
        """The key presses the button that bears it, of the picture there is or of the panel."""
        if verb == "push_nearest":
            self._say_where_radio_crews_are()  # by an old position nobody is recommended
            page.wait_for_selector(
                f"html:not(.scene-waiting) #panel-scene .push-top[data-press*='{incident_id}'][data-press*='\"{about}\"']"
            )
        elif verb == "bookmark":
            page.wait_for_selector(f".video-tile[data-camera='{about}'].has-picture:not(.bad) video.front")
        else:
            page.wait_for_selector(f"#panel-body [data-press*='\"{verb}\"'][data-press*='{incident_id}']")
        page.keyboard.press(KEYS[verb])

    def _over_the_api(self, desk: Desk, step: Step) -> datetime | None:
        """The instant at which it was sent."""
        verb, *about = step.does.split()
        by = about[-1] if "by" in about else ""
        crews = about[: about.index("by")] if by else about
        how = dict(step.how)
        key, after, at = how.pop("key", None), how.pop("after", None), how.pop("at", None)
        body: Json = {"command": verb} | how
        if crews:
            body["unit_ids"] = crews
        if by:
            body |= {"on_behalf_of": crews[0], "channel": by}
        if at:
            body["lon"], body["lat"] = degrees(*at)
        if after:
            body["happened_at"] = self.node.events(self.ids[step.of], after)[-1]["recorded_at"]
        now = datetime.now(UTC)
        desk.command(self.ids[step.of], body, key)
        return now

    # On a phone --------------------------------------------------------------------------------------------------------

    def _on_the_phone(self, phone: Phone, step: Step) -> None:
        """With the thumb."""
        page, how = phone.page, step.how
        deeds: dict[str, Callable[[], None]] = {
            "refuse": lambda: self._refuse(phone),
            "feedback": lambda: self._give_feedback(phone, how["choice"], how["text"]),
            "photo": lambda: phone.pick("photo", "1.jpg", "image/jpeg", PHOTO),
            "video": lambda: phone.pick("video", "1.webm", "video/webm", VIDEO),
            "voice": lambda: self._record(page),
            "panic": lambda: self._call_for_help(phone, bool(step.told)),
            "reads that arrive was not accepted": lambda: self._reads_a_refusal(page),
        }
        deeds.get(step.does, lambda: phone.press(step.does))()

    def _refuse(self, phone: Phone) -> None:
        phone.press("refuse")
        phone.page.click(".chips button >> nth=1")
        phone.press("send")

    def _give_feedback(self, phone: Phone, outcome: str, text: str) -> None:
        phone.press("feedback")
        phone.page.click(f"[data-outcome={outcome}]")
        phone.page.fill("textarea", text)
        phone.press("send")

    def _record(self, page: Page) -> None:
        page.click("[data-do=record]")
        expect(page.locator(".voice .time")).to_contain_text("0:01")
        page.click("[data-do=keep-recording]")

    def _call_for_help(self, phone: Phone, is_heard: bool) -> None:
        phone.call_for_help()
        expect(phone.page.locator("[data-alarm=received]" if is_heard else "[data-alarm=queued]")).to_be_visible()
        if is_heard:
            phone.page.click("[data-dismiss=alarm]")

    def _reads_a_refusal(self, page: Page) -> None:
        expect(page.locator(".note.bad")).to_contain_text("“到场”未被接受")
        expect(page.locator(".calm .word")).to_have_text("待命")

    # From elsewhere ----------------------------------------------------------------------------------------------------

    def _by_the_feed(self, step: Step) -> None:
        verb, *about = step.does.split()
        if verb == "register":
            lon, lat = degrees(*step.how["at"])
            self._report({"type": "camera", "camera_id": about[0], "lon": lon, "lat": lat})
            return
        if step.does != "receive again":
            how = dict(step.how)
            lon, lat = degrees(*how.pop("at"))
            fixed = {"type": "incident", "source_id": f"cad-{step.of}", "text": f"call {step.of}", "lon": lon, "lat": lat}
            self._reports[step.of] = fixed | how
        self._report(self._reports[step.of])

    def _say_where_radio_crews_are(self) -> None:
        now = datetime.now(UTC).isoformat()
        places = {crew: degrees(*place) for crew, place in RADIO_CREWS.items()}
        self._report(
            *({"type": "position", "unit_id": crew, "lon": lon, "lat": lat, "position_at": now} for crew, (lon, lat) in places.items())
        )

    def _report(self, *reports: Json) -> None:
        headers = {"Authorization": f"Bearer {self._feed_token}"}
        with connect(f"ws://127.0.0.1:{self.node.port}/feeds/v1", additional_headers=headers) as feed:
            feed.send(json.dumps(reports))
            said = json.loads(feed.recv(PATIENCE_S))
        assert said["accepted"] == len(reports), said

    def _with_the_network(self, who: str, state: str) -> datetime:
        """The instant of the change."""
        at = datetime.now(UTC)
        is_cut = state in ("offline", "killed")
        if who in self.phones:
            self.phones[who].context.set_offline(is_cut)
            self._away ^= {who}
            phones, desks = [self.phones[who]], []
        elif who in self.desks:
            desks, phones = [self.desks[who]], []
            desks[0].cable.cut() if is_cut else desks[0].cable.mend()
        else:
            desks, phones = list(self.desks.values()), [self.phones[crew] for crew in self.phones.keys() - self._away]
            self.node.kill() if is_cut else self.node.start()
            self._is_down = is_cut
        for desk in desks:
            desk.shows_that_it_is_lost() if is_cut else desk.shows_that_it_is_back()
        for phone in phones:
            expect(phone.page.locator(".head .link.down" if is_cut else ".head .tick")).to_be_visible()
        return at
