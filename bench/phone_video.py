"""Phone glass to glass, and a server killed six times: `python -m bench.phone_video`, a part of `bench video`.

The phone is the officer's page itself in Chromium with a fake camera; the clock is drawn into each picture before it is recorded and
read back from the watching page, which plays with the desk's player. Phone, server and room share the machine and its clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import shutil
import sys
import time
import urllib.request
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench import harness
from bench.glass_clock import FAKE_CAMERA, READ_DELAYS, STAMPED_CAMERA
from bench.processes import Server
from settings import Settings
from single_commands import open_accounts

PEERS: tuple[str, ...] = ()
PORT = 18367
PICTURES = 400
SETTLE_S = 4.0
CHUNKS, KILLS = 300, 6
CREW, OFFICER, ROOM, PASSWORD = "bench-car", "bench-officer", "bench-room", "bench-phone-password"
PLAYER = harness.ROOT / "dashboard" / "client" / "src" / "video" / "player.js"

NOTES = {
    "phone": "the officer's page in headless Chromium: 640x360, VP8 at 1.2 Mbit/s, slices of 100 ms, a key frame each second",
    "clock": "drawn into each picture of Chromium's fake camera before it is recorded, read back from the watching page's <video>",
    "kills": "SIGKILL of the server and everything it started at six random moments while 300 chunks of 15 kB are sent, one each 30 ms",
}


def run() -> dict[str, Any]:
    """The benchmark; about two minutes."""
    with Server("phone-video-server", PORT, {"desk": "operator"}) as server:
        incident_id = prepare_crew(server)
        figures = asyncio.run(glass_figures(server, incident_id))
        figures |= asyncio.run(kill_figures(server, incident_id))
    return {"figures": figures, "ratios": {}, "notes": NOTES}


def prepare_crew(server: Server) -> str:
    """A crew with its officer, someone in the room, and an incident the crew was sent to; the incident's id."""
    _ask(server, "PUT", f"/units/{CREW}", {"callsign": "B1", "kind": "patrol_car", "org_code": _city(server)})
    accounts = open_accounts(Settings(data=server.data, demo=False), server.city)
    accounts.add_user(OFFICER, PASSWORD, "officer", _city(server), unit_id=CREW)
    accounts.add_user(ROOM, PASSWORD, "operator", _city(server))
    call = {"incident_type": "assault", "grade": 2, "text": "bench", "lon": 121.556, "lat": 29.873}
    incident_id: str = _ask(server, "POST", "/incidents", call)["incident_id"]
    _ask(server, "POST", f"/incidents/{incident_id}/commands", {"command": "push", "unit_ids": [CREW]})
    return incident_id


async def glass_figures(server: Server, incident_id: str) -> dict[str, Any]:
    """`phone_p95_s` and beside it: from the phone's camera to the room's screen, and from the click to the first picture."""
    from playwright.async_api import async_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        raise harness.PeerError("No Chromium on the PATH. Run: tests/browser/chromium.sh")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *FAKE_CAMERA])
        try:
            phone = await browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="zh-CN")
            await phone.add_init_script(STAMPED_CAMERA)
            page = await _logged_in(phone, server, OFFICER, "/terminal")
            await page.click("[data-step=acknowledge]")
            await page.click("[data-do=film]")
            await page.wait_for_selector(".filmed [data-film=live]")
            await asyncio.sleep(SETTLE_S)
            (one,) = (await asyncio.to_thread(_ask, server, "GET", f"/incidents/{incident_id}/scene-video"))["recordings"]
            room = await _logged_in(await browser.new_context(viewport={"width": 800, "height": 500}), server, ROOM, "/account")
            first_s = await room.evaluate(_watching(one["watch"]))
            await room.evaluate(READ_DELAYS, ["video", 40, 10_000])
            delays = await room.evaluate(READ_DELAYS, ["video", PICTURES, 40_000])
            await page.click("[data-do=stop-film]")
        finally:
            await browser.close()
    harness.keep_samples("phone_video", {"delays_ms": delays})
    seconds = [delay / 1000 for delay in delays]
    return {
        "phone_p50_s": round(harness.percentile(seconds, 50), 3),
        "phone_p95_s": round(harness.percentile(seconds, 95), 3),
        "phone_click_s": round(first_s, 3),
        "phone_pictures": len(delays),
    }


