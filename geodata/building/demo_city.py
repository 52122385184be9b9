"""The demo city on disk: built once, kept by version, the same every time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from geodata.building.build import build_city
from geodata.cities.city import CityError, open_city
from geodata.demo import demo_source, demo_version
from geodata.progress import Progress, unheard, within

# Stands in city.toml instead of the hour of the build, so that the same version gives the same bytes.
BUILT_AT = datetime(2016, 12, 1, tzinfo=UTC)


def ensure_demo_city(folder: Path, progress: Progress = unheard) -> Path:
    """The folder of the demo city below `folder`; built first (under a minute) when this version is not there or damaged."""
    out = folder / f"ningbo-{demo_version()}"
    if (out / "city.toml").exists():
        try:
            open_city(out)
        except CityError:
            pass  # built again below
        else:
            return out
    progress("inventing the demo city", 0.0)
    build_city(demo_source(), out, progress=within(progress, 0.3, 1.0), built_at=BUILT_AT)
    return out
