"""The incident panel: head, stage bar, what can be done now, and the assignments with their times."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import age_of, empty, grade_sign, icon, kind_sign, press_button, section, stage_pill
from dispatch.model import Assignment, AssignmentStage, Incident, Stage

_BAR = (Stage.RECEIVED, Stage.PUSHED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE, Stage.ON_SCENE, Stage.FEEDBACK, Stage.REVIEWED, Stage.CLOSED)

# What the desk may enter for a crew on the radio, by where the crew stands: the next step first.
_RADIO_STEPS: dict[AssignmentStage, tuple[str, ...]] = {
    AssignmentStage.PUSHED: ("acknowledge", "depart", "refuse", "recall"),
    AssignmentStage.ACKNOWLEDGED: ("depart", "arrive", "refuse", "recall"),
    AssignmentStage.EN_ROUTE: ("arrive", "recall"),
    AssignmentStage.ON_SCENE: ("feedback", "clear"),
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
                html.Span(f"#{incident.number}", className="number"),
                html.Span(words.grade(incident.grade), className=f"grade-word grade-{int(incident.grade)}"),
            ],
            className="head-line",
        ),
        html.Div(
            [icon("pin"), html.Span(place or words("not located yet"), className="" if incident.lon is not None else "unlocated")],
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
            ],
            className="head-facts",
        ),
    ]
    if incident.text:
        lines.append(html.Blockquote(incident.text))
    if caller:
        lines.append(html.Div([icon("phone"), html.Span(caller)], className="head-place"))
    lines.append(stage_bar(incident, facts))
    return html.Div(lines, className="head")


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


def actions(incident: Incident, facts: Facts) -> html.Div:
    """Buttons for what the present stage allows, for this reader; the push itself is in the ranked list below."""
    offered = [command for command in offered_commands(incident) if facts.may(command)]
    main = offered[0] if offered and offered[0] in ("review", "close", "reopen") else None
    buttons = [
        press_button(command_label(command, facts), command, incident.incident_id, className="primary" if command == main else "")
        for command in offered
    ]
    return html.Div([*_forms(incident, facts), *buttons], className="actions")


def _forms(incident: Incident, facts: Facts) -> list[html.Button]:
    """Buttons that open a form: the place, first of all while there is none, and what the incident is."""
    if not incident.is_open:
        return []
    words, unlocated = facts.words, incident.lon is None
    forms = [
        ("locate", words("Locate") if unlocated else words("Move the point"), ids.LOCATE_ASKED),
        ("classify", words("Classify"), ids.CLASSIFY_ASKED),
    ]
    return [
        press_button(label, command, incident.incident_id, to=to, className="primary" if command == "locate" and unlocated else "")
        for command, label, to in forms
        if facts.may(command)
    ]


def offered_commands(incident: Incident) -> list[str]:
    """Commands on the incident as a whole that its stage allows, most likely first."""
    if not incident.is_open:
        return ["reopen", "note"]
    offered = []
    if incident.stage == Stage.FEEDBACK:
        offered += ["review", "return", "close"]
    elif incident.stage == Stage.REVIEWED:
        offered += ["close", "return"]
    if incident.active_assignments and incident.stage in (Stage.PUSHED, Stage.ACKNOWLEDGED, Stage.EN_ROUTE):
        offered.append("recall")
    offered.append("note")
    if incident.stage in (Stage.RECEIVED, Stage.PUSHED):
        offered += ["divert", "mark_invalid"]
    if "close" not in offered:
        offered.append("close")
    offered.append("cancel")
    return offered


def command_label(command: str, facts: Facts) -> str:
    """The word on a command's button."""
    words = facts.words
    labels = {
        "push": words("Push"),
        "reinforce": words("Reinforce"),
        "recall": words("Recall"),
        "acknowledge": words("Acknowledged"),
        "depart": words("Set out"),
        "arrive": words("Arrived"),
        "feedback": words("Feedback"),
        "refuse": words("Refused"),
        "clear": words("Release"),
        "review": words("Review"),
        "return": words("Return"),
        "close": words("Close"),
        "divert": words("Divert"),
        "mark_invalid": words("Invalid"),
        "cancel": words("Cancel incident"),
        "reopen": words("Reopen"),
        "note": words("Note"),
    }
    return labels[command]


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
        (words("pushed"), one.pushed_at),
        (words("delivered"), one.delivered_at),
        (words("seen"), one.seen_at),
        (words("acknowledged"), one.acknowledged_at),
        (words("set out"), one.departed_at),
        (words("arrived"), one.arrived_at),
        (words("feedback"), one.feedback_at),
        (words("ended"), one.ended_at),
    ]
    marks = [html.Span([html.I(label), html.Time(facts.clock(at))]) for label, at in times if at is not None]
    steps = [] if not incident.is_open else [c for c in _RADIO_STEPS.get(one.stage, ()) if facts.may(c)]
    buttons = [
        press_button(
            command_label(command, facts), command, incident.incident_id, one.unit_id, title=words("Enter it for the crew on the radio")
        )
        for command in steps
    ]
    promised = words("promised {eta}", eta=words.eta(one.promised_eta_s)) if one.promised_eta_s is not None else ""
    return html.Div(
        [
            html.Div(
                [
                    *([kind_sign(unit.kind, words)] if unit else []),
                    html.Strong(facts.callsign(one.unit_id)),
                    stage_pill(one.stage, words),
                    html.Span(promised, className="muted"),
                ],
                className="row-first",
                **{"data-select": f'{{"kind":"unit","unit_id":"{one.unit_id}"}}'},
            ),
            html.Div(marks, className="times"),
            *([html.P(one.reason, className="reason")] if one.reason else []),
            *([html.Div([html.Span(words("By radio"), className="label"), *buttons], className="radio")] if buttons else []),
        ],
        className=f"assignment {'active' if one.is_active else 'past'}",
    )
