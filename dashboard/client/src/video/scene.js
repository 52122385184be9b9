// Scene video (现场回传): which crews send, told by the server at once; shown in the panel of their incident, where it can be watched,
// and on the map at the crew's place.
import { ScatterplotLayer, TextLayer } from "@deck.gl/layers";
import { FONT, magnified, rgb, theme, token } from "../draw.js";
import { fleet } from "../fleet.js";
import { drawBy } from "../overlay.js";
import { on, serverNow, state, tell } from "../state.js";
import { isWall } from "../wall.js";
import { age, t } from "../words.js";
import { SceneTile } from "./scene_tile.js";

const ELEMENT = "scene_video";
const LAYER = "scene-video";
const MAP_EVERY_TICKS = 5; // each change of a label draws the whole map anew
const JUST_BEGUN_S = 15; // a reload tells of nothing that everybody knows

const sending = new Map(); // incident_id → [{recording_id, unit_id, began_at, state, last_at, delay_s, trouble}]
const tiles = new Map(); // recording_id → SceneTile, in the panel
const announced = new Set();
let ticking = 0;
let ticks = 0;
let isDrawn = false; // the map is there

const unixS = (iso) => Date.parse(iso) / 1000;
export const callsignOf = (unitId) => fleet.rows[fleet.indexById.get(unitId)]?.callsign ?? unitId;

export function startSceneVideo() {
  on("hello", () => {
    sending.clear(); // what is so now comes right after the hello
    changed();
  });
  on("scene-video", ({ incident_id, recordings }) => {
    if (recordings.length) sending.set(incident_id, recordings);
    else sending.delete(incident_id);
    recordings.forEach((one) => announce(incident_id, one));
    changed();
  });
  on("selection", drawPanel);
  on("switches", drawMap);
}

// The map is there: what has been told so far is drawn on it, and everything from now on.
export function drawSceneVideo() {
  isDrawn = true;
  drawMap();
}

function announce(incidentId, one) {
  const isNew = !announced.has(one.recording_id);
  announced.add(one.recording_id);
  const incident = state.incidents.get(incidentId);
  if (!isNew || isWall() || !incident || serverNow() - unixS(one.began_at) > JUST_BEGUN_S) return;
  tell("toast", { kind: "good", text: t("{unit} sends video from the scene of #{number}.", { unit: callsignOf(one.unit_id), number: incident.number }) });
}

function changed() {
  drawPanel();
  drawMap();
  clearInterval(ticking);
  ticking = sending.size ? setInterval(tick, 1000) : 0;
}

function tick() {
  ticks += 1;
  if (ticks % MAP_EVERY_TICKS === 0) drawMap();
  for (const tile of tiles.values()) tile.tick();
}

// The panel ---------------------------------------------------------------------------------------------------------------

function drawPanel() {
  const holder = document.getElementById("panel-scene-video");
  if (!holder || isWall()) return;
  const shown = state.selection?.kind === "incident" ? sending.get(state.selection.incident_id) ?? [] : [];
  const wanted = new Set(shown.map((one) => one.recording_id));
  for (const [id, tile] of tiles) {
    if (wanted.has(id)) continue;
    tile.remove();
    tiles.delete(id);
  }
  for (const one of shown) {
    if (!tiles.has(one.recording_id)) {
      const tile = new SceneTile(one);
      tiles.set(one.recording_id, tile);
      holder.append(tile.root);
    }
    tiles.get(one.recording_id).take(one, callsignOf(one.unit_id));
  }
  holder.hidden = !shown.length;
}

// The map -----------------------------------------------------------------------------------------------------------------

function drawMap() {
  if (!isDrawn) return;
  const spots = state.on.has(ELEMENT) ? [...sending].flatMap(([incidentId, ones]) => ones.map((one) => spotOf(incidentId, one))).filter(Boolean) : [];
  drawBy(LAYER, spots.length ? () => ({ below: [], above: spotLayers(spots), alone: false }) : null);
}

function spotOf(incidentId, one) {
  const index = fleet.indexById.get(one.unit_id);
  const [lon, lat] = index === undefined ? [NaN, NaN] : [fleet.shown[2 * index], fleet.shown[2 * index + 1]];
  if (!Number.isFinite(lon)) return null;
  const isLive = one.state === "live";
  const since = age(serverNow() - unixS(isLive ? one.began_at : one.last_at));
  const said = isLive ? t("live for {age}", { age: since }) : t("no picture for {age}", { age: since });
  return { incident_id: incidentId, lon, lat, isLive, text: `${isLive ? "●" : "○"} ${said}` };
}

function spotLayers(spots) {
  const tone = (spot) => token(spot.isLive ? "bad" : "warn");
  const always = { parameters: { depthCompare: "always" }, updateTriggers: { getLineColor: theme(), getBackgroundColor: theme() } };
  const rings = new ScatterplotLayer({
    ...always, id: `${LAYER}-rings`, data: spots, stroked: true, filled: false, radiusUnits: "pixels", lineWidthUnits: "pixels", getPosition: (spot) => [spot.lon, spot.lat],
    getRadius: 19 * magnified(), getLineWidth: 3 * magnified(), getLineColor: (spot) => rgb(tone(spot)),
  });
  if (!state.lettered) return [rings];
  return [rings, new TextLayer({
    ...always, id: LAYER, data: spots, pickable: true, characterSet: "auto", fontFamily: FONT, fontWeight: 700, getText: (spot) => spot.text, getPosition: (spot) => [spot.lon, spot.lat],
    getPixelOffset: [0, -30 * magnified()], getSize: 12 * magnified(), getColor: rgb(token("panel")), background: true, backgroundPadding: [6, 3, 6, 3], backgroundBorderRadius: 4,
    getBackgroundColor: (spot) => rgb(tone(spot), 245),
  })];
}
