"""The account page as HTML: who one is, where one is signed in, and the ends of those sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

import msgspec
import segno

from dashboard.i18n import Words
from dashboard.theme import THEMES, css_variables
from operations.access.enrolment import Begun, State
from operations.access.sessions import Listed
from storage.accounts import Session

# What a browser calls itself, by the first piece that is found in it: the later ones also stand in the names of the earlier.
_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


class AccountView(msgspec.Struct, frozen=True):
    """What the page shows. `listed` None: the account asked about is not there, or its reader may not see it."""

    name: str
    role: str
    organisation: str
    listed: Listed | None
    back: str  # path of the page that the reader works at
    now_s: float  # Unix seconds
    time_zone: str
    factor: State
    error: str = ""
    accounts: Sequence[str] | None = None  # of an administrator's scope
    begun: Begun | None = None  # a second factor that is being set up


def account_page(view: AccountView, words: Words, theme: str) -> str:
    """The page."""
    said = f'<p class="error" role="alert">{escape(view.error)}</p>' if view.error else ""
    who = f"{words.role(view.role)} · {view.organisation}"
    return _page(view.name, who, view.back, f"{said}{_others(view, words)}{_sessions(view, words)}{_factor(view, words)}", words, theme)


def recovery_page(codes: Sequence[str], name: str, words: Words, theme: str) -> str:
    """What is shown once, right after a second factor was set up."""
    title, note = (
        words("Recovery codes"),
        words("Each opens your account once, without the phone. Write them down: they are shown this once."),
    )
    done = words("I have written them down")
    listed = "".join(f"<li><code>{escape(code)}</code></li>" for code in codes)
    content = (
        f"<section><h2>{escape(title)}</h2><p class='muted'>{escape(note)}</p><ul class='codes'>{listed}</ul>"
        f"<a class='primary' href='/account'>{escape(done)}</a></section>"
    )
    return _page(name, words("Two-factor log-in is on"), "/account", content, words, theme)


def _page(name: str, who: str, back: str, content: str, words: Words, theme: str) -> str:
    title, back_word, leave = words("Account"), words("Back"), words("Log out")
    other = "en" if words.language == "zh" else "zh"
    shade, shade_word = ("dark", words("Dark")) if theme == "light" else ("light", words("Light"))
    return f"""<!doctype html>
<html lang="{"zh-CN" if words.language == "zh" else "en"}" data-theme="{theme if theme in THEMES else "dark"}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Liandong 联动</title><link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<script src="/assets/build/boot.js"></script>
<link rel="stylesheet" href="/assets/build/fonts.css">
<link rel="stylesheet" href="/assets/10-base.css"><link rel="stylesheet" href="/assets/20-strip.css">
<link rel="stylesheet" href="/assets/account.css">
<style>{css_variables()}</style></head>
<body class="account"><header><a class="back" href="{back}"><span class="logo"></span>{escape(back_word)}</a>
<div><h1>{escape(name)}</h1><p>{escape(who)}</p></div>
<form method="post" action="/logout"><button type="submit">{escape(leave)}</button></form></header>
<main>{content}</main>
<footer><a href="/account?lang={other}">{"English" if other == "en" else "中文"}</a>
<a href="/account?theme={shade}">{escape(shade_word)}</a></footer>
</body></html>"""


def _factor(view: AccountView, words: Words) -> str:
    """One's own second factor: off, being set up, or on."""
    state = view.factor
    if not (state.is_on or state.may_set_up) or (view.listed is not None and view.listed.account != view.name):
        return ""
    title = words("Two-factor log-in")
    if state.is_on:
        left = words("On. {n} recovery codes are left.", n=state.recovery_codes_left)
        lost = words("For another phone, have it reset by whoever runs the system.")
        return f"<section><h2>{escape(title)}</h2><p>{escape(left)}</p><p class='muted'>{escape(lost)}</p></section>"
    why = words("Administrators need it: set it up to go on.") if state.is_required else words("A code of your phone besides the password.")
    body = _begun(view.begun, words) if view.begun is not None else _begin(words)
    return f"<section><h2>{escape(title)}</h2><p class='muted'>{escape(why)}</p>{body}</section>"


def _begin(words: Words) -> str:
    set_up = words("Set up")
    return f'<form method="post" action="/account/second-factor"><button type="submit" class="primary">{escape(set_up)}</button></form>'


