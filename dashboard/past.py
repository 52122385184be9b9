"""Which moment a request is about: now, or one of the past."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from dashboard.problems import InvalidFields
from dispatch.errors import Unavailable
from dispatch.model import Actor
from operations.access.authority import Action
from storage.journal import JournalError
from storage.speeds import DamagedSpeeds
from storage.track_files import DamagedSlice

if TYPE_CHECKING:
    from operations.services import Services


async def services_at(services: Services, actor: Actor, at: datetime | None) -> Services:
    """The services as they were at an instant; those of now without one.

    Raises NotPermitted for who may not see history, InvalidFields for the future, Unavailable where the past can't be read.
    """
    if at is None:
        return services
    services.authority.authorise(actor, Action.SEE_HISTORY)
    if at > services.clock.now():
        raise InvalidFields.one("at", f"{at.isoformat()} is in the future; ask for a past moment")
    try:
        return await services.pasts.at(services, at)
    except (DamagedSlice, DamagedSpeeds, JournalError) as damage:
        raise Unavailable("past-not-readable", f"What was so at {at.isoformat()} can't be read: {damage}.") from damage
