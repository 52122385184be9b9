"""`bench loop`: incidents from call to close under the load of a city, told to desks and terminals; beside it a polled Dash application.

Three parts. Delays: all incidents of ten minutes at 20 a minute within one minute, every desk and terminal connected, every crew
moving; ten times the rate is harder on delays and gives as many samples as the ten minutes would. CPU: both sides in turns at the
true rate, because what polling costs depends on time and not on incidents; the turns are shorter instead. Kills: `bench/loop_kills.py`.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench import harness
from bench.crews import crew_tokens, desk_tokens, drive, register
from bench.fleet import Fleet, street_near
from bench.loop_checks import Kills
from bench.loop_clients import Desk, Terminal, Told
from bench.loop_kills import LANES, kill_again_and_again
from bench.loop_polling import Polling
from bench.loop_sides import CITY_DESKS, EVENTS, STEPS, Call, Ours, Side, desk_scopes
from bench.processes import Server, cpu_s, rss_mb, with_descendants
from dispatch.organisations import OrganisationTree
from geodata.cities.city import City, open_city
from geodata.districts.jurisdictions import Jurisdictions

PORT, PEER_PORT, KILL_PORT = 18357, 18358, 18359
TERMINALS, DESKS = 700, 60
STANDING = 100  # open incidents in everyone's queue before anything begins
RATE_PER_S = 20 / 60
DELAY_INCIDENTS, DELAY_S = 200, 60.0
STEP_S = 0.4  # from one step of an incident to the next
ROUNDS, WARM_S, WINDOW_S = 5, 3.0, 9.0  # three incidents, each from its first step to its last
KEEPS_UP = 0.99  # share of polls answered within their second, below which a peer counts as saturated
FEWEST_DESKS = 3
KILLS = 20


@dataclass
class Turn:
    """CPU seconds of one window of one side, and of the clients."""

    cpu_s: float
    clients_cpu_s: float

    @property
    def cpu_per_incident_s(self) -> float:
        return self.cpu_s / (WINDOW_S * RATE_PER_S)


class Calls:
    """The incidents to come: every one near another crew."""

    def __init__(self, city: City, fleet: Fleet, crews: int) -> None:
        jurisdictions = Jurisdictions.of(city)
        self._places = [street_near(city.graph, *fleet.place(0, crew)) for crew in range(crews)]
        self._org_codes = [jurisdictions.locate(lon, lat).code for lon, lat in self._places]
        self._unit_ids = fleet.unit_ids
        self._number = 0

    def take(self, crews: int) -> Call:
        """The next one, for one of the first `crews` crews."""
        crew = self._number * 37 % crews  # neighbours in number are none on the map
        self._number += 1
        return Call(self._number, self._unit_ids[crew], *self._places[crew], self._org_codes[crew])


def run() -> dict[str, Any]:
    """The benchmark; about six minutes."""
    figures, raw, ratios, notes = _delays_and_cpu()
    harness.say("loop: kills")
    kills = kill_again_and_again(KILL_PORT, KILLS, TERMINALS, DESKS, seed=2016)
    figures |= _figures(kills)
    raw["kills"] = {"rounds": kills.rounds, "deadlines_told_after_s": kills.deadlines_told_after_s, "faults": kills.faults}
    if kills.faults:
        notes["faults"] = "; ".join(kills.faults[:5])
    notes["kills"] = (
        f"{KILLS} times SIGKILL at a random instant, everyone connected, {LANES} incidents in progress, each command sent as soon as the "
        "one before was answered, so that a kill finds commands in flight; lost: acknowledged, but not in the journal; doubled: in it twice"
    )
    notes["samples"] = str(harness.keep_samples("loop", raw).relative_to(harness.ROOT))
    return harness.result("loop", figures, ratios, notes)


def _figures(kills: Kills) -> dict[str, Any]:
    return {
        "kills": len(kills.rounds),
        "acknowledged": kills.acknowledged,
        "sent_again": kills.sent_again,
        "lost": len(kills.lost),
        "doubled": len(kills.doubled),
        "damage": len(kills.damage),
        "deadlines_told": kills.deadlines_told,
        "deadlines_told_p99_ms": harness.percentile(kills.deadlines_told_after_s, 99) * 1e3,
        "deadlines_wrong": len(kills.deadlines_wrong),
        "deadlines_forgotten": len(kills.deadlines_forgotten),
        "views_compared": kills.views_compared,
        "views_wrong": len(kills.views_wrong),
        "up_again_s": harness.percentile([r["up_s"] for r in kills.rounds], 50),
        "everyone_back_s": harness.percentile([r["back_s"] for r in kills.rounds], 50),
    }


def _delays_and_cpu() -> tuple[dict[str, Any], dict[str, Any], dict[str, float | None], dict[str, str]]:
    with Server("loop-server", PORT, {"feed": "feed", "desk": "operator"}) as server:
        city = open_city(server.city)
        fleet = Fleet(city, TERMINALS, "t")
        tree = OrganisationTree(city.organisations())
        scopes = desk_scopes(tree, DESKS)
        reach = {scope: tree.reach(scope, datetime.now(UTC).date()) for scope in scopes}
        told = Told()
        desks = [Desk(PORT, token, scope, told) for scope, token in zip(scopes, desk_tokens(server, scopes), strict=True)]
        tokens = crew_tokens(server, fleet.unit_ids)
        terminals = {unit: Terminal(PORT, token, unit, told) for unit, token in zip(fleet.unit_ids, tokens, strict=True)}
        calls = Calls(city, fleet, TERMINALS)
        with Polling(PEER_PORT, harness.WORK / "loop-peer.sqlite", reach, scopes, fleet.unit_ids) as peer:
            return asyncio.run(_measure(server, fleet, calls, Ours(server, told, desks, terminals), peer, reach))


async def _measure(
    server: Server, fleet: Fleet, calls: Calls, ours: Ours, peer: Polling, reach: dict[str, frozenset[str]]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, float | None], dict[str, str]]:
    await register(server, fleet)
    standing = [calls.take(TERMINALS) for _ in range(STANDING)]
    for side in (ours, peer):
        for call in standing:
            await side.step("receive", call, 0.0)
    harness.say("loop: delays")
    desk_s, push_s, last_s, lag = await _delays(server, fleet, calls, ours, reach)
    desks, terminals = await _what_the_peer_bears(peer, calls)
    our_turns: list[Turn] = []
    peer_turns: list[Turn] = []
    peer_desk_s: list[float] = []
    shares: list[float] = []
    for round_ in range(ROUNDS):
        harness.say(f"loop: round {round_ + 1} of {ROUNDS}, {desks} desks and {terminals} terminals")
        our_turns.append(await _turn(ours, calls, desks, terminals))
        peer_turns.append(await _turn(peer, calls, desks, terminals))
        peer_desk_s += peer.desk_delays_s()
        shares.append(peer.polled.in_time_share)
    our_cpu, peer_cpu = ([turn.cpu_per_incident_s for turn in turns] for turns in (our_turns, peer_turns))
    figures = {
        "desk_p50_ms": harness.percentile(desk_s, 50) * 1e3,
        "desk_p99_ms": harness.percentile(desk_s, 99) * 1e3,
        "last_desk_p99_ms": harness.percentile(last_s, 99) * 1e3,
        "push_p50_ms": harness.percentile(push_s, 50) * 1e3,
        "push_p99_ms": harness.percentile(push_s, 99) * 1e3,
        "pushes": len(push_s),
        "loop_lag_p99_ms": lag,
        "desks": DESKS,
        "terminals": TERMINALS,
        "cpu_ms_per_incident": statistics.median(our_cpu) * 1e3,
        "polling_cpu_ms_per_incident": statistics.median(peer_cpu) * 1e3,
        "polling_desk_p50_ms": harness.percentile(peer_desk_s, 50) * 1e3,
        "polling_desk_p99_ms": harness.percentile(peer_desk_s, 99) * 1e3,
        "polls_in_time_share": min(shares),
        "compared_desks": desks,
        "compared_terminals": terminals,
        "clients_cpu_share": statistics.median([turn.clients_cpu_s / WINDOW_S for turn in our_turns]),
        "polling_clients_cpu_share": statistics.median([turn.clients_cpu_s / WINDOW_S for turn in peer_turns]),
        "rss_mb": rss_mb(with_descendants(server.pid)),
    }
    notes = {
        "desk_p99_ms": f"from the instant a command was due to its event at each desk in whose scope it is; {DELAY_INCIDENTS} incidents in "
        f"{DELAY_S:.0f} s, ten times the rate of 20 a minute, {TERMINALS} crews reporting once a second meanwhile",
        "last_desk_p99_ms": "the same until the last of these desks has it",
        "push_p99_ms": "from the instant a push was due to its message at the crew's terminal, in the same minute",
        "cpu": f"{ROUNDS} turns each of {WINDOW_S:.0f} s at the true rate of 20 incidents a minute, {STANDING} open incidents in queues, "
        "no positions; user and system time of the whole process tree of the server",
        "peer": "Dash on FastAPI and uvicorn, SQLite with synchronous=FULL; each page asks once a second; what has not changed is not sent",
    }
    if desks < DESKS:
        notes["compared"] = (
            f"the peer does not keep up with {DESKS} desks and {TERMINALS} terminals; CPU of both sides at {desks} and {terminals}"
        )
    raw = {"desk_s": desk_s, "push_s": push_s, "our_turns": [vars(t) for t in our_turns], "peer_turns": [vars(t) for t in peer_turns]}
    return figures, raw, {"cpu_vs_interval_polling": harness.ratio(our_cpu, peer_cpu)}, notes


async def _delays(
    server: Server, fleet: Fleet, calls: Calls, ours: Ours, reach: dict[str, frozenset[str]]
) -> tuple[list[float], list[float], list[float], float | None]:
    """Seconds until each desk, each pushed terminal and each last desk was told; and the loop's lag in that minute (ms)."""
    async with ours.clients(DESKS, TERMINALS):
        ours.due.clear()
        moving = asyncio.create_task(drive(server, fleet, DELAY_S))
        await _load(ours, calls, TERMINALS, DELAY_INCIDENTS / DELAY_S, DELAY_S)
        lag = await asyncio.to_thread(server.loop_lag_p99_ms, "desk")
        await moving
    desk_s: list[float] = []
    last_s: list[float] = []
    for (incident_id, event), (due, call) in ours.due.items():
        arrived = [at - due for at in ours.told.desks[incident_id, event]]
        expected = sum(call.org_code in codes for codes in reach.values()) + CITY_DESKS - 1
        if len(arrived) != expected:
            raise RuntimeError(f"{event} of call {call.number} reached {len(arrived)} desks instead of {expected}")
        desk_s += arrived
        last_s.append(max(arrived))
    pushed = [(incident_id, due) for (incident_id, event), (due, _) in ours.due.items() if event == EVENTS["push"]]
    return desk_s, [ours.told.terminals[incident_id] - due for incident_id, due in pushed], last_s, lag


