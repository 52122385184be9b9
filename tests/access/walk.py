"""Walks every way in as everyone, and notes for each step what came back and what must have come back."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import Mount, Route, WebSocketRoute

from dashboard.edge import ENROLMENT_PATHS, SECURITY_HEADERS
from dashboard.live import Request as LiveMessage
from dashboard.scene_video_socket import Begin, End
from dashboard.terminal_socket import AnyMessage
from operations.access.authority import ENROLLING
from operations.access.permissions import Action, Role
from operations.tracking.reports import AnyReport
from tests.access import expected as ex
from tests.access import routes as r
from tests.access import surfaces as s
from tests.access.asgi import Answer, Talk, ask
from tests.access.world import AccessWorld, Who

HTTP, COMMAND, CONVERSATION, SOCKET, MESSAGE = "route", "command", "conversation", "socket", "message"
UNKNOWN = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Step:
    """One thing asked by one asker. Outcomes are statuses of HTTP; of sockets and conversations `served` or `refused`."""

    kind: str
    surface: str
    takes: str
    about: str
    who: Who
    outcome: str
    wanted: frozenset[str]
    is_served: bool  # it got what it asked for
    leaked: tuple[str, ...] = ()  # secrets in the answer that this asker may not know
    found: tuple[str, ...] = ()  # secrets in the answer, rightly

    @property
    def is_right(self) -> bool:
        return self.outcome in self.wanted and not self.leaked

    def __str__(self) -> str:
        leaks = f"; told {', '.join(self.leaked)}" if self.leaked else ""
        return f"{self.who.name}: {self.kind} {self.surface}: {self.outcome}, must be {' or '.join(sorted(self.wanted))}{leaks}"


@dataclass
class Walk:
    """All steps of one walk, and what is in the application but not declared."""

    steps: list[Step] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)  # declared, and no longer there
    bare: list[str] = field(default_factory=list)  # answers that lack a security header, or have a weaker one
    differing: list[str] = field(default_factory=list)  # hidden and unknown things that are refused in different words


def walk(world: AccessWorld) -> Walk:
    """Everything, in an order in which nothing spoils what comes after."""
    found = Walk()
    found.undeclared, found.gone = _compare(world)
    world.run(_walk(world, found))
    return found


async def _walk(world: AccessWorld, found: Walk) -> None:
    walker = _Walker(world, found)
    await walker.learn()
    for who in world.askers:
        await walker.unknown(who)
    for who in world.askers:
        await walker.routes(who)
        await walker.commands(who)
    for who in [*world.askers, *_at_desks(world)]:
        await walker.conversations(who)
    for path in s.SOCKETS:
        # Positions count only when each is newer than the one before.
        size = 1 if path == "/feeds/v1" else 20
        for group in _groups([*world.askers, *(_at_desks(world) if path == "/live" else ())], size):
            await asyncio.gather(*(walker.socket(path, who) for who in group))


def _groups(askers: list[Who], size: int) -> Iterator[list[Who]]:
    """Sockets that are open at the same time."""
    for start in range(0, len(askers), size):
        yield askers[start : start + size]


def _at_desks(world: AccessWorld) -> Iterator[Who]:
    """Accounts whose page says that it is a station's desk or a wall: it can narrow what they see and never widen it."""
    commander = world.who(Role.COMMANDER, "city")
    east = world.who(Role.COMMANDER, "neighbour")
    yield Who("city at the desk of WEST", commander.role, "own", None, "desk own", commander.headers)
    yield Who("city at the desk of EAST", commander.role, "neighbour", None, "desk neighbour", commander.headers)
    yield Who("city at the desk of FAR", commander.role, "elsewhere", None, "desk elsewhere", commander.headers)
    yield Who("EAST claiming the desk of WEST", east.role, "neighbour", None, "desk own", east.headers)
    yield Who("city before a wall", Role.VIEWER, "city", None, "wall page", commander.headers)


