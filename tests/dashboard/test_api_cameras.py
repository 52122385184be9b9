"""The register of cameras over HTTP: who writes what, what is shown, how they do, and that no address comes out anywhere."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from app import _log_to_stderr
from dashboard.api import create_server
from dashboard.edge import Edge
from dashboard.i18n import words_in
from dashboard.layouts.admin import admin_page
from dashboard.video import add_video
from dispatch.model import Actor
from operations.cameras.camera_health import CameraHealth
from operations.cameras.ptz_driver import Looking
from operations.cameras.video import CameraState
from operations.tracking.reports import CameraReport, FeedSession
from settings import Settings
from single_commands import find_damage
from storage.camera_health import CameraHealthStore
from storage.database import open_database
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, api_city, degrees, fields_of, problem_of
from tests.operations.ptz_double import RecordingDriver
from tests.operations.ring_world import fill

SECRET = "planted-55"  # in userinfo and query of every address
HOST = "127.9.8.7"
LON, LAT = degrees(420, 600)
FAR_EAST = degrees(900, 600)
URL = f"rtsp://admin:{SECRET}@10.9.8.7:554/live?key={SECRET}"
CAMERA = {
    "lon": LON,
    "lat": LAT,
    "properties": {"name": "西门相机", "heading_deg": 400, "fov_deg": 60, "group": "gates"},
    "url": URL,
    "substream_url": URL + "&sub=1",
    "control_url": f"http://admin:{SECRET}@10.9.8.7/onvif/device_service",
    "recorder_url": f"rtsp://admin:{SECRET}@10.9.8.7/tracks/1?key={SECRET}&starttime={{from:%Y%m%dt%H%M%Sz}}",
}

Camera = dict[str, object]


class Gateway:
    """What `VideoGateway.states` would say."""

    def __init__(self) -> None:
        self.said: dict[str, CameraState] = {}

    def states(self) -> dict[str, CameraState]:
        return self.said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


@pytest.fixture(scope="module")
def city(folder: Path) -> Iterator[ApiCity]:
    with api_city(folder) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(city: ApiCity) -> Gateway:
    made = Gateway()
    city.services.cameras.health.follow(made.states)
    return made


@pytest.fixture
def turning(city: ApiCity) -> Iterator[RecordingDriver]:
    """What turns cameras, and a camera `dome-1` of WEST that can be."""
    driver, ptz, directions = RecordingDriver(), city.services.ptz, city.services.camera_directions
    own, ptz._driver, directions._driver = ptz._driver, driver, driver
    city.put("/cameras/dome-1", CAMERA, "admin")
    yield driver
    ptz._driver = directions._driver = own
    city.clock.advance(60)  # nobody holds anything any more


def ids(answer: object) -> list[str]:
    return [camera["camera_id"] for camera in answer["cameras"]]  # type: ignore[index]


def test_a_camera_is_registered_read_and_removed(city: ApiCity) -> None:
    made = city.put("/cameras/reg-1", CAMERA, "admin").json()
    assert made["properties"]["heading_deg"] == 40.0
    assert made["org_code"] == WEST
    assert made["addresses"] == {"url": True, "substream_url": True, "control_url": True, "recorder_url": True}
    assert made["state"] == "untried"
    assert city.get("/cameras/reg-1", "viewer").json() == made
    # Left out, an address stays; empty, it is taken away.
    changed = city.put("/cameras/reg-1", {"lon": LON, "lat": LAT, "substream_url": ""}, "admin").json()
    assert changed["addresses"] == {"url": True, "substream_url": False, "control_url": True, "recorder_url": True}
    assert city.ask("DELETE", "/cameras/reg-1", "admin").status_code == 204
    problem_of(city.get("/cameras/reg-1"), 404)
    assert city.run(city.services.cameras.source("reg-1")) is None
    assert city.put("/cameras/reg-1", {"lon": LON, "lat": LAT}, "admin").json()["state"] == "no_address"


def test_a_camera_of_the_city_folder_can_be_taken_away_too(city: ApiCity) -> None:
    assert "cam-1" in ids(city.get("/cameras").json())
    assert city.ask("DELETE", "/cameras/cam-1", "admin").status_code == 204
    assert "cam-1" not in ids(city.get("/cameras").json())
    assert "cam-1" not in city.get("/elements/street_camera").text


def test_who_may_write_is_the_administrator_and_a_feed_in_its_scope(city: ApiCity) -> None:
    for role in ("viewer", "operator", "commander"):
        problem_of(city.put("/cameras/mine", CAMERA, role), 403)
        problem_of(city.ask("DELETE", "/cameras/reg-1", role), 403)
    problem_of(city.put("/elements/street_camera/mine", {"lon": LON, "lat": LAT}, "operator"), 422)
    assert city.put("/cameras/west", CAMERA, "feed", WEST).status_code == 200
    problem_of(city.put("/cameras/west", CAMERA, "feed", EAST), 403)
    # Neither can a camera be moved out of another's area, nor be given to oneself.
    lon, lat = FAR_EAST
    problem_of(city.put("/cameras/west", {"lon": lon, "lat": lat}, "feed", EAST), 403)
    owned = {"lon": LON, "lat": LAT, "properties": {"org_code": EAST}}
    problem_of(city.put("/cameras/west", owned, "feed", EAST), 403)
    assert city.put("/cameras/given", owned, "admin").json()["org_code"] == EAST


def test_a_feed_keeps_to_the_same_checks(city: ApiCity) -> None:
    feed = FeedSession("vms", Actor("vms", "feed", WEST, kind="token"))
    lon, lat = FAR_EAST
    reports = [
        CameraReport(camera_id="f-1", lon=LON, lat=LAT, url=URL, heading_deg=-10.0, properties={"fov_deg": 70}),
        CameraReport(camera_id="f-2", lon=LON, lat=LAT, url=f"gopher://u:{SECRET}@10.0.0.1/"),
        CameraReport(camera_id="f-3", lon=LON, lat=LAT, properties={"stream": URL}),
        CameraReport(camera_id="f-4", lon=lon, lat=lat),
        CameraReport(camera_id="f-5", lon=LON, lat=LAT, heading_deg=float("nan")),
    ]
    refused = city.run(city.services.intake.cameras(reports, feed))
    assert refused == [(1, "bad_address"), (2, "bad_property"), (3, "outside-scope"), (4, "bad_property")]
    assert city.get("/cameras/f-1").json()["properties"] == {"heading_deg": 350.0, "fov_deg": 70.0}
    # A message that names no address of a kind leaves the registered one alone.
    city.put("/cameras/f-1", {"lon": LON, "lat": LAT} | {name: CAMERA[name] for name in ("control_url", "recorder_url")}, "admin")
    city.run(city.services.intake.cameras(reports[:1], feed))
    told = city.get("/cameras/f-1").json()["addresses"]
    assert told["control_url"]
    assert told["recorder_url"]


def test_one_turns_it_another_hears_who_and_until_when_and_whoever_stands_above_takes_it(city: ApiCity, turning: RecordingDriver) -> None:
    moved = city.post("/cameras/dome-1/ptz", {"do": "move", "pan": 0.5}, scope=WEST).json()
    assert (moved["may_operate"], moved["why"], moved["holder"]["own"]) == (True, "", True)
    seen = city.get("/cameras/dome-1/ptz").json()
    west = city.services.organisations.get(WEST)
    assert west is not None
    assert (seen["org_name"], seen["holder"]["org_name"], seen["holder"]["own"]) == (west.name, west.name, False)
    assert seen["may_take_over"]
    held = problem_of(city.post("/cameras/dome-1/ptz", {"do": "stop"}), 409)
    assert held["type"].endswith(":camera-held")
    taken = city.post("/cameras/dome-1/ptz", {"do": "hold", "take_over": True}).json()
    assert taken["holder"]["own"]
    assert turning.asked == ["move 0.5", "stop"]
    released = city.post("/cameras/dome-1/ptz", {"do": "release"}).json()
    assert released["holder"] is None


def test_why_it_can_not_be_turned_is_told_before_it_is_tried(city: ApiCity, turning: RecordingDriver) -> None:
    city.put("/cameras/still-1", {"lon": LON, "lat": LAT}, "admin")
    whys = [
        city.get(f"/cameras/{camera_id}/ptz", role, scope).json()["why"]
        for camera_id, role, scope in (("still-1", "operator", WEST), ("dome-1", "viewer", CITY), ("dome-1", "operator", EAST))
    ]
    assert whys == ["camera-fixed", "not-permitted", "outside-scope"]
    assert turning.asked == []


def test_where_it_looks_is_told_by_itself_or_not_at_all(city: ApiCity, turning: RecordingDriver) -> None:
    assert city.get("/cameras/dome-1/direction").json()["why"] == "camera-no-position"
    city.clock.advance(20)
    turning.looks = Looking(100.0, -10.0, in_degrees=True, is_zoomed=True)
    told = city.get("/cameras/dome-1/direction", "viewer").json()
    assert (told["heading_deg"], told["tilt_deg"], told["is_zoomed"], told["why"]) == (140.0, -10.0, True, "")
    problem_of(city.get("/cameras/none/direction"), 404)


def test_a_map_hears_since_when_a_camera_fails(city: ApiCity, gateway: Gateway) -> None:
    city.put("/cameras/fails-1", CAMERA, "admin")
    now = city.clock.now()

    def shown() -> dict[str, object]:
        city.run(city.services.cameras.health.look())
        features = city.get("/elements/street_camera").json()["features"]
        return next(one["properties"] for one in features if one["id"] == "street_camera/fails-1")

    assert shown()["health"] == "untried"
    gateway.said["fails-1"] = CameraState("fails-1", now - timedelta(minutes=3))
    assert (shown()["health"], "last_picture_s" in shown()) == ("ok", False)
    gateway.said["fails-1"] = CameraState("fails-1", now - timedelta(minutes=3), "no answer", now)
    assert (shown()["health"], shown()["last_picture_s"]) == ("failing", (now - timedelta(minutes=3)).timestamp())
    gateway.said.clear()
    city.ask("DELETE", "/cameras/fails-1", "admin")


def test_the_register_is_read_by_pages_and_narrowed(city: ApiCity) -> None:
    for n in range(7):
        place = {"lon": LON, "lat": LAT, "properties": {"name": f"南街{n}", "name_en": "South"}}
        city.put(f"/cameras/page-{n}", place, "admin")
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = city.get(f"/cameras?q=南街&limit=3&cursor={cursor}").json()
        seen, cursor = seen + ids(page), page["next_cursor"]
    assert seen == [f"page-{n}" for n in range(7)]
    assert ids(city.get("/cameras?q=SOUTH&limit=1").json()) == ["page-0"]
    assert ids(city.get(f"/cameras?q=page-&org={EAST}").json()) == []
    assert len(ids(city.get(f"/cameras?q=page-&org={CITY}").json())) == 7
    assert ids(city.get("/cameras?q=page-&state=ok").json()) == []
    assert ids(city.get("/cameras?q=page-&bbox=1,1,2,2").json()) == []
    assert fields_of(problem_of(city.get("/cameras?org=9999"), 422)) == {"org"}
    problem_of(city.get("/cameras?state=fine"), 422)


def test_bad_values_are_named(city: ApiCity) -> None:
    def refused(**more: object) -> set[str]:
        return fields_of(problem_of(city.put("/cameras/bad", {"lon": LON, "lat": LAT} | more, "admin"), 422))

    assert refused(url=f"ftp://u:{SECRET}@10.0.0.1/") == {"url"}
    assert refused(url=f"http://u:{SECRET}@127.0.0.1:8050/") == {"url"}
    assert refused(control_url=f"rtsp://u:{SECRET}@10.0.0.1/") == {"control_url"}
    assert refused(recorder_url=f"rtsp://u:{SECRET}@10.0.0.1/?b={{to:%s}}") == {"recorder_url"}
    assert refused(url=f"rtsp://u:{SECRET}@10.0.0.1/" + "x" * 2_000) == {"url"}
    assert refused(properties={"fov_deg": 900}) == {"fov_deg"}
    assert refused(properties={"user": "x"}) == {"user"}
    assert refused(lon=10.0) == {"lon"}
    problem_of(city.get("/cameras/bad"), 404)


def test_health_follows_the_gateway_says_why_and_outlives_a_restart(city: ApiCity, gateway: Gateway, folder: Path) -> None:
    for name in ("h-ok", "h-bad", "h-new"):
        city.put(f"/cameras/{name}", CAMERA, "admin")
    now = city.clock.now()
    error = f"no picture from rtsp://admin:{SECRET}@10.9.8.7/live within 6 s"
    gateway.said = {
        "h-ok": CameraState("h-ok", now, error, now - timedelta(seconds=9), viewers=2),
        "h-bad": CameraState("h-bad", now - timedelta(hours=1), error, now),
    }
    city.run(city.services.cameras.health.look())
    ok, bad, new = (city.get(f"/cameras/{name}").json() for name in ("h-ok", "h-bad", "h-new"))
    assert (ok["state"], ok["last_error"], ok["last_picture_at"]) == ("ok", "", now.isoformat().replace("+00:00", "Z"))
    assert (bad["state"], bad["last_error"]) == ("failing", "no picture from (address) within 6 s")
    assert new["state"] == "untried"
    assert ids(city.get("/cameras?state=failing").json()) == ["h-bad"]
    feature = next(f for f in city.get("/elements/street_camera").json()["features"] if f["properties"]["element_id"] == "h-bad")
    assert feature["properties"]["health"] == "failing"
    part = city.services.health.snapshot()["parts"]["cameras"]
    assert (part["watched_now"], part["failing"], part["ok"]) == (1, 1, 1)
    assert part["with_address"] + part["untried"] > 3
    metrics = city.get("/metrics", "admin").text
    assert 'liandong_cameras{state="failing"} 1.0' in metrics
    # Another node that is started on the same database knows it again.
    again = CameraHealth(CameraHealthStore(open_database(f"sqlite:///{folder / 'data' / 'journal.sqlite'}")), city.clock)

    async def restarted() -> str:
        await again.start(lambda _id: True)
        state = again.state_of("h-bad", True)
        await again.stop()
        return state

    assert city.run(restarted()) == "failing"
    city.clock.advance(timedelta(days=2).total_seconds())
    assert city.get("/cameras/h-bad").json()["state"] == "untried"


def test_a_record_that_cannot_be_written_is_said_and_tried_again(city: ApiCity, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    health = city.services.cameras.health
    gateway.said = {"h-new": CameraState("h-new", None, "unreachable", city.clock.now())}

    def broken(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(health._store, "write", broken)
        city.run(health.look())
    assert health.probe(dict)["state"] == "failing"
    gateway.said = {"h-new": CameraState("h-new", None, "unreachable", city.clock.now() + timedelta(seconds=1))}
    city.run(health.look())
    assert health.probe(dict)["state"] == "ok"


@pytest.fixture(autouse=True)
def unhurried(city: ApiCity) -> None:
    """Each test begins with the whole allowance of requests."""
    city.clock.advance(60.0)


def test_far_away_one_camera_stands_for_its_cell(city: ApiCity) -> None:
    everything = city.get("/elements/street_camera").json()
    thinned = city.get("/elements/street_camera?cell_deg=1").json()
    assert thinned["matched"] == everything["matched"] == sum(f["count"] for f in thinned["features"])
    assert len(thinned["features"]) < len(everything["features"])


class _NoLogin(socketserver.StreamRequestHandler):
    """A camera that refuses the name and password at once."""

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"CSeq:"):
                self.wfile.write(b"RTSP/1.0 401 Unauthorized\r\n" + line + b'WWW-Authenticate: Basic realm="x"\r\n\r\n')


@pytest.fixture
def planted(city: ApiCity, monkeypatch: pytest.MonkeyPatch) -> Iterator[Camera]:
    """A camera with passwords in userinfo and query of every address, and a host that stands nowhere else."""
    monkeypatch.setattr(city.services.cameras, "_loopback", True)
    with socketserver.ThreadingTCPServer((HOST, 0), _NoLogin) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"rtsp://admin:{SECRET}@{HOST}:{server.server_address[1]}/live?key={SECRET}"
        control_url = f"http://admin:{SECRET}@{HOST}/onvif/device_service"
        recorder_url = url + "&starttime={from:%Y%m%dt%H%M%Sz}"
        yield {**CAMERA, "url": url, "substream_url": url + "&sub=1", "control_url": control_url, "recorder_url": recorder_url}
        server.shutdown()


def test_no_address_comes_out_anywhere(
    city: ApiCity,
    gateway: Gateway,
    planted: Camera,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not in any answer, nor in a log as `app.py` sets it up."""
    logged: list[str] = []
    structlog.configure(processors=[lambda _l, _m, event: logged.append(str(event)) or event, *structlog.get_config()["processors"]])
    _log_to_stderr("debug")
    caplog.set_level(logging.DEBUG)
    try:
        city.put("/cameras/secret", planted, "admin")
        gateway.said = {"secret": CameraState("secret", None, f"401 for {planted['url']}", city.clock.now())}
        city.run(city.services.cameras.health.look())
        answers = list(_every_answer(city, planted))
        assert len(answers) > 60
        shown = [path for path, text in answers if SECRET in text or HOST in text]
        assert shown == []
        _fails_over(str(planted["url"]))
    finally:
        structlog.reset_defaults()
    assert [line for line in logged if SECRET in line] == []
    assert SECRET not in caplog.text
    written = capsys.readouterr().err
    assert "it_failed" in written
    assert SECRET not in written
    page = admin_page(
        city.services.health.snapshot(), city.services.elements.counts(), city.services.city.report(), city.services.city,
        city.services.catalogue, words_in("en"), "dark", [],
    )  # fmt: skip
    assert SECRET not in page
    checked, damage = find_damage(Settings(city=city.services.city.folder, data=folder / "data", demo=False))
    assert SECRET not in str(checked + damage)
    # In the database it stands where addresses are kept, and nowhere else.
    engine = open_database(f"sqlite:///{folder / 'data' / 'journal.sqlite'}")
    with engine.connect() as connection:
        tables = [row[0] for row in connection.exec_driver_sql("select name from sqlite_master where type = 'table'")]
        holding = [t for t in tables if SECRET in str(connection.exec_driver_sql(f"select * from {t}").fetchall())]
    assert holding == ["camera_sources"]
    engine.dispose()


