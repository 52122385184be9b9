"""The incident panel: head, stage bar, and the assignments with their times. What is due and what can be done: `due`, `actions`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from dash import html

from dashboard import ids
from dashboard.layouts.actions import command_label
from dashboard.layouts.arrival import position_says, promised
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import age_of, countdown, empty, grade_sign, icon, kind_sign, number_of, press_button, section, stage_pill
from dispatch.arrivals import disagreement_of
from dispatch.deadlines import deadlines
from dispatch.model import Assignment, AssignmentStage, Incident, Stage
from dispatch.past import is_past
from operations.access.permissions import Action

_BAR = (Stage.RECEIVED, Stage.PUSHED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE, Stage.ON_SCENE, Stage.FEEDBACK, Stage.REVIEWED, Stage.CLOSED)

# What the desk may enter for a crew on the radio, by where the crew stands: the next step first.
_RADIO_STEPS: dict[AssignmentStage, tuple[str, ...]] = {
    AssignmentStage.PUSHED: ("acknowledge", "depart", "refuse", "recall"),
    AssignmentStage.ACKNOWLEDGED: ("depart", "arrive", "refuse", "recall"),
    AssignmentStage.EN_ROUTE: ("arrive", "recall"),
    AssignmentStage.ON_SCENE: ("feedback", "check_in", "clear"),
    AssignmentStage.FEEDBACK: ("clear",),
}


def incident_head(incident: Incident, facts: Facts, caller: str = "") -> html.Div:
    """Grade, type, number, place, text, stage bar."""
    words = facts.words
    place = incident.address or ("" if incident.lon is None else f"{incident.lon:.5f}, {incident.lat:.5f}")
    lines: list[Any] = [
        html.Div(
            [
                grade_sign(incident.grade, words),
                html.H2(facts.type_name(incident.incident_type)),
                html.Span(number_of(incident), className="number"),
                html.Span(words.grade(incident.grade), className=f"grade-word grade-{int(incident.grade)}"),
            ],
            className="head-line",
        ),
        html.Div(
            [
                icon("pin"),
                html.Span(place or words("not located yet"), className="" if incident.lon is not None else "unlocated"),
                *_who_was_near(incident, facts),
            ],
            className="head-place",
        ),
        html.Div(
            [
                html.Span(facts.organisation_name(incident.org_code)),
                html.Span(words("called {time}", time=facts.clock(incident.called_at))),
                html.Span(
                    [words("open for "), age_of(incident.received_at)]
                    if incident.is_open
                    else words("ended {time}", time=facts.clock(incident.stage_since))
                ),
                html.Span(words("source: {source}", source=incident.source)),
                *_after_action(incident, facts),
            ],
            className="head-facts",
        ),
    ]
    if is_past(incident.incident_id):
        said = words(
            "As {source} recorded it: a crew without a time of push appears with its first time, the incident ends with the last.",
            source=incident.source,
        )
        lines.append(html.P(said, className="muted"))
    if incident.text:
        lines.append(html.Blockquote(incident.text))
    if caller:
        lines.append(html.Div([icon("phone"), html.Span(caller)], className="head-place"))
    lines += [*_relations(incident, facts), stage_bar(incident, facts)]
    return html.Div(lines, className="head")


def _after_action(incident: Incident, facts: Facts) -> list[html.A]:
    """The way to its review afterwards; from a moment of the past there is none, which shows all that came after."""
    if facts.is_past or not facts.may("see_after_action"):
        return []
    return [html.A(facts.words("After action"), href=f"/review/{quote(incident.incident_id, safe='')}", target="_blank")]


def _who_was_near(incident: Incident, facts: Facts) -> list[html.A]:
    """The way to the tracks of its place and time, for those who may see tracks."""
    if incident.lon is None or not facts.may(Action.SEE_TRACKS):
        return []
    title = facts.words("Tracks: who was near, and when")
    return [html.A(icon("tracks"), href=f"/tracks?incident={incident.incident_id}", target="_blank", title=title, className="near-tracks")]


def _relations(incident: Incident, facts: Facts) -> list[html.Div]:
    """Other incidents and organisations it has to do with: calls merged, parts split off, where it was escalated to."""
    words = facts.words
    said: list[Any] = []
    if incident.merged_into:
        said.append(html.Span([words("merged into "), _other(incident.merged_into, facts)]))
    if incident.merged_from:
        said.append(html.Span([words("further calls: "), *(_other(one, facts) for one in incident.merged_from)]))
    if incident.split_from:
        said.append(html.Span([words("part of "), _other(incident.split_from, facts)]))
    if incident.escalated_to:
        said.append(html.Span(words("escalated to {name}", name=facts.organisation_name(incident.escalated_to))))
    if incident.help_calls > 1:
        said.append(html.Span(words("called for help {n} times", n=incident.help_calls), className="unlocated"))
    if incident.called_back:
        said.append(html.Span(words("called back")))
    return [html.Div(said, className="head-facts relations")] if said else []


def _other(incident_id: str, facts: Facts) -> html.Span:
    """Another incident by its number, to go to; one that ended long ago has only its place in the journal."""
    other = facts.incidents.get(incident_id)
    selection = json.dumps({"kind": "incident", "incident_id": incident_id})
    return html.Span(number_of(other) if other else facts.words("an earlier one"), className="number link", **{"data-select": selection})


def stage_bar(incident: Incident, facts: Facts) -> html.Ol:
    """The loop in eight steps with the time each was first reached; an incident ended another way says how."""
    times = stage_times(incident)
    ended_otherwise = incident.stage not in _BAR
    reached = max((_BAR.index(stage) for stage in times if stage in _BAR), default=0) if ended_otherwise else _BAR.index(incident.stage)
    steps = [
        html.Li(
            [
                html.Span(facts.words.stage(stage), className="step-name"),
                html.Time(facts.clock(times.get(stage))[:5] if stage in times else ""),
            ],
            className="done" if k < reached else "now" if k == reached and not ended_otherwise else "to-come" if k > reached else "done",
        )
        for k, stage in enumerate(_BAR)
    ]
    if ended_otherwise:
        steps.append(html.Li(html.Span(facts.words.stage(incident.stage), className="step-name"), className="now otherwise"))
    return html.Ol(steps, className="stage-bar")


def stage_times(incident: Incident) -> dict[Stage, Any]:
    """When each stage was first reached, from the assignments and the incident itself."""
    times: dict[Stage, Any] = {Stage.RECEIVED: incident.received_at}
    fields = (
        (Stage.PUSHED, "pushed_at"),
        (Stage.ACKNOWLEDGED, "acknowledged_at"),
        (Stage.EN_ROUTE, "departed_at"),
        (Stage.ON_SCENE, "arrived_at"),
        (Stage.FEEDBACK, "feedback_at"),
    )
    for stage, field in fields:
        instants = [at for at in (getattr(one, field) for one in incident.assignments) if at is not None]
        if instants:
            times[stage] = min(instants)
    times.setdefault(incident.stage, incident.stage_since)
    return times


def assignments(incident: Incident, facts: Facts) -> Any:
    """Who is on it, newest first, each with its times and what may be entered for it by radio."""
    words = facts.words
    if not incident.assignments:
        return section(words("On it"), empty(words("No unit has been pushed yet: choose from the list below.")), name="on-it")
    rows = [_assignment(incident, one, facts) for one in sorted(incident.assignments, key=lambda a: (not a.is_active, a.pushed_at))]
    return section(words("On it"), rows, note=words("{n} active", n=len(incident.active_assignments)), name="on-it")


def _assignment(incident: Incident, one: Assignment, facts: Facts) -> html.Div:
    words = facts.words
    unit = facts.units.get(one.unit_id)
    times = [
        (words("called") if one.service else words("pushed"), one.pushed_at),
        (words("delivered"), one.delivered_at),
        (words("seen"), one.seen_at),
        (words("acknowledged"), one.acknowledged_at),
        (words("set out"), one.departed_at),
        (words("arrived"), one.arrived_at),
        (words("feedback"), one.feedback_at),
        (words("ended"), one.ended_at),
    ]
    marks = [html.Span([html.I(label), html.Time(facts.clock(at))]) for label, at in times if at is not None]
    return html.Div(
        [
            html.Div(
                [
                    *([kind_sign(unit.kind, words)] if unit else [icon("phone")] if one.service else []),
                    html.Strong(facts.callsign(one.unit_id)),
                    *_badges(incident, one, facts),
                    stage_pill(one.stage, words),
                    html.Span(promised(words, one.promised_eta_s, one.promised_eta_p90_s), className="muted"),
                ],
                className="row-first",
                **({} if one.service else {"data-select": json.dumps({"kind": "unit", "unit_id": one.unit_id})}),
            ),
            html.Div([*marks, *_due(incident, one, facts)], className="times"),
            *_position(one, facts),
            *_because_of(incident, one, facts),
            *([html.P(one.reason, className="reason")] if one.reason else []),
            *_suggested(incident, one, facts),
            *_entries(incident, one, facts),
        ],
        className=f"assignment {'active' if one.is_active else 'past'}",
    )


def _position(one: Assignment, facts: Facts) -> list[html.Div]:
    """Beside the times only what disagrees; all of it stands in the timeline."""
    if disagreement_of(one) is None or one.arrived_at is None:
        return []
    return [html.Div(position_says(one.arrived_at, one.arrival, facts))]


def _due(incident: Incident, one: Assignment, facts: Facts) -> list[html.Span]:
    """The crew's own soonest countdown, where several are on it."""
    if len(incident.active_assignments) < 2:
        return []
    own = next((d for d in deadlines(incident, facts.targets) if d.assignment_id == one.assignment_id), None)
    words = facts.words
    return [countdown(own.due_at, facts.now, words.step(own.step), words("overdue"), words)] if own else []


