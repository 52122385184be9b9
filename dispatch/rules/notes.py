"""Rules of notes: remarks in the timeline, to everybody on the incident or to some of its crews, and who has read them."""

from __future__ import annotations

from dispatch.commands import Note, ReadNote
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import AnyEvent, NoteAdded, NoteRead
from dispatch.rules.case import Case, unit_name

Events = tuple[AnyEvent, ...]


def note(case: Case[Note]) -> Events:
    """A remark in the timeline; also after the end. `to_units`: for these crews on it, else for everybody on it."""
    incident, command = case.incident, case.command
    on_it = {a.unit_id for a in incident.active_assignments if not a.service}
    for unit_id in command.to_units:
        if unit_id not in on_it:
            detail = f"{unit_name(case, unit_id)} is not on {case.name.lower()} now; address crews that are, or leave to_units out."
            raise RuleViolation("not-assigned", detail)
    return (NoteAdded(incident.incident_id, command.text, case.new_id(), command.to_units, case.actor.unit_id or ""),)


def read_note(case: Case[ReadNote]) -> Events:
    """A crew, or somebody at a desk, has pressed that a note was read."""
    command, actor = case.command, case.actor
    found = next((one for one in case.incident.notes if one.note_id == command.note_id), None)
    if found is None:
        raise NotFound("unknown-note", f"{case.name} has no note {command.note_id} among its newest; look at its timeline.")
    unit_id = actor.unit_id or next(iter(command.unit_ids), "")
    reader = unit_id or actor.name
    if any(read.reader == reader for read in found.reads):
        return ()
    return (NoteRead(case.incident.incident_id, found.note_id, unit_id, "" if unit_id else actor.own_org_code or actor.org_code),)
