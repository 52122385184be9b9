"""Resumable uploads, tus 1.0 (https://tus.io/protocols/resumable-upload): core, creation, termination.

A client should send pieces of at most 1 MiB: each is on disk before its answer leaves, so a cut loses at most what the
answer had not confirmed. Whatever arrived of a cut piece is kept too.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.requests import ClientDisconnect

from dashboard.edge import actor_of
from dashboard.problems import problem
from dispatch.errors import NotFound, RuleViolation
from dispatch.model import Actor
from operations.evidence import Evidence
from operations.permissions import Action
from storage.evidence import EvidenceError, Manifest

if TYPE_CHECKING:
    from operations.services import Services

_TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
_PIECE_BYTES = 1 << 20


def router(services: Services) -> APIRouter:
    """Routes under /uploads."""
    uploads = Uploads(services)
    routes = APIRouter(prefix="/uploads", tags=["uploads"])
    routes.add_api_route("", uploads.capabilities, methods=["OPTIONS"], status_code=204)
    routes.add_api_route("", uploads.create, methods=["POST"], status_code=201)
    routes.add_api_route("/{upload_id}", uploads.offset, methods=["HEAD"])
    routes.add_api_route("/{upload_id}", uploads.append, methods=["PATCH"], status_code=204)
    routes.add_api_route("/{upload_id}", uploads.terminate, methods=["DELETE"], status_code=204)
    routes.add_api_route("/{upload_id}", uploads.download, methods=["GET"], response_class=FileResponse)
    return routes


class Uploads:
    """What each route does."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._evidence = services.evidence

    async def capabilities(self) -> Response:
        """What this server speaks."""
        limits = {"Tus-Version": "1.0.0", "Tus-Extension": "creation,termination", "Tus-Max-Size": str(self._evidence.max_bytes)}
        return Response(status_code=204, headers=_TUS | limits)

    async def create(self, request: Request) -> Response:
        """Open an upload. `Upload-Metadata`: incident_id, filename, filetype, optionally taken_at (ISO 8601 with offset)."""
        if (wrong := _wrong_version(request)) is not None:
            return wrong
        metadata = _metadata(request.headers.get("upload-metadata", ""))
        size = _whole_number(request.headers.get("upload-length"))
        if size is None:
            return problem(400, "upload_length", "Upload-Length is missing or no number; send the size in bytes")
        actor = actor_of(request)
        incident_id = metadata.get("incident_id", "")
        await self._authorise(actor, Action.ADD_UPLOAD, incident_id)
        manifest = await self._evidence.begin(
            actor, incident_id, metadata.get("filename", ""), metadata.get("filetype", ""), size, _instant(metadata.get("taken_at"))
        )
        return Response(status_code=201, headers=_TUS | {"Location": f"/uploads/{manifest.upload_id}", "Upload-Offset": "0"})

    async def offset(self, upload_id: str, request: Request) -> Response:
        """How far an upload has come."""
        manifest, reached = await self._evidence.find(upload_id)
        _own(actor_of(request), manifest)
        return Response(status_code=200, headers=_TUS | {"Upload-Offset": str(reached), "Upload-Length": str(manifest.size_bytes)})

    async def append(self, upload_id: str, request: Request) -> Response:
        """The next bytes at `Upload-Offset`."""
        if (wrong := _wrong_version(request)) is not None:
            return wrong
        if request.headers.get("content-type") != "application/offset+octet-stream":
            return problem(415, "content_type", "send Content-Type: application/offset+octet-stream")
        manifest, reached = await self._evidence.find(upload_id)
        _own(actor_of(request), manifest)
        sent = request.headers.get("upload-offset")
        if _whole_number(sent) != reached:
            return problem(409, "upload_offset", f"the upload stands at {reached} bytes; Upload-Offset said {sent}")
        try:
            reached = await _receive(self._evidence, manifest, reached, request)
        except EvidenceError as error:
            return problem(409, "upload_conflict", str(error))
        return Response(status_code=204, headers=_TUS | {"Upload-Offset": str(reached)})

    async def terminate(self, upload_id: str, request: Request) -> Response:
        """Give up an upload that is not complete."""
        manifest, _ = await self._evidence.find(upload_id)
        _own(actor_of(request), manifest)
        try:
            await self._evidence.discard(manifest)
        except EvidenceError as error:
            return problem(409, "upload_kept", str(error))
        return Response(status_code=204, headers=_TUS)

    async def download(self, upload_id: str, request: Request) -> Response:
        """The bytes of a complete upload, to whoever may see its incident; ranges are answered."""
        manifest, _ = await self._evidence.find(upload_id)
        await self._authorise(actor_of(request), Action.SEE_EVIDENCE, manifest.incident_id)
        if not manifest.sha256:
            raise NotFound("upload_incomplete", f"upload {upload_id} is not complete yet")
        return FileResponse(
            self._evidence.path(manifest),
            media_type=manifest.media_type,
            filename=manifest.filename,
            content_disposition_type="inline",
            headers={"Cache-Control": "private, max-age=3600", "ETag": f'"{manifest.sha256}"', "Content-Security-Policy": "sandbox"},
        )

    async def _authorise(self, actor: Actor, action: Action, incident_id: str) -> None:
        services = self._services
        incident = services.handler.picture.incidents.get(incident_id) or await services.history.incident(incident_id)
        if incident is None or not services.authority.may_see_incident(actor, incident):
            raise NotFound("no_such_incident", f"there is no incident {incident_id[:40]!r} in your scope")
        services.authority.authorise(actor, action, org_code=incident.org_code)


async def _receive(evidence: Evidence, manifest: Manifest, reached: int, request: Request) -> int:
    """Store the body piece by piece; what came before a cut is stored as well."""
    waiting = bytearray()
    try:
        async for block in request.stream():
            waiting += block
            if len(waiting) >= _PIECE_BYTES:
                reached = await evidence.append(manifest, reached, bytes(waiting))
                waiting.clear()
    except ClientDisconnect:
        # Nobody hears the answer; the client asks for the offset when it is back.
        pass
    if waiting:
        reached = await evidence.append(manifest, reached, bytes(waiting))
    return reached


def _own(actor: Actor, manifest: Manifest) -> None:
    if actor.name != manifest.actor:
        raise NotFound("no_such_upload", f"there is no upload {manifest.upload_id!r} of {actor.name}")


def _wrong_version(request: Request) -> Response | None:
    if request.headers.get("tus-resumable") == "1.0.0":
        return None
    answer = problem(412, "tus_version", "send Tus-Resumable: 1.0.0")
    answer.headers["Tus-Version"] = "1.0.0"
    return answer


def _metadata(header: str) -> dict[str, str]:
    """`key base64,key base64` (tus creation extension). Raises RuleViolation naming the key that can't be read."""
    values = {}
    for pair in filter(None, (p.strip() for p in header.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            values[key] = base64.b64decode(encoded, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise RuleViolation("upload_metadata", f"Upload-Metadata {key[:40]!r} is not base64 of UTF-8 text") from None
    return values


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise RuleViolation("taken_at", f"taken_at {text[:40]!r} is no ISO 8601 instant") from None
    if instant.tzinfo is None:
        raise RuleViolation("taken_at", f"taken_at {text[:40]!r} has no offset; write 2026-01-31T08:00:00+08:00")
    return instant


def _whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
