"""`/style.json?theme=dark|light&lang=zh|en&labels=0|1`: how the base map is drawn, a MapLibre style without any outside address.

There is no `glyphs` key on purpose: MapLibre then draws every glyph in the browser from the page's own fonts. It draws each once and
keeps it, also one that a font had no time to come for: a page asks for the labels when it has its fonts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from dashboard.theme import MAP_COLOURS

if TYPE_CHECKING:
    from operations.services import Services

_SOURCE = "city"
_FONT = ["Noto Sans SC Variable, Inter Variable, Noto Sans CJK SC, sans-serif"]
# Street classes by how they are drawn, lowest first, with widths in pixels at zoom 8, 12, 15 and 18.
_STREETS: tuple[tuple[str, tuple[str, ...], tuple[float, float, float, float]], ...] = (
    (
        "minor",
        ("residential", "living_street", "service", "unclassified", "track", "pedestrian", "footway", "path", "cycleway", "steps"),
        (0.0, 0.4, 2.6, 13),
    ),
    ("middle", ("tertiary", "tertiary_link", "secondary", "secondary_link"), (0.25, 1.1, 4.6, 20)),
    ("major", ("primary", "primary_link", "trunk_link", "motorway_link"), (0.6, 1.8, 6.2, 24)),
    ("motorway", ("motorway", "trunk"), (1.0, 2.5, 7.6, 28)),
)
_ROAD_LABELS = (
    (("motorway", "trunk", "primary"), 11.5, 11),
    (("secondary", "tertiary"), 13, 10.5),
    (("residential", "unclassified", "living_street"), 14.8, 10),
)


def add_style(server: FastAPI, services: Services) -> None:
    """Mount the style route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/style.json")
    async def style(request: Request, theme: str = "dark", scale: float = 1.0, labels: bool = True) -> JSONResponse:
        known_theme = theme if theme in MAP_COLOURS else "dark"
        document = build_style(known_theme, str(request.base_url), services.city.built_at, min(4.0, max(1.0, scale)), labels)
        document["sources"][_SOURCE]["bounds"] = list(services.city.bounds)
        document["sources"][_SOURCE]["attribution"] = services.city.attribution
        return JSONResponse(document, headers={"Cache-Control": "private, max-age=3600"})

    server.include_router(router)


def build_style(theme: str, base_url: str, built_at: str, scale: float = 1.0, labels: bool = True) -> dict[str, Any]:
    """The style document; `scale` enlarges lines and type for a wall that is read from far; `labels`: with names.

    Tile addresses are absolute: MapLibre fetches them in a worker that has no address of its own.
    """
    colours = MAP_COLOURS[theme]
    return {
        "version": 8,
        "name": f"liandong-{theme}",
        "sources": {
            _SOURCE: {
                "type": "vector",
                "tiles": [f"{base_url}tiles/{{z}}/{{x}}/{{y}}.pbf?v={built_at}"],
                "minzoom": 6,
                "maxzoom": 14,
            }
        },
        "layers": [
            {"id": "land", "type": "background", "paint": {"background-color": colours["land"]}},
            *_ground(colours),
            *_streets(colours, scale),
            *_lines(colours),
            *(_labels(colours, scale) if labels else ()),
        ],
    }


def _layer(name: str, kind: str, source_layer: str, paint: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "source": _SOURCE, "source-layer": source_layer, "paint": paint} | more


def _ground(colours: dict[str, str]) -> list[dict[str, Any]]:
    fade_in = ["interpolate", ["linear"], ["zoom"], 13.2, 0, 14.4, 1]
    return [
        _layer("green", "fill", "green", {"fill-color": colours["green"]}),
        _layer("water", "fill", "water", {"fill-color": colours["water"]}),
        _layer("shore", "line", "water", {"line-color": colours["water-line"], "line-width": 0.8}, minzoom=10),
        _layer(
            "waterway",
            "line",
            "waterway",
            {"line-color": colours["water"], "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 9, 0.6, 14, 2.4, 18, 14]},
        ),
        _layer(
            "building",
            "fill",
            "building",
            {"fill-color": colours["building"], "fill-outline-color": colours["building-line"], "fill-opacity": fade_in},
            minzoom=13,
        ),
    ]


def _width(steps: tuple[float, float, float, float], scale: float, extra: float = 0.0) -> list[Any]:
    widths = [(step + (extra if step else 0.0)) * scale for step in steps]
    return ["interpolate", ["exponential", 1.45], ["zoom"], 8, widths[0], 12, widths[1], 15, widths[2], 18, widths[3]]


def _streets(colours: dict[str, str], scale: float) -> list[dict[str, Any]]:
    layers = []
    for part in ("casing", "line"):
        for name, classes, widths in _STREETS:
            is_casing = part == "casing"
            layers.append(
                _layer(
                    f"street-{name}-{part}",
                    "line",
                    "road",
                    {
                        "line-color": colours["casing" if is_casing else name],
                        "line-width": _width(widths, scale, 1.6 if is_casing else 0.0),
                    },
                    filter=["match", ["get", "class"], list(classes), True, False],
                    layout={"line-cap": "butt" if is_casing else "round", "line-join": "round"},
                    minzoom=11 if is_casing else 6,
                )
            )
    return layers


def _lines(colours: dict[str, str]) -> list[dict[str, Any]]:
    return [
        _layer("rail", "line", "rail", {"line-color": colours["rail"], "line-width": 1.4, "line-dasharray": [4, 2]}, minzoom=9),
        _layer(
            "boundary",
            "line",
            "boundary",
            {
                "line-color": colours["boundary"],
                "line-width": ["interpolate", ["linear"], ["zoom"], 7, 0.8, 14, 1.8],
                "line-dasharray": [3, 2],
                "line-opacity": 0.75,
            },
        ),
    ]


def _text(colours: dict[str, str], colour: str, size: Any, **layout: Any) -> dict[str, Any]:
    return {
        "layout": {"text-field": ["get", "name"], "text-font": _FONT, "text-size": size} | layout,
        "paint": {"text-color": colours[colour], "text-halo-color": colours["halo"], "text-halo-width": 1.4},
    }


def _labels(colours: dict[str, str], scale: float) -> list[dict[str, Any]]:
    labels: list[dict[str, Any]] = [
        {
            "id": "label-water",
            "type": "symbol",
            "source": _SOURCE,
            "source-layer": "waterway",
            "minzoom": 10,
            **_text(colours, "water-text", 11 * scale, **{"symbol-placement": "line", "text-letter-spacing": 0.2}),
        }
    ]
    for classes, first_zoom, size in _ROAD_LABELS:
        labels.append(
            {
                "id": f"label-{classes[0]}",
                "type": "symbol",
                "source": _SOURCE,
                "source-layer": "road",
                "minzoom": first_zoom,
                "filter": ["match", ["get", "class"], list(classes), True, False],
                **_text(colours, "street-text", size * scale, **{"symbol-placement": "line", "symbol-spacing": 420, "text-max-angle": 32}),
            }
        )
    labels.append(
        {
            "id": "label-place",
            "type": "symbol",
            "source": _SOURCE,
            "source-layer": "place",
            **_text(
                colours,
                "place-text",
                ["interpolate", ["linear"], ["get", "rank"], 2, 11 * scale, 8, 17 * scale],
                **{"text-max-width": 8, "text-padding": 6, "symbol-sort-key": ["-", 0, ["get", "rank"]]},
            ),
        }
    )
    return labels
