"""A line is typed and sent: what could come next, what it means, and its command on the same way as that of any button."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.commands import warning_ends
from dashboard.callbacks.context import actor_of_callback, facts_for
from dashboard.callbacks.new_incident import receive
from dashboard.layouts.actions import command_label
from dashboard.layouts.claim import WARNED
from dashboard.layouts.command_line import offer_view, trouble_text
from dashboard.layouts.facts import Facts
from dashboard.layouts.scene import tile_of
from dispatch.claims import live_claim
from dispatch.commands import AnyIncidentCommand, ReceiveIncident
from dispatch.errors import DispatchError
from dispatch.model import Actor, Grade, Incident, Unit, UnitStatus
from geodata.routing.travel import OffNetwork
from operations.cameras.camera_groups import CAMERA
from operations.incidents.command_line import GRAMMAR, MAX_LINE, Choice, Kind, Read, Trouble, Vocabulary, complete, incident_named, read

if TYPE_CHECKING:
    from operations.services import Services

MOST_PLACES = 8
_CAMERA_WITHIN_M = 1.0  # of a place that was found: it is that camera
MOST_ENDED = 200  # incidents that ended last can be named too: to be opened, reopened, remarked on
MOST_NEAREST = 12  # crews whose time by road is asked for; the others follow by callsign
Answer = dict[str, Any]


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(Output(ids.LINE_OFFERED, "data"), Input(ids.LINE_TYPED, "data"), State(ids.PAGE, "data"), prevent_initial_call=True)
    async def on_typed(typed: dict[str, Any] | None, page: dict[str, Any]) -> Any:
        if not typed:
            return no_update
        actor = actor_of_callback(app, page)
        return await offered(services, actor, str(typed["text"])[:MAX_LINE], typed.get("selected"), facts_for(services, actor, page))

    @app.callback(Output(ids.LINE_ANSWERED, "data"), Input(ids.LINE_SENT, "data"), State(ids.PAGE, "data"), prevent_initial_call=True)
    async def on_sent(sent: dict[str, Any] | None, page: dict[str, Any]) -> Any:
        if not sent:
            return no_update
        actor = actor_of_callback(app, page)
        key = f"{page['id']}:line:{sent['n']}"
        return await carry_out(services, actor, sent, key, facts_for(services, actor, page)) | {"n": sent["n"]}

    app.clientside_callback(ClientsideFunction("liandong", "lineOffered"), Input(ids.LINE_OFFERED, "data"), prevent_initial_call=True)
    app.clientside_callback(ClientsideFunction("liandong", "lineAnswered"), Input(ids.LINE_ANSWERED, "data"), prevent_initial_call=True)


async def offered(services: Services, actor: Actor, line: str, selected: str | None, facts: Facts) -> Answer:
    """What could stand at the end of the line."""
    vocabulary = await vocabulary_of(services, actor, line, selected, facts)
    return offer_view(line, await asyncio.to_thread(complete, line, vocabulary), facts)


async def carry_out(services: Services, actor: Actor, sent: dict[str, Any], key: str, facts: Facts) -> Answer:
    """Reads the line and does what it says; a line that ends or takes something is asked about first.

    `sent`: {"text", "selected", "confirmed": the version that was asked about, or None}. The answer has `kind`: good, bad or ask.
    """
    line = str(sent["text"])[:MAX_LINE]
    vocabulary = await vocabulary_of(services, actor, line, sent.get("selected"), facts)
    try:
        found = await asyncio.to_thread(read, line, vocabulary)
    except Trouble as trouble:
        return {"kind": "bad", "text": trouble_text(trouble, facts)}
    if not found.verb.command:
        return _for_the_page(services, found)
    incident = services.handler.picture.incidents.get(found.fields.get("incident_id", ""))
    holder = claimed_by_another(found, incident, facts)
    must_ask = found.verb.confirm or bool(holder)
    asked_at = sent.get("confirmed") if must_ask else None
    if must_ask and asked_at is None:
        return {"kind": "ask", "text": question(found, incident, holder, facts), "version": incident.version if incident else 0}
    if found.verb.command == "warn_place":
        found.fields["expires_at"] = warning_ends(services, found.fields["warning"])
    try:
        return await _send(services, actor, found, asked_at, key, facts)
    except DispatchError as refused:
        return {"kind": "bad", "text": facts.words.refusal(refused)}


def _for_the_page(services: Services, found: Read) -> Answer:
    """What the browser does by itself: select, move the map, show the picture of a camera that was gone to."""
    if found.verb.name == "open":
        return {"kind": "good", "text": "", "select": {"kind": "incident", "incident_id": found.fields["incident_id"]}}
    place = found.fields["place"]
    if place is None:
        return {"kind": "good", "text": ""}
    cameras = services.elements.around(place[0], place[1], _CAMERA_WITHIN_M, (CAMERA,))
    named = next((camera for camera in cameras if camera["name"] == place[2]), None)
    watch = {"watch": tile_of(named)} if named is not None else {}
    return {"kind": "good", "text": "", "go": {"lon": place[0], "lat": place[1]}} | watch


async def _send(services: Services, actor: Actor, found: Read, version: int | None, key: str, facts: Facts) -> Answer:
    said = f"{command_label(found.verb.command, facts)} ✓" if found.verb.command != "receive" else facts.words("Recorded.")
    command = command_of(found, version, services.codes.type_by_id)
    if isinstance(command, ReceiveIncident):
        outcome = await receive(services, actor, command, key)
        return {"kind": "good", "text": said, "select": {"kind": "incident", "incident_id": outcome.incident_id}}
    await services.handler.handle(command, actor, key)
    return {"kind": "good", "text": said, "select": {"kind": "incident", "incident_id": command.incident_id}}


def command_of(found: Read, version: int | None, type_by_id: dict[str, Any]) -> AnyIncidentCommand | ReceiveIncident:
    """The command that a line stands for; `version` is the one a person was asked about. Raises msgspec.ValidationError."""
    fields = {name: value for name, value in found.fields.items() if name != "place"}
    place = found.fields.get("place")
    if place is not None:
        fields |= {"lon": place[0], "lat": place[1], "address": place[2]}
    if found.verb.by_radio:
        fields["channel"] = "radio"
    if found.verb.command == "receive":
        kind = type_by_id[fields["incident_type"]]
        return msgspec.convert(fields | {"command": "receive", "grade": int(kind.grade), "channel": "desk"}, ReceiveIncident)
    if version is not None:
        fields["expected_version"] = version
    return msgspec.convert(fields | {"command": found.verb.command}, AnyIncidentCommand)


def claimed_by_another(found: Read, incident: Incident | None, facts: Facts) -> str:
    """Who has claimed the incident, where that is to be minded before this command; empty where it is not."""
    held = live_claim(incident, facts.now) if incident and found.verb.command in WARNED else None
    return held.by if held and held.by != facts.account else ""


def question(found: Read, incident: Incident | None, holder: str, facts: Facts) -> str:
    """What is asked before something ends, or is done to what another desk has claimed: the command, the incident, and what was chosen."""
    what = f"#{incident.number} {facts.type_name(incident.incident_type)}" if incident else ""
    named = [choice.name or choice.words[0] for choice in found.named[1:]]
    parts = (command_label(found.verb.command, facts), what, *named, found.fields.get("text", ""))
    asked = facts.words("{what}? Enter again to confirm.", what=" · ".join(part for part in parts if part))
    if not holder:
        return asked
    claimed = facts.words("Claimed by {name}", name=holder)
    return f"{claimed}. {asked}"


async def vocabulary_of(services: Services, actor: Actor, line: str, selected: str | None, facts: Facts) -> Vocabulary:
    """What this reader may name, as of now. `selected`: the incident that a dot stands for. What comes back may be asked in a thread."""
    known = await asyncio.to_thread(_known, services, actor, selected, facts)
    about = incident_named(line, lambda kind, _typed: known.get(kind, ()))
    known[Kind.UNIT] = known[Kind.UNITS] = await _units(services, actor, about, facts) if about else []

    def vocabulary(kind: Kind, typed: str) -> Sequence[Choice]:
        return _places(services, typed, facts) if kind is Kind.PLACE else known[kind]

    return vocabulary


def _known(services: Services, actor: Actor, selected: str | None, facts: Facts) -> dict[Kind, Sequence[Choice]]:
    """Everything but crews and places. Runs in a thread."""
    picture, authority = services.handler.picture, services.authority
    ended = [picture.incidents[one] for one in reversed(picture.ended_order[-MOST_ENDED:]) if one in picture.incidents]
    visible = [one for one in (*picture.open_incidents(), *ended) if authority.may_see_incident(actor, one, picture)]
    visible.sort(key=lambda one: one.incident_id != selected)
    return {
        Kind.VERB: [
            Choice(verb, (verb.name, verb.zh), _does(verb.command, verb.name, facts), verb.zh)
            for verb in GRAMMAR
            if not verb.command or authority.can(actor, verb.command)
        ],
        Kind.INCIDENT: [_incident(one, selected, facts) for one in visible],
        Kind.TYPE: [_coded(kind.id, facts.type_name(kind.id), facts) for kind in services.codes.incident_type],
        Kind.GRADE: [Choice(int(grade), (str(int(grade)), facts.words.grade(grade)), name=facts.words.grade(grade)) for grade in Grade],
        Kind.DISPOSITION: [_coded(one.id, facts.disposition_name(one.id), facts) for one in services.codes.disposition],
        Kind.SERVICE: [_coded(one.id, facts.service_name(one.id), facts) for one in facts.codes.service],
        Kind.DIVERSION: [_coded(one.id, facts.service_name(one.id), facts) for one in facts.codes.service if one.takes_over],
        Kind.WARNING: [_coded(one.id, facts.warning_name(one.id), facts) for one in facts.codes.place_warning],
        Kind.ORGANISATION: [_coded(one.code, facts.organisation_name(one.code), facts) for one in services.organisations.all()],
    }


def _coded(code: str, name: str, facts: Facts) -> Choice:
    """A row of a code table: written by its name where that is one Chinese word, else by its code; read by either."""
    if facts.words.language == "zh":
        return Choice(code, (name, code))
    return Choice(code, (code, name), name=name)


def _does(command: str, name: str, facts: Facts) -> str:
    words = facts.words
    own = {"open": words("Select the incident"), "goto": words("Move the map there"), "new": words("Record a call")}
    return own.get(name) or command_label(command, facts)


def _incident(one: Incident, selected: str | None, facts: Facts) -> Choice:
    stage = facts.words.stage(one.stage)
    detail = " · ".join(part for part in (facts.type_name(one.incident_type), stage, one.address) if part)
    return Choice(one.incident_id, (str(one.number), ".") if one.incident_id == selected else (str(one.number),), detail)


async def _units(services: Services, actor: Actor, incident_id: str, facts: Facts) -> list[Choice]:
    """Crews the actor commands: those on the incident, then the available ones soonest there by road, then the rest by callsign."""
    incident = services.handler.picture.incidents.get(incident_id)
    eta_s: dict[str, float] = {}
    if incident is not None and incident.lon is not None and incident.lat is not None:
        deployable = (UnitStatus.AVAILABLE, UnitStatus.COMMITTED_DEPLOYABLE)
        # Off the network nothing is near by road: by callsign then.
        with suppress(OffNetwork):
            rows = await services.scene.nearest(incident.lon, incident.lat, actor, MOST_NEAREST, statuses=deployable)
            eta_s = {row["unit_id"]: row["eta_s"] for row in rows}
    return await asyncio.to_thread(_crews, services, actor, incident, eta_s, facts)


def _crews(services: Services, actor: Actor, incident: Incident | None, eta_s: dict[str, float], facts: Facts) -> list[Choice]:
    picture, authority = services.handler.picture, services.authority
    on_it = {a.unit_id for a in incident.active_assignments} if incident else set()
    known = (unit for unit in picture.units.values() if authority.in_scope(actor, unit.org_code))
    commanded = [unit for unit in known if authority.may_see_unit(actor, unit, picture)]
    commanded.sort(key=lambda unit: (unit.unit_id not in on_it, eta_s.get(unit.unit_id, math.inf), unit.callsign))
    return [Choice(unit.unit_id, (unit.callsign, unit.unit_id), _unit_detail(unit, eta_s.get(unit.unit_id), facts)) for unit in commanded]


def _unit_detail(unit: Unit, eta_s: float | None, facts: Facts) -> str:
    status = facts.words.status(unit.status)
    return status if eta_s is None else f"{facts.words.eta(eta_s)} · {status}"


def _places(services: Services, typed: str, facts: Facts) -> list[Choice]:
    """Places of the city's index; one name that several have is told apart by where it is. Runs in a thread."""
    unknown = Choice(None, ("-",), facts.words("not located yet"))
    name = typed.split(" (")[0].strip()
    if not name:
        return [unknown]
    found: dict[str, Choice] = {}
    for place in services.places.search(name, None, MOST_PLACES):
        where = " · ".join(filter(None, (facts.words.place_kind(place.kind), place.detail)))
        word = place.name if place.name not in found else f"{place.name} ({place.lon:.4f} {place.lat:.4f})"
        found.setdefault(word, Choice((place.lon, place.lat, place.name), (word,), where))
    return [*found.values(), unknown]
