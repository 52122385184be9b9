"""What is due on an incident and what waits for the desk: pushes that have not arrived, an offer, a re-push, alarms, countdowns.

Nothing is shown of what is in order. The client counts the seconds and shows what begins with an instant (`data-from`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from dash import html

from dashboard.layouts.actions import command_label
from dashboard.layouts.claim import claim_line
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import age_of, countdown, icon, press_button
from dispatch.deadlines import Deadline, alarms, deadlines, others_to_send, supervised
from dispatch.model import Assignment, AssignmentStage, Incident, Miss, Step
from operations.tracking.positions import distance_m

# A push is on a terminal within a second or two; after this long it has to be said by radio. As `client/src/clocks.js`.
UNDELIVERED_AFTER = timedelta(seconds=5)


def what_is_due(incident: Incident, facts: Facts) -> html.Div:
    """The lines between head and buttons, the most urgent first; empty when all is in order."""
    rows = [
        *_silent(incident, facts),
        *_undelivered(incident, facts),
        *_offer(incident, facts),
        *_repush(incident, facts),
        *_alarm(incident, facts),
        *claim_line(incident, facts),
        *_supervised(incident, facts),
        *_countdowns(incident, facts),
    ]
    return html.Div(rows, className="due-lines")


def _undelivered(incident: Incident, facts: Facts) -> list[html.Div]:
    """What nobody may miss: crews that do not know of their push, and how they are reached. Shown once one of them is to be called."""
    waiting = [one for one in incident.active_assignments if is_undelivered(one)]
    if not waiting:
        return []
    said = [html.Strong(facts.words("Not delivered: call by radio")), *(_to_be_called(one, facts) for one in waiting)]
    return [html.Div([icon("radio"), html.Div(said, className="said")], className="due-line undelivered", role="alert")]


def is_undelivered(assignment: Assignment) -> bool:
    """A push that no terminal has taken, so far; a crew that has answered by radio has it all the same."""
    return assignment.stage == AssignmentStage.PUSHED and assignment.delivered_at is None and not assignment.service


def _to_be_called(one: Assignment, facts: Facts) -> html.Span:
    words, unit = facts.words, facts.units.get(one.unit_id)
    group = unit.crew.radio_group if unit else ""
    since = one.pushed_at + UNDELIVERED_AFTER
    return html.Span(
        [
            html.B(facts.callsign(one.unit_id)),
            html.Span(words("radio group {group}", group=group) if group else words("no radio group on record")),
            html.Span([words("for "), age_of(one.pushed_at)]),
        ],
        className="to-be-called",
        hidden=facts.now < since,
        **{"data-from": str(since.timestamp())},
    )


def _silent(incident: Incident, facts: Facts) -> list[html.Div]:
    """Crews on the scene that have not answered whether all is well: how they are reached, and where they were last."""
    late = dict.fromkeys(miss.assignment_id for miss in alarms(incident) if miss.step == Step.CHECK_IN)
    crews = [a for a in incident.assignments if a.assignment_id in late]
    if not crews:
        return []
    said = [html.Strong(facts.words("No answer from the scene: call by radio")), *(_last_known(one, incident, facts) for one in crews)]
    return [html.Div([icon("radio"), html.Div(said, className="said")], className="due-line undelivered silent", role="alert")]


def _last_known(one: Assignment, incident: Incident, facts: Facts) -> html.Span:
    words, unit, fix = facts.words, facts.units.get(one.unit_id), facts.last_fix(one.unit_id)
    group = unit.radio_group if unit else ""
    where: list[Any] = [words("no position")]
    if fix is not None:
        away = (
            "" if incident.lon is None or incident.lat is None else words.distance(distance_m(fix.lon, fix.lat, incident.lon, incident.lat))
        )
        where = [
            words("last position {distance} from the point, ", distance=away) if away else words("last position "),
            age_of(fix.at),
            words(" old"),
        ]
    return html.Span(
        [
            html.B(facts.callsign(one.unit_id)),
            html.Span(words("radio group {group}", group=group) if group else words("no radio group on record")),
            html.Span(where, **({} if fix is None else {"data-lon": str(fix.lon), "data-lat": str(fix.lat)})),
        ],
        className="to-be-called",
    )


def _offer(incident: Incident, facts: Facts) -> list[html.Div]:
    """An offer of the whole incident, with the answer where it is the reader's to give."""
    if not incident.handover_to or not incident.is_open:
        return []
    words = facts.words
    to, owner = facts.organisation_name(incident.handover_to), facts.organisation_name(incident.org_code)
    buttons = [
        press_button(command_label(command, facts), command, incident.incident_id, className=look)
        for command, look in (("accept_handover", "primary"), ("refuse_handover", ""))
        if facts.in_scope(incident.handover_to) and facts.may(command)
    ]
    said = words("{owner} offers it to {to}", owner=owner, to=to)
    return [_line("handover", html.Strong(said), buttons or [html.Span(words("not answered yet"), className="muted")], "offer")]


