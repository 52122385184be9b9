"""What everyone with the same rights is told: which units and incidents they see, and the messages made of them.

Clients with equal rights share one `Audience`, so that each message and each frame is made once for all of them. It
speaks only of what `authority` lets its actor see; everything that leaves on the live socket goes through here.
Message formats: `docs/live-protocol.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.duty_events import DutyCircleEvent, UnitRegistered
from dispatch.event_bases import IncidentEvent, UnitEvent
from dispatch.events import Recorded
from dispatch.model import Actor, Incident, Unit
from dispatch.picture import OperatingPicture

HELLO_UNITS = 4_000  # rows in a hello; the rest follows in `units` messages, so that no message grows without bound
# Fields of stored events that are for the journal only.
_PRIVATE_FIELDS = ("caller_digest",)

Json = dict[str, Any]


class Sight(Protocol):
    """The questions of `operations.access.authority.Authority` that matter here."""

    def may_see_incident(self, actor: Actor, incident: Incident, picture: OperatingPicture | None = None) -> bool: ...

    def may_see_unit(self, actor: Actor, unit: Unit, picture: OperatingPicture) -> bool: ...

    def visible_units(self, actor: Actor, picture: OperatingPicture) -> frozenset[str]: ...

    def incident_for(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> Incident: ...

    def may_see_event(self, actor: Actor, recorded: Recorded, picture: OperatingPicture, incident: Incident | None = None) -> bool: ...

    def sees_circles(self, actor: Actor) -> bool: ...


class UnitIndex(Protocol):
    """The part of the position table that numbers the units."""

    def follow(self, unit: Unit) -> int: ...

    def index_of(self, unit_id: str) -> int | None: ...


class Seen(NamedTuple):
    """Answer of a look at a whole picture; made in a thread, because it asks about every unit."""

    picture: OperatingPicture
    unit_ids: frozenset[str]
    incident_ids: frozenset[str]


class Rights(NamedTuple):
    """What decides who sees what; equal rights, one audience."""

    role: str
    org_code: str
    unit_id: str | None
    kind: str
    own_org_code: str | None

    @classmethod
    def of(cls, actor: Actor) -> Rights:
        return cls(actor.role, actor.org_code, actor.unit_id, actor.kind, actor.own_org_code)


class Audience:
    """One set of rights, and what its clients have been told so far. Not thread-safe, `look` excepted."""

    def __init__(self, actor: Actor, sight: Sight, table: UnitIndex, loop_view: Callable[[Incident], Json]) -> None:
        """`loop_view`: what is shown beside an incident, as `operations.services.Services.loop_view`."""
        self.visible: NDArray[np.bool_] = np.zeros(0, dtype=bool)  # by unit index
        self.widened = 0  # how often the view has widened
        self.widened_at: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # by unit index: that count when it came into sight
        self.actor = actor
        self._sight = sight
        self._table = table
        self._loop_view = loop_view
        self._rows: dict[int, Json] = {}  # by unit index: as announced
        self._incident_ids: set[str] = set()  # open incidents, as announced
        self._hello: tuple[OperatingPicture, list[msgspec.Raw], msgspec.Raw] | None = None  # parts for the next hello

    def look(self, picture: OperatingPicture) -> Seen:
        """Ask about every unit and open incident. Reads nothing that changes: may run in a thread."""
        units = self._sight.visible_units(self.actor, picture)
        incidents = (i for i in picture.incidents.values() if i.is_open and self._sees_incident(i, picture))
        return Seen(picture, units, frozenset(i.incident_id for i in incidents))

    def sees(self, incident_id: str) -> bool:
        """Whether it has been told of this open incident, and has not lost sight of it."""
        return incident_id in self._incident_ids

    def _sees_unit(self, unit: Unit, picture: OperatingPicture) -> bool:
        return self._sight.may_see_unit(self.actor, unit, picture)

    def _sees_incident(self, incident: Incident, picture: OperatingPicture) -> bool:
        return self._sight.may_see_incident(self.actor, incident, picture)

    # What changed

    def take(self, seen: Seen, picture: OperatingPicture, revision: int) -> list[bytes]:
        """Make `seen` what is visible, brought up to `picture` where that has moved on; texts that say the difference."""
        then = seen.picture
        newer_units = [unit_id for unit_id, unit in picture.units.items() if then.units.get(unit_id) is not unit]
        newer_incidents = [i for i in picture.incidents.values() if then.incidents.get(i.incident_id) is not i]
        asked_units = {unit_id: self._sees_unit(picture.units[unit_id], picture) for unit_id in newer_units}
        units = {unit_id: asked_units.get(unit_id, unit_id in seen.unit_ids) for unit_id in picture.units}
        texts = self._show_units(units, picture, revision)
        asked = {i.incident_id: i.is_open and self._sees_incident(i, picture) for i in newer_incidents}
        visible = {i for i in seen.incident_ids & picture.incidents.keys() if asked.get(i, True)} | {i for i, sees in asked.items() if sees}
        for incident_id in sorted(visible - self._incident_ids):
            told = self._incident_view(picture.incidents[incident_id], picture)
            texts.append(self._incident_text(told, None, revision))
        for incident_id in sorted(self._incident_ids - visible):
            texts.append(_gone_text(incident_id, revision))
        self._incident_ids = visible
        return texts

    def hear(self, batch: Iterable[Recorded], picture: OperatingPicture) -> list[bytes]:
        """Texts that tell of these events; `picture` is as of the last of them or newer."""
        texts: list[bytes] = []
        unit_ids: dict[str, None] = {}
        registered: set[str] = set()
        revision = 0
        for recorded in batch:
            revision, body = recorded.revision, recorded.body
            if isinstance(body, UnitRegistered):
                registered.add(body.unit_id)
            if isinstance(body, UnitEvent):
                unit_ids[body.unit_id] = None
            elif isinstance(body, IncidentEvent):
                incident = picture.incidents.get(body.incident_id)
                unit_ids.update(dict.fromkeys(() if incident is None else (a.unit_id for a in incident.assignments)))
            elif isinstance(body, DutyCircleEvent) and self._sight.sees_circles(self.actor):
                # Which one is not said: who counts on whose forces may just have changed.
                texts.append(msgspec.json.encode({"type": "duty_circles", "revision": revision}))
            texts += self.incident_event(recorded, picture)
        for incident in self._incidents_of(registered, picture):
            texts += self._incident_again(incident, picture, revision)
            unit_ids.update(dict.fromkeys(a.unit_id for a in incident.assignments))
        asked = {unit_id: self._sees_unit(picture.units[unit_id], picture) for unit_id in unit_ids if unit_id in picture.units}
        # Last: a client that has the units text of a revision has every event up to it.
        return texts + self._show_units(asked, picture, revision)

    def _incidents_of(self, unit_ids: set[str], picture: OperatingPicture) -> list[Incident]:
        """Open incidents these units are on: who sees them, and whom they show, depends on the units' organisation and marking."""
        if not unit_ids:
            return []
        return [i for i in picture.incidents.values() if i.is_open and any(a.unit_id in unit_ids for a in i.assignments)]

    def _incident_again(self, incident: Incident, picture: OperatingPicture, revision: int) -> list[bytes]:
        """An incident of which nothing has happened but that may look otherwise now."""
        if self._sees_incident(incident, picture):
            self._incident_ids.add(incident.incident_id)
            return [self._incident_text(self._incident_view(incident, picture), None, revision)]
        if incident.incident_id in self._incident_ids:
            self._incident_ids.discard(incident.incident_id)
            return [_gone_text(incident.incident_id, revision)]
        return []

    def again(self, incident_ids: Iterable[str], picture: OperatingPicture, revision: int) -> list[bytes]:
        """Texts of incidents of which nothing is on record, but what stands beside them has changed."""
        self._hello = None
        known = [picture.incidents[id_] for id_ in sorted(incident_ids) if id_ in self._incident_ids and id_ in picture.incidents]
        return [text for incident in known for text in self._incident_again(incident, picture, revision)]

    def incident_event(self, recorded: Recorded, picture: OperatingPicture) -> list[bytes]:
        """The text that tells of one event of an incident, if this audience may know of it."""
        incident = picture.incidents.get(recorded.incident_id or "")
        if incident is None or not isinstance(recorded.body, IncidentEvent):
            return []
        known = incident.incident_id in self._incident_ids
        if not self._sees_incident(incident, picture):
            self._incident_ids.discard(incident.incident_id)
            return [_gone_text(incident.incident_id, recorded.revision)] if known else []
        if incident.is_open:
            self._incident_ids.add(incident.incident_id)
        else:
            self._incident_ids.discard(incident.incident_id)
        told = self._incident_view(incident, picture)
        return [self._incident_text(told, self._event_view(recorded, told, picture), recorded.revision)]

    # Messages

    def hello(
        self,
        actor: Actor,
        picture: OperatingPicture,
        revision: int,
        server_at: float,
        resumed: bool = False,
        replay: Mapping[str, Any] | None = None,
    ) -> list[bytes]:
        """The messages that begin a connection, or begin it again. `server_at` in Unix seconds; `replay` marks a picture of the past."""
        if self._hello is None or self._hello[0] is not picture:
            rows = list(self._rows.values())
            pages = [rows[at : at + HELLO_UNITS] for at in range(0, len(rows), HELLO_UNITS)] or [[]]
            shown = [self._incident_view(i, picture) for i in picture.open_incidents() if i.incident_id in self._incident_ids]
            incidents = [self._with_loop(incident) for incident in shown]
            self._hello = picture, [msgspec.Raw(msgspec.json.encode(page)) for page in pages], msgspec.Raw(msgspec.json.encode(incidents))
        _, unit_pages, incidents_json = self._hello
        scope = {"name": actor.name, "role": actor.role, "org_code": actor.org_code, "unit_id": actor.unit_id}
        hello = {
            "type": "hello",
            "revision": revision,
            "server_at": server_at,
            "scope": scope,
            "resumed": resumed,
            "units": unit_pages[0],
            "incidents": [] if resumed else incidents_json,
            "incident_ids": sorted(self._incident_ids),
        }
        if replay is not None:
            hello["replay"] = replay
        more = [{"type": "units", "revision": revision, "units": page, "gone": []} for page in unit_pages[1:]]
        return [msgspec.json.encode(message) for message in (hello, *more)]

    def _incident_view(self, incident: Incident, picture: OperatingPicture) -> Incident:
        return self._sight.incident_for(self.actor, incident, picture)

    def _with_loop(self, told: Incident) -> Json:
        view: Json = msgspec.to_builtins(told)
        return view | self._loop_view(told)

    def _incident_text(self, told: Incident, event: Json | None, revision: int) -> bytes:
        return msgspec.json.encode({"type": "incident", "revision": revision, "incident": self._with_loop(told), "event": event})

    def _event_view(self, recorded: Recorded, told: Incident, picture: OperatingPicture) -> Json | None:
        """The event as clients get it; None when it speaks of a unit that may not be seen. `told`: its incident as they get it."""
        if not self._sight.may_see_event(self.actor, recorded, picture):
            return None
        view: Json = msgspec.to_builtins(recorded.body)
        assignment_id = view.get("assignment_id")
        if assignment_id is not None and all(a.assignment_id != assignment_id for a in told.assignments):
            return None
        for name in _PRIVATE_FIELDS:
            view.pop(name, None)
        if "promises" in view:
            shown = {a.unit_id for a in told.assignments}
            view["promises"] = {unit_id: promise for unit_id, promise in view["promises"].items() if unit_id in shown}
        return {
            "event_id": recorded.event_id,
            "occurred_at": recorded.occurred_at,
            "recorded_at": recorded.recorded_at,
            "actor": recorded.actor,
            "actor_role": recorded.actor_role,
            "on_behalf_of": recorded.on_behalf_of,
            "channel": recorded.channel,
            "incident_version": recorded.incident_version,
            **view,
        }

    # The table of units

    def _show_units(self, sees_by_id: dict[str, bool], picture: OperatingPicture, revision: int) -> list[bytes]:
        """Show or hide these units; the text that says what is new, changed or gone, if anything."""
        rows: list[Json] = []
        gone: list[int] = []
        for unit_id, sees in sees_by_id.items():
            unit = picture.units[unit_id]
            index = self._table.follow(unit)
            if sees:
                row = _unit_row(index, unit)
                if self._rows.get(index) != row:
                    self._set_visible(index, True)
                    self._rows[index] = row
                    rows.append(row)
            elif index in self._rows:
                self._set_visible(index, False)
                del self._rows[index]
                gone.append(index)
        if not rows and not gone:
            return []
        self._hello = None
        return [msgspec.json.encode({"type": "units", "revision": revision, "units": rows, "gone": gone})]

    def _set_visible(self, index: int, visible: bool) -> None:
        if index >= len(self.visible):
            grown = max(1024, 2 * index)
            self.visible = np.concatenate([self.visible, np.zeros(grown - len(self.visible), dtype=bool)])
            self.widened_at = np.concatenate([self.widened_at, np.zeros(grown - len(self.widened_at), dtype=np.int64)])
        if visible and not self.visible[index]:
            self.widened += 1
            self.widened_at[index] = self.widened
        self.visible[index] = visible


def _unit_row(index: int, unit: Unit) -> Json:
    return {
        "index": index,
        "unit_id": unit.unit_id,
        "callsign": unit.callsign,
        "kind": unit.kind,
        "org_code": unit.org_code,
        "status": unit.status,
        "marked": unit.marked,
        "incident_id": unit.incident_id,
    }


def _gone_text(incident_id: str, revision: int) -> bytes:
    return msgspec.json.encode({"type": "incident_gone", "revision": revision, "incident_id": incident_id})
