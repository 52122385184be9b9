"""`/terminal`: the officer's page as static files, without Dash. Its shell is public; all data comes over authorised channels."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

SHELL = Path(__file__).parent / "terminal"
SCRIPT = Path(__file__).parent / "assets" / "build" / "terminal" / "main.js"
# Name → (file, media type). The service worker is served from the scope that it rules.
FILES = {
    "terminal.css": (SHELL / "terminal.css", "text/css"),
    "terminal.js": (SCRIPT, "text/javascript"),
    "sw.js": (SHELL / "sw.js", "text/javascript"),
    "icon.svg": (SHELL / "icon.svg", "image/svg+xml"),
    # icon.svg drawn for systems that take no SVG; `full` fills its square, and the system cuts its own shape out of it.
    "icon-192.png": (SHELL / "icon-192.png", "image/png"),
    "icon-512.png": (SHELL / "icon-512.png", "image/png"),
    "icon-full-512.png": (SHELL / "icon-full-512.png", "image/png"),
    "manifest.webmanifest": (SHELL / "manifest.webmanifest", "application/manifest+json"),
}
# A phone asks again each time; unchanged files cost it a 304.
_FRESH = {"Cache-Control": "no-cache"}


def router() -> APIRouter:
    """Routes of the shell."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/terminal")
    async def page() -> FileResponse:
        return FileResponse(SHELL / "index.html", media_type="text/html", headers=_FRESH)

    def add(name: str, path: Path, media_type: str) -> None:
        @routes.get(f"/terminal/{name}")
        async def file() -> FileResponse:
            return FileResponse(path, media_type=media_type, headers=_FRESH | {"Service-Worker-Allowed": "/terminal"})

    for name, (path, media_type) in FILES.items():
        add(name, path, media_type)
    return routes
