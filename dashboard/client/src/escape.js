// How a pursuit is drawn: where the target may be now, what it reaches next, the closing lines to come, and each way out with its margin.
import { IconLayer, PathLayer, SolidPolygonLayer, TextLayer } from "@deck.gl/layers";
import { metresPerPixel } from "./basemap.js";
import { FONT, magnified, rgb, theme, token } from "./draw.js";
import { state } from "./state.js";
import { countdown } from "./words.js";

const DASH_PX = [9, 7];
const METRES_PER_DEGREE = 111_195;

export function escapeLayers({ answer, aheadS, places, seen, earlier }, atlas) {
  const colour = (alpha) => rgb(token("escape"), alpha);
  const areas = (answer?.areas.features ?? []).map(({ properties, geometry }) => ({ afterS: properties.after_s, polygons: geometry.coordinates }));
  const now = areas.filter((area) => area.afterS === 0).flatMap((area) => area.polygons);
  const later = areas.filter((area) => area.afterS > 0);
  const always = { parameters: { depthCompare: "always" } };
  const below = [
    new SolidPolygonLayer({ id: "escape-area", data: now, getPolygon: (polygon) => polygon, getFillColor: colour(theme() === "dark" ? 46 : 40), ...always }),
    new PathLayer({
      id: "escape-lines",
      data: later.flatMap((area) => area.polygons.flatMap((polygon) => dashes(polygon[0]).map((path) => ({ path, afterS: area.afterS })))),
      getPath: (dash) => dash.path,
      getColor: (dash) => colour(230 - dash.afterS / 3),
      getWidth: 1.7 * magnified(),
      widthUnits: "pixels",
      updateTriggers: { getColor: theme() },
      ...always,
    }),
    new PathLayer({ id: "escape-edge", data: now, getPath: (polygon) => polygon[0], getColor: colour(255), getWidth: 2.6 * magnified(), widthUnits: "pixels", jointRounded: true, ...always }),
    new PathLayer({
      id: "escape-front",
      data: grown(answer?.front.streets ?? [], aheadS),
      getPath: (path) => path,
      getColor: colour(255),
      getWidth: 9,
      widthMinPixels: 3,
      widthMaxPixels: 7,
      capRounded: true,
      ...always,
    }),
  ];
  const above = [
    new IconLayer({
      id: "escape-seen",
      data: [seen],
      iconAtlas: atlas.image,
      iconMapping: atlas.mapping,
      getIcon: () => "target",
      getPosition: (one) => [one.lon, one.lat],
      getSize: 44 * magnified(),
      ...always,
    }),
    labels("escape-earlier", earlier.map((one, k) => ({ ...one, text: String(earlier.length - k), ink: token("escape-ink"), ground: token("escape") }))),
    labels("escape-places", places.map(marked)),
  ];
  return { below, above: state.lettered ? above : above.slice(0, 1), alone: true };
}

// A plus is time left, a minus is time lacking: the colour only says it again.
function marked(place) {
  const text = place.crew ? `${place.margin_s >= 0 ? "+" : "−"}${countdown(Math.abs(place.margin_s))}` : "×";
  return { ...place, text, ink: token("panel"), ground: token(place.crew ? (place.margin_s >= 0 ? "good" : "bad") : "faint") };
}

function labels(id, data) {
  return new TextLayer({
    id,
    data,
    characterSet: "auto",
    fontFamily: FONT,
    fontWeight: 700,
    getText: (one) => one.text,
    getPosition: (one) => [one.lon, one.lat],
    getSize: 12 * magnified(),
    getColor: (one) => rgb(one.ink),
    background: true,
    backgroundPadding: [6, 3, 6, 3],
    backgroundBorderRadius: 4,
    getBackgroundColor: (one) => rgb(one.ground, 240),
    updateTriggers: { getColor: theme(), getBackgroundColor: theme() },
    parameters: { depthCompare: "always" },
  });
}

// The parts of the next streets that are reached `aheadS` seconds after the answer, each from its earlier end.
export function grown(streets, aheadS) {
  const reached = [];
  for (const { path, after_s: times } of streets) {
    const backwards = times[times.length - 1] < times[0];
    const points = backwards ? [...path].reverse() : path;
    const at = backwards ? [...times].reverse() : times;
    if (at[0] > aheadS) continue;
    const part = [points[0]];
    for (let k = 1; k < points.length; k += 1) {
      if (at[k] <= aheadS) {
        part.push(points[k]);
        continue;
      }
      const share = (aheadS - at[k - 1]) / (at[k] - at[k - 1]);
      part.push([0, 1].map((axis) => points[k - 1][axis] + share * (points[k][axis] - points[k - 1][axis])));
      break;
    }
    if (part.length > 1) reached.push(part);
  }
  return reached;
}

// A line in dashes of a fixed length on the screen.
export function dashes(path) {
  const scale = Math.cos((path[0][1] * Math.PI) / 180);
  const lengths = DASH_PX.map((px) => (px * magnified() * metresPerPixel()) / METRES_PER_DEGREE);
  const parts = [];
  let drawing = true;
  let left = lengths[0];
  let part = [path[0]];
  for (let k = 1; k < path.length; k += 1) {
    let from = path[k - 1];
    const to = path[k];
    let length = Math.hypot((to[0] - from[0]) * scale, to[1] - from[1]);
    while (length > left) {
      const share = left / length;
      from = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
      length -= left;
      if (drawing) parts.push([...part, from]);
      drawing = !drawing;
      part = [from];
      left = lengths[drawing ? 0 : 1];
    }
    left -= length;
    part.push(to);
  }
  if (drawing && part.length > 1) parts.push(part);
  return parts;
}
