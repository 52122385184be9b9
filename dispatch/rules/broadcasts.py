"""Rules of broadcasts: who gets one is settled when it is sent; nobody reads for another."""

from __future__ import annotations

from datetime import timedelta

from dispatch.broadcasts import KEPT, LONGEST, MAX_RECIPIENTS, MAX_TEXT, SHORTEST, Broadcast
from dispatch.duty_commands import MarkBroadcastDelivered, ReadBroadcast, RecallBroadcast, SendBroadcast
from dispatch.duty_events import BroadcastDelivered, BroadcastRead, BroadcastRecalled, BroadcastSent
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import AnyEvent
from dispatch.rules.case import Case

Events = tuple[AnyEvent, ...]
OfOne = RecallBroadcast | MarkBroadcastDelivered | ReadBroadcast


def broadcast_sound(case: Case[SendBroadcast]) -> None:
    """A broadcast has at most 2,000 characters, lasts from a minute to a week, and goes to somebody, 5,000 at most."""
    command = case.command
    if len(command.text) > MAX_TEXT:
        raise RuleViolation("unsound-text", f"text has {len(command.text)} characters; a broadcast has at most {MAX_TEXT}.")
    if not SHORTEST.total_seconds() <= command.lasts_s <= LONGEST.total_seconds():
        least, most = (round(one.total_seconds()) for one in (SHORTEST, LONGEST))
        raise RuleViolation("implausible-time", f"lasts_s {command.lasts_s} is not between {least} and {most}; choose how long it matters.")
    count = len(command.unit_ids) + len(command.desks)
    if not count:
        raise RuleViolation("no-recipient", f"Nobody of {command.org_code} would get it: no crew is on duty; send it to desks as well.")
    if count > MAX_RECIPIENTS:
        raise RuleViolation("no-recipient", f"It would go to {count} recipients; send it to organisations of at most {MAX_RECIPIENTS}.")


def send(case: Case[SendBroadcast]) -> Events:
    """通播: a text to the desks of an organisation and those below it, to their crews on duty, or both; one it replaces is recalled."""
    command, id_ = case.command, case.new_id()
    replaced = case.picture.broadcasts.get(command.replaces)
    if command.replaces and (replaced is None or not replaced.is_live(case.now)):
        raise RuleViolation("broadcast-over", f"Broadcast {command.replaces} is no longer live; send this one by itself.")
    live = sum(one.is_live(case.now) for one in case.picture.broadcasts.values())
    if live - bool(replaced) >= KEPT:
        raise RuleViolation("too-many-broadcasts", f"{live} broadcasts are live; recall what no longer matters first.")
    sent = BroadcastSent(
        broadcast_id=id_,
        org_code=command.org_code,
        text=command.text.strip(),
        urgent=command.urgent,
        sent_by_org=case.actor.org_code,
        expires_at=case.now + timedelta(seconds=command.lasts_s),
        unit_ids=command.unit_ids,
        desks=command.desks,
        replaces=command.replaces,
    )
    return (sent,) if replaced is None else (BroadcastRecalled(replaced.broadcast_id, replaced_by=id_), sent)


def recall(case: Case[RecallBroadcast]) -> Events:
    """It is no longer true: taken off every screen where it still stands."""
    found = _broadcast(case)
    return () if found.recalled_at is not None else (BroadcastRecalled(found.broadcast_id),)


def delivered(case: Case[MarkBroadcastDelivered]) -> Events:
    """A recipient's device, or screen, has it."""
    found = _broadcast_to(case)
    if found.receipt(case.command.recipient).delivered_at is not None:
        return ()
    return (BroadcastDelivered(found.broadcast_id, case.command.recipient),)


def read(case: Case[ReadBroadcast]) -> Events:
    """A person there has pressed that it was read; also late, after it was recalled."""
    found = _broadcast_to(case)
    if found.receipt(case.command.recipient).read_at is not None:
        return ()
    return (BroadcastRead(found.broadcast_id, case.command.recipient),)


def _broadcast(case: Case[OfOne]) -> Broadcast:
    found = case.picture.broadcasts.get(case.command.broadcast_id)
    if found is None:
        raise NotFound("unknown-broadcast", f"There is no broadcast {case.command.broadcast_id}; look at the ones there are.")
    return found


def _broadcast_to(case: Case[MarkBroadcastDelivered] | Case[ReadBroadcast]) -> Broadcast:
    found, recipient = _broadcast(case), case.command.recipient
    if not found.goes_to(recipient):
        raise NotFound("unknown-broadcast", f"Broadcast {found.broadcast_id} does not go to {recipient}; check the recipient.")
    return found
