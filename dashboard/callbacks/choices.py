"""What is chosen from before a command is sent: a disposition, a service, a crew, another incident, an organisation."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dashboard.callbacks.scene import able_units
from dashboard.callbacks.selection import responsible_for
from dashboard.layouts.facts import Facts
from dispatch.duplicates import metres_between
from dispatch.model import Actor, Incident, UnitStatus
from geodata.streets.snapping import OffNetwork

if TYPE_CHECKING:
    from operations.services import Services

Options = list[dict[str, str]]  # {"label", "value"}

# What the caller said afterwards, as the command has it.
SATISFIED: dict[str, bool | None] = {"yes": True, "no": False, "unknown": None}
# A choice of incidents: so many of the nearest. One without a point counts as this far away; a second apart as one metre.
_MOST_INCIDENTS = 40
_UNKNOWN_M = 1_500.0
_MOST_CREWS = 20


async def asked_choices(services: Services, actor: Actor, command: str, incident: Incident | None, facts: Facts) -> Options | None:
    """As `choices`, also for a command whose list takes a search on the streets."""
    if command == "reassign":
        return [] if incident is None else await _crews(services, actor, incident, facts)
    return choices(services, actor, command, incident, facts)


def choices(services: Services, actor: Actor, command: str, incident: Incident | None, facts: Facts) -> Options | None:
    """The list for a command, the likeliest first; None for a command that words suffice for.

    `incident` is the one the command is about; None once it has gone out of sight.
    """
    match command:
        case "close":
            return [{"label": facts.disposition_name(one.id), "value": one.id} for one in facts.codes.disposition]
        case "divert":
            return [_service(one.id, facts) for one in facts.codes.service if one.takes_over]
        case "call_service":
            called = {a.service for a in incident.active_assignments} if incident else set()
            return [_service(one.id, facts) for one in facts.codes.service if one.id not in called]
        case "call_back":
            words = facts.words
            labels = {"yes": words("satisfied"), "no": words("not satisfied"), "unknown": words("no judgement")}
            return [{"label": labels[answer], "value": answer} for answer in SATISFIED]
        case "warn_place":
            return [{"label": facts.warning_name(one.id), "value": one.id} for one in facts.codes.place_warning]
        case "note":
            return _readers(incident, facts)
        case "merge":
            return [] if incident is None else _incidents(services, actor, incident, facts)
        case "offer_handover":
            return [] if incident is None else _organisations(services, actor, incident, facts)
    return None


def _service(service: str, facts: Facts) -> dict[str, str]:
    return {"label": facts.service_name(service), "value": service}


def _readers(incident: Incident | None, facts: Facts) -> Options | None:
    """Everybody on it, or one of its crews."""
    crews = [a.unit_id for a in incident.active_assignments if not a.service] if incident else []
    everybody = {"label": facts.words("For everybody on it"), "value": ""}
    return [everybody, *({"label": f"@{facts.callsign(unit_id)}", "value": unit_id} for unit_id in crews)] if crews else None


async def _crews(services: Services, actor: Actor, incident: Incident, facts: Facts) -> Options:
    """Who could go instead: available crews that the reader commands, soonest there by road first; by callsign where none leads there."""
    on_it = {a.unit_id for a in incident.active_assignments}
    if incident.lon is not None and incident.lat is not None:
        with suppress(OffNetwork):
            found = await services.scene.nearest(incident.lon, incident.lat, actor, _MOST_CREWS, statuses=(UnitStatus.AVAILABLE,))
            return [_crew(row, facts) for row in found if row["available"] and row["unit_id"] not in on_it]
    able = able_units(services, actor, incident)
    return [{"label": unit.callsign, "value": unit.unit_id} for unit in able if unit.unit_id not in on_it]


def _crew(row: dict[str, Any], facts: Facts) -> dict[str, str]:
    """ "江厦A3 · 2:10 · 1.4 km" """
    parts = (row["callsign"], facts.words.eta(row["eta_s"]), facts.words.distance(row["distance_m"]))
    return {"label": " · ".join(parts), "value": row["unit_id"]}


def _incidents(services: Services, actor: Actor, incident: Incident, facts: Facts) -> Options:
    """Other open incidents that the reader commands, nearest in place and time first."""
    picture, authority = services.handler.picture, services.authority
    others = [
        other
        for other in picture.open_incidents()
        if other.incident_id != incident.incident_id
        and authority.in_scope(actor, other.org_code)
        and authority.may_see_incident(actor, other, picture)
    ]
    others.sort(key=lambda other: (_apart_m(incident, other) or _UNKNOWN_M) + abs(_seconds(incident, other)))
    return [{"label": _incident_label(incident, other, facts), "value": other.incident_id} for other in others[:_MOST_INCIDENTS]]


def _apart_m(one: Incident, other: Incident) -> float | None:
    return metres_between(one.lon, one.lat, other.lon, other.lat)


def _seconds(one: Incident, other: Incident) -> float:
    """How much earlier the other was called in; negative: later."""
    return (one.called_at - other.called_at).total_seconds()


def _incident_label(incident: Incident, other: Incident, facts: Facts) -> str:
    """ "#117 Assault · 240 m away · 3:05 earlier · 中山东路 128 号" """
    words, metres, seconds = facts.words, _apart_m(incident, other), _seconds(incident, other)
    where = words("not located yet") if metres is None else words("{distance} away", distance=words.distance(metres))
    apart = words.duration(abs(seconds))
    when = words("{time} earlier", time=apart) if seconds >= 0 else words("{time} later", time=apart)
    parts = (f"#{other.number} {facts.type_name(other.incident_type)}", where, when, other.address)
    return " · ".join(part for part in parts if part)


def _organisations(services: Services, actor: Actor, incident: Incident, facts: Facts) -> Options:
    """Who could own it: whom type and place make responsible; the reader's own organisation, which takes it over at once; the owner's
    neighbours in the tree; the rest."""
    tree, today, owner = services.organisations, services.clock.now().date(), incident.org_code
    codes = [one.code for one in tree.all() if tree.get(one.code, today) is not None]
    parent = next(iter(tree.ancestors(owner, today)), None)
    above = [] if parent is None else [parent]
    siblings = [code for code in codes if parent is not None and tree.ancestors(code, today)[:1] == (parent,)]
    below = [code for code in codes if tree.ancestors(code, today)[:1] == (owner,)]
    responsible = responsible_for(services, incident)
    ordered = dict.fromkeys([*([responsible.code] if responsible else []), actor.org_code, *above, *siblings, *below, *codes])
    return [
        {"label": _organisation_label(code, actor, facts), "value": code}
        for code in ordered
        if code in codes and code not in (owner, incident.handover_to, actor.own_org_code)
    ]


def _organisation_label(code: str, actor: Actor, facts: Facts) -> str:
    name = facts.organisation_name(code)
    return facts.words("{name}: take it over at once", name=name) if code == actor.org_code else name