class _Walker:
    def __init__(self, world: AccessWorld, found: Walk) -> None:
        self._world = world
        self._found = found
        self._own: dict[tuple[str, str], str] = {}  # what an asker made itself: its upload, its webhook
        self._dash_file = ""
        self._moments = itertools.count()

    async def learn(self) -> None:
        """The address of one of Dash's own files, as the page names it."""
        page = await ask(self._world.edge, "GET", "/", self._world.who(Role.ADMIN, "city").headers)
        found = re.search(rb'src="(/_dash-component-suites/[^"?]+)', page.body)
        assert found is not None
        self._dash_file = found[1].decode()

    def _names(self, who: Who) -> dict[str, str]:
        world = self._world
        own = {name: self._own.get((who.name, name), known) for name, known in world.known.items()}
        return world.known | {
            "who": who.name.replace(" ", "-"),
            "now": world.clock.now().isoformat().replace("+00:00", "Z"),
            "dash_file": self._dash_file,
            "own_unit": who.unit_id or world.known["idle"],
            "own_upload": own["upload"],
            "own_webhook": own["webhook"],
        }

    def _note(
        self,
        kind: str,
        surface: str,
        asked: r.Route | s.Conversation | s.Said,
        who: Who,
        answer: Answer,
        outcome: str,
        wanted: Iterable[str],
        said: str = "",
        good: Iterable[str] = ("served",),
    ) -> None:
        """`said`: what the asker itself named, which it may hear again; `good`: outcomes of what was granted."""
        told = answer.every_byte
        present = [name for name, (secret, _) in ex.SECRETS.items() if secret.encode() in told and secret not in said]
        leaked = tuple(name for name in present if not ex.SECRETS[name][1](who))
        rightly = tuple(name for name in present if ex.SECRETS[name][1](who))
        is_served = outcome in good
        self._found.steps.append(
            Step(kind, surface, str(asked.takes), asked.about, who, outcome, frozenset(wanted), is_served, leaked, rightly)
        )

    # Routes

    async def routes(self, who: Who) -> None:
        for (method, path, _), route in r.ROUTES.items():
            if route.takes in (ex.PUBLIC, ex.EVERYBODY) and who.place not in ("own", "elsewhere"):
                continue  # the same everywhere
            if path == "/logout" and who.kind != "nobody":
                continue  # it would end what is walked with
            if path in ENROLMENT_PATHS and who.kind == ENROLLING:
                continue  # what is open to it; tests/dashboard tells what it finds there
            await self._route(who, method, path, route)

    async def _route(self, who: Who, method: str, path: str, route: r.Route) -> None:
        names = self._names(who)
        url = s.filled(route.url, names)
        headers = [*who.headers, *route.headers]
        if route.about == "new upload":
            headers.append(r.upload_metadata(self._world.known["incident"]))
        body = route.body if isinstance(route.body, bytes) else b""
        if route.body is not None and not isinstance(route.body, bytes):
            body = json.dumps(s.filled(route.body, names)).encode()
            headers.append(("content-type", "application/json"))
        answer = await ask(self._world.edge, method, url, headers, body)
        self._remember(who, path, method, answer)
        surface = f"{method} {route.variant if route.variant.startswith('/') else path}"
        surface += f" ({route.variant})" if route.variant and not route.variant.startswith("/") else ""
        if lacking := lacks(url, answer.headers):
            self._found.bare.append(f"{who.name}: {surface}: {', '.join(lacking)}")
        wanted, good = (set(map(str, statuses)) for statuses in (self._statuses(who, route), route.good))
        self._note(HTTP, surface, route, who, answer, str(answer.status), wanted, url + body.decode("latin-1"), good)

    def _remember(self, who: Who, path: str, method: str, answer: Answer) -> None:
        if method == "POST" and answer.status == 201:
            if path.endswith("/uploads"):
                self._own[who.name, "upload"] = answer.headers["location"].rsplit("/", 1)[-1]
            elif path.endswith("/webhooks"):
                self._own[who.name, "webhook"] = json.loads(answer.body)["webhook_id"]

    def _statuses(self, who: Who, route: r.Route) -> frozenset[int]:
        """What may come back."""
        if route.takes == ex.PUBLIC or (who.is_known and who.kind != ENROLLING and route.takes == ex.EVERYBODY):
            return route.good
        if not who.is_known:
            return frozenset({401})
        if who.kind == ENROLLING:
            return frozenset({403})
        if not ex.grants(who, route.takes):
            return frozenset({404 if route.about == "own upload" else 403})
        if route.about == "new upload":
            status = ex.command_status(who, Action.ADD_UPLOAD, names_unit=False)
            return route.good if status == 409 else frozenset({status})
        if route.about == "receipt of WEST" and who.role == Role.OFFICER:  # a crew answers for itself, and WEST is none
            return frozenset({403 if who.unit_id is not None else 404})
        if route.about in ("unit's status", "own unit's status"):
            return self._status_of_unit(who, route)
        return route.good if self._granted(who, route) else frozenset({route.otherwise})

    def _granted(self, who: Who, route: r.Route) -> bool:
        """To someone whose role would do."""
        match route.about:
            case "":
                return True
            case "duty at WEST":
                return ex.sees_duty(who)
            case "own account":
                return who.kind == "session"
            case "own upload":
                return (who.name, "upload") in self._own
            case "webhook" if "own_webhook" in route.url and (who.name, "webhook") in self._own:
                return True
            case "place in WEST" | "unit's organisation" | "desk of WEST" | "receipt of WEST" | "webhook" | "account":
                return ex.reaches(who)
        return ex.SEEN[route.about](who)

    @staticmethod
    def _status_of_unit(who: Who, route: r.Route) -> frozenset[int]:
        """A crew sets its own, others those of their scope; of others a desk hears only where it sees them. A feed sees none, and is
        told that one lies outside its scope, so that a token of a wrong scope is found out.
        """
        if who.unit_id is not None:
            return route.good if route.about == "own unit's status" else frozenset({403})
        return route.good if ex.reaches(who) else frozenset({403 if ex.sees_unit(who) or who.role == Role.FEED else 404})

    async def unknown(self, who: Who) -> None:
        """What may not be known is refused in the very words in which what does not exist is."""
        for (method, path, _), route in r.ROUTES.items():
            name = route.about
            if name not in ex.SEEN or method != "GET" or not ex.grants(who, route.takes) or ex.SEEN[name](who):
                continue
            known, unknown = self._world.known[name], UNKNOWN.replace("-", "") if name == "upload" else UNKNOWN
            answers = [await ask(self._world.edge, method, s.filled(route.url, {name: one}), who.headers) for one in (known, unknown)]
            hidden, missing = (answer.body.replace(one.encode(), b"ID") for answer, one in zip(answers, (known, unknown), strict=True))
            if (answers[0].status, hidden) != (answers[1].status, missing):
                self._found.differing.append(f"{who.name}: {method} {path}: {hidden.decode()} | {missing.decode()}")

    # Commands

    async def commands(self, who: Who) -> None:
        incident_id = self._world.known["incident"]
        for name, fields in s.COMMANDS.items():
            filled = {key: incident_id if value == s.ITSELF else value for key, value in fields.items()}
            body = {"command": name, "expected_version": 10_000, **filled}
            headers = [*who.headers, ("content-type", "application/json")]
            answer = await ask(self._world.edge, "POST", f"/api/v1/incidents/{incident_id}/commands", headers, json.dumps(body).encode())
            wanted = ex.command_status(who, name, "unit_ids" in fields)
            asked = s.Said(name, "incident")
            self._note(COMMAND, name, asked, who, answer, str(answer.status), {str(wanted)}, str(body), ("409",))

    # Conversations

    async def conversations(self, who: Who) -> None:
        for output, spec in self._world.dash.callback_map.items():
            name = callback_name(spec)
            for one in s.CONVERSATIONS.get(name, ()) if name else ():
                await self._conversation(who, output, spec, name, one)

    async def _conversation(self, who: Who, output: str, spec: dict[str, Any], name: str, one: s.Conversation) -> None:
        payload = self._payload(who, output, spec, one)
        headers = [*who.headers, ("content-type", "application/json")]
        answer = await ask(self._world.edge, "POST", "/_dash-update-component", headers, json.dumps(payload).encode())
        served = answer.status == 200 and s.filled(one.served, self._names(who)) in answer.body.decode()
        outcome = "served" if served else str(answer.status) if answer.status >= 400 else "refused"
        first = output.strip(".").split(".", 1)[0]
        surface = f"{name} ({first}): {one.words}" if name.startswith("place.") else f"{name}: {one.words}"
        self._note(CONVERSATION, surface, one, who, answer, outcome, {self._conversed(who, one)}, json.dumps(payload))

    @staticmethod
    def _conversed(who: Who, one: s.Conversation) -> str:
        if not who.is_known:
            return "401"
        if not ex.grants(who, Action.SEE_PICTURE):
            return "403"
        if not ex.grants(who, one.takes):
            return "refused"
        if one.about == "incident's command":
            status = ex.command_status(who, one.takes, names_unit=False)
            return "served" if status == 409 else "refused"
        if one.about == "command over the incident":
            return "served" if ex.sees_incident(who) and ex.reaches(who) else "refused"
        return "served" if one.about == "" or ex.SEEN[one.about](who) else "refused"

    def _payload(self, who: Who, output: str, spec: dict[str, Any], one: s.Conversation) -> dict[str, Any]:
        names = self._names(who)
        page: dict[str, Any] = {"id": names["who"], "lang": "en", "wall": who.kind == "wall page", "desk": None}
        if who.kind.startswith("desk "):
            page["desk"] = ex.PLACES[who.kind.removeprefix("desk ")]
        values = s.filled(one.values, names) | {"page": page}

        def with_values(dependencies: Iterable[dict[str, str]]) -> list[dict[str, Any]]:
            return [{"id": d["id"], "property": d["property"], "value": values.get(d["id"])} for d in dependencies]

        inputs = with_values(spec["inputs"])
        changed = next((i for i in inputs if i["value"] is not None), inputs[0])
        return {
            "output": output,
            "outputs": _outputs(output),
            "inputs": inputs,
            "changedPropIds": [f"{changed['id']}.{changed['property']}"],
            "state": with_values(spec["state"]),
        }

    # Sockets

    async def socket(self, path: str, who: Who) -> None:
        takes, kinds = s.SOCKETS[path]
        query = f"?scope={ex.PLACES[who.kind.removeprefix('desk ')]}" if who.kind.startswith("desk ") else ""
        query = "?screen=all" if who.kind == "wall page" else query
        url = path.replace("{recording_id}", self._world.known["recording"]) + query
        async with Talk(self._world.edge, url, who.headers) as talk:
            outcomes = await TALKS[path](self, talk, who, kinds)
        self._note(SOCKET, path, s.Said(takes, ""), who, talk.answer, str(talk.code or "served"), {self._admitted(who, path, takes)})
        for kind, outcome in outcomes.items():
            wanted = "served" if self._heard(who, path, kinds[kind]) else "refused"
            self._note(MESSAGE, f"{path} {kind}", kinds[kind], who, Answer(0, b""), outcome, {wanted})

    def _message(self, who: Who, kind: str, said: s.Said, **more: Any) -> dict[str, Any]:
        moment = self._world.clock.now() + timedelta(seconds=0.01 * next(self._moments) - 30)
        names = self._names(who) | {"moment": moment.isoformat()}
        filled: dict[str, Any] = s.filled({"type": kind, **said.message}, names)
        return filled | more

    async def _talk_live(self, talk: Talk, who: Who, kinds: dict[str, s.Said]) -> dict[str, str]:
        if not await talk.until(lambda: _count(talk, "hello") == 1):
            return {}
        outcomes = {"ping": "served", "resync": "served"}
        for number, kind in enumerate(("show", "look", *(kind for kind, said in kinds.items() if said.takes == ex.NOBODY)), 1):
            errors = _count(talk, "error")
            await talk.say(self._message(who, kind, kinds[kind]))
            await talk.say(self._message(who, "ping", kinds["ping"]))  # answered after it, whatever came of it
            await talk.until(lambda number=number: _count(talk, "pong") == number)  # type: ignore[misc]
            outcomes[kind] = "refused" if _count(talk, "error") > errors else "served"
        await talk.say(self._message(who, "resync", kinds["resync"]))
        await talk.until(lambda: _count(talk, "hello") == 2)
        return outcomes

    async def _talk_feeds(self, talk: Talk, who: Who, kinds: dict[str, s.Said]) -> dict[str, str]:
        outcomes = {}
        for number, (kind, said) in enumerate(kinds.items(), 1):
            await talk.say(self._message(who, kind, said))
            if not await talk.until(lambda number=number: len(talk.heard) == number):  # type: ignore[misc]
                return {}
            outcomes[kind] = "served" if talk.texts()[-1]["accepted"] == 1 else "refused"
        return outcomes

    async def _talk_terminal(self, talk: Talk, who: Who, kinds: dict[str, s.Said]) -> dict[str, str]:
        if not await talk.until(lambda: _count(talk, "hello") == 1):
            return {}
        crew = self._world.known["unit"]
        for kind in ("delivered", "seen", "position", "command", "panic"):
            await talk.say(self._message(who, kind, kinds[kind], unit_id=crew, key=f"{who.name}-{kind}"))
            if kind in ("command", "panic"):  # answered in any case, and after what was said before
                await talk.until(lambda kind=kind: f"{who.name}-{kind}" in _results(talk))  # type: ignore[misc]
        await talk.say(self._message(who, "ping", kinds["ping"]))
        await talk.until(lambda: _count(talk, "pong") == 1)
        await talk.say(self._message(who, "resync", kinds["resync"]))
        await talk.until(lambda: _count(talk, "hello") == 2)
        results = {kind: _results(talk).get(f"{who.name}-{kind}", True) for kind in kinds}
        results["position"] &= not _count(talk, "rejected")
        return {kind: "served" if is_good else "refused" for kind, is_good in results.items()}

    async def _talk_scene_video(self, talk: Talk, who: Who, kinds: dict[str, s.Said]) -> dict[str, str]:
        """A recording of its own each; its end is told too early, so that it stays under way."""
        recording_id = hashlib.sha256(who.name.encode()).hexdigest()[:32]
        outcomes = {}
        for number, (kind, said) in enumerate(kinds.items(), 1):
            more = {"recording_id": recording_id} if kind == "recording" else {}
            await talk.say(self._message(who, kind, said, **more))
            if not await talk.until(lambda number=number: len(talk.heard) == number):  # type: ignore[misc]
                return {}
            outcomes[kind] = "served" if "have" in talk.texts()[-1] else "refused"
        return outcomes

    async def _talk_scene_watch(self, talk: Talk, who: Who, kinds: dict[str, s.Said]) -> dict[str, str]:
        await talk.until(lambda: bool(talk.heard) and talk.heard[0].startswith(b'{"mime"'))
        return {}

    async def _talk_to_nobody(self, talk: Talk, who: Who, kinds: dict[str, s.Said]) -> dict[str, str]:
        await talk.until(lambda: False)
        return {}

    @staticmethod
    def _admitted(who: Who, path: str, takes: str) -> str:
        if not who.is_known:
            return "4401"
        if takes == ex.NOBODY:
            return "4403"
        if path == "/live" and (who.kind, who.place) == ("desk own", "neighbour"):
            return "4403"  # a desk outside its own scope
        if path == "/feeds/v1" and who.unit_id is not None:
            takes = Action.USE_TERMINAL  # a crew's device reports for its own unit
        if path.startswith("/video/scene/"):
            if ex.grants(who, takes) and not ex.sees_incident(who):
                return "4404"
        elif path.startswith("/video/"):
            return "4410" if ex.grants(who, takes) else "4403"
        return "served" if ex.grants(who, takes) else "4403"

    @staticmethod
    def _heard(who: Who, path: str, said: s.Said) -> bool:
        """Of someone who was let in."""
        if said.takes == ex.NOBODY:
            return False
        if path == "/feeds/v1" and said.about == "unit in scope" and who.unit_id is not None:
            return ex.is_crew(who)
        if not ex.grants(who, said.takes) or (said.about == "another unit" and who.unit_id is not None):
            return False
        if said.about == "the crew" and who.unit_id is not None:
            return ex.is_crew(who)
        return said.about == "" or ex.reaches(who)