def _watching(address: str) -> str:
    """A <video> on the page, playing the stream with the desk's own player; the seconds until its first picture."""
    player = PLAYER.read_text(encoding="utf-8").replace("export function", "function")
    return f"""() => new Promise((resolve) => {{
      {player}
      const video = Object.assign(document.createElement("video"), {{ muted: true, playsInline: true, width: 640, height: 360 }});
      document.body.replaceChildren(video);
      const begun = performance.now();
      const firstFrame = () => resolve((performance.now() - begun) / 1000);
      play(video, {json.dumps(address)}, {{ targetS: 0.22, firstFrame }});
    }})"""


async def _logged_in(context: Any, server: Server, account: str, path: str) -> Any:
    page = await context.new_page()
    page.set_default_timeout(20_000)
    await page.goto(f"http://127.0.0.1:{server.port}/login?next={path}")
    await page.fill("input[name=name]", account)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url(f"**{path}")
    return page


# Kills ------------------------------------------------------------------------------------------------------------------


async def kill_figures(server: Server, incident_id: str, chunks: int = CHUNKS, kills: int = KILLS, seed: int = 1) -> dict[str, Any]:
    """What is stored of a recording during which the server was killed at random; what the phone does is done here as it does it."""
    dice = random.Random(seed)
    recorded = [dice.randbytes(15_000) for _ in range(chunks)]
    recorded[0] = b"\x1aE\xdf\xa3" + recorded[0]
    cookie = _session(server, OFFICER)
    recording_id = dice.randbytes(16).hex()
    killing = asyncio.create_task(_kill_at_random(server, kills, dice))
    stored: dict[str, Any] = {}
    while not stored:
        try:
            async with connect(
                f"ws://127.0.0.1:{server.port}/terminal/video",
                additional_headers={"Cookie": cookie, "Origin": f"http://127.0.0.1:{server.port}"},
                compression=None,
            ) as socket:
                stored = await _send(socket, incident_id, recording_id, recorded, killing)
        except (OSError, ConnectionClosed, TimeoutError):
            await asyncio.sleep(0.2)
    whole = hashlib.sha256(b"".join(recorded)).hexdigest()
    return {
        "phone_kills": await killing,
        "phone_chunks_sent": chunks,
        "phone_chunks_stored": stored["stored"],
        "phone_same_sha256": stored["sha256"] == whole,
    }


async def _send(
    socket: ClientConnection, incident_id: str, recording_id: str, recorded: list[bytes], killing: asyncio.Task[int]
) -> dict[str, Any]:
    """Say which recording it is, go on where the server stands; its last answer. The end is not sent before the last kill."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    begin = {"type": "recording", "recording_id": recording_id, "incident_id": incident_id, "mime": "video/webm;codecs=vp8"}
    await socket.send(json.dumps(begin | {"began_at": now, "device_now": now}))
    have = json.loads(await socket.recv())
    while "have" in have and have["have"] < len(recorded):
        seq = have["have"]
        if seq == len(recorded) - 1:
            await killing
        await asyncio.sleep(0.03)
        await socket.send(seq.to_bytes(4) + int(time.time() * 1000).to_bytes(8) + recorded[seq])
        have = json.loads(await socket.recv())
    if "have" in have:
        await socket.send(json.dumps({"type": "end", "chunks": len(recorded)}))
        have = json.loads(await socket.recv())
    if "stored" not in have:
        raise RuntimeError(f"the server refused: {have}")
    return dict(have)


async def _kill_at_random(server: Server, kills: int, dice: random.Random) -> int:
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(0.3, 1.2))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start_again)
    return kills


def _session(server: Server, account: str) -> str:
    """The cookie of a log-in."""
    body = f"name={account}&password={PASSWORD}&next=/terminal".encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/login", body, {"Origin": f"http://127.0.0.1:{server.port}"})
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=20) as answer:
        return str(answer.headers["Set-Cookie"]).split(";", 1)[0]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.headers = headers
        return fp


def _ask(server: Server, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {server.tokens['desk']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/api/v1{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def _city(server: Server) -> str:
    from geodata.cities.city import open_city

    return open_city(server.city).code


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "phone_video", **run(), "machine": harness.machine()}) + "\n")