def _badges(incident: Incident, one: Assignment, facts: Facts) -> list[html.Span]:
    """What sets the crew apart: it is responsible, or never can be."""
    words = facts.words
    badges = []
    if incident.lead is one:
        badges.append(
            html.Span(words("Lead"), className="pill lead", title=words("The responsible crew: only its feedback can lead to closing"))
        )
    if one.auxiliary:
        badges.append(
            html.Span(words("Auxiliary"), className="pill", title=words("Auxiliary officers alone: may begin, is never responsible"))
        )
    return badges


def _because_of(incident: Incident, one: Assignment, facts: Facts) -> list[html.P]:
    first = next((a for a in incident.assignments if a.assignment_id == one.because_of), None)
    if first is None:
        return []
    return [html.P(facts.words("sent too, because {unit} did not answer", unit=facts.callsign(first.unit_id)), className="reason")]


def _entries(incident: Incident, one: Assignment, facts: Facts) -> list[html.Div]:
    """Buttons for what a crew said by radio, or a service by telephone; and the one that makes the crew responsible."""
    words = facts.words
    by_phone = bool(one.service)
    steps = [c for c in _RADIO_STEPS.get(one.stage, ()) if incident.is_open and _may_enter(c, incident, one, facts)]
    if one.service or not facts.targets.check_in_every_s(incident):
        steps = [c for c in steps if c != "check_in"]
    title = words("Enter it for the service on the telephone") if by_phone else words("Enter it for the crew on the radio")
    told = {"channel": "phone" if by_phone else "radio"}
    buttons = [press_button(command_label(c, facts), c, incident.incident_id, one.unit_id, told=told, title=title) for c in steps]
    others = [
        press_button(command_label(c, facts), c, incident.incident_id, one.unit_id, className="quiet") for c in _roles(incident, one, facts)
    ]
    others += _correction(incident, one, facts)
    if not buttons and not others:
        return []
    label = [html.Span(icon("phone" if by_phone else "radio"), className="label", title=title)] if buttons else []
    return [html.Div([*label, *buttons, *others], className="radio")]


