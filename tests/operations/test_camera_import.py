"""Lists of cameras from files: every row is taken or rejected with its reason; a real list of the net; a city's worth of rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.model import Actor
from operations.access.authority import CAMERA, Authority
from operations.cameras.camera_import import CameraList, read_cameras, write_cameras
from operations.incidents.bus import Bus
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from operations.records.incident_import import ImportRefused
from storage.cameras import CameraStore
from storage.database import open_database
from storage.sql_journal import SqlJournal
from tests.operations.access_world import NOW, STATION, organisations

ADMIN = Actor("admin", "admin", "330200000000")
RECORDER = "rtsp://u:hidden@10.0.0.2/tracks/1?starttime={from:%Y%m%dt%H%M%Sz}"
HEAD = "id,lon,lat,name,heading_deg,fov_deg,ptz,codec,org_code,url,substream_url,control_url,recorder_url,mount\n"


def read(path: Path) -> CameraList:
    return read_cameras(path, organisations().expand, False, 100.0)


async def write(found: CameraList, folder: Path) -> tuple[int, list[str], Handler, CameraStore]:
    engine = open_database(f"sqlite:///{folder / 'journal.sqlite'}")
    clock = ManualClock(NOW)
    handler = Handler(SqlJournal(engine), clock, Bus(), Authority(organisations(), clock), Unenriched())
    store = CameraStore(engine)
    await handler.start()
    written, refused = await write_cameras(handler, store, found, ADMIN)
    await handler.stop()
    return written, refused, handler, store


async def test_rows_are_taken_or_rejected_with_their_reason_and_no_address_is_said(tmp_path: Path) -> None:
    rows = [
        f"c1,121.5,29.8,东口,450,60,yes,H.264,{STATION},rtsp://u:hidden@10.0.0.1/1,rtsp://u:hidden@10.0.0.1/2,http://u:hidden@10.0.0.1/onvif,{RECORDER},pole",
        "c2,121.5,29.8,西口,,,,,,,,,,",
        "c1,121.5,29.8,again,,,,,,,,,,",
        ",121.5,29.8,no id,,,,,,,,,,",
        "c4,east,29.8,no point,,,,,,,,,,",
        "c5,121.5,29.8,x,,,,,,gopher://u:hidden@10.0.0.1/,,,,",
        "c6,121.5,29.8,x,north,,,,,,,,,",
        "c7,121.5,29.8,x,,,,,9999,,,,,",
        "c8,121.5,29.8,x,,,,,,,,,,rtsp://u:hidden@10.0.0.1/",
        "c9,121.5,29.8,x,,,,,,,,,rtsp://u:hidden@10.0.0.1/?to={to:%s},",
    ]
    path = tmp_path / "cameras.csv"
    path.write_text(HEAD + "\n".join(rows), encoding="gbk")  # as Excel in China saves it
    found = read(path)
    path.write_text(HEAD + "\n".join(rows), encoding="utf-8")
    assert read(path) == found
    for other, name in (("big5", "東門橋頭與學校"), ("latin-1", "Café Zürich"), ("utf-16", "东口")):
        path.write_text(f"{HEAD}c1,121.5,29.8,{name}{',' * 10}", encoding=other)
        with pytest.raises(ImportRefused, match="save it as CSV UTF-8"):
            read(path)
    assert found.rows == 10
    assert [row for row, _ in found.rejects] == [3, 4, 5, 6, 7, 8, 9, 10]
    reasons = " | ".join(reason for _, reason in found.rejects)
    for said in ("twice", "no id", "no point", "scheme", "heading_deg", "org_code", "holds an address", "beginning of the span"):
        assert said in reasons
    assert "hidden" not in reasons
    assert "10.0.0.1" not in reasons
    written, refused, handler, store = await write(found, tmp_path)
    assert (written, refused) == (2, [])
    first = handler.picture.elements[CAMERA]["c1"]
    assert first.properties == {
        "name": "东口", "heading_deg": 90.0, "fov_deg": 60.0, "ptz": True, "codec": "h264", "org_code": STATION, "mount": "pole"
    }  # fmt: skip
    source = store.get("c1")
    assert source is not None
    assert (source.url, source.control_url) == ("rtsp://u:hidden@10.0.0.1/1", "http://u:hidden@10.0.0.1/onvif")
    assert source.recorder_url == RECORDER
    assert store.get("c2") is None


def test_a_geojson_is_read_and_a_list_without_its_header_is_refused_without_repeating_it(tmp_path: Path) -> None:
    path = tmp_path / "cameras.geojson"
    point = {"type": "Point", "coordinates": [121.5, 29.8]}
    properties = {"name": "x", "url": "rtsp://10.0.0.1/"}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [{"id": "c1", "geometry": point, "properties": properties}]}))
    found = read(path)
    assert (found.rows, found.rejects, len(found.sources)) == (1, [], 1)
    assert found.cameras[0].properties == {"name": "x"}
    headless = tmp_path / "headless.csv"
    headless.write_text("c1,121.5,29.8,rtsp://u:hidden@10.0.0.1/")
    with pytest.raises(ImportRefused) as refused:
        read(headless)
    assert "hidden" not in str(refused.value)


DIRECTIONS = {"N": 0, "E": 90, "S": 180, "W": 270}


def test_a_real_list_of_public_cameras_is_taken_as_far_as_it_is_sound(tmp_path: Path, shared_data: Path) -> None:
    """OpenTrafficCamMap, converted as a site would: its addresses are other people's and are only read."""
    states = json.loads((shared_data / "cameras" / "opentrafficcammap_first800.json").read_text(encoding="utf-8"))
    cameras = [camera for counties in states.values() for county in counties.values() for camera in county]
    features: list[dict[str, Any]] = []
    for number, camera in enumerate(cameras):
        heading = DIRECTIONS.get(str(camera.get("direction", ""))[:1])
        codec = {"H.264": "H.264", "JPEG": "mjpeg"}.get(camera["encoding"], camera["encoding"])
        properties = {
            "name": camera["description"],
            "heading_deg": heading,
            "codec": codec,
            "url": camera["url"],
            "format": camera["format"],
        }
        point = {"type": "Point", "coordinates": [camera["longitude"], camera["latitude"]]}
        features.append({"type": "Feature", "id": f"otcm-{number}", "geometry": point, "properties": properties})
    path = tmp_path / "real.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    found = read(path)
    assert found.rows == 800
    assert len(found.cameras) + len(found.rejects) == 800
    assert len(found.cameras) >= 790, found.rejects[:20]
    assert len(found.sources) == len(found.cameras)
    with_heading = [camera for camera in found.cameras if "heading_deg" in camera.properties]
    assert 400 < len(with_heading) < 800


async def test_thousands_of_rows_are_written_many_to_a_commit(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    rows = (
        f"c{n},{121.3 + n % 500 * 0.001:.4f},{29.8 + n // 500 * 0.001:.4f},cam {n},{n % 360},60,,,,rtsp://u:p@10.0.{n % 250}.9/{n},,,"
        for n in range(3_000)
    )
    path.write_text(HEAD + "\n".join(rows), encoding="utf-8")
    written, refused, _, store = await write(read(path), tmp_path)
    assert (written, refused) == (3_000, [])
    assert len(store.known()) == 3_000
