"""What may be said of a camera: addresses are checked without being repeated, properties by name."""

from __future__ import annotations

from typing import Any

import pytest

from operations.cameras.camera_fields import BadCamera, checked_address, checked_properties

GOOD = [
    "rtsp://admin:p%40ss%23@10.9.8.7:554/Streaming/Channels/101?transportmode=unicast",
    "rtsps://cam.police.example/main",
    "http://[fd00::7]:8080/video.mjpg",
    "https://192.168.1.9/live.m3u8",
    "RTSP://172.16.0.4/1",
]
BAD = [
    ("ftp://10.0.0.1/", "scheme"),
    ("file:///etc/passwd", "scheme"),
    ("javascript:alert(1)", "scheme"),
    ("10.0.0.1/stream", "scheme"),
    ("rtsp://", "no host"),
    ("rtsp:///path", "no host"),
    ("rtsp://ad min:hidden@10.0.0.1/", "spaces"),
    ("rtsp://admin:hidden@10.0.0.1/\r\nHost: x", "control"),
    ("rtsp://admin:hid\x00den@10.0.0.1/", "control"),
    ("rtsp://admin:密码@10.0.0.1/", "%XX"),
    ("rtsp://admin:hid@den@10.0.0.1/", "%40"),
    ("rtsp://admin:hid#den@10.0.0.1/", "%23"),
    ("rtsp://10.0.0.1:0/", "port 0"),
    ("rtsp://10.0.0.1:99999/", "read as an address"),
    ("rtsp://[::1/hidden", "read as an address"),
    ("http://127.0.0.1:8050/api", "this machine"),
    ("http://127.1/hidden", "this machine"),
    ("http://2130706433/", "this machine"),
    ("http://0x7f000001/", "this machine"),
    ("http://localhost/", "this machine"),
    ("http://cam.localhost./", "this machine"),
    ("http://[::1]/", "this machine"),
    ("http://[::ffff:127.0.0.1]/", "this machine"),
    ("http://169.254.169.254/latest", "no single host"),
    ("http://0.0.0.0/", "no single host"),
    ("rtsp://239.1.1.1/", "no single host"),
    ("rtsp://10.0.0.1/" + "x" * 2_000, "characters"),
]


@pytest.mark.parametrize("url", GOOD)
def test_addresses_of_cameras_are_taken_as_they_are(url: str) -> None:
    assert checked_address("url", url) == url


@pytest.mark.parametrize(("url", "says"), BAD)
def test_other_addresses_are_refused_by_reason_and_never_repeated(url: str, says: str) -> None:
    with pytest.raises(BadCamera) as refused:
        checked_address("url", url)
    assert says in refused.value.detail
    assert refused.value.rule == "bad_address"
    for part in ("hidden", "hid@den", "10.0.0.1", "169.254", "密码", "/etc/passwd", "alert"):
        assert part not in refused.value.detail


def test_this_machine_is_for_test_cameras_and_control_is_by_http() -> None:
    assert checked_address("url", "rtsp://127.0.0.1:8554/cam1", loopback=True)
    with pytest.raises(BadCamera, match="scheme"):
        checked_address("control_url", "rtsp://10.0.0.1/")
    assert checked_address("control_url", "") == ""


def test_known_properties_are_put_in_their_units() -> None:
    said: dict[str, Any] = {
        "heading_deg": "-90",
        "fov_deg": 60,
        "ptz": "是",
        "codec": "HEVC",
        "mast_height_m": "",
        "org_code": "33",
        "mount": "wall",
    }
    kept = checked_properties(said, lambda code: code.ljust(12, "0"))
    assert kept == {"heading_deg": 270.0, "fov_deg": 60.0, "ptz": True, "codec": "h265", "org_code": "330000000000", "mount": "wall"}


@pytest.mark.parametrize(
    ("properties", "field"),
    [
        ({"heading_deg": "north"}, "heading_deg"),
        ({"heading_deg": float("nan")}, "heading_deg"),
        ({"fov_deg": 0}, "fov_deg"),
        ({"fov_deg": True}, "fov_deg"),
        ({"ptz": "perhaps"}, "ptz"),
        ({"codec": "flv1"}, "codec"),
        ({"name": "a\nb"}, "name"),
        ({"org_code": "nobody"}, "org_code"),
        ({"Password": "hidden"}, "Password"),
        ({"stream": "rtsp://admin:hidden@10.0.0.1/"}, "stream"),
        ({"nested": {"a": ["see http://10.0.0.1/?pwd=hidden"]}}, "nested"),
        ({f"p{n}": n for n in range(61)}, "properties"),
        ({"text": "x" * 9_000}, "properties"),
    ],
)
def test_properties_that_are_wrong_or_hold_an_address_are_refused_by_name(properties: dict[str, Any], field: str) -> None:
    def expand(code: str) -> str:
        raise ValueError(f"organisation {code!r} is not known")

    with pytest.raises(BadCamera) as refused:
        checked_properties(properties, expand)
    assert refused.value.field == field
    assert "hidden" not in refused.value.detail
