"""Who is on duty where: crews by station, seeded, with their trackers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dispatch.model import UnitKind
from geodata.cities.city import City

# Shares of a city's crews by kind; cars, foot patrols, armed patrols.
KIND_SHARES = {UnitKind.PATROL_CAR: 0.58, UnitKind.FOOT_PATROL: 0.32, UnitKind.ARMED_PATROL: 0.10}
KIND_LETTER = {UnitKind.PATROL_CAR: "", UnitKind.FOOT_PATROL: "步", UnitKind.ARMED_PATROL: "特"}
BEAT_RADIUS_M = {UnitKind.PATROL_CAR: 1_800.0, UnitKind.FOOT_PATROL: 600.0, UnitKind.ARMED_PATROL: 4_000.0}
# One crew in eight has a car and two phones, one car in thirty is plain clothes.
SHARE_WITH_PHONES = 0.125
SHARE_PLAIN_CLOTHES = 1 / 30


@dataclass(frozen=True)
class CrewPlan:
    """A crew before it moves."""

    unit_id: str
    callsign: str
    kind: UnitKind
    org_code: str
    trackers: tuple[str, ...]
    members: tuple[str, ...]
    marked: bool
    radio_group: str
    home_lon: float
    home_lat: float

    def registration(self) -> dict[str, Any]:
        """Body of `PUT /units/{unit_id}`."""
        return {
            "callsign": self.callsign,
            "kind": str(self.kind),
            "org_code": self.org_code,
            "trackers": list(self.trackers),
            "members": list(self.members),
            "marked": self.marked,
            "radio_group": self.radio_group,
        }


def plan_crews(organisations: list[dict[str, Any]], count: int, random: np.random.Generator) -> list[CrewPlan]:
    """`count` crews over the stations, more where a station has a command room. The same seed gives the same crews."""
    stations = sorted((o for o in organisations if o["level"] == "station"), key=lambda o: o["code"])
    names = {o["code"]: o["name"] for o in organisations}
    weight = np.array([2.0 if o["has_command_room"] else 1.0 for o in stations])
    chosen = random.choice(len(stations), size=count, p=weight / weight.sum())
    kinds = random.choice(len(KIND_SHARES), size=count, p=list(KIND_SHARES.values()))
    counters: dict[str, int] = {}
    crews = []
    for station_index, kind_index in sorted(zip(chosen.tolist(), kinds.tolist(), strict=True)):
        station, kind = stations[station_index], tuple(KIND_SHARES)[kind_index]
        number = counters[station["code"]] = counters.get(station["code"], 0) + 1
        short = _spoken(station["name"])
        unit_id = f"{station['code'][:10].rstrip('0') or station['code']}-{number:02d}".lower()
        phones = kind is not UnitKind.FOOT_PATROL and random.random() < SHARE_WITH_PHONES
        crews.append(
            CrewPlan(
                unit_id=unit_id,
                callsign=f"{short}{KIND_LETTER[kind]}{number:02d}",
                kind=kind,
                org_code=station["code"],
                trackers=(f"{unit_id}-car", f"{unit_id}-p1", f"{unit_id}-p2") if phones else (),
                members=tuple(f"demo-{unit_id}-{i}" for i in range(1, 3)),
                marked=not (kind is UnitKind.PATROL_CAR and random.random() < SHARE_PLAIN_CLOTHES),
                radio_group=f"{names.get(station['parent'], short)}-{number % 4 + 1}",
                home_lon=float(station["lon"]),
                home_lat=float(station["lat"]),
            )
        )
    return crews


def _spoken(organisation: str) -> str:
    """What is left of an organisation's name in a callsign: 江厦 of 江厦派出所, 江北特警 of 宁波市公安局江北分局特警大队."""
    short = organisation.rpartition("公安局")[2]
    for word in ("分局", "大队", "支队", "派出所", "Police Station"):
        short = short.replace(word, "")
    return short.strip() or organisation


def hand_driven_crew(city: City, unit_id: str) -> CrewPlan:
    """The crew whose phone a person holds; the server has registered it with a car and a phone, the car is simulated."""
    rooms = [o for o in city.organisations() if o["level"] == "station" and o["has_command_room"]] or city.organisations()
    home = rooms[0]
    place = (float(home["lon"]), float(home["lat"]))
    return CrewPlan(unit_id, unit_id, UnitKind.PATROL_CAR, home["code"], (f"{unit_id}-car",), (), True, "", *place)
