"""What the OpenAPI document says of answers: schema, example, and the problems a call may end in."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dispatch.events import AnyEvent
from dispatch.model import Incident, Unit

Json = dict[str, Any]

_PROBLEM_TEXT = {
    400: "The body is no JSON",
    404: "There is no such thing, or it may not be known",
    409: "The incident has moved on; `present_version` is the version now",
    413: "The body is too large",
    422: "A value can't be accepted; `errors` names the fields, `type` the rule",
}
DESCRIPTION = """
Liandong's HTTP interface: everything the pages do, programs can do too.

* **Authentication**: the session cookie of a log-in, or `Authorization: Bearer TOKEN` (`python app.py token add --role … --scope …`).
  Role and scope decide what is seen and done: docs/security.md.
* **Times** are ISO 8601 with an offset, **coordinates** `lon`, `lat` in WGS-84 unless `datum` says `cgcs2000`, `gcj02` or `bd09`.
* **Errors** are `application/problem+json` (RFC 9457): `type` names the rule, `detail` the value and the remedy, `errors` the fields.
* **Writes** take `Idempotency-Key`: the same key has one effect and gives the same answer.
"""


def answers(
    example: Any,
    schema: str | None = None,
    status: int = 200,
    problems: tuple[int, ...] = (),
    text: str = "Done",
    media_type: str = "application/json",
) -> dict[Any, Any]:
    """The `responses` of a route. `schema` names a component; without one the example speaks for itself."""
    content: Json = {"example": example}
    content["schema"] = {"$ref": f"#/components/schemas/{schema}"} if schema is not None else {"type": "object"}
    described: dict[Any, Any] = {status: {"description": text, "content": {media_type: content}}}
    for code in problems:
        described[code] = problem_answer(_PROBLEM_TEXT[code])
    return described


def problem_answer(text: str) -> Json:
    return {"description": text, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


# Every call but the liveness probe may end in these.
EVERYWHERE: dict[Any, Any] = {
    401: problem_answer("Nobody is logged in and no valid token was sent"),
    403: problem_answer("The role or the scope does not allow it"),
    429: problem_answer("Too many requests; `Retry-After` says how long to wait"),
}
_ERROR: Json = {"type": "object", "properties": {"field": {"type": "string"}, "detail": {"type": "string"}}}
PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "example": "urn:liandong:problem:unit-busy"},
        "title": {"type": "string", "example": "Unprocessable Content"},
        "status": {"type": "integer", "example": 422},
        "detail": {"type": "string", "example": "Unit 江厦A3 is on incident 117; reassign it or choose another."},
        "errors": {"type": "array", "items": _ERROR},
        "present_version": {"type": "integer"},
    },
}


def add_openapi(server: FastAPI) -> None:
    """Make the server's OpenAPI document; computed at the first request and kept."""

    def openapi() -> Json:
        if server.openapi_schema is None:
            server.openapi_schema = _document(server)
        return server.openapi_schema

    server.openapi = openapi  # type: ignore[method-assign]


def _document(server: FastAPI) -> Json:
    document = get_openapi(title=server.title, version=server.version, description=DESCRIPTION, routes=server.routes, tags=TAGS)
    for calls in document["paths"].values():
        for call in calls.values():
            # FastAPI writes its own form of refusal where a route does not name 422; ours is the same everywhere.
            if "application/json" in call["responses"].get("422", {}).get("content", {}):
                call["responses"]["422"] = problem_answer(_PROBLEM_TEXT[422])
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for kind in (Incident, Unit, AnyEvent):
        _, found = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
        for name, schema in found.items():
            schemas.setdefault(name, schema)
    schemas["Problem"] = PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "liandong_session"},
    }
    document["security"] = [{"bearer": []}, {"session": []}]
    return document


TAGS = [
    {"name": "incidents", "description": "From the first call to the end, and every command on the way"},
    {"name": "picture", "description": "Everything at once, now or at any past moment, and what changed since"},
    {"name": "tracks", "description": "Where crews have been: at an instant, along a path, near a place; what is kept of it"},
    {"name": "ground", "description": "By road: rings, nearest units, travel times; places by name"},
    {"name": "units", "description": "Crews: registration, status"},
    {"name": "duty", "description": "Shifts and rosters, signing on and off, musters, the hand-over sheet"},
    {"name": "duty circles", "description": "Prepared circles of important places 快反圈: tiers, forces, gates; and who is really there"},
    {"name": "elements", "description": "The catalogue of things on the map"},
    {"name": "cameras", "description": "The register of street cameras, how they do, and turning them"},
    {"name": "webhooks", "description": "Events sent to other programs, signed, at least once"},
    {"name": "sessions", "description": "Log-ins of people, to be seen and ended"},
    {"name": "system", "description": "Is it alive, is it ready, how is it doing"},
]
