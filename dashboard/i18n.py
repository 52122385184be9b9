"""Words in the reader's language. The source language is English; other languages are gettext catalogues in `locale/`.

Catalogues are read as `.po` and compiled in memory at start: there is no compiled file to forget.
"""

from __future__ import annotations

import gettext
import io
import math
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from dispatch.errors import DispatchError
from dispatch.model import AssignmentStage, FindingKind, Grade, Stage, Step, UnitKind, UnitStatus
from operations.cameras.video import VideoRefused

LOCALE = Path(__file__).with_name("locale")
LANGUAGES = ("zh", "en")
_CATALOGUE_OF = {"zh": "zh_CN"}


def pgettext(context: str, message: str) -> tuple[str, str]:
    """Marks a word of the tables below for the catalogue; it is translated when it is shown."""
    return context, message


STAGES = {
    Stage.RECEIVED: pgettext("stage", "Received"),
    Stage.PUSHED: pgettext("stage", "Pushed"),
    Stage.ACKNOWLEDGED: pgettext("stage", "Acknowledged"),
    Stage.EN_ROUTE: pgettext("stage", "En route"),
    Stage.ON_SCENE: pgettext("stage", "On scene"),
    Stage.FEEDBACK: pgettext("stage", "Feedback"),
    Stage.REVIEWED: pgettext("stage", "Reviewed"),
    Stage.CLOSED: pgettext("stage", "Closed"),
    Stage.DIVERTED: pgettext("stage", "Diverted"),
    Stage.INVALID: pgettext("stage", "Invalid"),
    Stage.CANCELLED: pgettext("stage", "Cancelled"),
    Stage.MERGED: pgettext("stage", "Merged"),
}
ASSIGNMENT_STAGES = {
    AssignmentStage.PUSHED: STAGES[Stage.PUSHED],
    AssignmentStage.ACKNOWLEDGED: STAGES[Stage.ACKNOWLEDGED],
    AssignmentStage.EN_ROUTE: STAGES[Stage.EN_ROUTE],
    AssignmentStage.ON_SCENE: STAGES[Stage.ON_SCENE],
    AssignmentStage.FEEDBACK: STAGES[Stage.FEEDBACK],
    AssignmentStage.RELEASED: pgettext("stage", "Released"),
    AssignmentStage.RECALLED: pgettext("stage", "Recalled"),
    AssignmentStage.REFUSED: pgettext("stage", "Refused"),
}
# What reviewers find out.
FINDINGS = {
    FindingKind.GOOD: pgettext("finding", "Done well"),
    FindingKind.SHORTFALL: pgettext("finding", "Shortfall"),
    FindingKind.MEASURE: pgettext("finding", "Measure"),
}
# What has a deadline.
STEPS = {
    Step.ACKNOWLEDGE: pgettext("step", "Acknowledge"),
    Step.DEPART: pgettext("step", "Set out"),
    Step.ARRIVE: pgettext("step", "Arrive"),
    Step.FEEDBACK: pgettext("step", "Give feedback"),
    Step.REVIEW: pgettext("step", "Review"),
    Step.CHECK_IN: pgettext("step", "Check in"),
    Step.SEND: pgettext("step", "Send another crew"),
    Step.HELP: pgettext("step", "Answer the call for help"),
}
GRADES = {
    Grade.MAJOR: pgettext("grade", "Major"),
    Grade.URGENT: pgettext("grade", "Urgent"),
    Grade.ORDINARY: pgettext("grade", "Ordinary"),
    Grade.NON_POLICE: pgettext("grade", "Non-police"),
}
STATUSES = {
    UnitStatus.AVAILABLE: pgettext("status", "Available"),
    UnitStatus.DISPATCHED: pgettext("status", "Dispatched"),
    UnitStatus.EN_ROUTE: pgettext("status", "En route"),
    UnitStatus.ON_SCENE: pgettext("status", "On scene"),
    UnitStatus.COMMITTED_DEPLOYABLE: pgettext("status", "Busy, deployable"),
    UnitStatus.COMMITTED: pgettext("status", "Busy"),
    UnitStatus.OUT_OF_SERVICE: pgettext("status", "Out of service"),
}
KINDS = {
    UnitKind.PATROL_CAR: pgettext("kind", "Patrol car"),
    UnitKind.FOOT_PATROL: pgettext("kind", "Foot patrol"),
    UnitKind.ARMED_PATROL: pgettext("kind", "Armed patrol"),
}
CHANNELS = {
    "terminal": pgettext("channel", "terminal"),
    "radio": pgettext("channel", "radio"),
    "phone": pgettext("channel", "phone"),
    "desk": pgettext("channel", "desk"),
    "api": pgettext("channel", "API"),
    "feed": pgettext("channel", "feed"),
    "system": pgettext("channel", "system"),
    "position": pgettext("channel", "position, confirmed"),
}
ROLES = {
    "viewer": pgettext("role", "Viewer"),
    "officer": pgettext("role", "Officer"),
    "call_taker": pgettext("role", "Call taker"),
    "operator": pgettext("role", "Operator"),
    "commander": pgettext("role", "Commander"),
    "reviewer": pgettext("role", "Reviewer"),
    "supervisor": pgettext("role", "Supervisor"),
    "admin": pgettext("role", "Administrator"),
}

