"""Push to wall: which view a desk last sent to which wall screen of its organisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from dispatch.clock import Clock
from dispatch.model import Actor
from operations.access.authority import Action, Authority

SCREENS = ("map", "queue", "video", "kpi", "all")


class View(NamedTuple):
    """What a wall is asked to show; what is inside `view` is agreed between desk and wall."""

    org_code: str
    screen: str
    view: dict[str, Any]
    pushed_by: str
    pushed_at: float  # Unix s


class Screens:
    """Newest view per organisation and screen, and who wants to hear of it. Lives on the event loop."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self._authority = authority
        self._clock = clock
        self._views: dict[tuple[str, str], View] = {}
        self._listeners: set[Callable[[View], None]] = set()

    def show(self, actor: Actor, screen: str, view: dict[str, Any]) -> View:
        """Send `view` to the walls named `screen` of the actor's organisation.

        Raises NotPermitted when the role may not, ValueError when there is no such screen.
        """
        self._authority.authorise(actor, Action.PUSH_VIEW)
        if screen not in SCREENS:
            raise ValueError(f"there is no wall screen {screen!r}; choose one of {', '.join(SCREENS)}")
        pushed = View(actor.org_code, screen, view, actor.name, self._clock.unix_s())
        self._views[actor.org_code, screen] = pushed
        for listener in tuple(self._listeners):
            listener(pushed)
        return pushed

    def newest(self, org_code: str, screen: str) -> View | None:
        """What the walls of that name show on request of a desk, if anything."""
        return self._views.get((org_code, screen))

    def listen(self, listener: Callable[[View], None]) -> Callable[[], None]:
        """Call `listener` with each view from now on; returns how to stop."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)
