"""A page that can't be shown, and why: plain HTML, because nothing of the application goes with it."""

from __future__ import annotations

from html import escape

from dashboard.i18n import Words
from dashboard.theme import THEMES, css_variables
from dispatch.errors import DispatchError, NotFound


def refused_page(refused: DispatchError, words: Words, theme: str) -> str:
    """The page."""
    title = words("There is no such desk") if isinstance(refused, NotFound) else words("This desk is not open to you")
    back = words("To the desk")
    other = "en" if words.language == "zh" else "zh"
    return f"""<!doctype html>
<html lang="{"zh-CN" if words.language == "zh" else "en"}" data-theme="{theme if theme in THEMES else "dark"}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<title>{escape(title)} · Liandong 联动</title>
<script src="/assets/build/boot.js"></script>
<link rel="stylesheet" href="/assets/build/fonts.css">
<link rel="stylesheet" href="/assets/10-base.css"><link rel="stylesheet" href="/assets/20-strip.css">
<link rel="stylesheet" href="/assets/login.css">
<style>{css_variables()}</style></head>
<body class="login"><main>
<header><span class="logo"></span><h1>联动 <small>Liandong</small></h1><p>{escape(title)}</p></header>
<p class="error" role="alert">{escape(words.refusal(refused))}</p>
<a class="lang" href="/">{escape(back)}</a>
<a class="lang" href="?lang={other}">{"English" if other == "en" else "中文"}</a>
</main></body></html>"""
