// Duty circles on the map: dashed outlines with the minutes of each tier, so that nobody takes them for rings by road, which are whole
// lines; of the open one also its gates and cameras, of the one that is edited its corners.
import { IconLayer, PathLayer, ScatterplotLayer, SolidPolygonLayer, TextLayer } from "@deck.gl/layers";
import { basemap, metresPerPixel } from "./basemap.js";
import { chosenCircle, circles, corners, drawnTier, isShown } from "./circle_state.js";
import { FONT, magnified, rgb, theme, token } from "./draw.js";
import { state } from "./state.js";
import { t } from "./words.js";

const NAMES_FROM_ZOOM = 11.5;
const MINUTES_FROM_ZOOM = 12.6;
const DASHES_PX = [[4, 5], [11, 6], [20, 7], [30, 8], [40, 9]]; // by tier: the wider the longer
const METRES_PER_DEGREE = 111_195;
const ON_TOP = { depthCompare: "always" };

let made = { key: "", layers: [] };

// The same layers again while nothing about them has changed: they lie in a list that is made anew with every move of a unit.
export function circleLayers(atlas) {
  const key = [circles.revision, basemap.map.getZoom().toFixed(2), theme(), isShown(), state.lettered, magnified()].join();
  if (key !== made.key) made = { key, layers: build(atlas) };
  return made.layers;
}

function build(atlas) {
  const zoom = basemap.map.getZoom();
  const { draft } = circles;
  const chosen = draft ?? chosenCircle();
  const others = isShown() && zoom >= NAMES_FROM_ZOOM ? circles.all.filter((one) => one.circle_id !== chosen?.circle_id) : [];
  const colour = rgb(token("circle"));
  const faint = rgb(token("circle"), 150);
  // All tiers of the open one; of the others the first, about the place: where circles lie close all of them would say nothing.
  const dashes = [...others.flatMap((one) => dashesOf({ tiers: one.tiers.slice(0, 1) }, faint)), ...(chosen ? dashesOf(chosen, colour) : [])];
  document.documentElement.classList.toggle("has-circles", dashes.length > 0);
  const named = [...others, ...(chosen && chosen.lon !== null ? [chosen] : [])];
  return [
    new SolidPolygonLayer({
      id: "circle-areas",
      data: chosen ? chosen.tiers.flatMap((tier) => polygonsOf(tier)) : [],
      getPolygon: (polygon) => polygon,
      getFillColor: rgb(token("circle"), draft ? 26 : 16),
      parameters: ON_TOP,
    }),
    new PathLayer({
      id: "circle-outlines",
      data: dashes,
      getPath: (dash) => dash.path,
      getColor: (dash) => dash.colour,
      getWidth: 2.4 * magnified(),
      widthUnits: "pixels",
      parameters: ON_TOP,
    }),
    ...(state.lettered && zoom >= MINUTES_FROM_ZOOM ? [minutesLayer(chosen ? [chosen] : [])] : []),
    ...(state.lettered ? [namesLayer(named)] : []),
    ...(chosen ? chosenLayers(chosen, atlas) : []),
    ...(draft ? handleLayers() : []),
  ];
}

const polygonsOf = (tier) => (Array.isArray(tier.area) ? tier.area : (tier.area?.coordinates ?? []));

function dashesOf(circle, colour) {
  return circle.tiers.flatMap((tier, at) =>
    polygonsOf(tier).flatMap((polygon) => polygon.flatMap((ring) => dashed(ring, DASHES_PX[Math.min(at, DASHES_PX.length - 1)]).map((path) => ({ path, colour })))),
  );
}

// A closed line as pieces of `on` pixels with `off` pixels between them, at the present zoom.
function dashed(ring, [onPx, offPx]) {
  const scale = metresPerPixel() * magnified();
  const [on, off] = [onPx * scale, offPx * scale];
  const pieces = [];
  let piece = [ring[0]];
  let left = on;
  let drawing = true;
  for (let k = 1; k < ring.length; k += 1) {
    const [from, to] = [ring[k - 1], ring[k]];
    const length = Math.hypot((to[0] - from[0]) * Math.cos((from[1] * Math.PI) / 180), to[1] - from[1]) * METRES_PER_DEGREE;
    let done = 0;
    while (length - done > left) {
      done += left;
      const share = done / length;
      const point = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
      if (drawing) pieces.push([...piece, point]);
      drawing = !drawing;
      piece = drawing ? [point] : [];
      left = drawing ? on : off;
    }
    left -= length - done;
    if (drawing) piece.push(to);
  }
  if (drawing && piece.length > 1) pieces.push(piece);
  return pieces;
}

