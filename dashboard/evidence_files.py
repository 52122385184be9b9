"""Kept files as they leave: shown on a page, taken away as a copy with marks, or as the original. Decision 0134."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from dashboard.edge import actor_of
from dashboard.i18n import words_in
from dashboard.kept_files import kept_for
from dashboard.login import language_of
from dashboard.problems import refusal
from dispatch.errors import DispatchError
from operations.access.permissions import Action

if TYPE_CHECKING:
    from operations.services import Services

# What is not what it says is nothing but bytes: no browser may make a picture or a page of it.
_BYTES = "application/octet-stream"


def router(services: Services) -> APIRouter:
    """Routes under /uploads."""
    routes = APIRouter(prefix="/uploads", tags=["uploads"])

    @routes.get("/{upload_id}/copy", response_class=StreamingResponse)
    async def copy(request: Request, upload_id: str) -> Response:
        """A video with the taker's name and the time over each picture, the SHA-256 of the file below; MP4, made while it is sent."""
        actor = actor_of(request)
        try:
            manifest = await kept_for(services, actor, upload_id)
            pieces = await services.marked_copies.open(actor, manifest)
            try:
                await services.personal.taken(actor, upload_id, "upload_copy")
            except DispatchError:
                pieces.end()
                raise
        except DispatchError as refused:
            return _said(request, refused)
        name = f"copy {manifest.filename.rsplit('.', 1)[0]}.mp4"
        headers = {"Cache-Control": "no-store", "Content-Disposition": _attachment(name), "Content-Security-Policy": "sandbox"}
        return StreamingResponse(pieces.pieces(), media_type="video/mp4", headers=headers)

    @routes.get("/{upload_id}/original", response_class=FileResponse)
    async def original(request: Request, upload_id: str) -> Response:
        """The file as it is kept, to the byte; `Repr-Digest` (RFC 9530) has its SHA-256."""
        actor = actor_of(request)
        try:
            services.authority.authorise(actor, Action.EXPORT)
            manifest = await kept_for(services, actor, upload_id)
            await services.personal.taken(actor, upload_id, "upload_original")
        except DispatchError as refused:
            return _said(request, refused)
        digest = base64.b64encode(bytes.fromhex(manifest.sha256)).decode()
        headers = {"Cache-Control": "no-store", "Repr-Digest": f"sha-256=:{digest}:", "Content-Security-Policy": "sandbox"}
        kind = _BYTES if manifest.mismatched else manifest.media_type
        return FileResponse(services.evidence.path(manifest), media_type=kind, filename=manifest.filename, headers=headers)

    return routes


def _said(request: Request, refused: DispatchError) -> Response:
    """To a person, who followed a link, in words."""
    answer = refusal(refused)
    if "text/html" not in request.headers.get("accept", ""):
        return answer
    said = words_in(language_of(request)).refusal(refused)
    return Response(said, answer.status_code, {"Cache-Control": "no-store"}, "text/plain; charset=utf-8")


def _attachment(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
