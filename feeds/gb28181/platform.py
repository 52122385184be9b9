"""The platform's side of GB/T 28181 without a socket: messages in, answers out, and what is to be asked of devices.

A device registers and proves its password; from then on what comes from its address under its id is taken. Every request is
answered, also those we do not know, because a device repeats what is not answered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import msgspec

from dispatch.clock import Clock
from feeds.base import TokenBucket
from feeds.gb28181 import messages, sip, xml_text
from feeds.gb28181.digest import Challenges
from feeds.gb28181.passwords import Passwords
from feeds.gb28181.reporting import Reporter
from feeds.gb28181.requests import Dialog, Peer, Requests
from feeds.gb28181.sip import BadMessage, Message
from operations.health import FeedHealth

MAX_DEVICES = 20_000
# A registration holds as long as the device asks, within these.
SHORTEST_S, LONGEST_S = 60, 86_400
# Devices beat every minute; three missed beats and the network has lost them.
SILENT_AFTER_S = 180.0
# A whole catalogue is asked for at registration and then so often; one that did not come whole again after RETRY_S.
CATALOGUE_EVERY_S, CATALOGUE_RETRY_S = 6 * 3600.0, 600.0
SUBSCRIBED_S = 3600
POSITIONS_EVERY_S = 5
# A device says a few things a second; its catalogue comes at once, an entry a message. From one address speak many devices at most.
DEVICE_PER_S, DEVICE_BURST = 20.0, 20_000.0
HOST_PER_S, HOST_BURST = 500.0, 20_000.0
# Registrations with a password, right or wrong, from one address for one device.
TRIES_PER_S, TRIES_BURST = 1 / 10.0, 20.0
MAX_BUCKETS = 50_000
SWEEP_S = 1.0
ALLOWED = "REGISTER, MESSAGE, NOTIFY, OPTIONS, ACK, BYE"


class Device(msgspec.Struct):
    """A device that has registered."""

    device_id: str
    peer: Peer
    expires_at: float  # Unix s
    heard_at: float
    catalogue_at: float = 0.0  # when the catalogue is asked for next
    subscribe_at: float = 0.0
    asked: int = 0  # serial of the catalogue that is being told; 0: none
    told: set[str] = msgspec.field(default_factory=set)  # its entries so far
    dialogs: dict[str, Dialog] = msgspec.field(default_factory=dict)  # subscriptions by command


class Platform:
    """All devices of one listener."""

    def __init__(
        self, platform_id: str, realm: str, passwords: Passwords, secret: bytes, reporter: Reporter, stats: FeedHealth, clock: Clock
    ) -> None:
        self._passwords = passwords
        self._challenges = Challenges(secret, realm)
        self._reporter = reporter
        self._stats = stats
        self._clock = clock
        self._requests = Requests(platform_id, realm, clock)
        self._devices: dict[str, Device] = {}
        self._buckets: OrderedDict[tuple[str, ...], TokenBucket] = OrderedDict()
        self._serial = 0
        self._swept_at = 0.0

    async def receive(self, message: Message, peer: Peer) -> bytes:
        """What to answer; empty when there is nothing to."""
        if not message.is_request:
            if not self._requests.answered(message):
                self._stats.reject("unasked")
            return b""
        if message.method == "ACK":
            return b""
        message = sip.received(message, peer.host, peer.port)
        if not self._may(HOST_PER_S, HOST_BURST, "host", peer.host):
            self._stats.reject("rate_limited")
            return b""  # an answer would cost more than the message
        match message.method:
            case "REGISTER":
                return self._register(message, peer)
            case "MESSAGE" | "NOTIFY":
                return await self._said(message, peer)
            case "OPTIONS" | "BYE":
                return self._answer(message, 200)
        self._stats.reject("unsupported_method")
        return self._answer(message, 405, ("Allow", ALLOWED))

    def tick(self) -> None:
        """Let registrations end, and ask what is due, once in SWEEP_S however often it is called."""
        now = self._clock.unix_s()
        if now - self._swept_at < SWEEP_S:
            return
        self._swept_at = now
        for device in [device for device in self._devices.values() if device.expires_at < now]:
            self._stats.reject("expired")
            self._forget(device)
        for device in self._devices.values():
            if device.catalogue_at <= now:
                self._ask_catalogue(device, now)
            if device.subscribe_at <= now:
                self._subscribe(device, now)

    def due(self) -> Iterator[tuple[Peer, bytes]]:
        """What is to be sent to devices now."""
        return self._requests.due()

    def state(self) -> dict[str, Any]:
        """JSON-ready: how many devices are registered, how many of them silent, cameras without a place, questions not answered."""
        now = self._clock.unix_s()
        silent = sum(1 for device in self._devices.values() if now - device.heard_at > SILENT_AFTER_S)
        counts = {"devices": len(self._devices), "silent": silent, "cameras_without_place": len(self._reporter.unplaced)}
        return counts | {"unanswered": self._requests.unanswered}

    # Registration -----------------------------------------------------------------------------------------------------

    def _register(self, message: Message, peer: Peer) -> bytes:
        device_id, now = message.sender, self._clock.unix_s()
        if not messages.DEVICE_ID.fullmatch(device_id):
            return self._refuse(message, 400, "bad_device_id")
        if not message.get("authorization"):
            return self._answer(message, 401, *self._challenges.challenge(message, peer.host, now))
        if not self._may(TRIES_PER_S, TRIES_BURST, "tries", peer.host, device_id):
            return self._refuse(message, 403, "too_many_tries")
        # A stranger is challenged and then refused like a wrong password: nobody learns which ids are known.
        password = self._passwords.of(device_id)
        reason = self._challenges.refusal(message, password or "", peer.host, now)
        if reason == "challenge_expired":
            return self._answer(message, 401, *self._challenges.challenge(message, peer.host, now))
        if password is None:
            reason = "unknown_device"
        if reason:
            return self._refuse(message, 403, reason)
        return self._registered(message, peer, now)

    def _registered(self, message: Message, peer: Peer, now: float) -> bytes:
        device_id, asked_s = message.sender, _expires_s(message)
        device = self._devices.get(device_id)
        version = (("X-GB-Ver", "3.0"),) if message.get("x-gb-ver") else ()
        if asked_s == 0:
            if device is not None:
                self._forget(device)
            return self._answer(message, 200, ("Expires", "0"), *version)
        if device is None and len(self._devices) >= MAX_DEVICES:
            return self._refuse(message, 503, "too_many_devices")
        granted_s = min(max(asked_s, SHORTEST_S), LONGEST_S)
        if device is None:
            device = self._devices[device_id] = Device(device_id, peer, now + granted_s, now)
            self._stats.sessions += 1
        elif device.peer != peer:
            device.catalogue_at = device.subscribe_at = 0.0  # it has started anew: what it has may have changed
            device.dialogs.clear()
        device.peer, device.expires_at, device.heard_at = peer, now + granted_s, now
        self._stats.heard(now, 0)
        fields = [("Contact", message.get("contact")), ("Expires", str(granted_s)), ("Date", messages.date_field(self._clock.now()))]
        return self._answer(message, 200, *fields, *version)

    def _forget(self, device: Device) -> None:
        del self._devices[device.device_id]
        self._reporter.forget(device.device_id)
        self._stats.sessions -= 1

    # What devices say -------------------------------------------------------------------------------------------------

    async def _said(self, message: Message, peer: Peer) -> bytes:
        device = self._devices.get(message.sender)
        if device is None:
            return self._refuse(message, 403, "not_registered")
        if device.peer.host != peer.host:
            return self._refuse(message, 403, "wrong_address")
        if not self._may(DEVICE_PER_S, DEVICE_BURST, "device", device.device_id):
            self._stats.reject("rate_limited")
            return b""
        now = self._clock.unix_s()
        device.peer, device.heard_at = peer, now  # behind a translated address the port changes
        self._stats.heard(now, 0)
        if not message.body:
            return self._answer(message, 200)  # a subscription that ends says no more than that
        try:
            await self._take(device, xml_text.read(message.body), message)
        except BadMessage as bad:
            return self._refuse(message, 400, bad.reason)
        return self._answer(message, 200)

    async def _take(self, device: Device, tree: xml_text.Tree, message: Message) -> None:
        """Do what a body says. Raises BadMessage when it makes no sense."""
        about = messages.device_id(tree)
        match tree.tag, tree.get("CmdType"):
            case "Notify", "Keepalive":
                self._reporter.hear(about)
            case "Response", "Catalog":
                await self._catalogue(device, tree)
            case "Notify", "Catalog":
                await self._reporter.channels(device.device_id, messages.channels(tree))
            case "Notify", "MobilePosition":
                await self._reporter.positions(device.device_id, messages.mobile_positions(tree))
            case "Notify", "Alarm":
                await self._reporter.alarm(device.device_id, messages.alarm(tree))
                if message.method == "MESSAGE":
                    self._requests.message(device.device_id, device.peer, messages.response("Alarm", tree.get("SN")[:20], about))
            case "Response", "MobilePosition" | "Alarm" | "DeviceInfo" | "DeviceStatus" | "ConfigDownload":
                return  # how a subscription was taken; what the device is: nothing that is shown
            case "Notify", "MediaStatus":
                return  # of media that others have asked for
            case _:
                self._stats.reject("unsupported_command")

    async def _catalogue(self, device: Device, tree: xml_text.Tree) -> None:
        """A part of the catalogue; it is whole when as many entries have come as there are."""
        total = messages.total(tree)
        named = await self._reporter.channels(device.device_id, messages.channels(tree))
        if tree.get("SN") != str(device.asked):
            return  # told without being asked, or late: taken, but not what is waited for
        device.told.update(named)
        if len(device.told) >= total:
            device.asked = 0
            device.told.clear()
            device.catalogue_at = self._clock.unix_s() + CATALOGUE_EVERY_S

    # What devices are asked -------------------------------------------------------------------------------------------

    def _ask_catalogue(self, device: Device, now: float) -> None:
        if device.asked:
            self._stats.reject("catalogue_incomplete")
        device.asked = self._next_serial()
        device.told.clear()
        device.catalogue_at = now + CATALOGUE_RETRY_S
        self._requests.message(device.device_id, device.peer, messages.query("Catalog", device.asked, device.device_id))

    def _subscribe(self, device: Device, now: float) -> None:
        """Positions, changes of the catalogue and alarms, for an hour; a device that can't do one says so and is asked again then."""
        device.subscribe_at = now + SUBSCRIBED_S * 0.8
        for command, event, more in (
            ("MobilePosition", "presence", (("Interval", str(POSITIONS_EVERY_S)),)),
            ("Catalog", "Catalog", ()),
            ("Alarm", "presence", (("StartAlarmPriority", "0"), ("EndAlarmPriority", "0"), ("AlarmMethod", "0"))),
        ):
            serial = self._next_serial()
            dialog = device.dialogs.get(command)
            if dialog is None or not dialog.is_held:
                event = f"{event};id={serial}" if command == "Catalog" else event
                dialog = device.dialogs[command] = Dialog(event, f"{serial}-{device.device_id}", str(serial))
            body = messages.query(command, serial, device.device_id, *more)
            self._requests.subscribe(device.device_id, device.peer, body, dialog, SUBSCRIBED_S)

    def _next_serial(self) -> int:
        self._serial = self._serial % 99_999_999 + 1
        return self._serial

    # Answers ----------------------------------------------------------------------------------------------------------

    def _answer(self, message: Message, status: int, *more: tuple[str, str]) -> bytes:
        return sip.answer(message, status, _REASONS[status], f"{self._next_serial():x}", *more)

    def _refuse(self, message: Message, status: int, reason: str) -> bytes:
        self._stats.reject(reason)
        return self._answer(message, status)

    def _may(self, rate_per_s: float, burst: float, *key: str) -> bool:
        """Whether one more is allowed of whom `key` names."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(rate_per_s, burst, self._clock.unix_s)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(1.0)


_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 405: "Method Not Allowed", 503: "Service Unavailable"}


def _expires_s(message: Message) -> int:
    """As told by field or contact; an hour, as RFC 3261 has it, when it is not told."""
    told = message.get("expires") or sip.parameter(message.get("contact"), "expires")
    return int(told) if told.isascii() and told.isdigit() and len(told) <= 9 else 3600
