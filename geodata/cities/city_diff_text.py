"""The differences of two cities in lines to be read by people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geodata.cities.city_diff import Change, CityDiff, Part, Thing

# Of each kind of difference; all of them are in the JSON.
SHOWN = 20


def lines(diff: CityDiff) -> Iterator[str]:
    """First the city itself, then streets, organisations, elements, lengths; one line where nothing differs."""
    if not diff:
        yield "no difference"
        return
    for change in diff.city:
        yield f"city {_in_words(change)}"
    yield from _part("streets", diff.streets)
    yield from _part("organisations", diff.organisations)
    for element, part in diff.elements.items():
        yield from _part(f"element {element}", part)
    for name, (before, after) in diff.street_km.items():
        if name == "all" or before != after:
            yield f"{'street' if name == 'all' else f'  {name}'} km: {before:.3f} → {after:.3f} ({after - before:+.3f})"


def _part(name: str, part: Part) -> Iterator[str]:
    moved = sum(thing.moved_m is not None for thing in part.changed)
    changed = sum(bool(thing.changes) for thing in part.changed)
    counts = {"added": len(part.added), "removed": len(part.removed), "moved": moved, "changed": changed}
    yield f"{name}: " + (", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "no difference")
    for sign, things in (("+", part.added), ("-", part.removed), ("~", part.changed)):
        for thing in things[:SHOWN]:
            yield f"  {sign} {_thing(thing)}"
        if len(things) > SHOWN:
            yield f"  {sign} and {len(things) - SHOWN:,} more; --json lists them all"


def _thing(thing: Thing) -> str:
    length = f", {thing.length_m:,.0f} m" if thing.length_m is not None else ""
    moved = [f"moved by {thing.moved_m:,.1f} m"] if thing.moved_m is not None else []
    said = "; ".join([*moved, *map(_in_words, thing.changes)])
    name = f"{thing.name} " if thing.name else ""
    return f"{thing.id} {name}({thing.kind}{length}) at {thing.lon:.6f}, {thing.lat:.6f}" + (f": {said}" if said else "")


def _in_words(change: Change) -> str:
    if change.field == "turn_restrictions":
        return ", ".join([*(f"no longer {turn}" for turn in change.before), *(f"now {turn}" for turn in change.after)])
    return f"{change.field} {_value(change.before)} → {_value(change.after)}"


def _value(value: Any) -> str:
    if value is None or value == "":
        return "–"
    return " / ".join(map(_value, value)) if isinstance(value, list) else str(value)
