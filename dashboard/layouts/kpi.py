"""The page of response times: what was asked for, the main figures, a stage by groups, all stages, two periods beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from html import escape

import msgspec

from dashboard.figures import kpi as figures
from dashboard.i18n import Words
from dashboard.layouts.plain_page import framed, in_address
from dashboard.layouts.statistics import PLOTLY, cards, chart, clock, percent, period_links, select, table
from dispatch.kpi_facts import OWN
from dispatch.kpis import OF_CREWS, STAGES, Change, GroupFigures, StageFigures
from dispatch.organisations import Organisation
from operations.records.kpis import KINDS, Comparison, GroupBy, Kpis

MOST_SHOWN = 60  # groups in a figure; the table has all


MOST_UNRECORDED = 20  # newest


class KpiView(msgspec.Struct, frozen=True):
    """What the page shows. `first` and `last` are days of the city, both included."""

    found: Kpis
    stage: str
    asked: Mapping[str, str]  # the address's own fields
    first: date
    last: date
    today: date
    org_code: str
    organisations: Sequence[Organisation]
    sources: Sequence[str]
    grades: Sequence[tuple[str, str]]  # those that may be asked for alone: as the address has it, in words
    types: Sequence[tuple[str, str]]
    periods: Sequence[tuple[int, date]]  # days, and the day on which a period of so many that ends today begins
    name_of: Callable[[str], str]  # a group's key, in words
    compared: Comparison | None = None
    divided: date | None = None
    error: str = ""
    unrecorded: Sequence[tuple[datetime, datetime]] = ()  # of the period: nothing is on record; the city's clock


def _unrecorded(view: KpiView, words: Words) -> str:
    """Before any figure: a stage that was under way while nothing was recorded ends when somebody says so afterwards."""
    if not view.unrecorded:
        return ""
    said = words("Nothing is on record of these times: calls of then may lack, and stages that were under way may show too long:")
    times = "".join(f"<li>{begins:%Y-%m-%d %H:%M} – {ends:%Y-%m-%d %H:%M}</li>" for begins, ends in view.unrecorded[-MOST_UNRECORDED:])
    return f'<div class="error" role="alert">{escape(said)}<ul>{times}</ul></div>'


def kpi_page(view: KpiView, words: Words, theme: str) -> str:
    """The whole page."""
    said = f'<p class="error" role="alert">{escape(view.error)}</p>' if view.error else ""
    if view.found.total.incidents:
        shown = (
            _unrecorded(view, words)
            + _cards(view, words)
            + _charts(view, words)
            + _stages(view, words)
            + _groups(view, words)
            + _compared(view, words)
        )
    else:
        shown = f'<p class="nothing">{escape(words("No incident was received in this period."))}</p>'
    body = f'<main>{said}{_tools(view, words)}{shown}</main><script src="{PLOTLY}"></script>'
    return framed(words("Response times"), view.name_of(view.org_code), body, words, theme, "statistics", address(view))


def address(view: KpiView, path: str = "/kpi", **changed: str) -> str:
    """The page's own address with other fields; an empty one is left out."""
    fields = {name: value for name, value in (dict(view.asked) | changed).items() if value}
    return path + "?" + "&".join(f"{name}={in_address(value)}" for name, value in fields.items())


def stage_words(words: Words, source: str = OWN) -> dict[str, str]:
    """Stages, for people; `source`: whose records are counted."""
    return {
        "push": words("call received to first push"),
        "acknowledge": words("push to acknowledgement"),
        "depart": words("acknowledgement to setting out") if source == OWN else words("push to setting out"),
        "arrive": words("push to arrival"),
        "first_arrival": words("call received to first arrival"),
        "feedback": words("arrival to feedback"),
        "review": words("feedback to review"),
        "close": words("call received to close"),
    }


def group_words(words: Words) -> dict[GroupBy, str]:
    """What figures are grouped by, for people."""
    return {
        GroupBy.ALL: words("everything together"),
        GroupBy.STATION: words("by organisation"),
        GroupBy.COUNTY: words("by county"),
        GroupBy.GRADE: words("by grade"),
        GroupBy.HOUR: words("by hour of the call"),
        GroupBy.TYPE: words("by type"),
        GroupBy.AREA: words("by town and country"),
        GroupBy.MONTH: words("by month"),
        GroupBy.COMMAND_ROOM: words("with and without a command room"),
    }


def month_words(begins: date, first: date, last: date, today: date, words: Words) -> str:
    """A month of a period; one that is not over, or of which the period leaves days out, is not to be held against a whole one unsaid."""
    after = (begins + timedelta(days=31)).replace(day=1)
    is_whole = first <= begins and after <= min(last + timedelta(days=1), today)
    return f"{begins:%Y-%m}" if is_whole else words("{month}, in part", month=f"{begins:%Y-%m}")


