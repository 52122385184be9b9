"""Things on the map: three sources over one another, counts, ages, what never leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from dispatch.catalogue import load_catalogue
from dispatch.clock import ManualClock
from dispatch.model import Element
from dispatch.picture import OperatingPicture
from operations.situation.elements import ElementStore
from operations.tracking.positions import PositionTable
from storage.database import open_database
from storage.readings import Reading, ReadingStore
from tests.operations.access_world import NOW, clock

LON, LAT = 121.55, 29.87


class House:
    def __init__(self, folder: Path) -> None:
        self.engine = open_database(f"sqlite:///{folder / 'elements.sqlite'}")
        self.clock: ManualClock = clock()
        self.picture = OperatingPicture()
        self.static: dict[str, list[dict[str, Any]]] = {}
        self.store = self.open()

    def open(self) -> ElementStore:
        city: Any = SimpleNamespace(elements=lambda element: {"features": self.static.get(element, [])})
        return ElementStore(city, load_catalogue(), self.clock, lambda: self.picture, PositionTable(), ReadingStore(self.engine))

    def write(self, element: str, element_id: str, **properties: Any) -> None:
        of_kind = self.picture.elements.get(element, {}) | {element_id: Element(element, element_id, LON, LAT, NOW, properties)}
        self.picture = msgspec.structs.replace(self.picture, elements=self.picture.elements | {element: of_kind})

    def reading(self, element_id: str, age_s: float = 0.0, **properties: Any) -> Reading:
        now = self.clock.unix_s()
        return Reading("weather_station", element_id, LON, LAT, now - age_s, now, properties)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.engine.dispose()


def feature(element_id: str, east_deg: float = 0.0, **properties: Any) -> dict[str, Any]:
    return {"id": element_id, "geometry": {"type": "Point", "coordinates": [LON + east_deg, LAT]}, "properties": properties}


async def test_what_is_written_lies_over_what_the_city_knew(house: House) -> None:
    house.static["duty_post"] = [feature("a", name="old"), feature("b", name="b")]
    await house.store.start()
    house.write("duty_post", "a", name="new")
    house.write("duty_post", "c", name="c")
    assert {t.element_id: t.properties["name"] for t in house.store.newest("duty_post")} == {"a": "new", "b": "b", "c": "c"}
    assert house.store.counts()["duty_post"]["count"] == 3
    assert house.store.counts()["duty_post"]["state"] == "static"


async def test_the_newest_reading_wins_and_survives_a_restart(house: House) -> None:
    house.static["weather_station"] = [feature("w")]
    await house.store.start()
    assert house.store.counts()["weather_station"] == {"count": 1, "newest_at": None, "state": "no_feed"}
    await house.store.readings([house.reading("w", wind=1), house.reading("w", age_s=60, wind=9)])
    assert [t.properties for t in house.store.newest("weather_station")] == [{"wind": 1}]
    again = house.open()
    await again.start()
    assert [t.properties for t in again.newest("weather_station")] == [{"wind": 1}]
    assert again.counts()["weather_station"]["state"] == "live"
    house.clock.advance(3601)
    assert again.counts()["weather_station"]["state"] == "stale"


async def test_the_last_word_about_an_instant_holds_after_a_restart_too(house: House) -> None:
    """A feed that gives the time of an event's beginning also when it ends, and repeats itself."""
    await house.store.start()
    begun = house.reading("e", closes=True)
    over = msgspec.structs.replace(begun, properties={"closes": True, "ended": True})
    await house.store.readings([begun, begun])
    await house.store.readings([over])
    await house.store.readings([over])
    for store in (house.store, again := house.open()):
        if store is again:
            await again.start()
        assert [t.properties for t in store.newest("weather_station")] == [over.properties]
    await house.store.readings([begun, over, begun])
    late = house.open()
    await late.start()
    assert [t.properties for t in late.newest("weather_station")] == [begun.properties]
    kept = ReadingStore(house.engine).between(0.0, house.clock.unix_s())
    assert [reading.properties for reading in kept] == [begun.properties, over.properties] * 2 + [begun.properties]


async def test_every_element_of_the_catalogue_has_a_state(house: House) -> None:
    await house.store.start()
    states = {element: count["state"] for element, count in house.store.counts().items()}
    assert states.keys() == load_catalogue().kinds.keys()
    assert states.pop("incident") == "live"
    assert set(states.values()) == {"no_feed"}


async def test_addresses_never_leave(house: House) -> None:
    house.static["street_camera"] = [feature("c1", url="rtsp://secret@x")]
    await house.store.start()
    house.write("street_camera", "c2", URL="rtsp://secret@y", password="secret")
    shown = str(house.store.features("street_camera")) + str(house.store.around(LON, LAT, 100, ["street_camera"]))
    assert "c1" in shown
    assert "c2" in shown
    assert "secret" not in shown


async def test_around_is_closest_first_and_says_whether_a_camera_looks_here(house: House) -> None:
    house.static["street_camera"] = [
        feature("far", 0.004, heading_deg=270),
        feature("near", 0.001, heading_deg=90),
        feature("blind", 0.002),
        feature("beyond", 0.02),
    ]
    await house.store.start()
    seen = house.store.around(LON, LAT, 500, ["street_camera"])
    assert [(c["element_id"], c["looks_here"]) for c in seen] == [("near", False), ("blind", None), ("far", True)]
    assert seen[0]["straight_m"] == pytest.approx(96.5, abs=1)


async def test_a_limit_cuts_features_but_says_how_many_there_are(house: House) -> None:
    house.static["hydrant"] = [feature(str(i), 0.001 * i) for i in range(10)]
    await house.store.start()
    cut = house.store.features("hydrant", (LON, LAT - 1, LON + 0.0055, LAT + 1), limit=2)
    assert (cut["matched"], len(cut["features"])) == (6, 2)
    with pytest.raises(KeyError):
        house.store.features("unicorn")
