"""The scripted evening (`evening.py`) in real browsers against a real server: two desks and three phones, whose networks are cut and
mended, and a server that is killed in the middle. In the end every timeline is the script's, event by event, and the desk that
goes back through the evening shows it as it was, with what a camera saw beside the map."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from feeds.video.farm import TestCamera
from storage.cameras import CameraSource
from tests.browser.desk_page import show
from tests.browser.desk_server import chromium
from tests.browser.node import ROOT, Node, wait_for
from tests.browser.phone import node_with
from tests.browser.pictures import IN_STEP_S, clocks_in_step, clocks_while_playing
from tests.feeds.video.farm_thread import running_farm
from tests.whole.evening import ACTS, CAMERA, CITY, PHONES, RADIO_CREWS, SEEN_BY_CAMERA, STATION, TARGETS, Step
from tests.whole.player import PATIENCE_MS, PATIENCE_S, Desk, Evening

pytestmark = pytest.mark.browser

INCIDENTS = 30
# A phone learns the server's time over a connection that may be slow: so far its clock can be ahead.
PHONE_CLOCK = timedelta(seconds=0.5)
INTO_THE_CLIP_S = 5.0  # where the replay rests in it
# A desk has no button to reassign, it recalls and pushes; the others are pressed in tests of their own.
WITHOUT_A_BUTTON = {"reassign", "release_claim", "check_in", "correct_stage"}
Cards = dict[str, str]  # stage by number
CHROMIUM = ("--use-fake-device-for-media-stream",)
# What stands on the queue: stage by number; and what the page's own program holds: stage by incident_id.
CARDS = """() => Object.fromEntries([...document.querySelectorAll('#queue .card')].map((card) => [
  card.querySelector('.number').innerText,
  [...card.querySelector('.card-last .stage').classList].find((name) => name.startsWith('stage-')).slice('stage-'.length),
]))"""
HELD = "() => Object.fromEntries([...liandong.state.incidents].map(([id, incident]) => [id, incident.stage]))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*CHROMIUM) as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running_farm(TestCamera(CAMERA)) as farm:  # draws nothing before somebody watches
        source = CameraSource(CAMERA, "", farm.url(CAMERA), "cad", 0.0)
        with node_with(tmp_path_factory.mktemp("evening"), targets=TARGETS, cameras=[source]) as running:
            yield running


@pytest.fixture(scope="module")
def evening(node: Node, browser: Browser) -> Iterator[Evening]:
    expect.set_options(timeout=PATIENCE_MS)
    playing = Evening(node, browser)
    yield playing
    playing.close()
    expect.set_options(timeout=None)


def test_each_kind_of_command_is_given_by_hand() -> None:
    steps = [step for act in ACTS for story in act for part in story for step in ((part,) if isinstance(part, Step) else part)]
    given = {(step.by_hand, step.does.split()[0]) for step in steps if step.who in (CITY, STATION, *PHONES)}
    assert {verb for by_hand, verb in given if not by_hand} - {verb for by_hand, verb in given if by_hand} == WITHOUT_A_BUTTON
    assert {step.of for step in steps} == set(range(1, INCIDENTS + 1))


def test_an_evening_of_thirty_incidents_to_the_event(evening: Evening, node: Node) -> None:
    seen = []
    for act in ACTS:
        evening.play_act(act)
        seen.append(queue_now(evening.desks[CITY]))
    replays(evening.desks[CITY], seen)
    evening.wait_for_the_clock()
    assert sorted(evening.ids) == list(range(1, INCIDENTS + 1))
    assert {one["incident_id"] for one in evening.incidents()} == set(evening.ids.values())
    assert {number: evening.lines(number) for number in evening.ids} == evening.expected
    for number in evening.ids:
        instants_are_in_order(evening, number)
    plays_in_step(evening, evening.desks[CITY])
    returns_to_the_present(evening.desks[CITY])
    for who in (CITY, STATION):
        shows_what_the_api_tells(evening.desks[who], node)
        assert (evening.desks[who].visitor.errors, evening.desks[who].visitor.outside) == ([], [])
    assert {crew: phone.complaints for crew, phone in evening.phones.items()} == {crew: [] for crew in PHONES}
    node.close()
    verifies(node.data)


def instants_are_in_order(evening: Evening, number: int) -> None:
    """Recorded in order, none before it happened; what came late happened before it could be told, and was recorded after."""
    events = evening.node.events(evening.ids[number])
    recorded, occurred = ([datetime.fromisoformat(event[name]) for event in events] for name in ("recorded_at", "occurred_at"))
    assert recorded == sorted(recorded)
    assert all(one <= other for one, other in zip(occurred, recorded, strict=True))
    for place, told_at in evening.told_at.get(number, {}).items():
        assert occurred[place] < told_at + PHONE_CLOCK, events[place]
        assert max(told_at, occurred[place]) < recorded[place], events[place]
    for crew in {*PHONES, *RADIO_CREWS}:
        own = [at for event, at in zip(events, occurred, strict=True) if event.get("unit_id") == crew and event["event"] != "upload_added"]
        assert own == sorted(own), (number, crew)


def shows_what_the_api_tells(desk: Desk, node: Node) -> None:
    """The queue, to the number and the stage, as the same account is told; and nothing that is held is older than what the node knows."""
    wanted = told_open(desk)
    assert len(set(wanted.values())) > 3, wanted
    wait_for(lambda: desk.page.evaluate(CARDS) == wanted, PATIENCE_S)
    for incident_id, stage in desk.page.evaluate(HELD).items():
        assert node.ask("GET", f"/incidents/{incident_id}")["stage"] == stage


def queue_now(desk: Desk) -> tuple[float, Cards]:
    """What the desk shows while nobody does anything, the same as the account is told, and when (Unix s)."""
    wait_for(lambda: desk.page.evaluate(CARDS) == told_open(desk), PATIENCE_S)
    return time.time(), desk.page.evaluate(CARDS)


def replays(desk: Desk, seen: list[tuple[float, Cards]]) -> None:
    """Each moment as it was seen, from the last to the first; then all of it at 60 times."""
    page = desk.page
    assert len({str(cards) for _, cards in seen}) == len(seen) > 2
    for at, cards in reversed(seen):
        page.evaluate(f"void liandong.replay.seek({at}, {{ playing: false }})")
        wait_for(lambda cards=cards: page.evaluate(CARDS) == cards, PATIENCE_S)  # type: ignore[misc]
        expect(page.locator("#replay-band")).to_contain_text("REPLAY")
    page.evaluate("void (liandong.replay.setSpeed(60), liandong.replay.setPlaying(true))")
    wait_for(lambda: page.evaluate("liandong.state.replay.at") > seen[-1][0], PATIENCE_S)
    wait_for(lambda: page.evaluate(CARDS) == told_open(desk), PATIENCE_S)


def plays_in_step(evening: Evening, desk: Desk) -> None:
    """The clip that was marked, beside the map of then: the clock burnt into its pictures is the time bar's, at rest and while it plays."""
    page = desk.page
    found = desk.ask(f"/incidents/{evening.ids[SEEN_BY_CAMERA]}/clips")
    (marked,), (clip,) = found["clips"], found["in_step"]
    assert (marked["camera_id"], marked["state"], marked["time_source"], marked["by"]) == (CAMERA, "stored", "camera", "city-desk")
    at = datetime.fromisoformat(clip["start_at"]).timestamp() + INTO_THE_CLIP_S
    page.evaluate(f"void (liandong.replay.setPlaying(false), liandong.replay.setSpeed(1), liandong.replay.seek({at}))")
    number = evening.number(SEEN_BY_CAMERA)
    wait_for(lambda: page.evaluate(CARDS).get(f"#{number}") == "received", PATIENCE_S)
    show(page, number)
    expect(page.locator(f"#video .video-tile.in-step[data-clip='{clip['id']}'] video.front")).to_be_visible()
    wait_for(lambda: is_in_step(page, at), PATIENCE_S)
    page.evaluate("void liandong.replay.setPlaying(true)")
    wait_for(lambda: (clocks := clocks_in_step(page, 1)) is not None and min(clocks) > at + 1, PATIENCE_S)
    read = clocks_while_playing(page, 1)
    assert len(read) >= 5, "the clock can't be read off the screen"
    assert float(np.median([abs(clock - shown) for clock, shown in read])) < IN_STEP_S
    assert len({shown for _, shown in read}) > 3, "the clip stands still"


def is_in_step(page: Page, at: float) -> bool:
    """Whether the time bar rests at an instant, and the clip's picture is of it."""
    clocks = clocks_in_step(page, 1)
    return clocks is not None and all(abs(clock - at) < IN_STEP_S for clock in clocks)


def returns_to_the_present(desk: Desk) -> None:
    desk.page.keyboard.press("l")
    expect(desk.page.locator("#replay-band")).to_be_hidden()
    expect(desk.page.locator(".video-tile.in-step")).to_have_count(0)


def told_open(desk: Desk) -> Cards:
    """Stage by number of what is open, as the desk's account is told."""
    return {f"#{one['number']}": one["stage"] for one in desk.ask("/incidents?stage=open&limit=500")["incidents"]}


def verifies(data: Path) -> None:
    command = [sys.executable, "app.py", "verify", "--data", str(data)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
