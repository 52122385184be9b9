// Elements of the catalogue that are switched on: fetched for what the map shows, thinned to one stamp a screen cell.
import { basemap } from "./basemap.js";
import { GAPS } from "./gaps.js";
import { asOf, on, serverNow, state, tell } from "./state.js";
import { CAMERA } from "./video/camera.js";
import { MARKS_FROM_ZOOM } from "./video/camera_marks.js";

const OWN_LAYERS = new Set(["patrol_car", "foot_patrol", "armed_patrol", "incident", "duty_circle", GAPS]);
const DRAWN_APART = new Set(["scene_video"]); // video/scene.js: told by the server, and moving with the crews
const CELL_PX = 46;
const NO_THINNING_FROM_ZOOM = 15.5;
const WAIT_MS = 180;
const REFETCH_MS = 30_000;
const REFETCH_PAST_MS = 5_000; // a replay's minutes are short

const loaded = new Map(); // element → {key, at, features: [{id, lon, lat, properties}]}
let pending = 0;

export const isElement = (id) => !OWN_LAYERS.has(id);

export function startElements() {
  on("camera", soon);
  on("switches", soon);
  on("counts", soon);
  on("health", () => areCamerasMarked() && soon());
  on("hello", forgetPast);
  on("replay-mode", () => loaded.clear());
  soon();
}

// After a jump nothing that was fetched is of this moment. It is drawn until what is has come.
function forgetPast() {
  if (!state.replay) return;
  for (const have of loaded.values()) have.key = "";
  soon();
}

// Cameras stand still, how they do does not. From far no mark is drawn, and there would be thousands to fetch again.
const areCamerasMarked = () => state.on.has(CAMERA) && !state.replay && basemap.map.getZoom() >= MARKS_FROM_ZOOM;

function soon() {
  clearTimeout(pending);
  pending = setTimeout(fetchMissing, WAIT_MS);
}

// A little more than is seen, on a coarse grid, so that a small pan asks for nothing.
function area() {
  const bounds = basemap.map.getBounds();
  const step = Math.max(0.02, 2 ** Math.ceil(Math.log2((bounds.getEast() - bounds.getWest()) / 2)));
  const down = (value) => Math.floor(value / step) * step;
  const up = (value) => Math.ceil(value / step) * step;
  return [down(bounds.getWest()), down(bounds.getSouth()), up(bounds.getEast()), up(bounds.getNorth())].map((value) => value.toFixed(4)).join(",");
}

async function fetchMissing() {
  const bbox = area();
  const now = performance.now();
  const wanted = [...state.on].filter((id) => isElement(id) && !DRAWN_APART.has(id) && (state.counts[id]?.count ?? 1) > 0);
  await Promise.all(
    wanted.map(async (id) => {
      const have = loaded.get(id);
      const ages = state.counts[id]?.state === "live" || (id === CAMERA && areCamerasMarked());
      if (have && have.key === bbox && (!ages || now - have.at < (state.replay ? REFETCH_PAST_MS : REFETCH_MS))) return;
      const answer = await fetch(asOf(`/api/v1/elements/${id}?bbox=${bbox}`)).catch(() => null);
      if (!answer || !answer.ok) return; // the next move of the map asks again; the panel shows the feed's state
      const collection = await answer.json();
      loaded.set(id, {
        key: bbox,
        at: now,
        features: collection.features.map((feature) => ({
          id: feature.id ?? feature.properties.id,
          lon: feature.geometry.coordinates[0],
          lat: feature.geometry.coordinates[1],
          properties: feature.properties,
        })),
      });
      tell("elements-loaded");
    }),
  );
}

// Stamps for the present view: {element, lon, lat, count, stale, feature}. Cells are fixed to the ground, so stamps stay put in a pan.
export function drawnElements(map) {
  const zoom = map.getZoom();
  const stamps = [];
  for (const element of state.on) {
    const have = loaded.get(element);
    if (!have) continue;
    const stale = state.counts[element]?.state === "stale";
    if (zoom >= NO_THINNING_FROM_ZOOM) {
      for (const feature of have.features) stamps.push({ element, lon: feature.lon, lat: feature.lat, count: 1, stale, feature });
    } else {
      stamps.push(...thinned(element, have.features, Math.floor(zoom * 2) / 2, stale));
    }
  }
  return stamps;
}

function thinned(element, features, zoom, stale) {
  const cellDeg = (CELL_PX * 360) / (512 * 2 ** zoom);
  const cells = new Map();
  for (const feature of features) {
    const key = `${Math.floor(feature.lon / cellDeg)}:${Math.floor(feature.lat / (cellDeg * 0.87))}`;
    const cell = cells.get(key);
    if (cell) cell.count += 1;
    else cells.set(key, { element, lon: feature.lon, lat: feature.lat, count: 1, stale, feature });
  }
  return cells.values();
}

export const newestAgeS = (id) => {
  const at = state.counts[id]?.newest_at;
  if (at === null || at === undefined) return NaN;
  return serverNow() - (typeof at === "number" ? at : Date.parse(at) / 1000);
};
