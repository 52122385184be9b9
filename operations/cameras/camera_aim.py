"""Where a camera must look to see a point: pan from its heading, tilt from the height of its mast."""

from __future__ import annotations

import math

from dispatch.errors import RuleViolation
from operations.cameras.camera_register import Camera
from operations.cameras.ptz_driver import Reach
from operations.tracking.positions import distance_m

SEEN_AT_M = 1.5  # above the ground: people, not their shoes


def aim(camera: Camera, lon: float, lat: float) -> tuple[float, float | None]:
    """Pan in degrees clockwise from the camera's heading, counted as its reach is, and tilt up from the horizon; None where the mast's
    height is not known. Raises RuleViolation where the heading is not known or the camera does not reach so far round."""
    if camera.heading_deg is None:
        detail = f"It is not known where camera {camera.camera_id} looks at rest; register its heading_deg, or turn it by hand."
        raise RuleViolation("camera-heading-unknown", detail)
    pan_deg = (bearing_deg(camera.lon, camera.lat, lon, lat) - camera.heading_deg + 180.0) % 360.0 - 180.0
    reach = reach_of(camera)
    pan_deg = same_way(pan_deg, reach.pan_min_deg, reach.pan_max_deg)
    if not reach.pan_min_deg <= pan_deg <= reach.pan_max_deg:
        detail = f"Camera {camera.camera_id} turns from {reach.pan_min_deg:g}° to {reach.pan_max_deg:g}°, the place lies at {pan_deg:.0f}°."
        raise RuleViolation("camera-out-of-reach", detail)
    mast_m = camera.properties.get("mast_height_m")
    if not isinstance(mast_m, int | float):
        return pan_deg, None
    metres = float(distance_m(camera.lon, camera.lat, lon, lat))
    return pan_deg, -math.degrees(math.atan2(mast_m - SEEN_AT_M, metres))


def same_way(pan_deg: float, least: float, most: float) -> float:
    """The same direction as one counts between these ends, who may count from 0 to 340; where none of its angles lies there, as it was."""
    return next((pan_deg + turn for turn in (0.0, 360.0, -360.0) if least <= pan_deg + turn <= most), pan_deg)


def bearing_deg(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Clockwise from north, over distances of a city."""
    east = (to_lon - lon) * math.cos(math.radians((lat + to_lat) / 2.0))
    return math.degrees(math.atan2(east, to_lat - lat)) % 360.0


def reach_of(camera: Camera) -> Reach:
    """From its properties; what they leave out is the whole circle."""
    named = {name: camera.properties[name] for name in Reach.__struct_fields__ if isinstance(camera.properties.get(name), int | float)}
    return Reach(**named)


def has_pan_ends(camera: Camera) -> bool:
    """Whether it is registered how far round it turns."""
    return all(isinstance(camera.properties.get(name), int | float) for name in ("pan_min_deg", "pan_max_deg"))
