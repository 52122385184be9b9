"""Resumable uploads, tus 1.0 (https://tus.io/protocols/resumable-upload): core, creation, termination.

A client should send pieces of at most 1 MiB: each is on disk before its answer leaves, so a cut loses at most what the
answer had not confirmed. Whatever arrived of a cut piece is kept too.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from dashboard.edge import actor_of
from dashboard.kept_files import kept_for, refuse_taking
from dashboard.problems import problem, refusal
from dispatch.commands import AddUpload
from dispatch.errors import DispatchError, NotFound, RuleViolation
from dispatch.model import Actor, Incident
from operations.footage.evidence import Evidence
from storage.evidence import EvidenceError, Manifest

if TYPE_CHECKING:
    from operations.services import Services

VERSION = "1.0.0"
MAX_INCIDENT_ID = 64  # characters
_TUS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
_PIECE_BYTES = 1 << 20
# A connection that brings nothing for this long is dead, whatever TCP thinks; what came is kept.
_SILENT_S = 30.0
# Shown inside the page that asks; everything else is offered as a file.
_SHOWN = ("image/", "video/", "audio/")

P = ParamSpec("P")
Answer = Callable[Concatenate["Uploads", Request, P], Awaitable[Response]]


def router(services: Services) -> APIRouter:
    """Routes under /uploads."""
    uploads = Uploads(services)
    routes = APIRouter(prefix="/uploads", tags=["uploads"])
    routes.add_api_route("", uploads.capabilities, methods=["OPTIONS"], status_code=204)
    routes.add_api_route("", uploads.create, methods=["POST"], status_code=201)
    one = "/{upload_id}"
    routes.add_api_route(one, uploads.capabilities, methods=["OPTIONS"], status_code=204, include_in_schema=False)
    routes.add_api_route(one, uploads.offset, methods=["HEAD"])
    routes.add_api_route(one, uploads.append, methods=["PATCH"], status_code=204)
    routes.add_api_route(one, uploads.terminate, methods=["DELETE"], status_code=204)
    routes.add_api_route(one, uploads.overridden, methods=["POST"], include_in_schema=False)
    routes.add_api_route(one, uploads.download, methods=["GET"], response_class=FileResponse)
    return routes


def _speaking_tus(act: Answer[P]) -> Answer[P]:
    """Checks the version the client speaks, and says ours on every answer, refusals included."""

    @wraps(act)
    async def speaking(self: Uploads, request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
        if request.headers.get("tus-resumable") != VERSION:
            detail = f"Tus-Resumable is {request.headers.get('tus-resumable')!r}; send Tus-Resumable: {VERSION}."
            return problem(412, "tus-version", detail, headers=_TUS | {"Tus-Version": VERSION})
        try:
            answer = await act(self, request, *args, **kwargs)
        except DispatchError as error:
            answer = refusal(error)
        except EvidenceError as error:
            answer = problem(409, "upload-conflict", str(error))
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            answer = problem(507, "storage-full", "The disk for evidence is full; free some space, then send again: what came is kept.")
        answer.headers.update(_TUS)
        return answer

    return speaking


class Uploads:
    """What each route does."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._evidence = services.evidence

    async def capabilities(self) -> Response:
        """What this server speaks."""
        limits = {"Tus-Version": VERSION, "Tus-Extension": "creation,termination", "Tus-Max-Size": str(self._evidence.max_bytes)}
        return Response(status_code=204, headers=_TUS | limits)

    @_speaking_tus
    async def create(self, request: Request) -> Response:
        """Open an upload. `Upload-Metadata`: incident_id, filename, filetype, optionally taken_at (ISO 8601 with offset)."""
        metadata = _metadata(request.headers.get("upload-metadata", ""))
        size = _whole_number(request.headers.get("upload-length"))
        if size is None:
            return problem(400, "upload-length", "Upload-Length is missing or no number; send the size in bytes.")
        if size > self._evidence.max_bytes:
            return problem(413, "upload-size", f"{size} bytes can't be uploaded; at most {self._evidence.max_bytes} can.")
        filename, media_type = metadata.get("filename", ""), metadata.get("filetype", "")
        actor, incident_id = actor_of(request), metadata.get("incident_id", "")
        incident = await self._incident(incident_id)
        asked = AddUpload(
            incident_id=incident_id,
            upload_id="new",
            filename=filename,
            media_type=media_type,
            size_bytes=size,
            sha256="",
            unit_id=actor.unit_id,
        )
        self._services.authority.authorise_command(actor, asked, self._services.handler.picture, incident)
        manifest = await self._evidence.begin(actor, incident_id, filename, media_type, size, _instant(metadata.get("taken_at")))
        return Response(status_code=201, headers={"Location": f"/uploads/{manifest.upload_id}", "Upload-Offset": "0"})

    @_speaking_tus
    async def offset(self, request: Request, upload_id: str) -> Response:
        """How far an upload has come."""
        manifest, reached = await self._own(request, upload_id)
        if reached == manifest.size_bytes:
            # The answer to the last piece may have been lost; a client that hears "all of it" here relies on it being known.
            await self._evidence.settle(upload_id)
        return Response(status_code=200, headers={"Upload-Offset": str(reached), "Upload-Length": str(manifest.size_bytes)})

    @_speaking_tus
    async def append(self, request: Request, upload_id: str) -> Response:
        """The next bytes at `Upload-Offset`."""
        return await self._append(request, upload_id)

    @_speaking_tus
    async def terminate(self, request: Request, upload_id: str) -> Response:
        """Give up an upload that is not complete."""
        return await self._terminate(request, upload_id)

    @_speaking_tus
    async def overridden(self, request: Request, upload_id: str) -> Response:
        """PATCH and DELETE of clients that can't send them; `X-HTTP-Method-Override` is part of the protocol's core."""
        meant = request.headers.get("x-http-method-override", "")
        if meant == "PATCH":
            return await self._append(request, upload_id)
        if meant == "DELETE":
            return await self._terminate(request, upload_id)
        return problem(405, "method-not-allowed", f"POST on an upload needs X-HTTP-Method-Override: PATCH or DELETE, not {meant[:20]!r}.")

    async def download(self, request: Request, upload_id: str) -> Response:
        """The bytes of a complete upload, to whoever may see its incident; ranges are answered. A video: to players, or with `export`."""
        actor, services = actor_of(request), self._services
        manifest = await kept_for(services, actor, upload_id)
        refuse_taking(services, request, manifest)
        await services.personal.upload(actor, upload_id)
        # What is not what it says is nothing but bytes: no browser may make a picture or a page of it.
        is_shown = manifest.media_type.startswith(_SHOWN) and not manifest.mismatched
        return FileResponse(
            self._evidence.path(manifest),
            media_type="application/octet-stream" if manifest.mismatched else manifest.media_type,
            filename=manifest.filename,
            content_disposition_type="inline" if is_shown else "attachment",
            headers={"Cache-Control": "private, max-age=3600", "ETag": f'"{manifest.sha256}"', "Content-Security-Policy": "sandbox"},
        )

    async def _append(self, request: Request, upload_id: str) -> Response:
        if request.headers.get("content-type") != "application/offset+octet-stream":
            return problem(415, "content-type", "Send the bytes with Content-Type: application/offset+octet-stream.")
        sent = _whole_number(request.headers.get("upload-offset"))
        if sent is None:
            return problem(400, "upload-offset", "Upload-Offset is missing or no number; send the offset that HEAD answers.")
        manifest, reached = await self._own(request, upload_id)
        if sent != reached:
            return problem(409, "upload-offset", f"The upload stands at {reached} bytes; Upload-Offset said {sent}.")
        size = _whole_number(request.headers.get("content-length")) or 0
        if reached + size > manifest.size_bytes:
            detail = f"The upload was announced with {manifest.size_bytes} bytes and has {reached}; {size} more are too many."
            return problem(413, "upload-size", detail)
        reached = await _receive(self._evidence, upload_id, reached, request)
        return Response(status_code=204, headers={"Upload-Offset": str(reached)})

    async def _terminate(self, request: Request, upload_id: str) -> Response:
        await self._own(request, upload_id)
        await self._evidence.discard(upload_id)
        return Response(status_code=204)

    async def _own(self, request: Request, upload_id: str) -> tuple[Manifest, int]:
        manifest, reached = await self._evidence.find(upload_id)
        if not _is_of(actor_of(request), manifest):
            raise NotFound("no-such-upload", f"There is no upload {upload_id[:40]!r}; check the id.")
        return manifest, reached

    async def _incident(self, incident_id: str) -> Incident | None:
        held = self._services.handler.picture.incidents.get(incident_id)
        if held is None and incident_id.isprintable() and 0 < len(incident_id) <= MAX_INCIDENT_ID:
            return await self._services.history.incident(incident_id)
        return held


