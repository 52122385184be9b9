"""Who held a camera hears on the live socket that another has it now; nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operations.cameras.ptz import TakenOver
from tests.dashboard.live_world import LiveWorld, header, live_city
from tests.live_client import LiveClient
from tests.operations import access_world as world

ZHAO, MATE = world.actor("operator", world.STATION), world.actor("commander", world.STATION)


class Takings:
    """Stands for `operations.cameras.ptz.Ptz` as far as the socket needs it."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[TakenOver], None]] = []

    def listen(self, listener: Callable[[TakenOver], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


async def test_the_former_holder_is_told_on_all_his_screens_and_nobody_else() -> None:
    live: Any = LiveWorld()
    live.ptz = Takings()
    first, second, mate = (header(who) for who in (ZHAO, ZHAO, MATE))
    async with live_city(live) as url, LiveClient(url, first) as desk, LiveClient(url, second) as also, LiveClient(url, mate) as other:
        await other.until(lambda: desk.frames and also.frames and other.frames)
        [tell] = live.ptz.listeners
        tell(TakenOver("cam-1", "西门", ZHAO.name, ZHAO.kind, "sun", world.CITY))
        for one in (desk, also):
            await one.until(lambda one=one: one.of_type("camera_taken"))
        city = live.organisations.get(world.CITY)
        told = {"type": "camera_taken", "camera_id": "cam-1", "camera": "西门", "by": "sun", "by_org": world.CITY, "by_org_name": city.name}
        assert desk.of_type("camera_taken") == [told]
        live.register("u1")  # the next thing everybody is told
        await other.until(lambda: other.of_type("units"))
        assert other.of_type("camera_taken") == []
