"""A small city for tests of access: one city, two counties, three stations, a few crews and incidents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dispatch.clock import ManualClock
from dispatch.model import Actor, Assignment, AssignmentStage, Grade, Incident, Stage, Unit, UnitKind, UnitStatus
from dispatch.organisations import Organisation, OrganisationTree
from dispatch.picture import OperatingPicture

CITY, COUNTY, OTHER = "330200000000", "330203000000", "330205000000"
STATION, SISTER, FAR = "330203510000", "330203520000", "330205510000"
NOW = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def organisations() -> OrganisationTree:
    levels = {CITY: ("city", None), COUNTY: ("county", CITY), OTHER: ("county", CITY)}
    levels |= {STATION: ("station", COUNTY), SISTER: ("station", COUNTY), FAR: ("station", OTHER)}
    return OrganisationTree(Organisation(code, code, code, level, parent, 121.55, 29.87) for code, (level, parent) in levels.items())


def clock() -> ManualClock:
    return ManualClock(NOW)


def actor(role: str, org_code: str = STATION, unit_id: str | None = None, kind: str = "user") -> Actor:
    return Actor(name=f"{role}-{org_code}", role=role, org_code=org_code, unit_id=unit_id, kind=kind)


def unit(unit_id: str, org_code: str = STATION, **more: Any) -> Unit:
    fields: dict[str, Any] = {"kind": UnitKind.PATROL_CAR, "status": UnitStatus.AVAILABLE, "status_since": NOW, "callsign": unit_id}
    return Unit(unit_id=unit_id, org_code=org_code, **(fields | more))


def assignment(unit_id: str, stage: AssignmentStage = AssignmentStage.PUSHED) -> Assignment:
    return Assignment(assignment_id=f"a-{unit_id}", unit_id=unit_id, stage=stage, pushed_at=NOW, pushed_by="operator")


def incident(incident_id: str, org_code: str = STATION, *crews: Assignment, **more: Any) -> Incident:
    fields: dict[str, Any] = {
        "number": 1,
        "incident_type": "theft",
        "grade": Grade.ORDINARY,
        "text": "",
        "stage": Stage.PUSHED if crews else Stage.RECEIVED,
        "stage_since": NOW,
        "called_at": NOW,
        "received_at": NOW,
        "version": 1,
    }
    return Incident(incident_id=incident_id, org_code=org_code, assignments=crews, **(fields | more))


def picture(units: list[Unit] = [], incidents: list[Incident] = []) -> OperatingPicture:  # noqa: B006 never mutated
    return OperatingPicture(units={u.unit_id: u for u in units}, incidents={i.incident_id: i for i in incidents})