TALKS = {
    "/live": _Walker._talk_live,
    "/feeds/v1": _Walker._talk_feeds,
    "/terminal/socket": _Walker._talk_terminal,
    "/video/{camera_id}": _Walker._talk_to_nobody,
    "/terminal/video": _Walker._talk_scene_video,
    "/video/scene/{recording_id}": _Walker._talk_scene_watch,
    "/_dash-ws-callback": _Walker._talk_to_nobody,
}


def _count(talk: Talk, kind: str) -> int:
    return sum(text.get("type") == kind for text in talk.texts())


def _results(talk: Talk) -> dict[str, bool]:
    """By key: whether a command was taken."""
    return {text["key"]: bool(text.get("ok")) for text in talk.texts() if text.get("type") in ("result", "error")}


def lacks(url: str, headers: dict[str, str]) -> list[str]:
    """Names of the security headers that an answer lacks, or has weaker than they must be."""
    weak = [name for name, value in SECURITY_HEADERS.items() if headers.get(name.lower()) != value]
    policy = headers.get("content-security-policy", "")
    script = next((rule for rule in policy.split("; ") if rule.startswith("script-src ")), "")
    is_strict = "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and script and "unsafe" not in script
    if policy != "sandbox" and not is_strict:
        weak.append("Content-Security-Policy")
    if url.startswith("/api/v1/") and "/uploads/" not in url and "no-store" not in headers.get("cache-control", ""):
        weak.append("Cache-Control")
    return weak


