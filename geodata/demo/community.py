"""Key places, communities, hazardous sites and public services of the demo city. All invented but a few landmarks."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Point

from geodata.building.source import SourceElement
from geodata.demo.elements import Site, Surroundings, at_seats, in_towns, numbered
from geodata.demo.ground import Town, to_metres

GATES = 150
WEATHER_STATIONS = 12

LANDMARKS = (
    # lon, lat, Chinese, English, kind
    (121.5317, 29.8638, "宁波火车站", "Ningbo Railway Station", "station"),
    (121.5965, 29.8560, "宁波东站", "Ningbo East Railway Station", "station"),
    (121.4640, 29.8240, "宁波栎社国际机场", "Ningbo Lishe International Airport", "airport"),
    (121.4950, 29.8550, "宁波客运中心", "Ningbo Coach Terminal", "station"),
    (121.5506, 29.8708, "天一广场", "Tianyi Square", "mall"),
    (121.5581, 29.8812, "老外滩", "Old Bund", "mall"),
    (121.5510, 29.8770, "和义大道购物中心", "Heyi Avenue", "mall"),
    (121.5530, 29.8120, "鄞州万达广场", "Yinzhou Wanda Plaza", "mall"),
    (121.6250, 29.8660, "宁波文化广场", "Ningbo Culture Plaza", "culture"),
    (121.6190, 29.8690, "宁波市行政中心", "Municipal Administration Centre", "government"),
    (121.6310, 29.9120, "宁波大学", "Ningbo University", "school"),
    (121.5650, 29.8000, "宁波诺丁汉大学", "University of Nottingham Ningbo", "school"),
    (121.5400, 29.8680, "月湖", "Moon Lake", "scenic"),
    (121.5437, 29.8760, "鼓楼", "Drum Tower", "scenic"),
    (121.5420, 29.8640, "天一阁", "Tianyi Pavilion", "scenic"),
    (121.7860, 29.8060, "天童寺", "Tiantong Temple", "scenic"),
    (121.2660, 29.6880, "溪口雪窦山景区", "Xikou Xuedou Mountain", "scenic"),
    (121.8440, 29.9300, "北仑港", "Beilun Port", "port"),
    (121.5570, 29.8930, "宁波市第一医院", "Ningbo First Hospital", "hospital"),
    (121.5790, 29.8560, "宁波市李惠利医院", "Lihuili Hospital", "hospital"),
    (121.5330, 29.8640, "宁波市妇女儿童医院", "Women and Children's Hospital", "hospital"),
)

# UN number, substance, class: goods that often pass through a port city.
SUBSTANCES = (
    (1203, "汽油", "3"),
    (1202, "柴油", "3"),
    (1005, "无水氨", "2.3"),
    (1017, "氯", "2.3"),
    (1075, "液化石油气", "2.1"),
    (1972, "液化天然气", "2.1"),
    (1170, "乙醇", "3"),
    (1294, "甲苯", "3"),
    (1114, "苯", "3"),
    (1830, "硫酸", "8"),
    (1824, "氢氧化钠溶液", "8"),
    (1093, "丙烯腈", "3"),
)
# Towns with chemical industry, and how many sites each has.
HAZMAT_TOWNS = {
    "石化": 9,
    "澥浦": 5,
    "后海塘": 3,
    "大榭": 6,
    "港区": 4,
    "霞浦": 3,
    "杭州湾新区": 3,
    "庵东": 1,
    "白峰": 2,
    "贵驷": 1,
    "小曹娥": 2,
    "石浦": 1,
}


def make_key_places(around: Surroundings) -> list[SourceElement]:
    """Landmarks, then schools, hospitals, banks and communities of every town."""
    sites = []
    for lon, lat, name, name_en, kind in LANDMARKS:
        point = to_metres(Point(lon, lat))
        sites.append(Site(point.x, point.y, {"name": name, "name_en": name_en, "kind": kind}))
    for town in around.ground.towns:
        for name, kind in _places_of(town, around.rng):
            i = around.kerb_near(town.x, town.y, 900.0)
            sites.append(Site(float(around.kerbs.x[i]), float(around.kerbs.y[i]), {"name": name, "kind": kind}))
    return numbered(around, "key_place", "key", 4, sites)


def _places_of(town: Town, rng: np.random.Generator) -> list[tuple[str, str]]:
    hospital = f"{town.name}{'医院' if town.size == 2 else '社区卫生服务中心' if town.size == 0 else '卫生院'}"
    places = [(f"{town.name}中心小学", "school"), (hospital, "hospital"), (f"{town.name}农商银行", "bank")]
    if town.size != 1 or rng.random() < 0.4:
        places.append((f"{town.name}{rng.choice(list('一二三四五六'))}村社区", "community"))
    if rng.random() < 0.2:
        places.append((f"{town.name}中学", "school"))
    return places


def make_volunteer_patrols(around: Surroundings) -> list[SourceElement]:
    """Volunteer patrols of the larger stations' towns."""
    rng = around.rng
    shifts = ("19:00-22:00", "18:30-21:30", "20:00-23:00")
    return in_towns(
        around,
        "volunteer_patrol",
        "vol",
        6,
        600.0,
        lambda town: {"name": f"{town.name}义务巡逻队", "members": int(rng.integers(6, 31)), "shift": str(rng.choice(shifts))},
    )