# What the rules of `dispatch` and the authority say, in short; their own words, which name the values, stand behind.
REFUSALS = {
    "already-signed": pgettext("refusal", "This side is signed already"),
    "assignment-ended": pgettext("refusal", "The unit is no longer on this incident"),
    "in-replay": pgettext("refusal", "The page shows the past"),
    "before-push": pgettext("refusal", "The time is before the push"),
    "broadcast-over": pgettext("refusal", "That broadcast is over"),
    "clip-length": pgettext("refusal", "A clip can't be that long"),
    "moment-ahead": pgettext("refusal", "The moment is in the future"),
    "too-many-moments": pgettext("refusal", "Too many moments wait for their clips: try again in a minute"),
    "circle-conflict": pgettext("refusal", "Somebody has changed the duty circle meanwhile"),
    "copy-under-way": pgettext("refusal", "A copy is being made for this account: wait until it has come"),
    "copies-at-limit": pgettext("refusal", "Too many copies are being made: try again in a minute"),
    "copy-too-large": pgettext("refusal", "The video is too long or too large for a copy"),
    "copy-not-made": pgettext("refusal", "The video can't be read: no copy was made"),
    "evidence-damaged": pgettext("refusal", "The file is not what was kept: no copy was made"),
    "original-needs-export": pgettext("refusal", "The original of a video is for those who may export"),
    "claimed": pgettext("refusal", "Somebody else has claimed it"),
    "disposition-missing": pgettext("refusal", "An outcome is missing"),
    "escalation-target": pgettext("refusal", "It does not stand above the owner"),
    "handover-own": pgettext("refusal", "That is your own organisation: take it over at your own desk"),
    "handover-target": pgettext("refusal", "It belongs to that organisation already"),
    "implausible-time": pgettext("refusal", "The time can't be right"),
    "incident-ended": pgettext("refusal", "The incident is over"),
    "incident-merged": pgettext("refusal", "The incident was merged into another"),
    "incident-not-ended": pgettext("refusal", "The incident is still open"),
    "key-reused": pgettext("refusal", "This was sent before with other contents"),
    "merge-target": pgettext("refusal", "Name another open incident to merge into"),
    "muster-over": pgettext("refusal", "The muster is over"),
    "name-missing": pgettext("refusal", "A name is missing"),
    "never-responsible": pgettext("refusal", "Only a crew of police officers can be responsible"),
    "no-finding": pgettext("refusal", "The review has no finding yet"),
    "no-feedback": pgettext("refusal", "There is no feedback yet"),
    "no-handover": pgettext("refusal", "The incident is offered to nobody"),
    "no-point": pgettext("refusal", "The place is not known yet"),
    "no-recipient": pgettext("refusal", "Nobody, or too many, would get it"),
    "no-service": pgettext("refusal", "That is a unit: push to it"),
    "no-unit": pgettext("refusal", "This account belongs to no unit"),
    "no-unit-on-incident": pgettext("refusal", "No unit is on this incident"),
    "not-assigned": pgettext("refusal", "The unit was not pushed to this incident"),
    "nobody-to-muster": pgettext("refusal", "Nobody is off duty who could be called in"),
    "not-audited": pgettext("refusal", "Personal data can't be shown now; try again"),
    "not-delivered-yet": pgettext("refusal", "The push has not arrived yet"),
    "not-durable": pgettext("refusal", "It could not be stored; try again"),
    "not-on-record": pgettext("refusal", "It could not be put on record; try again"),
    "not-mustered": pgettext("refusal", "The unit was not called in"),
    "not-own-unit": pgettext("refusal", "Not your unit"),
    "not-running": pgettext("refusal", "The system is starting or stopping; try again"),
    "nothing-begun": pgettext("refusal", "The setting up was not begun; begin again"),
    "not-rostered": pgettext("refusal", "The unit is in no shift now"),
    "nothing-to-change": pgettext("refusal", "Nothing would change"),
    "not-reviewed": pgettext("refusal", "What the crew did has to be reviewed first"),
    "outside-scope": pgettext("refusal", "Outside your scope"),
    "review-not-signed": pgettext("refusal", "The review is not signed"),
    "review-signed": pgettext("refusal", "The review is signed: take it up again first"),
    "role-not-permitted": pgettext("refusal", "This account may not do that"),
    "shift-over": pgettext("refusal", "The shift is over and on record"),
    "stage-not-correctable": pgettext("refusal", "This stage can't be corrected"),
    "stage-not-last": pgettext("refusal", "Only the last stage can be taken back"),
    "stage-not-reached": pgettext("refusal", "The stage has not been reached"),
    "stage-out-of-order": pgettext("refusal", "The times of the stages would be out of order"),
    "stage-backwards": pgettext("refusal", "Stages go forward only"),
    "target-missing": pgettext("refusal", "It is not said, or not known, who is to take it"),
    "text-missing": pgettext("refusal", "A text is missing"),
    "too-many-circles": pgettext("refusal", "Too many duty circles hold already"),
    "too-many-broadcasts": pgettext("refusal", "Too many broadcasts are live"),
    "too-many-remarks": pgettext("refusal", "It has too many remarks already"),
    "tracker-taken": pgettext("refusal", "The tracker belongs to another unit"),
    "too-many-warnings": pgettext("refusal", "Too many warnings hold already"),
    "unit-assigned": pgettext("refusal", "The unit is on an incident"),
    "unit-busy": pgettext("refusal", "The unit is on another incident"),
    "unit-not-arrived": pgettext("refusal", "The unit is not on scene yet"),
    "unit-off-duty": pgettext("refusal", "The unit is off duty"),
    "units-not-named": pgettext("refusal", "Name the unit"),
    "unknown-account": pgettext("refusal", "No such account in your scope"),
    "unknown-broadcast": pgettext("refusal", "No such broadcast, or you may not see it"),
    "unknown-circle": pgettext("refusal", "No such duty circle, or you may not see it"),
    "unknown-disposition": pgettext("refusal", "No such outcome in this city's table"),
    "unknown-finding": pgettext("refusal", "No such finding"),
    "unknown-finding-kind": pgettext("refusal", "A finding is of another kind"),
    "unknown-incident": pgettext("refusal", "No such incident, or you may not see it"),
    "unknown-muster": pgettext("refusal", "No such muster"),
    "unknown-note": pgettext("refusal", "No such note"),
    "unknown-organisation": pgettext("refusal", "No such organisation"),
    "unknown-session": pgettext("refusal", "The session has ended already"),
    "unknown-shift": pgettext("refusal", "No such shift"),
    "unknown-unit": pgettext("refusal", "No such unit, or you may not see it"),
    "unknown-warning": pgettext("refusal", "No such warning"),
    "unknown-warning-kind": pgettext("refusal", "No such kind of warning in this city's table"),
    "unknown-datum": pgettext("refusal", "Unknown coordinate datum"),
    "unsound-circle": pgettext("refusal", "The duty circle can't be so"),
    "unsound-key": pgettext("refusal", "The request can't be told apart from others"),
    "unsound-point": pgettext("refusal", "The point can't be right"),
    "unsound-shift": pgettext("refusal", "The shift can't be planned so"),
    "unsound-signature": pgettext("refusal", "This can't be signed so"),
    "unsound-text": pgettext("refusal", "The text is too long or can't be stored"),
    "version-conflict": pgettext("refusal", "The incident has changed meanwhile"),
}

