"""A node without storage: commands in, a journal in a list, the picture folded as it goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dispatch import commands as c
from dispatch.commands import Command, IncidentCommand
from dispatch.deadlines import Notice, OnMiss, Targets, notices, others_to_send
from dispatch.decide import decide, incident_of
from dispatch.errors import DispatchError, RuleViolation
from dispatch.events import IncidentEvent, Recorded, Unsealed, canonical_json, seal
from dispatch.evolve import evolve
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Actor, Grade, Incident, UnitKind
from dispatch.picture import OperatingPicture
from dispatch.rules.case import occurred_at

CITY, COUNTY, STATION = "330200000000", "330203000000", "330203050000"
DESK = Actor("li", "operator", COUNTY)
WATCH = Actor("deadlines", "admin", CITY, kind="system")
# The organisations that an alarm climbs through, its owner's first.
CHAINS = {STATION: (STATION, COUNTY, CITY), COUNTY: (COUNTY, CITY), CITY: (CITY,)}
START = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def crew(unit_id: str) -> Actor:
    """The officer whose terminal belongs to the unit."""
    return Actor(f"officer {unit_id}", "officer", STATION, unit_id=unit_id)


def refusal(node: Node, command: Command, kind: type[DispatchError] = RuleViolation, actor: Actor = DESK) -> str:
    """The words of the refusal; the picture must be untouched by it."""
    before = node.picture
    with pytest.raises(DispatchError) as refused:
        node.give(command, actor)
    assert type(refused.value) is kind
    assert node.picture is before
    return f"{refused.value.rule}: {refused.value.detail}"


class Node:
    """Time stands still unless moved."""

    def __init__(self) -> None:
        self.picture = OperatingPicture()
        self.journal: list[Recorded] = []
        self.now = START
        self._ids = 0

    def new_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def give(self, command: Command, actor: Actor = DESK) -> tuple[Recorded, ...]:
        """Decide and record one command; raises its refusal."""
        own = self.incident_before(command)
        records = []
        for body in decide(self.picture, command, actor, self.now, self.new_id, own):
            incident_id = body.incident_id if isinstance(body, IncidentEvent) else ""
            incident = self.picture.incidents.get(incident_id) or self.load(incident_id)
            recorded = self._record(body, command, actor, incident)
            self.picture = evolve(self.picture, recorded, incident)
            self.journal.append(recorded)
            records.append(recorded)
        return tuple(records)

    def incident_before(self, command: Command) -> Incident | None:
        held = incident_of(self.picture, command)
        return held or (self.load(command.incident_id) if isinstance(command, IncidentCommand) else None)

    def load(self, incident_id: str, before_revision: int | None = None) -> Incident | None:
        """The incident from its own events."""
        incident: Incident | None = None
        for recorded in self.journal:
            if recorded.incident_id == incident_id and (before_revision is None or recorded.revision < before_revision):
                incident = evolve_incident(incident, recorded)
        return incident

    def _record(self, body: object, command: Command, actor: Actor, incident: Incident | None) -> Recorded:
        is_of_incident = isinstance(body, IncidentEvent)
        assignments = () if incident is None else incident.assignments
        pushed_at = next((a.pushed_at for a in assignments if a.assignment_id == getattr(body, "assignment_id", None)), None)
        event = Unsealed(
            revision=self.picture.revision + 1,
            event_id=self.new_id(),
            node="test",
            incident_id=body.incident_id if isinstance(body, IncidentEvent) else None,
            incident_version=(incident.version if incident is not None else 0) + 1 if is_of_incident else None,
            schema=1,
            occurred_at=occurred_at(command, self.now, pushed_at),
            recorded_at=self.now,
            actor=actor.name,
            actor_role=actor.role,
            command_id=None,
            on_behalf_of=command.on_behalf_of,
            channel=command.channel,
            body=body,  # type: ignore[arg-type]
        )
        return seal(self.picture.last_hash, canonical_json(event))

    # What most tests begin with

    def unit(self, unit_id: str, **fields: object) -> str:
        known = {"callsign": unit_id, "kind": UnitKind.PATROL_CAR, "org_code": STATION, **fields}
        self.give(c.RegisterUnit(unit_id=unit_id, **known))  # type: ignore[arg-type]
        return unit_id

    def incident(self, **fields: object) -> str:
        known = {"incident_type": "theft", "grade": Grade.URGENT, "lon": 121.55, "lat": 29.87, "org_code": STATION, **fields}
        (received,) = self.give(c.ReceiveIncident(**known))  # type: ignore[arg-type]
        assert received.incident_id is not None
        return received.incident_id

    def pushed(self, *unit_ids: str) -> str:
        """A new incident with these units pushed to it."""
        for unit_id in unit_ids:
            self.unit(unit_id)
        incident_id = self.incident()
        self.give(c.Push(incident_id=incident_id, unit_ids=unit_ids))
        return incident_id


def nobody(incident: Incident) -> str | None:
    return None


class Watch:
    """The deadline watch of a node: moves its clock and does what is due at the very instant it is due."""

    def __init__(self, node: Node, targets: Targets, next_nearest: Callable[[Incident], str | None] = nobody) -> None:
        self.node = node
        self.targets = targets
        self._next_nearest = next_nearest

    def pass_time(self, seconds: float) -> None:
        end = self.node.now + timedelta(seconds=seconds)
        self.tell()
        while (at := self._next_at()) is not None and at <= end:
            self.node.now = at
            self.tell()
        self.node.now = end

    def tell(self) -> None:
        """Everything that is due by now, and what becomes due by that."""
        while any([self._tell(incident) for incident in self.node.picture.open_incidents()]):
            pass

    def _tell(self, incident: Incident) -> bool:
        chain, now = CHAINS[incident.org_code], self.node.now
        commands: list[Command] = [
            miss_of(incident, notice, chain[notice.level]) for notice in notices(incident, self.targets, len(chain)) if notice.at <= now
        ]
        for sending in others_to_send(incident, self.targets):
            unit_id = self._next_nearest(incident) if sending.at <= now else None
            if unit_id is not None:
                because_of = sending.deadline.assignment_id
                commands.append(c.Repush(incident_id=incident.incident_id, unit_ids=(unit_id,), because_of=because_of))
        return any([self.node.give(command, WATCH) for command in commands])

    def _next_at(self) -> datetime | None:
        found = []
        for incident in self.node.picture.open_incidents():
            found += [notice.at for notice in notices(incident, self.targets, len(CHAINS[incident.org_code]))]
            found += [sending.at for sending in others_to_send(incident, self.targets)]
        return min((at for at in found if at > self.node.now), default=None)


def miss_of(incident: Incident, notice: Notice, org_code: str) -> c.MissDeadline:
    """The command by which the watch tells an organisation of a late step."""
    deadline = notice.deadline
    return c.MissDeadline(
        incident_id=incident.incident_id,
        step=deadline.step,
        round=deadline.round,
        level=notice.level,
        org_code=org_code,
        due_at=deadline.due_at,
        assignment_id=deadline.assignment_id,
        quiet=deadline.on_miss == OnMiss.SUPERVISE,
    )
