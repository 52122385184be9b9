"""Takes every picture of this folder from a running demo: `make screenshots`. Some minutes; needs Chromium.

`python docs/img/take.py promises` takes only those of the calibration page.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from dispatch.clock import SystemClock  # noqa: E402
from docs.img.driven_days import drive  # noqa: E402
from feeds.video.farm import TestCamera  # noqa: E402
from geodata.building.demo_city import ensure_demo_city  # noqa: E402
from storage.cameras import CameraSource, CameraStore  # noqa: E402
from storage.database import open_database  # noqa: E402
from tests.feeds.video.farm_thread import FarmThread, running_farm  # noqa: E402
from tests.feeds.video.onvif_camera import OnvifCamera, served  # noqa: E402
from tests.servers import DEMO_PASSWORD, RunningServer  # noqa: E402

DESK, WALL, PHONE = (1920, 1080), (3840, 2160), (390, 844)
TALL = (1920, 1500)  # a plain page that is read downwards
A4 = (703, 1032)  # inside its margins, at 96 pixels an inch
PLAIN = ("/admin", "/duty", "/circle", "/calibration")  # pages without a map
SETTLE_MS = 20_000  # software rendering on two cores; a real machine needs two
CREW = "demo-officer"
SCENE = {"lon": 121.5503, "lat": 29.8739}
OFFICER = {"longitude": 121.5437, "latitude": 29.8682}
# Turned 35° to the right, and counting in degrees.
DOME = OnvifCamera(
    SystemClock(),
    spaces=(("SphericalPositionSpaceDegrees", -180, 180, -90, 20),),
    position=(35.0, -12.0),
    presets={"1": "北口", "2": "人行天桥", "3": "地铁 B 口", "4": "停车场"},
)
GL = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


class Camera:
    """Opens pages of one server and keeps pictures of them."""

    def __init__(self, server: RunningServer, browser: Browser) -> None:
        self._server = server
        self._browser = browser

    def page(self, path: str, account: str, size: tuple[int, int], language: str = "zh-CN", scheme: Any = "dark") -> Page:
        """A page of its own session, logged in, settled."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=language,
            color_scheme=scheme,
            timezone_id="Asia/Shanghai",
            permissions=["geolocation"],
            geolocation=OFFICER,
        )
        page = context.new_page()
        page.goto(f"{self._server.url}/login?next={path}")
        page.fill("input[name=name]", account)
        page.fill("input[name=password]", DEMO_PASSWORD)
        page.click("button[type=submit]")
        if size in (DESK, WALL) and not path.startswith(PLAIN):
            page.wait_for_selector("html.ready", timeout=90_000)  # the desk's own program has its map
        page.wait_for_timeout(SETTLE_MS)
        return page

    def keep(self, page: Page, name: str, close: bool = True) -> None:
        """Write the picture; `name` says page, theme and language."""
        page.screenshot(path=HERE / f"{name}.png")
        if close:
            page.context.close()


def main() -> int:
    """Take them all, or those of the promises."""
    days = Path(tempfile.mkdtemp(prefix="liandong-promises-"))
    drive(days, ensure_demo_city(HERE.parents[1] / "var" / "city"), datetime.now(UTC))
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=GL)
        promises(browser, days)
        if sys.argv[1:] != ["promises"]:
            evening(browser)
        browser.close()
    return 0


def evening(browser: Browser) -> None:
    """The demo as it runs."""
    data = Path(tempfile.mkdtemp(prefix="liandong-pictures-"))
    server = RunningServer(data, crews=700, incidents_per_day=1500)
    server.start()
    try:
        take(Camera(server, browser), server)
    finally:
        server.stop()
        shutil.rmtree(data)


def promises(browser: Browser, data: Path) -> None:
    """What came of two days' promises; on a server of its own, for the days are in its journal."""
    server = RunningServer(data, crews=40)
    server.start()
    try:
        camera = Camera(server, browser)
        for language, word, scheme in (("zh-CN", "zh", "dark"), ("en", "en", "light")):
            page = camera.page(f"/calibration%3Ftheme%3D{scheme}", "commander", TALL, language, scheme)
            camera.keep(page, f"calibration-{word}")
    finally:
        server.stop()
        shutil.rmtree(data)


