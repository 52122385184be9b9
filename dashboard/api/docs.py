"""`/api/docs`: the OpenAPI document as a page. Own files, no library and nothing from outside."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

FOLDER = Path(__file__).with_name("pages")
FILES = {"": "docs.html", "/docs.css": "docs.css", "/docs.js": "docs.js"}


def router() -> APIRouter:
    """The page and its two files."""
    routes = APIRouter(prefix="/api/docs", include_in_schema=False)

    def add(path: str, name: str) -> None:
        @routes.get(path)
        async def file() -> Response:
            return FileResponse(FOLDER / name, headers={"Cache-Control": "no-cache"})

    for path, name in FILES.items():
        add(path, name)
    return routes
