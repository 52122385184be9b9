"""The scripted evening (`evening.py`) in real browsers against a real server: two desks and three phones, whose networks are cut and
mended, and a server that is killed in the middle. In the end every timeline is the script's, event by event, and the desk that
goes back through the evening shows it as it was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.desk_server import chromium
from tests.browser.node import ROOT, Node, wait_for
from tests.browser.phone import node_with
from tests.whole.evening import ACTS, CITY, PHONES, RADIO_CREWS, STATION, TARGETS, Step
from tests.whole.player import PATIENCE_MS, PATIENCE_S, Desk, Evening

pytestmark = pytest.mark.browser

INCIDENTS = 30
# A phone learns the server's time over a connection that may be slow: so far its clock can be ahead.
PHONE_CLOCK = timedelta(seconds=0.5)
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
    with node_with(tmp_path_factory.mktemp("evening"), targets=TARGETS) as running:
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
    evening.wait_for_the_clock()
    assert sorted(evening.ids) == list(range(1, INCIDENTS + 1))
    assert {one["incident_id"] for one in evening.incidents()} == set(evening.ids.values())
    assert {number: evening.lines(number) for number in evening.ids} == evening.expected
    for number in evening.ids:
        instants_are_in_order(evening, number)
    replays(evening.desks[CITY], seen)
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
    """Each moment as it was seen, from the last to the first; then all of it at 60 times, and the present again."""
    page = desk.page
    assert len({str(cards) for _, cards in seen}) == len(seen) > 2
    for at, cards in reversed(seen):
        page.evaluate(f"void liandong.replay.seek({at}, {{ playing: false }})")
        wait_for(lambda cards=cards: page.evaluate(CARDS) == cards, PATIENCE_S)  # type: ignore[misc]
        expect(page.locator("#replay-band")).to_contain_text("REPLAY")
    page.evaluate("void (liandong.replay.setSpeed(60), liandong.replay.setPlaying(true))")
    wait_for(lambda: page.evaluate("liandong.state.replay.at") > seen[-1][0], PATIENCE_S)
    wait_for(lambda: page.evaluate(CARDS) == told_open(desk), PATIENCE_S)
    page.keyboard.press("l")
    expect(page.locator("#replay-band")).to_be_hidden()


def told_open(desk: Desk) -> Cards:
    """Stage by number of what is open, as the desk's account is told."""
    return {f"#{one['number']}": one["stage"] for one in desk.ask("/incidents?stage=open&limit=500")["incidents"]}


def verifies(data: Path) -> None:
    command = [sys.executable, "app.py", "verify", "--data", str(data)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
