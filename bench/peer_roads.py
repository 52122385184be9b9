"""Worker for the road peers: pandana, networkx and Valhalla, each timing its own work. Runs in `.venv-bench`.

One JSON request a line on standard input, one answer a line on standard output, see `bench.harness.Peer`.
Graph files are .npz: node_lon, node_lat, tail, head, time_s (of edges a car may take).
"""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

GRAPHS: dict[str, Any] = {}
ACTORS: dict[str, Any] = {}


def load_pandana(graph: str, **_: Any) -> dict[str, Any]:
    import pandana
    import pandas as pd

    data = np.load(graph)
    begin = time.perf_counter()
    # Reversed, because the question is who can come to a place, not who can leave it.
    network = pandana.Network(
        pd.Series(data["node_lon"]),
        pd.Series(data["node_lat"]),
        pd.Series(data["head"]),
        pd.Series(data["tail"]),
        pd.DataFrame({"time_s": data["time_s"].astype(float)}),
        twoway=False,
    )
    GRAPHS["pandana"] = network
    return {"seconds": time.perf_counter() - begin}


def search_pandana(node: int, limit_s: float, **_: Any) -> dict[str, Any]:
    network = GRAPHS["pandana"]
    begin = time.perf_counter()
    found = network.nodes_in_range([node], limit_s, imp_name="time_s")
    return {"seconds": time.perf_counter() - begin, "nodes": len(found)}


def coverage_pandana(lon: list[float], lat: list[float], limit_s: float, **_: Any) -> dict[str, Any]:
    """Seconds from the nearest unit to every node; the units have moved, so they are set anew."""
    import pandas as pd

    network = GRAPHS["pandana"]
    x, y = pd.Series(lon), pd.Series(lat)
    begin, cpu_begin = time.perf_counter(), time.process_time()
    network.set_pois("units", limit_s, 1, x, y)
    found = network.nearest_pois(limit_s, "units", num_pois=1)
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu_begin
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "nodes": int((found[1] < limit_s).sum())}


def load_networkx(graph: str, **_: Any) -> dict[str, Any]:
    import networkx

    data = np.load(graph)
    begin = time.perf_counter()
    network = networkx.DiGraph()
    # The slowest first: of two streets between the same crossings the later, faster one is kept.
    order = np.argsort(-data["time_s"])
    columns = (data[name][order].tolist() for name in ("head", "tail", "time_s"))
    network.add_weighted_edges_from(zip(*columns, strict=True), weight="time_s")
    GRAPHS["networkx"] = network
    return {"seconds": time.perf_counter() - begin}


def search_networkx(node: int, limit_s: float, **_: Any) -> dict[str, Any]:
    import networkx

    network = GRAPHS["networkx"]
    begin = time.perf_counter()
    found = networkx.single_source_dijkstra_path_length(network, node, cutoff=limit_s, weight="time_s")
    return {"seconds": time.perf_counter() - begin, "nodes": len(found)}


def coverage_networkx(nodes: list[int], limit_s: float, **_: Any) -> dict[str, Any]:
    """Seconds from the nearest unit to every node; `GRAPHS` holds the reversed graph, so it is turned round once."""
    import networkx

    forward = GRAPHS.get("networkx forward")
    if forward is None:
        forward = GRAPHS["networkx forward"] = GRAPHS["networkx"].reverse()
    begin = time.perf_counter()
    found = networkx.multi_source_dijkstra_path_length(forward, set(nodes), cutoff=limit_s, weight="time_s")
    return {"seconds": time.perf_counter() - begin, "nodes": len(found)}


def load_valhalla(name: str, osm: str, tiles: str, **_: Any) -> dict[str, Any]:
    import valhalla

    folder = Path(tiles)
    begin = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    config = valhalla.config.get_config(tile_extract="", tile_dir=str(folder), verbose=False)
    config["service_limits"]["auto"].update(max_matrix_distance=400000.0, max_matrix_location_pairs=10000, max_locations=10000)
    config["service_limits"]["isochrone"]["max_contours"] = 4
    if not any(folder.rglob("*.gph")):
        builder = Path(valhalla.__file__).parent / "bin" / "valhalla_build_tiles"
        # Some installers drop the permission to execute.
        builder.chmod(builder.stat().st_mode | stat.S_IXUSR)
        file = folder / "build.json"
        file.write_text(json.dumps(config))
        done = subprocess.run([builder, "-c", file, osm], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"valhalla_build_tiles ended with {done.returncode}: {(done.stderr + done.stdout)[-300:]}")
    ACTORS[name] = valhalla.Actor(config)
    return {"seconds": time.perf_counter() - begin}


def isochrone_valhalla(name: str, lon: float, lat: float, minutes: list[float], **_: Any) -> dict[str, Any]:
    request = json.dumps(
        {
            "locations": [{"lat": lat, "lon": lon}],
            "costing": "auto",
            "contours": [{"time": m} for m in minutes],
            "polygons": True,
            "reverse": True,
        }
    )
    actor = ACTORS[name]
    begin = time.perf_counter()
    answer = actor.isochrone(request)
    return {"seconds": time.perf_counter() - begin, "bytes": len(answer)}


def matrix_valhalla(name: str, sources: list[list[float]], lon: float, lat: float, **_: Any) -> dict[str, Any]:
    request = json.dumps({"sources": [{"lat": b, "lon": a} for a, b in sources], "targets": [{"lat": lat, "lon": lon}], "costing": "auto"})
    actor = ACTORS[name]
    begin = time.perf_counter()
    answer = actor.matrix(request)
    seconds = time.perf_counter() - begin
    times = json.loads(answer)["sources_to_targets"]
    flat = times["durations"] if isinstance(times, dict) else [[cell["time"] for cell in row] for row in times]
    return {"seconds": seconds, "eta_s": [row[0] for row in flat]}


OPERATIONS = {
    f.__name__: f
    for f in (
        load_pandana,
        search_pandana,
        coverage_pandana,
        load_networkx,
        search_networkx,
        coverage_networkx,
        load_valhalla,
        isochrone_valhalla,
        matrix_valhalla,
    )
}


def main() -> None:
    # Peers print to standard output, which here is the answers' channel: keep it and give them standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = OPERATIONS[request["op"]](**request)
        except Exception as error:  # the peer's own failure is a note of the benchmark, whatever it is
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
