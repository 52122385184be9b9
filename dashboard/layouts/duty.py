"""The roster page: who is on duty now, overtime, what comes next, musters with their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from dashboard.i18n import Words
from dashboard.layouts.plain_page import form, framed, in_address
from dispatch.organisations import Organisation
from dispatch.shifts import Shift

Json = dict[str, Any]


class DutyView(msgspec.Struct, frozen=True):
    """What the page shows. `roster` is `operations.duty.rosters.roster_view`."""

    roster: Json
    organisations: Sequence[Organisation]
    may_muster: bool
    may_sign: bool
    may_answer: bool
    now: datetime
    time_zone: str
    beats: Mapping[str, str]  # names by id
    shifts: Sequence[Shift]
    below: Sequence[Organisation]  # those below it that keep a roster
    hours: Sequence[int]
    key: str
    error: str = ""


def duty_page(view: DutyView, words: Words, theme: str) -> str:
    """The page. What changes by itself lies in `#live`; the forms that are typed into lie outside."""
    roster = view.roster
    org_code = roster["org_code"]
    names = {one.code: words.pick(one.name, one.name_en) for one in view.organisations}
    said = f'<p class="error" role="alert">{escape(view.error)}</p>' if view.error else ""
    live = "".join(
        (
            _warnings(view, words),
            _musters(view, words),
            _leaders(view, words),
            _crews(words("On duty"), roster["on_duty"], view, words, words("Nobody is on duty.")),
            _crews(words("Overtime"), roster["overtime"], view, words, ""),
            _crews(words("Off duty"), roster["off_duty"], view, words, ""),
            _below(view, words),
        )
    )
    body = (
        f'<main>{said}<div class="tools">{_chooser(view, names, words)}{_muster_form(view, words)}</div><div id="live">{live}</div></main>'
    )
    return framed(words("Duty roster"), names.get(org_code) or org_code, body, words, theme, "duty", f"/duty?org={in_address(org_code)}")


def _below(view: DutyView, words: Words) -> str:
    """The ways to rosters of organisations below: a city has none of its own as a rule, and its crews stand in those."""
    if not view.below:
        return ""
    title = words("Rosters below")
    named = sorted((words.pick(one.name, one.name_en), one.code) for one in view.below)
    links = "".join(f'<li><a href="/duty?org={in_address(code)}">{escape(name)}</a></li>' for name, code in named)
    return f'<section><h2>{escape(title)} <small>{len(named)}</small></h2><ul class="below">{links}</ul></section>'


def _chooser(view: DutyView, names: Mapping[str, str], words: Words) -> str:
    options = "".join(
        f'<option value="{code}"{" selected" if code == view.roster["org_code"] else ""}>{escape(name)}</option>'
        for code, name in names.items()
    )
    label = escape(words("Organisation"))
    show = words("Show")
    return (
        f'<form method="get" action="/duty" class="choose"><select name="org" aria-label="{label}">{options}</select>'
        f'<button type="submit">{escape(show)}</button></form>'
    )


def _muster_form(view: DutyView, words: Words) -> str:
    """紧急集合. Only for whom the table grants it."""
    if not view.may_muster:
        return ""
    hours = "".join(f'<label><input type="radio" name="hours" value="{h}"{" checked" if h == 4 else ""}>{h} h</label>' for h in view.hours)
    reason, crews = words("Why"), words("Callsigns; empty: all who are off duty")
    muster_reserves = words("Muster reserves")
    who = words("Who")
    for_how_long = words("For how long")
    muster_now = words("Muster now")
    return (
        f'<details class="muster-form"><summary>{escape(muster_reserves)}</summary><form method="post" action="/duty">'
        f'<input type="hidden" name="do" value="muster"><input type="hidden" name="org" value="{view.roster["org_code"]}">'
        f'<input type="hidden" name="key" value="{view.key}">'
        f'<label>{escape(reason)}<textarea name="text" rows="2" maxlength="4000" required></textarea></label>'
        f'<label>{escape(who)}<input name="crews" placeholder="{escape(crews)}" maxlength="4000" autocomplete="off"></label>'
        f"<fieldset><legend>{escape(for_how_long)}</legend>{hours}</fieldset>"
        f'<button type="submit" class="primary">{escape(muster_now)}</button></form></details>'
    )


def _warnings(view: DutyView, words: Words) -> str:
    if not view.roster["keeps_roster"]:
        note = words("This organisation keeps no roster: who is on duty follows from the status of each crew alone.")
        return f'<p class="notice">{escape(note)}</p>'
    if view.roster["has_run_out"]:
        note = words("The roster has run out: nobody is on duty. Plan shifts, or muster reserves.")
        return f'<p class="notice bad" role="alert">{escape(note)}</p>'
    return ""


def _musters(view: DutyView, words: Words) -> str:
    return "".join(_muster(muster, view, words) for muster in view.roster["musters"])


def _muster(muster: Json, view: DutyView, words: Words) -> str:
    org_code, total = view.roster["org_code"], len(muster["crews"])
    count = words("{n} of {m} answered, {k} coming", n=muster["answered"], m=total, k=muster["coming"])
    facts = words(
        "by {name} at {time}, until {end}", name=muster["by"], time=_time(muster["called_at"], view), end=_time(muster["until"], view)
    )
    end = ""
    if view.may_muster:
        end = form("/duty", words("End the muster"), "danger", do="end_muster", org=org_code, muster=muster["muster_id"])
    rows = "".join(_answer(crew, muster, view, words) for crew in muster["crews"])
    reserves_mustered = words("Reserves mustered")
    return (
        f'<section class="muster" data-muster="{escape(muster["muster_id"])}"><div class="head"><h2>{escape(reserves_mustered)}</h2>'
        f'<b class="count">{escape(count)}</b>{end}</div><p>{escape(muster["text"])}</p>'
        f'<p class="muted">{escape(facts)}</p><ul class="answers">{rows}</ul></section>'
    )


def _answer(crew: Json, muster: Json, view: DutyView, words: Words) -> str:
    said = {None: words("no answer yet"), True: words("coming"), False: words("not coming")}[crew["coming"]]
    kind = {None: "waiting", True: "good", False: "bad"}[crew["coming"]]
    buttons = ""
    if view.may_answer and crew["coming"] is None:
        about = {"do": "answer", "org": view.roster["org_code"], "muster": muster["muster_id"], "unit": crew["unit_id"]}
        buttons = form("/duty", words("coming"), "", coming="1", **about) + form("/duty", words("not coming"), "", coming="0", **about)
    text = f" · {crew['text']}" if crew["text"] else ""
    return f'<li class="{kind}"><b>{escape(crew["callsign"])}</b><span>{escape(said + text)}</span>{buttons}</li>'


def _leaders(view: DutyView, words: Words) -> str:
    """The running shifts and the next one, each with its leader and the way to its sheet."""
    roster = view.roster
    if not roster["keeps_roster"]:
        return ""
    cards = "".join(_shift(shift, words("Now"), view, words) for shift in roster["running"])
    if roster["next"] is not None:
        cards += _shift(roster["next"], words("Next"), view, words)
    return f'<section class="shifts">{cards}</section>' if cards else ""


def _shift(shift: Json, label: str, view: DutyView, words: Words) -> str:
    begun = datetime.fromisoformat(shift["starts_at"]) <= view.now
    address = f"/handover/{in_address(shift['org_code'])}?shift={in_address(shift['shift_id'])}"
    hand_over_sheet = words("Hand-over sheet")
    sheet = f'<a class="button" href="{address}">{escape(hand_over_sheet)}</a>' if begun else ""
    leader = shift["leader"] or words("no duty leader named")
    group = words("radio group {group}", group=shift["radio_group"]) if shift["radio_group"] else ""
    crews = words("{n} crews", n=len(shift["crews"]))
    span = f"{_time(shift['starts_at'], view)} – {_time(shift['ends_at'], view)}"
    duty_leader = words("Duty leader")
    return (
        f'<article><span class="label">{escape(label)}</span><h2>{escape(shift["name"])} <small>{escape(span)}</small></h2>'
        f'<p><b>{escape(duty_leader)}</b> {escape(leader)}</p><p class="muted">{escape(" · ".join(filter(None, (group, crews))))}</p>'
        f"{sheet}</article>"
    )


def _crews(title: str, rows: Sequence[Json], view: DutyView, words: Words, nothing: str) -> str:
    if not rows:
        return f'<section><h2>{escape(title)}</h2><p class="muted">{escape(nothing)}</p></section>' if nothing else ""
    heads = (words("Crew"), words("Status"), words("Members"), words("Vehicle"), words("Radio group"), words("Beat"), words("Duty"))
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(_crew(row, view, words) for row in rows)
    return (
        f'<section><h2>{escape(title)} <small>{len(rows)}</small></h2><div class="wide"><table><thead><tr>{head}<th></th></tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _crew(row: Json, view: DutyView, words: Words) -> str:
    status = str(row["status"])
    task = f"#{row['incident_number']}" if row["incident_number"] is not None else row["task"]
    pill = f'<span class="pill status status-{status}"><span class="glyph"></span>{escape(words.status(status))}</span> {escape(task)}'
    beat = view.beats.get(row["beat"], row["beat"])
    cells = (
        f"<b>{escape(row['callsign'])}</b>",
        pill,
        *(escape(one or "–") for one in (", ".join(row["members"]), row["vehicle"], row["radio_group"], beat)),
    )
    signing = ""
    if view.may_sign and not row["overtime"]:
        about = {"org": view.roster["org_code"], "unit": row["unit_id"]}
        if row["on_duty"] and row["signed_on"] and row["incident_number"] is None:
            signing = form("/duty", words("Sign off"), "", do="sign_off", **about)
        elif (row["on_duty"] and not row["signed_on"] and row["why"] != "no_roster") or row["why"] == "signed_off":
            signing = form("/duty", words("Sign on"), "", do="sign_on", **about)
    said = escape(duty_words(row, words, lambda at: _time(at, view)))
    return f'<tr data-unit="{escape(row["unit_id"])}">{"".join(f"<td>{cell}</td>" for cell in cells)}<td>{said}</td><td>{signing}</td></tr>'


def duty_words(duty: Json, words: Words, clock: Any) -> str:
    """A crew's duty in words: `duty` as `operations.duty.rosters.duty_view`, `clock` says an instant."""
    since = clock(duty["since"]) if duty["since"] else ""
    if duty["overtime"]:
        return words("overtime since {time}", time=since) if since else words("overtime")
    if duty["why"] == "no_roster":
        return words("by status alone: no roster is kept")
    if duty["why"] == "muster":
        return words("mustered until {time}", time=clock(duty["until"]))
    if duty["why"] == "shift":
        signed = words("signed on") if duty["signed_on"] else words("not signed on yet")
        return words("{shift} until {time}", shift=duty["shift_name"], time=clock(duty["until"])) + f" · {signed}"
    off = words("signed off at {time}", time=since) if duty["why"] == "signed_off" else words("off duty")
    if duty["why"] == "off_roster" and since:
        off = words("off duty since {time}", time=since)
    coming = words("next shift {time}", time=clock(duty["next_at"])) if duty["next_at"] else ""
    return " · ".join(filter(None, (off, coming)))


def _time(at: datetime | str, view: DutyView) -> str:
    """Hour and minute in the city; with the day where it is not today."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    zone = ZoneInfo(view.time_zone)
    local = instant.astimezone(zone)
    return local.strftime("%H:%M" if local.date() == view.now.astimezone(zone).date() else "%m-%d %H:%M")
