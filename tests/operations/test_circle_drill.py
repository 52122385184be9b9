"""The drill: crews are counted once, for a force they are of, inside or in time; what is stale, busy or of others is not."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dispatch.duty_circles import DutyCircle, Force, Gate, Tier
from dispatch.model import Unit, UnitKind, UnitStatus
from operations.duty.circle_drill import Present, compare
from operations.duty.duty_circles import CircleIndex, bound_s
from operations.situation.candidates import OLD_FIX_S, Sighting

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
STATION, COUNTY, CITY = "station", "county", "city"
REACH = {STATION: frozenset({STATION}), COUNTY: frozenset({STATION, COUNTY}), CITY: frozenset({STATION, COUNTY, CITY})}
CAR, ARMED, FOOT = UnitKind.PATROL_CAR, UnitKind.ARMED_PATROL, UnitKind.FOOT_PATROL
INNER, OUTER = 0.001, 0.004  # half a side of the tiers' squares, degrees


def square(half: float) -> Any:
    return ((((-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)),),)


def circle(*tiers: Tier) -> DutyCircle:
    return DutyCircle("c", "place", STATION, 0.0, 0.0, tiers, 1, "li", NOW)


def tier(minutes: float, half: float, *forces: Force, **more: Any) -> Tier:
    return Tier(minutes, square(half), forces, **more)


def present(
    unit_id: str, at: float, eta_s: float = math.inf, kind: UnitKind = CAR, org: str = STATION, age_s: float = 5.0, **more: Any
) -> Present:
    status = more.pop("status", UnitStatus.AVAILABLE)
    unit = Unit(unit_id, unit_id.upper(), kind, org, status, NOW, **more)
    return Present(Sighting(unit, at, 0.0, age_s, eta_s, eta_s * 10, eta_s), status)


def reach(code: str) -> frozenset[str]:
    return REACH[code]


def drill(one: DutyCircle, *seen: Present, hidden: frozenset[str] = frozenset()) -> dict[str, Any]:
    return compare(one, seen, hidden, reach)


def crews(found: dict[str, Any], tier_at: int = 0, force_at: int = 0) -> list[str]:
    return [row["unit_id"] for row in found["tiers"][tier_at]["forces"][force_at]["crews"]]


def test_inside_comes_before_coming_and_who_is_too_far_is_missing() -> None:
    one = circle(tier(1, INNER, Force(STATION, CAR, 2)))
    found = drill(
        one, present("far", 0.01, 61.0), present("coming", 0.002, 40.0), present("here", 0.0005, 20.0), present("next", 0.002, 30.0)
    )
    assert crews(found) == ["here", "next"]
    assert found["missing"] == 0
    assert drill(one, present("far", 0.01, 61.0), present("here", 0.0005))["tiers"][0]["missing"] == 1


def test_who_can_not_act_is_not_counted_and_says_why() -> None:
    one = circle(tier(1, INNER, Force(STATION, CAR, 4)))
    seen = [
        present("old", 0.0, 1.0, age_s=OLD_FIX_S + 1),
        present("busy", 0.0, 1.0, status=UnitStatus.ON_SCENE),
        present("off", 0.0, 1.0, status=UnitStatus.OUT_OF_SERVICE),
        present("deployable", 0.0, 1.0, status=UnitStatus.COMMITTED_DEPLOYABLE),
        present("walking", 0.0, 1.0, kind=FOOT),
        present("other", 0.0, 1.0, org=COUNTY),
    ]
    found = drill(one, *seen)
    assert crews(found) == ["deployable"]
    why = {row["unit_id"]: row["why_not"] for row in found["tiers"][0]["further"]}
    assert why == {"old": "old_position", "busy": "on_scene", "off": "out_of_service", "walking": "", "other": ""}
    assert (found["expected"], found["missing"], found["tiers"][0]["inside"]) == (4, 3, 6)
    assert found["tiers"][0]["inside_old"] == 1


def test_a_crew_is_counted_once_and_where_it_is_needed() -> None:
    """The station's car could make the county's force as well; the county's could not make the station's."""
    one = circle(tier(1, INNER, Force(STATION, CAR, 1)), tier(3, OUTER, Force(COUNTY, CAR, 1)))
    found = drill(one, present("stations", 0.0, 10.0), present("countys", 0.003, 50.0, org=COUNTY))
    assert (crews(found), crews(found, 1)) == (["stations"], ["countys"])
    assert found["missing"] == 0
    alone = drill(one, present("stations", 0.0, 10.0))
    assert alone["missing"] == 1
    assert not alone["tiers"][1]["further"]


def test_further_crews_stand_under_the_shortest_tier_that_holds_them() -> None:
    one = circle(tier(1, INNER), tier(3, OUTER))
    found = drill(one, present("near", 0.0), present("wide", 0.003))
    assert [[row["unit_id"] for row in part["further"]] for part in found["tiers"]] == [["near"], ["wide"]]


def test_a_gate_is_manned_by_its_crew_by_another_or_by_nobody() -> None:
    gates = (Gate("north", 0.0, 0.0, "a"), Gate("south", 0.003, 0.0, "a"), Gate("any", 0.0, 0.0), Gate("none", 0.02, 0.0))
    one = circle(tier(1, INNER, gates=gates))
    found = drill(one, present("a", 0.0), present("b", 0.003), present("stale", 0.02, age_s=OLD_FIX_S + 1))
    assert [(gate["state"], gate["by"]) for gate in found["tiers"][0]["gates"]] == [
        ("manned", "A"),
        ("other", "B"),
        ("manned", "A"),
        ("unmanned", None),
    ]
    assert (found["gates"], found["gates_unmanned"]) == (4, 1)
    hidden = drill(one, hidden=frozenset({"a"}))
    assert [(gate["unit_id"], gate["state"]) for gate in hidden["tiers"][0]["gates"]] == [
        ("*", "unknown"),
        ("*", "unknown"),
        ("", "unmanned"),
        ("", "unmanned"),
    ]


def test_nobody_there_is_all_missing() -> None:
    found = drill(circle(tier(1, INNER, Force(STATION, CAR, 3))))
    assert (found["missing"], found["tiers"][0]["inside"], crews(found)) == (3, 0, [])


units = st.builds(
    lambda n, at, eta, kind, org, age: (n, at, eta, kind, org, age),
    st.integers(0, 30), st.floats(-0.006, 0.006), st.sampled_from([10.0, 59.0, 100.0, 179.0, math.inf]),
    st.sampled_from([CAR, ARMED]), st.sampled_from([STATION, COUNTY, CITY]), st.sampled_from([1.0, OLD_FIX_S + 1]),
)  # fmt: skip
forces = st.lists(st.builds(Force, st.sampled_from([STATION, COUNTY, CITY]), st.sampled_from([CAR, ARMED]), st.integers(1, 3)), max_size=3)


@given(st.lists(units, max_size=12, unique_by=lambda one: one[0]), forces, forces)
def test_no_crew_counts_twice_and_no_place_stays_empty_that_a_free_crew_could_fill(
    seen: list[Any], inner: list[Force], outer: list[Force]
) -> None:
    one = circle(tier(1, INNER, *inner), tier(3, OUTER, *outer))
    there = [present(f"u{n}", at, eta, kind, org, age) for n, at, eta, kind, org, age in seen]
    found = drill(one, *there)
    used = [row["unit_id"] for part in found["tiers"] for force in part["forces"] for row in force["crews"]]
    further = [row["unit_id"] for part in found["tiers"] for row in part["further"]]
    assert len(used) == len(set(used))
    assert not set(used) & set(further)
    for number, part in enumerate(one.tiers):
        half = (INNER, OUTER)[number]
        for at, force in enumerate(part.forces):
            shown = found["tiers"][number]["forces"][at]
            assert len(shown["crews"]) + shown["missing"] == force.count
            able = [
                p.sighting.unit.unit_id for p in there
                if not p.why_not and p.sighting.unit.kind == force.kind and p.sighting.unit.org_code in reach(force.org_code)
                and (abs(p.sighting.lon) <= half or p.sighting.eta_s <= 60 * part.minutes)
            ]  # fmt: skip
            assert {row["unit_id"] for row in shown["crews"]} <= set(able)
            assert not (shown["missing"] and set(able) - set(used))


# What a circle binds at grade 1


def test_the_crew_is_bound_by_its_own_tier_or_by_where_the_incident_lies() -> None:
    one = circle(tier(1, INNER, Force(STATION, CAR, 1)), tier(3, OUTER, Force(COUNTY, ARMED, 1)))
    car, armed, foot = (present(name, 0.0, kind=kind).sighting.unit for name, kind in (("car", CAR), ("armed", ARMED), ("foot", FOOT)))

    def bound(lon: float, units: list[Unit], *circles: DutyCircle) -> dict[str, float]:
        return bound_s(CircleIndex({str(k): each for k, each in enumerate(circles)}).around(lon, 0.0), units, reach)

    assert bound(0.0, [car, armed, foot], one) == {"car": 60.0, "armed": 180.0}
    assert bound(0.003, [car, armed], one) == {"car": 180.0, "armed": 180.0}
    assert bound(0.01, [car, armed], one) == {}
    tighter = msgspec.structs.replace(circle(tier(0.5, OUTER, Force(CITY, CAR, 1))), circle_id="tighter")
    assert bound(0.003, [car], one, tighter) == {"car": 30.0}
    gone = msgspec.structs.replace(one, withdrawn=True, tiers=())
    assert bound(0.0, [car], gone) == {}
    assert [tier.minutes for _, tier in CircleIndex({"c": one}).around(0.003, 0.0)] == [3.0]
