// What is drawn over the base map: rings, reached streets, elements, units, incidents. Units glide in one frame loop that
// redraws only as often as the fastest of them moves half a pixel: at city scale that is once a second.
import { IconLayer, ScatterplotLayer, TextLayer } from "@deck.gl/layers";
import { basemap, drawOverlay, metresPerPixel } from "./basemap.js";
import { circleLayers } from "./circle_layers.js";
import { FONT, magnified, rgb, sizeAt, theme, token } from "./draw.js";
import { drawnElements } from "./elements.js";
import { fleet, glide, placeAgeS } from "./fleet.js";
import { drawAtlas } from "./icons.js";
import { isOpen } from "./live.js";
import { sceneLayers } from "./rings.js";
import { on, serverNow, state } from "./state.js";
import { age } from "./words.js";
import { MARKS_FROM_ZOOM, iconOf } from "./video/camera_marks.js";
import { failingLayer } from "./video/failing_layer.js";

const LABELS_FROM_ZOOM = 13.2;
const MOST_LABELS = 260;
const HALF_PIXEL = 0.5;
const NO_FRAME = { x: 0, y: 0, width: 0, height: 0 };
const QUICKEST_MS = 15; // about sixty frames a second
const SLOWEST_MS = 1_000;
// Whoever asks the system for less motion, or spares an old machine, sees units move once a second.
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const ARROWS_FROM_ZOOM = 10.8;
const FADED_AFTER_S = 60;
const OLD_AFTER_S = 300;

let atlas = null;
let dirty = { fleet: true, scene: true, rest: true, guests: true };
let scene = { rings: [], streets: [], point: null };
let asked = 0; // animation frame
let pause = 0; // timeout until nothing on screen would have moved half a pixel
// Compact buffers of the units that are drawn; index k of a buffer is unit drawn.index[k].
const drawn = { index: new Int32Array(0), count: 0, attributes: {}, within: null, ages: "" };
const layers = { scene: [], elements: [], units: [], labels: [], incidents: [], below: [], above: [], alone: false };
// By name what makes their layers: (atlas) => {below, above} the units; `alone` where no rings shall be drawn meanwhile.
const guests = new Map();
export const timing = { frames: 0, busyMs: 0 };

export async function startOverlay() {
  await redrawAtlas();
  on("moved", (atOnce) => (atOnce ? touch("fleet") : wake()));
  for (const topic of ["fleet", "switches"]) on(topic, () => touch("fleet"));
  for (const topic of ["incidents-replaced", "incident", "selection", "zoom", "camera", "elements-loaded", "switches", "circles"]) on(topic, () => touch("rest"));
  setInterval(fade, 1_000);
  basemap.map.on("move", () => (leavesListed() ? touch("fleet") : wake()));
  touch("fleet");
}

export async function redrawAtlas() {
  atlas = await drawAtlas(state.config, document.documentElement.dataset.theme);
  for (const name of Object.keys(dirty)) dirty[name] = true;
  wake();
}

export function showScene(next) {
  scene = next;
  touch("scene");
}

// Layers of a part of the page that is not always there. Call again when they have changed; `null` takes them away.
export function drawBy(name, makeLayers) {
  if (makeLayers) guests.set(name, makeLayers);
  else guests.delete(name);
  touch("guests");
}

function touch(what) {
  dirty[what] = true;
  clearTimeout(pause);
  pause = 0;
  wake();
}

// Units fade with the age of their position. Where none has faded and nothing moves, nothing is drawn: a map at rest costs nothing.
// A pause that runs need not end for it: it never lasts longer than this comes round.
function fade() {
  dirty.fleet = true; // whatever is drawn next, where they are and how old is listed anew
  const now = ages();
  if (now !== drawn.ages) wake();
  drawn.ages = now;
}

// How old the positions of the listed units look: their shades, and what labels say of it.
function ages() {
  const now = serverNow();
  const shades = Array.from({ length: drawn.count }, (_, k) => shadeOf(placeAgeS(drawn.index[k], now)));
  const said = labelled.filter((label) => label.old).map((label) => age(placeAgeS(label.index, now)));
  return `${shades} ${said}`;
}

const shadeOf = (ageS) => (ageS > OLD_AFTER_S ? 80 : ageS > FADED_AFTER_S ? 150 : 255);

function wake() {
  if (!pause) asked ||= requestAnimationFrame(frame);
}

