"""What a command leads to: events, or a refusal that names the value and the remedy. Pure.

`RULES` is the whole of it: which guards must hold for which command, in this order, and which rule then makes the events.
An empty answer means that what was asked for is already so: every command may be sent twice with one effect.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from dispatch import commands
from dispatch.commands import Command, IncidentCommand
from dispatch.events import AnyEvent
from dispatch.model import Actor, Incident
from dispatch.picture import OperatingPicture, source_key
from dispatch.rules import (
    after_action,
    assignments,
    broadcasts,
    claims,
    corrections,
    duty,
    duty_circles,
    incidents,
    moments,
    notes,
    units,
    warnings,
)
from dispatch.rules.case import Case
from dispatch.rules.guards import (
    incident_known,
    incident_open,
    names_given,
    point_sound,
    reviewed_first,
    strings_sound,
    text_given,
    time_plausible,
    unit_known,
    units_free,
    units_known,
    units_named,
    version_matches,
)


class Rule(NamedTuple):
    """How one command is answered."""

    guards: tuple[Callable[[Case[Any]], None], ...]
    then: Callable[[Case[Any]], tuple[AnyEvent, ...]]


SOUND = (strings_sound, names_given)
ANY = (*SOUND, incident_known, version_matches, time_plausible)
OPEN = (*ANY, incident_open)
SEND = (*OPEN, units_named, units_known, duty.units_on_duty, units_free)

RULES: dict[type[Command], Rule] = {
    commands.ReceiveIncident: Rule((*SOUND, point_sound, time_plausible), incidents.receive),
    commands.Classify: Rule(OPEN, incidents.classify),
    commands.Locate: Rule((*OPEN, point_sound), incidents.locate),
    commands.Push: Rule(SEND, assignments.push),
    commands.Reinforce: Rule(SEND, assignments.reinforce),
    commands.Reassign: Rule(SEND, assignments.reassign),
    commands.Repush: Rule(SEND, assignments.repush),
    commands.StopRepush: Rule(OPEN, assignments.stop_repush),
    commands.CallService: Rule(OPEN, assignments.call_service),
    commands.NameLead: Rule(OPEN, assignments.name_lead),
    commands.Recall: Rule(OPEN, assignments.recall),
    commands.MarkDelivered: Rule(ANY, assignments.delivered),
    commands.MarkSeen: Rule(ANY, assignments.seen),
    commands.Acknowledge: Rule(OPEN, assignments.acknowledge),
    commands.Refuse: Rule((*OPEN, text_given), assignments.refuse),
    commands.Depart: Rule(OPEN, assignments.depart),
    commands.Arrive: Rule(OPEN, assignments.arrive),
    commands.CheckIn: Rule(OPEN, assignments.check_in),
    commands.CorrectStage: Rule((*ANY, text_given), corrections.correct_stage),
    commands.Feedback: Rule(OPEN, assignments.feedback),
    commands.Clear: Rule(OPEN, assignments.clear),
    commands.Review: Rule(OPEN, incidents.review),
    commands.Return: Rule((*OPEN, text_given), incidents.return_),
    commands.Close: Rule((*ANY, reviewed_first), incidents.close),
    commands.Divert: Rule(ANY, incidents.divert),
    commands.MarkInvalid: Rule(ANY, incidents.mark_invalid),
    commands.Cancel: Rule(ANY, incidents.cancel),
    commands.Reopen: Rule((*ANY, text_given), incidents.reopen),
    commands.CallBack: Rule((*ANY, text_given), incidents.call_back),
    commands.Merge: Rule(ANY, incidents.merge),
    commands.TellApart: Rule(OPEN, incidents.tell_apart),
    commands.Split: Rule((*OPEN, point_sound, text_given), incidents.split),
    commands.Escalate: Rule((*OPEN, text_given), incidents.escalate),
    commands.OfferHandover: Rule(OPEN, incidents.offer_handover),
    commands.AcceptHandover: Rule(OPEN, incidents.accept_handover),
    commands.RefuseHandover: Rule((*OPEN, text_given), incidents.refuse_handover),
    commands.MissDeadline: Rule(ANY, incidents.miss_deadline),
    commands.TakeAlarm: Rule(OPEN, incidents.take_alarm),
    commands.ClaimIncident: Rule(OPEN, claims.claim),
    commands.ReleaseClaim: Rule(ANY, claims.release_claim),
    commands.WarnPlace: Rule((*ANY, text_given), warnings.warn_place),
    commands.LiftWarning: Rule((*ANY, text_given), warnings.lift_warning),
    commands.Note: Rule((*ANY, text_given), notes.note),
    commands.ReadNote: Rule(ANY, notes.read_note),
    commands.Comment: Rule((*ANY, text_given), after_action.comment),
    commands.AddFinding: Rule((*ANY, text_given), after_action.add_finding),
    commands.SignAfterAction: Rule(ANY, after_action.sign_after_action),
    commands.ReviseAfterAction: Rule((*ANY, text_given), after_action.revise_after_action),
    commands.AddUpload: Rule(ANY, incidents.add_upload),
    commands.BookmarkMoment: Rule(ANY, moments.bookmark),
    commands.MissClip: Rule(ANY, moments.miss_clip),
    commands.RegisterUnit: Rule((*SOUND, time_plausible), units.register_unit),
    commands.SetUnitStatus: Rule((*SOUND, unit_known, time_plausible, duty.not_off_duty), units.set_unit_status),
    commands.SignOn: Rule((*SOUND, unit_known, time_plausible), duty.sign_on),
    commands.SignOff: Rule((*SOUND, unit_known, time_plausible), duty.sign_off),
    commands.TellDuty: Rule(SOUND, duty.tell_duty),
    commands.PlanShift: Rule(SOUND, duty.plan_shift),
    commands.CancelShift: Rule(SOUND, duty.cancel_shift),
    commands.MusterReserves: Rule((*SOUND, text_given, units_known), duty.muster_reserves),
    commands.AnswerMuster: Rule((*SOUND, unit_known, time_plausible), duty.answer_muster),
    commands.EndMuster: Rule(SOUND, duty.end_muster),
    commands.SignShiftHandover: Rule(SOUND, duty.sign_shift_handover),
    commands.SendBroadcast: Rule((*SOUND, text_given, time_plausible, broadcasts.broadcast_sound), broadcasts.send),
    commands.RecallBroadcast: Rule((*SOUND, time_plausible), broadcasts.recall),
    commands.MarkBroadcastDelivered: Rule((*SOUND, time_plausible), broadcasts.delivered),
    commands.ReadBroadcast: Rule((*SOUND, time_plausible), broadcasts.read),
    commands.SetDutyCircle: Rule((*SOUND, point_sound, time_plausible, duty_circles.circle_sound), duty_circles.set_duty_circle),
    commands.WithdrawDutyCircle: Rule((*SOUND, text_given, time_plausible), duty_circles.withdraw_duty_circle),
    commands.WriteElement: Rule((*SOUND, point_sound, time_plausible), units.write_element),
    commands.RemoveElement: Rule((*SOUND, time_plausible), units.remove_element),
}


def decide(
    picture: OperatingPicture,
    command: Command,
    actor: Actor,
    now: datetime,
    new_id: Callable[[], str],
    incident: Incident | None = None,
) -> tuple[AnyEvent, ...]:
    """The events `command` leads to at `now`; empty when it is already so.

    `incident` is given when the picture no longer holds the incident the command is about (one that ended long ago).
    Raises DispatchError.
    """
    rule = RULES[type(command)]
    case = Case(picture, command, actor, now, new_id, incident_of(picture, command) or incident)
    for guard in rule.guards:
        guard(case)
    return rule.then(case)


def incident_of(picture: OperatingPicture, command: Command) -> Incident | None:
    """The incident in the picture that the command is about, if any; for a reception the one received before.

    For a crew's call for help that is its open one.
    """
    if isinstance(command, IncidentCommand):
        return picture.incidents.get(command.incident_id)
    if isinstance(command, commands.ReceiveIncident):
        key = source_key(command.source, command.source_id)
        known = None if key is None else picture.incidents.get(picture.incident_by_source.get(key, ""))
        return known or incidents.open_call_for_help(picture, command)
    return None
