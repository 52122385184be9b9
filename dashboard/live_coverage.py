"""Coverage on the live socket: each second every audience of desks is told its own, computed in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import compress
from typing import TYPE_CHECKING

import msgspec
import structlog

from operations.access.audience import Audience, Rights
from operations.access.authority import Action
from operations.situation.coverage import Area

if TYPE_CHECKING:
    from operations.services import Services
    from operations.situation.coverage import Moment

EVERY_S = 1.0
# Even when nothing has moved: positions get old, and what is expected changes with the hour.
AT_LEAST_EVERY_S = 10.0
log = structlog.get_logger(__name__)


class ToldCoverage:
    """What each audience was told last. Runs on the event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._newest: dict[Rights, bytes] = {}

    def newest(self, rights: Rights) -> list[bytes]:
        """For whoever has just come."""
        return [self._newest[rights]] if rights in self._newest else []

    async def tell_on(self, audiences: Mapping[Rights, Audience], tell: Callable[[Audience, list[bytes]], None]) -> None:
        """Tell for ever. `audiences` is looked at anew each time."""
        before: Moment | None = None
        while True:
            moment = self._services.coverage.moment()
            wanted = [(rights, audience) for rights, audience in audiences.items() if self._is_for(rights, audience)]
            has_newcomers = any(rights not in self._newest for rights, _ in wanted)
            if wanted and (has_newcomers or before is None or _has_changed(before, moment)):
                before = moment
                for rights, audience in wanted:
                    try:
                        self._newest[rights] = await asyncio.to_thread(self._text, moment, audience)
                        tell(audience, self.newest(rights))
                    except Exception:
                        # Units and incidents must go on whatever becomes of one number; at the desk its age says that it stands still.
                        log.exception("coverage_not_told", role=rights.role, org_code=rights.org_code)
            self._newest = {rights: text for rights, text in self._newest.items() if rights in audiences}
            await asyncio.sleep(EVERY_S)

    def _is_for(self, rights: Rights, audience: Audience) -> bool:
        """Whoever looks at a strip or a wall; a crew has neither."""
        return rights.unit_id is None and self._services.authority.can(audience.actor, Action.SEE_SCENE)

    def _text(self, moment: Moment, audience: Audience) -> bytes:
        coverage = self._services.coverage
        # What it sees was asked when something about it changed: to ask again about every unit each second would cost more than the search.
        units = frozenset(compress(moment.unit_ids, audience.visible))
        found = coverage.at(moment, Area(self._services.authority.visible_orgs(audience.actor), units))
        return msgspec.json.encode({"type": "coverage", **found})


def _has_changed(before: Moment, now: Moment) -> bool:
    moved = before.seq != now.seq or before.picture is not now.picture or before.ground is not now.ground
    return moved or (now.at - before.at).total_seconds() >= AT_LEAST_EVERY_S