async def _receive(evidence: Evidence, upload_id: str, reached: int, request: Request) -> int:
    """Store the body piece by piece; what came before a cut is stored as well."""
    waiting = bytearray()
    blocks = aiter(request.stream())
    try:
        while (block := await asyncio.wait_for(anext(blocks, None), _SILENT_S)) is not None:
            waiting += block
            if len(waiting) >= _PIECE_BYTES:
                reached = await evidence.append(upload_id, reached, bytes(waiting))
                waiting.clear()
    except (ClientDisconnect, TimeoutError):
        # Most likely nobody hears the answer; the client asks for the offset when it is back.
        pass
    return await evidence.append(upload_id, reached, bytes(waiting)) if waiting else reached


def _is_of(actor: Actor, manifest: Manifest) -> bool:
    """Whoever began it, as the same crew: an officer who has changed crews in between speaks for another."""
    return (actor.name, actor.unit_id) == (manifest.actor, manifest.unit_id)


def _metadata(header: str) -> dict[str, str]:
    """`key base64,key base64` (tus creation extension). Raises RuleViolation naming the key that can't be read."""
    values: dict[str, str] = {}
    for pair in filter(None, (p.strip() for p in header.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            value = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise RuleViolation("upload-metadata", f"Upload-Metadata {key[:40]!r} is not base64 of UTF-8 text; encode it so.") from None
        if key in values:
            raise RuleViolation("upload-metadata", f"Upload-Metadata names {key[:40]!r} twice; name it once.")
        values[key] = value
    return values


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise RuleViolation("taken-at", f"taken_at {text[:40]!r} is no ISO 8601 instant; write 2026-01-31T08:00:00+08:00.") from None
    if instant.tzinfo is None:
        raise RuleViolation("taken-at", f"taken_at {text[:40]!r} has no offset; write 2026-01-31T08:00:00+08:00.")
    return instant


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
