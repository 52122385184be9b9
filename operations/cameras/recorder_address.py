"""Where a site's own recorder (NVR) plays a span of the past: an RTSP address with places for its beginning and end.

    rtsp://nvr/Streaming/tracks/101?starttime={from:%Y%m%dt%H%M%Sz}&endtime={to:%Y%m%dt%H%M%Sz}

After the colon stands how the instant is written, by the letters of strftime: in UTC, or in the city's time for `from_local` and
`to_local`. What is said of a wrong one never holds a part of it.

An address without any placeholder is that of a recorder which is told the span by RTSP itself (`Range: clock=…`), as ONVIF has it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

BEGINNINGS, ENDS = ("from", "from_local"), ("to", "to_local")
LETTERS = "YymdHMSs%"  # of strftime; s, Unix seconds, is no letter of it everywhere
_PLACE = re.compile(r"\{([^{}]*)\}")
_LETTER = re.compile(r"%(.)", re.DOTALL)


def takes_range(address: str) -> bool:
    """Whether the span is told by RTSP and not by the address, which nothing is wrong with."""
    return "{" not in address


def wrong_with(template: str) -> str:
    """Why spans can't be written into an address, in words without any of it; empty when they can, or need not be."""
    if re.search(r"[{}]", _PLACE.sub("", template)):
        return "holds a { or } that belongs to no placeholder; one in a password is written %7B, %7D"
    if "{" in re.split(r"[/?]", template.partition("://")[2], maxsplit=1)[0]:
        return "has a placeholder before its path; it belongs into the path or behind the ?"
    letters: dict[str, str] = dict.fromkeys((*BEGINNINGS, *ENDS), "")
    for place in _PLACE.findall(template):
        name, _, pattern = place.partition(":")
        if name not in letters:
            return f"has a placeholder that is not known; use {', '.join(letters)}"
        found = "".join(_LETTER.findall(pattern))
        if not found:
            return f"does not say how the instant is written; write for example {{{name}:%Y%m%dt%H%M%S}}"
        if pattern.replace("%%", "").count("%") != len(found.replace("%", "")) or set(found) - set(LETTERS):
            return f"has a letter after % in a placeholder that is not served; use {', '.join(f'%{one}' for one in LETTERS)}"
        letters[name] += found
    if not takes_range(template) and not any(letters[name] for name in BEGINNINGS):
        return "does not say where the beginning of the span goes; write for example {from:%Y%m%dt%H%M%Sz}, or no placeholder at all"
    for names in (BEGINNINGS, ENDS):
        told = "".join(letters[name] for name in names)
        if told and not _tells_an_instant(told):
            return f"leaves part of an instant out of {{{names[0]}:…}}; write year, month, day, hour, minute and second, or %s"
    return ""


def filled(template: str, from_at: datetime, to_at: datetime, zone: tzinfo) -> str:
    """The address of a span by whole seconds, none of it left out, from a template in which nothing is wrong."""
    whole_to_at = to_at.replace(microsecond=0) + timedelta(seconds=bool(to_at.microsecond))
    instants = {name: at.astimezone(UTC) for names, at in ((BEGINNINGS, from_at), (ENDS, whole_to_at)) for name in names}

    def written(place: re.Match[str]) -> str:
        name, _, pattern = place[1].partition(":")
        at = instants[name] if name in ("from", "to") else instants[name].astimezone(zone)
        return _LETTER.sub(lambda letter: str(int(at.timestamp())) if letter[1] == "s" else at.strftime(letter[0]), pattern)

    return _PLACE.sub(written, template)


def _tells_an_instant(letters: str) -> bool:
    return "s" in letters or (set("mdHMS") <= set(letters) and bool(set("Yy") & set(letters)))
