"""`/duty`: who is on duty in an organisation, its musters; `/handover/…`: the hand-over sheet 交接班 of a shift, to be signed and printed.

Plain pages with forms. A form only translates: what it asks for is carried out, or refused, like any other command.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboard.edge import actor_of
from dashboard.forms import fields_of
from dashboard.i18n import words_in
from dashboard.layouts.duty import DutyView, duty_page
from dashboard.layouts.handover import SheetView, handover_page
from dashboard.login import THEME_COOKIE, language_of
from dashboard.organisation_names import organisation_name
from dispatch.commands import Command
from dispatch.duty_commands import AnswerMuster, EndMuster, MusterReserves, SignOff, SignOn, SignShiftHandover
from dispatch.errors import DispatchError, NotFound, RuleViolation
from dispatch.model import Actor, Incident, Unit
from dispatch.picture import OperatingPicture
from dispatch.rules.duty import find_shift
from dispatch.shifts import Shift
from operations.access.authority import Action
from operations.duty import rosters, shift_handover

if TYPE_CHECKING:
    from operations.services import Services

HOURS = (1, 2, 4, 8, 12, 24)  # that a muster may be asked for
_FRESH = {"Cache-Control": "no-store"}


def add_duty_pages(server: FastAPI, services: Services) -> None:
    """Mount both pages and their forms."""
    router = APIRouter(include_in_schema=False)

    @router.get("/duty")
    async def roster(request: Request) -> Response:
        """The roster of an organisation as of now."""
        return await _roster(services, request, request.query_params.get("org"))

    @router.post("/duty")
    async def act(request: Request) -> Response:
        """One form of the page: a muster, its end, an answer, signing on or off."""
        form = await fields_of(request)
        org = form.get("org", "")
        try:
            command = _command(services, actor_of(request), form)
            await services.handler.handle(command, actor_of(request), form.get("key") or None)
        except DispatchError as refused:
            return await _roster(services, request, org, refused)
        return RedirectResponse(f"/duty?org={quote(org, safe='')}", 303)

    @router.get("/handover/{org}")
    async def sheet(request: Request, org: str) -> Response:
        """The sheet of a shift, as signed, else as of now."""
        return await _sheet(services, request, org, request.query_params.get("shift"))

    @router.post("/handover/{org}")
    async def sign(request: Request, org: str) -> Response:
        """Sign it."""
        form = await fields_of(request)
        shift_id = form.get("shift", "")
        try:
            revision = int(form.get("revision", "0")) if form.get("revision", "").isdecimal() else 0
            signing = SignShiftHandover(
                org_code=_org(services, actor_of(request), org),
                shift_id=shift_id,
                side=form.get("side", ""),
                name=form.get("name", ""),
                revision=revision,
                channel="desk",
            )
            await services.handler.handle(signing, actor_of(request), form.get("key") or None)
        except DispatchError as refused:
            return await _sheet(services, request, org, shift_id, refused)
        return RedirectResponse(f"/handover/{quote(org, safe='')}?shift={quote(shift_id, safe='')}", 303)

    server.include_router(router)


def _org(services: Services, actor: Actor, code: str | None) -> str:
    """The organisation asked for, the reader's own without one. Raises NotFound, NotPermitted."""
    org_code = services.authority.at_desk_of(actor, code).org_code if code else actor.org_code
    services.authority.authorise_duty(actor, org_code)
    return org_code


def _sees(services: Services, actor: Actor, picture: OperatingPicture) -> rosters.SeesUnit:
    def sees(unit: Unit) -> bool:
        return services.authority.may_see_unit(actor, unit, picture)

    return sees


async def _roster(services: Services, request: Request, org: str | None, refused: DispatchError | None = None) -> HTMLResponse:
    actor, words, picture, now = actor_of(request), words_in(language_of(request)), services.handler.picture, services.clock.now()
    org_code = _org(services, actor, org)
    sees = _sees(services, actor, picture)
    shown = await asyncio.to_thread(rosters.roster_view, picture, org_code, now, sees)
    visible = services.authority.visible_orgs(actor)
    below = (services.organisations.reach(org_code, now.date()) & visible & picture.shifts.keys()) - {org_code}
    may = {action: services.authority.can(actor, action) for action in (Action.MUSTER_RESERVES, Action.SIGN_ON, Action.ANSWER_MUSTER)}
    view = DutyView(
        roster=shown,
        organisations=[one for one in services.organisations.all() if one.code in visible],
        may_muster=may[Action.MUSTER_RESERVES],
        may_sign=may[Action.SIGN_ON] and actor.unit_id is None,
        may_answer=may[Action.ANSWER_MUSTER] and actor.unit_id is None,
        now=now,
        time_zone=services.city.time_zone,
        beats={beat.id: beat.name for beat in services.beats.all()},
        shifts=picture.shifts.get(org_code, ()),
        below=[one for one in services.organisations.all() if one.code in below],
        hours=HOURS,
        key=secrets.token_hex(8),
        error=words.refusal(refused) if refused is not None else "",
    )
    html = duty_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
    return HTMLResponse(html, 200 if refused is None else 422, _FRESH)