def _begun(begun: Begun, words: Words) -> str:
    scan, code, switch_on = words("Scan it with an authenticator app, or type the key:"), words("First code"), words("Switch on")
    qr = segno.make(begun.address, error="m").svg_inline(scale=5, dark="#000", light="#fff", border=3)
    key = " ".join(begun.secret[i : i + 4] for i in range(0, len(begun.secret), 4))
    return (
        f"<div class='enrol'><div class='qr'>{qr}</div><div><p>{escape(scan)}</p><p><code>{escape(key)}</code></p>"
        f"<form class='ask' method='post' action='/account/second-factor/confirm'>"
        f'<input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="64" required placeholder="{escape(code)}" '
        f'aria-label="{escape(code)}"><button type="submit" class="primary">{escape(switch_on)}</button></form></div></div>'
    )


def _sessions(view: AccountView, words: Words) -> str:
    listed = view.listed
    if listed is None:
        return ""
    is_own = listed.account == view.name
    title = words("Where you are signed in") if is_own else words("Sessions of {name}", name=listed.account)
    rows = "".join(_session(session, listed, view, words) for session in listed.sessions)
    nothing = words("Nobody is signed in with this account.")
    rows = rows or f'<li class="muted">{escape(nothing)}</li>'
    others = [session for session in listed.sessions if session.session_id != listed.current_id]
    all_of_them = words("End all others") if listed.current_id else words("End all")
    end_all = _form("end-all", listed.account, "", all_of_them, "danger") if others else ""
    note = words("End what you do not recognise, then have your password changed.") if is_own and others else ""
    hint = f'<p class="muted">{escape(note)}</p>' if note else ""
    return f"<section><div class='head'><h2>{escape(title)}</h2>{end_all}</div>{hint}<ul>{rows}</ul></section>"


def _session(session: Session, listed: Listed, view: AccountView, words: Words) -> str:
    is_current = session.session_id == listed.current_id
    marks = [words("this one")] if is_current else []
    marks += [words("wall")] if session.is_wall else []
    badges = "".join(f'<span class="badge">{escape(mark)}</span>' for mark in marks)
    since = datetime.fromtimestamp(session.created_at, UTC).astimezone(ZoneInfo(view.time_zone)).strftime("%m-%d %H:%M")
    facts = [
        how_word(session.how, words),
        session.address,
        words("since {time}", time=since),
        _used(view.now_s - session.last_seen_at, words),
    ]
    end = "" if is_current else _form("end", listed.account, session.session_id, words("End"), "")
    return (
        f'<li data-session="{escape(session.session_id)}"><div><b>{escape(device_word(session.agent, words))}</b>{badges}'
        f'<p class="muted">{" · ".join(escape(fact) for fact in facts if fact)}</p></div>{end}</li>'
    )


def _used(age_s: float, words: Words) -> str:
    """When it was used last: no finer than it is kept, once a minute."""
    if age_s < 120:
        return words("used just now")
    if age_s < 7_200:
        return words("used {n} min ago", n=int(age_s // 60))
    return words("used {n} h ago", n=int(age_s // 3_600))


def _others(view: AccountView, words: Words) -> str:
    """Where an administrator asks for another account."""
    if view.accounts is None:
        return ""
    title, ask, show = words("Accounts of your scope"), words("Account name"), words("Show")
    shown = view.listed.account if view.listed is not None and view.listed.account != view.name else ""
    known = "".join(f'<option value="{escape(name)}">' for name in view.accounts)
    return (
        f"<section><h2>{escape(title)}</h2><form class='ask' method='get' action='/account'>"
        f'<input name="account" value="{escape(shown)}" placeholder="{escape(ask)}" aria-label="{escape(ask)}" list="accounts" '
        f'maxlength="64" autocomplete="off"><datalist id="accounts">{known}</datalist>'
        f'<button type="submit">{escape(show)}</button></form></section>'
    )


def _form(what: str, account: str, session_id: str, label: str, kind: str) -> str:
    return (
        f'<form method="post" action="/account/sessions/{what}"><input type="hidden" name="account" value="{escape(account)}">'
        f'<input type="hidden" name="session_id" value="{escape(session_id)}">'
        f'<button type="submit" class="{kind}">{escape(label)}</button></form>'
    )


def how_word(how: str, words: Words) -> str:
    """How a session was signed in."""
    known = {"password": words("password"), "code": words("code"), "recovery": words("recovery code"), "oidc": words("identity provider")}
    known |= {"certificate": words("certificate")}
    return " + ".join(known.get(step, step) for step in how.split("+"))


def device_word(agent: str, words: Words) -> str:
    """A browser and its system by names people know; what neither is known of is shown as it calls itself."""
    browser = next((name for piece, name in _BROWSERS if piece in agent), "")
    system = next((name for piece, name in _SYSTEMS if piece in agent), "")
    return " · ".join(filter(None, (browser, system))) or agent[:60] or words("Unknown device")
