"""The report of an incident: one HTML file that needs nothing else, neither this program nor a network, and prints on A4.

It has no script and no address: style sheet and drawings stand in it. Photos and videos do not; their checksums do.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import msgspec

from dashboard.layouts.review import head, parts, title_of
from dashboard.layouts.review_facts import ReviewFacts
from dashboard.layouts.review_findings import standing_words
from dashboard.theme import TOKENS

ASSETS = Path(__file__).parents[1] / "assets"
# Fonts a machine has; ours are not in the file.
_FONTS = '"Inter", "Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Segoe UI", system-ui, sans-serif'


class Export(msgspec.Struct, frozen=True):
    """By whom the report was made."""

    account: str
    role: str
    organisation: str
    org_code: str
    node: str


def report(view: ReviewFacts, made: Export) -> str:
    """The whole file."""
    words = view.words
    name, what = title_of(view), words("After action")
    style = "".join((ASSETS / sheet).read_text(encoding="utf-8") for sheet in ("review-parts.css", "report.css"))
    variables = "".join(f"--{key}:{value};" for key, value in TOKENS["light"].items())
    return f"""<!doctype html>
<html lang="{"zh-CN" if words.language == "zh" else "en"}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(name)} · {escape(what)} · Liandong 联动</title>
<style>:root{{color-scheme:light;{variables}--font:{_FONTS};}}{style}</style></head>
<body class="report"><header><p class="mark">Liandong 联动 · {escape(what)}</p><h1>{escape(name)}</h1>
<p class="state">{escape(standing_words(view))}</p></header>
<main class="review">{head(view)}{parts(view)}{_about(view, made)}</main></body></html>
"""


def _about(view: ReviewFacts, made: Export) -> str:
    """When, by whom, of what; what is not in it."""
    words, review = view.words, view.review
    last = review.recorded[-1] if review.recorded else None
    role = words.role(made.role)
    rows = [
        (words("Incident"), f"#{review.incident.number} · {review.incident.incident_id}"),
        (words("Made"), f"{view.whole(review.made_at)} ({view.facts.zone.key})"),
        (words("by"), words("{account} ({role}), {name}", account=made.account, role=role, name=f"{made.organisation} {made.org_code}")),
        (words("Node"), made.node),
        (words("As of"), "" if last is None else words("event {n}, hash {hash}", n=last.revision, hash=last.hash)),
    ]
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    notes = (
        words("It shows what this account may see. That it was made is on record, with who made it and when."),
        words("The fields of the caller are not in it, nor are the bytes of photos and videos; what people wrote is, as they wrote it."),
    )
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    title = words("About this report")
    return f'<section class="about-report"><h2>{escape(title)}</h2><dl>{cells}</dl>{said}</section>'
