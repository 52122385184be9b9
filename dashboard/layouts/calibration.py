"""The calibration page: promised times beside actual ones, what could not be compared and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from html import escape

import msgspec

from dashboard.figures import calibration as figures
from dashboard.i18n import Words
from dashboard.layouts.plain_page import framed, in_address
from dashboard.layouts.statistics import PLOTLY, cards, chart, percent, period_links, select, table
from dispatch.organisations import Organisation
from dispatch.promises import ArrivalBy, Unmatched
from operations.records.calibration import Bias, Bucket, Calibration


class CalibrationView(msgspec.Struct, frozen=True):
    """What the page shows. `first` and `last` are days of the city, both included."""

    found: Calibration
    first: date
    last: date
    today: date
    org_code: str
    organisations: Sequence[Organisation]
    periods: Sequence[tuple[int, date]]  # days, and the day on which a period of so many that ends today begins
    name_of: Callable[[str], str]
    error: str = ""


def calibration_page(view: CalibrationView, words: Words, theme: str) -> str:
    """The whole page."""
    found = view.found
    said = f'<p class="error" role="alert">{escape(view.error)}</p>' if view.error else ""
    shown = _figures(view, words) if found.comparable else f'<p class="nothing">{escape(_why_empty(found, words))}</p>'
    body = f"<main>{said}{_tools(view, words)}{shown}{_apart(found, words)}</main>"
    body += f'<script src="{PLOTLY}"></script>'
    return framed(words("Promises checked"), view.name_of(view.org_code), body, words, theme, "statistics", _address(view))


def _address(view: CalibrationView, **changed: str) -> str:
    fields = {"org": view.org_code, "from": view.first.isoformat(), "to": view.last.isoformat(), "by": str(view.found.by)} | changed
    return "/calibration?" + "&".join(f"{name}={in_address(value)}" for name, value in fields.items())


def _tools(view: CalibrationView, words: Words) -> str:
    """Period, organisation, and whose word on the arrival counts."""

    def href(day: date) -> str:
        return _address(view, **{"from": day.isoformat(), "to": view.today.isoformat()})

    periods = period_links(view.periods, view.first, view.last, view.today, href, words)
    named = [(one.code, words.pick(one.name, one.name_en)) for one in view.organisations]
    by = [(ArrivalBy.BUTTON.value, words("arrival by the button")), (ArrivalBy.POSITION.value, words("arrival by the position"))]
    organisations = select("org", words("Organisation"), named, view.org_code)
    arrivals = select("by", words("Whose word on the arrival"), by, view.found.by.value)
    from_, to, show = words("From"), words("To"), words("Show")
    return (
        f'<div class="tools">{periods}<form method="get" action="/calibration">{organisations}'
        f'<label>{escape(from_)}<input type="date" name="from" value="{view.first}" max="{view.today}" required></label>'
        f'<label>{escape(to)}<input type="date" name="to" value="{view.last}" max="{view.today}" required></label>'
        f'{arrivals}<button type="submit">{escape(show)}</button></form></div>'
    )


def _figures(view: CalibrationView, words: Words) -> str:
    found = view.found
    names = [view.name_of(one.key) for one in found.districts]
    reliability = chart(
        words("Promised and actual"),
        words("From setting out until there, beside the time by road that was promised. On the line: as promised; above it: later."),
        figures.reliability(found.buckets, words),
        _buckets(found.buckets, words),
    )
    kept = chart(
        words("There in time"),
        words("A sound p50 is kept by one half, a sound p90 by nine in ten: the dashed lines."),
        figures.kept(found.buckets, words),
        "",
    )
    by_hour = chart(
        words("Bias by hour"),
        words("Above zero: later than promised. Pale: fewer than {n} ways.", n=figures.FEW),
        figures.by_hour(found.hours, words),
        _biases(found.hours, words("Hour"), [f"{int(one.key):02d}:00" for one in found.hours], words),
    )
    by_district = chart(
        words("Bias by district"),
        words("By the county of the responsible organisation."),
        figures.by_district(found.districts, names, words),
        _biases(found.districts, words("District"), names, words),
    )
    return f'{_cards(found, words)}<div class="charts">{reliability}{kept}{by_hour}{by_district}</div>'


def _cards(found: Calibration, words: Words) -> str:
    turnout = found.turnout
    assumed = words("assumed {eta}", eta=words.eta(turnout.assumed_s)) if turnout.assumed_s is not None else words("none was assumed")
    no_p90 = words("no promise had a p90")
    some = words.listed([words("goal 90 %"), words("{n} with a p90", n=found.comparable - found.without_p90)])
    late = [words("{n} late without arriving", n=found.late_without_arrival)] if found.late_without_arrival else []
    rows = (
        (f"{found.comparable}", words("ways compared"), words("of {n} assignments", n=found.assignments)),
        (percent(found.share_in_p50), words("there within what was promised"), words.listed([words("goal 50 %"), *late])),
        (percent(found.share_in_p90), words("there within the p90"), no_p90 if found.share_in_p90 is None else some),
        (_ratio(found.ratio), words("actual ÷ promised, median"), _signed(found.bias_s, words)),
        (words.eta(turnout.median_s), words("turnout, median"), assumed),
        (words.eta(turnout.response_s), words("from push until there, median"), words("turnout and way together")),
    )
    return cards(rows)


def _buckets(buckets: Sequence[Bucket], words: Words) -> str:
    heads = (
        words("promised, min"),
        "n",
        words("promised"),
        words("actual"),
        words("actual ÷ promised"),
        words("within p50"),
        words("within p90"),
        words("late without arriving"),
    )
    rows = [
        (
            figures.bucket_name(one),
            str(one.n),
            words.eta(one.promised_s),
            words.eta(one.actual_s),
            _ratio(one.ratio),
            percent(one.share_in_p50),
            percent(one.share_in_p90),
            str(one.late_without_arrival),
        )
        for one in buckets
    ]
    return _table(heads, rows, words("In figures"), words)


def _biases(rows: Sequence[Bias], head: str, names: Sequence[str], words: Words) -> str:
    heads = (head, "n", words("actual − promised"), words("actual ÷ promised"))
    cells = [(name, str(one.n), _signed(one.bias_s, words), _ratio(one.ratio)) for name, one in zip(names, rows, strict=True)]
    return _table(heads, cells, words("In figures"), words)


def _apart(found: Calibration, words: Words) -> str:
    """What could not be compared, by reason; the counts add up to all assignments."""
    if not found.assignments:
        return ""
    reasons = reason_words(words)
    rows = [(reasons[Unmatched(why)], str(n)) for why, n in found.not_comparable.items()]
    rows.append((words("compared"), str(found.comparable)))
    rows.append((words("all assignments"), str(found.assignments)))
    title = words("Not comparable, and why")
    note = words("Nobody is left out: who was called back after the promised time had run out counts as late.")
    return (
        f'<section class="apart"><h2>{escape(title)}</h2><p class="muted">{escape(note)}</p>{_plain((words("Why"), "n"), rows)}</section>'
    )


def reason_words(words: Words) -> dict[Unmatched, str]:
    """Why an assignment can't be compared, for people."""
    return {
        Unmatched.SERVICE: words("another service: nothing was promised"),
        Unmatched.NO_PROMISE: words("no promise: no fresh position of the crew, or no usable point of the incident"),
        Unmatched.REFUSED: words("the crew refused"),
        Unmatched.REASSIGNED: words("others were sent in its place"),
        Unmatched.RECALLED: words("recalled before it was there"),
        Unmatched.ON_ITS_WAY: words("not there yet"),
        Unmatched.NOT_ARRIVED: words("the incident ended before it was there"),
        Unmatched.NO_DEPARTURE: words("when it set out is not known"),
        Unmatched.NO_ARRIVAL: words("when it was there is not known"),
        Unmatched.NOT_KEPT: words("recorded before it was kept who entered a stage"),
        Unmatched.ENTERED: words("entered by radio or at the desk"),
        Unmatched.CORRECTED: words("its time was corrected by a desk"),
        Unmatched.PLACE_MOVED: words("the place was moved on the way"),
        Unmatched.NO_POSITION: words("no sound position was there"),
        Unmatched.OUT_OF_ORDER: words("stages out of order, or pressed at once"),
    }


def _why_empty(found: Calibration, words: Words) -> str:
    if not found.incidents:
        return words("No incident was received in this period.")
    if not found.assignments:
        return words("{n} incidents were received in this period, and nobody was sent to any.", n=found.incidents)
    return words("Of {n} assignments in this period none can be compared; the reasons stand below.", n=found.assignments)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], summary: str, words: Words) -> str:
    return f'<details><summary>{escape(summary)}</summary><div class="wide">{_plain(heads, rows)}</div></details>'


def _plain(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table(heads, [[escape(cell) for cell in row] for row in rows])


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def _signed(seconds: float | None, words: Words) -> str:
    """A bias in seconds, and which way it goes."""
    if seconds is None:
        return "–"
    if abs(seconds) < 0.5:
        return words("as promised")
    return words("{n} s later", n=round(seconds)) if seconds > 0 else words("{n} s earlier", n=round(-seconds))
