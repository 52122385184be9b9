"""Events of an incident in words, as the timeline tells them."""

from __future__ import annotations

from dashboard.i18n import MISSED_CLIPS
from dashboard.layouts.arrival import promised
from dashboard.layouts.facts import Facts
from dispatch import events as e
from dispatch.model import AssignmentStage, UnitStatus


def crews_of(recorded: list[e.Recorded]) -> dict[str, str]:
    """Unit, or other service, by assignment: later events name the assignment only."""
    bodies = [one.body for one in recorded]
    crews = {body.assignment_id: body.unit_id for body in bodies if isinstance(body, e.UnitPushed)}
    return crews | {body.assignment_id: body.service for body in bodies if isinstance(body, e.ServiceCalled)}


def said(body: e.AnyEvent, crews: dict[str, str], facts: Facts) -> str:
    """One event in words. `crews`: see `crews_of`."""
    unit = facts.callsign(getattr(body, "unit_id", None) or crews.get(getattr(body, "assignment_id", ""), ""))
    found = (
        _of_the_report(body, facts)
        or _of_sending(body, unit, crews, facts)
        or _of_the_crew(body, unit, facts)
        or _of_the_end(body, facts)
        or _between(body, facts)
    )
    # An event of a newer version of the domain: its name is better than silence.
    return found or str(body.__class__.__struct_config__.tag).replace("_", " ")


def _of_the_report(body: e.AnyEvent, facts: Facts) -> str | None:
    words = facts.words
    match body:
        case e.IncidentReceived():
            what = {"type": facts.type_name(body.incident_type), "grade": words.grade(body.grade)}
            return (
                words("Split off from another incident: {type}, {grade}", **what)
                if body.split_from
                else words("Received: {type}, {grade}", **what)
            )
        case e.HelpCalledAgain():
            return words("The panic button was held again")
        case e.IncidentClassified():
            return words("Classified: {type}, {grade}", type=facts.type_name(body.incident_type), grade=words.grade(body.grade))
        case e.IncidentLocated():
            return words("Located: {place}", place=body.address or f"{body.lon:.5f}, {body.lat:.5f}")
        case e.NoteAdded():
            to = ", ".join(facts.callsign(unit_id) for unit_id in body.to_units)
            return _with(words("Note to {names}", names=to) if to else words("Note"), body.text)
        case e.NoteRead():
            return words("Note read")
        case e.UploadAdded():
            what = {"name": body.filename, "size": size_text(body.size_bytes)}
            if body.mismatched:
                return words("Upload {name}, {size}, kept apart: not what it was announced as", **what)
            return words("Upload {name}, {size}", **what)
        case e.MomentBookmarked():
            return words("Moment marked in camera {camera}: {time}", camera=body.camera_id, time=facts.clock(body.at))
        case e.ClipMissed():
            return words("No clip: {why}", why=words.entry(MISSED_CLIPS[body.reason]) if body.reason in MISSED_CLIPS else body.reason)
    return None


def _of_sending(body: e.AnyEvent, unit: str, crews: dict[str, str], facts: Facts) -> str | None:
    words = facts.words
    match body:
        case e.UnitPushed():
            return _pushed(body, unit, facts.callsign(crews.get(body.because_of, "")), facts)
        case e.PushDelivered():
            return words("The terminal of {unit} has it", unit=unit)
        case e.PushSeen():
            return words("{unit} has seen it", unit=unit)
        case e.PushRecalled():
            return _with(words("{unit} recalled", unit=unit), body.reason)
        case e.PushRefused():
            return _with(words("{unit} refused", unit=unit), body.reason)
        case e.UnitReleased():
            return _with(words("{unit} released", unit=unit), body.reason)
        case e.LeadNamed():
            return _with(words("{unit} made the lead", unit=unit), body.text)
        case e.ServiceCalled():
            return _with(words("{service} called", service=unit), body.text)
        case e.RepushStopped():
            return words("Sending others as well as {unit} stopped", unit=unit)
    return None


def _pushed(body: e.UnitPushed, unit: str, silent: str, facts: Facts) -> str:
    """`silent`: the crew whose missing answer a re-push is for."""
    words = facts.words
    match body.reason:
        case "reinforce":
            what = words("Reinforced with {unit}", unit=unit)
        case "reassign":
            what = words("Reassigned to {unit}", unit=unit)
        case "repush":
            what = words("Pushed to {unit} too, because {silent} did not answer", unit=unit, silent=silent)
        case _:
            what = words("Pushed to {unit}", unit=unit)
    # A status stands there where the crew has not said which task it is.
    task = words.status(body.leaves) if body.leaves in tuple(UnitStatus) else body.leaves
    leaves = words("leaves its task: {task}", task=task) if task else ""
    return " · ".join(filter(None, (what, promised(words, body.promised_eta_s, body.promised_eta_p90_s), leaves)))


