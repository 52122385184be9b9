"""Every subscriber gets every batch in order, or learns that it has missed some."""

from __future__ import annotations

import asyncio

from operations.incidents.bus import Bus
from tests.dispatch.driver import Node


def batches(count: int) -> list[tuple[object, ...]]:
    node = Node()
    for n in range(count):
        node.unit(f"U{n}")
    return [(recorded,) for recorded in node.journal]


async def test_all_subscribers_get_all_batches_in_order() -> None:
    bus, sent = Bus(), batches(5)
    first, second = bus.subscribe(), bus.subscribe()
    for batch in sent:
        bus.publish(batch)  # type: ignore[arg-type]
    for subscription in (first, second):
        waiting = aiter(subscription)
        assert [await anext(waiting) for _ in sent] == sent
        assert not subscription.overflowed


async def test_who_falls_behind_is_told_and_goes_on_with_the_newest() -> None:
    bus, sent = Bus(), batches(4)
    slow, quick = bus.subscribe(maxsize=2), bus.subscribe()
    for batch in sent:
        bus.publish(batch)  # type: ignore[arg-type]
    waiting = aiter(slow)
    assert await anext(waiting) == sent[2]
    assert slow.overflowed
    slow.overflowed = False
    assert await anext(waiting) == sent[3]
    assert (slow.overflowed, quick.overflowed) == (False, False)


async def test_closing_wakes_who_waits_and_ends_the_iteration() -> None:
    bus = Bus()
    subscription = bus.subscribe()

    async def all_of_it() -> list[object]:
        return [batch async for batch in subscription]

    task = asyncio.create_task(all_of_it())
    await asyncio.sleep(0)
    subscription.close()
    assert await asyncio.wait_for(task, 1) == []
    bus.publish(batches(1)[0])  # type: ignore[arg-type]
    assert [batch async for batch in subscription] == []
