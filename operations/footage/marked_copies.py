"""Copies of videos that a person takes away: each picture says who took it, when, and of which file. Evidence itself stays as it is.

They are made while they are sent, by `operations.footage.marked_video` in a process of its own each, and kept nowhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import tzinfo
from pathlib import Path

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.errors import RuleViolation, Unavailable
from dispatch.model import Actor
from operations.footage.evidence import Evidence
from operations.footage.marked_video import DAMAGED, TOO_LARGE, TOO_LONG, Order
from storage.evidence import Manifest

log = structlog.get_logger(__name__)

ROOT = Path(__file__).resolve().parents[2]
MOST_AT_ONCE = 2  # of all accounts together, and one of each: they cost a core each
LONGEST_S = 3600.0  # of a video
BEGUN_WITHIN_S = 60.0
DONE_WITHIN_S = 1800.0  # also where whoever takes it is slow
_PIECE_BYTES = 256 * 1024


class CopyBroken(Exception):
    """It can't be made to its end; what was sent is no whole file, and the connection has to say so."""


class Copying:
    """A copy that is being made."""

    def __init__(self, child: asyncio.subprocess.Process, first: bytes, watching: asyncio.Task[None]) -> None:
        self._child, self._first, self._watching = child, first, watching

    def end(self) -> None:
        """Nobody wants it any more."""
        self._watching.cancel()

    async def pieces(self) -> AsyncIterator[bytes]:
        """MP4, as it is made. Raises CopyBroken."""
        assert self._child.stdout is not None
        try:
            piece = self._first
            while piece:
                yield piece
                piece = await self._child.stdout.read(_PIECE_BYTES)
            if (code := await self._child.wait()) != 0:
                log.warning("marked_copy_broken", exit_code=code, reason=await _said(self._child))
                raise CopyBroken(f"the copy ended with {code}")
        finally:
            self.end()


class MarkedCopies:
    """One per node; on the event loop."""

    def __init__(self, evidence: Evidence, clock: Clock, zone: tzinfo, fonts: Path) -> None:
        """`fonts`: a style sheet that names them."""
        self._evidence, self._clock, self._zone, self._fonts = evidence, clock, zone, fonts
        self._takers: set[tuple[str, str]] = set()
        self._made: dict[asyncio.Task[None], tuple[asyncio.subprocess.Process, tuple[str, str]]] = {}  # by what watches it

    @property
    def under_way(self) -> int:
        return len(self._takers)

    async def stop(self) -> None:
        """End those that are being made."""
        children = [child for child, _ in self._made.values()]
        for watching in self._made:
            watching.cancel()
        for child in children:
            await child.wait()

    async def open(self, actor: Actor, manifest: Manifest) -> Copying:
        """A copy that has begun. Raises RuleViolation and Unavailable."""
        if not manifest.media_type.startswith("video/") or manifest.mismatched:
            raise RuleViolation("no-video", f"{manifest.filename} is no video; a copy with marks is made of videos only.")
        taker = (actor.kind, actor.name)
        if taker in self._takers:
            raise Unavailable("copy-under-way", "A copy for this account is being made; wait until it has come.")
        if len(self._takers) >= MOST_AT_ONCE:
            raise Unavailable("copies-at-limit", f"{MOST_AT_ONCE} copies are being made, and no more at a time; try again in a minute.")
        self._takers.add(taker)
        try:
            child = await self._start(self._order(actor, manifest))
        except BaseException:
            self._takers.discard(taker)
            raise
        watching = asyncio.create_task(_watch(child, taker[1]), name="marked-copy")
        self._made[watching] = child, taker
        watching.add_done_callback(self._over)  # not in the task: one that is ended before its first step does nothing
        assert child.stdout is not None
        try:
            async with asyncio.timeout(BEGUN_WITHIN_S):
                first = await child.stdout.read(_PIECE_BYTES)
                code = None if first else await child.wait()
        except BaseException:
            watching.cancel()
            raise
        if code is not None:
            raise await self._refusal(child, code, manifest)
        return Copying(child, first, watching)

    def _order(self, actor: Actor, manifest: Manifest) -> Order:
        at = self._clock.now().astimezone(self._zone).isoformat(" ", "seconds")
        return Order(
            source=str(self._evidence.path(manifest)),
            sha256=manifest.sha256,
            over=f"{actor.name} · {at}",
            below=[f"{actor.name} · {actor.org_code} · {at}", f"副本 Copy of SHA-256 {manifest.sha256}"],
            fonts=str(self._fonts),
            most_s=LONGEST_S,
        )

    async def _start(self, order: Order) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "operations.footage.marked_video")
        # Without the server's own settings: they may hold secrets, and the file may be anybody's.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIANDONG_")}
        child = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, env=environment, limit=_PIECE_BYTES
        )
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(order))
        child.stdin.write_eof()
        return child

    def _over(self, watching: asyncio.Task[None]) -> None:
        """It has ended, or is made to: whoever asked may be gone before the first byte."""
        child, taker = self._made.pop(watching)
        self._takers.discard(taker)
        if child.returncode is None:
            child.kill()

    async def _refusal(self, child: asyncio.subprocess.Process, code: int, manifest: Manifest) -> RuleViolation | Unavailable:
        log.warning("marked_copy_refused", upload_id=manifest.upload_id, exit_code=code, reason=await _said(child))
        if code in (TOO_LONG, TOO_LARGE):
            detail = (
                f"{manifest.filename} is too long or too large for a copy with marks: {LONGEST_S / 60:.0f} minutes of 4096×2304 at most."
            )
            return RuleViolation("copy-too-large", detail)
        if code == DAMAGED:
            return Unavailable("evidence-damaged", f"{manifest.filename} is not what was kept; no copy is made of it. Have `verify` run.")
        return Unavailable("copy-not-made", f"{manifest.filename} can't be read as a video; whoever may export can fetch the original.")


async def _watch(child: asyncio.subprocess.Process, taker: str) -> None:
    try:
        async with asyncio.timeout(DONE_WITHIN_S):
            await child.wait()
    except TimeoutError:
        log.warning("marked_copy_too_slow", taker=taker)


async def _said(child: asyncio.subprocess.Process) -> str:
    assert child.stderr is not None
    return (await child.stderr.read(2_000)).decode(errors="replace").strip()
