// A small north-up picture of the way along the streets: no tiles, no network beyond one answer of the server.
import { h } from "./dom.js";
import { distance } from "./words.js";

const WIDE = 340, HIGH = 190, MARGIN = 30;
const METRES_PER_DEGREE = 111_320;

// {eta_s, distance_m, coordinates} or null where the server knows no way.
// The time is the road's alone: who asks is under way, or sees how far it is.
export async function fetchRoute(from, to, kind) {
  const query = new URLSearchParams({ from_lon: from.lon, from_lat: from.lat, to_lon: to.lon, to_lat: to.lat, kind });
  const answer = await fetch(`/api/v1/eta?${query}`);
  if (!answer.ok) return null;
  const { eta_s, distance_m, line } = await answer.json();
  return { eta_s, distance_m, coordinates: line.coordinates };
}

export function drawRoute(coordinates) {
  const squeeze = Math.cos((coordinates[0][1] * Math.PI) / 180);
  const xs = coordinates.map((c) => c[0] * squeeze), ys = coordinates.map((c) => -c[1]);
  const [west, east, north, south] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  // A way of a few metres is not blown up to the whole picture.
  const widest = 150 / METRES_PER_DEGREE;
  const scale = Math.min((WIDE - 2 * MARGIN) / Math.max(east - west, widest), (HIGH - 2 * MARGIN) / Math.max(south - north, widest));
  const place = (x, y) => [WIDE / 2 + (x - (west + east) / 2) * scale, HIGH / 2 + (y - (north + south) / 2) * scale];
  const points = xs.map((x, i) => place(x, ys[i]).map((v) => v.toFixed(1)));
  const line = points.map((p) => p.join(",")).join(" ");
  const [[mx, my], [gx, gy]] = [points[0], points.at(-1)];
  const bar = scaleBar(METRES_PER_DEGREE / scale);
  return h("svg", { key: "route", class: "route", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img" },
    h("polyline", { points: line, class: "casing" }), h("polyline", { points: line, class: "way" }),
    h("circle", { cx: mx, cy: my, r: 8, class: "me" }),
    h("path", { d: `M${gx} ${gy} l-9 -15 a10.5 10.5 0 1 1 18 0 z`, class: "goal" }),
    h("circle", { cx: gx, cy: gy - 20, r: 3.5, class: "eye" }),
    h("path", { d: `M${WIDE - 20} 30 l-6 4 6 -18 6 18 z`, class: "north" }), h("text", { x: WIDE - 20, y: 48, class: "label middle" }, "N"),
    h("path", { d: `M14 ${HIGH - 16} v6 h${bar.wide.toFixed(1)} v-6`, class: "bar" }),
    h("text", { x: 20 + bar.wide, y: HIGH - 10, class: "label" }, distance(bar.metres)));
}

// The longest round distance that takes at most a quarter of the picture.
function scaleBar(metresPerPixel) {
  const most = (WIDE / 4) * metresPerPixel;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].find((step) => step * power <= most) * power;
  return { metres, wide: metres / metresPerPixel };
}