function frame(nowMs) {
  asked = 0;
  if (fleet.awaited) return; // a map without anybody on it would be drawn for nothing: the frame with their places wakes this again
  const startedMs = performance.now();
  const fastestMps = glide(nowMs);
  const selectedUnit = state.selection?.kind === "unit";
  if (dirty.fleet) listUnits();
  placeUnits();
  if (dirty.rest) {
    layers.elements = elementLayers();
    layers.incidents = incidentLayers();
  }
  const wereAlone = layers.alone;
  if (dirty.guests || dirty.rest) {
    const made = [...guests.values()].map((makeLayers) => makeLayers(atlas));
    layers.below = made.flatMap((one) => one.below);
    layers.above = made.flatMap((one) => one.above);
    layers.alone = made.some((one) => one.alone);
  }
  // A layer that was taken off the map can't be put on it again: it is made anew.
  if (dirty.scene || layers.alone !== wereAlone) layers.scene = layers.alone ? [] : sceneLayers(scene, atlas);
  layers.units = unitLayers();
  layers.labels = labelLayers(dirty.rest || dirty.fleet);
  dirty = { fleet: false, scene: false, rest: false, guests: false };
  basemap.overlay.setProps({
    layers: [
      ...layers.scene, ...layers.below, ...circleLayers(atlas), ...layers.elements, ...layers.units, ...layers.labels, ...layers.incidents, ...layers.above,
      ...(selectedUnit ? [unitHalo()] : []),
    ],
  });
  drawOverlay(nowMs);
  timing.frames += 1;
  timing.busyMs += performance.now() - startedMs;
  if (fastestMps > 0) {
    const halfPixelMs = calm.matches ? SLOWEST_MS : (1000 * HALF_PIXEL * metresPerPixel()) / fastestMps;
    const pauseMs = Math.min(SLOWEST_MS, Math.max(QUICKEST_MS, halfPixelMs));
    if (pauseMs <= 20) wake();
    else pause ||= setTimeout(resume, pauseMs - 8);
  }
}

function resume() {
  pause = 0;
  wake();
}

// ---- units -------------------------------------------------------------------------------------------------------------
// Only units about the view are drawn: half a view more to each side, so that a small move of the map shows no gap.
function aroundView() {
  const [west, south, east, north] = bounds();
  const [margin, rise] = [(east - west) / 2, (north - south) / 2];
  return [west - margin, south - rise, east + margin, north + rise];
}

function bounds() {
  const box = basemap.map.getBounds();
  return [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()];
}

function leavesListed() {
  if (!drawn.within) return true;
  const [west, south, east, north] = bounds();
  return west < drawn.within[0] || south < drawn.within[1] || east > drawn.within[2] || north > drawn.within[3];
}

function listUnits() {
  drawn.within = aroundView();
  const [west, south, east, north] = drawn.within;
  const { shown } = fleet;
  const { kinds, statuses } = state.config.marks;
  const kindIndex = new Map(kinds.map((kind, k) => [kind.id, k]));
  const isOn = kinds.map((kind) => state.on.has(kind.id));
  const bodyFrames = kinds.map((_, kind) => statuses.map((__, status) => atlas.mapping[`unit:${kind}:${status}`]));
  const arrowFrames = statuses.map((_, status) => atlas.mapping[`arrow:${status}`]);
  if (drawn.index.length < fleet.count) drawn.index = new Int32Array(fleet.capacity);
  const { colours, bodies, arrows, angles } = scratchFor(fleet.capacity);
  const now = serverNow();
  let count = 0;
  for (let index = 0; index < fleet.count; index += 1) {
    const kind = kindIndex.get(fleet.rows[index]?.kind);
    const lon = shown[2 * index];
    const lat = shown[2 * index + 1];
    if (!isOn[kind] || !(lon > west && lon < east && lat > south && lat < north)) continue;
    const status = Math.min(fleet.status[index], statuses.length - 1);
    colours[4 * count + 3] = shadeOf(placeAgeS(index, now));
    writeIcon(bodies, 7 * count, bodyFrames[kind][status]);
    const moving = fleet.speed[index] > 3 && fleet.heading[index] === fleet.heading[index];
    writeIcon(arrows, 7 * count, moving ? arrowFrames[status] : NO_FRAME);
    angles[count] = moving ? -fleet.heading[index] : 0;
    drawn.index[count++] = index;
  }
  drawn.count = count;
  const old = drawn.attributes;
  drawn.attributes = {
    colours: kept(old.colours, colours, 4, count),
    bodies: kept(old.bodies, bodies, 7, count),
    arrows: kept(old.arrows, arrows, 7, count),
    angles: kept(old.angles, angles, 1, count),
  };
}

