"""What must come back, told from the one authority's table and from where someone stands; nothing here asks the running system."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.api.command_body import COMMANDS
from operations.access.permissions import GRANTS, Action, Role
from tests.access import world as w
from tests.access.world import PLACES, REACHING, Who

PUBLIC = "nobody needs to log in"
EVERYBODY = "whoever has logged in"
NOBODY = "nobody at all"


def grants(who: Who, action: str) -> bool:
    """What the table says. A wall was made a viewer when it was logged in; who lacks its second factor has no role at all."""
    return who.role in tuple(Role) and Action(action) in GRANTS[Role(who.role)]


def reaches(who: Who) -> bool:
    """WEST lies in the asker's scope."""
    return who.is_known and who.place in REACHING


def is_crew(who: Who) -> bool:
    """The crew that was pushed to the incident."""
    return who.unit_id == w.crew_of("own")


# Who sees what (docs/security.md)


def sees_incident(who: Who) -> bool:
    return grants(who, Action.SEE_PICTURE) and (reaches(who) or is_crew(who))


def sees_complaint(who: Who) -> bool:
    """Supervision of the scope; desks of a level above; never a wall, and never a crew: no role of one has the action."""
    needed = Action.SEE_COMPLAINTS if who.place == "own" else Action.SEE_COMPLAINTS_BELOW
    return reaches(who) and not is_wall(who) and grants(who, needed)


def sees_far(who: Who) -> bool:
    return grants(who, Action.SEE_PICTURE) and who.place in ("city", "elsewhere")


def sees_unit(who: Who) -> bool:
    """The marked one on duty: its own scope and those within five minutes by road."""
    return grants(who, Action.SEE_PICTURE) and (reaches(who) or who.place == "neighbour")


def sees_plain(who: Who) -> bool:
    """The one in plain clothes: its own organisation and the city; never a wall; no other crew."""
    return grants(who, Action.SEE_PICTURE) and who.place in ("own", "city") and not is_wall(who) and who.unit_id is None


def sees_track(who: Who) -> bool:
    """Where a crew has been: its own scope only."""
    return grants(who, Action.SEE_TRACKS) and reaches(who) and not is_wall(who)


def sees_plain_track(who: Who) -> bool:
    return sees_track(who) and sees_plain(who)


def sees_duty(who: Who) -> bool:
    """Shifts and musters: names of people."""
    return grants(who, Action.SEE_PICTURE) and reaches(who) and not is_wall(who)


def sees_circle(who: Who) -> bool:
    """A duty circle of WEST, which counts on forces of WEST alone."""
    return grants(who, Action.SEE_DUTY_CIRCLES) and reaches(who) and not is_wall(who)


def sees_after_action(who: Who) -> bool:
    """What reviewers wrote about the incident."""
    return grants(who, Action.SEE_AFTER_ACTION) and sees_incident(who)


def sees_webhook(who: Who) -> bool:
    return grants(who, Action.MANAGE_WEBHOOKS) and reaches(who)


def oversees_broadcast(who: Who) -> bool:
    """One that WEST has sent."""
    return grants(who, Action.RECALL_BROADCAST) and reaches(who)


def is_wall(who: Who) -> bool:
    return who.kind in ("wall", "wall page")


SEEN: dict[str, Callable[[Who], bool]] = {
    "incident": sees_incident,
    "complaint": sees_complaint,
    "far": sees_far,
    "unit": sees_unit,
    "plain": sees_plain,
    "track": sees_track,
    "plain_track": sees_plain_track,
    "upload": sees_incident,
    "webhook": sees_webhook,
    "own_broadcast": oversees_broadcast,
    "circle": sees_circle,
}

# What must occur in no answer to whom


def knows_caller(who: Who) -> bool:
    """Desks of the scope that need it, and the crew on its way. (It has given no feedback yet.)"""
    return not is_wall(who) and ((grants(who, Action.SEE_CALLER) and reaches(who)) or is_crew(who))


def knows_complainer(who: Who) -> bool:
    return sees_complaint(who) and grants(who, Action.SEE_CALLER)


def knows_far_caller(who: Who) -> bool:
    return sees_far(who) and grants(who, Action.SEE_CALLER) and not is_wall(who)


def knows_crew(who: Who) -> bool:
    """Members, trackers and radio group."""
    return grants(who, Action.SEE_PICTURE) and (reaches(who) or is_crew(who))


def knows_evidence(who: Who) -> bool:
    return sees_incident(who) and grants(who, Action.SEE_EVIDENCE)


def nobody(who: Who) -> bool:
    return False


SECRETS: dict[str, tuple[str, Callable[[Who], bool]]] = {
    "an incident's text": (w.TEXT, sees_incident),
    "a caller's name": (w.CALLER, knows_caller),
    "a caller's number": (w.NUMBER, knows_caller),
    "a complaint's text": (w.COMPLAINT, sees_complaint),
    "a complainer's number": (w.COMPLAINER, knows_complainer),
    "a crew in plain clothes": (w.PLAIN, sees_plain),
    "its callsign": (w.PLAIN.upper(), sees_plain),
    "a crew's members": (w.MEMBER, knows_crew),
    "a crew's trackers": ("tracker-west", knows_crew),
    "a crew's radio group": ("radio-west", knows_crew),
    "whom a muster calls in": (w.MUSTER, sees_duty),
    "who leads a shift": (w.LEADER, sees_duty),
    "a duty circle": (w.CIRCLE, sees_circle),
    "what a reviewer found out": (w.FINDING, sees_after_action),
    "another county's text": (w.FAR_TEXT, sees_far),
    "another county's caller": (w.FAR_NUMBER, knows_far_caller),
    "the bytes of a photo": (w.EVIDENCE, knows_evidence),
    "what its camera wrote": (w.PHOTO_AT, knows_evidence),
    "a webhook's address": (w.WEBHOOK_URL, sees_webhook),
    "a camera's address": (w.CAMERA_URL[7:], nobody),
    "a camera's password": (w.CAMERA_PASSWORD, nobody),
}


# Commands


def command_status(who: Who, name: str, names_unit: bool) -> int:
    """Of a command about the incident at WEST, given with a version that is never right: what is allowed ends in 409."""
    if not who.is_known:
        return 401
    if not grants(who, name):
        return 403
    if not sees_incident(who):
        return 404
    if who.role == Role.OFFICER:
        speaks = names_unit and reaches(who) if who.unit_id is None else is_crew(who)
        return 409 if speaks else 403
    return 409


OFFERED = tuple(COMMANDS)

__all__ = ["PLACES"]
