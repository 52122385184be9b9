"""One group of commands decided against the running picture; what comes of it is written in one commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from dispatch import errors
from dispatch import events as e
from dispatch.commands import Caller, Command, IncidentCommand, MarkDelivered, MarkSeen, ReceiveIncident, UnitCommand
from dispatch.decide import decide, incident_of
from dispatch.duty_commands import AnswerMuster, SignOff, SignOn
from dispatch.errors import Conflict, DispatchError
from dispatch.events import AnyEvent, IncidentEvent, Recorded, canonical_json, seal
from dispatch.evolve import evolve
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Actor, Incident
from dispatch.picture import OperatingPicture
from dispatch.rules.case import occurred_at
from storage.journal import Answer, Commit, Journal, OutboxEntry, Personal, Refusal

PUSH, ENDED = "push", "ended"  # topics of the outbox


@dataclass(frozen=True)
class Outcome:
    """What a command came to. `events` is empty and `repeated` true when it was already so, or its key was known."""

    incident_id: str | None
    version: int | None
    revision: int
    events: tuple[Recorded, ...]
    repeated: bool


@dataclass(frozen=True)
class Request:
    """One command on its way to the writer."""

    command: Command
    actor: Actor
    key: str | None
    digest: str  # of the command as it was sent
    caller_salt: str | None = None

    @property
    def asked(self) -> tuple[str, str] | None:
        """Under what the answer is kept: keys of different actors have nothing to do with each other."""
        return None if self.key is None else (f"{self.actor.kind}:{self.actor.name}", self.key)


class Batch:
    """Collects one commit. A refused command leaves no trace in it beyond its kept answer."""

    def __init__(self, picture: OperatingPicture, journal: Journal, node: str, new_id: Callable[[], str], now: datetime) -> None:
        self.picture = picture
        self._journal = journal
        self._node = node
        self._new_id = new_id
        self._now = now  # of all events of this commit
        self._records: list[Recorded] = []
        self._incidents: dict[str, Incident] = {}  # changed ones, as they are after the last record
        self._answers: dict[tuple[str, str], Answer] = {}
        self._known_answers: dict[tuple[str, str], Answer] = {}
        self._personal: list[Personal] = []
        self._outbox: dict[tuple[str, str], OutboxEntry] = {}
        self._settled: list[tuple[str, str]] = []

    def commit(self) -> Commit:
        """What has to become durable."""
        settled = [pair for pair in self._settled if pair not in self._outbox]
        outbox = [entry for pair, entry in self._outbox.items() if pair not in self._settled]
        return Commit(
            tuple(self._records),
            tuple(self._incidents.values()),
            tuple(self._answers.values()),
            tuple(self._personal),
            tuple(outbox),
            tuple(settled),
        )

    def know(self, requests: list[Request]) -> None:
        """Read the answers that were kept under these requests' keys."""
        self._known_answers = self._journal.answers({r.asked for r in requests if r.asked is not None})

    def settle(self, settled: tuple[tuple[str, str], ...]) -> None:
        """These outbox entries have arrived."""
        self._settled.extend(settled)

    def take(self, request: Request) -> Outcome:
        """Decides one command. Raises DispatchError; a refusal under a key is kept as its answer."""
        asked = request.asked
        kept = None if asked is None else self._answers.get(asked) or self._known_answers.get(asked)
        if kept is not None:
            return self._again(kept, request)
        try:
            outcome = self._decide(request)
        except DispatchError as error:
            if asked is not None:
                refusal = Refusal(type(error).__name__, error.rule, error.detail, getattr(error, "present_version", None))
                self._answers[asked] = Answer(*asked, request.digest, self._now, refusal=refusal)
            raise
        if asked is not None:
            first = outcome.events[0].revision if outcome.events else None
            self._answers[asked] = Answer(
                *asked, request.digest, self._now, outcome.incident_id, outcome.version, outcome.revision, first_revision=first
            )
        return outcome

    def _again(self, kept: Answer, request: Request) -> Outcome:
        if kept.digest != request.digest:
            raise Conflict("key-reused", f"The key {kept.key} was used for another command; use a new key for each command.")
        if kept.refusal is not None:
            raise refused_again(kept.refusal)
        events: tuple[Recorded, ...] = ()
        if kept.first_revision is not None:
            here = [r for r in self._records if kept.first_revision <= r.revision <= kept.revision]
            count = kept.revision - kept.first_revision + 1
            events = tuple(here or self._journal.read(kept.first_revision - 1, count))
        return Outcome(kept.incident_id, kept.version, kept.revision, events, repeated=True)

    def _decide(self, request: Request) -> Outcome:
        command = request.command
        before = self._incident(command)
        bodies = decide(self.picture, command, request.actor, self._now, self._new_id, before)
        command_id = self._new_id()
        picture = self.picture
        # Incidents of the events, as they are after the last one; the command's own may be no longer in the picture.
        changed: dict[str, Incident] = {} if before is None else {before.incident_id: before}
        records: list[Recorded] = []
        for body in bodies:
            about = body.incident_id if isinstance(body, IncidentEvent) else ""
            incident = changed.get(about) or picture.incidents.get(about)
            recorded = self._record(picture, incident, body, request, command_id)
            picture = evolve(picture, recorded, None if about in picture.incidents else incident)
            after = picture.incidents.get(about) or evolve_incident(incident, recorded)
            if after is not None:
                changed[about] = after
            records.append(recorded)
        # From here on nothing can fail: the command enters the batch whole.
        self.picture = picture
        self._records.extend(records)
        if records:
            self._incidents.update(changed)
        incident = changed.get(next(iter(changed), ""))  # of several the command's own, else the one received
        self._note_personal(request, incident, records)
        self._note_outbox(request, before, incident, records)
        version = None if incident is None else incident.version
        incident_id = None if incident is None else incident.incident_id
        return Outcome(incident_id, version, picture.revision, tuple(records), repeated=not records)

    def _incident(self, command: Command) -> Incident | None:
        """The command's incident, from this batch, the picture, or the journal when it ended long ago."""
        held = incident_of(self.picture, command)
        if held is not None:
            return held
        if isinstance(command, IncidentCommand):
            return self._incidents.get(command.incident_id) or self._journal.incident(command.incident_id)
        if isinstance(command, ReceiveIncident) and command.source_id is not None:
            return self._journal.incident_by_source(command.source, command.source_id)
        return None

    def _record(self, picture: OperatingPicture, incident: Incident | None, body: AnyEvent, request: Request, command_id: str) -> Recorded:
        command, actor = request.command, request.actor
        is_of_incident = isinstance(body, IncidentEvent)
        assignment_id = getattr(body, "assignment_id", None)
        pushed_at = None
        if incident is not None and assignment_id is not None:
            pushed_at = next((a.pushed_at for a in incident.assignments if a.assignment_id == assignment_id), None)
        event = e.Unsealed(
            revision=picture.revision + 1,
            event_id=self._new_id(),
            node=self._node,
            incident_id=body.incident_id if isinstance(body, IncidentEvent) else None,
            incident_version=(0 if incident is None else incident.version) + 1 if is_of_incident else None,
            schema=e.SCHEMA_VERSION,
            occurred_at=occurred_at(command, self._now, pushed_at),
            recorded_at=self._now,
            actor=actor.name,
            actor_role=actor.role,
            command_id=command_id,
            on_behalf_of=_on_behalf_of(command, actor, body),
            channel=command.channel or _channel(actor),
            body=body,
        )
        return seal(picture.last_hash, canonical_json(event))

    def _note_personal(self, request: Request, incident: Incident | None, records: list[Recorded]) -> None:
        command = request.command
        if records and incident is not None and isinstance(command, ReceiveIncident) and command.caller and request.caller_salt:
            self._personal.append(Personal(incident.incident_id, request.caller_salt, command.caller, self._now))

    def _note_outbox(self, request: Request, before: Incident | None, after: Incident | None, records: list[Recorded]) -> None:
        """What terminals have to be told, and what they have got."""
        known = {} if before is None else {a.assignment_id: a for a in before.assignments}
        for recorded in records:
            body = recorded.body
            if isinstance(body, e.UnitPushed):
                self._tell(PUSH, recorded, body.assignment_id, body.unit_id)
            elif isinstance(body, e.PushDelivered):
                self._settled.append((body.assignment_id, PUSH))
        with_terminal = () if after is None or not records else [a for a in after.assignments if not a.service]
        for assignment in with_terminal:
            earlier = known.get(assignment.assignment_id)
            if earlier is not None and earlier.is_active and not assignment.is_active:
                self._settled.append((assignment.assignment_id, PUSH))
                self._tell(ENDED, records[-1], assignment.assignment_id, assignment.unit_id)
        if isinstance(request.command, MarkDelivered) and before is not None:
            told = {*request.command.unit_ids, request.actor.unit_id}
            over = [a for a in before.assignments if not (a.is_active or a.service) and a.unit_id in told]
            self._settled.extend((a.assignment_id, topic) for a in over for topic in (PUSH, ENDED))

    def _tell(self, topic: str, recorded: Recorded, assignment_id: str, unit_id: str) -> None:
        incident_id = recorded.incident_id or ""
        entry = OutboxEntry(assignment_id, topic, recorded.revision, unit_id, incident_id, recorded.recorded_at)
        self._outbox[assignment_id, topic] = entry


