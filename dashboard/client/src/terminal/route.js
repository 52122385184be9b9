// A small north-up picture of the way along the streets: no tiles, no network beyond one answer of the server.
const SVG = "http://www.w3.org/2000/svg";
const SIZE = 320;
const MARGIN = 28;

export async function fetchRoute(from, to) {
  const query = new URLSearchParams({ from_lon: from.lon, from_lat: from.lat, to_lon: to.lon, to_lat: to.lat });
  const answer = await fetch(`/api/v1/eta?${query}`);
  return answer.ok ? answer.json() : null;
}

export function drawRoute(coordinates) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SIZE} ${SIZE * 0.6}`);
  svg.setAttribute("class", "route");
  const squeeze = Math.cos((coordinates[0][1] * Math.PI) / 180);
  const xs = coordinates.map((c) => c[0] * squeeze), ys = coordinates.map((c) => -c[1]);
  const west = Math.min(...xs), north = Math.min(...ys);
  const wide = Math.max(...xs) - west || 1e-9, high = Math.max(...ys) - north || 1e-9;
  const scale = Math.min((SIZE - 2 * MARGIN) / wide, (SIZE * 0.6 - 2 * MARGIN) / high);
  const x0 = (SIZE - wide * scale) / 2, y0 = (SIZE * 0.6 - high * scale) / 2;
  const points = xs.map((x, i) => [x0 + (x - west) * scale, y0 + (ys[i] - north) * scale]);
  add(svg, "polyline", { points: points.map((p) => p.join(",")).join(" "), class: "way" });
  add(svg, "circle", { cx: points[0][0], cy: points[0][1], r: 7, class: "me" });
  const [ex, ey] = points.at(-1);
  add(svg, "path", { d: `M${ex} ${ey} l-9 -16 a10 10 0 1 1 18 0 z`, class: "goal" });
  const north_mark = add(svg, "text", { x: SIZE - 18, y: 20, class: "north" });
  north_mark.textContent = "N↑";
  return svg;
}

function add(parent, name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return parent.appendChild(node);
}