def take(camera: Camera, server: RunningServer) -> None:
    """One evening: a call comes in, the desk looks at it, a crew is pushed, the phone answers."""
    camera.keep(camera.page("/terminal", "officer", PHONE), "terminal-standby-zh")
    operator = server.client("operator")
    call = {"incident_type": "assault", "grade": 2, "text": "酒后互殴，有人头部流血", "address": "鼓楼步行街", **SCENE}
    received = operator.post("/api/v1/incidents", json=call).json()
    incident_id = received["incident_id"]
    for language, word, scheme in (("zh-CN", "zh", "dark"), ("en", "en", "light")):
        selected = f"/%3Fincident%3D{incident_id}%26theme%3D{scheme}%26lon%3D{SCENE['lon']}%26lat%3D{SCENE['lat']}%26zoom%3D13.6"
        camera.keep(camera.page(selected, "operator", DESK, language, scheme), f"desk-{scheme}-{word}")
        station = f"/station/{received['org_code']}%3Ftheme%3D{scheme}"
        camera.keep(camera.page(station, "operator", DESK, language, scheme), f"station-{scheme}-{word}")
        for screen in ("all", "map", "queue"):
            camera.keep(
                camera.page(f"/wall%3Fscreen%3D{screen}%26theme%3D{scheme}", "operator", WALL, language, scheme), f"wall-{screen}-{word}"
            )
    for language, word, scheme in (("en", "en", "light"), ("zh-CN", "zh", "dark")):
        phone = camera.page("/terminal", "officer", PHONE, language, scheme)
        operator.post(f"/api/v1/incidents/{incident_id}/commands", json={"command": "push", "unit_ids": [CREW]})
        phone.wait_for_selector("[data-step=acknowledge]")
        phone.wait_for_timeout(1500)
        camera.keep(phone, f"terminal-push-{word}", close=False)
        if word == "en":
            operator.post(f"/api/v1/incidents/{incident_id}/commands", json={"command": "recall", "unit_ids": [CREW]})
            phone.context.close()
            continue
        phone.click("[data-step=acknowledge]")
        phone.click("[data-step=depart]")
        phone.wait_for_timeout(2500)
        camera.keep(phone, "terminal-en-route-zh", close=False)
        operator.post(f"/api/v1/incidents/{incident_id}/commands", json={"command": "recall", "unit_ids": [CREW]})
        phone.context.close()
    for language, word, scheme in (("zh-CN", "zh", "dark"), ("en", "en", "light")):
        pursued(camera, incident_id, language, word, scheme)
        supposed(camera, language, word, scheme)
    circle_id = operator.get("/api/v1/duty-circles").json()["features"][0]["id"]
    circles(camera, circle_id, "zh-CN", "zh", "dark")
    circles(camera, circle_id, "en", "en", "light")
    turned(camera, operator, server.client("admin"))
    pictures(camera, operator, server)
    alarm(camera, operator)
    camera.keep(camera.page("/admin", "admin", DESK), "health-zh")
    for language, word in (("zh-CN", "zh"), ("en", "en")):
        camera.keep(camera.page(f"/duty%3Forg%3D{received['org_code']}", "operator", DESK, language), f"duty-{word}")


def pursued(camera: Camera, incident_id: str, language: str, word: str, scheme: str) -> None:
    """A target that was seen a minute ago, and who can close its ways out."""
    desk = camera.page(f"/%3Fincident%3D{incident_id}%26theme%3D{scheme}", "operator", DESK, language, scheme)
    desk.click(".pursue")
    desk.click("#pursuit-earlier")
    desk.wait_for_selector("#pursuit-places .way-out")
    desk.evaluate(f"void liandong.basemap.map.jumpTo({{center: [{SCENE['lon']}, {SCENE['lat']}], zoom: 13.1}})")
    desk.wait_for_timeout(6_000)
    camera.keep(desk, f"pursuit-{word}")


def supposed(camera: Camera, language: str, word: str, scheme: str) -> None:
    """Where idle crews had better wait."""
    view = f"theme%3D{scheme}%26lon%3D{SCENE['lon']}%26lat%3D{SCENE['lat']}%26zoom%3D12.6"
    desk = camera.page(f"/%3F{view}", "operator", DESK, language, scheme)
    desk.keyboard.press("i")
    desk.click("#what-if-advise")
    desk.wait_for_selector("#what-if-advice .advice-sum", timeout=60_000)
    desk.wait_for_timeout(3_000)
    camera.keep(desk, f"what-if-{word}")


def circles(camera: Camera, circle_id: str, language: str, word: str, scheme: str) -> None:
    """A duty circle: who is there, how it is changed, and its sheet."""
    desk = camera.page(f"/%3Ftheme%3D{scheme}", "commander", DESK, language, scheme)
    desk.click("#circles-open")
    desk.click(f".circle-entry[data-id='{circle_id}']")
    desk.wait_for_selector(".circle-summary")
    desk.wait_for_timeout(6000)
    camera.keep(desk, f"circles-{word}", close=False)
    if word != "zh":
        desk.context.close()
        return
    desk.click("#circles [data-do=change]")
    desk.click(".circle-tabs button >> nth=1")
    desk.wait_for_timeout(3000)
    camera.keep(desk, "circles-edit-zh")
    sheet = camera.page(f"/circle/{circle_id}", "commander", A4, language, scheme)
    sheet.emulate_media(media="print")
    camera.keep(sheet, "circle-print-zh")


