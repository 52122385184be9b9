"""A house with a platform in it, and a device's line to that platform, without a socket."""

from __future__ import annotations

from dispatch.duty_commands import RegisterUnit, WriteElement
from dispatch.model import Actor, UnitKind
from feeds.gb28181 import sip
from feeds.gb28181.passwords import Passwords
from feeds.gb28181.platform import Platform
from feeds.gb28181.reporting import Options, Reporter
from feeds.gb28181.requests import Peer
from operations.tracking.reports import FeedSession
from tests.feeds.gb28181.device import PLATFORM, REALM, Device, status_of
from tests.operations.fakes import CITY, COUNTY, House, organisations

DEVICE, CAMERA, SECOND_CAMERA, BODY_CAMERA = "33020300001180000001", "33020300001320000001", "33020300001320000002", "33020300001380000007"
HERE = Peer("UDP", "10.0.0.9", 5060)
SETUP = Actor("setup", "admin", CITY, kind="system")


class Line:
    def __init__(self, passwords: str = f"{DEVICE} secret", options: Options | None = None, datum: str = "wgs84") -> None:
        self.house = House()
        self.stats = self.house.health.feed("gb28181", 60.0)
        options = options or Options()
        feed = FeedSession("gb28181", Actor("gb28181", "feed", CITY, kind="token"), datum)
        self.reporter = Reporter(self.house.intake, self.house.handler, organisations(), feed, self.stats, self.house.clock, options)
        known = Passwords(passwords, options.open_registration)
        self.platform = Platform(PLATFORM, REALM, known, b"s" * 32, self.reporter, self.stats, self.house.clock)
        self.device = Device(DEVICE)

    async def say(self, data: bytes, peer: Peer = HERE) -> bytes:
        return await self.platform.receive(sip.parse(data), peer)

    async def register(self, peer: Peer = HERE) -> None:
        challenge = await self.say(self.device.register(), peer)
        assert status_of(await self.say(self.device.register(challenge), peer)) == 200

    def asked(self, after_s: float = 1.0) -> list[bytes]:
        """What the platform has to say a while later."""
        self.house.clock.advance(after_s)
        self.platform.tick()
        return [data for _, data in self.platform.due()]

    async def add_unit(self, unit_id: str, *trackers: str) -> None:
        command = RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=UnitKind.FOOT_PATROL, org_code=COUNTY, trackers=trackers)
        await self.house.handler.handle(command, SETUP)

    async def add_camera(self, camera_id: str, lon: float = 121.51, lat: float = 29.91, **properties: str) -> None:
        command = WriteElement(element="street_camera", element_id=camera_id, lon=lon, lat=lat, properties=properties)
        await self.house.handler.handle(command, SETUP)

    def camera(self, camera_id: str):  # type: ignore[no-untyped-def]
        return self.house.handler.picture.elements.get("street_camera", {}).get(camera_id)
