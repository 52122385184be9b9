"""Every refusal on HTTP, as `application/problem+json` (RFC 9457): what was wrong, with the value, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from dispatch.errors import Conflict, DispatchError, NotFound, NotPermitted, RuleViolation, Unavailable
from geodata.routing.nearest import NoRoute
from geodata.streets.snapping import OffNetwork

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:liandong:problem:"  # names the rule; stable, for programs
# Rule of a refusal that comes from the framework and has no rule of its own.
_RULE_OF_STATUS = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 406: "not-acceptable", 415: "media-type"}
_STATUS_OF_ERROR: tuple[tuple[type[DispatchError], int], ...] = (
    (NotFound, 404),
    (NotPermitted, 403),
    (Conflict, 409),
    (RuleViolation, 422),
    (Unavailable, 503),
)


class FieldError(msgspec.Struct, frozen=True):
    """One field that can't be accepted: `field` is its path (`caller.number`), `detail` says why and what would do."""

    field: str
    detail: str


class InvalidFields(Exception):
    """A request whose form is right but whose values are not (422)."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{e.field}: {e.detail}" for e in errors))
        self.errors = errors

    @classmethod
    def one(cls, field: str, detail: str) -> InvalidFields:
        return cls(FieldError(field, detail))


def problem(
    status: int,
    rule: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem answer. `rule` is its stable name; `more` are further members such as `present_version`."""
    members: dict[str, Any] = {"type": TYPE_PREFIX + rule, "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    if errors:
        members["errors"] = errors
    return Response(msgspec.json.encode(members | more), status, headers, MEDIA_TYPE)


def refusal(error: DispatchError) -> Response:
    """The answer to a refused command."""
    status = next((status for kind, status in _STATUS_OF_ERROR if isinstance(error, kind)), 422)
    if isinstance(error, Conflict) and error.present_version is not None:
        return problem(status, error.rule, error.detail, present_version=error.present_version)
    return problem(status, error.rule, error.detail)


def unprocessable(errors: Sequence[FieldError]) -> Response:
    fields = ", ".join(dict.fromkeys(e.field for e in errors))
    return problem(422, "invalid-fields", f"{len(errors)} of the fields can't be accepted: {fields}.", errors)


def add_problem_handlers(server: FastAPI) -> None:
    """Turn every exception of a route into a problem answer."""

    @server.exception_handler(DispatchError)
    async def on_refusal(_: Request, error: DispatchError) -> Response:
        return refusal(error)

    @server.exception_handler(OffNetwork)
    async def on_off_network(_: Request, error: OffNetwork) -> Response:
        fields = [FieldError(name, "no street is near enough") for name in ("lon", "lat")]
        nearest_m = None if error.distance_m is None else round(error.distance_m, 1)
        return problem(422, "off-network", str(error), fields, nearest_street_m=nearest_m)

    @server.exception_handler(NoRoute)
    async def on_no_route(_: Request, error: NoRoute) -> Response:
        return problem(422, "no-route", str(error))

    @server.exception_handler(InvalidFields)
    async def on_invalid_fields(_: Request, error: InvalidFields) -> Response:
        return unprocessable(error.errors)

    @server.exception_handler(RequestValidationError)
    async def on_validation(_: Request, error: RequestValidationError) -> Response:
        errors = [_field_error(e) for e in error.errors()]
        if any(e["type"] == "json_invalid" for e in error.errors()):
            return problem(400, "bad-json", f"The body is no JSON: {errors[0].detail}.", [FieldError("body", errors[0].detail)])
        return unprocessable(errors)

    @server.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        rule = _RULE_OF_STATUS.get(error.status_code, f"http-{error.status_code}")
        return problem(error.status_code, rule, str(error.detail), headers=error.headers)

    @server.exception_handler(Exception)
    async def on_fault(_: Request, error: Exception) -> Response:
        # The server logs the exception itself; nothing of it goes out.
        return problem(500, "internal-error", "The server failed to answer; the fault is in its log.")


def _field_error(error: Mapping[str, Any]) -> FieldError:
    """From pydantic's error: drop where it stood (body, query), keep the path."""
    where = [str(part) for part in error["loc"]]
    path = where[1:] if where and where[0] in ("body", "query", "path", "header") else where
    # Of our own checks, and of the JSON reader, the words alone: pydantic's prefix says nothing.
    reason = error["ctx"]["error"] if error["type"] in ("value_error", "json_invalid") else error["msg"]
    return FieldError(".".join(path) or (where[0] if where else "body"), str(reason))
