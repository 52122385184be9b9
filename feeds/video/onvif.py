"""Turning cameras by ONVIF: presets, continuous and absolute moves (PTZ service 2.0 under media profiles 1.0).

What a device is (its services, its profile that turns, how its positions are counted, how wrong its clock is) is asked once and
kept as long as its address stands in the register as it did.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

import httpx
import msgspec

from dispatch.clock import Clock
from feeds.video.safe_xml import first, local, text
from feeds.video.soap import TIMEOUT_S, Device, call
from operations.cameras.camera_aim import same_way
from operations.cameras.ptz_driver import Looking, Preset, PtzFailed, Reach, Velocity
from storage.cameras import CameraSource

_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_PTZ = "http://www.onvif.org/ver20/ptz/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_GENERIC = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/PositionGenericSpace"
_DEGREES = "http://www.onvif.org/ver10/tptz/PanTiltSpaces/SphericalPositionSpaceDegrees"
MOST_KNOWN = 2_000  # devices remembered
MOST_PRESETS = 300
WIDEST = 0.01  # a zoom up to here is none


class Space(msgspec.Struct, frozen=True):
    """How a device counts positions: its space and the ends of both axes."""

    uri: str = _GENERIC
    x: tuple[float, float] = (-1.0, 1.0)
    y: tuple[float, float] = (-1.0, 1.0)

    def position(self, pan_deg: float, tilt_deg: float, reach: Reach) -> tuple[float, float]:
        """Of a direction; what it can't reach is its nearest end."""
        if self.uri == _DEGREES:
            return _bounded(same_way(pan_deg, *self.x), *self.x), _bounded(tilt_deg, *self.y)
        return _along(pan_deg, reach.pan_min_deg, reach.pan_max_deg, *self.x), _along(
            tilt_deg, reach.tilt_min_deg, reach.tilt_max_deg, *self.y
        )

    def looking(self, x: float, y: float, reach: Reach) -> tuple[float, float]:
        """The direction of a position: pan, tilt in degrees."""
        if self.uri == _DEGREES:
            return x, y
        return _along(x, *self.x, reach.pan_min_deg, reach.pan_max_deg), _along(y, *self.y, reach.tilt_min_deg, reach.tilt_max_deg)


class Position(msgspec.Struct, frozen=True):
    """Where a device says it looks."""

    space: Space
    x: float
    y: float
    zoom: float | None  # 0 widest, 1 narrowest; None: not told


class Known(msgspec.Struct, frozen=True):
    """What was asked of a device once."""

    address: str
    ptz: Device
    profile: str
    spaces: tuple[Space, ...]  # the one to give positions in first
    ahead: timedelta  # of its clock before ours