def refused_again(refusal: Refusal) -> DispatchError:
    """The refusal as it was answered the first time."""
    if refusal.kind == Conflict.__name__:
        return Conflict(refusal.rule, refusal.detail, refusal.present_version)
    kind: type[DispatchError] = getattr(errors, refusal.kind)
    return kind(refusal.rule, refusal.detail)


def _is_crew(actor: Actor) -> bool:
    """A crew's own terminal, or the gateway that terminals without accounts speak through."""
    return actor.unit_id is not None or actor.role == "officer"


def _on_behalf_of(command: Command, actor: Actor, body: AnyEvent) -> str | None:
    """Who said it, where the desk enters a stage for a crew; the crew itself when the desk names nobody."""
    if command.on_behalf_of is not None or _is_crew(actor) or actor.kind == "system":
        return command.on_behalf_of
    if isinstance(command, UnitCommand | SignOn | SignOff | AnswerMuster) and not isinstance(command, MarkDelivered | MarkSeen):
        unit_id: str | None = getattr(body, "unit_id", None)
        return unit_id
    return None


def _channel(actor: Actor) -> str:
    if _is_crew(actor):
        return "terminal"
    return {"token": "api", "user": "desk"}.get(actor.kind, actor.kind)


def without_caller(command: Command) -> Command:
    """For the digest of a command: of a telephone number even a digest would give it away."""
    if isinstance(command, ReceiveIncident) and command.caller is not None:
        return msgspec.structs.replace(command, caller=Caller())
    return command
