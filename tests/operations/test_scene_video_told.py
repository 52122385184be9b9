"""What desks are told of crews that send: at once, changes only, and nobody of what is not theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from operations.footage.scene_video_told import ToldSceneVideo, scene_rows
from operations.footage.scene_whereabouts import thinned
from storage.evidence import Place
from tests.operations import access_world as world
from tests.operations.test_scene_video import CAR, MS, ONE, Node, node

__all__ = ["node"]


def told(node: Node, to: ToldSceneVideo) -> list[Any]:
    return [json.loads(text) for text in to.changes(scene_rows(node.videos, node.clock), node.picture)]


@pytest.mark.parametrize(
    ("actor", "is_told"),
    [
        (world.actor("operator", world.CITY), True),
        (world.actor("operator", world.STATION), True),
        (world.actor("operator", world.FAR), False),
        (CAR, True),
    ],
)
async def test_those_who_see_the_incident_are_told_once(node: Node, actor: Any, is_told: bool) -> None:
    to = ToldSceneVideo(node.authority, actor)
    assert told(node, to) == []
    reception = await node.reception()
    await reception.take(0, MS, b"\x1aE\xdf\xa3")
    messages = told(node, to)
    assert [(one["incident_id"], [row["state"] for row in one["recordings"]]) for one in messages] == (
        [("i-1", ["live"])] if is_told else []
    )
    assert told(node, to) == []
    assert [json.loads(text) for text in to.all()] == messages
    node.clock.advance(60)
    assert [row["state"] for one in told(node, to) for row in one["recordings"]] == (["waiting"] if is_told else [])
    reception = await node.reception()
    await reception.end(1)
    assert [one["recordings"] for one in told(node, to)] == ([[]] if is_told else [])


async def test_a_plain_clothes_crew_is_told_of_to_those_alone_who_may_know_of_it(node: Node) -> None:
    crew = world.unit("car", marked=False)
    node.picture = world.picture([crew], [world.incident("i-1", world.STATION, world.assignment("car"))])
    await node.begin()
    county = ToldSceneVideo(node.authority, world.actor("operator", world.COUNTY))
    city = ToldSceneVideo(node.authority, world.actor("operator", world.CITY))
    assert told(node, county) == []
    assert [row["recording_id"] for one in told(node, city) for row in one["recordings"]] == [ONE]


def test_places_are_thinned_and_the_last_is_kept() -> None:
    places = [Place(world.NOW.replace(second=second), 121.0 + second, 29.0) for second in range(0, 33, 2)]
    assert [place.at.second for place in thinned(places)] == [0, 10, 20, 30, 32]
    assert thinned([]) == []
