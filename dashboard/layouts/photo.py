"""What stands beside a photo: when and where its camera says it was taken, as a fact for the reader to judge."""

from __future__ import annotations

import math
from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dispatch.model import Incident
from geodata.projection import LocalProjection
from storage.evidence import Manifest

# Houses, yards and GPS in a street of high buildings explain less than this between a photo and its incident.
FAR_M = 500.0


def beside_photo(kept: Manifest, incident: Incident, facts: Facts) -> list[Any]:
    """Lines for under the picture; none where its camera wrote nothing."""
    words = facts.words
    said = []
    if kept.photo_at is not None:
        said.append(words("taken {time}", time=f"{kept.photo_at.astimezone(facts.zone):%Y-%m-%d %H:%M:%S}"))
    metres = metres_apart(kept, incident)
    if metres is not None:
        said.append(words("{distance} from the incident's point", distance=words.distance(metres)))
    elif kept.photo_lon is not None and kept.photo_lat is not None:
        said.append(f"{kept.photo_lon:.5f}, {kept.photo_lat:.5f}")
    if not said:
        return []
    is_far = metres is not None and metres > FAR_M
    return [html.P([words("Its camera says: "), " · ".join(said)], className="camera-says notice" if is_far else "camera-says")]


def metres_apart(kept: Manifest, incident: Incident) -> float | None:
    """Straight between photo and incident; None while either is unknown."""
    if kept.photo_lon is None or kept.photo_lat is None or incident.lon is None or incident.lat is None:
        return None
    x, y = LocalProjection(incident.lon, incident.lat).to_metres(kept.photo_lon, kept.photo_lat)
    return math.hypot(float(x), float(y))