# Why a camera shows nothing, and what to do (`operations.cameras.video.REASONS`).
VIDEO_REFUSALS = {
    "no-address": pgettext("video", "No stream is registered for this camera. Ask an administrator to enter its address."),
    "bad-address": pgettext("video", "The camera's address is not one of rtsp:// or rtsps://. Ask an administrator to correct it."),
    "at-limit": pgettext("video", "The server carries no more pictures. Close one that is not needed."),
    "transcoding-at-limit": pgettext("video", "No more cameras of this format can be converted. Close another converted one."),
    "unreachable": pgettext("video", "The camera doesn't answer."),
    "login-refused": pgettext("video", "The camera refuses the password kept for it. Ask an administrator to correct it."),
    "no-key-frame": pgettext("video", "The camera sends no key frames. Have its I-frame interval set to 1–2 s."),
    "unplayable": pgettext("video", "What the camera sends can't be played. Have it send H.264 of 8 bits."),
    "no-recorder": pgettext("video", "Nothing that was recorded of this camera can be played here."),
    "starting": pgettext("video", "The video process is starting. Try again in a few seconds."),
    "expired": pgettext("video", "The address of this picture was used or is too old. Open it again."),
}

# Why there is no clip of a marked moment.
MISSED_CLIPS = {
    "no-pictures": pgettext("clip", "nothing was recorded of the camera at that time"),
    "not-cut": pgettext("clip", "it could not be written to the disk"),
}