def _ask(city: ApiCity, method: str, path: str, body: object = None) -> str:
    """Body and headers of an answer, which is none of "too many requests"."""
    city.clock.advance(1.0)
    answer = city.ask(method, path, "admin", **({} if body is None else {"json": body}))
    assert answer.status_code != 429
    return answer.text + str(answer.headers)


def _fails_over(url: str) -> None:
    """Written down as everything that runs by itself writes down its failures, with an address among its variables."""
    try:
        raise OSError(f"no camera for {len(url)} characters")
    except OSError:
        structlog.get_logger().exception("it_failed")


def _every_answer(city: ApiCity, camera: Camera) -> Iterator[tuple[str, str]]:
    """Every route of the OpenAPI document as an administrator, with what fits and with what does not; lists, errors and all."""
    document = city.get("/openapi.json", "admin").json()
    yield "openapi", json.dumps(document)
    url_of = camera["url"]
    bodies = [camera, {**camera, "lon": "x"}, {"url": [url_of]}, {"do": url_of}, {"command": "note", "text": "x"}, url_of]
    for path, methods in document["paths"].items():
        url = (
            path.removeprefix("/api/v1")
            .replace("{camera_id}", "secret")
            .replace("{element}", "street_camera")
            .replace("{element_id}", "secret")
        )
        if url.startswith("/uploads") or "{" in url:
            continue
        for method in methods:
            if method == "get":
                yield path, _ask(city, "GET", url)
            elif method in ("post", "put"):
                for body in bodies:
                    yield f"{method} {path}", _ask(city, method.upper(), url, body)
    past = (city.clock.now() - timedelta(hours=1)).isoformat()
    yield "recorded", _ask(city, "POST", "/cameras/secret/recorded", {"at": past, "seconds": 10})
    for path in ("/changes?since=0&limit=1000", f"/scene?lon={LON}&lat={LAT}", "/cameras?limit=1000", "/places?q=西门", "/picture"):
        yield path, _ask(city, "GET", path)


