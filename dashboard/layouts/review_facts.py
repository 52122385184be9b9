"""What every part of a review is made of: the review itself, how things are named, and its small words. Page and report share it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape

from dashboard.i18n import Words
from dashboard.layouts.facts import Facts
from dispatch.stage_line import Verdict
from operations.records.after_action import Review


@dataclass(frozen=True)
class ReviewFacts:
    """Handed to every part."""

    review: Review
    facts: Facts
    drawing: str  # SVG of `dashboard.figures.review_map`; empty: there is nothing to draw
    schematic: bool  # the streets are invented
    linked: bool  # on a page with ways to other pages; a report has none

    @property
    def words(self) -> Words:
        return self.facts.words

    def at(self, instant: datetime | None) -> str:
        """Time of day; with its date where that is not the call's."""
        if instant is None:
            return "–"
        clock = self.facts.clock(instant)
        same = self.facts.date(instant) == self.facts.date(self.review.incident.received_at)
        return clock if same else f"{self.facts.date(instant)} {clock}"

    def whole(self, instant: datetime) -> str:
        """Date and time of day."""
        return f"{self.facts.date(instant)} {self.facts.clock(instant)}"

    def crew(self, unit_id: str) -> str:
        return self.facts.callsign(unit_id)


def section(title: str, note: str, body: str, name: str) -> str:
    """One part. `body` is HTML already."""
    said = f'<p class="muted">{escape(note)}</p>' if note else ""
    return f'<section class="{name}"><h2>{escape(title)}</h2>{said}{body}</section>'


def nothing(said: str) -> str:
    """In the place of what there is none of."""
    return f'<p class="nothing">{escape(said)}</p>'


def length(seconds: float | None, words: Words) -> str:
    """How long something took."""
    return "–" if seconds is None else words.duration(seconds)


def apart(seconds: float, words: Words) -> str:
    """A difference that may be either way."""
    if abs(seconds) < 0.5:
        return words("no difference")
    how = words.duration(abs(seconds))
    return words("{t} sooner", t=how) if seconds > 0 else words("{t} later", t=how)


def verdict_words(words: Words) -> dict[Verdict, str]:
    """What became of a stage, for people."""
    return {
        Verdict.DONE: words("in time"),
        Verdict.LATE: words("late"),
        Verdict.MISSING: words("happened, but no time is on record"),
        Verdict.OUT_OF_ORDER: words("out of order: it ended before it began"),
        Verdict.UNREACHED: words("not reached"),
        Verdict.LATE_UNREACHED: words("not reached, and over the target"),
    }
