"""What may be said of a camera: addresses are checked without being repeated, properties by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from operations.cameras.camera_fields import BadCamera, checked_address, checked_properties
from operations.cameras.recorder_address import filled

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


HIKVISION = "rtsp://admin:p%40ss@10.9.8.7/Streaming/tracks/101?starttime={from:%Y%m%dt%H%M%Sz}&endtime={to:%Y%m%dt%H%M%Sz}"
DAHUA = "rtsp://10.9.8.7/cam/playback?channel=1&starttime={from_local:%Y_%m_%d_%H_%M_%S}&endtime={to_local:%Y_%m_%d_%H_%M_%S}"


@pytest.mark.parametrize(
    "url",
    [
        HIKVISION,
        DAHUA,
        "rtsps://u:p%40ss@10.9.8.7/profileG/track1",
        "rtsps://nvr.police.example/{from:%Y/%m/%d}/{from:%H%M%S}",
        "rtsp://10.9.8.7/b{from:%s}/e{to:%s}",
    ],
)
def test_a_recorders_address_is_kept_with_its_placeholders(url: str) -> None:
    assert checked_address("recorder_url", url) == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://u:hidden@10.0.0.1/", "use rtsp, rtsps"),
        ("rtsp://127.0.0.1/", "this machine"),
        ("rtsp://u:hid}den@10.0.0.1/", "%7B"),
        ("rtsp://u:hidden@10.0.0.1/?b={to:%s}", "beginning of the span"),
        ("rtsp://u:hidden@10.0.0.1/?b={from}", "how the instant is written"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:hidden}", "how the instant is written"),
        ("rtsp://u:hidden@10.0.0.1/?b={hidden:%s}", "not known"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%Q}", "letter after %"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%s%}", "letter after %"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%Y%m%d%H%M}", "leaves part of an instant out of {from:…}"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%Y%m%d%H%M%%S}", "leaves part of an instant out of {from:…}"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%s}&e={to:%H%M%S}", "leaves part of an instant out of {to:…}"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%s}&e={to", "{ or }"),
        ("rtsp://u:hid}den@10.0.0.1/?b={from:%s}", "%7B"),
        ("rtsp://u:hidden@{from:%s}/", "before its path"),
        ("rtsp://u:hidden@10.0.0.1:{from:%s}", "before its path"),
        ("http://u:hidden@10.0.0.1/?b={from:%s}", "use rtsp, rtsps"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%Y %m %d %H %M %S}", "spaces"),
        ("rtsp://u:hidden@10.0.0.1/?b={from:%s#}", "%23"),
        ("rtsp://127.0.0.1/?b={from:%s}", "this machine"),
        ("rtsp:///?b={from:%s}", "no host"),
        ("rtsp://10.0.0.1/?b={from:%s}" + "{from:%s}" * 300, "characters"),
    ],
)
def test_a_recorders_address_that_is_none_is_refused_by_reason_and_never_repeated(url: str, says: str) -> None:
    with pytest.raises(BadCamera) as refused:
        checked_address("recorder_url", url)
    assert says in refused.value.detail
    assert (refused.value.rule, refused.value.field) == ("bad_address", "recorder_url")
    assert not any(part in refused.value.detail for part in ("hidden", "hid}den", "10.0.0.1"))


@pytest.mark.parametrize(
    ("template", "url"),
    [
        (HIKVISION, "rtsp://admin:p%40ss@10.9.8.7/Streaming/tracks/101?starttime=20261130t142500z&endtime=20261130t143001z"),
        (DAHUA, "rtsp://10.9.8.7/cam/playback?channel=1&starttime=2026_11_30_22_25_00&endtime=2026_11_30_22_30_01"),
        ("rtsp://10.9.8.7/{from:%y-%m-%d%%20%H}/{from_local:%M%S}?b={from:%s}", "rtsp://10.9.8.7/26-11-30%2014/2500?b=1796048700"),
    ],
)
def test_a_span_is_written_into_the_address_by_whole_seconds_and_none_is_left_out(template: str, url: str) -> None:
    from_at = datetime(2026, 11, 30, 14, 25, 0, 900_000, tzinfo=UTC)
    assert filled(template, from_at, from_at + timedelta(minutes=5), ZoneInfo("Asia/Shanghai")) == url


def test_known_properties_are_put_in_their_units() -> None:
    said: dict[str, Any] = {
        "heading_deg": "-90",
        "fov_deg": 60,
        "ptz": "是",
        "codec": "HEVC",
        "mast_height_m": "",
        "org_code": "33",
        "mount": "wall",
        "bypass": "时间 8:30@门口",
    }
    kept = checked_properties(said, lambda code: code.ljust(12, "0"))
    assert kept == {"heading_deg": 270.0, "fov_deg": 60.0, "ptz": True, "codec": "h265", "org_code": "330000000000"} | {
        "mount": "wall",
        "bypass": "时间 8:30@门口",
    }


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
        ({"密码": "hidden"}, "密码"),
        ({"rtspPassword": "hidden"}, "rtspPassword"),
        ({"NVR_PASS": "hidden"}, "NVR_PASS"),
        ({"登录账号": "hidden"}, "登录账号"),
        ({"nested": [{"口令": "hidden"}]}, "nested"),
        ({"remark": "admin:hidden@10.0.0.1"}, "remark"),
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
