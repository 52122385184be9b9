"""`POST /incidents/{id}/commands`: from a flat JSON object to one command of the domain."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec
from pydantic import ConfigDict, Field

from dashboard.api.shapes import Body, Datum, GradeNumber, Id, Instant, JsonObject, Latitude, Longitude, Metres, Name, Text
from dashboard.problems import FieldError, InvalidFields
from dispatch.commands import AnyIncidentCommand, IncidentCommand

COMMANDS: dict[str, type[IncidentCommand]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyIncidentCommand)}
CommandName = Literal[tuple(COMMANDS)]  # type: ignore[valid-type]


class CommandBody(Body):
    """One command. Which fields it takes is said by its name; a field it does not take is refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"command": "push", "unit_ids": ["330203A3"], "expected_version": 1},
                {"command": "acknowledge", "unit_ids": ["330203A3"], "on_behalf_of": "330203A3", "channel": "radio"},
                {"command": "feedback", "unit_ids": ["330203A3"], "text": "双方已劝离，无人受伤"},
                {"command": "close", "disposition": "settled", "text": "现场调解"},
                {"command": "locate", "lon": 121.5503, "lat": 29.8739, "address": "中山东路与江厦街口"},
            ]
        },
    )

    command: CommandName  # type: ignore[valid-type]
    expected_version: int | None = Field(None, ge=0, le=2**31, description="refused with 409 when the incident has moved on")
    unit_ids: list[Id] | None = Field(None, max_length=50)
    on_behalf_of: Id | None = Field(None, description="who said it, when the desk enters what came by radio (代签收)")
    channel: Id | None = Field(None, description="how it came: terminal, radio, phone, desk, api; default: from who sends it")
    happened_at: Instant | None = Field(None, description="when it happened, if not now")
    text: Text | None = None
    incident_type: Id | None = None
    grade: GradeNumber | None = None
    lon: Longitude | None = None
    lat: Latitude | None = None
    accuracy_m: Metres | None = None
    address: Text | None = None
    datum: Datum | None = None
    form: JsonObject | None = Field(None, description="structured fields of a feedback, by incident type")
    disposition: Name | None = Field(None, description="处理结果, from the city's code table")
    to: Name | None = Field(None, description="who takes it over: 119, 120, 122, 12345 …")
    service: Name | None = Field(None, description="another service to call: 119, 120, 12345, a utility")
    assignment_id: Id | None = Field(None, description="whose missed acknowledgement shall send nobody else")
    into: Id | None = Field(None, description="incident_id of the incident this is a further call about")
    other: Id | None = Field(None, description="incident_id of the incident this is not the same as")
    warning: Name | None = Field(None, description="what is warned of, from the city's code table: armed, dog …")
    source: Name | None = Field(None, description="where a warning is known from")
    expires_at: Instant | None = Field(None, description="when a warning ends, at most a year ahead")
    radius_m: Metres | None = Field(None, description="how far from the incident's point a warning holds, 5 to 500 m; default 50")
    warning_id: Id | None = Field(None, description="the warning that no longer holds")
    to_org_code: Name | None = Field(None, description="the organisation it is handed or escalated to")
    take_over: bool | None = Field(None, description="of a claim: also from whoever has it")
    stage: Name | None = Field(None, description="of a correction: acknowledged, en_route, on_scene or feedback")
    at: Instant | None = Field(None, description="of a correction: when the stage was reached; left out: it is taken back")
    to_units: list[Id] | None = Field(None, max_length=50, description="crews on it that a note is for")
    note_id: Id | None = Field(None, description="the note that was read")
    kind: Name | None = Field(None, description="of a finding: good, shortfall or measure")
    replaces: Id | None = Field(None, description="finding_id of the finding it takes the place of")
    name: Name | None = Field(None, description="of a signature: who signs")
    satisfied: bool | None = Field(None, description="what the caller said afterwards")


def to_command(incident_id: str, body: CommandBody, datum: str) -> IncidentCommand:
    """The command. `datum` is that of a `locate` that names none. Raises InvalidFields."""
    kind = COMMANDS[body.command]
    takes = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    given = {name: value for name, value in body.model_dump(exclude={"command"}).items() if value not in (None, "", [])}
    errors = [FieldError(name, f"{body.command} does not take {name}; leave it out") for name in given if name not in takes]
    errors += [
        FieldError(name, f"{body.command} needs {name}; fill it in")
        for name, field in takes.items()
        if field.required and name not in given and name != "incident_id"
    ]
    if errors:
        raise InvalidFields(*errors)
    if "datum" in takes:
        given.setdefault("datum", datum)
    for name in ("unit_ids", "to_units"):
        if name in given:
            given[name] = tuple(given[name])
    return kind(incident_id=incident_id, **given)
