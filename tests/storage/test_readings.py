"""Readings and camera addresses in the database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.cameras import CameraSource, CameraStore
from storage.database import open_database
from storage.readings import Reading, ReadingStore

NOW = 1_760_000_000.0


@pytest.fixture
def engine(tmp_path: Path):
    opened: Engine = open_database(f"sqlite:///{tmp_path / 'test.db'}")
    yield opened
    opened.dispose()


def reading(at: float, received_at: float, element_id: str = "s1", **properties: float) -> Reading:
    return Reading("weather_station", element_id, 121.5, 29.8, at, received_at, properties)


def test_the_newest_reading_known_then_is_found(engine):
    store = ReadingStore(engine)
    store.append([reading(NOW, NOW + 1, wind=3.0), reading(NOW, NOW + 1, "s2")])
    store.append([reading(NOW + 60, NOW + 300, wind=9.0)])
    assert [(r.element_id, r.properties) for r in store.as_of(NOW + 100)] == [("s1", {"wind": 3.0}), ("s2", {})]
    assert store.as_of(NOW + 300)[0] == reading(NOW + 60, NOW + 300, wind=9.0)
    assert store.as_of(NOW) == []
    assert [r.element_id for r in store.as_of(NOW + 300, oldest_at=NOW + 1)] == ["s1"]


def test_a_repeated_reading_changes_nothing(engine):
    store = ReadingStore(engine)
    store.append([reading(NOW, NOW + 1, wind=3.0)])
    store.append([reading(NOW, NOW + 9, wind=4.0), reading(NOW + 1, NOW + 9)])
    store.append([])
    assert [r.properties for r in store.as_of(NOW + 5)] == [{"wind": 3.0}]
    assert store.as_of(NOW + 10) == [reading(NOW + 1, NOW + 9)]


def test_camera_addresses_are_replaced_and_never_shown(engine):
    store = CameraStore(engine)
    first = CameraSource("c1", "rtsp://user:secret@10.0.0.1/1", "", "vms", NOW)
    store.write([first, CameraSource("c2", "rtsp://10.0.0.2/1", "", "vms", NOW)])
    second = CameraSource("c1", "rtsp://10.0.0.9/1", "rtsp://10.0.0.9/2", "vms", NOW + 1)
    store.write([first, second])
    store.write([])
    assert store.get("c1") == second
    assert store.get("c3") is None
    assert "secret" not in repr(first)
