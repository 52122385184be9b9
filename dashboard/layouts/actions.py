"""What can be done with an incident as a whole: the likely commands first, the rare ones behind one fold."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.claim import claim_button
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import press_button
from dispatch.model import Incident, Stage

_ON_THE_WAY = ("recall", "note", "call_service", "classify")
# What is likely to be asked at a stage, most likely first; whatever else the stage allows lies behind the fold.
_LIKELY: dict[Stage, tuple[str, ...]] = {
    Stage.RECEIVED: ("classify", "note", "merge", "divert", "mark_invalid"),
    Stage.PUSHED: _ON_THE_WAY,
    Stage.ACKNOWLEDGED: _ON_THE_WAY,
    Stage.EN_ROUTE: _ON_THE_WAY,
    Stage.ON_SCENE: ("note", "call_service", "classify"),
    Stage.FEEDBACK: ("review", "return", "close", "note"),
    Stage.REVIEWED: ("close", "return", "note"),
}
# Of an open incident, in the order of the fold.
_ALL_OPEN = (
    *("locate", "classify", "call_service", "escalate", "offer_handover", "merge", "split"),
    *("reassign", "recall", "divert", "mark_invalid", "close", "cancel", "warn_place"),
)
# Commands that have a form of their own.
_FORMS = {"locate": ids.LOCATE_ASKED, "classify": ids.CLASSIFY_ASKED, "split": ids.SPLIT_ASKED}


def actions(incident: Incident, facts: Facts) -> html.Div:
    """Buttons for what the present stage allows, for this reader; the push itself is in the ranked list below.

    An incident that is seen because it is shared or offered is another's to command.
    """
    if not facts.in_scope(incident.org_code):
        return html.Div([], className="actions")
    likely, rare = offered_commands(incident, facts)
    buttons = [*_buttons(likely, incident, facts), *claim_button(incident, facts)]
    return html.Div([*buttons, *_fold(rare, incident, facts)], className="actions")


def _buttons(commands: list[str], incident: Incident, facts: Facts) -> list[html.Button]:
    main = main_command(incident)
    return [
        press_button(
            _label_here(command, incident, facts),
            command,
            incident.incident_id,
            to=_FORMS.get(command, ids.PRESSED),
            className="primary" if command == main else "",
        )
        for command in commands
    ]


def _fold(commands: list[str], incident: Incident, facts: Facts) -> list[Any]:
    """Whether it is open is the page's to know (`client/src/main.js`): the panel is drawn anew whenever something happens."""
    if not commands:
        return []
    return [
        html.Button(facts.words("More"), className="quiet more", **{"aria-expanded": "false"}),
        html.Div(_buttons(commands, incident, facts), className="fold"),
    ]


def offered_commands(incident: Incident, facts: Facts) -> tuple[list[str], list[str]]:
    """Commands on the incident as a whole that its stage and the reader's role allow: likely ones, and rare ones."""
    likely = list(_LIKELY.get(incident.stage, ())) if incident.is_open else _after_the_end(incident)
    if incident.is_open and not incident.has_point:
        likely.insert(0, "locate")
    rare = [command for command in _ALL_OPEN if command not in likely] if incident.is_open else []
    return tuple([c for c in commands if facts.may(c) and _is_possible(c, incident, facts)] for commands in (likely, rare))  # type: ignore[return-value]


def _after_the_end(incident: Incident) -> list[str]:
    if incident.stage == Stage.MERGED:
        return ["note"]
    ended = ["reopen", "note", "warn_place"]
    return ["call_back", *ended] if incident.stage == Stage.CLOSED else ended


def _is_possible(command: str, incident: Incident, facts: Facts) -> bool:
    """What depends on more than the stage."""
    match command:
        case "warn_place":
            return incident.has_point or bool(incident.address)
        case "recall" | "reassign":
            return any(not one.service for one in incident.active_assignments)
        case "close":
            forced = facts.codes.is_reviewed_before_closing(incident.incident_type, incident.grade)
            return not (forced and incident.awaits_review)
        case "merge":
            return not incident.active_assignments
        case "escalate":
            return incident.escalated_to not in (above := facts.organisations.ancestors(incident.org_code)[:1]) and bool(above)
        case "divert" | "mark_invalid":
            return incident.stage in (Stage.RECEIVED, Stage.PUSHED)
    return True


def main_command(incident: Incident) -> str | None:
    """The one command that stands out, where there is one."""
    if incident.is_open and not incident.has_point:
        return "locate"
    if incident.stage == Stage.CLOSED:
        return "reopen" if incident.called_back else "call_back"
    return {Stage.FEEDBACK: "review", Stage.REVIEWED: "close"}.get(incident.stage)


def _label_here(command: str, incident: Incident, facts: Facts) -> str:
    if command == "locate" and incident.has_point:
        return facts.words("Move the point")
    return command_label(command, facts)


def command_label(command: str, facts: Facts) -> str:
    """The word on a command's button."""
    words = facts.words
    labels = {
        "push": words("Push"),
        "reinforce": words("Reinforce"),
        "reassign": words("Reassign"),
        "recall": words("Recall"),
        "stop_repush": words("Stop it"),
        "call_service": words("Call service"),
        "name_lead": words("Make lead"),
        "acknowledge": words("Acknowledged"),
        "depart": words("Set out"),
        "arrive": words("Arrived"),
        "correct_stage": words("Correct"),
        "check_in": words("All well"),
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
        "call_back": words("Call back"),
        "locate": words("Locate"),
        "classify": words("Classify"),
        "merge": words("Merge"),
        "tell_apart": words("Not the same"),
        "split": words("Split"),
        "escalate": words("Escalate"),
        "offer_handover": words("Hand over"),
        "accept_handover": words("Take it over"),
        "refuse_handover": words("Refuse it"),
        "take_alarm": words("Take on"),
        "claim": words("Claim"),
        "release_claim": words("Release claim"),
        "warn_place": words("Warn of this place"),
        "lift_warning": words("Lift"),
        "note": words("Note"),
        "read_note": words("Read"),
        "comment": words("Comment"),
        "add_finding": words("Add finding"),
        "sign_after_action": words("Sign"),
        "revise_after_action": words("Take it up again"),
    }
    return labels[command]