def _correction(incident: Incident, one: Assignment, facts: Facts) -> list[html.Button]:
    """The way to put right what was pressed or entered wrongly, also after the end."""
    has_reached = one.acknowledged_at or one.departed_at or one.arrived_at or one.feedback_at
    if not has_reached or not facts.may("correct_stage") or not facts.in_scope(incident.org_code):
        return []
    label = command_label("correct_stage", facts)
    return [press_button(label, "correct_stage", incident.incident_id, one.unit_id, to=ids.CORRECT_ASKED, className="quiet")]


def _may_enter(command: str, incident: Incident, one: Assignment, facts: Facts) -> bool:
    """For crews of the reader's scope, also on an incident of another's; a recall is the owner's."""
    unit = facts.units.get(one.unit_id)
    is_own_crew = command != "recall" and unit is not None and facts.in_scope(unit.org_code)
    return facts.may(command) and (facts.in_scope(incident.org_code) or is_own_crew)


def _suggested(incident: Incident, one: Assignment, facts: Facts) -> list[html.Div]:
    """What the crew's position suggests, how far and since when, and the one press that enters it for the crew at that instant."""
    found = next((s for s in facts.suggestions(incident) if s.assignment_id == one.assignment_id), None)
    if found is None or not _may_enter(found.command, incident, one, facts):
        return []
    words = facts.words
    said = {
        "depart": words("Seems to have set out"),
        "arrive": words("Seems to be on scene"),
        "clear": words("Seems to be back"),
    }[found.command]
    how = [words("position"), *([words.distance(found.distance_m)] if found.distance_m is not None else [])]
    told = {"channel": found.source, "happened_at": found.since_at.isoformat()}
    title = words("Enter it for the crew as of {time}", time=facts.clock(found.since_at))
    label = words("Confirm: {what}", what=command_label(found.command, facts))
    return [
        html.Div(
            [
                icon("pin"),
                html.Span([html.B(said), html.Span([" · ".join(how), " · ", words("for "), age_of(found.since_at)])], className="said"),
                press_button(label, found.command, incident.incident_id, one.unit_id, told=told, title=title),
            ],
            className="suggested",
        )
    ]


def _roles(incident: Incident, one: Assignment, facts: Facts) -> list[str]:
    can_lead = incident.is_open and one.is_active and not (one.service or one.auxiliary or incident.lead is one)
    return ["name_lead"] if can_lead and facts.may("name_lead") and facts.in_scope(incident.org_code) else []
