"""What a push is promised from the streets: usual and late time, turnout apart, with siren where the grade asks for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composition import RoadPromises
from dispatch.events import Promise
from dispatch.model import Grade, UnitKind
from geodata.routing.travel import TravelTimes
from geodata.streets.street_times import built_times
from operations.situation.candidates import TURNOUT_S
from operations.tracking.movement import WALKING
from tests.cities import build_test_city, degrees

KINDS = (UnitKind.PATROL_CAR, UnitKind.ARMED_PATROL, UnitKind.FOOT_PATROL)


@pytest.fixture(scope="module")
def travel(tmp_path_factory: pytest.TempPathFactory) -> TravelTimes:
    """Sirens halve every time."""
    graph = build_test_city(tmp_path_factory.mktemp("promises")).graph
    built = built_times(graph)
    travel = TravelTimes(graph)
    travel.use(
        replace(
            built,
            p50_s={**built.p50_s, "siren": (built.p50_s["siren"] / np.float32(2)).astype(np.float32)},
            p90_s={**built.p90_s, "siren": (built.p90_s["siren"] / np.float32(2)).astype(np.float32)},
        )
    )
    return travel


def promised(travel: TravelTimes, grade: Grade) -> list[Promise | None]:
    (lon, lat), starts = degrees(700, 500), [degrees(100, 500), degrees(100, 500), degrees(500, 500)]
    return list(RoadPromises(travel, WALKING).promises(lon, lat, [s[0] for s in starts], [s[1] for s in starts], KINDS, grade))


def test_usual_and_late_times_and_turnout_are_kept_apart(travel: TravelTimes) -> None:
    for promise, kind in zip(promised(travel, Grade.ORDINARY), KINDS, strict=True):
        assert promise is not None
        assert promise.eta_p90_s is not None
        assert promise.eta_s < promise.eta_p90_s < 2 * promise.eta_s
        assert promise.turnout_s == TURNOUT_S[kind]


def test_cars_are_promised_with_siren_to_what_is_urgent(travel: TravelTimes) -> None:
    without, urgent = promised(travel, Grade.ORDINARY), promised(travel, Grade.URGENT)
    for slow, fast, kind in zip(without, urgent, KINDS, strict=True):
        assert slow is not None
        assert fast is not None
        share = 1.0 if kind is UnitKind.FOOT_PATROL else 0.5
        assert fast.eta_s == pytest.approx(share * slow.eta_s, rel=0.01)
        assert fast.eta_p90_s == pytest.approx(share * (slow.eta_p90_s or 0.0), rel=0.01)


def test_far_from_every_street_nothing_is_promised(travel: TravelTimes) -> None:
    lon, lat = degrees(90_000, 500)
    assert RoadPromises(travel, WALKING).promises(lon, lat, [121.5], [29.8], KINDS[:1], Grade.MAJOR) == [None]
