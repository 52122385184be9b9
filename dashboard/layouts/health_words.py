"""Words of the health page for names that come from elsewhere: parts, their counters, reasons of rejection, figures of a city.

A name without a word here is shown as it is written in the code and the documents, its underscores as spaces: a city's own
problems are too many to list, and a name that can be searched for beats none.
"""

from __future__ import annotations

from dashboard.i18n import Words, pgettext

PARTS = {
    "deadlines": pgettext("health", "deadlines"),
    "duty": pgettext("health", "duty"),
    "speeds": pgettext("health", "times of streets"),
    "tracks": pgettext("health", "tracks"),
    "traffic": pgettext("health", "traffic events"),
    "webhooks": pgettext("health", "webhooks"),
    "jt808": pgettext("health", "JT/T 808 terminals"),
}
COUNTERS = {
    "organisations": pgettext("health", "organisations with a roster"),
    "watched": pgettext("health", "being watched"),
    "events": pgettext("health", "events that hold"),
    "edges": pgettext("health", "directions closed or slow"),
    "off_street": pgettext("health", "near no street"),
    "observations": pgettext("health", "streets driven"),
    "learned_percent": pgettext("health", "per cent of street length learned"),
    "forgotten": pgettext("health", "fixes not looked at"),
    "fixes": pgettext("health", "fixes written"),
    "waiting": pgettext("health", "fixes waiting"),
    "dropped": pgettext("health", "fixes lost"),
    "torn_bytes": pgettext("health", "torn bytes cut"),
    "webhooks": pgettext("health", "webhooks"),
    "failing": pgettext("health", "failing"),
    "disabled": pgettext("health", "given up"),
    "port": pgettext("health", "port"),
}
REASONS = {
    "not_a_number": pgettext("health", "no number"),
    "no_fix": pgettext("health", "no fix"),
    "future": pgettext("health", "in the future"),
    "stale": pgettext("health", "too old"),
    "outside_city": pgettext("health", "outside the city"),
    "duplicate": pgettext("health", "sent twice"),
    "impossible_speed": pgettext("health", "impossible speed"),
    "malformed_json": pgettext("health", "no JSON"),
    "too_big": pgettext("health", "too big"),
    "too_many_reports": pgettext("health", "too many reports in a message"),
    "unknown_type": pgettext("health", "unknown kind of report"),
    "bad_field": pgettext("health", "a wrong field"),
    "rate_limited": pgettext("health", "too many reports a second"),
    "unit_not_named": pgettext("health", "no unit named"),
    "unknown-unit": pgettext("health", "unknown unit"),
    "too_many_units": pgettext("health", "too many units"),
    "too_many_trackers": pgettext("health", "too many trackers of one crew"),
    "outside-scope": pgettext("health", "outside the sender's scope"),
    "role-not-permitted": pgettext("health", "not the sender's to report"),
    "not-own-unit": pgettext("health", "another's unit"),
    "unknown_datum": pgettext("health", "unknown datum"),
    "unknown_element": pgettext("health", "unknown element"),
    "not_authenticated": pgettext("health", "not authenticated"),
    "unknown_terminal": pgettext("health", "unknown terminal"),
    "bad_time": pgettext("health", "no such time"),
    "unfinished": pgettext("health", "parts that never came"),
    "bad_checksum": pgettext("health", "wrong checksum"),
    "wrong_datum_suspected": pgettext("health", "perhaps another datum"),
}
FIGURES = {
    "read": pgettext("health", "Read"),
    "problems": pgettext("health", "Dropped or repaired"),
    "restrictions": pgettext("health", "Turn restrictions"),
    "barriers": pgettext("health", "Barriers"),
    "figures": pgettext("health", "Streets"),
    "components": pgettext("health", "Connected parts"),
    "elements": pgettext("health", "Elements"),
    "base_map": pgettext("health", "Base map"),
    "places": pgettext("health", "Place index"),
    "nodes": pgettext("health", "nodes"),
    "ways": pgettext("health", "ways"),
    "areas": pgettext("health", "areas"),
    "relations": pgettext("health", "relations"),
    "applied": pgettext("health", "applied"),
    "closed_to_cars": pgettext("health", "closed to cars"),
    "passable": pgettext("health", "passable"),
    "streets": pgettext("health", "streets"),
    "directed_edges": pgettext("health", "directed edges"),
    "directed_car_edges": pgettext("health", "of them for cars"),
    "directed_foot_edges": pgettext("health", "of them on foot"),
    "car_turns": pgettext("health", "turns of cars"),
    "largest_share": pgettext("health", "share of the largest"),
    "dead_edges": pgettext("health", "edges leading nowhere"),
    "car": pgettext("health", "by car"),
    "foot": pgettext("health", "on foot"),
    "street_km": pgettext("health", "km of streets"),
    "organisations": pgettext("health", "organisations"),
    "entries": pgettext("health", "entries"),
    "crossings": pgettext("health", "crossings"),
    "boundary": pgettext("health", "boundaries"),
    "building": pgettext("health", "buildings"),
    "green": pgettext("health", "green spaces"),
    "place": pgettext("health", "localities"),
    "poi": pgettext("health", "points of interest"),
    "rail": pgettext("health", "rails"),
    "road": pgettext("health", "roads"),
    "water": pgettext("health", "waters"),
    "waterway": pgettext("health", "waterways"),
}


def said(table: dict[str, tuple[str, str]], name: str, words: Words) -> str:
    """The word for `name`, or the name itself."""
    return words.entry(table[name]) if name in table else name.replace("_", " ")
