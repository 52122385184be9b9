"""Loadable code tables: incident types and dispositions. A city replaces them with a codes.toml in its folder."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from dispatch.model import Grade

BUILT_IN = Path(__file__).with_name("codes.toml")


class IncidentType(msgspec.Struct, frozen=True):
    """One kind of incident."""

    id: str
    zh: str
    en: str
    grade: Grade  # offered when the type is chosen; a person may set another
    confidential: bool = False  # seen by supervision and the level above only (投诉)
    share: float = 0.0  # demo feed: per cent of a day's incidents
    peak_hour: int = 12  # demo feed: local hour of day with most of them


class Disposition(msgspec.Struct, frozen=True):
    """One way an incident was closed."""

    id: str
    zh: str
    en: str


class Codes(msgspec.Struct, frozen=True):
    """All code tables of a city."""

    incident_type: tuple[IncidentType, ...]
    disposition: tuple[Disposition, ...]

    @property
    def type_by_id(self) -> dict[str, IncidentType]:
        """Incident types by id."""
        return {kind.id: kind for kind in self.incident_type}


def load_codes(city_file: Path | None = None) -> Codes:
    """The city's own tables where it has a file, else the built-in sample. Raises ValueError naming what is wrong."""
    path = city_file if city_file is not None and city_file.exists() else BUILT_IN
    try:
        codes = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Codes)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"code tables {path} can't be read: {error}") from None
    ids = [kind.id for kind in codes.incident_type]
    if len(set(ids)) != len(ids):
        raise ValueError(f"code tables {path}: incident type {max(ids, key=ids.count)} is declared twice")
    return codes
