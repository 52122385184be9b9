"""Who can be there when, and the reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.duty import Standing, Why
from dispatch.model import Grade, UnitKind, UnitStatus
from operations.situation.candidates import OLD_FIX_S, TURNOUT_S, Load, Question, Sighting, assess, by_ring, clock
from operations.tracking.movement import RIDING
from tests.operations.access_world import CITY, COUNTY, FAR, NOW, STATION, unit


def sighting(unit_id: str, eta_s: float, org_code: str = STATION, fix_age_s: float = 2.0, **more: Any) -> Sighting:
    return Sighting(unit(unit_id, org_code, **more), 121.55, 29.87, fix_age_s, eta_s, eta_s * 9.0, eta_s * 1.3)


def question(grade: Grade | None = Grade.ORDINARY, assigned: frozenset[str] = frozenset()) -> Question:
    return Question(
        minutes=(1.0, 3.0, 5.0),
        grade=grade,
        chain=(STATION, COUNTY, CITY),
        is_commanded=lambda org_code: org_code != FAR,
        incident_number=lambda incident_id: 117 if incident_id == "seen" else None,
        assigned=assigned,
    )


def codes(row: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in row["reasons"]]


def test_the_nearest_that_can_go_is_recommended_and_the_others_say_why_not() -> None:
    rows = assess(
        [
            sighting("far", 250),
            sighting("near", 40),
            sighting("busy", 20, status=UnitStatus.ON_SCENE, incident_id="seen"),
            sighting("secret", 25, status=UnitStatus.EN_ROUTE, incident_id="hidden"),
            sighting("off", 10, status=UnitStatus.OUT_OF_SERVICE),
            sighting("neighbour", 30, FAR),
            sighting("lost", 35, fix_age_s=600),
        ],
        question(),
    )
    assert [row["unit_id"] for row in rows] == ["off", "busy", "secret", "neighbour", "lost", "near", "far"]
    assert [row["unit_id"] for row in rows if row["recommended"]] == ["near"]
    by_id = {row["unit_id"]: row for row in rows}
    assert codes(by_id["off"])[-1] == "off_duty"
    assert by_id["busy"]["reasons"][-1]["text"] == "on incident 117"
    assert by_id["secret"]["reasons"][-1]["text"] == "on another incident"
    assert codes(by_id["neighbour"])[-1] == "not_under_command"
    assert by_id["lost"]["reasons"][-1]["text"] == "position is 10:00 old"
    assert codes(by_id["near"]) == ["available", "in_ring", "own_area"]
    assert by_id["far"]["reasons"][-1]["text"] == "1 that can go are nearer"


def test_graver_incidents_want_more_crews_less_those_already_sent() -> None:
    near = [sighting(f"u{i}", 10.0 * i) for i in range(1, 5)]
    assert sum(row["recommended"] for row in assess(near, question(Grade.MAJOR))) == 3
    rows = assess(near, question(Grade.MAJOR, frozenset({"u1"})))
    assert [row["unit_id"] for row in rows if row["recommended"]] == ["u2", "u3"]
    assert codes(rows[0])[-1] == "on_this_incident"


def test_an_eta_states_its_turnout_and_feet_are_slow() -> None:
    (row,) = assess([sighting("walker", 100, kind=UnitKind.FOOT_PATROL)], question())
    assert row["arrival_s"] == 100 + TURNOUT_S[UnitKind.FOOT_PATROL]
    assert "on_foot" in codes(row)
    (row,) = assess([sighting("rider", 100, kind=UnitKind.FOOT_PATROL)], replace(question(), movement=RIDING))
    assert "on_ebike" in codes(row)
    assert "on_foot" not in codes(row)


def test_a_ring_says_what_it_holds_or_what_is_nearest_beyond() -> None:
    asked = question()
    rings = by_ring(assess([sighting("a", 190), sighting("b", 20, status=UnitStatus.OUT_OF_SERVICE)], asked), asked)
    assert rings[0]["text"] == "The 1-min ring is empty: the nearest beyond is a, by 2:10"
    assert rings[0]["nearest_beyond"]["unit_id"] == "a"
    assert rings[1]["text"] == "The 3-min ring is empty: the nearest beyond is a, by 0:10"
    assert rings[2]["text"] == "5-min ring: 4:10 with 1:00 turnout"
    assert [ring["unit_ids"] for ring in rings] == [["b"], [], ["a"]]
    lost = by_ring(assess([sighting("old", 20, fix_age_s=OLD_FIX_S + 1), sighting("a", 190)], asked), asked)[0]
    assert (lost["available"], lost["nearest_beyond"]["unit_id"], lost["unit_ids"]) == (0, "a", ["old"])
    assert by_ring([], asked)[0]["text"] == "The 1-min ring is empty and no available unit with a fresh position is within an hour by road"


def test_units_are_in_the_rings_that_are_drawn() -> None:
    asked = replace(question(), quantile=0.9)
    rows = assess([sighting("near", 50), sighting("far", 170)], asked)  # nine of ten drives take 65 s and 221 s
    assert [row["ring_minutes"] for row in rows] == [3.0, 5.0]
    rings = by_ring(rows, asked)
    assert [(ring["unit_ids"], ring["available"]) for ring in rings] == [([], 0), (["near"], 1), (["far"], 2)]
    assert rings[0]["nearest_beyond"] == {"unit_id": "near", "callsign": rows[0]["callsign"], "over_s": 5.0}


@given(
    st.lists(st.tuples(st.floats(0, 4000), st.sampled_from(UnitStatus), st.sampled_from([STATION, FAR]), st.floats(0, 500)), max_size=12)
)
def test_nobody_is_recommended_before_a_nearer_one_that_can_go(units: list[tuple[float, UnitStatus, str, float]]) -> None:
    rows = assess(
        [sighting(f"u{i:02}", eta, org, fix_age_s=age, status=status) for i, (eta, status, org, age) in enumerate(units)], question()
    )
    assert [row["eta_s"] for row in rows] == sorted(row["eta_s"] for row in rows)
    able = [row["unit_id"] for row in rows if not any(r["for"] is False and r["code"] != "nearer_units" for r in row["reasons"])]
    assert [row["unit_id"] for row in rows if row["recommended"]] == able[:1]
    # Whoever is not recommended has a reason against.
    assert all(row["recommended"] or any(r["for"] is False for r in row["reasons"]) for row in rows)


def test_clock() -> None:
    assert [clock(s) for s in (0, 0.2, 59.5, 60, 610)] == ["0:00", "0:01", "1:00", "1:00", "10:10"]


def test_duty_says_why_a_unit_may_not_be_sent_or_who_has_not_been_heard_of() -> None:
    since = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    by_id = {
        "home": Standing(False, Why.OFF_ROSTER, since),
        "gone": Standing(False, Why.SIGNED_OFF, since),
        "quiet": Standing(True, Why.SHIFT, since),
        "reserve": Standing(True, Why.MUSTER, since, signed_on=True),
        "broken": Standing(True, Why.SHIFT, since, signed_on=True),
        "over": Standing(False, Why.OFF_ROSTER, since),
    }
    asked = replace(question(Grade.MAJOR), standing=lambda one: by_id[one.unit_id])
    rows = assess(
        [
            sighting("home", 10),  # its record is behind the clock
            sighting("gone", 20, status=UnitStatus.OUT_OF_SERVICE),
            sighting("quiet", 30),
            sighting("reserve", 40),
            sighting("broken", 50, status=UnitStatus.OUT_OF_SERVICE),
            sighting("over", 60, status=UnitStatus.ON_SCENE, incident_id="seen"),
        ],
        asked,
    )
    found = {row["unit_id"]: row for row in rows}
    assert {name for name, row in found.items() if row["available"]} == {"quiet", "reserve"}
    assert found["home"]["reasons"][-1]["text"] == "off duty since 2026-05-01T12:00+00:00"
    assert found["home"]["status"] == UnitStatus.OUT_OF_SERVICE
    assert found["gone"]["reasons"][-1]["text"] == "signed off since 2026-05-01T12:00+00:00"
    assert codes(found["broken"])[-1] == "out_of_service"
    assert "not_signed_on" in codes(found["quiet"])
    assert "mustered" in codes(found["reserve"])
    assert codes(found["over"])[-2:] == ["off_duty", "on_incident"]


def test_a_unit_with_a_task_says_which_it_would_leave_and_one_still_on_an_incident_never_goes_silently() -> None:
    rows = assess(
        [
            sighting("guard", 10, status=UnitStatus.COMMITTED_DEPLOYABLE, task="学校门口护学"),
            sighting("reporting", 20, status=UnitStatus.COMMITTED_DEPLOYABLE, incident_id="seen"),
        ],
        question(),
    )
    assert rows[0]["reasons"][-1]["text"] == "would leave its task: 学校门口护学"
    assert rows[1]["reasons"][-1]["text"] == "on incident 117"
    assert not any(row["available"] or row["recommended"] for row in rows)


def test_load_arms_and_auxiliaries_are_said_and_decide_nothing() -> None:
    loads = {"busy": Load(4, NOW), "armed": Load(0, NOW)}
    asked = replace(question(), load=lambda unit: loads.get(unit.unit_id))
    crews = [
        sighting("busy", 20),
        sighting("armed", 30, kind=UnitKind.ARMED_PATROL),
        sighting("aux", 40, auxiliary=True),
    ]
    by_id = {row["unit_id"]: row for row in assess(crews, asked)}
    (load,) = (reason for reason in by_id["busy"]["reasons"] if reason["code"] == "load")
    assert (load["incidents"], load["since"], load["for"]) == (4, NOW, None)
    assert by_id["busy"]["recommended"]
    assert "armed" in codes(by_id["armed"])
    assert {"auxiliary", "load"} & set(codes(by_id["aux"])) == {"auxiliary"}
