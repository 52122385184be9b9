"""The picture at a revision: the newest snapshot before it, and the events since."""

from __future__ import annotations

import threading
from collections import OrderedDict

from dispatch.evolve import Loader, fold
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Incident
from dispatch.picture import OperatingPicture
from storage.journal import Journal, pages

# A snapshot is due after this many events: a start then folds at most these, well under a second.
SNAPSHOT_EVERY = 5_000
# Pictures of the past that are kept, and how many events lie between two that are kept on the way to one: a drag along the time bar
# folds a few hundred events at most once its surroundings were read.
KEPT_PICTURES = 32
KEPT_EVERY = 500


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


class Pictures:
    """Pictures of the past; each is folded on from the nearest one before it that is kept or was stored. Thread-safe, blocking."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._kept: OrderedDict[int, OperatingPicture] = OrderedDict()  # by revision, least lately asked for first
        self._lock = threading.Lock()

    def of(self, revision: int) -> OperatingPicture:
        """The picture after event number `revision`. Raises JournalError when the journal can't be read."""
        picture = self._nearest(revision)
        while picture.revision < revision:
            reached = min(revision, (picture.revision // KEPT_EVERY + 1) * KEPT_EVERY)
            picture = fold(picture, pages(self._journal, picture.revision, reached, KEPT_EVERY), loader(self._journal))
            self._keep(picture)
        return picture

    def _nearest(self, revision: int) -> OperatingPicture:
        with self._lock:
            near = max((r for r in self._kept if r <= revision), default=0)
            if near:
                self._kept.move_to_end(near)
                kept = self._kept[near]
        if near and revision - near < KEPT_EVERY:
            return kept
        stored = self._journal.snapshot(revision)
        if stored is not None and stored.revision > near:
            self._keep(stored)
            return stored
        return kept if near else OperatingPicture()

    def _keep(self, picture: OperatingPicture) -> None:
        with self._lock:
            self._kept[picture.revision] = picture
            while len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
