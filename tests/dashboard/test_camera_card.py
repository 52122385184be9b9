"""The card of a selected camera: in words how it does and where it looks, and nothing that is not known."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from dashboard.i18n import clock_text
from dashboard.i18n import words_in as words
from dashboard.layouts.camera import camera_card
from operations.cameras.camera_register import Camera
from storage.cameras import Addresses
from tests.dashboard.pages_world import words_in
from tests.operations.access_world import NOW, STATION

ZONE = ZoneInfo("Asia/Shanghai")
FACTS: Any = SimpleNamespace(
    words=words("en"),
    zone=ZONE,
    now=NOW,
    clock=lambda at: clock_text(at, ZONE),
    element_kind=lambda element: element,
    organisation_name=lambda code: code,
)
CAMERA = Camera("c", 121.55, 29.87, STATION, {"name": "西门", "kind": "gate"}, Addresses(True, False, False), "untried", None, "", None)


def card(**more: Any) -> str:
    return words_in(camera_card(msgspec.structs.replace(CAMERA, **more), FACTS))


def test_each_state_is_said_with_what_is_known_of_it() -> None:
    earlier = {"last_picture_at": NOW - timedelta(hours=2), "last_error": "no answer", "last_error_at": NOW}
    said = [
        card(),
        card(state="no_address"),
        card(state="ok", last_picture_at=NOW),
        card(state="failing", **earlier),
        card(state="failing", last_error="no answer", last_error_at=NOW),
        card(state="failing", **earlier | {"last_picture_at": NOW - timedelta(days=3)}),
    ]
    expected = [
        "not tried within",
        "no address is",
        "in order, last picture",
        "no picture since",
        "never gave a picture",
        "no picture since 20",
    ]
    assert [words in text for words, text in zip(expected, said, strict=True)] == [True] * len(said)
    assert "no answer" in said[3]


def test_where_it_looks_is_what_is_registered() -> None:
    looks = {"heading_deg": 45.0, "fov_deg": 60.0, "range_m": 120.0}
    assert "no heading is registered" in card()
    assert "45° · 60° wide · as far as 120 m" in card(properties=looks)
    dome = card(properties=looks, has=Addresses(True, False, True))
    assert "at rest 45°" in dome
    assert "can be turned from here" in dome
    assert "heading" not in dome, "said in words, not again as it is named in the register"