// Where the attributes are written before it is known whether anything in them is new: every second, so not allocated every time.
let scratch = null;
function scratchFor(capacity) {
  if (!scratch || scratch.angles.length < capacity)
    scratch = {
      colours: new Uint8ClampedArray(4 * capacity).fill(255),
      bodies: new Float32Array(7 * capacity),
      arrows: new Float32Array(7 * capacity),
      angles: new Float32Array(capacity),
    };
  return scratch;
}

// The attribute for deck.gl: the very one it has when nothing in it is new, so that it is not sent to the graphics processor again.
function kept(old, written, size, count) {
  const length = size * count;
  let same = old && old.value.length === length;
  for (let k = 0; same && k < length; k += 1) same = old.value[k] === written[k];
  return same ? old : { value: written.slice(0, length), size };
}

// The seven numbers deck.gl's icon layer keeps for each icon: offset, frame in the texture, and whether it is a mask.
function writeIcon(target, at, frameOf) {
  target[at + 2] = frameOf.x;
  target[at + 3] = frameOf.y;
  target[at + 4] = frameOf.width;
  target[at + 5] = frameOf.height;
}

function placeUnits() {
  const positions = new Float64Array(2 * drawn.count);
  for (let k = 0; k < drawn.count; k += 1) {
    positions[2 * k] = fleet.shown[2 * drawn.index[k]];
    positions[2 * k + 1] = fleet.shown[2 * drawn.index[k] + 1];
  }
  drawn.attributes.positions = { value: positions, size: 2 };
}

function unitLayers() {
  const zoom = basemap.map.getZoom();
  const { positions, colours, bodies, arrows, angles } = drawn.attributes;
  const common = {
    iconAtlas: atlas.image,
    iconMapping: atlas.mapping,
    sizeUnits: "pixels",
    getSize: sizeAt(zoom, 12, 33),
    parameters: { depthCompare: "always" },
  };
  const bodyLayer = new IconLayer({
    ...common,
    id: "units",
    pickable: true,
    data: { length: drawn.count, attributes: { getPosition: positions, instanceIconDefs: bodies, getColor: colours } },
  });
  if (zoom < ARROWS_FROM_ZOOM) return [bodyLayer];
  const arrowLayer = new IconLayer({
    ...common,
    id: "unit-arrows",
    data: { length: drawn.count, attributes: { getPosition: positions, instanceIconDefs: arrows, getColor: colours, getAngle: angles } },
  });
  return [arrowLayer, bodyLayer];
}

export const unitAt = (k) => fleet.rows[drawn.index[k]];

let labelled = [];
let labelFrame = 0;

function labelLayers(relist) {
  const zoom = basemap.map.getZoom();
  if (zoom < LABELS_FROM_ZOOM || !state.lettered) return [];
  const now = serverNow();
  if (relist || !labelled.length) labelled = unitsInView(now);
  labelFrame += 1;
  return [
    new TextLayer({
      id: "unit-labels",
      data: labelled,
      characterSet: "auto",
      fontFamily: FONT,
      fontWeight: 600,
      getText: (label) => label.text,
      getPosition: (label) => [fleet.shown[2 * label.index], fleet.shown[2 * label.index + 1]],
      updateTriggers: { getPosition: labelFrame },
      getSize: 11.5 * magnified(),
      getPixelOffset: [0, 21 * magnified()],
      getColor: (label) => rgb(token("text"), label.old ? 150 : 255),
      background: true,
      backgroundPadding: [5, 2, 5, 2],
      backgroundBorderRadius: 3,
      getBackgroundColor: rgb(token("panel"), 210),
      fontSettings: { sdf: false, fontSize: 26 * Math.min(2, devicePixelRatio) },
      parameters: { depthCompare: "always" },
    }),
  ];
}