# Kinds of places in the search: those of the index, and the elements of the catalogue that stand in a city.
PLACE_KINDS = {
    "road": pgettext("place", "road"),
    "crossing": pgettext("place", "crossing"),
    "place": pgettext("place", "locality"),
    "poi": pgettext("place", "place"),
    "water": pgettext("place", "water"),
    "green": pgettext("place", "green space"),
    "organisation": pgettext("place", "police organisation"),
    "street_camera": pgettext("place", "camera"),
    "command_room": pgettext("place", "command room"),
    "duty_post": pgettext("place", "duty post"),
    "volunteer_patrol": pgettext("place", "volunteer patrol"),
    "community_gate": pgettext("place", "community gate"),
    "key_place": pgettext("place", "key place"),
    "checkpoint": pgettext("place", "checkpoint"),
    "metro_station": pgettext("place", "metro station"),
    "fire_station": pgettext("place", "fire station"),
    "hydrant": pgettext("place", "hydrant"),
    "hazmat_site": pgettext("place", "hazmat site"),
    "service_hall": pgettext("place", "service hall"),
    "self_service_kiosk": pgettext("place", "kiosk"),
    "case_area": pgettext("place", "case area"),
}


class Words:
    """Words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._catalogue = _compiled(language)

    def __call__(self, message: str, **values: object) -> str:
        """The message in this language, with `{name}` fields filled in."""
        said = self._catalogue.gettext(message)
        return said.format(**values) if values else said

    def entry(self, pair: tuple[str, str]) -> str:
        """One word of a table."""
        return self._catalogue.pgettext(*pair)

    def table(self, words: Mapping[Any, tuple[str, str]]) -> dict[str, str]:
        """A table by the plain value of its keys, for the client."""
        return {str(key): self.entry(pair) for key, pair in words.items()}

    def stage(self, stage: str) -> str:
        return self.entry(ASSIGNMENT_STAGES[AssignmentStage(stage)] if stage in _ONLY_ASSIGNED else STAGES[Stage(stage)])

    def grade(self, grade: int) -> str:
        return self.entry(GRADES[Grade(grade)])

    def status(self, status: str) -> str:
        return self.entry(STATUSES[UnitStatus(status)])

    def finding(self, kind: str) -> str:
        return self.entry(FINDINGS[FindingKind(kind)])

    def step(self, step: str) -> str:
        return self.entry(STEPS[Step(step)])

    def kind(self, kind: str) -> str:
        return self.entry(KINDS[UnitKind(kind)])

    def channel(self, channel: str | None) -> str:
        pair = CHANNELS.get(channel or "")
        return self.entry(pair) if pair else channel or ""

    def role(self, role: str) -> str:
        return self.entry(ROLES[role]) if role in ROLES else role

    def refusal(self, refused: DispatchError) -> str:
        """Why a command was refused. The rule's own words are English; other languages get it in short before them."""
        pair = REFUSALS.get(refused.rule)
        if pair is None or self.language not in _CATALOGUE_OF:
            return refused.detail
        return f"{self.entry(pair)} · {refused.detail}"

    def place_kind(self, kind: str) -> str:
        """What a found place is; a kind that only this city's data knows keeps its own name."""
        pair = PLACE_KINDS.get(kind)
        return self.entry(pair) if pair else kind.replace("_", " ")

    def pick(self, zh: str, en: str) -> str:
        """The one of two given names that suits; the other when it is empty."""
        return (zh or en) if self.language == "zh" else (en or zh)

    def eta(self, seconds: float | None) -> str:
        """Time by road, minutes and seconds."""
        if seconds is None:
            return "–"
        whole = round(seconds)
        return f"{whole // 60}:{whole % 60:02d}"

    def duration(self, seconds: float) -> str:
        """How long something took, in the same form as the client's counting ages."""
        whole = max(0, round(seconds))
        if whole < 60:
            return f"{whole}秒" if self.language == "zh" else f"{whole} s"
        if whole < 3600:
            return f"{whole // 60}:{whole % 60:02d}"
        return f"{whole // 3600} h {whole % 3600 // 60:02d}"

    def countdown(self, left_s: float) -> str:
        """Time left, or by how much it is late; the word beside it says which. As the client counts it."""
        whole = math.ceil(left_s) if left_s > 0 else math.floor(-left_s)
        return self.eta(whole) if whole < 3600 else self.duration(whole)

    def listed(self, parts: list[str]) -> str:
        """Several clauses in a row."""
        return ("，" if self.language == "zh" else ", ").join(parts)

    def distance(self, metres: float | None) -> str:
        """A distance with its unit; two figures are enough to decide by."""
        if metres is None:
            return "–"
        if metres < 950:
            return f"{round(metres / 10) * 10} m"
        return f"{metres / 1000:.1f} km"