def pictures(camera: Camera, operator: Any, server: RunningServer) -> None:
    """An incident with the pictures of its cameras, one of them large; a wall of them. The streets are synthetic, and say so."""
    call = {"incident_type": "theft", "grade": 3, "text": "商铺被盗，店主在场", "address": "鼓楼步行街", **SCENE}
    incident_id = operator.post("/api/v1/incidents", json=call).json()["incident_id"]
    streets = [TestCamera(f"street-{k}", live=False) for k in range(6)]
    with running_farm(*streets) as farm:
        ids = give_pictures(operator, server, farm, [street.name for street in streets])
        for language, word, scheme in (("zh-CN", "zh", "dark"), ("en", "en", "light")):
            selected = f"/%3Fincident%3D{incident_id}%26theme%3D{scheme}"
            desk = camera.page(selected, "operator", DESK, language, scheme)
            camera.keep(desk, f"desk-video-{word}", close=False)
            desk.keyboard.press("v")
            desk.wait_for_timeout(5_000)
            camera.keep(desk, f"desk-video-large-{word}")
            wall = f"/wall%3Fscreen%3Dvideo%26tiles%3D9%26dwell%3D600%26theme%3D{scheme}%26group%3Dlist%3A{','.join(ids)}"
            camera.keep(camera.page(wall, "viewer", WALL, language, scheme), f"wall-video-{word}")


def turned(camera: Camera, operator: Any, administrator: Any) -> None:
    """Where cameras look and how they do, on the map; the pad of one that turns."""
    call = {"incident_type": "theft", "grade": 3, "text": "电动车被盗", "address": "鼓楼步行街", **SCENE}
    incident_id = operator.post("/api/v1/incidents", json=call).json()["incident_id"]
    camera_id = nearest_cameras(operator)[0]
    dead = {"lon": SCENE["lon"] + 0.0008, "lat": SCENE["lat"] + 0.0006, "url": "rtsp://127.0.0.1:1/dead"}
    administrator.put("/api/v1/cameras/cam-dead", json=dead | {"properties": {"name": "步行街东口"}}).raise_for_status()
    operator.get("/api/v1/cameras/cam-dead/snapshot")
    known = operator.get(f"/api/v1/cameras/{camera_id}").json()
    with served(DOME) as control:
        dome = {"lon": known["lon"], "lat": known["lat"], "properties": known["properties"] | {"range_m": 90}, "control_url": control}
        administrator.put(f"/api/v1/cameras/{camera_id}", json=dome).raise_for_status()
        for language, word, scheme in (("zh-CN", "zh", "dark"), ("en", "en", "light")):
            selected = f"/%3Fincident%3D{incident_id}%26theme%3D{scheme}%26on%3Dstreet_camera,incident,patrol_car"
            desk = camera.page(selected, "operator", DESK, language, scheme)
            desk.evaluate(f"void liandong.basemap.map.jumpTo({{center: [{SCENE['lon']}, {SCENE['lat'] - 0.0006}], zoom: 16.3}})")
            features = operator.get("/api/v1/elements/street_camera").json()["features"]
            properties = next(one["properties"] for one in features if one["properties"]["element_id"] == camera_id)
            chosen = {"kind": "element", "element": "street_camera", "id": f"street_camera/{camera_id}", "properties": properties}
            desk.evaluate("(chosen) => liandong.select(chosen)", chosen | {"lon": known["lon"], "lat": known["lat"]})
            desk.wait_for_timeout(6_000)
            camera.keep(desk, f"desk-cones-{word}", close=False)
            desk.keyboard.press("y")
            desk.wait_for_timeout(5_000)
            camera.keep(desk, f"desk-turning-{word}")
    administrator.delete("/api/v1/cameras/cam-dead").raise_for_status()


def nearest_cameras(operator: Any) -> list[str]:
    """Ids of the cameras about the scene, nearest first."""
    cameras = operator.get("/api/v1/elements/street_camera").json()["features"]

    def apart(camera: Any) -> float:
        lon, lat = camera["geometry"]["coordinates"]
        return float((lon - SCENE["lon"]) ** 2 + (lat - SCENE["lat"]) ** 2)

    return [one["properties"]["element_id"] for one in sorted(cameras, key=apart)]


def give_pictures(operator: Any, server: RunningServer, farm: FarmThread, streets: list[str]) -> list[str]:
    """Addresses for the cameras about the scene, as a register would hold them; their ids, nearest first."""
    ids = nearest_cameras(operator)[:18]
    named = [(camera_id, streets[k % len(streets)]) for k, camera_id in enumerate(ids)]
    sources = [CameraSource(camera_id, farm.url(name, "main"), farm.url(name), "demo", time.time()) for camera_id, name in named]
    CameraStore(open_database(f"sqlite:///{server.data / 'journal.sqlite'}")).write(sources)
    return ids


def alarm(camera: Camera, operator: Any) -> None:
    """A push that no terminal takes: undelivered, then overdue, then the countdown to the next nearest."""
    call = {"incident_type": "robbery", "grade": 1, "text": "持刀抢夺，嫌疑人向东逃跑", "address": "天一广场", **SCENE}
    incident_id = operator.post("/api/v1/incidents", json=call).json()["incident_id"]
    desk = camera.page(f"/%3Fincident%3D{incident_id}%26theme%3Ddark", "operator", DESK)
    operator.post(f"/api/v1/incidents/{incident_id}/commands", json={"command": "push", "unit_ids": [CREW]})
    desk.wait_for_selector(".due-line.repush", timeout=60_000)
    camera.keep(desk, "desk-alarm-zh")


if __name__ == "__main__":
    sys.exit(main())
