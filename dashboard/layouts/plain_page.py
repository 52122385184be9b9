"""The frame of a plain page of its own: head, title, ways back, language and theme. For pages that need no live map."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from dashboard.i18n import Words
from dashboard.theme import THEMES, css_variables


def framed(title: str, name: str, body: str, words: Words, theme: str, style: str, address: str) -> str:
    """The page around `body`, which is HTML already. `style` names its style sheet and its script, `address` is its own with a query."""
    other = "en" if words.language == "zh" else "zh"
    here = escape(address)
    # The page's own script settles the theme (boot.js): the style sheet leaves out the link to the one it has.
    shades = "".join(
        f'<a data-shade="{shade}" href="{here}&amp;theme={shade}">{escape(word)}</a>'
        for shade, word in (("dark", words("Dark")), ("light", words("Light")))
    )
    back = words("To the desk")
    return f"""<!doctype html>
<html lang="{"zh-CN" if words.language == "zh" else "en"}" data-theme="{theme if theme in THEMES else "dark"}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(name)} · {escape(title)} · Liandong 联动</title><link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<script src="/assets/build/boot.js"></script>
<link rel="stylesheet" href="/assets/build/fonts.css">
<link rel="stylesheet" href="/assets/10-base.css"><link rel="stylesheet" href="/assets/20-strip.css">
<link rel="stylesheet" href="/assets/25-signs.css"><link rel="stylesheet" href="/assets/{style}.css">
<style>{css_variables()}</style></head>
<body class="{style}"><header><a class="back" href="/"><span class="logo"></span>{escape(back)}</a>
<div><h1>{escape(name)}</h1><p>{escape(title)}</p></div>
<nav><a href="{here}&amp;lang={other}">{"English" if other == "en" else "中文"}</a>
{shades}</nav></header>
{body}<script src="/assets/{style}.js"></script></body></html>"""


def form(action: str, label: str, look: str = "", **fields: str) -> str:
    """One button that sends these fields."""
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items())
    return f'<form method="post" action="{escape(action)}">{hidden}<button type="submit" class="{look}">{escape(label)}</button></form>'


def in_address(text: str) -> str:
    """A value inside an address."""
    return quote(text, safe="")