# What there is


def callback_name(spec: dict[str, Any]) -> str:
    """`module.function` of a callback of the server; empty for one that runs in the browser."""
    function = spec.get("callback")
    return "" if function is None else f"{function.__module__.rsplit('.', 1)[-1]}.{function.__qualname__.rsplit('.', 1)[-1]}"


def routes_in(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of every route, routers within it included; sockets as WEBSOCKET."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from routes_in(route.original_router.routes, prefix + route.include_context.prefix)
        elif isinstance(route, APIWebSocketRoute | WebSocketRoute):
            yield "WEBSOCKET", prefix + route.path
        elif isinstance(route, Mount):
            yield "GET", prefix + route.path
        elif isinstance(route, APIRoute | Route):
            for method in sorted(route.methods or ()):
                if method != "HEAD" or "GET" not in (route.methods or ()):
                    yield method, prefix + route.path
        else:
            yield "UNKNOWN", repr(route)


def _compare(world: AccessWorld) -> tuple[list[str], list[str]]:
    declared = {(method, path) for method, path, _ in r.ROUTES} | set(r.WALKED_APART) | {("WEBSOCKET", path) for path in s.SOCKETS}
    there = {f"{method} {path}" for method, path in routes_in(world.server.routes)}
    listed = {f"{method} {path}" for method, path in declared}
    there |= {f"command {name}" for name in ex.OFFERED}
    listed |= {f"command {name}" for name in s.COMMANDS}
    there |= {f"conversation {name}" for name in map(callback_name, world.dash.callback_map.values()) if name}
    listed |= {f"conversation {name}" for name in s.CONVERSATIONS}
    understood = {"/live": LiveMessage, "/terminal/socket": AnyMessage, "/feeds/v1": AnyReport, "/terminal/video": Begin | End}
    for path, kinds in understood.items():
        there |= {f"message {path} {kind.__struct_config__.tag}" for kind in get_args(kinds)}
        listed |= {f"message {path} {kind}" for kind in s.SOCKETS[path][1]}
    return sorted(there - listed), sorted(listed - there)


def _outputs(output: str) -> Any:
    """As the browser names them: one output, or a list of several."""

    def one(text: str) -> dict[str, str]:
        component, _, name = text.rpartition(".")
        return {"id": component, "property": name}

    if not output.startswith(".."):
        return one(output)
    return [one(part) for part in output[2:-2].split("...")]
