"""Push to wall: the newest view per organisation and screen."""

from __future__ import annotations

import pytest

from dispatch.errors import NotPermitted
from operations.access.authority import Authority
from operations.outgoing.screens import Screens, View
from tests.operations import access_world as world


def screens() -> Screens:
    clock = world.clock()
    return Screens(Authority(world.organisations(), clock), clock)


def test_the_newest_view_stays_for_walls_that_come_later_and_for_its_organisation_only() -> None:
    walls = screens()
    heard: list[View] = []
    stop = walls.listen(heard.append)
    walls.show(world.actor("operator", world.COUNTY), "map", {"zoom": 12})
    walls.show(world.actor("operator", world.COUNTY), "map", {"zoom": 14})
    stop()
    walls.show(world.actor("operator", world.COUNTY), "queue", {})
    newest = walls.newest(world.COUNTY, "map")
    assert newest is not None
    assert newest.view == {"zoom": 14}
    assert walls.newest(world.OTHER, "map") is None
    assert [view.view for view in heard] == [{"zoom": 12}, {"zoom": 14}]


def test_who_may_not_and_what_is_no_screen_is_refused() -> None:
    walls = screens()
    with pytest.raises(NotPermitted):
        walls.show(world.actor("viewer", world.COUNTY), "map", {})
    with pytest.raises(ValueError, match="'moon'; choose one of map, queue"):
        walls.show(world.actor("operator", world.COUNTY), "moon", {})