def make_community_gates(around: Surroundings) -> list[SourceElement]:
    """Gates of housing estates in the urban quarters."""
    rng = around.rng
    quarters = [town for town in around.ground.towns if town.size == 0 or town.size == 2]
    sites = []
    for n in range(GATES):
        town = quarters[n % len(quarters)]
        i = around.kerb_near(town.x, town.y, 800.0)
        estate = f"{town.name}{rng.choice(['花园', '新村', '家园', '名邸', '小区', '公寓'])}"
        gate = str(rng.choice(["东门", "南门", "西门", "北门"]))
        properties = {"name": estate + gate, "kind": "staffed" if rng.random() < 0.7 else "automatic", "barrier": bool(rng.random() < 0.8)}
        sites.append(Site(float(around.kerbs.x[i]), float(around.kerbs.y[i]), properties))
    return numbered(around, "community_gate", "gate", 3, sites)


def make_hazmat_sites(around: Surroundings) -> list[SourceElement]:
    """Sites with dangerous goods, by the coast and the port."""
    rng = around.rng
    sites = []
    for town in around.ground.towns:
        for n in range(HAZMAT_TOWNS.get(town.name, 0)):
            number, substance, hazard = SUBSTANCES[int(rng.integers(len(SUBSTANCES)))]
            i = around.kerb_near(town.x, town.y, 1_800.0)
            properties = {
                "name": f"{town.name}{substance}储罐区{n + 1}号",
                "kind": str(rng.choice(["storage", "plant", "terminal"])),
                "substance": substance,
                "un_number": number,
                "hazard_class": hazard,
                "quantity_t": int(rng.integers(2, 900)) * 10,
                "evacuation_m": int(rng.choice([300, 500, 800, 1_000])),
            }
            sites.append(Site(float(around.kerbs.x[i]), float(around.kerbs.y[i]), properties))
    return numbered(around, "hazmat_site", "haz", 3, sites)


def make_weather_stations(around: Surroundings) -> list[SourceElement]:
    """One for every district and two for the hills."""
    stations = at_seats(around, "weather_station", "wx", 2_500.0, lambda name: {"name": f"{name}气象站", "kind": "national"})
    hills = [town for town in around.ground.towns if town.name in ("四明山", "大堰")][: WEATHER_STATIONS - len(stations)]
    sites = [Site(town.x, town.y, {"name": f"{town.name}高山气象站", "kind": "mountain"}) for town in hills]
    return stations + numbered(around, "weather_station", "wx-hill", 1, sites)


def make_public_services(around: Surroundings) -> list[SourceElement]:
    """Service halls, self-service kiosks and case-handling areas."""
    rng = around.rng

    def hall(name: str, kind: str) -> dict[str, object]:
        windows = int(rng.integers(6, 24))
        return {
            "name": name,
            "kind": kind,
            "windows": windows,
            "appointments_per_hour": windows * int(rng.integers(4, 9)),
            "opens": "08:30-17:00",
        }

    halls = at_seats(around, "service_hall", "hall", 900.0, lambda name: hall(f"{name}公安办证中心", "police"))
    halls += at_seats(around, "service_hall", "hall-gov", 1_400.0, lambda name: hall(f"{name}政务服务中心", "government"))
    kiosks = in_towns(
        around,
        "self_service_kiosk",
        "kiosk",
        4,
        250.0,
        lambda town: {
            "name": f"{town.name}派出所自助办证机",
            "kind": str(rng.choice(["id_card", "exit_entry", "vehicle"])),
            "opens": "00:00-24:00",
        },
    )
    areas = at_seats(around, "case_area", "case", 700.0, lambda name: {"name": f"{name}执法办案中心", "rooms": int(rng.integers(8, 21))})
    areas += in_towns(
        around, "case_area", "case-station", 1, 200.0, lambda town: {"name": f"{town.name}派出所办案区", "rooms": int(rng.integers(2, 6))}
    )
    return halls + kiosks + areas
