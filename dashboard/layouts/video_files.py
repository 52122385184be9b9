"""How a kept video is taken away: as a copy with marks, and by whoever may export as the file itself."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.i18n import Words


def copy_address(upload_id: str) -> str:
    return f"/uploads/{upload_id}/copy"


def original_address(upload_id: str) -> str:
    return f"/uploads/{upload_id}/original"


def ways_out(upload_id: str, sha256: str, words: Words, exports: bool) -> html.P:
    """In a tab of its own, which says why where there is no copy, and closes itself where there is one."""
    copy = html.A(words("Copy with your name and the time"), href=copy_address(upload_id), target="_blank")
    original = [" · ", html.A(words("The original"), href=original_address(upload_id), target="_blank")] if exports else []
    parts: list[Any] = [copy, *original, f" · SHA-256 {sha256}"]
    return html.P(parts, className="camera-says checksum")
