"""Turn a city source into a city folder, whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import shapely
from shapely.geometry import box, mapping

from geodata.building.basemap import write_base_map
from geodata.building.graph_build import build_graph
from geodata.building.places_build import build_places
from geodata.building.residents import FILE_NAME as RESIDENTS
from geodata.building.residents import homes_of_buildings, residents_of_streets
from geodata.building.source import CitySource
from geodata.building.street_layout import lay_out_streets
from geodata.building.street_table import save_streets, tabulate
from geodata.cities.city import FORMAT_VERSION, CityError
from geodata.cities.places import save_places
from geodata.districts.responsibility import FILE_NAME
from geodata.progress import Progress, unheard, within
from geodata.projection import LocalProjection
from geodata.streets.components import component_figures
from geodata.streets.graph import StreetGraph, save_graph
from geodata.streets.snapping import Segments


@dataclass(frozen=True)
class BuildReport:
    """What went into a city folder and what did not; written as report.json."""

    folder: Path
    source: dict[str, Any] | None  # the file it was read from: name, size_bytes, sha256, data_at
    read: dict[str, int]  # what the source held
    problems: dict[str, int]  # dropped or repaired, by reason
    restrictions: dict[str, int]  # turn restrictions by what became of them: applied, with_missing_way, …
    barriers: dict[str, int]  # closed_to_cars, passable
    figures: dict[str, Any]  # what the folder holds


def build_city(source: CitySource, out: Path, *, progress: Progress = unheard, built_at: datetime | None = None) -> BuildReport:
    """Write the city folder `out`, replacing a city that is there.

    The same source gives the same bytes, but for `built_at`, which is noted in city.toml. `progress` hears the name
    of each part and the share done, 0 … 1. Raises CityError when nothing can be built or `out` holds something else;
    then `out` is as it was.
    """
    _refuse_foreign_folder(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        report = _write_city(source, work, out, progress, built_at)
        _put_in_place(work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return report


def _refuse_foreign_folder(out: Path) -> None:
    if out.exists() and not (out.is_dir() and ((out / "city.toml").exists() or not any(out.iterdir()))):
        raise CityError(f"{out} exists and is no city folder; it is left alone. Choose another --out or remove it.")


def _put_in_place(work: Path, out: Path) -> None:
    work.chmod(0o755)  # mkdtemp makes folders that only their owner may read
    if out.exists():
        old = work.with_name(work.name + "-old")
        out.rename(old)
        try:
            work.rename(out)
        except OSError:
            old.rename(out)
            raise
        shutil.rmtree(old)
    else:
        work.rename(out)


def _write_city(source: CitySource, work: Path, out: Path, progress: Progress, built_at: datetime | None) -> BuildReport:
    counts: Counter[str] = Counter(source.problems)
    progress("streets", 0.0)
    layout = lay_out_streets(source, counts)
    graph = build_graph(source, layout, counts)
    save_graph(graph, work / "graph")
    Segments.of(graph).save(work / "segments")
    save_streets(tabulate(layout, graph, source.restrictions), work / "streets.npz")
    tiles = write_base_map(source, layout, work / "base.pmtiles", within(progress, 0.2, 0.7))
    progress("place index", 0.7)
    places = build_places(source, layout, graph)
    save_places(places, work / "places.npz")
    progress("lists", 0.9)
    lived_on = _write_residents(source, graph, work)
    bounds = _bounds(source, graph)
    boundary = source.boundary if source.boundary is not None else box(*bounds)
    _write_organisations(source, work)
    _write_responsibility(source, work)
    elements = _write_elements(source, work)
    _write_json(work / "boundary.geojson", {"type": "Feature", "properties": {"name": source.name}, "geometry": mapping(boundary)})
    figures = {
        "streets": len(layout.streets),
        **_graph_figures(graph),
        "organisations": len(source.organisations),
        "elements": elements,
        "lived_on_streets": lived_on,
        "base_map": tiles,
        "places": {"entries": len(places.entry_kind), "crossings": len(places.crossing_a)},
    }
    report = _report(out, source, counts, figures)
    values = {key: value for key, value in asdict(report).items() if key != "folder"}
    _write_json(work / "report.json", values)
    _write_city_toml(source, bounds, work, built_at)
    progress("done", 1.0)
    return report


def _report(out: Path, source: CitySource, counts: Counter[str], figures: dict[str, Any]) -> BuildReport:
    """Sort the counts: what became of restrictions and barriers is news, the rest are losses and repairs."""
    sorted_counts = {key: value for key, value in sorted(counts.items()) if value}
    restrictions = {key.removeprefix("restriction_"): n for key, n in sorted_counts.items() if key.startswith("restriction_")}
    barriers = {key.removeprefix("barrier_"): n for key, n in sorted_counts.items() if key.startswith("barrier_")}
    problems = {key: n for key, n in sorted_counts.items() if not key.startswith(("restriction_", "barrier_"))}
    file = asdict(source.file) | {"data_at": source.file.data_at and source.file.data_at.isoformat()} if source.file else None
    return BuildReport(out, file, dict(sorted(source.read.items())), problems, restrictions, barriers, figures)


def _bounds(source: CitySource, graph: StreetGraph) -> tuple[float, float, float, float]:
    if source.boundary is not None:
        west, south, east, north = source.boundary.bounds
    else:
        west, south = float(graph.node_lon.min()), float(graph.node_lat.min())
        east, north = float(graph.node_lon.max()), float(graph.node_lat.max())
    return round(west, 6), round(south, 6), round(east, 6), round(north, 6)


def _graph_figures(graph: StreetGraph) -> dict[str, Any]:
    return {
        "nodes": len(graph.node_lon),
        "directed_edges": graph.edge_count,
        "directed_car_edges": graph.car_edge_count,
        "directed_foot_edges": int(np.isfinite(graph.foot.time_s).sum()),
        "directed_ebike_edges": int(np.isfinite(graph.ebike.time_s).sum()),
        "car_turns": len(graph.car.next_edge),
        "car_copies_of_edges": len(graph.car.copy_of),
        "components": {profile.name: component_figures(graph, profile) for profile in graph.profiles},
        "street_km": round(float(graph.length_m.sum(dtype=np.float64)) / 2000, 3),
    }


def _write_residents(source: CitySource, graph: StreetGraph, work: Path) -> int:
    """How many streets somebody lives on; no file where nothing is known of homes."""
    homes = source.homes or homes_of_buildings(source.features, LocalProjection(graph.origin_lon, graph.origin_lat))
    residents = residents_of_streets(homes, graph) if homes is not None else np.zeros(0, np.float32)
    if residents.any():
        np.save(work / RESIDENTS, residents)
    return int(np.count_nonzero(residents))


def _write_organisations(source: CitySource, work: Path) -> None:
    rows = [
        {
            "code": o.code,
            "name": o.name,
            "name_en": o.name_en,
            "level": o.level,
            "parent": o.parent,
            "lon": o.lon,
            "lat": o.lat,
            "has_command_room": o.has_command_room,
            "valid_from": o.valid_from,
            "valid_to": o.valid_to,
        }
        for o in source.organisations
    ]
    _write_json(work / "organisations.json", rows)
    areas = [
        {"type": "Feature", "properties": {"code": o.code, "level": o.level}, "geometry": _geometry(o.jurisdiction)}
        for o in source.organisations
        if o.jurisdiction is not None and not o.jurisdiction.is_empty
    ]
    _write_json(work / "jurisdictions.geojson", {"type": "FeatureCollection", "features": areas})


def _write_responsibility(source: CitySource, work: Path) -> None:
    """No file where the territory alone decides: a city adds its own."""
    rules = [msgspec.to_builtins(rule) for rule in source.responsibility]
    # A JSON string, or a list of strings or numbers, is the same in TOML.
    texts = ["[[rule]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in rule.items() if value) for rule in rules]
    if texts:
        (work / FILE_NAME).write_text("\n".join(texts), encoding="utf-8")


def _write_elements(source: CitySource, work: Path) -> dict[str, int]:
    (work / "elements").mkdir()
    features: dict[str, list[dict[str, Any]]] = {}
    for e in source.elements:
        point = {"type": "Point", "coordinates": [round(e.lon, 7), round(e.lat, 7)]}
        features.setdefault(e.element, []).append(
            {"type": "Feature", "id": e.element_id, "geometry": point, "properties": {"id": e.element_id, **e.properties}}
        )
    for element, rows in features.items():
        _write_json(work / "elements" / f"{element}.geojson", {"type": "FeatureCollection", "features": rows})
    return {element: len(rows) for element, rows in sorted(features.items())}


def _geometry(shape: shapely.Geometry) -> dict[str, Any]:
    """GeoJSON geometry, to the decimetre: finer digits are noise and double the file."""
    return mapping(shapely.set_precision(shapely.make_valid(shape), 1e-6))


def _write_city_toml(source: CitySource, bounds: tuple[float, float, float, float], work: Path, built_at: datetime | None) -> None:
    values: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "code": source.code,
        "name": source.name,
        "name_en": source.name_en,
        "time_zone": source.time_zone,
        "datum": "wgs84",
        "schematic": source.schematic,
        "attribution": source.attribution,
        "closed_ways_pass": source.closed_ways_pass,
        "built_at": built_at.isoformat() if built_at else "",
        "bounds": list(bounds),
    }
    # A JSON string, number, boolean or list of numbers is the same in TOML, but for DEL.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f") for key, value in values.items()]
    (work / "city.toml").write_text("".join(lines), encoding="utf-8")


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
