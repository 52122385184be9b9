"""The picture at a revision: the newest snapshot before it, and the events since."""

from __future__ import annotations

from dispatch.evolve import Loader, fold
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Incident
from dispatch.picture import OperatingPicture
from storage.journal import Journal, pages

# A snapshot is due after this many events: a start then folds at most these, well under a second.
SNAPSHOT_EVERY = 5_000


def picture_of(journal: Journal, revision: int | None = None, use_snapshots: bool = True) -> OperatingPicture:
    """The picture after event number `revision`, or after the newest one. Raises JournalError when the journal can't be read."""
    start = journal.snapshot(revision) if use_snapshots else None
    picture = start or OperatingPicture()
    return fold(picture, pages(journal, picture.revision, revision), loader(journal))


def loader(journal: Journal) -> Loader:
    """Reads an incident from its own events: for those the picture no longer holds."""

    def load(incident_id: str, before_revision: int) -> Incident | None:
        incident: Incident | None = None
        for recorded in journal.timeline(incident_id, before_revision):
            incident = evolve_incident(incident, recorded)
        return incident

    return load