def kind_words(words: Words) -> dict[str, str]:
    """Which incidents behind a figure, for people."""
    return {
        "all": words("timed"),
        "late": words("over the target"),
        "missing": words("without a time"),
        "out_of_order": words("out of order"),
        "unreached": words("not reached"),
    }


def _tools(view: KpiView, words: Words) -> str:
    def href(day: date) -> str:
        return address(view, **{"from": day.isoformat(), "to": view.today.isoformat()})

    periods = period_links(view.periods, view.first, view.last, view.today, href, words)
    by, stages = group_words(words), stage_words(words, view.found.source)
    fields = [
        select("org", words("Organisation"), [(o.code, words.pick(o.name, o.name_en)) for o in view.organisations], view.org_code),
        select("by", words("Grouped"), [(str(key), by[key]) for key in GroupBy], str(view.found.group_by)),
        select("stage", words("Stage of response"), [(key, stages[key]) for key in STAGES], view.stage),
        select("grade", words("Grade"), [("", words("every grade")), *view.grades], view.asked.get("grade", "")),
        select("type", words("Type"), [("", words("every type")), *view.types], view.asked.get("type", "")),
    ]
    # One that nothing was imported of stays as it was asked for: else the page would say of one's own that there is none.
    sources = dict.fromkeys((*view.sources, view.found.source))
    if sources.keys() - {OWN}:
        named = [(OWN, words("own incidents")), *((name, name) for name in sources if name != OWN)]
        fields.append(select("source", words("Whose records"), named, view.found.source))
    dates = "".join(
        f'<label>{escape(label)}<input type="date" name="{name}" value="{value or ""}" max="{view.today}"{must}></label>'
        for label, name, value, must in (
            (words("From"), "from", view.first, " required"),
            (words("To"), "to", view.last, " required"),
            (words("Compare before and from"), "at", view.divided, ""),
        )
    )
    show, workbook = words("Show"), words("Table (XLSX)")
    return (
        f'<div class="tools">{periods}'
        f'<form method="get" action="/kpi">{"".join(fields)}{dates}<button type="submit">{escape(show)}</button>'
        f'<a href="{escape(address(view, "/kpi.xlsx"))}" download>{escape(workbook)}</a></form></div>'
    )


def _cards(view: KpiView, words: Words) -> str:
    total = view.found.total
    first, acknowledge, arrive = (stage_of(total, name) for name in ("first_arrival", "acknowledge", "arrive"))
    lists = (
        words("no feedback had a check-list")
        if not total.checklists
        else words("{n} of {m}", n=total.checklists_complete, m=total.checklists)
    )
    rows = (
        (f"{total.incidents}", words("incidents"), words("{n} responses, {m} further calls", n=total.responses, m=total.merged)),
        (
            words.eta(first.p50_s),
            words("call received to first arrival, median"),
            words("nine in ten within {t}", t=words.eta(first.p90_s)) if first.n else "",
        ),
        (percent(arrive.within_target), words("arrived within the target"), words("{n} of {m}", n=arrive.within, m=arrive.targeted)),
        (
            percent(acknowledge.within_target),
            words("acknowledged within the target"),
            words("{n} of {m}", n=acknowledge.within, m=acknowledge.targeted),
        ),
        (percent(_share(total.checklists_complete, total.checklists)), words("check-lists complete"), lists),
    )
    return cards(rows)


def _charts(view: KpiView, words: Words) -> str:
    if view.found.group_by == GroupBy.ALL:
        return ""
    groups = sorted(view.found.groups, key=lambda one: -one.responses)[:MOST_SHOWN]
    groups = [one for one in view.found.groups if one in groups]
    names, stages = [view.name_of(one.key) for one in groups], [stage_of(one, view.stage) for one in groups]
    name = stage_words(words, view.found.source)[view.stage]
    note = words("Bars: the median, with where it lies 95 times in 100. Diamonds: nine in ten. Pale: fewer than {n}.", n=figures.FEW)
    shown = chart(name, note, figures.times(names, stages, words))
    if any(one.targeted for one in stages):
        within = words("Within the target; who is late without having done it counts as late.")
        shown += chart(words("{stage}: within the target", stage=name), within, figures.shares(names, stages, words))
    return f'<div class="charts">{shown}</div>'


def _stages(view: KpiView, words: Words) -> str:
    """Every stage of everything together; counts lead to the incidents behind them."""
    names = stage_words(words, view.found.source)
    rows = [(_text(names[one.stage]), *_cells(view, one, None)) for one in view.found.total.stages]
    note = words(
        "Counted apart and never left out: stages without a time, out of order, or not reached. By others: entered by radio or at a desk."
    )
    return _table_section(words("All stages"), note, (words("Stage of response"), *_heads(words)), rows)


