"""The one function that decides, for page, API, socket, tile, file and export: may this actor do this, see this?

Three questions, in this order: does the role have the action (`operations.access.permissions`), is it inside the actor's scope (reach
of its organisation today), and the rules of who sees what (plain clothes, complaints, callers). The default answer is no.
A thing that exists but may not be known is refused in the same words as a thing that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from functools import reduce
from operator import and_

import msgspec

from dispatch import commands as c
from dispatch.broadcasts import Broadcast
from dispatch.clock import Clock
from dispatch.duty_circles import KEPT_CREW, DutyCircle, Tier
from dispatch.duty_events import BroadcastEvent, DutyCircleEvent, DutyCircleSet, ElementRemoved, ElementWritten
from dispatch.errors import NotFound, NotPermitted
from dispatch.event_bases import OrganisationEvent, UnitEvent
from dispatch.events import PlaceWarned, Recorded, WarningLifted
from dispatch.evolve_after_action import AfterActionEvent
from dispatch.model import Actor, AssignmentStage, Incident, Note, Unit, UnitStatus
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from operations.access.permissions import GRANTS, IN_REPLAY, ON_BEHALF_ROLES, ROLES, Action, Role, is_granted

__all__ = ["GRANTS", "ROLES", "Action", "Authority", "Role", "as_enrolling", "as_replay", "as_wall", "within"]

# Incident types seen by supervision and the level above only (投诉), unless the city's code table names others.
CONFIDENTIAL_TYPES = frozenset({"complaint"})
CAMERA = "street_camera"  # element whose writing has an action of its own
ENROLLING = "enrolling"  # kind of an actor that may only set up its second factor
REPLAY = "replay"  # kind of an actor whose page shows the past: it looks and gives no command
WALL = "wall"  # kind of an actor that is a screen nobody sits at
BEFORE_FEEDBACK = frozenset({AssignmentStage.PUSHED, AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE, AssignmentStage.ON_SCENE})


def as_wall(actor: Actor) -> Actor:
    """The same scope seen by a wall: a viewer without plain clothes, callers and commands."""
    return msgspec.structs.replace(actor, role=Role.VIEWER.value, kind=WALL, unit_id=None)


def as_replay(actor: Actor) -> Actor:
    """The same scope looking at the past: everything that may be read, and no command."""
    return actor if actor.kind == WALL else msgspec.structs.replace(actor, kind=REPLAY)


def as_enrolling(actor: Actor) -> Actor:
    """Somebody who must set up a second factor first: of no role that the table knows, so nothing is granted."""
    return msgspec.structs.replace(actor, role="none", kind=ENROLLING, unit_id=None)


def within(actor: Actor, org_code: str) -> Actor:
    """The actor at the desk of an organisation: it sees and commands what lies both in its own scope and in that organisation's."""
    own = actor.own_org_code or actor.org_code
    return msgspec.structs.replace(actor, org_code=org_code, own_org_code=None if org_code == own else own)


def no_neighbours(org_code: str) -> frozenset[str]:
    return frozenset()