class OnvifDriver:
    """`operations.cameras.ptz_driver.PtzDriver` for ONVIF devices."""

    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._clock = clock
        # Neither proxies of the environment nor redirects: a signed request goes where the register says. Cameras sign their own
        # certificates, if any; what is at stake is a picture's direction, and the digest never carries the password.
        self._client = httpx.AsyncClient(
            verify=False,
            trust_env=False,
            follow_redirects=False,
            timeout=TIMEOUT_S,
            transport=transport,
            headers={"user-agent": "Liandong"},
        )
        self._known: dict[str, Known] = {}  # by camera

    async def presets(self, camera: CameraSource) -> list[Preset]:
        body = await self._ask(camera, "GetPresets")
        found = [Preset(one.get("token", ""), text(first(one, "Name"))) for one in _all(body, "Preset")]
        return [preset for preset in found if preset.token][:MOST_PRESETS]

    async def go(self, camera: CameraSource, token: str) -> None:
        await self._ask(camera, "GotoPreset", f"<PresetToken>{escape(token)}</PresetToken>")

    async def save(self, camera: CameraSource, name: str, token: str | None) -> str:
        over = "" if token is None else f"<PresetToken>{escape(token)}</PresetToken>"
        body = await self._ask(camera, "SetPreset", f"<PresetName>{escape(name)}</PresetName>{over}")
        saved = text(first(body, "PresetToken"))
        if not saved:
            raise PtzFailed("camera-bad-answer", "The camera named no preset for what it saved; look at its list of presets.")
        return saved

    async def move(self, camera: CameraSource, velocity: Velocity, for_s: float) -> None:
        v = f'<PanTilt xmlns="{_SCHEMA}" x="{velocity.pan:.3f}" y="{velocity.tilt:.3f}"/><Zoom xmlns="{_SCHEMA}" x="{velocity.zoom:.3f}"/>'
        await self._ask(camera, "ContinuousMove", f"<Velocity>{v}</Velocity><Timeout>PT{for_s:.3f}S</Timeout>")

    async def stop(self, camera: CameraSource) -> None:
        await self._ask(camera, "Stop", "<PanTilt>true</PanTilt><Zoom>true</Zoom>")

    async def point(self, camera: CameraSource, pan_deg: float, tilt_deg: float | None, reach: Reach) -> None:
        known = await self._know(camera)
        space = known.spaces[0]
        if tilt_deg is None:
            now = await self._position(camera)  # counted as the device tells it, so that its height stays what it is
            space, y = now.space, now.y
            x, _ = space.position(pan_deg, 0.0, reach)
        else:
            x, y = space.position(pan_deg, tilt_deg, reach)
        position = f'<PanTilt xmlns="{_SCHEMA}" x="{x:.4f}" y="{y:.4f}" space={quoteattr(space.uri)}/>'
        await self._ask(camera, "AbsoluteMove", f"<Position>{position}</Position>")

    async def looking(self, camera: CameraSource, reach: Reach) -> Looking:
        now = await self._position(camera)
        pan_deg, tilt_deg = now.space.looking(now.x, now.y, reach)
        return Looking(pan_deg, tilt_deg, now.space.uri == _DEGREES, None if now.zoom is None else now.zoom > WIDEST)

    async def close(self) -> None:
        await self._client.aclose()

    # Asking -----------------------------------------------------------------------------------------------------------

    async def _ask(self, camera: CameraSource, name: str, arguments: str = "") -> Element:
        """One request of the PTZ service; what was known of a device that fails it is asked anew the next time."""
        known = await self._know(camera)
        body = f'<{name} xmlns="{_PTZ}"><ProfileToken>{escape(known.profile)}</ProfileToken>{arguments}</{name}>'
        try:
            answer = await call(self._client, known.ptz, body, self._clock.now() + known.ahead)
        except PtzFailed:
            self._known.pop(camera.camera_id, None)
            raise
        if first(answer, f"{name}Response") is None:
            raise PtzFailed("camera-bad-answer", f"The camera's control did not answer to {name}; is the address its ONVIF service?")
        return answer

    async def _know(self, camera: CameraSource) -> Known:
        known = self._known.get(camera.camera_id)
        if known is None or known.address != camera.control_url:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            known = self._known[camera.camera_id] = await self._learn(camera)
        return known

    async def _learn(self, camera: CameraSource) -> Known:
        device = Device.of(camera.control_url)
        ahead = await self._ahead(device)

        async def ask(where: Device, body: str) -> Element:
            return await call(self._client, where, body, self._clock.now() + ahead)

        capabilities = await ask(device, f'<GetCapabilities xmlns="{_DEVICE}"><Category>All</Category></GetCapabilities>')
        ptz_at, media_at = (text(first(capabilities, service, "XAddr")) for service in ("PTZ", "Media"))
        if not ptz_at or not media_at:
            raise PtzFailed("camera-refused", "The camera has no service that turns it; take its control_url out of the register.")
        ptz, media = device.at_path_of(ptz_at), device.at_path_of(media_at)
        profiles = await ask(media, f'<GetProfiles xmlns="{_MEDIA}"/>')
        turning = next((one for one in _all(profiles, "Profiles") if first(one, "PTZConfiguration") is not None), None)
        profile = "" if turning is None else turning.get("token", "")
        if not profile:
            raise PtzFailed("camera-refused", "None of the camera's profiles can be turned; set up PTZ in the camera.")
        nodes = await ask(ptz, f'<GetNodes xmlns="{_PTZ}"/>')
        return Known(camera.control_url, ptz, profile, _spaces(nodes), ahead)

    async def _ahead(self, device: Device) -> timedelta:
        """How far its clock is before ours. Asked without a signature, which a wrong clock would spoil."""
        answer = await call(self._client, device, f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>', None)
        utc = first(answer, "UTCDateTime")
        if utc is None:  # it need not tell; then ours is all there is
            return timedelta(0)
        try:
            year, month, day = (int(text(first(utc, "Date", part))) for part in ("Year", "Month", "Day"))
            hour, minute, second = (int(text(first(utc, "Time", part))) for part in ("Hour", "Minute", "Second"))
            return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - self._clock.now()
        except ValueError:
            raise PtzFailed("camera-bad-answer", "The camera tells a time that is none; set its clock.") from None

    async def _position(self, camera: CameraSource) -> Position:
        known, status = await self._know(camera), await self._ask(camera, "GetStatus")
        pan_tilt, zoom = first(status, "Position", "PanTilt"), first(status, "Position", "Zoom")
        try:
            if pan_tilt is None:
                raise ValueError("none told")
            told = pan_tilt.get("space", "")
            # A device with several ways of counting says which one it means; else there would be only a guess.
            (space,) = (one for one in known.spaces if one.uri == told or not told)
            x, y = _number(pan_tilt, "x"), _number(pan_tilt, "y")
            return Position(space, x, y, None if zoom is None else _number(zoom, "x"))
        except ValueError:
            detail = "The camera doesn't tell where it looks; register its mast_height_m, or turn it by hand."
            raise PtzFailed("camera-no-position", detail) from None


def _number(element: Element, name: str) -> float:
    """Raises ValueError for what is none, or not finite."""
    value = float(element.get(name, ""))
    if not math.isfinite(value):
        raise ValueError(name)
    return value


def _all(element: Element, name: str) -> Iterator[Element]:
    return (one for one in element.iter() if local(one) == name)


def _spaces(nodes: Element) -> tuple[Space, ...]:
    """Degrees first where the device counts in them, then its generic space; at least that."""
    found: dict[str, Space] = {}
    for one in _all(nodes, "AbsolutePanTiltPositionSpace"):
        try:
            x, y = ((float(text(first(one, axis, "Min"))), float(text(first(one, axis, "Max")))) for axis in ("XRange", "YRange"))
        except ValueError:
            continue  # without its ends it can't be counted in
        found[text(first(one, "URI"))] = Space(text(first(one, "URI")), x, y)
    return tuple(found[uri] for uri in (_DEGREES, _GENERIC) if uri in found) or (Space(),)


def _bounded(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)


def _along(value: float, least: float, most: float, low: float, high: float) -> float:
    """Linearly from `least`…`most` to `low`…`high`."""
    share = (_bounded(value, least, most) - least) / (most - least) if most > least else 0.5
    return low + share * (high - low)