def _command(services: Services, actor: Actor, form: dict[str, str]) -> Command:
    """What a form of the roster page asks for. Raises DispatchError."""
    unit_id = form.get("unit", "")
    match form.get("do"):
        case "sign_on":
            return SignOn(unit_id=unit_id, on_behalf_of=unit_id, channel="desk")
        case "sign_off":
            return SignOff(unit_id=unit_id, on_behalf_of=unit_id, channel="desk")
        case "answer":
            return AnswerMuster(
                muster_id=form.get("muster", ""), unit_id=unit_id, coming=form.get("coming") == "1", on_behalf_of=unit_id, channel="desk"
            )
        case "end_muster":
            return EndMuster(muster_id=form.get("muster", ""), text=form.get("text", ""), channel="desk")
        case "muster":
            hours = next((h for h in HOURS if str(h) == form.get("hours")), HOURS[0])
            org_code = _org(services, actor, form.get("org"))
            unit_ids = _named(services, actor, org_code, form.get("crews", ""))
            until = services.clock.now().replace(microsecond=0) + timedelta(hours=hours)
            return MusterReserves(org_code=org_code, text=form.get("text", ""), until=until, unit_ids=unit_ids, channel="desk")
        case other:
            raise RuleViolation("unknown-form", f"There is no form {str(other)[:40]!r} here; reload the page.")


def _named(services: Services, actor: Actor, org_code: str, text: str) -> tuple[str, ...]:
    """Units by callsign or id, with commas or spaces between them. Raises NotFound for the first that is none."""
    picture = services.handler.picture
    reach = services.organisations.reach(org_code, services.clock.now().date())
    found = []
    for name in filter(None, re.split(r"[\s,，、;；]+", text)):
        units = [u for u in picture.units.values() if name in (u.callsign, u.unit_id) and u.org_code in reach]
        seen = [u for u in units if services.authority.may_see_unit(actor, u, picture)]
        if not seen:
            raise NotFound("unknown-unit", f"There is no unit {name[:64]} here; check the callsign.")
        found.append(seen[0].unit_id)
    return tuple(dict.fromkeys(found))


async def _sheet(
    services: Services, request: Request, org: str, shift_id: str | None, refused: DispatchError | None = None
) -> HTMLResponse:
    actor, words, picture = actor_of(request), words_in(language_of(request)), services.handler.picture
    org_code = _org(services, actor, org)
    shift = _shift(picture, org_code, shift_id, services.clock.now())
    revision = shift.signed[0].revision if shift.signed else picture.revision
    then, at = await services.history.picture_of(revision)
    content = await _content(services, actor, then, at or services.clock.now(), shift)
    view = SheetView(
        shift=shift,
        organisation=organisation_name(services.organisations, org_code, words),
        content=content,
        may_sign=services.authority.can(actor, Action.SIGN_SHIFT_HANDOVER),
        account=actor.name,
        time_zone=services.city.time_zone,
        types={kind.id: words.pick(kind.zh, kind.en) for kind in services.codes.incident_type},
        services={one.id: words.pick(one.zh, one.en) for one in services.codes.service},
        organisation_of=lambda code: organisation_name(services.organisations, code, words),
        error=words.refusal(refused) if refused is not None else "",
        key=secrets.token_hex(8),
    )
    html = handover_page(view, words, request.cookies.get(THEME_COOKIE, "dark"))
    return HTMLResponse(html, 200 if refused is None else 422, _FRESH)


async def _content(services: Services, actor: Actor, picture: OperatingPicture, at: datetime, shift: Shift) -> dict[str, Any]:
    def sees(incident: Incident) -> bool:
        return services.authority.may_see_incident(actor, incident, picture)

    incidents = shift_handover.incidents_of(picture, shift.org_code, sees)
    timelines = await asyncio.gather(*(services.history.timeline(one.incident_id) for one in incidents))
    notes = {one.incident_id: [r for r in line if r.revision <= picture.revision] for one, line in zip(incidents, timelines, strict=True)}
    told = [services.authority.incident_for(actor, one, picture) for one in incidents]
    return shift_handover.sheet(picture, at, shift, told, notes, services.targets, _sees(services, actor, picture))


def _shift(picture: OperatingPicture, org_code: str, shift_id: str | None, now: datetime) -> Shift:
    """The shift asked for; without one the one that gives over next, or gave over last. Raises NotFound."""
    shifts = [shift for shift in picture.shifts.get(org_code, ()) if shift.starts_at <= now]
    found = find_shift(picture.shifts, org_code, shift_id) if shift_id else None
    if found is None and not shift_id and shifts:
        running = [shift for shift in shifts if shift.is_running(now)]
        found = min(running, key=lambda s: s.ends_at) if running else max(shifts, key=lambda s: s.ends_at)
    if found is None:
        detail = f"{org_code} has no shift {shift_id}, or it ended days ago" if shift_id else f"{org_code} has had no shift lately"
        raise NotFound("unknown-shift", f"{detail}; plan shifts, or check the id.")
    return found
