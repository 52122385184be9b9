"""Which incidents a call may be a further call about, for one reader: only such as it may see and command (`dispatch.duplicates`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dispatch.duplicates import Call, Likeness, call_of, candidates
from dispatch.model import Actor, Incident
from dispatch.past import is_past
from dispatch.picture import OperatingPicture


class Sight(Protocol):
    """The questions of `operations.access.authority.Authority` that matter here."""

    def in_scope(self, actor: Actor, org_code: str) -> bool: ...

    def is_confidential(self, incident_type: str) -> bool: ...

    def may_see_incident(self, actor: Actor, incident: Incident, picture: OperatingPicture | None = None) -> bool: ...


class Callers(Protocol):
    """Who else called from the same number, written down as a look; `operations.access.personal.PersonalData`."""

    async def calls_of_same_number(self, actor: Actor, incident: Incident, channel: str) -> list[Incident]: ...

    async def calls_of_number(self, actor: Actor, number: str, channel: str) -> list[Incident]: ...


class FurtherCalls:
    """Asked whenever a call is being taken and when an incident is looked at; on the event loop."""

    def __init__(self, sight: Sight, callers: Callers, family_of: Callable[[str], str]) -> None:
        self._sight = sight
        self._callers = callers
        self._family_of = family_of

    async def of_incident(self, actor: Actor, incident: Incident, picture: OperatingPicture, channel: str) -> list[Likeness]:
        """Others that the incident may be the same as; none once it has ended. Raises Unavailable when a look can't be written down."""
        if not incident.is_open or is_past(incident.incident_id) or not self._sight.in_scope(actor, incident.org_code):
            return []
        known = await self._callers.calls_of_same_number(actor, incident, channel)
        return self._candidates(actor, call_of(incident), {one.incident_id for one in known}, picture)

    def at_a_glance(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> list[Likeness]:
        """Open ones, for the sign in the queue: without the caller's number, which nobody has asked to see. May run in a thread."""
        if not incident.is_open or is_past(incident.incident_id) or not self._sight.in_scope(actor, incident.org_code):
            return []
        found = self._candidates(actor, call_of(incident), set(), picture)
        return [one for one in found if picture.incidents[one.incident_id].is_open]

    async def of_call(self, actor: Actor, call: Call, number: str, picture: OperatingPicture, channel: str) -> list[Likeness]:
        """The same for a call that is being taken; `number` as it is typed so far. Raises Unavailable."""
        known = await self._callers.calls_of_number(actor, number, channel) if number else []
        return self._candidates(actor, call, {one.incident_id for one in known}, picture)

    def _candidates(self, actor: Actor, call: Call, same_number: set[str], picture: OperatingPicture) -> list[Likeness]:
        is_confidential = self._sight.is_confidential(call.incident_type)

        def may_suggest(other: Incident) -> bool:
            if is_past(other.incident_id):
                return False  # nothing can be merged with what another system recorded
            # What is merged into a complaint is out of most people's sight: it is suggested among complaints alone.
            if self._sight.is_confidential(other.incident_type) != is_confidential:
                return False
            return self._sight.in_scope(actor, other.org_code) and self._sight.may_see_incident(actor, other, picture)

        return candidates(call, picture.incidents.values(), self._family_of, same_number, may_suggest)