def test_a_marked_moment_becomes_a_clip_that_is_listed_and_fetched(city: ApiCity, folder: Path) -> None:
    city.put("/cameras/ring", {"lon": LON, "lat": LAT, "properties": {"name": "西门录像"}}, "admin")
    now = city.clock.now()
    fill(folder / "data" / "ring", "ring", now.timestamp() - 30, 40)
    incident_id = city.incident()["incident_id"]
    body = {"camera_id": "ring", "before_s": 10, "after_s": 5}
    marked = city.post(f"/incidents/{incident_id}/clips", body, headers={"Idempotency-Key": "m1"})
    assert marked.status_code == 202, marked.text
    assert city.post(f"/incidents/{incident_id}/clips", body, headers={"Idempotency-Key": "m1"}).json() == marked.json()
    (waiting,) = city.get(f"/incidents/{incident_id}/clips").json()["clips"]
    assert (waiting["state"], waiting["camera_id"], waiting["clip_id"]) == ("waiting", "ring", marked.json()["clip_id"])
    city.clock.advance(9)
    city.run(city.services.clips.tick())
    found = city.get(f"/incidents/{incident_id}/clips").json()
    (clip,), (playable,) = found["clips"], found["in_step"]
    assert (clip["state"], clip["camera_name"], clip["time_source"], clip["gaps_s"]) == ("stored", "西门录像", "camera", [])
    assert clip["start_at"] == (now - timedelta(seconds=10)).isoformat().replace("+00:00", "Z")
    assert playable == {"id": clip["clip_id"], "url": clip["file"], "label": "西门录像", "time_source": "camera"} | {
        "start_at": clip["start_at"],
        "duration_s": 15.1,
    }
    for role, status in (("viewer", 403), ("officer", 403), ("feed", 403)):
        assert city.post(f"/incidents/{incident_id}/clips", body, role).status_code == status
    for field, value in (("before_s", 601), ("after_s", -1), ("at", "yesterday")):
        assert fields_of(problem_of(city.post(f"/incidents/{incident_id}/clips", body | {field: value}), 422)) == {field}
    assert problem_of(city.post(f"/incidents/{incident_id}/clips", {"camera_id": "none"}), 404)["type"].endswith("unknown-camera")