def _groups(view: KpiView, words: Words) -> str:
    if view.found.group_by == GroupBy.ALL:
        return ""
    rows = [
        (_text(view.name_of(one.key)), _text(str(one.incidents)), *_cells(view, stage_of(one, view.stage), one.key))
        for one in view.found.groups
    ]
    heads = (group_words(words)[view.found.group_by], words("incidents"), *_heads(words))
    return _table_section(stage_words(words, view.found.source)[view.stage], "", heads, rows)


def _heads(words: Words) -> tuple[str, ...]:
    kinds = kind_words(words)
    return ("p50", "p90", words("within target"), *(kinds[kind] for kind in KINDS), words("by others"))


def _cells(view: KpiView, one: StageFigures, key: str | None) -> tuple[str, ...]:
    counts = {
        "all": one.n,
        "late": one.targeted - one.within,
        "missing": one.missing,
        "out_of_order": one.out_of_order,
        "unreached": one.unreached,
    }
    linked = []
    for kind, count in counts.items():
        href = address(view, "/kpi/incidents", figure=one.stage, of=kind, **({} if key is None else {"key": key}))
        linked.append(f'<a href="{escape(href)}">{count}</a>' if count else "0")
    return (_text(clock(one.p50_s)), _text(clock(one.p90_s)), _text(percent(one.within_target)), *linked, _text(str(one.entered)))


def _compared(view: KpiView, words: Words) -> str:
    found = view.compared
    if found is None or view.divided is None:
        return ""
    names = stage_words(words, view.found.source)
    rows = []
    for before, after, change in zip(found.before.stages, found.after.stages, found.changes, strict=True):
        rows.append(
            (
                _text(names[change.stage]),
                _text(f"{before.n} / {after.n}"),
                _text(f"{clock(before.p50_s)} → {clock(after.p50_s)}"),
                _text(_seconds_change(change, words)),
                _text(f"{percent(before.within_target)} → {percent(after.within_target)}"),
                _text(_share_change(change, words)),
            )
        )
    note = words(
        "{n} incidents before {day}, {m} from it on. In brackets: where the difference lies 95 times in 100; where that holds zero, "
        "nothing is shown to have changed. Other things change with time as well.",
        n=found.before.incidents, m=found.after.incidents, day=view.divided,
    )  # fmt: skip
    heads = (words("Stage of response"), "n", "p50", words("change"), words("within target"), words("change"))
    return _table_section(words("Before and from {day}", day=view.divided), note, heads, rows)


def _seconds_change(change: Change, words: Words) -> str:
    if change.p50_s is None:
        return "–"
    if change.p50_low_s is None or change.p50_high_s is None:
        return words("{n} s (too few to say more)", n=f"{change.p50_s:+.0f}")
    return f"{change.p50_s:+.0f} s ({change.p50_low_s:+.0f} … {change.p50_high_s:+.0f})"


def _share_change(change: Change, words: Words) -> str:
    if change.within_target is None or change.within_low is None or change.within_high is None:
        return "–"
    points = words("points")
    return f"{change.within_target * 100:+.1f} {points} ({change.within_low * 100:+.1f} … {change.within_high * 100:+.1f})"


def _table_section(title: str, note: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already."""
    said = f'<p class="muted">{escape(note)}</p>' if note else ""
    return f'<section><h2>{escape(title)}</h2>{said}<div class="wide">{table(heads, rows)}</div></section>'


def stage_of(group: GroupFigures, name: str) -> StageFigures:
    return next(one for one in group.stages if one.stage == name)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _text(text: str) -> str:
    return escape(text)


def behind_page(
    view: KpiView, figure: Mapping[str, str], title: str, rows: Sequence[Sequence[str]], total: int, words: Words, theme: str
) -> str:
    """The incidents behind a figure: number, type, grade, when, and a way to each. `figure`: how the address names it; `rows` are HTML."""
    note = (
        words("{n} incidents; the newest {m} are shown.", n=total, m=len(rows)) if total > len(rows) else words("{n} incidents.", n=total)
    )
    if figure["figure"] in OF_CREWS:
        note += " " + words("The figure counts crews; an incident stands here once, with however many.")
    heads = (words("No."), words("Type"), words("Grade"), words("Received"), words("Organisation"), words("Stage"))
    back = words("Back to the figures")
    body = f'<main><p><a href="{escape(address(view))}">{escape(back)}</a></p>{_table_section(title, note, heads, rows)}</main>'
    return framed(
        words("Response times"), view.name_of(view.org_code), body, words, theme, "statistics", address(view, "/kpi/incidents", **figure)
    )
