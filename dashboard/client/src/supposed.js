// How a supposition is drawn: where units would stand and where they do, closed streets, rings away from what was dragged, and the
// moves that are advised. Everything is dashed.
import { IconLayer, PathLayer, SolidPolygonLayer, TextLayer } from "@deck.gl/layers";
import { metresPerPixel } from "./basemap.js";
import { FONT, magnified, rgb, theme, token } from "./draw.js";
import { dashes } from "./escape.js";
import { state } from "./state.js";

const AVAILABLE = 0; // among the statuses: only those can be supposed elsewhere
const HEAD_PX = 11;
const METRES_PER_DEGREE = 111_195;
const always = { parameters: { depthCompare: "always" } };

export function supposedLayers({ units, posts, closed, rings, moves }, atlas) {
  const colour = (name, alpha = 255) => rgb(token(name), alpha);
  const areas = (rings?.features ?? []).flatMap(({ properties, geometry }) => geometry.coordinates.map((polygon) => ({ minutes: properties.minutes, polygon })));
  const dashed = (id, lines, getColor, width) =>
    new PathLayer({ id, data: lines.flatMap((line) => dashes(line.path).map((path) => ({ ...line, path }))), getPath: (one) => one.path, getColor, getWidth: width * magnified(), widthUnits: "pixels", updateTriggers: { getColor: theme() }, ...always });
  const below = [
    new SolidPolygonLayer({ id: "supposed-areas", data: areas, getPolygon: (area) => area.polygon, getFillColor: (area) => colour(`ring-${area.minutes}`, 22), updateTriggers: { getFillColor: theme() }, ...always }),
    dashed("supposed-rings", areas.map((area) => ({ minutes: area.minutes, path: area.polygon[0] })), (one) => colour(`ring-${one.minutes}`), 2),
    dashed("supposed-closed", closed.map((street) => ({ path: street.line.coordinates })), colour("bad"), 6),
  ];
  const links = units.map((one) => ({ path: [one.real, [one.lon, one.lat]] }));
  const icon = { iconAtlas: atlas.image, iconMapping: atlas.mapping, getPosition: (one) => [one.lon, one.lat], ...always };
  const above = [
    dashed("supposed-links", links, colour("suppose"), 1.8),
    new PathLayer({ id: "advised-arrows", data: moves.flatMap(arrow), getPath: (path) => path, getColor: colour("suppose"), getWidth: 2.6 * magnified(), widthUnits: "pixels", jointRounded: true, capRounded: true, ...always }),
    new IconLayer({ ...icon, id: "supposed-halos", data: [...units, ...posts], getIcon: () => "ring", getSize: 44 * magnified() }),
    new IconLayer({ ...icon, id: "supposed-units", data: units, pickable: true, getIcon: (one) => `unit:${one.kind}:${AVAILABLE}`, getSize: 30 * magnified(), updateTriggers: { getIcon: theme() } }),
    new IconLayer({ ...icon, id: "supposed-posts", data: posts, pickable: true, getIcon: () => "element:duty_post", getSize: 30 * magnified(), updateTriggers: { getIcon: theme() } }),
  ];
  if (!state.lettered) return { below, above, alone: true };
  const gains = moves.map((move) => ({ ...move.to, text: `${move.callsign} +${(100 * move.gain_share).toFixed(2)} %` }));
  return { below, above: [...above, labels("supposed-names", units.map((one) => ({ ...one, text: one.callsign }))), labels("advised-gains", gains)], alone: true };
}

function labels(id, data) {
  return new TextLayer({
    id,
    data,
    characterSet: "auto",
    fontFamily: FONT,
    fontWeight: 650,
    getText: (one) => one.text,
    getPosition: (one) => [one.lon, one.lat],
    getPixelOffset: [0, 24 * magnified()],
    getSize: 11.5 * magnified(),
    getColor: rgb(token("panel")),
    background: true,
    backgroundPadding: [5, 2, 5, 2],
    backgroundBorderRadius: 3,
    getBackgroundColor: rgb(token("suppose"), 240),
    ...always,
  });
}

// A straight line with a head: who is to go where, not by which way.
function arrow({ from, to }) {
  const scale = Math.cos((to.lat * Math.PI) / 180);
  const length = (HEAD_PX * magnified() * metresPerPixel()) / METRES_PER_DEGREE;
  const angle = Math.atan2(to.lat - from.lat, (to.lon - from.lon) * scale);
  const barb = (turn) => [to.lon - (Math.cos(angle + turn) * length) / scale, to.lat - Math.sin(angle + turn) * length];
  return [
    [[from.lon, from.lat], [to.lon, to.lat]],
    [barb(0.45), [to.lon, to.lat], barb(-0.45)],
  ];
}
