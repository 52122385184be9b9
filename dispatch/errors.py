"""Why a command was refused. Each message names the value and the remedy; dispatcher, API and log read the same words."""

from __future__ import annotations


class DispatchError(Exception):
    """Root of all refusals. `rule` is a stable machine-readable name (problem+json `type`), the message is for people."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


class NotFound(DispatchError):
    """The incident, unit or assignment named does not exist (404). Also raised where it exists but may not be known."""


class Conflict(DispatchError):
    """`expected_version` is not the present version, or the same key was used for another command (409)."""

    def __init__(self, rule: str, detail: str, present_version: int | None = None) -> None:
        super().__init__(rule, detail)
        self.present_version = present_version


class RuleViolation(DispatchError):
    """The command is understood but not allowed in the present state (422)."""


class NotPermitted(DispatchError):
    """The actor's role or scope does not allow it (403)."""


class Unavailable(DispatchError):
    """Nothing is wrong with the command, but it could not be made durable; nothing was recorded (503)."""
