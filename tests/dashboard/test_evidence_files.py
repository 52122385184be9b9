"""Videos as they leave: shown in a page, as a copy that says whose it is and of what, and to the byte by who may export."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import sys
from typing import Any

import av
import httpx
import msgspec
import pytest

from dispatch.errors import Unavailable
from dispatch.model import Actor
from operations.footage.lettering import Lettering
from operations.footage.marked_copies import CopyBroken
from operations.footage.marked_video import letters_over, strip_of
from storage.evidence import Manifest
from tests.dashboard.test_uploads import CAR, DESK, FONTS, REVIEWER, VIEWER, City, city, rule
from tests.operations.recorded import recorded

__all__ = ["city"]  # a fixture


async def test_a_video_leaves_with_the_takers_name_or_to_the_byte_by_who_may_export(city: City) -> None:
    video = recorded()
    path = await city.whole(video, filename="现场.webm", filetype="video/webm")
    upload_id, sha256 = path.rsplit("/", 1)[-1], hashlib.sha256(video).hexdigest()

    async def get(path: str, who: Actor, **headers: str) -> httpx.Response:
        return await city.ask_for("GET", path, who, **headers)

    program = msgspec.structs.replace(DESK, kind="token")
    shown = [await get(path, who, **more) for who, more in ((DESK, {}), (DESK, {"Sec_Fetch_Dest": "video"}), (REVIEWER, {}), (program, {}))]
    assert [answer.content == video for answer in shown] == [True] * 4
    answer = await get(path, DESK, Sec_Fetch_Dest="document")
    assert (answer.status_code, rule(answer)) == (403, "original-needs-export")
    assert (await get(f"{path}/original", DESK)).status_code == 403
    original = await get(f"{path}/original", REVIEWER)
    assert original.content == video
    assert original.headers["repr-digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    city.looks.clear()
    copy = await get(f"{path}/copy", DESK, Accept="text/html")
    assert copy.status_code == 200, copy.text
    assert [(look.what, look.subject, look.actor) for look in city.looks] == [("upload_copy", upload_id, DESK.name)]
    assert (await get(path, REVIEWER)).content == video, "evidence stays as it is"
    taken_at = city.clock.now().isoformat(" ", "seconds")
    texts = [f"{DESK.name} · {DESK.org_code} · {taken_at}", f"副本 Copy of SHA-256 {sha256}"]
    letters = Lettering(FONTS)
    with av.open(io.BytesIO(video)) as before, av.open(io.BytesIO(copy.content)) as after:
        pictures = [[frame.to_ndarray(format="gray").astype(int) for frame in file.decode(video=0)] for file in (before, after)]
    assert len(pictures[0]) == len(pictures[1])
    height, width = pictures[0][0].shape
    strip = strip_of(letters, texts, width)
    over = letters_over(letters, f"{DESK.name} · {taken_at}", width, height)
    for one, marked in zip(*pictures, strict=True):
        assert marked.shape == (height + strip.shape[0], width)
        assert abs(marked[height:] - (strip.astype(int) - 16) * 255 / 219).mean() < 12, "the strip says whose copy of what it is"
        brighter = marked[:height] - one
        assert brighter[over > 60].mean() > brighter[over == 0].mean() + 20, "who and when lie over the picture"
    assert (await get(f"{path}/copy", VIEWER)).status_code == 403
    kept = city.evidence.path(await kept_of(city, upload_id))
    kept.chmod(0o600)
    kept.write_bytes(video[:-1] + b"x")
    refused = await get(f"{path}/copy", DESK, Accept="text/html", Accept_Language="zh")
    assert (refused.status_code, refused.text.split(" · ")[0]) == (503, "文件与存证时不一致，未制作副本")


async def kept_of(city: City, upload_id: str) -> Manifest:
    return (await city.evidence.records([upload_id]))[upload_id]


async def test_copies_are_made_one_for_an_account_and_a_few_at_a_time(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await kept_of(city, (await city.whole(recorded(), filename="a.webm", filetype="video/webm")).rsplit("/", 1)[-1])
    copies, hanging = city.marked_copies, [sys.executable, "-c", "print('x', flush=True); import time; time.sleep(60)"]
    start = asyncio.create_subprocess_exec

    async def hang(*_command: str, **pipes: Any) -> asyncio.subprocess.Process:
        child = await start(*hanging, **pipes)
        assert child.stdout is not None
        while not child.stdout._buffer:  # type: ignore[attr-defined]  # noqa: ASYNC110 its first piece is there before anybody waits for it
            await asyncio.sleep(0.01)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", hang)
    first = await copies.open(DESK, kept)
    with pytest.raises(Unavailable) as same:
        await copies.open(DESK, kept)
    second = await copies.open(REVIEWER, kept)
    with pytest.raises(Unavailable) as third:
        await copies.open(CAR, kept)
    assert (same.value.rule, third.value.rule) == ("copy-under-way", "copies-at-limit")
    first.end()  # whoever asked has gone
    async with asyncio.timeout(5):
        while copies.under_way > 1:  # noqa: ASYNC110 a process ends
            await asyncio.sleep(0.01)
    again = await copies.open(DESK, kept)
    await copies.stop()
    assert copies.under_way == 0
    with pytest.raises(CopyBroken):  # what was sent is no whole file
        _ = [piece async for piece in again.pieces()]
    second.end()
