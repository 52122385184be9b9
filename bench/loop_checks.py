"""What must hold after kills: nothing acknowledged lost or doubled, a sound chain, views and deadlines as a cold fold of the journal."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from bench.loop_clients import Desk, Terminal
from bench.loop_sides import EVENTS
from bench.processes import Server
from composition import compose
from dispatch.clock import SystemClock
from dispatch.deadlines import Targets, load_targets, notices
from dispatch.events import DeadlineMissed, IncidentReceived, Recorded
from dispatch.evolve_incident import evolve_incident
from dispatch.model import OPEN_STAGES, Actor, Incident
from dispatch.organisations import OrganisationTree
from geodata.cities.city import open_city
from operations.access.audience import Audience
from operations.outgoing.push import Pushes
from settings import Settings
from single_commands import find_damage
from storage.database import open_database
from storage.journal import pages
from storage.read_models import event_name
from storage.replay import picture_of
from storage.sql_journal import SqlJournal

if TYPE_CHECKING:
    from operations.services import Services

# The watch looks four times a second; a machine that is busy with everything coming back may take longer.
TOLD_WITHIN = timedelta(seconds=2.0)
# What terminals are not told again of: that their own push has arrived.
UNTOLD = ("version", "delivered_at", "seen_at")
Json = dict[str, Any]


@dataclass
class Kills:
    """What was done, and everything that should not be: the lists are empty when all is well."""

    rounds: list[dict[str, float]] = field(default_factory=list)  # per kill: seconds until it answered, until everyone was greeted
    acknowledged: int = 0
    sent_again: int = 0
    deadlines_told: int = 0
    deadlines_told_after_s: list[float] = field(default_factory=list)  # due → on record, of those during which the server ran
    views_compared: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    deadlines_wrong: list[str] = field(default_factory=list)
    deadlines_forgotten: list[str] = field(default_factory=list)
    views_wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return self.lost + self.doubled + self.damage + self.deadlines_wrong + self.deadlines_forgotten + self.views_wrong


class Acknowledged(NamedTuple):
    """A command that was answered, and with what."""

    command: str
    incident_id: str
    version: int
    revision: int | None  # None where the answer names none


class Down(NamedTuple):
    """When the server did not run."""

    killed_at: datetime
    up_at: datetime


def check_journal(server: Server, acknowledged: Sequence[Acknowledged], down: Sequence[Down], found: Kills) -> None:
    """Read the journal of the stopped server and note in `found` what is wrong."""
    settings = Settings(data=server.data, demo=False)
    found.damage = find_damage(settings)[1]
    engine = open_database(settings.database_url)
    events = list(pages(SqlJournal(engine), 0))
    engine.dispose()
    city = open_city(server.city)
    check_events(events, acknowledged, load_targets(city.folder / "targets.toml"), OrganisationTree(city.organisations()), down, found)


def check_events(
    events: Sequence[Recorded],
    acknowledged: Iterable[Acknowledged],
    targets: Targets,
    tree: OrganisationTree,
    down: Sequence[Down],
    found: Kills,
) -> None:
    """Note in `found` what is wrong with a whole journal, revision 1 first."""
    found.lost = list(_lost(events, acknowledged))
    found.doubled = list(_doubled(events))
    _check_deadlines(events, targets, tree, down, found)


def _lost(events: Sequence[Recorded], acknowledged: Iterable[Acknowledged]) -> Iterable[str]:
    by_step = {(event.incident_id, event_name(event)): event for event in events}
    about = {event.revision: event.incident_id for event in events}
    for one in acknowledged:
        event = by_step.get((one.incident_id, EVENTS[one.command]))
        if event is None:
            yield f"{one.command} of incident {one.incident_id} was acknowledged and is not in the journal"
        elif (event.incident_version or 0) > one.version or event.revision > (one.revision or event.revision):
            yield f"{one} was acknowledged before its event of revision {event.revision}, version {event.incident_version}"
        elif one.revision is not None and about.get(one.revision) != one.incident_id:
            yield f"{one} was acknowledged with a revision of another incident"


def _doubled(events: Iterable[Recorded]) -> Iterable[str]:
    steps = Counter((event.incident_id, event_name(event)) for event in events if event_name(event) in EVENTS.values())
    calls = Counter(event.body.text for event in events if isinstance(event.body, IncidentReceived))
    yield from (f"{name} of incident {incident_id} is recorded {count} times" for (incident_id, name), count in steps.items() if count > 1)
    yield from (f"{text!r} was received {count} times" for text, count in calls.items() if count > 1)


# Deadlines ---------------------------------------------------------------------------------------------------------------


def _check_deadlines(events: Sequence[Recorded], targets: Targets, tree: OrganisationTree, down: Sequence[Down], found: Kills) -> None:
    """Every miss was due at that instant and not told before; every one that was due has been told while the server ran."""
    incidents: dict[str, Incident] = {}
    told: Counter[tuple[Any, ...]] = Counter()
    forgotten: set[str] = set()
    for event in events:
        if event.incident_id is None:
            continue
        before = incidents.get(event.incident_id)
        due = [] if before is None else notices(before, targets, 1 + len(tree.ancestors(before.org_code)))
        body = event.body
        if isinstance(body, DeadlineMissed):
            told[body.incident_id, body.step, body.round, body.level, body.assignment_id, body.quiet] += 1
            notice = next(
                (n for n in due if (n.deadline.step, n.deadline.assignment_id, n.level) == (body.step, body.assignment_id, body.level)),
                None,
            )
            if notice is None or notice.deadline.due_at != body.due_at or notice.at > event.recorded_at:
                found.deadlines_wrong.append(f"revision {event.revision} tells {body}, where {notice} was due")
            else:
                due.remove(notice)
                late = event.recorded_at - notice.at
                if _up_since(notice.at, event.recorded_at, down) == notice.at:
                    found.deadlines_told_after_s.append(late.total_seconds())
        forgotten |= {
            f"{n} of incident {event.incident_id}"
            for n in due
            if event.recorded_at - _up_since(n.at, event.recorded_at, down) > TOLD_WITHIN
        }
        after = evolve_incident(before, event)
        if after is not None:
            incidents[event.incident_id] = after
    found.deadlines_told = sum(told.values())
    found.deadlines_wrong += [f"{key} was told {count} times" for key, count in told.items() if count > 1]
    found.deadlines_forgotten = sorted(forgotten)


def _up_since(at: datetime, now: datetime, down: Sequence[Down]) -> datetime:
    """From when on the server has run until `now`, `at` at the earliest. When it was down in between, the tale begins anew."""
    return max([at, *(one.up_at for one in down if one.killed_at <= now and one.up_at > at)])


# Views -------------------------------------------------------------------------------------------------------------------


async def wrong_views(server: Server, desks: Sequence[Desk], terminals: Sequence[Terminal], within_s: float) -> list[str]:
    """Who still sees something else than a cold fold of the journal after so long."""
    settings = Settings(data=server.data, demo=False, city=server.city)
    services = (await asyncio.to_thread(compose, settings, open_city(server.city), SystemClock())).services
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + within_s
    while True:
        wrong = await _differing(services, settings, desks, terminals)
        if not wrong or loop.time() > give_up_at:
            return wrong
        await asyncio.sleep(0.2)


async def _differing(services: Services, settings: Settings, desks: Sequence[Desk], terminals: Sequence[Terminal]) -> list[str]:
    engine = open_database(settings.database_url)
    cold = await asyncio.to_thread(lambda: picture_of(SqlJournal(engine), use_snapshots=False))
    engine.dispose()
    frozen = replace(services, handler=SimpleNamespace(picture=cold))  # type: ignore[arg-type]
    wrong = []
    hellos: dict[str, Json] = {}
    for number, desk in enumerate(desks):
        if desk.scope not in hellos:
            hellos[desk.scope] = _hello(services, Actor(f"desk-{number}", "operator", desk.scope, kind="token"), cold)
        expected = hellos[desk.scope]
        shown = {id_: incident for id_, incident in desk.incidents.items() if incident["stage"] in OPEN_STAGES}
        if shown != {incident["incident_id"]: incident for incident in expected["incidents"]}:
            wrong.append(f"incidents of desk {number} at {desk.scope}")
        if _by_unit(desk.units.values()) != _by_unit(expected["units"]):
            wrong.append(f"units of desk {number} at {desk.scope}")
    pushes = Pushes(frozen)
    for terminal in terminals:
        link = _Link(Actor("terminal", "officer", services.city.code, unit_id=terminal.unit_id, kind="token"))
        pushes.greet(link)  # type: ignore[arg-type]
        if terminal.unit != link.hello["unit"] or _told(terminal.incidents.values()) != _told(link.hello["incidents"]):
            wrong.append(f"terminal of {terminal.unit_id}")
    return wrong


class _Link:
    """Takes the greeting a terminal would get."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.hello: Json = {}

    def tell(self, message: bytes) -> None:
        self.hello = msgspec.json.decode(message)


def _hello(services: Services, actor: Actor, picture: Any) -> Json:
    """What a desk is told that connects and sees this picture."""
    audience = Audience(actor, services.authority, services.positions, services.loop_view)
    audience.take(audience.look(picture), picture, picture.revision)
    hello, *more = (msgspec.json.decode(message) for message in audience.hello(actor, picture, picture.revision, 0.0))
    hello["units"] += [row for message in more for row in message["units"]]
    return dict(hello)


def _by_unit(rows: Iterable[Json]) -> dict[str, Json]:
    """Rows by unit; their index means something on one connection only."""
    return {row["unit_id"]: {name: value for name, value in row.items() if name != "index"} for row in rows}


def _told(incidents: Iterable[Json]) -> dict[str, Json]:
    """Incidents as terminals are told of them."""
    told = {}
    for incident in incidents:
        assignments = [{name: value for name, value in a.items() if name not in UNTOLD} for a in incident["assignments"]]
        told[incident["incident_id"]] = {n: v for n, v in incident.items() if n not in UNTOLD} | {"assignments": assignments}
    return told
