"""The panic button of a crew's terminal: at once an incident of the highest grade, on record as that crew's own word.

A crew may receive no incidents, but may make this one kind for itself (`Action.PANIC`). Nothing that a confused phone sends keeps it
from being made: a time or a place that can't be is left out, never refused.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from dispatch.codes import OFFICER_EMERGENCY, PANIC_SOURCE
from dispatch.commands import ReceiveIncident
from dispatch.model import Actor, Grade, Unit
from dispatch.rules.guards import LONG_AGO
from operations.access.permissions import Action
from operations.situation.candidates import OLD_FIX_S

if TYPE_CHECKING:
    from operations.incidents.handle import Outcome
    from operations.services import Services


@dataclass(frozen=True)
class Held:
    """What the terminal says of the button having been held. lon, lat in WGS-84 degrees, None where it has no position."""

    key: str | None = None  # the same key again is the same emergency
    at: datetime | None = None  # when it was held; None: now
    lon: float | None = None
    lat: float | None = None
    position_at: datetime | None = None  # when it was there; None: now


class Place(NamedTuple):
    """Where the crew is, as far as is known; lon, lat in WGS-84 degrees."""

    lon: float
    lat: float
    age_s: float


async def call_for_help(services: Services, actor: Actor, unit: Unit, held: Held) -> Outcome:
    """Make the incident, or add to the one that is open for this crew already: it rings again.

    Its owner is the crew's own command, wherever the crew is: it knows the crew and can hand the incident over.

    Raises NotPermitted where the actor may not, and Unavailable where nothing can be made durable.
    """
    services.authority.authorise(actor, Action.PANIC, org_code=None if actor.unit_id == unit.unit_id else unit.org_code)
    now = services.clock.now()
    place = _newest_place(services, unit, held)
    command = ReceiveIncident(
        incident_type=OFFICER_EMERGENCY,
        grade=Grade.MAJOR,
        text=_text(services, unit, place),
        lon=None if place is None else place.lon,
        lat=None if place is None else place.lat,
        org_code=unit.org_code,
        happened_at=held.at if held.at is not None and LONG_AGO <= held.at <= now else now,
        on_behalf_of=unit.unit_id,
        channel="terminal",
        source=PANIC_SOURCE,
        # Not the handler's key: a repetition may find the crew somewhere else, and would be another command under the same key.
        source_id=None if held.key is None else hashlib.sha256(f"{unit.unit_id} {held.key}".encode()).hexdigest(),
    )
    # The right to this very command was asked above; the general one to receive incidents stays with the desks.
    inside = Actor(actor.name, actor.role, actor.org_code, actor.unit_id, kind="system")
    return await services.handler.handle(command, inside)


def _newest_place(services: Services, unit: Unit, held: Held) -> Place | None:
    """The newest position that has passed the checks; without any the one that was sent with it, if that is a place at all."""
    table = services.positions
    index = table.index_of(unit.unit_id)
    if index is not None and not math.isnan(table.lon[index]):
        age_s = max(0.0, services.clock.unix_s() - float(table.position_at[index]))
        return Place(float(table.lon[index]), float(table.lat[index]), age_s)
    if held.lon is None or held.lat is None or not (abs(held.lon) <= 180 and abs(held.lat) <= 90):
        return None
    if held.lon == held.lat == 0.0:  # what a receiver without a fix says
        return None
    age_s = 0.0 if held.position_at is None else services.clock.unix_s() - held.position_at.timestamp()
    return Place(held.lon, held.lat, max(0.0, age_s))


def _text(services: Services, unit: Unit, place: Place | None) -> str:
    """In both languages: it is data, and stands as it is before everyone who sees the incident. Plain clothes 便衣 are not named there;
    whom the incident was made on behalf of is seen by those alone who may see that crew."""
    chinese = [f"{unit.callsign if unit.marked else '便衣警力'}按住了紧急求援按钮。"]
    english = [f"{unit.callsign if unit.marked else 'A plain-clothes crew'} held the panic button."]
    incident = services.handler.picture.incidents.get(unit.incident_id or "")
    if incident is not None:
        chinese.append(f"正在处置警情 {incident.number}。")
        english.append(f"It is on incident {incident.number}.")
    if place is None:
        chinese.append("位置不明。")
        english.append("Its position is not known.")
    elif place.age_s > OLD_FIX_S:
        minutes = round(place.age_s / 60)
        chinese.append(f"位置是 {minutes} 分钟前的。")
        english.append(f"Its position is {minutes} min old.")
    return " ".join(("".join(chinese), *english))