function minutesLayer(shown) {
  const labels = shown.flatMap((circle) =>
    circle.tiers.flatMap((tier) => {
      const points = corners(polygonsOf(tier));
      if (!points.length) return [];
      const position = points.reduce((best, point) => (point[1] > best[1] ? point : best));
      return [{ position, text: t("{n} min", { n: tier.minutes }) }];
    }),
  );
  return text("circle-minutes", labels, { getSize: 11 * magnified(), getPixelOffset: [0, -9 * magnified()] });
}

function namesLayer(named) {
  const labels = named.map((circle) => ({ position: [circle.lon, circle.lat], text: `◎ ${circle.name || t("New duty circle")}`, circle_id: circle.circle_id }));
  return text("circle-names", labels, { getSize: 12.5 * magnified(), pickable: !circles.draft });
}

function text(id, data, more) {
  return new TextLayer({
    id,
    data,
    characterSet: "auto",
    fontFamily: FONT,
    fontWeight: 650,
    getText: (label) => label.text,
    getPosition: (label) => label.position,
    getColor: rgb(token("circle")),
    background: true,
    backgroundPadding: [5, 2, 5, 2],
    backgroundBorderRadius: 3,
    getBackgroundColor: rgb(token("panel"), 225),
    fontSettings: { sdf: false, fontSize: 26 * Math.min(2, devicePixelRatio) },
    parameters: ON_TOP,
    ...more,
  });
}

function chosenLayers(chosen, atlas) {
  const stateOf = new Map((circles.drill?.circle_id === chosen.circle_id ? circles.drill.tiers : []).flatMap((tier) => tier.gates.map((gate) => [`${gate.lon},${gate.lat}`, gate.state])));
  const gates = chosen.tiers.flatMap((tier) => tier.gates).filter((gate) => gate.lon !== null);
  const cameras = chosen.tiers.flatMap((tier) => tier.cameras.map((id) => circles.cameraAt.get(id))).filter(Boolean);
  return [
    new ScatterplotLayer({
      id: "circle-cameras",
      data: cameras,
      getPosition: (point) => point,
      getRadius: 15 * magnified(),
      radiusUnits: "pixels",
      filled: false,
      stroked: true,
      getLineColor: rgb(token("circle")),
      getLineWidth: 2,
      lineWidthUnits: "pixels",
      parameters: ON_TOP,
    }),
    new IconLayer({
      id: "circle-gates",
      data: gates,
      iconAtlas: atlas.image,
      iconMapping: atlas.mapping,
      getIcon: (gate) => (stateOf.get(`${gate.lon},${gate.lat}`) === "unmanned" ? "gate:open" : "gate:closed"),
      getPosition: (gate) => [gate.lon, gate.lat],
      getSize: 26 * magnified(),
      parameters: ON_TOP,
    }),
    ...(state.lettered && basemap.map.getZoom() >= 14
      ? [text("circle-gate-names", gates.map((gate) => ({ position: [gate.lon, gate.lat], text: gate.name || "–" })), { getSize: 11 * magnified(), getPixelOffset: [0, 19 * magnified()] })]
      : []),
  ];
}

// Corners to be drawn with the mouse, middles of sides that become corners, and the line that is being drawn.
function handleLayers() {
  const area = drawnTier()?.area ?? [];
  const middles = area.flatMap((polygon) => polygon.flatMap((ring) => ring.slice(1).map((point, k) => [(point[0] + ring[k][0]) / 2, (point[1] + ring[k][1]) / 2])));
  const active = circles.active && area[circles.active[0]]?.[circles.active[1]]?.[circles.active[2]];
  return [
    dots("circle-middles", middles, 3.2, rgb(token("panel"), 220)),
    dots("circle-corners", corners(area), 5.5, rgb(token("text"))),
    dots("circle-active", active ? [active] : [], 8, rgb(token("accent"))),
    new PathLayer({ id: "circle-line", data: circles.line.length > 1 ? [circles.line] : [], getPath: (line) => line, getColor: rgb(token("accent")), getWidth: 2.5, widthUnits: "pixels", parameters: ON_TOP }),
    dots("circle-line-corners", circles.line, 5.5, rgb(token("accent"))),
  ];
}

function dots(id, data, radius, fill) {
  return new ScatterplotLayer({
    id,
    data,
    getPosition: (point) => point,
    getRadius: radius,
    radiusUnits: "pixels",
    getFillColor: fill,
    stroked: true,
    getLineColor: rgb(token("circle")),
    getLineWidth: 2,
    lineWidthUnits: "pixels",
    parameters: ON_TOP,
  });
}
