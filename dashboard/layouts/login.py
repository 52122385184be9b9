"""The log-in pages: plain HTML, because nothing of the application may be handed out before it."""

from __future__ import annotations

from collections.abc import Collection
from html import escape
from urllib.parse import quote

from dashboard.i18n import Words
from dashboard.theme import css_variables


def login_page(
    city_name: str,
    words: Words,
    next_path: str,
    error: str,
    demo_accounts: list[tuple[str, str, str, str]],
    name: str = "",
    ways: Collection[str] = (),
) -> str:
    """The page. `demo_accounts` are (name, password, role, organisation), shown only where they exist."""
    # Named outside the page's text: the extraction of words does not look into it.
    enter, account_word, password_word, demo_title = words("Log in"), words("Account"), words("Password"), words("Demo accounts")
    other = "en" if words.language == "zh" else "zh"
    listed = "".join(
        f'<button type="button" class="demo" data-name="{escape(account)}" data-password="{escape(password)}">'
        f"<b>{escape(account)}</b><span>{escape(words.role(role))}</span><i>{escape(where)}</i></button>"
        for account, password, role, where in demo_accounts
    )
    demo = f'<section class="demos"><h2>{escape(demo_title)}</h2><div>{listed}</div></section>' if listed else ""
    fields = f"""<form method="post" action="/login">
<input type="hidden" name="next" value="{escape(next_path)}">
<label><span>{escape(account_word)}</span><input name="name" value="{escape(name)}" autocomplete="username" required autofocus></label>
<label><span>{escape(password_word)}</span><input name="password" type="password" autocomplete="current-password" required></label>
{_said(error)}
<button class="primary" type="submit">{escape(enter)}</button>
</form>{_other_ways(words, next_path, ways)}{demo}
<a class="lang" href="/login?lang={other}&amp;next={escape(next_path)}">{"English" if other == "en" else "中文"}</a>"""
    return _page(city_name, words, fields)


def _other_ways(words: Words, next_path: str, ways: Collection[str]) -> str:
    """To the identity provider, and in by certificate, where there are such."""
    provider, certificate = words("Log in with the police identity provider"), words("Log in with a certificate")
    to_provider = f'<a class="provider" href="/login/oidc?next={escape(quote(next_path, safe=""))}">{escape(provider)}</a>'
    by_certificate = (
        f'<form class="way" method="post" action="/login/certificate"><input type="hidden" name="next" value="{escape(next_path)}">'
        f'<button class="provider" type="submit">{escape(certificate)}</button></form>'
    )
    return (to_provider if "oidc" in ways else "") + (by_certificate if "certificate" in ways else "")


def code_page(city_name: str, words: Words, next_path: str, ticket: str, error: str) -> str:
    """The second step: the code of the authenticator app, or a recovery code."""
    enter, code_word, again = words("Log in"), words("Code of your authenticator app"), words("Begin again")
    hint = words("Without the phone: one of your recovery codes.")
    fields = f"""<form method="post" action="/login/code">
<input type="hidden" name="next" value="{escape(next_path)}"><input type="hidden" name="ticket" value="{escape(ticket)}">
<label><span>{escape(code_word)}</span><input name="code" inputmode="numeric"
autocomplete="one-time-code" maxlength="64" required autofocus></label>
<p class="hint">{escape(hint)}</p>
{_said(error)}
<button class="primary" type="submit">{escape(enter)}</button>
</form>
<a class="lang" href="/login?next={escape(quote(next_path, safe=""))}">{escape(again)}</a>"""
    return _page(city_name, words, fields)


def _said(error: str) -> str:
    return f'<p class="error" role="alert">{escape(error)}</p>' if error else ""


def _page(city_name: str, words: Words, content: str) -> str:
    enter = words("Log in")
    return f"""<!doctype html>
<html lang="{"zh-CN" if words.language == "zh" else "en"}" data-theme="dark">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<title>{escape(enter)} · Liandong 联动</title>
<script src="/assets/build/boot.js"></script>
<link rel="stylesheet" href="/assets/build/fonts.css">
<link rel="stylesheet" href="/assets/10-base.css"><link rel="stylesheet" href="/assets/20-strip.css">
<link rel="stylesheet" href="/assets/login.css">
<style>{css_variables()}</style></head>
<body class="login"><main>
<header><span class="logo"></span><h1>联动 <small>Liandong</small></h1><p>{escape(city_name)}</p></header>
{content}
</main><script src="/assets/login.js"></script></body></html>"""
