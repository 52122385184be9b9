"""The dash-leaflet peer: a Dash page with a GeoJSON layer of circles on a canvas. Runs in `.venv-bench`.

Arguments: port, path prefix, longitude, latitude, zoom. The page's scripts lie in `bench/peer_pages`.
"""

import sys
from pathlib import Path

import dash
import dash_leaflet as dl
from dash import html

PAGES = Path(__file__).parent / "peer_pages"


def app(prefix: str, lon: float, lat: float, zoom: float) -> dash.Dash:
    """Leaflet's zoom levels are one higher than MapLibre's, its tiles being half as wide."""
    made = dash.Dash(__name__, url_base_pathname=prefix, assets_folder=str(PAGES), assets_ignore="gate")
    made.layout = html.Div(
        dl.Map(
            dl.GeoJSON(
                id="units", data={"type": "FeatureCollection", "features": []}, pointToLayer={"variable": "dashExtensions.default.circle"}
            ),
            id="map",
            center=[lat, lon],
            zoom=zoom + 1,
            zoomSnap=0,
            preferCanvas=True,
            zoomControl=False,
            attributionControl=False,
            style={"position": "fixed", "inset": 0, "background": "#0b1117"},
        )
    )
    return made


if __name__ == "__main__":
    port, prefix, lon, lat, zoom = sys.argv[1:]
    app(prefix, float(lon), float(lat), float(zoom)).run(host="127.0.0.1", port=int(port))
