"""`python -m feeds.simulator`: makes the city of a running server live. Tokens come from the environment, not the command line."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import structlog

from dispatch.clock import SystemClock
from dispatch.codes import load_codes
from feeds.simulator.behaviour import Answer
from feeds.simulator.cameras import keep_cameras
from feeds.simulator.crews import hand_driven_crew
from feeds.simulator.links import Desk, FeedLink, Socket
from feeds.simulator.operators import Order
from feeds.simulator.town import Town
from geodata.cities.city import open_city

STEP_S = 0.5
PLAN_EVERY_S = 1800.0
log = structlog.get_logger()


async def run(options: argparse.Namespace) -> None:
    """Run until cancelled."""
    clock = SystemClock()
    city = open_city(options.city)
    town = Town(
        city,
        load_codes(options.city / "codes.toml"),
        crews=options.crews,
        calls_per_day=options.incidents_per_day,
        seed=options.seed,
        now_s=clock.unix_s(),
    )
    if options.hand_driven:
        town.add_hand_driven(hand_driven_crew(city, options.hand_driven), np.random.default_rng(options.seed), clock.unix_s())
    http_url, ws_url = options.url.rstrip("/"), options.url.rstrip("/").replace("http", "ws", 1)
    names = ("FEED", "TERMINAL", "OPERATOR", "COMMANDER")
    feed_token, terminal_token, operator_token, commander_token = (os.environ[f"LIANDONG_SIM_{name}_TOKEN"] for name in names)

    async with httpx.AsyncClient(base_url=http_url, timeout=10.0) as client, asyncio.TaskGroup() as tasks:
        feed = Socket("feed", f"{ws_url}/feeds/v1", feed_token, _hear_rejections)
        gateway = Socket(
            "terminals", f"{ws_url}/terminal/socket", terminal_token, lambda message: _hear_pushes(town, clock, gateway, message)
        )
        live = Socket("live", f"{ws_url}/live", operator_token, partial(_hear_incidents, town, clock))
        terminals, desk, link = Desk(client, terminal_token), Desk(client, operator_token), FeedLink(feed)
        for unit_id, body in town.registrations():
            await desk.register(unit_id, body)
        tasks.create_task(_plan_shifts(town, clock, ZoneInfo(city.time_zone), Desk(client, commander_token)))
        tasks.create_task(keep_cameras(city, options.cameras, link.send))
        for socket in (feed, gateway, live):
            tasks.create_task(socket.run())
        server = os.getppid()
        while not options.until_parent_ends or os.getppid() == server:
            said = await asyncio.to_thread(town.step, clock.unix_s())
            await link.send(said.feed)
            for answer in said.answers:
                tasks.create_task(_answer(terminals, answer))
            for unit_id in said.signings:
                tasks.create_task(terminals.sign_on(unit_id))
            for unit_id, muster_id, coming in said.musters:
                tasks.create_task(terminals.answer_muster(unit_id, muster_id, coming))
            for order in said.orders:
                tasks.create_task(_order(desk, order, clock))
            await asyncio.sleep(STEP_S)
        raise SystemExit(0)


async def _plan_shifts(town: Town, clock: SystemClock, zone: ZoneInfo, office: Desk) -> None:
    """The roster a day ahead, for as long as this runs; what was planned already is not sent again."""
    planned: dict[tuple[str, str], dict[str, Any]] = {}
    while True:
        for plan in town.shifts(clock.now(), zone):
            if planned.get((plan.org_code, plan.shift_id)) != plan.body:
                await office.plan(plan.org_code, plan.shift_id, plan.body)
                planned[plan.org_code, plan.shift_id] = plan.body
        await asyncio.sleep(PLAN_EVERY_S)


async def _hear_rejections(message: dict[str, Any]) -> None:
    if message.get("rejected"):
        log.info("rejected", reasons=[r["reason"] for r in message["rejected"]][:5])


async def _hear_pushes(town: Town, clock: SystemClock, gateway: Socket, message: dict[str, Any]) -> None:
    if message["type"] == "hello":
        for view in message["incidents"]:
            town.taken_up(view, clock.unix_s())
        for unit in message["units"]:
            # Whether it has signed on for this shift is not said here: signing on again changes nothing.
            town.duty(unit["unit_id"], unit["off_duty_since"] is None, not unit["shift_id"], clock.unix_s())
        return
    if message["type"] == "unit":
        duty = message["duty"]
        town.duty(message["unit"]["unit_id"], duty["on_duty"], duty["signed_on"], clock.unix_s())
        if message["muster"] is not None and message["muster"]["coming"] is None:
            town.mustered(message["unit"]["unit_id"], message["muster"]["muster_id"], clock.unix_s())
        return
    if message["type"] == "push":
        town.pushed(message["unit_id"], message["incident"], clock.unix_s())
    elif message["type"] == "recall":
        town.released(message["unit_id"], message["incident_id"], clock.unix_s())
    else:
        return
    if town.answers_for(message["unit_id"]):
        about = {key: message[key] for key in ("unit_id", "incident_id", "assignment_id")}
        await gateway.send({"type": "delivered", **about})


async def _hear_incidents(town: Town, clock: SystemClock, message: dict[str, Any]) -> None:
    views = message.get("incidents", []) if message["type"] == "hello" else [message["incident"]] if message["type"] == "incident" else []
    for view in views:
        town.watch(view, clock.unix_s())


async def _answer(terminals: Desk, answer: Answer) -> None:
    body = {"command": answer.command, "unit_ids": [answer.unit_id], "channel": "terminal", **answer.fields}
    await terminals.command(answer.incident_id, body, f"{answer.unit_id}-{answer.incident_id}-{answer.command}-{answer.said_s}")


async def _order(desk: Desk, order: Order, clock: SystemClock) -> None:
    body: dict[str, Any] = {"command": order.command, **order.fields}
    if order.units:
        units = await desk.best_units(order.incident_id, order.units)
        if not units:
            return
        body["unit_ids"] = units
    await desk.command(order.incident_id, body, f"demo-operator-{order.incident_id}-{order.command}-{clock.unix_s():.0f}")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m feeds.simulator", description=__doc__)
    parser.add_argument("--url", required=True, help="of the server, e.g. http://127.0.0.1:8050")
    parser.add_argument("--city", type=Path, required=True, help="city folder the server runs on")
    parser.add_argument("--crews", type=int, default=700)
    parser.add_argument("--incidents-per-day", type=int, default=1000)
    parser.add_argument("--cameras", type=int, default=40, help="street cameras downtown that get moving pictures, synthetic ones")
    parser.add_argument("--seed", type=int, default=20161201)
    parser.add_argument("--hand-driven", help="unit_id of a crew whose pushes a person answers; its car is driven here")
    parser.add_argument("--until-parent-ends", action="store_true", help="stop when the server that started it is gone")
    options = parser.parse_args()
    try:
        asyncio.run(run(options))
    except KeyboardInterrupt:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
