"""Are the promises kept? Promised times beside actual ones over a period: reliability by how much was promised, bias by hour and district.

Nobody is left out in silence: an assignment that can't be compared is counted under its reason (`dispatch.promises.Unmatched`), and
a crew that was called back after its promised time had run out counts as late in the shares.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from dispatch.clock import Clock
from dispatch.model import Actor, Incident
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from dispatch.promises import ArrivalBy, Unmet, Way, compared
from operations.access.authority import Action, Authority
from operations.records.history import History
from storage.journal import MAX_PAGE

# Upper ends of the buckets of promised minutes; the last is open.
BUCKETS_MIN = (1.0, 2.0, 3.0, 5.0, 8.0, 15.0, math.inf)
# A shorter promise counts as this one in a ratio: of a car round the corner it would say nothing.
LEAST_PROMISE_S = 10.0
MAX_DAYS = 366
DAY = timedelta(days=1)


class Bucket(msgspec.Struct, frozen=True):
    """Ways by how much was promised. Shares are of those that came and those that are known to be late without having come."""

    from_min: float
    to_min: float | None  # None: open
    n: int  # ways that can be compared
    promised_s: float | None = None  # medians of both
    actual_s: float | None = None
    actual_p10_s: float | None = None
    actual_p90_s: float | None = None
    ratio: float | None = None  # median of actual ÷ promised
    share_in_p50: float | None = None  # there within what was promised
    share_in_p90: float | None = None  # of those that had one: within the p90
    n_p90: int = 0  # how many had one
    late_without_arrival: int = 0


class Bias(msgspec.Struct, frozen=True):
    """How far off the ways of one hour or one district were: medians of actual − promised, and of actual ÷ promised."""

    key: str  # hour of the day in the city, 0 … 23; or organisation
    n: int
    bias_s: float
    ratio: float


class Turnout(msgspec.Struct, frozen=True):
    """From the push until setting out, apart from the way: assumed, and as it was."""

    n: int = 0
    assumed_s: float | None = None
    median_s: float | None = None
    p90_s: float | None = None
    response_s: float | None = None  # median from the push until there


class Calibration(msgspec.Struct, frozen=True):
    """Everything of one period, scope and way of telling an arrival."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    by: ArrivalBy
    org_code: str
    incidents: int
    assignments: int
    comparable: int
    without_p90: int  # of the comparable
    ratio: float | None
    bias_s: float | None
    share_in_p50: float | None
    share_in_p90: float | None
    late_without_arrival: int
    turnout: Turnout
    buckets: tuple[Bucket, ...]
    hours: tuple[Bias, ...]
    districts: tuple[Bias, ...]
    not_comparable: dict[str, int]  # by reason, the most frequent first; together with `comparable` all assignments


class Found(msgspec.Struct, frozen=True, gc=False):
    """One assignment as compared, and the district it counts for."""

    district: str
    result: Way | Unmet


def calibrate(
    found: Sequence[Found], incidents: int, from_: datetime, to: datetime, zone: ZoneInfo, by: ArrivalBy, org_code: str
) -> Calibration:
    """All figures of a period. Pure."""
    ways = [(one.district, one.result) for one in found if isinstance(one.result, Way)]
    unmet = [one.result for one in found if isinstance(one.result, Unmet)]
    results = [way for _, way in ways]
    whole = _bucket(0.0, math.inf, results, unmet)
    hours, districts = defaultdict[str, list[Way]](list), defaultdict[str, list[Way]](list)
    for district, way in ways:
        hours[str(way.departed_at.astimezone(zone).hour)].append(way)
        districts[district].append(way)
    return Calibration(
        from_=from_,
        to=to,
        by=by,
        org_code=org_code,
        incidents=incidents,
        assignments=len(found),
        comparable=len(results),
        without_p90=len(results) - whole.n_p90,
        ratio=whole.ratio,
        bias_s=_median([way.travel_s - way.promised_s for way in results]),
        share_in_p50=whole.share_in_p50,
        share_in_p90=whole.share_in_p90,
        late_without_arrival=whole.late_without_arrival,
        turnout=_turnout(results),
        buckets=tuple(_buckets(results, unmet)),
        hours=tuple(_bias(key, hours[key]) for key in sorted(hours, key=int)),
        districts=tuple(_bias(key, districts[key]) for key in sorted(districts)),
        not_comparable=dict(Counter(str(one.why) for one in unmet).most_common()),
    )