function unitsInView(now) {
  const [west, south, east, north] = bounds();
  const found = [];
  // One label a cell of about its own size: more would only cover each other.
  const cellLon = ((east - west) / basemap.map.getContainer().clientWidth) * 84 * magnified();
  const cellLat = ((north - south) / basemap.map.getContainer().clientHeight) * 26 * magnified();
  const taken = new Set();
  for (let k = 0; k < drawn.count && found.length < MOST_LABELS; k += 1) {
    const index = drawn.index[k];
    const lon = fleet.shown[2 * index];
    const lat = fleet.shown[2 * index + 1];
    if (!(lon > west && lon < east && lat > south && lat < north)) continue;
    const [column, line] = [Math.floor((lon - west) / cellLon), Math.floor((lat - south) / cellLat)];
    if (taken.has(column * 10_000 + line)) continue;
    for (const near of [-1, 0, 1]) taken.add((column + near) * 10_000 + line);
    const ageS = placeAgeS(index, now);
    const old = ageS > FADED_AFTER_S;
    found.push({ index, old, text: old ? `${fleet.rows[index].callsign} · ${age(ageS)}` : fleet.rows[index].callsign });
  }
  return found;
}

function unitHalo() {
  const index = fleet.indexById.get(state.selection.unit_id);
  return halo("unit-halo", index === undefined ? [] : [[fleet.shown[2 * index], fleet.shown[2 * index + 1]]], 40);
}

function halo(id, points, size) {
  return new IconLayer({
    id,
    data: points,
    iconAtlas: atlas.image,
    iconMapping: atlas.mapping,
    getIcon: () => "ring",
    getPosition: (point) => point,
    getSize: size * magnified(),
    parameters: { depthCompare: "always" },
  });
}

// ---- incidents ---------------------------------------------------------------------------------------------------------
function incidentLayers() {
  if (!state.on.has("incident")) return [];
  const zoom = basemap.map.getZoom();
  const placed = [...state.incidents.values()].filter((incident) => incident.lon !== null && isOpen(incident)).sort((a, b) => b.grade - a.grade);
  const chosen = state.selection?.kind === "incident" ? state.incidents.get(state.selection.incident_id) : null;
  const waiting = placed.filter((incident) => incident.stage === "received" && incident.grade <= 2);
  return [
    new ScatterplotLayer({
      id: "incident-waiting",
      data: waiting,
      getPosition: (incident) => [incident.lon, incident.lat],
      getRadius: sizeAt(zoom, 15, 26),
      radiusUnits: "pixels",
      getFillColor: (incident) => rgb(state.config.marks.grades[incident.grade][theme()], 60),
      parameters: { depthCompare: "always" },
    }),
    new IconLayer({
      id: "incidents",
      data: placed,
      pickable: true,
      iconAtlas: atlas.image,
      iconMapping: atlas.mapping,
      getIcon: (incident) => `incident:${incident.grade}`,
      getPosition: (incident) => [incident.lon, incident.lat],
      getSize: (incident) => sizeAt(zoom, incident.grade <= 2 ? 26 : 21, 42),
      updateTriggers: { getSize: [zoom], getIcon: theme() },
      parameters: { depthCompare: "always" },
    }),
    halo("incident-halo", chosen && chosen.lon !== null ? [[chosen.lon, chosen.lat]] : [], 56),
  ];
}

// ---- elements ----------------------------------------------------------------------------------------------------------
function elementLayers() {
  const zoom = basemap.map.getZoom();
  const stamps = drawnElements(basemap.map);
  const crowded = stamps.filter((stamp) => stamp.count > 1);
  const chosen = state.selection?.kind === "element" ? [[state.selection.lon, state.selection.lat]] : [];
  return [
    new IconLayer({
      id: "elements",
      data: stamps,
      pickable: true,
      iconAtlas: atlas.image,
      iconMapping: atlas.mapping,
      getIcon: (stamp) => iconOf(stamp, zoom),
      getPosition: (stamp) => [stamp.lon, stamp.lat],
      getSize: sizeAt(zoom, 20, 32),
      getColor: (stamp) => [255, 255, 255, stamp.stale ? 120 : 255],
      updateTriggers: { getIcon: [theme(), zoom >= MARKS_FROM_ZOOM] },
      parameters: { depthCompare: "always" },
    }),
    new TextLayer({
      id: "element-counts",
      data: crowded,
      fontFamily: FONT,
      fontWeight: 700,
      getText: (stamp) => String(stamp.count),
      getPosition: (stamp) => [stamp.lon, stamp.lat],
      getSize: 10 * magnified(),
      getPixelOffset: [9 * magnified(), -9 * magnified()],
      getColor: rgb(token("accent-ink")),
      background: true,
      backgroundPadding: [4, 1, 4, 1],
      backgroundBorderRadius: 6,
      getBackgroundColor: rgb(token("accent")),
      parameters: { depthCompare: "always" },
    }),
    ...failingLayer(stamps, zoom),
    halo("element-halo", chosen, 44),
  ];
}
