"""Everyone on the live socket: one ticker gives each client what it lacks. Protocol: `docs/live-protocol.md`.

Clients have no task and no queue of frames. Each tick writes to those whose connection is free what changed since their
own last frame, so that a slow one gets fewer and larger frames and never holds up another. Texts wait in a bounded queue.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from dashboard.live_coverage import ToldCoverage
from dashboard.open_sockets import UNAUTHENTICATED, Recheck
from dashboard.server import BINARY, TEXT, Outlet, bye, websocket_message
from dashboard.ticker import Ticker
from dispatch.events import Recorded
from dispatch.model import Actor
from dispatch.past_events import IMPORTED
from operations.access.audience import Audience, Rights
from operations.access.authority import Action, as_wall
from operations.footage.scene_video_told import ToldSceneVideo, scene_rows
from operations.incidents.presence import Look, Looker, ToldLookers, lookers_by_incident
from operations.outgoing.broadcasts import ToldBroadcasts
from operations.outgoing.screens import View
from operations.tracking.frames import Changed, FrameKind, Sent, encode, heartbeat, select

if TYPE_CHECKING:
    from operations.cameras.ptz import TakenOver
    from operations.incidents.bus import Subscription
    from operations.services import Services
    from operations.tracking.positions import PositionTable

HEARTBEAT_S = 0.85  # at least one frame a second, a tick's jitter included
FULL_EVERY_S = 10.0  # ages of units that are heard but stand still
STATUS_EVERY_S = 5.0  # elements and health
LOOK_EVERY_S = 30.0
BESIDE_EVERY_S = 0.25  # who walks through the queue is told where he is now, not each step; receipts come by the hundred
READY_BELOW = 16 * 1024  # waiting bytes up to which a connection counts as free
MOST_TEXTS = 1_000
MOST_RESUMED = 1_000  # events that are sent after; beyond, a whole picture is smaller

NOTHING = Sent()
NO_UNITS: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
log = structlog.get_logger(__name__)


class Beside(NamedTuple):
    """What one audience of desks was told beside the picture."""

    lookers: ToldLookers
    broadcasts: ToldBroadcasts


class LiveClient:
    """One connection: what it was sent last and which texts still wait for it."""

    def __init__(self, actor: Actor, outlet: Outlet, audience: Audience, screen: str | None, recheck: Recheck) -> None:
        self.actor = actor
        self.recheck = recheck  # whether the log-in still holds
        self.outlet = outlet
        self.audience = audience
        self.screen = screen
        self.texts: deque[bytes] = deque()  # ready to write
        self.needs_hello = True  # nothing else may be sent before it
        self.sent = NOTHING  # up to where frames have told it
        self.framed_at = 0.0  # loop time of the last frame
        self.full_round = -1  # round of FULL_EVERY_S that the last full frame belonged to
        self.bad_messages = 0
        self.looking: Look | None = None  # the incident that is open at this desk

    def tell(self, message: bytes) -> None:
        """Write a text message, or let it wait for the ones before it. Too many waiting: all are given up for a new hello."""
        if self.needs_hello:
            return  # the hello will say it
        self.texts.append(message)
        self.flush()
        if len(self.texts) > MOST_TEXTS:
            self.start_over()

    def look(self, incident_id: str | None, now_s: float) -> None:
        """This desk has opened an incident, or none. `now_s`: Unix seconds."""
        if incident_id is None:
            self.looking = None
        elif self.looking is None or self.looking.incident_id != incident_id:
            own_org_code = self.actor.own_org_code or self.actor.org_code
            self.looking = Look(incident_id, Looker(self.actor.name, own_org_code, now_s))

    def flush(self) -> None:
        while self.texts and self.outlet.waiting_bytes < READY_BELOW:
            self.outlet.write(self.texts.popleft())

    def start_over(self) -> None:
        """Forget what waits; a hello and a full frame follow when the connection is free."""
        self.texts.clear()
        self.needs_hello = True

    def begin(self, messages: list[bytes]) -> None:
        """Put a hello and what belongs to it before everything else."""
        self.needs_hello = False
        self.sent = NOTHING
        self.texts.extend(websocket_message(TEXT, message) for message in messages)
        self.flush()


class LiveHub:
    """All clients of the live socket. Runs only while there are any; everything happens on the event loop."""

    def __init__(self, services: Services, replay: Callable[[], Mapping[str, Any]] | None = None) -> None:
        """`replay`: for services of the past, what a hello says of their clock."""
        self._services = services
        self._replay = replay
        self._clients: set[LiveClient] = set()
        self._audiences: dict[Rights, Audience] = {}
        self._beside: dict[Rights, Beside] = {}  # of audiences of desks that act
        self._scene_video: dict[Rights, ToldSceneVideo] = {}  # of audiences that see evidence
        self._coverage = ToldCoverage(services)
        self._users: Counter[Rights] = Counter()  # clients of each audience, those that are about to join included
        self._picture = services.handler.picture  # as of the last batch that was told, or newer
        self._revision = 0  # of the last event that was told
        self._elements: bytes | None = None  # last messages of their kind, for newcomers
        self._health: bytes | None = None
        self._task: asyncio.Task[None] | None = None

    # Coming and going

    async def join(self, actor: Actor, outlet: Outlet, screen: str | None, since_revision: int | None, recheck: Recheck) -> LiveClient:
        """Register, then take the snapshot, then apply: the client is told everything after its hello."""
        seen_by = actor if screen is None else as_wall(actor)
        rights = Rights.of(seen_by)
        self._users[rights] += 1
        try:
            self._start()
            audience = await self._audience(rights, seen_by)
            missed = await self._missed(since_revision)
        except BaseException:
            self._release(rights)
            raise
        client = LiveClient(seen_by, outlet, audience, screen, recheck)
        self._clients.add(client)  # no await from here to the hello: nothing can be told in between
        self._say_hello(client, missed)
        if self._replay is not None:
            self._tick(asyncio.get_running_loop().time())  # at rest nothing moves that would hurry the frame with everybody's place
        return client

    def leave(self, client: LiveClient) -> None:
        if client in self._clients:
            self._clients.discard(client)
            self._release(Rights.of(client.actor))

    def _release(self, rights: Rights) -> None:
        self._users[rights] -= 1
        if self._users[rights] == 0:
            del self._users[rights]
            self._audiences.pop(rights, None)
            self._beside.pop(rights, None)
            self._scene_video.pop(rights, None)
        if not self._users and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _audience(self, rights: Rights, actor: Actor) -> Audience:
        known = self._audiences.get(rights)
        if known is not None:
            return known
        audience = Audience(actor, self._services.authority, self._services.positions, self._services.loop_view)
        seen = await asyncio.to_thread(audience.look, self._picture)
        # Another client with equal rights may have been quicker.
        first = self._audiences.setdefault(rights, audience)
        if first is audience:
            audience.take(seen, self._picture, self._revision)
            if self._services.authority.can(actor, Action.LOOK):
                self._beside[rights] = Beside(ToldLookers(), ToldBroadcasts(self._services.authority, actor))
            if self._services.authority.can(actor, Action.SEE_EVIDENCE):
                self._scene_video[rights] = ToldSceneVideo(self._services.authority, actor)
        return first

    async def _missed(self, since_revision: int | None) -> list[Recorded] | None:
        """Events after `since_revision` up to what has been told; None when a whole picture is due instead."""
        if since_revision is None or not 0 < since_revision <= self._revision:
            return None
        missed: list[Recorded] = []
        # Events go on being told while the journal is read: read again until nothing lies between.
        while (missed[-1].revision if missed else since_revision) < self._revision:
            missed += await self._services.history.changes(missed[-1].revision if missed else since_revision, MOST_RESUMED + 1)
            if len(missed) > MOST_RESUMED:
                return None
        return [recorded for recorded in missed if recorded.revision <= self._revision]

    def _say_hello(self, client: LiveClient, missed: list[Recorded] | None = None) -> None:
        audience, picture, now = client.audience, self._picture, self._services.clock.unix_s()
        marker = None if self._replay is None else self._replay()
        messages = audience.hello(client.actor, picture, self._revision, now, resumed=missed is not None, replay=marker)
        for recorded in missed or ():
            messages += audience.incident_event(recorded, picture)
        messages += [message for message in (self._elements, self._health) if message is not None and self._may_have(client, message)]
        messages += self._coverage.newest(Rights.of(client.actor))
        if client.screen is not None:
            shown = (self._services.screens.newest(client.actor.org_code, client.screen),)
            messages += [_view_text(view) for view in shown if view is not None]
        beside = self._beside.get(Rights.of(client.actor))
        if beside is not None:
            messages += beside.lookers.all() + beside.broadcasts.all(self._services.handler.picture)
        told = self._scene_video.get(Rights.of(client.actor))
        messages += told.all() if told is not None else []
        client.begin(messages)

    def _may_have(self, client: LiveClient, message: bytes | None) -> bool:
        action = Action.SEE_HEALTH if message is self._health else Action.SEE_ELEMENTS
        return self._services.authority.can(client.actor, action)

    # Running

    def _start(self) -> None:
        if self._task is None:
            # Subscribed before the picture is taken, so that no event falls between the two.
            subscription = self._services.bus.subscribe()
            self._picture = self._services.handler.picture
            self._revision = self._picture.revision
            self._task = asyncio.create_task(self._run(subscription), name="live")

    async def _run(self, subscription: Subscription) -> None:
        """Everything that runs while there are clients. A fault ends all connections: they come back, and start it anew."""
        stop_listening = self._services.screens.listen(self._show)
        stop_suggesting = self._services.stages.listen(self._suggest)
        # Who takes a camera over now is nothing of the past.
        stop_taking_over = self._services.ptz.listen(self._camera_taken) if self._replay is None else lambda: None
        try:
            async with asyncio.TaskGroup() as group:
                coverage = self._coverage.tell_on(self._audiences, self._tell)
                told = (self._listen(subscription), self._tick_on(), self._tell_status(), self._tell_beside(), self._look_again(), coverage)
                for part in told:
                    group.create_task(part)
        except* Exception:
            log.exception("live_socket_failed", clients=len(self._clients))
            self._task = None
            for client in self._clients:
                client.outlet.abort()
        finally:
            subscription.close()
            stop_listening()
            stop_suggesting()
            stop_taking_over()

    async def _listen(self, subscription: Subscription) -> None:
        """Tell what the journal records; when too much of it was missed, everyone gets a whole picture."""
        async for batch in subscription:
            if subscription.overflowed:
                subscription.overflowed = False
                await self._start_over()
            self._hear(batch)

    async def _start_over(self) -> None:
        """Too much was missed to be told one by one: new hellos for everyone."""
        self._picture = self._services.handler.picture
        self._revision = self._picture.revision
        for audience in tuple(self._audiences.values()):
            audience.take(await asyncio.to_thread(audience.look, self._picture), self._picture, self._revision)
        for client in self._clients:
            client.start_over()

    def _hear(self, batch: tuple[Recorded, ...]) -> None:
        # What other systems recorded, which a replay tells, raises no revision.
        fresh = tuple(recorded for recorded in batch if recorded.revision > self._revision or recorded.channel == IMPORTED)
        if not fresh:
            return  # in the picture that was taken after subscribing
        self._picture = self._services.handler.picture
        self._revision = fresh[-1].revision
        for audience in self._audiences.values():
            self._tell(audience, audience.hear(fresh, self._picture))

    def _tell(self, audience: Audience, texts: list[bytes]) -> None:
        if not texts:
            return  # most of what happens is outside most scopes
        messages = [websocket_message(TEXT, text) for text in texts]
        for client in self._clients:
            if client.audience is audience:
                for message in messages:
                    client.tell(message)

    def _suggest(self, incident_ids: frozenset[str]) -> None:
        """What positions suggest has changed on these incidents."""
        for audience in self._audiences.values():
            self._tell(audience, audience.again(incident_ids, self._picture, self._revision))

    def _show(self, view: View) -> None:
        message = websocket_message(TEXT, _view_text(view))
        for client in self._clients:
            if client.actor.org_code == view.org_code and client.screen in (view.screen, "all"):
                client.tell(message)
        if "how" in view.view:
            self._tell_desks(view)

    def _tell_desks(self, view: View) -> None:
        """A desk that a video wall follows ends that when somebody else sends pictures there."""
        message = websocket_message(TEXT, _sent_text(view))
        for client in self._clients:
            is_desk = client.screen is None and self._services.authority.can(client.actor, Action.PUSH_VIEW)
            if is_desk and client.actor.org_code == view.org_code:
                client.tell(message)

    def _camera_taken(self, taken: TakenOver) -> None:
        """Whoever held the camera learns that it moves by another's hand now."""
        org = self._services.organisations.get(taken.by_org)
        told = {"camera_id": taken.camera_id, "camera": taken.camera, "by": taken.by_name, "by_org": taken.by_org}
        told |= {"by_org_name": taken.by_org if org is None else org.name}
        message = websocket_message(TEXT, msgspec.json.encode({"type": "camera_taken", **told}))
        for client in self._clients:
            if (client.actor.name, client.actor.kind) == (taken.from_name, taken.from_kind):
                client.tell(message)

    async def _tell_status(self) -> None:
        """Elements when their counts changed, health each time."""
        while True:
            counts = self._services.elements.counts()
            elements = msgspec.json.encode({"type": "elements", "counts": counts})
            changed, self._elements = elements != self._elements, elements
            self._health = msgspec.json.encode({"type": "health", **self._services.health.snapshot()})
            for client in self._clients:
                for message in ([elements] if changed else []) + [self._health]:
                    if self._may_have(client, message):
                        client.tell(websocket_message(TEXT, message))
            await asyncio.sleep(STATUS_EVERY_S)

    async def _tell_beside(self) -> None:
        """Who has which incident open, broadcasts, and who sends video. A looker who has lost sight of an incident is not told of there."""
        while True:
            await asyncio.sleep(BESIDE_EVERY_S)
            looks = [c.looking for c in self._clients if c.looking is not None and c.audience.sees(c.looking.incident_id)]
            present = lookers_by_incident(looks)
            picture, now = self._services.handler.picture, self._services.clock.now()
            for rights, beside in tuple(self._beside.items()):
                audience = self._audiences[rights]
                self._tell(audience, beside.lookers.changes(present, audience.sees) + beside.broadcasts.changes(picture, now))
            sent = scene_rows(self._services.scene_video, self._services.clock)
            for rights, told in tuple(self._scene_video.items()):
                self._tell(self._audiences[rights], told.changes(sent, picture))

    async def _look_again(self) -> None:
        """What ends without an event: log-ins, and at midnight an organisation's place in the tree."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for client in tuple(self._clients):
                if not await client.recheck():
                    bye(client.outlet, "session_ended", UNAUTHENTICATED)
            for audience in tuple(self._audiences.values()):
                seen = await asyncio.to_thread(audience.look, self._picture)
                self._tell(audience, audience.take(seen, self._picture, self._revision))

    async def _tick_on(self) -> None:
        ticker = Ticker(self._tick)
        stop_listening = self._services.positions.listen(ticker.hurry)
        try:
            await ticker.run()
        finally:
            stop_listening()

    def _tick(self, now: float) -> None:
        """Give every client whose connection is free what it lacks; cut off those that have stopped reading."""
        frames = Frames(self._services.positions, self._revision, self._services.clock.unix_s())
        for client in tuple(self._clients):
            # Most have taken everything and wait for nothing but the frame: no more than this is asked of them.
            is_free = not client.outlet.waiting_bytes and not client.texts and not client.needs_hello
            if is_free or self._catch_up(client, now):
                self._send_frame(client, now, frames)

    def _catch_up(self, client: LiveClient, now: float) -> bool:
        """Send what waits, as far as the connection takes it; whether it could take a frame as well."""
        outlet = client.outlet
        if outlet.is_closing:
            return False
        if outlet.is_stalled(now):
            log.warning("live_client_stalled", actor=client.actor.name, waiting_bytes=outlet.waiting_bytes)
            outlet.abort()
            return False
        if client.needs_hello and outlet.waiting_bytes < READY_BELOW:
            self._say_hello(client)
        client.flush()
        return not client.needs_hello and not client.texts and outlet.waiting_bytes < READY_BELOW

    def _send_frame(self, client: LiveClient, now: float, frames: Frames) -> None:
        """The newest frame, or a heartbeat when one is due. `frames`: those of this tick."""
        reached = Sent(self._services.positions.seq, client.audience.widened)
        heartbeat_due = now - client.framed_at >= HEARTBEAT_S
        full_round = int(now // FULL_EVERY_S)
        since = client.sent if full_round == client.full_round else NOTHING
        if since == reached and not heartbeat_due:
            return
        message = None if since == reached else frames.of(client.audience, since)
        if message is None and heartbeat_due:
            message = frames.heartbeat()
        client.sent = reached
        if message is not None:
            client.outlet.write(message)
            client.framed_at = now
            client.full_round = full_round


class Frames:
    """The frames of one tick: those of one audience made once for all its clients that were sent the same before, and what they are
    made of once for all audiences."""

    def __init__(self, positions: PositionTable, revision: int, picture_at: float) -> None:
        self._positions = positions
        self._revision = revision
        self._picture_at = picture_at  # Unix s
        self._frames: dict[tuple[int, Sent], bytes | None] = {}  # by audience and what its clients were sent before
        self._changed: dict[int, Changed] = {}  # by the `seq` since which
        self._heartbeat: bytes | None = None

    def of(self, audience: Audience, since: Sent) -> bytes | None:
        """A full frame (since NOTHING) or one of changes, None when nothing visible changed."""
        key = id(audience), since
        if key not in self._frames:
            frame = self._make(audience, since)
            self._frames[key] = None if frame is None else websocket_message(BINARY, frame)
        return self._frames[key]

    def heartbeat(self) -> bytes:
        if self._heartbeat is None:
            self._heartbeat = websocket_message(BINARY, heartbeat(self._revision, self._picture_at))
        return self._heartbeat

    def _make(self, audience: Audience, since: Sent) -> bytes | None:
        if since == NOTHING:
            full = self._changed_since(since.seq).frame(audience.visible, FrameKind.FULL, self._revision)
            return full or self._encode(NO_UNITS, FrameKind.FULL)
        if since.widened == audience.widened:
            return self._changed_since(since.seq).frame(audience.visible, FrameKind.CHANGES, self._revision)
        indices = select(self._positions, audience.visible, audience.widened_at, since)
        return self._encode(indices, FrameKind.CHANGES) if len(indices) else None

    def _changed_since(self, seq: int) -> Changed:
        if seq not in self._changed:
            self._changed[seq] = Changed(self._positions, seq, self._picture_at)
        return self._changed[seq]

    def _encode(self, indices: NDArray[np.intp], kind: FrameKind) -> bytes:
        return encode(self._positions, indices, kind, self._revision, self._picture_at)


def _view_text(view: View) -> bytes:
    pushed = {"screen": view.screen, "view": view.view, "pushed_by": view.pushed_by, "pushed_at": view.pushed_at}
    return msgspec.json.encode({"type": "view", **pushed})


def _sent_text(view: View) -> bytes:
    """Without what is in it: that something was sent, by whom, and by which of this account's pages."""
    page = view.view.get("page")
    told = {"screen": view.screen, "page": page[:64] if isinstance(page, str) else "", "pushed_by": view.pushed_by}
    return msgspec.json.encode({"type": "wall_sent", **told, "pushed_at": view.pushed_at})
