"""Whom a position is about: from the ids in a report to the tracker's row and the unit's index, registering unknown units.

The answer is cached by feed scope, because thousands of positions a second ask; a registration forgets the cache.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dispatch.duty_commands import RegisterUnit
from dispatch.duty_events import DutyBegan, DutyEnded, UnitRegistered
from dispatch.errors import DispatchError, NotPermitted, RuleViolation
from dispatch.events import Recorded
from dispatch.model import Unit, UnitKind
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority
from operations.access.permissions import Action
from operations.tracking.positions import SIMULATED, PositionTable, TooManyUnits
from operations.tracking.quality import Trackers
from operations.tracking.reports import FeedSession, PositionReport

# Units one feed may bring into being by naming them; each costs a journal event.
MAX_NEW_PER_FEED = 20_000

# Devices one crew may report with; each costs memory, and a sender that makes up new ones must not use it up.
MAX_TRACKERS = 16

Key = tuple[str | None, str | None]  # unit_id, tracker_id as reported


class Commands(Protocol):
    """What is needed of the handler."""

    @property
    def picture(self) -> OperatingPicture: ...

    async def handle(self, command: Any, actor: Any, key: str | None = None) -> Any: ...


class Reporters:
    """Written on the event loop only."""

    def __init__(self, handler: Commands, authority: Authority, positions: PositionTable, trackers: Trackers) -> None:
        self._handler = handler
        self._authority = authority
        self._positions = positions
        self._trackers = trackers
        self.unit_index: NDArray[np.int64] = np.zeros(1024, np.int64)  # by tracker row: index in the position table
        self._row_by_tracker: dict[str, dict[str, int]] = {}  # unit_id → tracker_id or "" → row; never forgotten
        self._rows: dict[str, dict[Key, int]] = {}  # by who asks: what was resolved and permitted
        self._registering: dict[str, asyncio.Task[None]] = {}  # by unit_id
        self._registered_by_feed: Counter[str] = Counter()

    def rows(self, reports: Sequence[PositionReport], feed: FeedSession) -> NDArray[np.int64]:
        """Tracker row of each report, -1 where it must be resolved first."""
        known = self._rows.setdefault(_asker(feed), {}).get
        return np.array([known((report.unit_id, report.tracker_id), -1) for report in reports], dtype=np.int64)

    async def resolve(
        self, reports: Sequence[PositionReport], feed: FeedSession, rows: NDArray[np.int64], hopeless: Mapping[int, str]
    ) -> tuple[NDArray[np.int64], list[tuple[int, str]]]:
        """Fill in the missing rows, registering unknown units together; those that stay -1 are refused by reason.

        `hopeless`: reports that will be refused anyway, by index with their reason. They bring no unit into being.
        """
        missing: dict[Key, list[int]] = {}
        for index in np.flatnonzero(rows < 0).tolist():
            missing.setdefault((reports[index].unit_id, reports[index].tracker_id), []).append(index)
        keys = list(missing)
        worth_it = [not all(index in hopeless for index in missing[key]) for key in keys]
        outcomes = await asyncio.gather(*(self._resolve_one(key, feed, worth) for key, worth in zip(keys, worth_it, strict=True)))
        refused: list[tuple[int, str]] = []
        for key, outcome in zip(keys, outcomes, strict=True):
            if isinstance(outcome, int):
                rows[missing[key]] = outcome
            else:
                refused += [(index, outcome or hopeless[index]) for index in missing[key]]
        return rows, refused

    def touched(self, batch: Sequence[Recorded]) -> list[Unit]:
        """Units that committed events may have changed, as they are now."""
        picture = self._handler.picture
        unit_ids: set[str] = set()
        for recorded in batch:
            if isinstance(recorded.body, UnitRegistered | DutyBegan | DutyEnded):
                self.forget()  # its organisation or trackers may be others now
            unit_id = getattr(recorded.body, "unit_id", None)
            if unit_id is not None:
                unit_ids.add(unit_id)
            incident = picture.incidents.get(recorded.incident_id or "")
            if incident is not None:
                unit_ids.update(assignment.unit_id for assignment in incident.assignments)
        return [picture.units[unit_id] for unit_id in sorted(unit_ids) if unit_id in picture.units]

    def forget(self) -> None:
        """Resolve and permit everything anew."""
        self._rows.clear()

    async def _resolve_one(self, key: Key, feed: FeedSession, may_register: bool) -> int | str:
        """The row, or the reason why there is none; an empty one: nobody knows the unit, and it may not be registered."""
        unit_id, tracker_id = key
        picture = self._handler.picture
        if unit_id is None:
            if tracker_id is None:
                return "unit_not_named"
            unit_id = picture.unit_by_tracker.get(tracker_id, tracker_id)
        try:
            if unit_id not in picture.units:
                if not may_register:
                    return ""
                await self._register(unit_id, tracker_id, feed)
            unit = self._handler.picture.units[unit_id]
            self._authorise(unit, feed)
            row = self._row(unit, tracker_id, feed)
        except DispatchError as error:
            return error.rule
        except TooManyUnits:
            return "too_many_units"
        self._rows.setdefault(_asker(feed), {})[key] = row
        return row

    def _authorise(self, unit: Unit, feed: FeedSession) -> None:
        """A feed, or a gateway of many terminals, inside its scope; a terminal for its own unit only."""
        actor = feed.actor
        if actor.unit_id is None:
            action = Action.FEED_IN if self._authority.can(actor, Action.FEED_IN) else Action.USE_TERMINAL
            self._authority.authorise(actor, action, org_code=unit.org_code)
            return
        self._authority.authorise(actor, Action.USE_TERMINAL)
        if actor.unit_id != unit.unit_id:
            raise NotPermitted("not-own-unit", f"{actor.name} reports for unit {actor.unit_id} only; name no other.")

    def _row(self, unit: Unit, tracker_id: str | None, feed: FeedSession) -> int:
        index = self._positions.follow(unit)
        if feed.simulated:
            self._positions.set_flag(index, SIMULATED, True)
        row_by_tracker = self._row_by_tracker.setdefault(unit.unit_id, {})
        row = row_by_tracker.get(tracker_id or "")
        if row is None:
            if len(row_by_tracker) >= MAX_TRACKERS:
                detail = f"Unit {unit.unit_id} reports with {MAX_TRACKERS} trackers already; name those it has."
                raise RuleViolation("too_many_trackers", detail)
            row = row_by_tracker[tracker_id or ""] = self._trackers.add()
            if row >= len(self.unit_index):
                self.unit_index = np.concatenate((self.unit_index, np.zeros_like(self.unit_index)))
            self.unit_index[row] = index
        return row

    async def _register(self, unit_id: str, tracker_id: str | None, feed: FeedSession) -> None:
        """Make the unit in the feed's scope, marked as unregistered; several messages that name it wait for one registration."""
        task = self._registering.get(unit_id)
        if task is None:
            self._admit(unit_id, feed)
            task = asyncio.ensure_future(self._handle(unit_id, tracker_id, feed))
            self._registering[unit_id] = task
            task.add_done_callback(lambda _: self._registering.pop(unit_id))
        await asyncio.shield(task)

    def _admit(self, unit_id: str, feed: FeedSession) -> None:
        """Bounds before a journal event is spent. Raises TooManyUnits, NotPermitted."""
        self._authority.authorise(feed.actor, Action.FEED_IN, org_code=feed.actor.org_code)
        expected = self._positions.count + len(self._registering)
        if expected >= self._positions.max_units or self._registered_by_feed[feed.name] >= MAX_NEW_PER_FEED:
            raise TooManyUnits(f"unit {unit_id!r} of feed {feed.name} does not fit; register the units it may report beforehand")
        self._registered_by_feed[feed.name] += 1

    async def _handle(self, unit_id: str, tracker_id: str | None, feed: FeedSession) -> None:
        command = RegisterUnit(
            unit_id=unit_id,
            callsign=unit_id,
            kind=UnitKind.PATROL_CAR,
            org_code=feed.actor.org_code,
            trackers=() if tracker_id is None else (tracker_id,),
            registered=False,
            channel="feed",
        )
        await self._handler.handle(command, feed.actor)


def _asker(feed: FeedSession) -> str:
    """Who is asked for: feeds of one organisation may report the same units, a terminal only its own."""
    actor = feed.actor
    return f"{actor.role}/{actor.org_code}/{actor.unit_id or ''}/{'simulated' if feed.simulated else ''}"
