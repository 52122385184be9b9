"""The hand-over sheet 交接班 as a page to read, sign and print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from dashboard.i18n import Words
from dashboard.layouts.plain_page import framed, in_address
from dispatch.shifts import Shift

Json = dict[str, Any]


class SheetView(msgspec.Struct, frozen=True):
    """What the sheet shows. `content` is `operations.duty.shift_handover.sheet`."""

    shift: Shift
    organisation: str
    content: Json
    may_sign: bool
    account: str
    time_zone: str
    types: Mapping[str, str]  # names of incident types
    services: Mapping[str, str]  # names of other services, by id
    organisation_of: Callable[[str], str]
    key: str
    error: str = ""


def handover_page(view: SheetView, words: Words, theme: str) -> str:
    """The page."""
    said = f'<p class="error" role="alert">{escape(view.error)}</p>' if view.error else ""
    parts = (_head, _incidents, _crews, _musters, _signatures)
    body = f"<main>{said}{''.join(part(view, words) for part in parts)}</main>"
    address = f"/handover/{in_address(view.shift.org_code)}?shift={in_address(view.shift.shift_id)}"
    return framed(words("Hand-over sheet"), view.organisation, body, words, theme, "duty", address)


def _head(view: SheetView, words: Words) -> str:
    shift, content, following = view.shift, view.content, view.content["next"]
    span = f"{_time(shift.starts_at, view)} – {_time(shift.ends_at, view)}"
    gone = _leader(words("Gives over"), shift.name, span, shift.leader, words)
    if following is None:
        takes = words("Takes over")
        nobody = words("No next shift is planned.")
        come = f'<article><span class="label">{escape(takes)}</span><h2>–</h2><p>{escape(nobody)}</p></article>'
    else:
        later = f"{_time(following['starts_at'], view)} – {_time(following['ends_at'], view)}"
        come = _leader(words("Takes over"), following["name"], later, following["leader"], words)
    as_of = words("As of {time}, revision {n}", time=_time(content["at"], view, seconds=True), n=content["revision"])
    figures = words(
        "{open} open incidents · {crews} crews out · {duty} on duty",
        open=len(content["incidents"]),
        crews=len(content["crews_out"]),
        duty=content["on_duty"],
    )
    print_it = words("Print")
    button = f'<button type="button" data-print>{escape(print_it)}</button>'
    return (
        f'<div class="tools"><p class="as-of">{escape(as_of)}<br><b>{escape(figures)}</b></p>{button}</div>'
        f'<section class="shifts">{gone}{come}</section>'
    )


def _leader(label: str, name: str, span: str, leader: str, words: Words) -> str:
    who = leader or words("no duty leader named")
    duty_leader = words("Duty leader")
    return (
        f'<article><span class="label">{escape(label)}</span><h2>{escape(name)} <small>{escape(span)}</small></h2>'
        f"<p><b>{escape(duty_leader)}</b> {escape(who)}</p></article>"
    )


def _incidents(view: SheetView, words: Words) -> str:
    rows = view.content["incidents"]
    title = words("Open incidents")
    if not rows:
        nothing = words("None: nothing is handed over.")
        return f'<section><h2>{escape(title)}</h2><p class="muted">{escape(nothing)}</p></section>'
    heads = (
        words("No."),
        words("What and where"),
        words("Stage"),
        words("Crews"),
        words("Next deadline"),
        words("Not taken on"),
        words("Notes"),
    )
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(_incident(row, view, words) for row in rows)
    return (
        f'<section><h2>{escape(title)} <small>{len(rows)}</small></h2><div class="wide"><table class="sheet"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _incident(row: Json, view: SheetView, words: Words) -> str:
    kind = view.types.get(row["incident_type"], row["incident_type"])
    place = row["address"] or words("no address")
    owner = (
        "" if row["org_code"] == view.shift.org_code else f'<br><span class="muted">{escape(view.organisation_of(row["org_code"]))}</span>'
    )
    what = f"<b>{int(row['grade'])} {escape(words.grade(row['grade']))} · {escape(kind)}</b><br>{escape(place)}{owner}"
    if row["text"]:
        what += f'<br><span class="muted">{escape(row["text"][:160])}</span>'
    stage = f"{escape(words.stage(row['stage']))}<br><span class='muted'>{escape(_time(row['stage_since'], view))}</span>"
    crews = "<br>".join(
        f"{escape(view.services.get(one['name'], one['name']) if one['service'] else one['name'])} · {escape(words.stage(one['stage']))}"
        for one in row["crews"]
    )
    due = row["due"]
    deadline = "–"
    if due is not None:
        overdue = words("overdue")
        late = f' <b class="late">{escape(overdue)}</b>' if due["late"] else ""
        deadline = f"{escape(words.step(due['step']))}<br>{escape(_time(due['due_at'], view))}{late}"
    alarm = words("Alarm")
    marks = [f'<b class="late">{escape(alarm)}: {escape(words.step(step))}</b>' for step in dict.fromkeys(row["alarms"])]
    supervision = words("Supervision")
    marks += [f"{escape(supervision)}: {escape(words.step(step))}" for step in dict.fromkeys(row["supervised"])]
    notes = "<br>".join(f"{escape(_time(one['at'], view))} {escape(one['by'])}: {escape(one['text'])}" for one in row["notes"][-5:])
    cells = (f"<b>#{row['number']}</b>", what, stage, crews or "–", deadline, "<br>".join(marks) or "–", notes or "–")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _crews(view: SheetView, words: Words) -> str:
    rows = view.content["crews_out"]
    title = words("Crews out")
    if not rows:
        nothing = words("None.")
        return f'<section><h2>{escape(title)}</h2><p class="muted">{escape(nothing)}</p></section>'
    items = []
    for row in rows:
        about = f"#{row['incident_number']}" if row["incident_number"] is not None else row["task"]
        overtime = words("overtime")
        over = f' <b class="late">{escape(overtime)}</b>' if row["overtime"] else ""
        status = words.status(str(row["status"]))
        items.append(f"<li><b>{escape(row['callsign'])}</b> {escape(status)} {escape(about)}{over}</li>")
    return f'<section><h2>{escape(title)} <small>{len(rows)}</small></h2><ul class="answers">{"".join(items)}</ul></section>'


def _musters(view: SheetView, words: Words) -> str:
    items = []
    for one in view.content["musters"]:
        count = words("{n} of {m} answered, {k} coming", n=one["answered"], m=len(one["crews"]), k=one["coming"])
        until = words("mustered until {time}", time=_time(one["until"], view))
        items.append(f"<li><b>{escape(one['text'])}</b> {escape(count)} · {escape(until)}</li>")
    title = words("Reserves mustered")
    return f"<section><h2>{escape(title)}</h2><ul>{''.join(items)}</ul></section>" if items else ""


def _signatures(view: SheetView, words: Words) -> str:
    following = view.content["next"]
    sides = (
        ("outgoing", words("Gives over"), view.shift.leader),
        ("incoming", words("Takes over"), "" if following is None else following["leader"]),
    )
    boxes = "".join(_signature(view, side, label, name, words) for side, label, name in sides)
    note = words("Each signs under an account of their own; both sign the same sheet.")
    signed = words("Signed")
    return f'<section class="signatures"><h2>{escape(signed)}</h2><p class="muted">{escape(note)}</p><div>{boxes}</div></section>'


def _signature(view: SheetView, side: str, label: str, name: str, words: Words) -> str:
    done = next((one for one in view.shift.signed if one.side == side), None)
    if done is not None:
        when = _time(done.at, view, seconds=True)
        who = f"<h2>{escape(done.name)}</h2><p>{escape(done.actor)} · {escape(when)}</p>"
        return f'<article class="done"><span class="label">{escape(label)}</span>{who}</article>'
    mine = any(one.actor == view.account for one in view.shift.signed)
    ask = ""
    if view.may_sign and not mine:
        action = f"/handover/{in_address(view.shift.org_code)}"
        hidden = {"shift": view.shift.shift_id, "side": side, "revision": str(view.content["revision"]), "key": f"{view.key}-{side}"}
        fields = "".join(f'<input type="hidden" name="{k}" value="{escape(v)}">' for k, v in hidden.items())
        label_name = escape(words("Name of the duty leader"))
        sign = words("Sign")
        ask = (
            f'<form method="post" action="{escape(action)}">{fields}<input name="name" value="{escape(name)}" maxlength="200" required '
            f'aria-label="{label_name}" placeholder="{label_name}"><button type="submit" class="primary">{escape(sign)}</button></form>'
        )
    return f'<article><span class="label">{escape(label)}</span><p class="line">&nbsp;</p>{ask}</article>'


def _time(at: datetime | str, view: SheetView, seconds: bool = False) -> str:
    """Day and time in the city: a sheet is read on other days as well."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    return instant.astimezone(ZoneInfo(view.time_zone)).strftime("%m-%d %H:%M:%S" if seconds else "%m-%d %H:%M")