def _of_the_crew(body: e.AnyEvent, unit: str, facts: Facts) -> str | None:
    words = facts.words
    match body:
        case e.Acknowledged():
            return words("{unit} acknowledged", unit=unit)
        case e.Departed():
            return words("{unit} set out", unit=unit)
        case e.Arrived():
            return words("{unit} arrived", unit=unit)
        case e.StageCorrected():
            return _with(_corrected(body, unit, facts), body.text)
        case e.CheckedIn():
            return words("{unit} says all is well", unit=unit)
        case e.FeedbackGiven():
            return _with(words("{unit} gave feedback", unit=unit), body.text)
        case e.DeadlineMissed():
            return _missed(body, unit, facts)
        case e.AlarmTaken():
            return _with(words("Alarm taken on"), body.text)
        case e.IncidentClaimed():
            return words("Claimed, taken over from {name}", name=body.taken_from) if body.taken_from else words("Claimed")
        case e.ClaimReleased():
            return words("Claim released")
    return _afterwards(body, facts)


def _afterwards(body: e.AnyEvent, facts: Facts) -> str | None:
    """What reviewers wrote."""
    words = facts.words
    match body:
        case e.CommentAdded():
            return _with(words("Comment"), body.text)
        case e.FindingAdded():
            return _with(words.finding(body.kind), body.text)
        case e.AfterActionSigned():
            return words("Review signed by {name}, revision {n}", name=body.name, n=body.revision)
        case e.AfterActionRevised():
            return _with(words("Review taken up again, revision {n}", n=body.revision), body.text)
    return None


def _corrected(body: e.StageCorrected, unit: str, facts: Facts) -> str:
    words, stage = facts.words, facts.words.stage(body.stage)
    was = facts.clock(body.was_at)
    if body.at is None:
        return words("{unit}: {stage} taken back, was {was}", unit=unit, stage=stage, was=was)
    return words("{unit}: {stage} corrected from {was} to {at}", unit=unit, stage=stage, was=was, at=facts.clock(body.at))


def superseded(recorded: list[e.Recorded]) -> set[str]:
    """Ids of the events whose word on a stage a later correction has put right."""
    newest: dict[tuple[str, AssignmentStage], str] = {}  # the event that last said when a stage was reached
    found = set()
    for one in recorded:
        body = one.body
        if isinstance(body, e.StageCorrected):
            key = body.assignment_id, body.stage
            if key in newest:
                found.add(newest[key])
            if body.at is None:
                newest.pop(key, None)
            else:
                newest[key] = one.event_id
        elif (stage := _STAGE_SAID.get(type(body))) is not None:
            newest.setdefault((body.assignment_id, stage), one.event_id)  # type: ignore[union-attr]
            if stage != AssignmentStage.FEEDBACK:
                newest[body.assignment_id, stage] = one.event_id  # type: ignore[union-attr]
    return found


_STAGE_SAID: dict[type, AssignmentStage] = {
    e.Acknowledged: AssignmentStage.ACKNOWLEDGED,
    e.Departed: AssignmentStage.EN_ROUTE,
    e.Arrived: AssignmentStage.ON_SCENE,
    e.FeedbackGiven: AssignmentStage.FEEDBACK,
}


def _missed(body: e.DeadlineMissed, unit: str, facts: Facts) -> str:
    words = facts.words
    late = words("{step} overdue", step=words.step(body.step)) + (f" ({unit})" if unit else "")
    if body.quiet:
        return words("{late}: on the supervision list", late=late)
    return words("{late}: alarm at {name}", late=late, name=facts.organisation_name(body.org_code))


def _of_the_end(body: e.AnyEvent, facts: Facts) -> str | None:
    words = facts.words
    match body:
        case e.IncidentReviewed():
            return _with(words("Reviewed"), body.text)
        case e.IncidentReturned():
            return _with(words("Returned for completion"), body.text)
        case e.IncidentClosed():
            return _with(words("Closed: {disposition}", disposition=facts.disposition_name(body.disposition)), body.text)
        case e.IncidentEnded():
            return _with(words.stage(body.stage), " ".join(part for part in (facts.service_name(body.to), body.text) if part))
        case e.IncidentReopened():
            return _with(words("Reopened"), body.text)
        case e.CalledBack():
            answers = {True: words("satisfied"), False: words("not satisfied"), None: words("no judgement")}
            return _with(words("Called back, {answer}", answer=answers[body.satisfied]), body.text)
    return None


def _between(body: e.AnyEvent, facts: Facts) -> str | None:
    """Between this incident and another, between its organisation and another."""
    words = facts.words
    match body:
        case e.IncidentMerged():
            return _with(words("Merged into #{number}", number=body.into_number), body.text)
        case e.CallAdded():
            return words("Further call #{number} merged into this", number=body.from_number)
        case e.PlaceWarned():
            return _with(words("Warned of this place: {what}", what=facts.warning_name(body.warning)), body.text)
        case e.WarningLifted():
            return _with(words("Warning lifted"), body.text)
        case e.IncidentsToldApart():
            return words("Not the same as #{number}", number=body.other_number)
        case e.IncidentSplit():
            return words("#{number} split off", number=body.part_number)
        case e.IncidentEscalated():
            return _with(words("Escalated to {name}", name=facts.organisation_name(body.to_org_code)), body.text)
        case e.HandoverOffered():
            return _with(words("Offered to {name}", name=facts.organisation_name(body.to_org_code)), body.text)
        case e.HandoverAccepted():
            return _with(words("Taken over by {name}", name=facts.organisation_name(body.org_code)), body.text)
        case e.HandoverRefused():
            return _with(words("{name} does not take it over", name=facts.organisation_name(body.org_code)), body.text)
    return None


def size_text(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"


def _with(what: str, text: str) -> str:
    return f"{what}: {text}" if text else what
