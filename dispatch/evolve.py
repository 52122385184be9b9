"""The fold: what the picture is after one more event. Never raises: an event has happened, whatever one thinks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from dispatch import picture as pictures
from dispatch.broadcasts import Broadcast
from dispatch.duty_circles import DutyCircle
from dispatch.duty_events import BroadcastEvent, DutyBegan, DutyCircleEvent, DutyEnded, ElementRemoved, ElementWritten, UnitRegistered
from dispatch.event_bases import IncidentEvent, OrganisationEvent, UnitEvent
from dispatch.events import IncidentReceived, PlaceWarned, Recorded, WarningLifted
from dispatch.evolve_broadcasts import evolve_broadcasts
from dispatch.evolve_duty import evolve_duty, evolve_unit, status_when_free
from dispatch.evolve_duty_circles import evolve_duty_circles
from dispatch.evolve_incident import evolve_incident
from dispatch.evolve_moments import evolve_moments
from dispatch.model import AssignmentStage, Element, Incident, PlaceWarning, Unit, UnitStatus
from dispatch.moments import Moment
from dispatch.picture import OperatingPicture, source_key
from dispatch.shifts import Muster, Shift

STATUS_BY_ASSIGNMENT_STAGE = {
    AssignmentStage.PUSHED: UnitStatus.DISPATCHED,
    AssignmentStage.ACKNOWLEDGED: UnitStatus.DISPATCHED,
    AssignmentStage.EN_ROUTE: UnitStatus.EN_ROUTE,
    AssignmentStage.ON_SCENE: UnitStatus.ON_SCENE,
    AssignmentStage.FEEDBACK: UnitStatus.COMMITTED_DEPLOYABLE,
}

# Reads an incident that the picture no longer holds, as it was before the revision named; None when there is none.
Loader = Callable[[str, int], Incident | None]


def evolve(picture: OperatingPicture, recorded: Recorded, incident: Incident | None = None) -> OperatingPicture:
    """The picture after `recorded`. `incident` is the event's incident before it, for one the picture no longer holds."""
    draft = _Draft(picture)
    draft.apply(recorded, incident)
    return draft.frozen()


def fold(picture: OperatingPicture, events: Iterable[Recorded], load: Loader | None = None) -> OperatingPicture:
    """The picture after all of `events`, in order. `load` is asked for incidents that the picture no longer holds."""
    draft = _Draft(picture)
    for recorded in events:
        before = None
        if load is not None and isinstance(recorded.body, IncidentEvent) and not isinstance(recorded.body, IncidentReceived):
            held = draft.incidents.get(recorded.body.incident_id)
            before = held or load(recorded.body.incident_id, recorded.revision)
        draft.apply(recorded, before)
    return draft.frozen()


