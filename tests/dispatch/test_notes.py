"""Notes: for everybody on the incident or for some of its crews; each reader once; the newest are kept to be read."""

from __future__ import annotations

from datetime import timedelta

from dispatch import commands as c
from dispatch import events as e
from dispatch.errors import NotFound
from dispatch.evolve_incident import KEPT_NOTES
from dispatch.model import Note, Reading
from tests.dispatch.driver import COUNTY, DESK, START, Node, crew, refusal


def noted(node: Node, incident_id: str, text: str = "dog", to_units: tuple[str, ...] = ()) -> str:
    (recorded,) = node.give(c.Note(incident_id=incident_id, text=text, to_units=to_units))
    assert isinstance(recorded.body, e.NoteAdded)
    return recorded.body.note_id


def test_a_note_keeps_who_has_read_it_and_when(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    note_id = noted(node, incident_id, to_units=("A",))
    node.pass_time(10)
    assert node.give(c.ReadNote(incident_id=incident_id, note_id=note_id), crew("A"))
    assert node.give(c.ReadNote(incident_id=incident_id, note_id=note_id), crew("A")) == ()
    assert node.give(c.ReadNote(incident_id=incident_id, note_id=note_id))
    later = START + timedelta(seconds=10)
    reads = (Reading("A", later), Reading(DESK.name, later, COUNTY))
    assert node.picture.incidents[incident_id].notes == (Note(note_id, "dog", DESK.name, START, ("A",), "", reads),)


def test_a_note_is_addressed_to_crews_that_are_on_the_incident(node: Node) -> None:
    incident_id = node.pushed("A")
    node.unit("C")
    words = refusal(node, c.Note(incident_id=incident_id, text="x", to_units=("C",)))
    assert words == "not-assigned: Unit C is not on incident 1 now; address crews that are, or leave to_units out."


def test_a_crews_own_note_says_which_crew(node: Node) -> None:
    incident_id = node.pushed("A")
    (recorded,) = node.give(c.Note(incident_id=incident_id, text="x"), crew("A"))
    assert isinstance(recorded.body, e.NoteAdded)
    assert recorded.body.by_unit == "A"


def test_the_newest_are_kept_and_an_older_one_can_not_be_read_any_more(node: Node) -> None:
    incident_id = node.pushed("A")
    ids = [noted(node, incident_id, str(k)) for k in range(KEPT_NOTES + 1)]
    assert [one.note_id for one in node.picture.incidents[incident_id].notes] == ids[1:]
    words = refusal(node, c.ReadNote(incident_id=incident_id, note_id=ids[0]), NotFound)
    assert words == f"unknown-note: Incident 1 has no note {ids[0]} among its newest; look at its timeline."
