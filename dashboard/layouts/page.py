"""What every layout function is handed: the reader's language and theme, and who reads."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.i18n import Words
from dispatch.organisations import Organisation


@dataclass(frozen=True)
class Desk:
    """The organisation whose desk the page is."""

    code: str
    name: str
    name_en: str
    bounds: tuple[float, float, float, float]  # of its area: west, south, east, north, degrees


@dataclass(frozen=True)
class Page:
    """One delivery of the page to one person."""

    words: Words
    theme: str
    actor_name: str
    role: str
    demo: bool
    desk: Desk | None = None  # None: the account's own scope
    desks: tuple[Organisation, ...] = ()  # that the reader may open, the own first, then by the tree's levels
    own: frozenset[str] = frozenset()  # organisations whose incidents are the reader's own; others' are seen when shared or offered
