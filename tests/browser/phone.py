"""An officer's phone: the page in a Chromium of phone size, with a profile of its own, against a running node."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute

from storage.cameras import CameraSource
from tests.browser.node import PASSWORD, Node
from tests.cities import degrees

# The crews of these tests, by unit: callsign, and the account whose phone it is.
CREWS = {"car": ("西门A1", "officer-1"), "van": ("西门A2", "officer-2")}
SMALLEST_TEXT_PX, SMALLEST_TARGET_PX = 15, 52
# What a person sees and presses: sizes of texts and of buttons.
MEASURE = """() => {
  const shown = (e) => e.getClientRects().length > 0;
  const texts = [...document.querySelectorAll('#terminal *')].filter((e) => shown(e) && [...e.childNodes].some((n) => n.nodeType === 3));
  const targets = [...document.querySelectorAll('button, a, .pick, textarea')].filter(shown);
  return {
    text: Math.min(...texts.map((e) => parseFloat(getComputedStyle(e).fontSize))),
    target: Math.min(...targets.map((e) => Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width))),
    wide: document.documentElement.scrollWidth - innerWidth,
  };
}"""


class Phone:
    """One device: a browser profile of its own, and what its console said."""

    def __init__(self, node: Node, browser: Browser, **more: Any) -> None:
        lon, lat = degrees(320, 240)
        self.node = node
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 390, "height": 844},
            is_mobile=True,
            has_touch=True,
            locale="zh-CN",
            geolocation={"longitude": lon, "latitude": lat},
            permissions=["geolocation"],
            **more,
        )
        self.complaints: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if "Content Security Policy" in said.text else None)
        return page

    def log_in(self, account: str = "officer-1") -> Page:
        """By hand, sent to the form by the officer's page."""
        page = self.page
        page.goto(f"{self.node.url}/terminal")
        page.wait_for_url("**/login**")
        page.fill("input[name=name]", account)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url("**/terminal")
        return page

    def ready(self) -> Page:
        """Logged in, without the form, and connected; what it needs without a network is there."""
        form = {"name": "officer-1", "password": PASSWORD, "next": "/terminal"}
        answer = self.context.request.post(f"{self.node.url}/login", form=form, headers={"Origin": self.node.url}, max_redirects=0)
        assert answer.status == 303, answer.text()
        self.page.goto(f"{self.node.url}/terminal")
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        self.page.wait_for_selector(".head .tick")
        return self.page

    def pushed(self, **fields: Any) -> str:
        """An incident, on the screen as a push."""
        incident_id = self.node.incident("car", **fields)
        self.page.wait_for_selector(".push")
        return incident_id

    def at_scene(self, **fields: Any) -> str:
        incident_id = self.pushed(**fields)
        for step in ("acknowledge", "depart", "arrive"):
            self.press(step)
        self.page.wait_for_selector("[data-step=feedback]")
        return incident_id

    def press(self, step: str) -> None:
        self.page.click(f"[data-step={step}]")

    def pick(self, kind: str, name: str, media_type: str, content: bytes) -> None:
        self.page.set_input_files(f"[data-pick={kind}]", [{"name": name, "mimeType": media_type, "buffer": content}])

    def touch(self, selector: str) -> Callable[[], None]:
        """Put a thumb on it; what is returned lifts it again."""
        box = self.page.locator(selector).bounding_box()
        assert box is not None
        fingers = self.context.new_cdp_session(self.page)
        point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        return lambda: fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def call_for_help(self) -> None:
        """Hold the panic button for as long as it takes."""
        lift = self.touch(".panic")
        self.page.wait_for_selector("[data-alarm]")
        lift()

    def change_what_is_heard(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Each message of the server goes through `change`; None: it is lost on its way. Only before the page is opened."""

        def between(page: WebSocketRoute) -> None:
            server = page.connect_to_server()

            def pass_on(text: str | bytes) -> None:
                heard = change(json.loads(text))
                if heard is not None:
                    page.send(json.dumps(heard))

            server.on_message(pass_on)

        self.page.route_web_socket(re.compile("/terminal/socket"), between)

    def slow_upload(self, bytes_per_s: int) -> Any:
        network = self.context.new_cdp_session(self.page)
        network.send("Network.enable")
        self.throttle(network, bytes_per_s)
        return network

    def throttle(self, network: Any, bytes_per_s: int, offline: bool = False) -> None:
        limits = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
        network.send("Network.emulateNetworkConditions", limits)


@contextmanager
def node_with(folder: Path, *unit_ids: str, targets: str = "", cameras: Sequence[CameraSource] = ()) -> Iterator[Node]:
    """A running node with some of `CREWS`; `targets`: text of the city's own targets.toml; `cameras`: addresses it knows beforehand."""
    running = Node(folder)
    if targets:
        (folder / "city" / "targets.toml").write_text(targets, encoding="utf-8")
    running.write_addresses(cameras)
    try:
        running.start()
        for unit_id in unit_ids:
            running.register(unit_id, *CREWS[unit_id])
        yield running
    finally:
        running.close()


@contextmanager
def phone_of(node: Node, browser: Browser) -> Iterator[Phone]:
    """A phone for one test: afterwards its incidents are over, and its page has complained of nothing."""
    device = Phone(node, browser)
    yield device
    device.context.close()
    node.clear_up()
    assert device.complaints == []


def shows_well(page: Page) -> None:
    measured = page.evaluate(MEASURE)
    assert measured["text"] >= SMALLEST_TEXT_PX
    assert measured["target"] >= SMALLEST_TARGET_PX
    assert measured["wide"] <= 0
