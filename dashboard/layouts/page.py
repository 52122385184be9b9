"""What every layout function is handed: the reader's language and theme, and who reads."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.i18n import Words


@dataclass(frozen=True)
class Page:
    """One delivery of the page to one person."""

    words: Words
    theme: str
    actor_name: str
    role: str
    demo: bool
