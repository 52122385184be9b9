"""How each kind of unit moves: the one table from kinds of unit to profiles of the street graph."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dispatch.model import UnitKind
from geodata.streets.graph import PROFILES, ProfileName
from operations.tracking.positions import UNIT_KINDS

Movement = Mapping[UnitKind, ProfileName]

# Street patrols on foot; a city whose street patrols ride says so in its settings.
WALKING: Movement = MappingProxyType({UnitKind.PATROL_CAR: "car", UnitKind.FOOT_PATROL: "foot", UnitKind.ARMED_PATROL: "car"})
RIDING: Movement = MappingProxyType({**WALKING, UnitKind.FOOT_PATROL: "ebike"})


def profile_numbers(movement: Movement) -> NDArray[np.uint8]:
    """[kinds] place in PROFILES, by the place of the kind in UNIT_KINDS."""
    return np.array([PROFILES.index(movement[kind]) for kind in UNIT_KINDS], np.uint8)
