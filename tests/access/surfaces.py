"""Every other way in than a route, declared as those of `tests.access.routes` are: commands, conversations, messages on sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from operations.access.permissions import Action as A
from tests.access.expected import NOBODY
from tests.access.routes import LAT, LON
from tests.access.world import NUMBER, TEXT
from tests.cities import WEST

# Commands: the fields each takes. `ITSELF` stands for the incident.
ITSELF = "the incident itself"
CREW: dict[str, Any] = {"unit_ids": ["car-west"]}
COMMANDS: dict[str, dict[str, Any]] = {
    "classify": {"grade": 2},
    "locate": {"lon": LON, "lat": LAT},
    "push": CREW,
    "reinforce": CREW,
    "reassign": CREW,
    "recall": {},
    "delivered": CREW,
    "seen": CREW,
    "acknowledge": CREW,
    "refuse": CREW | {"text": "x"},
    "depart": CREW,
    "arrive": CREW,
    "feedback": CREW | {"text": "x"},
    "clear": CREW,
    "review": {},
    "return": {"text": "x"},
    "close": {"disposition": "settled"},
    "divert": {"to": "119"},
    "mark_invalid": {},
    "cancel": {},
    "reopen": {"text": "x"},
    "note": {"text": "x"},
    "call_service": {"service": "119"},
    "name_lead": CREW,
    "stop_repush": {"assignment_id": "x"},
    "take_alarm": {},
    "call_back": {"text": "x"},
    "merge": {"into": ITSELF},
    "tell_apart": {"other": ITSELF},
    "check_in": CREW,
    "correct_stage": CREW | {"stage": "acknowledged", "text": "x"},
    "claim": {},
    "release_claim": {},
    "warn_place": {"warning": "dog", "text": "x", "expires_at": "2026-05-02T08:00:00Z"},
    "lift_warning": {"warning_id": "x", "text": "x"},
    "split": {"text": "x"},
    "escalate": {"text": "x"},
    "offer_handover": {"to_org_code": "330200000000"},
    "accept_handover": {},
    "refuse_handover": {"text": "x"},
    "read_note": {"note_id": "x"},
    "comment": {"text": "x"},
    "add_finding": {"kind": "good", "text": "x"},
    "sign_after_action": {"name": "x"},
    "revise_after_action": {"text": "x"},
}


@dataclass(frozen=True)
class Conversation:
    """One Dash callback: values of its inputs and states by id, and whether what came back is what was asked for."""

    takes: str
    about: str
    values: dict[str, Any]
    served: str  # occurs in the answer exactly when it was granted
    words: str = ""


def _pressed(command: str) -> dict[str, Any]:
    return {"command": command, "incident": "{incident}", "unit": "", "n": 1}


def _pending(command: str) -> dict[str, Any]:
    return {"incident": "{incident}", "version": None, "key": f"{{who}}-{command}"}


_GOOD = '"kind":"good"'
_POINT = {"lon": LON, "lat": LAT, "address": "here"}
_CALL = {"new-typed": 1, "new-type": "assault", "new-point": _POINT, "new-caller-number": NUMBER}
_CORRECTED = _pending("correct") | {"unit": "{unit}", "times": {"acknowledged": "{now}"}}
# module.function → what is asked of it.
CONVERSATIONS: dict[str, tuple[Conversation, ...]] = {
    "selection.on_select": (
        Conversation(A.SEE_PICTURE, "incident", {"selection": {"kind": "incident", "incident_id": "{incident}"}}, TEXT, "an incident"),
        Conversation(
            A.SEE_PICTURE, "complaint", {"selection": {"kind": "incident", "incident_id": "{complaint}"}}, '"version":', "a complaint"
        ),
        Conversation(A.SEE_PICTURE, "far", {"selection": {"kind": "incident", "incident_id": "{far}"}}, '"version":', "another county's"),
        Conversation(A.SEE_PICTURE, "unit", {"selection": {"kind": "unit", "unit_id": "{unit}"}}, "CAR-WEST", "a crew"),
        Conversation(A.SEE_PICTURE, "plain", {"selection": {"kind": "unit", "unit_id": "{plain}"}}, "PLAIN-X7", "a plain-clothes crew"),
        Conversation(A.SEE_PICTURE, "", {"selection": {"kind": "point", "lon": LON, "lat": LAT}}, '"selection":', "a point"),
    ),
    "scene.on_scene": (
        Conversation(A.SEE_SCENE, "incident", {"selection": {"kind": "incident", "incident_id": "{incident}"}}, '"rings":{', "an incident"),
        Conversation(
            A.SEE_SCENE, "complaint", {"selection": {"kind": "incident", "incident_id": "{complaint}"}}, '"rings":{', "a complaint"
        ),
        Conversation(A.SEE_SCENE, "", {"selection": {"kind": "point", "lon": LON, "lat": LAT}}, '"rings":{', "a point"),
    ),
    "commands.on_act": (
        Conversation(A.SEE_PICTURE, "", {"pressed": _pressed("note")}, '"ask":', "a note's dialog"),
        Conversation(A.SEE_PICTURE, "incident", {"pressed": _pressed("merge")}, '"ask-choice":', "what to merge with"),
        Conversation(A.SEE_PICTURE, "incident", {"pressed": _pressed("offer_handover")}, '"ask-choice":', "whom to hand over to"),
    ),
    "commands.on_answer": (
        Conversation(
            A.NOTE,
            "incident's command",
            {"ask-send": 1, "ask-pending": _pressed("note") | _pending("note"), "ask-text": "x"},
            _GOOD,
            "a note",
        ),
    ),
    "place.on_search": (Conversation(A.SEE_PLACES, "", {"new-place": "横", "locate-place": "横"}, '"options":', "a name"),),
    "place.on_place": (
        Conversation(A.SEE_PICTURE, "", {"new-place": f"{LON},{LAT},x", "locate-place": f"{LON},{LAT},x"}, '"address":', "a place"),
    ),
    "place.on_point": (Conversation(A.SEE_PICTURE, "", {"new-point": _POINT, "locate-point": _POINT}, '"children":', "a point"),),
    "new_incident.on_type": (Conversation(A.SEE_PICTURE, "", {"new-type": "theft"}, '"value":', "a type"),),
    "new_incident.on_submit": (
        Conversation(
            A.RECEIVE,
            "",
            {"new-submit": 1, "new-type": "theft", "new-grade": 3, "new-text": "x", "new-key": "{who}-new"},
            _GOOD,
            "a new incident",
        ),
    ),
    "further_calls.on_typed": (
        Conversation(A.SEE_PICTURE, "command over the incident", _CALL, "{incident}", "a further call"),
        Conversation(A.SEE_CALLER, "command over the incident", _CALL, "same caller", "the same number"),
    ),
    "further_calls.on_new": (Conversation(A.SEE_PICTURE, "", {"alike-asked": {"ids": ["{incident}"]}}, '"alike":', "a new incident"),),
    "command_line.on_typed": (
        Conversation(A.SEE_PICTURE, "incident", {"line-typed": {"text": "open ", "selected": "{incident}"}}, '"insert":"1"', "an incident"),
    ),
    "command_line.on_sent": (
        Conversation(
            A.NOTE,
            "incident's command",
            {"line-sent": {"text": "note . x", "selected": "{incident}", "confirmed": None, "n": 1}},
            _GOOD,
            "a note",
        ),
    ),
    "locate.on_open": (Conversation(A.SEE_PICTURE, "incident", {"locate-asked": _pressed("locate")}, '"locate-title":', "an incident"),),
    "locate.on_send": (
        Conversation(
            A.LOCATE,
            "incident's command",
            {"locate-send": 1, "locate-point": _POINT, "locate-pending": _pending("locate")},
            _GOOD,
            "an incident",
        ),
    ),
    "correct.on_open": (
        Conversation(A.SEE_PICTURE, "incident", {"correct-asked": _pressed("correct") | {"unit": "{unit}"}}, '"correct-title":', "a stage"),
    ),
    "correct.on_stage": (
        Conversation(A.SEE_PICTURE, "", {"correct-stage": "acknowledged", "correct-pending": _CORRECTED}, '"correct-time":', "a stage"),
    ),
    "correct.on_send": (
        Conversation(
            A.CORRECT_STAGE,
            "incident's command",
            {
                "correct-send": 1,
                "correct-pending": _CORRECTED | {"version": 10_000},
                "correct-stage": "acknowledged",
                "correct-way": "take_back",
                "correct-text": "x",
            },
            "10000",  # what is granted ends in a conflict, so that every asker finds the same stage
            "a stage",
        ),
    ),
    "classify.on_open": (Conversation(A.SEE_PICTURE, "incident", {"classify-asked": _pressed("classify")}, TEXT, "an incident"),),
    "classify.on_send": (
        Conversation(
            A.CLASSIFY,
            "incident's command",
            {
                "classify-send": 1,
                "classify-pending": _pending("classify") | {"before": {"incident_type": "assault", "grade": 9, "text": TEXT}},
                "classify-type": "assault",
                "classify-grade": 2,
                "classify-text": TEXT,
            },
            _GOOD,
            "an incident",
        ),
    ),
    "broadcast.on_send": (
        Conversation(
            A.BROADCAST,
            "own_broadcast",
            {
                "broadcast-send": 1,
                "broadcast-to": WEST,
                "broadcast-whom": ["crews", "desks"],
                "broadcast-grade": "normal",
                "broadcast-text": "x",
                "broadcast-lasts": 3600,
            },
            _GOOD,
            "a broadcast",
        ),
    ),
    "split.on_open": (Conversation(A.SEE_PICTURE, "incident", {"split-asked": _pressed("split")}, '"split-title":', "an incident"),),
    "split.on_send": (
        Conversation(
            A.SPLIT,
            "incident's command",
            {"split-send": 1, "split-pending": _pending("split"), "split-type": "theft", "split-grade": 3, "split-text": "x"},
            _GOOD,
            "an incident",
        ),
    ),
}


@dataclass(frozen=True)
class Said:
    """One kind of message on one socket. `about` as for routes."""

    takes: str
    about: str
    message: dict[str, Any] = field(default_factory=dict)


# Socket → the action it takes to be let in, and every kind of message it understands.
SOCKETS: dict[str, tuple[str, dict[str, Said]]] = {
    "/live": (
        A.SEE_PICTURE,
        {
            "ping": Said(A.SEE_PICTURE, "", {"t": 1.0}),
            "look": Said(A.LOOK, "", {"incident_id": "{incident}"}),
            "show": Said(A.PUSH_VIEW, "", {"screen": "map", "view": {"zoom": 12}}),
            "resync": Said(A.SEE_PICTURE, ""),
            # Of a replay's clock: this socket shows the present, so they are refused to everyone.
            "seek": Said(NOBODY, "", {"at": "{moment}"}),
            "speed": Said(NOBODY, "", {"speed": 2}),
            "pause": Said(NOBODY, ""),
            "play": Said(NOBODY, ""),
            "step": Said(NOBODY, "", {"to": "next"}),
            "loop": Said(NOBODY, ""),
        },
    ),
    "/feeds/v1": (
        A.FEED_IN,
        {
            "position": Said(A.FEED_IN, "unit in scope", {"unit_id": "{unit}", "lon": LON, "lat": LAT, "position_at": "{moment}"}),
            "incident": Said(
                A.RECEIVE, "place in WEST", {"incident_type": "theft", "grade": 3, "source_id": "{who}", "lon": LON, "lat": LAT}
            ),
            "status": Said(A.SET_UNIT_STATUS, "another unit", {"unit_id": "{idle}", "status": "committed"}),
            "element": Said(A.WRITE_ELEMENT, "", {"element": "duty_post", "id": "{who}", "lon": LON, "lat": LAT, "at": "{now}"}),
            "camera": Said(A.REGISTER_CAMERA, "place in WEST", {"camera_id": "{who}", "lon": LON, "lat": LAT, "url": "rtsp://10.0.0.1/x"}),
        },
    ),
    "/terminal/socket": (
        A.USE_TERMINAL,
        {
            "ping": Said(A.USE_TERMINAL, "", {"t": 1.0}),
            "resync": Said(A.USE_TERMINAL, ""),
            "delivered": Said(A.DELIVERED, "the crew", {"incident_id": "{incident}"}),
            "seen": Said(A.SEEN, "the crew", {"incident_id": "{incident}"}),
            "command": Said(A.ACKNOWLEDGE, "the crew", {"command": "acknowledge", "incident_id": "{incident}"}),
            "position": Said(A.USE_TERMINAL, "the crew", {"lon": LON, "lat": LAT, "position_at": "{moment}"}),
            "panic": Said(A.PANIC, "the crew", {"happened_at": "{now}"}),
        },
    ),
    # Nobody is let in without the token of a granted stream; who may have one is told that it is missing.
    "/video/{camera_id}": (A.WATCH_CAMERA, {}),
    "/terminal/video": (
        A.USE_TERMINAL,
        {
            "recording": Said(
                A.ADD_UPLOAD,
                "the crew",
                {"incident_id": "{incident}", "mime": "video/webm", "began_at": "{now}", "device_now": "{now}", "unit_id": "{unit}"},
            ),
            "end": Said(A.ADD_UPLOAD, "the crew", {"chunks": 1}),
        },
    ),
    "/video/scene/{recording_id}": (A.SEE_EVIDENCE, {}),
    "/_dash-ws-callback": (NOBODY, {}),
}


def filled(value: Any, names: dict[str, str]) -> Any:
    """The same with `{name}` replaced in every text."""
    text = json.dumps(value)
    for name, known in names.items():
        text = text.replace("{" + name + "}", known)
    return json.loads(text)
