"""What was promised for an arrival; what a crew's own position says about it, beside the button's word; a flag where the two disagree."""

from __future__ import annotations

from datetime import datetime

from dash import html

from dashboard.i18n import Words
from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import icon
from dispatch.arrivals import Disagreement, disagreement
from dispatch.model import ArrivalFix, FixState


def promised(words: Words, eta_s: float | None, p90_s: float | None) -> str:
    """The promised time by road, and in which nine ways in ten are done where that is known; nothing without a promise."""
    if eta_s is None:
        return ""
    if p90_s is None:
        return words("promised {eta} by road", eta=words.eta(eta_s))
    return words("promised {eta} by road, 9 in 10 within {p90}", eta=words.eta(eta_s), p90=words.eta(p90_s))


def position_says(arrived_at: datetime, fix: ArrivalFix | None, facts: Facts) -> list[html.Span]:
    """The position's word on an arrival, flagged where it is another; nothing where it was not asked."""
    if fix is None or fix.state in (FixState.NOT_ASKED, FixState.NO_POINT):
        return []
    words, apart = facts.words, disagreement(arrived_at, fix)
    if apart is not None:
        said = words("button and position disagree: {how}", how=_apart(apart, facts))
        return [html.Span([icon("alert"), said], className="position-says disagrees")]
    return [html.Span(_word(arrived_at, fix, facts), className="position-says")]


def _apart(apart: Disagreement, facts: Facts) -> str:
    words, said = facts.words, []
    if apart.distance_m is not None:
        said.append(words("the position was {distance} away", distance=words.distance(apart.distance_m)))
    if apart.apart_s is not None:
        time = words.duration(abs(apart.apart_s))
        said.append(words("it was there {time} before", time=time) if apart.apart_s > 0 else words("it was there {time} after", time=time))
    return words.listed(said)


def _word(arrived_at: datetime, fix: ArrivalFix, facts: Facts) -> str:
    words = facts.words
    if fix.state == FixState.SOUND:
        return words("position: {distance} from the point", distance=words.distance(fix.distance_m))
    if fix.state == FixState.OLD and fix.position_at is not None:
        return words("no fresh position: the last was {age} old", age=words.duration((arrived_at - fix.position_at).total_seconds()))
    return words("position in doubt") if fix.state == FixState.DOUBTFUL else words("no position")
