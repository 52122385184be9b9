"""How the hour changes what streets take, before anything was measured: parts of the day, and the usual ratio in each by class.

The figures are round on purpose: they are what most large cities have in common, not what was measured in any. Learned speeds
(`geodata.streets.learned`) begin here and soon weigh more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geodata.streets.graph import STREET_CLASSES

# Parts of the day by local hour.
PART_NAMES = ("night", "morning_rush", "day", "evening_rush", "evening")
PART_OF_HOUR = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 0, 0])
PARTS = len(PART_NAMES)

# Seconds on a street that carries the city's traffic, over seconds as built: empty at night, a fifth longer in the rush hours.
_MAIN_RATIO = np.array([0.9, 1.2, 1.0, 1.2, 1.0])
_MAIN = np.isin(STREET_CLASSES, ("motorway", "trunk", "primary", "secondary"))
_OTHERS_FEEL = 0.5  # so much of it
_SIREN_FEELS = 0.5  # so much of what delays others


def usual_of_part() -> NDArray[np.float64]:
    """[classes, parts of the day, manners of driving] usual seconds over seconds as built; manners: `geodata.streets.learned.MANNERS`."""
    change = (_MAIN_RATIO - 1.0) * np.where(_MAIN, 1.0, _OTHERS_FEEL)[:, np.newaxis]
    with_siren = change * np.where(change > 0.0, _SIREN_FEELS, 1.0)
    return 1.0 + np.stack([change, change, with_siren], axis=-1)
