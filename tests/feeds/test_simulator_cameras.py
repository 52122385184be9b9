"""Which of the demo's cameras get moving pictures, and how they are registered."""

import msgspec

from feeds.simulator.cameras import downtown, registration
from operations.tracking.reports import AnyReport, CameraReport


def feature(name: str, lon: float, lat: float) -> dict:
    point = {"type": "Point", "coordinates": [lon, lat]}
    properties = {"id": name, "name": "江厦桥东侧", "heading_deg": 277.5, "fov_deg": 48.0, "kind": "bridge"}
    return {"type": "Feature", "id": name, "geometry": point, "properties": properties}


FEATURES = [feature("far", 121.0, 29.0)] + [feature(f"near-{i}", 121.55 + i * 0.001, 29.87) for i in range(5)]


def test_the_cameras_are_those_where_most_stand() -> None:
    assert {one["id"] for one in downtown(FEATURES, 3)} <= {f"near-{i}" for i in range(5)}
    assert len(downtown(FEATURES, 3)) == 3
    assert len(downtown(FEATURES, 100)) == len(FEATURES)
    assert downtown([], 3) == []


def test_a_registration_is_a_camera_message_that_keeps_what_is_known() -> None:
    report = msgspec.json.decode(msgspec.json.encode(registration(FEATURES[1], 8554)), type=AnyReport)
    assert isinstance(report, CameraReport)
    assert (report.camera_id, report.heading_deg) == ("near-0", 277.5)
    assert (report.url, report.substream_url) == ("rtsp://127.0.0.1:8554/near-0/main", "rtsp://127.0.0.1:8554/near-0/sub")
    assert report.properties == {"name": "江厦桥东侧", "fov_deg": 48.0, "kind": "bridge"}