class _Draft:
    """A picture being changed: each dictionary is copied once, when it is first written to."""

    def __init__(self, picture: OperatingPicture) -> None:
        for name in OperatingPicture.__struct_fields__:
            setattr(self, name, getattr(picture, name))
        self._own: set[str] = set()  # names of the dictionaries that are already copies

    next_number: int
    incidents: dict[str, Incident]
    units: dict[str, Unit]
    ended_order: tuple[str, ...]
    elements: dict[str, dict[str, Element]]
    shifts: dict[str, tuple[Shift, ...]]
    musters: dict[str, Muster]
    warnings: dict[str, PlaceWarning]
    broadcasts: dict[str, Broadcast]
    duty_circles: dict[str, DutyCircle]
    moments: dict[str, Moment]

    def frozen(self) -> OperatingPicture:
        return OperatingPicture(*(getattr(self, name) for name in OperatingPicture.__struct_fields__))

    def writable(self, name: str) -> dict[str, Any]:
        if name not in self._own:
            setattr(self, name, dict(getattr(self, name)))
            self._own.add(name)
        own: dict[str, Any] = getattr(self, name)
        return own

    def _writable_element(self, element: str) -> dict[str, Element]:
        if f"elements {element}" not in self._own:
            self.writable("elements")[element] = dict(self.elements.get(element, {}))
            self._own.add(f"elements {element}")
        return self.elements[element]

    def apply(self, recorded: Recorded, incident: Incident | None) -> None:
        body = recorded.body
        self.revision = recorded.revision
        self.last_hash = recorded.hash
        if isinstance(body, IncidentEvent):
            self._apply_to_incident(recorded, self.incidents.get(body.incident_id) or incident)
            if isinstance(body, PlaceWarned):
                self._warn(recorded, body)
            elif isinstance(body, WarningLifted):
                self.writable("warnings").pop(body.warning_id, None)
            self.moments = evolve_moments(self.moments, recorded, body)
        elif isinstance(body, UnitRegistered):
            self._register(recorded, body)
        elif isinstance(body, UnitEvent):
            unit = self.units.get(body.unit_id)
            if unit is not None:
                changed = evolve_unit(unit, recorded)
                self.writable("units")[body.unit_id] = changed
                if isinstance(body, DutyBegan | DutyEnded):
                    self._hand_trackers(unit, changed)
        elif isinstance(body, OrganisationEvent):
            for name, after in evolve_duty(self.shifts, self.musters, recorded).items():
                setattr(self, name, after)
        else:
            self._apply_to_desks(recorded)

    def _apply_to_desks(self, recorded: Recorded) -> None:
        """What is of no incident, no unit and no roster."""
        body = recorded.body
        if isinstance(body, BroadcastEvent):
            self.broadcasts = evolve_broadcasts(self.broadcasts, recorded, body)
        elif isinstance(body, DutyCircleEvent):
            self.duty_circles = evolve_duty_circles(self.duty_circles, recorded, body)
        elif isinstance(body, ElementWritten):
            written = Element(body.element, body.element_id, body.lon, body.lat, recorded.occurred_at, body.properties)
            self._writable_element(body.element)[body.element_id] = written
        elif isinstance(body, ElementRemoved):
            gone = Element(body.element, body.element_id, 0.0, 0.0, recorded.occurred_at, removed=True)
            self._writable_element(body.element)[body.element_id] = gone

    def _apply_to_incident(self, recorded: Recorded, before: Incident | None) -> None:
        after = evolve_incident(before, recorded)
        if after is None:
            return
        if isinstance(recorded.body, IncidentReceived):
            self.next_number = max(self.next_number, recorded.body.number + 1)
        self._keep(before, after)
        self._follow(before, after, recorded)

    def _keep(self, before: Incident | None, after: Incident) -> None:
        """Holds open incidents and a bounded number of ended ones."""
        id_ = after.incident_id
        if not after.is_open and id_ not in self.incidents:
            return  # an ended one that is not held any more: its row in the journal is kept up, not the picture
        self.writable("incidents")[id_] = after
        key = source_key(after.source, after.source_id)
        if key is not None:
            self.writable("incident_by_source")[key] = id_
        was_open = before is None or before.is_open
        if was_open and not after.is_open:
            self.ended_order = (*self.ended_order, id_)
        elif after.is_open and not was_open:
            self.ended_order = tuple(ended for ended in self.ended_order if ended != id_)
        while len(self.ended_order) > pictures.KEPT_ENDED:
            oldest, *rest = self.ended_order
            self.ended_order = tuple(rest)
            gone = self.writable("incidents").pop(oldest, None)
            gone_key = None if gone is None else source_key(gone.source, gone.source_id)
            if gone_key is not None:
                self.writable("incident_by_source").pop(gone_key, None)

    def _follow(self, before: Incident | None, after: Incident, recorded: Recorded) -> None:
        """Units follow their assignments: status and incident are derived, never set apart from them."""
        known = {} if before is None else {a.assignment_id: a for a in before.assignments}
        for assignment in after.assignments:
            unit = self.units.get(assignment.unit_id)
            earlier = known.get(assignment.assignment_id)
            is_moved = earlier is None or earlier.stage != assignment.stage
            if unit is None or assignment.service or not is_moved:
                continue
            if assignment.is_active:
                status, incident_id = STATUS_BY_ASSIGNMENT_STAGE[assignment.stage], after.incident_id
            elif unit.incident_id == after.incident_id:
                status, incident_id = status_when_free(unit), None
            else:
                continue
            since = unit.status_since if status == unit.status else recorded.occurred_at
            changed = msgspec.structs.replace(unit, status=status, status_since=since, incident_id=incident_id, task="")
            self.writable("units")[unit.unit_id] = changed

    def _warn(self, recorded: Recorded, body: PlaceWarned) -> None:
        """One more; those that had expired by then are forgotten, so that their number stays bounded."""
        fields = {name: getattr(body, name) for name in PlaceWarned.__struct_fields__}
        held = {id_: one for id_, one in self.warnings.items() if one.expires_at > recorded.recorded_at}
        self.warnings = held | {body.warning_id: PlaceWarning(**fields, set_by=recorded.actor, set_at=recorded.recorded_at)}
        self._own.add("warnings")

    def _register(self, recorded: Recorded, body: UnitRegistered) -> None:
        known = self.units.get(body.unit_id)
        told = {name: getattr(body, name) for name in UnitRegistered.__struct_fields__}
        if known is None:
            after = Unit(status=UnitStatus.AVAILABLE, status_since=recorded.occurred_at, **told)
        else:
            after = msgspec.structs.replace(known, **told)
        self.writable("units")[body.unit_id] = after
        self._hand_trackers(known, after)

    def _hand_trackers(self, before: Unit | None, after: Unit) -> None:
        """A tracker speaks for the crew that was given it last."""
        by_tracker = self.writable("unit_by_tracker")
        for tracker in () if before is None else before.crew.trackers:
            if by_tracker.get(tracker) == after.unit_id:
                del by_tracker[tracker]
        for tracker in after.crew.trackers:
            by_tracker[tracker] = after.unit_id
