"""Lists of cameras with their addresses from CSV or GeoJSON: every row is taken or rejected with its reason, never with an address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dispatch.duty_commands import WriteElement
from dispatch.model import Actor
from operations.access.authority import CAMERA
from operations.cameras.camera_fields import BadCamera, checked_address, checked_properties
from operations.situation.element_import import element_of, rows_of, write_elements
from storage.cameras import ADDRESSES, CameraSource, CameraStore

if TYPE_CHECKING:
    from operations.incidents.handle import Handler

FROM_FILE = "import"  # the feed of addresses that were read from a file


@dataclass
class CameraList:
    """What a file gave; `rejects` are (row, reason), rows counted from 1."""

    cameras: list[WriteElement] = field(default_factory=list)
    sources: list[CameraSource] = field(default_factory=list)
    rows: int = 0
    rejects: list[tuple[int, str]] = field(default_factory=list)


def read_cameras(path: Path, expand: Callable[[str], str], loopback: bool, now_s: float) -> CameraList:
    """Read a file (docs/cameras.md says its columns). `expand` gives an organisation's full code; `loopback` as for addresses;
    `now_s` Unix seconds. Raises ImportRefused when it is no such file."""
    found, seen = CameraList(), set()
    for number, row in enumerate(rows_of(path), start=1):
        found.rows += 1
        try:
            command, source = _camera(row, expand, loopback, now_s)
            if command.element_id in seen:
                raise ValueError(f"id {command.element_id!r} is there twice")
        except (ValueError, BadCamera) as error:
            found.rejects.append((number, str(error)))
            continue
        seen.add(command.element_id)
        found.cameras.append(command)
        if source is not None:
            found.sources.append(source)
    return found


async def write_cameras(handler: Handler, store: CameraStore, found: CameraList, actor: Actor) -> tuple[int, list[str]]:
    """Write cameras, then the addresses of those that were taken; how many were written, and what the rest was refused for."""
    written, refused = await write_elements(handler, found.cameras, actor)
    registered = handler.picture.elements.get(CAMERA, {})
    await asyncio.to_thread(store.write, [source for source in found.sources if source.camera_id in registered])
    return written, refused


def _camera(row: dict[str, Any], expand: Callable[[str], str], loopback: bool, now_s: float) -> tuple[WriteElement, CameraSource | None]:
    addresses = {name: str(row.pop(name, None) or "").strip() for name in ADDRESSES}
    for name, address in addresses.items():
        checked_address(name, address, loopback)
    command = element_of(CAMERA, row)
    if len(command.element_id) > 64 or not command.element_id.isprintable() or "/" in command.element_id or "://" in command.element_id:
        raise ValueError("its id must be at most 64 printable characters without /")
    command = msgspec.structs.replace(command, properties=checked_properties(command.properties, expand))
    if not any(addresses.values()):
        return command, None
    return command, CameraSource(camera_id=command.element_id, feed=FROM_FILE, written_at=now_s, **addresses)