def _repush(incident: Incident, facts: Facts) -> list[html.Div]:
    """Countdowns after which others are sent as well, each with its stop."""
    words = facts.words
    rows = []
    for number, one in enumerate(others_to_send(incident, facts.targets)):
        unit, told = facts.callsign(one.deadline.unit_id), {"assignment": one.deadline.assignment_id}
        label = [command_label("stop_repush", facts), *([html.Kbd("S")] if number == 0 else [])]
        stop = press_button(
            label, "stop_repush", incident.incident_id, one.deadline.unit_id, told=told, className="stop-repush" if number == 0 else ""
        )
        clock = countdown(one.at, facts.now, words("next nearest in"), words("looking for the next nearest"), words, "due resend")
        said = [html.Strong(words("No answer from {unit}", unit=unit)), clock]
        rows.append(_line("forward", said, [stop] if _commands(incident, facts, "stop_repush") else [], "repush"))
    return rows


def _alarm(incident: Incident, facts: Facts) -> list[html.Div]:
    """All alarms of the incident in one line."""
    late = alarms(incident)
    if not late:
        return []
    words = facts.words
    highest = max(miss.level for miss in late)
    told = dict.fromkeys(facts.organisation_name(miss.org_code) for miss in late if miss.level == highest)
    said = [
        html.Span([html.Strong(words("Alarm")), _late(late, incident, facts)]),
        html.Span(words("told up to {names}", names=", ".join(told)), className="muted"),
    ]
    take = press_button(
        [command_label("take_alarm", facts), html.Kbd("A")], "take_alarm", incident.incident_id, className="primary take-alarm"
    )
    return [_line("bell", said, [take] if _commands(incident, facts, "take_alarm") else [], "alarm")]


def _supervised(incident: Incident, facts: Facts) -> list[html.Div]:
    late = supervised(incident)
    if not late:
        return []
    said = html.Span([html.Strong(facts.words("Supervision")), _late(late, incident, facts)])
    return [_line("supervise", said, [], "supervised")]


def _late(late: Iterable[Miss], incident: Incident, facts: Facts) -> str:
    """Late steps, each once with the crews that are late: "Acknowledge overdue: A1, A2 · Review overdue"."""
    unit_of = {a.assignment_id: a.unit_id for a in incident.assignments}
    crews: dict[str, dict[str, None]] = {}
    for miss in late:
        names = crews.setdefault(miss.step, {})
        if miss.assignment_id in unit_of:
            names[facts.callsign(unit_of[miss.assignment_id])] = None
    words = facts.words
    return " · ".join(
        words("{step} overdue", step=words.step(step)) + (f" ({', '.join(names)})" if names else "") for step, names in crews.items()
    )


def _countdowns(incident: Incident, facts: Facts) -> list[html.Div]:
    """The soonest of each step, the very soonest larger; those of one crew alone stand beside it."""
    words = facts.words
    soonest: dict[Step, Deadline] = {}
    for one in deadlines(incident, facts.targets):
        soonest.setdefault(one.step, one)
    if not soonest:
        return []
    return [
        html.Div(
            [countdown(one.due_at, facts.now, words.step(one.step), words("overdue"), words) for one in soonest.values()],
            className="due-line countdowns",
        )
    ]


def _commands(incident: Incident, facts: Facts, command: str) -> bool:
    return facts.may(command) and facts.in_scope(incident.org_code)


def _line(drawing: str, said: Any, buttons: list[Any], name: str) -> html.Div:
    return html.Div([icon(drawing), html.Div(said, className="said"), html.Div(buttons, className="answers")], className=f"due-line {name}")
