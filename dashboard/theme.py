"""Colour, shape and glyph of everything that is drawn, in one place: style sheet, map overlay and base map read it here.

Warm colours say urgency, cool ones reach, and every status has a glyph and every kind a shape beside its colour, so that
nothing is told by colour alone. Text colours keep a contrast of at least 4.5 to their ground.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dispatch.model import Grade, UnitKind, UnitStatus

THEMES = ("dark", "light")

# CSS custom properties by theme; `--` is added when written.
TOKENS: dict[str, dict[str, str]] = {
    "dark": {
        "ground": "#090d12",
        "panel": "#10161d",
        "raised": "#18212a",
        "hover": "#1f2a35",
        "line": "#25313d",
        "line-strong": "#3a4957",
        "text": "#e8eef4",
        "muted": "#9aa9b7",
        "faint": "#74838f",
        "accent": "#4cc9f0",
        "accent-ink": "#04141b",
        "good": "#3ddc91",
        "warn": "#ffb547",
        "bad": "#ff5c6c",
        "ring-1": "#7df9d8",
        "ring-3": "#2fb8d6",
        "ring-5": "#4377c4",
        "suppose": "#c9a7ff",
        "past": "#8796ff",
        "escape": "#ff79c6",
        "escape-ink": "#2b0a1f",
        "circle": "#f3a6ff",
        "shadow": "rgba(0, 0, 0, 0.55)",
    },
    "light": {
        "ground": "#e9edf1",
        "panel": "#ffffff",
        "raised": "#f3f6f8",
        "hover": "#e8edf2",
        "line": "#d5dde4",
        "line-strong": "#aebac5",
        "text": "#15202a",
        "muted": "#4f5f6d",
        "faint": "#667684",
        "accent": "#00718f",
        "accent-ink": "#ffffff",
        "good": "#0b7a47",
        "warn": "#945a00",
        "bad": "#c2182b",
        "ring-1": "#00a587",
        "ring-3": "#0086ad",
        "ring-5": "#3560b0",
        "suppose": "#6a3fc8",
        "past": "#3d4ed8",
        "escape": "#b3127f",
        "escape-ink": "#ffffff",
        "circle": "#8a1ba0",
        "shadow": "rgba(30, 45, 60, 0.22)",
    },
}


@dataclass(frozen=True)
class Mark:
    """How one grade, status or kind is drawn. `glyph` is a name known to the overlay (`client/src/icons.js`)."""

    dark: str
    light: str
    shape: str = ""
    glyph: str = ""


GRADE_MARKS: dict[Grade, Mark] = {
    Grade.MAJOR: Mark("#ff4d5e", "#d3152b", shape="octagon"),
    Grade.URGENT: Mark("#ff9838", "#c75c00", shape="triangle"),
    Grade.ORDINARY: Mark("#f3d250", "#967400", shape="diamond"),
    Grade.NON_POLICE: Mark("#9fb0bf", "#5c6b78", shape="circle"),
}

STATUS_MARKS: dict[UnitStatus, Mark] = {
    UnitStatus.AVAILABLE: Mark("#35d48a", "#0b8a50", glyph="dot"),
    UnitStatus.DISPATCHED: Mark("#b99bff", "#6b43c9", glyph="bang"),
    UnitStatus.EN_ROUTE: Mark("#5aa9ff", "#1564c0", glyph="chevron"),
    UnitStatus.ON_SCENE: Mark("#ff82b9", "#b61f66", glyph="square"),
    UnitStatus.COMMITTED_DEPLOYABLE: Mark("#82d8d0", "#1d7a72", glyph="half"),
    UnitStatus.COMMITTED: Mark("#d0a970", "#7d581c", glyph="bar"),
    UnitStatus.OUT_OF_SERVICE: Mark("#75838f", "#707d88", glyph="cross"),
}

KIND_SHAPES: dict[UnitKind, str] = {
    UnitKind.PATROL_CAR: "squircle",
    UnitKind.FOOT_PATROL: "circle",
    UnitKind.ARMED_PATROL: "hexagon",
}

# Street colours and widths of the base map grow from these; see dashboard/style.py.
MAP_COLOURS: dict[str, dict[str, str]] = {
    "dark": {
        "land": "#0c1218",
        "water": "#11283a",
        "water-line": "#17364d",
        "green": "#0f1d1a",
        "building": "#151e27",
        "building-line": "#1e2a35",
        "motorway": "#5d6d7b",
        "major": "#465664",
        "middle": "#364450",
        "minor": "#29353f",
        "casing": "#080c10",
        "rail": "#38424c",
        "boundary": "#5d7a91",
        "street-text": "#8fa0ae",
        "place-text": "#c9d5df",
        "water-text": "#5f8fb3",
        "halo": "#0a0f14",
    },
    "light": {
        "land": "#eef1f3",
        "water": "#b9d6ea",
        "water-line": "#a5c8e0",
        "green": "#d9e8d8",
        "building": "#e0e4e8",
        "building-line": "#cdd4da",
        "motorway": "#f0b95c",
        "major": "#ffffff",
        "middle": "#ffffff",
        "minor": "#ffffff",
        "casing": "#c3ccd4",
        "rail": "#a7b1ba",
        "boundary": "#6d8599",
        "street-text": "#4d5b67",
        "place-text": "#1f2c37",
        "water-text": "#33658a",
        "halo": "#ffffff",
    },
}


def css_variables() -> str:
    """Both themes as CSS custom properties; dark is the default."""
    blocks = []
    for name, tokens in TOKENS.items():
        marks = {f"grade-{int(grade)}": getattr(mark, name) for grade, mark in GRADE_MARKS.items()}
        marks |= {f"status-{status}": getattr(mark, name) for status, mark in STATUS_MARKS.items()}
        body = "".join(f"--{key}:{value};" for key, value in (tokens | marks).items())
        selector = ":root" if name == "dark" else f':root[data-theme="{name}"]'
        blocks.append(f"{selector}{{color-scheme:{name};{body}}}")
    return "".join(blocks)


def client_marks() -> dict[str, Any]:
    """The tables the map overlay draws by, as plain data."""
    return {
        "grades": {str(int(grade)): asdict(mark) for grade, mark in GRADE_MARKS.items()},
        "statuses": [{"id": str(status), **asdict(mark)} for status, mark in STATUS_MARKS.items()],
        "kinds": [{"id": str(kind), "shape": shape} for kind, shape in KIND_SHAPES.items()],
        "tokens": TOKENS,
    }
