"""What a reader is shown as possibly the same incident: its own scope only, complaints only to who may see them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch.codes import load_codes
from dispatch.duplicates import Call
from dispatch.errors import Unavailable
from dispatch.model import Actor, Incident, Stage
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority
from operations.incidents.further_calls import FurtherCalls
from tests.operations import access_world as world

PLACE = {"lon": 121.55, "lat": 29.87}
HERE = world.incident("here", world.STATION, number=9, **PLACE)
EARLIER = world.incident("earlier", world.STATION, called_at=world.NOW - timedelta(minutes=4), **PLACE)
SISTERS = world.incident("sisters", world.SISTER, **PLACE)
COMPLAINT = world.incident("complaint", world.STATION, incident_type="complaint", **PLACE)
COMPLAINED_AGAIN = world.incident("again", world.STATION, incident_type="complaint", number=10, **PLACE)
FAR_AWAY = world.incident("far", world.STATION, lon=121.60, lat=29.9)


class Callers:
    """Whose number is whose; can be out of order."""

    is_broken = False

    async def calls_of_same_number(self, actor: Actor, incident: Incident, channel: str) -> list[Incident]:
        return await self.calls_of_number(actor, "138", channel)

    async def calls_of_number(self, actor: Actor, number: str, channel: str) -> list[Incident]:
        if self.is_broken:
            raise Unavailable("not-audited", "The look can't be written down.")
        return [FAR_AWAY] if actor.role == "operator" else []


async def found(actor: Actor, incident: Incident = HERE, callers: Callers | None = None) -> list[str]:
    picture: OperatingPicture = world.picture(incidents=[HERE, EARLIER, SISTERS, COMPLAINT, COMPLAINED_AGAIN, FAR_AWAY])
    calls = FurtherCalls(Authority(world.organisations(), world.clock()), callers or Callers(), load_codes().family_of)
    asked = [await calls.of_incident(actor, incident, picture, "desk")]
    if incident is HERE:
        call = Call(HERE.incident_type, "", "", HERE.called_at, HERE.lon, HERE.lat, HERE.incident_id)
        asked.append(await calls.of_call(actor, call, "138", picture, "desk"))
    assert all(answer == asked[0] for answer in asked), "the form and the panel say the same"
    return [one.incident_id for one in asked[0]]


async def test_each_reader_is_shown_its_own_scope() -> None:
    assert await found(world.actor("operator", world.COUNTY)) == ["earlier", "sisters", "far"]
    assert await found(world.actor("call_taker", world.COUNTY)) == ["earlier", "sisters"]
    assert await found(world.actor("call_taker", world.FAR)) == []


async def test_a_complaint_is_suggested_for_complaints_and_to_those_who_may_see_it_only() -> None:
    assert await found(world.actor("supervisor", world.STATION), COMPLAINED_AGAIN) == ["complaint"]
    assert await found(world.actor("call_taker", world.COUNTY), COMPLAINED_AGAIN) == ["complaint"]
    assert await found(world.actor("call_taker", world.STATION), COMPLAINED_AGAIN) == []
    assert await found(world.actor("admin", world.CITY), COMPLAINED_AGAIN) == []
    assert await found(world.actor("supervisor", world.STATION)) == ["earlier"]


async def test_an_ended_incident_is_asked_about_no_more() -> None:
    assert await found(world.actor("operator", world.COUNTY), world.incident("here", stage=Stage.CLOSED, **PLACE)) == []


async def test_no_suggestion_rests_on_a_number_whose_look_is_not_written_down() -> None:
    callers = Callers()
    callers.is_broken = True
    with pytest.raises(Unavailable):
        await found(world.actor("operator", world.COUNTY), callers=callers)
