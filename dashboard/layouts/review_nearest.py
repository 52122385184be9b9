"""Of a review: who was nearest by road at each push, what would have come of sending another, and the map of it. HTML."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from dashboard.figures.review_map import LOOKS, DrawnPlace, DrawnWay
from dashboard.layouts.review_facts import ReviewFacts, apart, length, nothing, section
from dashboard.layouts.scene import reasons_text
from dashboard.layouts.statistics import table
from geodata.tracks.passages import JOINED_S
from operations.records.after_action import Review
from operations.records.counterfactual import NOTABLE_S, CrewThen, Meanwhile, PushLook, Standing

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def nearest(view: ReviewFacts) -> str:
    """Every push that was looked at, and what is not known of any."""
    words, review = view.words, view.review
    title = words("Who was nearest by road")
    if not review.looks:
        return section(title, "", nothing(words("No crew was sent.")), "nearest")
    shown = "".join(_look(view, look) for look in review.looks)
    if review.pushes_left_out:
        later = words("{n} later pushes are not looked at.", n=review.pushes_left_out)
        shown += f'<p class="muted">{escape(later)}</p>'
    return section(title, words("From the positions that were recorded by the push."), shown + _not_known(view), "nearest")


def _look(view: ReviewFacts, look: PushLook) -> str:
    words = view.words
    names = words.listed([view.crew(unit_id) for unit_id in look.push.unit_ids])
    head = words("{time}: {names} sent", time=view.at(look.push.at), names=names)
    said = verdict(view, look)
    good = look.standing == Standing.NEAREST
    body = f'<h3>{escape(head)}</h3><p class="{"good" if good else "warn"} said">{escape(said)}</p>'
    return body + (_crews(view, look) if look.crews else "")


def verdict(view: ReviewFacts, look: PushLook) -> str:
    """One sentence about a push."""
    words = view.words
    match look.standing:
        case Standing.NEAREST:
            return words("Nobody who could go was nearer by road (differences under {n} s are not told apart).", n=round(NOTABLE_S))
        case Standing.NEARER:
            return _nearer(view, next(one for one in look.crews if one.instead_of))
        case Standing.NO_POINT:
            return words("The incident had no point yet: nobody was nearest.")
        case Standing.OFF_STREETS:
            return words("The incident's point lay off every street: there is no time by road.")
        case Standing.NO_POSITION:
            names = words.listed([view.crew(unit_id) for unit_id in look.unplaced])
            return words("It is not on record where {names} was, or no way led from there: that can't be held against others.", names=names)
        case Standing.NOT_RECORDED:
            return words("No position of any crew is on record for that moment.")


def _nearer(view: ReviewFacts, one: CrewThen) -> str:
    """Of the nearest that could have gone."""
    words = view.words
    what = words("{crew} could go and was nearer", crew=_named(view, one))
    parts = [what, words("there at about {time}", time=view.at(one.there_at))]
    if one.sooner_s is not None:
        parts.append(words("by road {how} than {crew}", how=apart(one.sooner_s, words), crew=view.crew(one.instead_of)))
    if one.sooner_than_actual_s is not None:
        parts.append(words("{how} than {crew} really was", how=apart(one.sooner_than_actual_s, words), crew=view.crew(one.instead_of)))
    return words.listed(parts) + ("。" if words.language == "zh" else ".")


def _crews(view: ReviewFacts, look: PushLook) -> str:
    words = view.words
    marks = other_marks(view.review)
    heads = (
        "",
        words("Crew"),
        words("by road"),
        words("9 in 10 within"),
        words("way"),
        words("with turnout there at"),
        words("instead"),
        words("position"),
        words("could it go"),
        words("at that time it was"),
    )
    rows = [_crew(view, one, marks.get((look.push.revision, one.unit_id), "")) for one in look.crews]
    return f'<div class="wide">{table(heads, rows)}</div>'


def _crew(view: ReviewFacts, one: CrewThen, mark: str) -> tuple[str, ...]:
    words, facts = view.words, view.facts
    if one.sent:
        was_sent = words("sent")
        could = f"<b>{escape(was_sent)}</b>"
    else:
        why = reasons_text({"reasons": one.reasons, "recommended": False}, facts)
        could = escape(words("yes")) if one.could_go else f'<span class="muted">{escape(why)}</span>'
    instead = "" if one.sooner_s is None else apart(one.sooner_s, words)
    sign = f'<i class="key other">{escape(mark)}</i> ' if mark else ""
    return (
        str(one.rank),
        f"{sign}{escape(_named(view, one))}",
        escape(length(one.eta_s, words)),
        escape(length(one.eta_p90_s, words)),
        escape(words.distance(one.distance_m)),
        escape(view.at(one.there_at)),
        escape(instead),
        escape(words("{age} old", age=words.duration(one.fix_age_s))),
        could,
        escape(_meanwhile(view, one.meanwhile)),
    )


def _named(view: ReviewFacts, one: CrewThen) -> str:
    """Brigades of several counties call their crews alike."""
    return f"{one.callsign} · {view.facts.organisation_name(one.org_code)}"


def _meanwhile(view: ReviewFacts, found: Meanwhile | None) -> str:
    if found is None:
        return ""
    status = view.words.status(found.status)
    return f"{status} · #{found.number}" if found.number else status


def _not_known(view: ReviewFacts) -> str:
    """What the answer leaves open; said beside it, not in a document."""
    words = view.words
    lines = (
        words("Times by road are those known as that part of the day began, under the traffic events of then: not what was learned since."),
        words("Turnout is assumed, and nobody knows whether another crew would have refused."),
        words("Crews are those the reader may see, with a position on record and a way there within the hour."),
        words("Who could go is judged by the command that the incident belonged to then."),
        words("What sending another would have cost elsewhere is not in it."),
    )
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    title = words("What is not known")
    return f'<details class="not-known" open><summary>{escape(title)}</summary><ul>{items}</ul></details>'


# On the map -----------------------------------------------------------------------------------------------------------------


def other_marks(review: Review) -> dict[tuple[int, str], str]:
    """Letters of the crews that were nearer, by push and crew: where each was then."""
    nearer = [(look.push.revision, one.unit_id) for look in review.looks for one in look.crews if one.instead_of]
    return dict(zip(nearer, _LETTERS, strict=False))


def drawn(review: Review) -> tuple[list[DrawnWay], list[DrawnPlace]]:
    """Ways and places of the map; crews are numbered as in its legend."""
    pieces = [[list(zip(piece.lon, piece.lat, strict=True)) for piece in line.pieces] for line in review.tracks]
    ways = [DrawnWay(str(n), own) for n, own in enumerate(pieces, 1)]
    marks = other_marks(review)
    places = [
        DrawnPlace(marks[look.push.revision, one.unit_id], (one.lon, one.lat))
        for look in review.looks
        for one in look.crews
        if (look.push.revision, one.unit_id) in marks
    ]
    return ways, places


def map_part(view: ReviewFacts) -> str:
    """The drawing with its legend."""
    words, review = view.words, view.review
    title = words("Map")
    if not view.drawing:
        return section(title, "", nothing(words("Neither a point of the incident nor a position of a crew is on record.")), "map")
    point = words("Incident")
    entries = [f'<li><i class="key incident"></i> {escape(point)}</li>'] if review.incident.has_point else []
    entries += [
        f'<li><i class="key w{(n - 1) % LOOKS}">{n}</i> {escape(view.crew(line.unit_id))} '
        f'<span class="muted">{escape(view.at(_at(line.pieces[0].at[0])))} – {escape(view.at(_at(line.pieces[-1].at[-1])))}</span></li>'
        for n, line in enumerate(review.tracks, 1)
    ]
    entries += _others(view)
    notes = [words("Ways are the positions that were measured of each crew, from its push until it was there.")]
    if any(len(line.pieces) > 1 for line in review.tracks):
        notes.append(words("Dotted and thin: nothing was measured for more than {n} s.", n=round(JOINED_S)))
    if review.tracks_left_out:
        notes.append(words("{n} further ways are not drawn.", n=review.tracks_left_out))
    if review.tracks_hidden:
        names = [view.crew(unit_id) for unit_id in review.tracks_hidden[:20]]
        notes.append(words("Ways that this account may not see: {names}.", names=words.listed(names)))
    missing = _without_track(view)
    if missing:
        notes.append(words("No positions on record: {names}.", names=words.listed(missing)))
    if view.schematic:
        notes.append(words("Schematic streets: invented for the demo, not for driving"))
    return section(title, " ".join(notes), f'{view.drawing}<ul class="legend">{"".join(entries)}</ul>', "map")


def _others(view: ReviewFacts) -> list[str]:
    marks, found = other_marks(view.review), []
    for look in view.review.looks:
        for one in look.crews:
            mark = marks.get((look.push.revision, one.unit_id))
            if mark:
                said = view.words("{crew}, nearer at {time}", crew=_named(view, one), time=view.at(look.push.at))
                found.append(f'<li><i class="key other">{mark}</i> {escape(said)}</li>')
    return found


def _without_track(view: ReviewFacts) -> list[str]:
    known = {line.unit_id for line in view.review.tracks}
    known.update(view.review.tracks_hidden)
    crews = dict.fromkeys(one.unit_id for one in view.review.incident.assignments if not one.service)
    return [view.crew(unit_id) for unit_id in crews if unit_id not in known][:20]


def _at(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