async def _what_the_peer_bears(peer: Polling, calls: Calls) -> tuple[int, int]:
    """Desks and terminals whose polls it answers within their second. Raises PeerError when the machine is too busy for any number."""
    desks, terminals = DESKS, TERMINALS
    while desks >= FEWEST_DESKS:
        await _turn(peer, calls, desks, terminals)
        share = peer.polled.in_time_share
        if share >= KEEPS_UP:
            return desks, terminals
        harness.say(f"loop: the peer answers {share:.1%} of the polls of {desks} desks and {terminals} terminals in time; half of them")
        desks, terminals = desks // 2, terminals // 2
    raise harness.PeerError(f"the peer keeps up with fewer than {FEWEST_DESKS} desks: the machine is too busy to measure anything on")


async def _turn(side: Side, calls: Calls, desks: int, terminals: int) -> Turn:
    """A window at the true rate; warmed up until incidents are at every step of the loop."""
    async with side.clients(desks, terminals):
        load = asyncio.create_task(_load(side, calls, terminals, RATE_PER_S, WARM_S + WINDOW_S))
        await asyncio.sleep(WARM_S)
        cpu_before, clients_before = cpu_s(side.pid), time.process_time()
        await asyncio.sleep(WINDOW_S)
        turn = Turn(cpu_s(side.pid) - cpu_before, time.process_time() - clients_before)
        await load
    return turn


async def _load(side: Side, calls: Calls, crews: int, rate_per_s: float, seconds: float) -> None:
    """Incidents at that rate for so long, each to its end."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(math.ceil(seconds * rate_per_s)):
            due = start + number / rate_per_s
            await asyncio.sleep(max(due - loop.time(), 0.0))
            group.create_task(_carry(side, calls.take(crews), due))


async def _carry(side: Side, call: Call, due: float) -> None:
    loop = asyncio.get_running_loop()
    for number, name in enumerate(STEPS):
        step_due = due + number * STEP_S
        await asyncio.sleep(max(step_due - loop.time(), 0.0))
        await side.step(name, call, step_due)


if __name__ == "__main__":
    harness.main(run)