def test_the_past_of_a_camera_is_a_file_with_ranges_for_the_session_that_asked(city: ApiCity, folder: Path) -> None:
    city.put("/cameras/past", {"lon": LON, "lat": LAT}, "admin")
    now = city.clock.now()
    fill(folder / "data" / "ring", "past", now.timestamp() - 30, 20)
    asked = city.post("/cameras/past/recorded", {"at": (now - timedelta(seconds=20)).isoformat(), "seconds": 5})
    assert asked.status_code == 201, asked.text
    found = asked.json()
    assert (found["kind"], found["time_source"]) == ("mp4", "camera")
    server = create_server()
    add_video(server, city.services)
    edge, api = Edge(server, city.services.accounts, city.clock, server.routes), city.edge
    city.edge = edge
    try:
        url = f"http://city.test{found['url']}"
        part = city.get(url, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"ftyp", "video/mp4")
        assert problem_of(city.get(url, "commander"), 410)["message_zh"]  # another session
        assert city.get(url, "officer").status_code == 403
    finally:
        city.edge = api
    refused = problem_of(city.post("/cameras/past/recorded", {"at": (now - timedelta(hours=1)).isoformat()}), 503)
    assert refused["type"].endswith("no-address")
    assert problem_of(city.post("/cameras/past/recorded", {"at": (now + timedelta(hours=1)).isoformat()}), 422)["type"].endswith("span")