class Authority:
    """Decides. Holds no state of its own beside what it is given."""

    def __init__(
        self,
        organisations: OrganisationTree,
        clock: Clock,
        neighbour_orgs: Callable[[str], frozenset[str]] = no_neighbours,
        confidential_types: Collection[str] = CONFIDENTIAL_TYPES,
    ) -> None:
        self._organisations = organisations
        self._clock = clock
        # Organisations whose area begins within five minutes by road of the given one's (docs/decisions: an approximation).
        self._neighbour_orgs = neighbour_orgs
        self._confidential_types = frozenset(confidential_types)

    # Scope ------------------------------------------------------------------------------------------------------------

    def authorise(self, actor: Actor, action: str, *, org_code: str | None = None) -> None:
        """Raises NotPermitted unless the role has the action and, when given, `org_code` lies in the actor's scope today."""
        if actor.kind == "system":  # deadlines, push, evidence store: made inside, never by a connection
            return
        if actor.kind == REPLAY and action not in IN_REPLAY:
            raise NotPermitted("in-replay", f"The page shows a moment of the past; go back to LIVE to {_said(action)}.")
        if not is_granted(actor.role, action):
            raise NotPermitted("role-not-permitted", f"The role {actor.role} may not {_said(action)}; ask someone whose role may.")
        if org_code is not None and not self.in_scope(actor, org_code):
            raise NotPermitted(
                "outside-scope", f"{org_code} is outside the scope {actor.org_code} of {actor.name}; ask the responsible organisation."
            )

    def can(self, actor: Actor, action: str) -> bool:
        """Whether `authorise` would let the action pass, somewhere in the actor's scope."""
        return actor.kind == "system" or (is_granted(actor.role, action) and (actor.kind != REPLAY or action in IN_REPLAY))

    def in_scope(self, actor: Actor, org_code: str) -> bool:
        return actor.kind == "system" or all(self._reaches(top, org_code) for top in _tops(actor))

    def at_desk_of(self, actor: Actor, code: str) -> Actor:
        """The actor `within` the organisation of a full or short code.

        Raises NotFound when there is no such organisation today, NotPermitted when it lies outside the actor's scope.
        """
        try:
            org_code = self._organisations.expand(code)
        except ValueError as error:
            raise NotFound("unknown-organisation", f"There is no such organisation: {error}.") from None
        if self._organisations.get(org_code, self._today()) is None:
            raise NotFound("unknown-organisation", f"The organisation {org_code} is not in force today; use the one that took its place.")
        self.authorise(actor, Action.SEE_PICTURE, org_code=org_code)
        return within(actor, org_code)

    def visible_orgs(self, actor: Actor) -> frozenset[str]:
        """Organisations whose incidents and persons the actor may read, ended ones under their last parent included."""
        if not self.can(actor, Action.SEE_PICTURE):
            return frozenset()
        tops = (self._organisations.city.code,) if actor.kind == "system" else _tops(actor)
        return reduce(and_, (self._organisations.reach(top, self._today(), with_ended=True) for top in tops))

    # Who sees what ----------------------------------------------------------------------------------------------------

    def may_see_incident(self, actor: Actor, incident: Incident, picture: OperatingPicture | None = None) -> bool:
        """Own scope; the incident one's own unit is on; with `picture` also those that units of one's scope are on."""
        if not self.can(actor, Action.SEE_PICTURE):
            return False
        if self.is_confidential(incident.incident_type):
            return self._may_see_complaint(actor, incident)
        visible = self.visible_orgs(actor)
        if incident.org_code in visible or (incident.is_open and incident.handover_to in visible):
            return True
        if actor.unit_id is not None and any(a.unit_id == actor.unit_id for a in incident.active_assignments):
            return True
        if picture is None:
            return False
        units = (picture.units.get(a.unit_id) for a in incident.active_assignments)
        return any(unit is not None and unit.org_code in visible for unit in units)

    def may_see_unit(self, actor: Actor, unit: Unit, picture: OperatingPicture) -> bool:
        """Own scope; marked ones on duty also from neighbouring areas and on incidents the actor sees; plain clothes: see below."""
        if not self.can(actor, Action.SEE_PICTURE):
            return False
        if not unit.marked:
            return self._may_see_plain_clothes(actor, unit)
        if unit.org_code in self.visible_orgs(actor):
            return True
        if unit.status == UnitStatus.OUT_OF_SERVICE:
            return False
        if all(unit.org_code in self._neighbour_orgs(top) or self._reaches(top, unit.org_code) for top in _tops(actor)):
            return True
        incident = picture.incidents.get(unit.incident_id) if unit.incident_id is not None else None
        return incident is not None and self.may_see_incident(actor, incident, picture)

    def may_see_crew(self, actor: Actor, unit: Unit) -> bool:
        """Of a unit that may be seen: also its members, trackers and radio group. Own scope, and the crew itself."""
        return self.can(actor, Action.SEE_PICTURE) and (unit.unit_id == actor.unit_id or self.in_scope(actor, unit.org_code))

    def may_see_track(self, actor: Actor, unit: Unit, picture: OperatingPicture) -> bool:
        """Where a unit has been: own scope only, unlike where a neighbour's is; plain clothes as everywhere; never a wall."""
        if actor.kind == WALL or not self.can(actor, Action.SEE_TRACKS) or unit.org_code not in self.visible_orgs(actor):
            return False
        return self.may_see_unit(actor, unit, picture)

    def may_see_duty(self, actor: Actor, org_code: str) -> bool:
        """Shifts, rosters and musters of an organisation: names of people, so own scope only and never a wall."""
        return actor.kind != WALL and org_code in self.visible_orgs(actor)

    def authorise_duty(self, actor: Actor, org_code: str) -> None:
        """Raises NotPermitted unless the actor may see who is on duty there."""
        self.authorise(actor, Action.SEE_PICTURE, org_code=org_code)
        if not self.may_see_duty(actor, org_code):
            raise NotPermitted("role-not-permitted", "Who is on duty is not shown on a wall; ask at a desk.")

    def speaks_for(self, actor: Actor, unit: Unit, picture: OperatingPicture) -> bool:
        """Whether a terminal's link is the unit's: its own, or that of a gateway whose scope it is in and which may know of it."""
        if actor.unit_id is not None:
            return actor.unit_id == unit.unit_id
        return self.in_scope(actor, unit.org_code) and self.may_see_unit(actor, unit, picture)

    def visible_units(self, actor: Actor, picture: OperatingPicture) -> frozenset[str]:
        """Ids of all units the actor may see."""
        return frozenset(unit.unit_id for unit in picture.units.values() if self.may_see_unit(actor, unit, picture))

    def incident_for(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> Incident:
        """The incident as the actor may see it: without assignments of plain-clothes units hidden from it, and their deadlines."""
        if incident.after_action is not None and not self.can(actor, Action.SEE_AFTER_ACTION):
            incident = msgspec.structs.replace(incident, after_action=None)
        if incident.help_for and self.hides_unit(actor, incident.help_for, picture):
            incident = msgspec.structs.replace(incident, help_for="")
        kept = tuple(a for a in incident.assignments if not self.hides_unit(actor, a.unit_id, picture))
        if len(kept) == len(incident.assignments):
            return incident
        hidden = {a.unit_id for a in incident.assignments} - {a.unit_id for a in kept}
        shown = {"", *(a.assignment_id for a in kept)}
        taken, left = incident.misses[: incident.alarm_taken], incident.misses[incident.alarm_taken :]
        taken, left = (tuple(miss for miss in misses if miss.assignment_id in shown) for misses in (taken, left))
        return msgspec.structs.replace(
            incident,
            assignments=tuple(a if a.because_of in shown else msgspec.structs.replace(a, because_of="") for a in kept),
            lead_id=incident.lead_id if incident.lead_id in shown else "",
            misses=(*taken, *left),
            alarm_taken=len(taken),
            notes=tuple(_without(hidden, one) for one in incident.notes if not hidden & {one.by_unit, *one.to_units}),
            repush_stopped=tuple(one for one in incident.repush_stopped if one in shown),
        )

    def may_see_broadcast(self, actor: Actor, broadcast: Broadcast) -> bool:
        """Desks it went to, and those whose scope its sender is in. A crew is told of its own on its terminal."""
        if not self.can(actor, Action.READ_BROADCAST) or actor.unit_id is not None or actor.role == Role.OFFICER:
            return False
        return actor.org_code in broadcast.desks or self.oversees_broadcast(actor, broadcast)

    def oversees_broadcast(self, actor: Actor, broadcast: Broadcast) -> bool:
        """Whether the actor may know who has it and who has read it: whoever could recall it."""
        return self.can(actor, Action.RECALL_BROADCAST) and self.in_scope(actor, broadcast.sent_by_org)

    def may_see_event(self, actor: Actor, recorded: Recorded, picture: OperatingPicture, incident: Incident | None = None) -> bool:
        """Whether a journal event may reach the actor. `incident` is its incident when the picture no longer holds it."""
        body = recorded.body
        if isinstance(body, ElementWritten | ElementRemoved):
            return self.can(actor, Action.SEE_ELEMENTS)
        if isinstance(body, PlaceWarned | WarningLifted) and not self.can(actor, Action.SEE_WARNINGS):
            return False
        if isinstance(body, AfterActionEvent) and not self.can(actor, Action.SEE_AFTER_ACTION):
            return False
        if isinstance(body, DutyCircleEvent):
            return self._may_see_circle_event(actor, body)
        if isinstance(body, BroadcastEvent):
            broadcast = picture.broadcasts.get(body.broadcast_id)
            recipient = getattr(body, "recipient", "")
            return broadcast is not None and self.oversees_broadcast(actor, broadcast) and not self.hides_unit(actor, recipient, picture)
        unit_id = getattr(body, "unit_id", None)
        if isinstance(body, OrganisationEvent):
            return self.may_see_duty(actor, body.org_code) and not (unit_id is not None and self.hides_unit(actor, unit_id, picture))
        if isinstance(body, UnitEvent):
            unit = picture.units.get(body.unit_id)
            return unit is not None and self.may_see_unit(actor, unit, picture)
        # Whom it was said on behalf of may be a unit as well: that of a panic button, that of a stage entered at the desk;
        # and whom a note is from, or for.
        named = (unit_id, recorded.on_behalf_of, getattr(body, "by_unit", None), *getattr(body, "to_units", ()))
        if any(name is not None and self.hides_unit(actor, name, picture) for name in named):
            return False
        if recorded.incident_id is not None:
            incident = picture.incidents.get(recorded.incident_id, incident)
        if incident is None or not self.may_see_incident(actor, incident, picture):
            return False
        # Some events name their unit by its assignment only.
        assignment_id = getattr(body, "assignment_id", None)
        return not any(a.assignment_id == assignment_id and self.hides_unit(actor, a.unit_id, picture) for a in incident.assignments)

    def may_see_warnings(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> bool:
        """What crews are warned of at the incident's place: for desks that see the incident. A crew is told with its push."""
        return self.can(actor, Action.SEE_WARNINGS) and actor.kind != WALL and self.may_see_incident(actor, incident, picture)

    def sees_circles(self, actor: Actor) -> bool:
        """Whether the actor may see duty circles at all; which, `may_see_circle` says."""
        return self.can(actor, Action.SEE_DUTY_CIRCLES) and actor.kind != WALL

    def may_see_circle(self, actor: Actor, org_code: str, tiers: Collection[Tier] = ()) -> bool:
        """A duty circle of one's own scope, and one that counts on forces of it; a plan of who closes what is for desks, not for walls."""
        if not self.sees_circles(actor):
            return False
        visible = self.visible_orgs(actor)
        return org_code in visible or any(force.org_code in visible for tier in tiers for force in tier.forces)

    def _may_see_circle_event(self, actor: Actor, body: DutyCircleEvent) -> bool:
        return self.may_see_circle(actor, getattr(body, "org_code", ""), body.tiers if isinstance(body, DutyCircleSet) else ())

    def is_confidential(self, incident_type: str) -> bool:
        """Whether incidents of this type are seen by supervision and the level above only."""
        return incident_type in self._confidential_types

    def caller_for(self, actor: Actor, incident: Incident, caller: c.Caller | None) -> c.Caller | None:
        """The caller as the actor may see it: whole for the desk and, until its feedback, the crew; masked for others; never on a wall."""
        if caller is None or actor.kind == WALL or not self.may_see_incident(actor, incident):
            return None
        if self.can(actor, Action.SEE_CALLER) and self.in_scope(actor, incident.org_code):
            return caller
        own = incident.assignment_of(actor.unit_id) if actor.unit_id is not None else None
        if own is not None and own.stage in BEFORE_FEEDBACK:
            return caller
        return c.Caller(name=_mask_name(caller.name), number=_mask_number(caller.number))

    def _may_see_complaint(self, actor: Actor, incident: Incident) -> bool:
        """Supervision of the scope, and desks of a level above; never a crew, which may be the one complained of."""
        if actor.kind == "system":
            return True
        return incident.org_code in self.visible_orgs(actor) and self.may_count_complaints(actor, incident.org_code)

    def may_count_complaints(self, actor: Actor, org_code: str) -> bool:
        """Of an organisation the actor may read: whether complaints are in what it sees and counts."""
        if actor.kind == "system":
            return True
        if actor.kind == WALL:
            return False
        needed = (Action.SEE_COMPLAINTS if org_code == top else Action.SEE_COMPLAINTS_BELOW for top in _tops(actor))
        return all(is_granted(actor.role, action) for action in needed)

    def _may_see_plain_clothes(self, actor: Actor, unit: Unit) -> bool:
        """Their own command and the city, never a wall; a crew sees itself."""
        if actor.kind == WALL or not self.can(actor, Action.SEE_PICTURE):
            return False
        if actor.unit_id is not None:
            return actor.unit_id == unit.unit_id
        return actor.kind == "system" or all(top in (unit.org_code, self._organisations.city.code) for top in _tops(actor))

    def hides_unit(self, actor: Actor, unit_id: str, picture: OperatingPicture) -> bool:
        """Whether the unit is plain clothes that the actor may not know of, wherever its id would appear."""
        unit = picture.units.get(unit_id)
        return unit is not None and not unit.marked and not self._may_see_plain_clothes(actor, unit)

    def knows_unit(self, actor: Actor, unit_id: str, picture: OperatingPicture) -> bool:
        """Whether there is such a unit, as far as the actor may know."""
        return unit_id in picture.units and not self.hides_unit(actor, unit_id, picture)

    # Commands ---------------------------------------------------------------------------------------------------------

    def authorise_command(self, actor: Actor, command: c.Command, picture: OperatingPicture, incident: Incident | None = None) -> None:
        """Raises NotPermitted or NotFound unless the actor may give the command.

        `incident` is the one named when the picture no longer holds it. Call it again when enrichment has set `org_code`.
        """
        if actor.kind == "system":
            return
        if actor.kind == REPLAY:  # also what goes by the name of something that may be looked at
            raise NotPermitted("in-replay", f"The page shows a moment of the past; go back to LIVE to {_said(command_name(command))}.")
        self.authorise(actor, command_name(command))
        if command.on_behalf_of is not None and actor.role not in ON_BEHALF_ROLES:
            raise NotPermitted("role-not-permitted", f"The role {actor.role} may not act on behalf of others; leave on_behalf_of out.")
        match command:
            case c.ReceiveIncident(org_code=str(org_code)):
                self.authorise(actor, Action.RECEIVE, org_code=org_code)
            case c.RegisterUnit(unit_id=unit_id, org_code=org_code):
                self.authorise(actor, Action.REGISTER_UNIT, org_code=org_code)
                self._authorise_units(actor, Action.REGISTER_UNIT, (unit_id,) if unit_id in picture.units else (), picture)
            case c.SetUnitStatus(unit_id=unit_id):
                self._authorise_units(actor, Action.SET_UNIT_STATUS, (unit_id,), picture)
            case c.WriteElement() | c.RemoveElement() if command.element == CAMERA:
                self.authorise(actor, Action.REGISTER_CAMERA)  # whose a camera is, and so who turns it, is written with it
            case c.SetDutyCircle() | c.WithdrawDutyCircle():
                self._authorise_circle(actor, command, picture)
            case c.SendBroadcast() | c.RecallBroadcast() | c.MarkBroadcastDelivered() | c.ReadBroadcast():
                self._authorise_broadcast(actor, command, picture)
            case c.IncidentCommand(incident_id=incident_id):
                self._authorise_incident_command(actor, command, picture, picture.incidents.get(incident_id, incident))
            case _:
                self._authorise_duty(actor, command, picture)

    def _authorise_duty(self, actor: Actor, command: c.Command, picture: OperatingPicture) -> None:
        match command:
            case c.SignOn(unit_id=unit_id) | c.SignOff(unit_id=unit_id) | c.AnswerMuster(unit_id=unit_id):
                self._authorise_units(actor, command_name(command), (unit_id,), picture)
            case c.MusterReserves(org_code=org_code, unit_ids=unit_ids):
                self.authorise(actor, Action.MUSTER_RESERVES, org_code=org_code)
                self._authorise_units(actor, Action.MUSTER_RESERVES, unit_ids, picture)
            case c.EndMuster(muster_id=muster_id):
                muster = picture.musters.get(muster_id)
                if muster is None or muster.org_code not in self.visible_orgs(actor):
                    raise NotFound("unknown-muster", f"There is no muster {muster_id}, or it ended days ago; check the id.")
                self.authorise(actor, Action.END_MUSTER, org_code=muster.org_code)
            case c.PlanShift(org_code=org_code) | c.CancelShift(org_code=org_code) | c.SignShiftHandover(org_code=org_code):
                self.authorise(actor, command_name(command), org_code=org_code)

    def _authorise_circle(self, actor: Actor, command: c.AnyCircleCommand, picture: OperatingPicture) -> None:
        """Whoever commands for its organisation, as it was and as it is to be; crews at its gates must be ones the actor may know of."""
        known: DutyCircle | None = picture.duty_circles.get(command.circle_id)
        if known is not None and not self.may_see_circle(actor, known.org_code, known.tiers):
            raise NotFound("unknown-circle", f"There is no duty circle {command.circle_id} that you may change; choose another id.")
        codes = {known.org_code} if known is not None else set()
        if isinstance(command, c.SetDutyCircle):
            codes.add(self._expanded(command.org_code))
            for unit_id in (gate.unit_id for tier in command.tiers for gate in tier.gates if gate.unit_id not in ("", KEPT_CREW)):
                if not self.knows_unit(actor, unit_id, picture):
                    raise NotFound("unknown-unit", f"There is no unit {unit_id}; register it or check the id.")
        for org_code in sorted(codes):
            self.authorise(actor, command_name(command), org_code=org_code)

    def _authorise_broadcast(self, actor: Actor, command: c.AnyBroadcastCommand, picture: OperatingPicture) -> None:
        match command:
            case c.SendBroadcast(org_code=org_code):
                self.authorise(actor, Action.BROADCAST, org_code=self._expanded(org_code))
            case c.RecallBroadcast(broadcast_id=broadcast_id):
                broadcast = picture.broadcasts.get(broadcast_id)
                if broadcast is None or not self.may_see_broadcast(actor, broadcast):
                    raise NotFound("unknown-broadcast", f"There is no broadcast {broadcast_id}; look at the ones there are.")
                self.authorise(actor, Action.RECALL_BROADCAST, org_code=broadcast.sent_by_org)
            case c.MarkBroadcastDelivered(recipient=recipient) | c.ReadBroadcast(recipient=recipient):
                self._authorise_recipient(actor, command, recipient, picture)

    def _authorise_recipient(self, actor: Actor, command: c.Command, recipient: str, picture: OperatingPicture) -> None:
        """A crew says it for itself, a gateway for the crews it speaks for, a desk for an organisation of its scope."""
        if actor.role == Role.OFFICER:
            self._authorise_units(actor, command_name(command), (recipient,), picture)
        else:
            self.authorise(actor, command_name(command), org_code=recipient)

    def _expanded(self, code: str) -> str:
        try:
            return self._organisations.expand(code)
        except ValueError as error:
            raise NotFound("unknown-organisation", f"There is no such organisation: {error}.") from None

    def _authorise_incident_command(
        self, actor: Actor, command: c.IncidentCommand, picture: OperatingPicture, incident: Incident | None
    ) -> None:
        if incident is None or not (self.may_see_incident(actor, incident, picture) or _hands_in_late(actor, command, incident)):
            raise NotFound("unknown-incident", f"There is no incident {command.incident_id}; check the id.")
        action = command_name(command)
        if isinstance(command, c.AcceptHandover | c.RefuseHandover) and incident.handover_to:
            self.authorise(actor, action, org_code=incident.handover_to)  # those it was offered to answer, not its owner
        elif actor.role == Role.OFFICER:
            self._authorise_crew(actor, action, _named_units(command), incident, picture)
        elif isinstance(command, c.UnitCommand) and command.unit_ids and not self.in_scope(actor, incident.org_code):
            # A shared incident: a desk speaks for its own crews on it, and for nothing else.
            self._authorise_units(actor, action, command.unit_ids, picture)
        else:
            self.authorise(actor, action, org_code=incident.org_code)
            self._authorise_to_know(actor, (*_named_units(command), command.on_behalf_of or ""), picture)
            if isinstance(command, c.Push | c.Reinforce | c.Reassign):
                self._authorise_units(actor, action, command.unit_ids, picture)
            if isinstance(command, c.LiftWarning) and command.warning_id in picture.warnings:
                self.authorise(actor, action, org_code=picture.warnings[command.warning_id].org_code)
            if isinstance(command, c.Merge | c.TellApart):
                self._authorise_target(actor, action, command.into if isinstance(command, c.Merge) else command.other, picture)

    def _authorise_to_know(self, actor: Actor, unit_ids: Collection[str], picture: OperatingPicture) -> None:
        """Who may not know of a plain-clothes unit can't speak of it either, though its id be known and the incident its own."""
        hidden = next((unit_id for unit_id in unit_ids if self.hides_unit(actor, unit_id, picture)), None)
        if hidden is not None:
            raise NotFound("unknown-unit", f"There is no unit {hidden}; register it or check the id.")

    def _authorise_target(self, actor: Actor, action: str, incident_id: str, picture: OperatingPicture) -> None:
        """The other incident of a merger, or of two told apart, must be the actor's to command as well."""
        into = picture.incidents.get(incident_id)
        if into is None or not self.may_see_incident(actor, into, picture):
            raise NotFound("unknown-incident", f"There is no incident {incident_id}; check the id.")
        self.authorise(actor, action, org_code=into.org_code)

    def _authorise_crew(self, actor: Actor, action: str, named: tuple[str, ...], incident: Incident, picture: OperatingPicture) -> None:
        """An officer speaks for its own unit on an incident it was pushed to; a terminal gateway for the units it names."""
        if actor.unit_id is None and actor.kind == "token" and not named:
            raise NotPermitted("no-unit", f"The terminal gateway {actor.name} must name the unit it speaks for; fill in unit_ids.")
        own = (actor.unit_id,) if actor.unit_id is not None and not named else named
        self._authorise_units(actor, action, own, picture)
        for unit_id in own:
            if incident.assignment_of(unit_id) is None:
                raise NotPermitted("not-assigned", f"Unit {unit_id} is not on incident {incident.number}; only its crews may {action}.")

    def _authorise_units(self, actor: Actor, action: str, unit_ids: tuple[str, ...], picture: OperatingPicture) -> None:
        if actor.role == Role.OFFICER and actor.kind != "token" and actor.unit_id is None:
            raise NotPermitted("no-unit", f"{actor.name} has no unit; bind the account to one.")
        for unit_id in unit_ids:
            if actor.unit_id is not None and unit_id != actor.unit_id:
                raise NotPermitted("not-own-unit", f"{actor.name} speaks for unit {actor.unit_id} only; name no other.")
            unit = picture.units.get(unit_id)
            # A feed reads nothing, so for it the scope alone decides.
            if unit is None or not (actor.role == Role.FEED or self.may_see_unit(actor, unit, picture)):
                raise NotFound("unknown-unit", f"There is no unit {unit_id}; register it or check the id.")
            if unit_id != actor.unit_id:
                self.authorise(actor, action, org_code=unit.org_code)

    def _reaches(self, top: str, org_code: str) -> bool:
        return org_code in self._organisations.reach(top, self._today())

    def _today(self) -> date:
        return self._clock.now().date()


def _tops(actor: Actor) -> tuple[str, ...]:
    """The organisations whose reach bounds the actor's scope: each rule must hold for all of them."""
    return (actor.org_code,) if actor.own_org_code is None else (actor.org_code, actor.own_org_code)


def command_name(command: c.Command) -> str:
    """The command's name in the API, which is also its action."""
    return str(type(command).__struct_config__.tag)


def _said(action: str) -> str:
    """In a sentence for people: `see_kpis` is a name for programs."""
    return action.replace("_", " ")


def _hands_in_late(actor: Actor, command: c.IncidentCommand, incident: Incident) -> bool:
    """A crew's phone was without a network and its photos come when the crew is no longer on the incident."""
    return isinstance(command, c.AddUpload) and actor.unit_id is not None and incident.assignment_of(actor.unit_id) is not None


def _named_units(command: c.IncidentCommand) -> tuple[str, ...]:
    if isinstance(command, c.AddUpload):
        return () if command.unit_id is None else (command.unit_id,)
    return command.unit_ids if isinstance(command, c.UnitCommand) else ()


def _without(hidden: Collection[str], note: Note) -> Note:
    return msgspec.structs.replace(note, reads=tuple(read for read in note.reads if read.reader not in hidden))


def _mask_number(number: str) -> str:
    """`138****5678`; short numbers keep their last two digits only."""
    if len(number) >= 8:
        return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}"
    return "*" * max(len(number) - 2, 0) + number[-2:] if len(number) > 2 else "*" * len(number)


def _mask_name(name: str) -> str:
    return name[:1] + "*" * (len(name) - 1)