def _buckets(ways: Sequence[Way], unmet: Sequence[Unmet]) -> Iterable[Bucket]:
    low = 0.0
    for high in BUCKETS_MIN:
        inside = [way for way in ways if low <= way.promised_s / 60 < high]
        missing = [one for one in unmet if one.promised_s is not None and low <= one.promised_s / 60 < high]
        yield _bucket(low, high, inside, missing)
        low = high


def _bucket(low: float, high: float, ways: Sequence[Way], unmet: Sequence[Unmet]) -> Bucket:
    late = sum(_is_late(one, one.promised_s) for one in unmet)
    with_p90 = [(way.travel_s, way.promised_p90_s) for way in ways if way.promised_p90_s is not None]
    late_p90 = sum(_is_late(one, one.promised_p90_s) for one in unmet)
    travel_s = [way.travel_s for way in ways]
    return Bucket(
        from_min=low,
        to_min=None if math.isinf(high) else high,
        n=len(ways),
        promised_s=_median([way.promised_s for way in ways]),
        actual_s=_median(travel_s),
        actual_p10_s=_quantile(travel_s, 0.1),
        actual_p90_s=_quantile(travel_s, 0.9),
        ratio=_median([_ratio(way) for way in ways]),
        share_in_p50=_share(sum(way.travel_s <= way.promised_s for way in ways), len(ways) + late),
        share_in_p90=_share(sum(travel <= p90 for travel, p90 in with_p90), len(with_p90) + late_p90),
        n_p90=len(with_p90),
        late_without_arrival=late,
    )


def _is_late(one: Unmet, promised_s: float | None) -> bool:
    return one.waited_s is not None and promised_s is not None and one.waited_s > promised_s


def _turnout(ways: Sequence[Way]) -> Turnout:
    turnout_s = [way.turnout_s for way in ways]
    return Turnout(
        n=len(ways),
        assumed_s=_median([way.promised_turnout_s for way in ways if way.promised_turnout_s is not None]),
        median_s=_median(turnout_s),
        p90_s=_quantile(turnout_s, 0.9),
        response_s=_median([way.response_s for way in ways]),
    )


def _bias(key: str, ways: Sequence[Way]) -> Bias:
    bias_s = np.median([way.travel_s - way.promised_s for way in ways])
    return Bias(key, len(ways), round(float(bias_s), 1), round(float(np.median([_ratio(way) for way in ways])), 3))


def _ratio(way: Way) -> float:
    return way.travel_s / max(way.promised_s, LEAST_PROMISE_S)


def _median(values: Sequence[float]) -> float | None:
    return _quantile(values, 0.5)


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 3) if values else None


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


class Calibrations:
    """Reads the journal for one actor: own scope only, without complaints and crews it may not know of."""

    def __init__(
        self,
        history: History,
        authority: Authority,
        organisations: OrganisationTree,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
        time_zone: str,
    ) -> None:
        self._history = history
        self._authority = authority
        self._organisations = organisations
        self._clock = clock
        self._picture = picture
        self._zone = ZoneInfo(time_zone)

    async def of(self, actor: Actor, from_: datetime, to: datetime, by: ArrivalBy = ArrivalBy.BUTTON) -> Calibration:
        """Of incidents received from `from_` until before `to`. Raises NotPermitted."""
        self._authority.authorise(actor, Action.SEE_CALIBRATION)
        orgs, now = self._authority.visible_orgs(actor), self._clock.now()
        found: list[Found] = []
        incidents, begins = 0, from_
        while begins < to:
            # A day at a time: a database sorts what a page is cut from anew for each page.
            ends, cursor = min(begins + DAY, to), None
            while True:
                page = await self._history.incidents(orgs=orgs, from_=begins, to=ends, cursor=cursor, limit=MAX_PAGE)
                seen, results = await asyncio.to_thread(self._compared, actor, page.incidents, self._picture(), now, by)
                incidents, cursor = incidents + seen, page.cursor
                found += results
                if cursor is None:
                    break
            begins = ends
        return await asyncio.to_thread(calibrate, found, incidents, from_, to, self._zone, by, actor.org_code)

    def _compared(
        self, actor: Actor, incidents: Sequence[Incident], picture: OperatingPicture, now: datetime, by: ArrivalBy
    ) -> tuple[int, list[Found]]:
        """How many of them the actor may see, and each of their assignments that it may know of."""
        seen = [one for one in incidents if self._authority.may_see_incident(actor, one)]
        found = []
        for incident in seen:
            told = self._authority.incident_for(actor, incident, picture)
            district = self._organisations.county_of(incident.org_code)
            found += [Found(district, compared(told, one, now, by)) for one in told.assignments]
        return len(seen), found