def video_refusal(language: str, refused: VideoRefused) -> str:
    """Why a camera shows nothing, and what to do; a reason without words of its own says what its gateway said."""
    pair = VIDEO_REFUSALS.get(refused.reason)
    return words_in(language).entry(pair) if pair else str(refused)


_ONLY_ASSIGNED = {AssignmentStage.RELEASED, AssignmentStage.RECALLED, AssignmentStage.REFUSED}


@cache
def words_in(language: str) -> Words:
    """The words of a language; anything unknown is English."""
    return Words(language if language in LANGUAGES else "en")


def client_words(language: str) -> dict[str, str]:
    """The whole catalogue as message → translation, for the browser; empty for the source language."""
    if language not in _CATALOGUE_OF:
        return {}
    return {
        str(message.id): str(message.string)
        for message in read_catalogue(language)
        if message.id and message.string and not message.context
    }


def read_catalogue(language: str) -> Catalog:
    """The `.po` of a language. Raises FileNotFoundError when it is not shipped."""
    with (LOCALE / _CATALOGUE_OF[language] / "LC_MESSAGES" / "liandong.po").open("rb") as file:
        return read_po(file, locale=_CATALOGUE_OF[language])


def clock_text(at: datetime, zone: ZoneInfo) -> str:
    """Time of day in the city."""
    return at.astimezone(zone).strftime("%H:%M:%S")


def _compiled(language: str) -> gettext.NullTranslations:
    if language not in _CATALOGUE_OF:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
