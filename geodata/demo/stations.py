"""The police of the demo city: the city's bureau, ten county bureaus, stations with their areas, and brigades."""

from __future__ import annotations

from shapely.geometry import Point

from geodata.building.source import SourceOrganisation
from geodata.demo.ground import District, Ground, Town, to_degrees
from geodata.openstreetmap.osm_organisations import nearest_cells

CITY_CODE = "330200000000"
TRAFFIC_DIGITS = "910000"
_BRIGADES = (
    # last six digits of the code, Chinese, English, metres east and north of the seat
    (TRAFFIC_DIGITS, "交警", "Traffic Police", -420.0, 260.0),
    ("920000", "特警", "Special Police", 380.0, -310.0),
)


def make_organisations(ground: Ground) -> list[SourceOrganisation]:
    """City first, then each county with its stations and brigades."""
    seat = ground.seats[CITY_CODE[:6]]
    lon, lat = _degrees(seat)
    made = [
        SourceOrganisation(CITY_CODE, "宁波市公安局", "Ningbo Public Security Bureau", "city", None, lon, lat, True, ground.city_outline)
    ]
    made += _brigades(CITY_CODE, "宁波市公安局", "Ningbo", "支队", "Division", seat)
    for district in ground.districts:
        made += _county(district, ground)
    return made


def station_code(ground: Ground, town: Town) -> str:
    """Code of the station in a town: its district's six digits, a running number, four zeros."""
    number = [t.name for t in ground.towns if t.district == town.district].index(town.name) + 1
    return f"{town.district}{number:02d}0000"


def _county(district: District, ground: Ground) -> list[SourceOrganisation]:
    code, short = district.code, district.code[:6]
    lon, lat = _degrees(ground.seats[short])
    plain = district.name_en.split()[0]
    is_branch = district.name.endswith("区")
    name = f"宁波市公安局{district.name[:-1]}分局" if is_branch else f"{district.name}公安局"
    name_en = f"Ningbo Public Security Bureau, {plain} Branch" if is_branch else f"{district.name_en} Public Security Bureau"
    made = [SourceOrganisation(code, name, name_en, "county", CITY_CODE, lon, lat, True, district.outline)]
    towns = [town for town in ground.towns if town.district == short]
    places = [_degrees(Point(town.x, town.y)) for town in towns]
    for town, (at_lon, at_lat), area in zip(towns, places, nearest_cells(district.outline, places), strict=True):
        station = f"{town.name_en} Police Station"
        made.append(
            SourceOrganisation(
                station_code(ground, town), f"{town.name}派出所", station, "station", code, at_lon, at_lat, town.command_room, area
            )
        )
    return made + _brigades(code, name, plain, "大队", "Brigade", ground.seats[short])


def _brigades(parent: str, name: str, plain: str, rank: str, rank_en: str, seat: Point) -> list[SourceOrganisation]:
    """Traffic police and special police at a bureau; they have no area of their own."""
    made = []
    for digits, zh, en, east, north in _BRIGADES:
        lon, lat = _degrees(Point(seat.x + east, seat.y + north))
        made.append(
            SourceOrganisation(parent[:6] + digits, f"{name}{zh}{rank}", f"{plain} {en} {rank_en}", "station", parent, lon, lat, False)
        )
    return made


def _degrees(point: Point) -> tuple[float, float]:
    moved = to_degrees(point)
    return moved.x, moved.y
