"""What recording costs, and how long a clip takes to cut: `python -m bench.clips`, two minutes.

Cameras are test cameras in a process of their own; they are recorded by the built-in gateway, as a node does, and clips are cut out of what
it wrote. Cameras and gateway share the machine.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import harness
from bench.processes import cpu_s
from bench.video import farm
from dispatch.clock import SystemClock
from feeds.video.gateway import EmbeddedGateway
from operations.cameras.video import Quality
from operations.footage.ring_cut import plan, write
from storage.cameras import CameraSource
from storage.evidence import EvidenceFiles, Manifest
from storage.video_ring import Held, VideoRing

PEERS: tuple[str, ...] = ()
CAMERAS = 16
OPENING_S, RECORDED_S = 6.0, 100.0
CLIP_S = 90.0
EVERYTHING = 1 << 50  # bytes

NOTES = {
    "cameras": f"{CAMERAS} test cameras 640x360 at 15 pictures a second and 500 kbit/s, their loops sent as they are; nobody watches",
    "recording": "CPU of the video process that pulls and writes all of them, in parts of one core",
    "cut": f"{CLIP_S:g} s of each camera: read from the ring, written as MP4 with its index in front",
    "kept": "the same, until it lies in the evidence store with its SHA-256, synced",
}


def run() -> dict[str, Any]:
    """The benchmark."""
    folder = Path(tempfile.mkdtemp(prefix="liandong-clips-"))
    names = [f"ring-{number}" for number in range(CAMERAS)]
    try:
        with farm(names, "--loop") as cameras:
            sources = [CameraSource(name, "", f"rtsp://127.0.0.1:{cameras.port}/{name}/sub", "bench", 0.0) for name in names]
            figures = asyncio.run(_record(folder / "ring", sources))
        figures |= _cut(folder, names)
    finally:
        shutil.rmtree(folder)
    return {"figures": figures, "ratios": {}, "notes": NOTES}


async def _record(folder: Path, sources: list[CameraSource]) -> dict[str, Any]:
    gateway, ring = EmbeddedGateway(SystemClock(), ring=folder), VideoRing(folder)
    await gateway.start()
    await gateway.record([(source, Quality.SUB) for source in sources])
    await asyncio.sleep(OPENING_S)
    (pid,) = gateway.pids()
    begun, used, before = time.monotonic(), cpu_s(pid), _held(ring)
    await asyncio.sleep(RECORDED_S)
    passed_s, used_s, after = time.monotonic() - begun, cpu_s(pid) - used, _held(ring)
    state = gateway.state()["processes"][0]
    await gateway.stop()
    return {
        "recorded_cameras": after.cameras,
        "camera_hour_mb": round((after.bytes - before.bytes) / passed_s / after.cameras * 3600 / 1e6, 1),
        "recording_cpu_percent": round(used_s / passed_s * 100, 1),
        "recording_skipped": state["recording_skipped"],
    }


def _held(ring: VideoRing) -> Held:
    return ring.trim(0.0, EVERYTHING)


def _cut(folder: Path, names: list[str]) -> dict[str, Any]:
    ring, files = VideoRing(folder / "ring"), EvidenceFiles(folder / "evidence")
    cut_s, kept_s, sizes, pictures = [], [], [], []
    for number, name in enumerate(names):
        clip = folder / f"{name}.mp4"
        last_s = ring.entries(name, 0.0, 1e12)[-1].captured_at
        begun = time.perf_counter()
        found = plan(ring.entries(name, last_s - CLIP_S, last_s), last_s - CLIP_S, last_s)
        write(found, ring, clip)
        cut_s.append(time.perf_counter() - begun)
        sizes.append(clip.stat().st_size)
        pictures.append(len(found.entries))
        files.take_over(_manifest(f"{number:032x}", sizes[-1]), clip, None)
        files.keep(_manifest(f"{number:032x}", sizes[-1]))
        kept_s.append(time.perf_counter() - begun)
    return {
        "clip_pictures": min(pictures),
        "clip_mb": round(sum(sizes) / len(sizes) / 1e6, 2),
        "cut_p50_ms": round(harness.percentile(cut_s, 50) * 1000),
        "cut_p95_ms": round(harness.percentile(cut_s, 95) * 1000),
        "kept_p50_ms": round(harness.percentile(kept_s, 50) * 1000),
        "kept_p95_ms": round(harness.percentile(kept_s, 95) * 1000),
    }


def _manifest(upload_id: str, size_bytes: int) -> Manifest:
    at = SystemClock().now()
    return Manifest(upload_id, "incident", "clip.mp4", "video/mp4", size_bytes, "bench", "operator", "330200000000", None, at)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"bench": "clips", **run(), "machine": harness.machine()}) + "\n")
