"""What is said about an incident without a point (待定位): why it has no ring, and who could be sent all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import empty, section
from dashboard.layouts.scene import push_command, unit_row
from dispatch.model import Incident, Unit

_SHOWN = 20


def unlocated_panel(incident: Incident, units: Sequence[Unit], facts: Facts) -> list[Any]:
    """The reason, and the responsible organisation's available units without any time by road."""
    words = facts.words
    why = words("Not located yet: without a point there is no ring, no time by road and no order of units.")
    said = [html.P(why, className="notice padded")]
    if not incident.is_open:
        return said
    name = facts.organisation_name(incident.org_code)
    command = push_command(incident) if facts.may("push") else None
    rows = [unit_row(_row(unit), incident, command, False, facts) for unit in units[:_SHOWN]]
    if len(units) > _SHOWN:
        rows.append(empty(words("and {n} more", n=len(units) - _SHOWN)))
    if not rows:
        rows = [empty(words("No unit of {name} is available.", name=name))]
    return [*said, section(words("Available units of {name}", name=name), rows, note=words("by callsign"), name="who")]


def _row(unit: Unit) -> dict[str, Any]:
    """The unit as a row of the ranked list, without what only a point can tell."""
    return {
        "unit_id": unit.unit_id,
        "callsign": unit.callsign,
        "kind": unit.kind,
        "status": unit.status,
        "eta_s": None,
        "available": True,
        "assigned": False,
        "recommended": False,
        "reasons": [],
    }
