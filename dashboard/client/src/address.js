// The address is the state: what is selected, where the map looks, which elements are on. A view can be linked and reloaded.
import { camera, moveCamera } from "./basemap.js";
import { inReplay, replayView } from "./replay.js";
import { isoOf, on, select, serverNow, state } from "./state.js";
import { t } from "./words.js";

const WAIT_MS = 300;
let pending = 0;

export function readAddress() {
  // Whose desk the page is, the server takes from the referrer. A browser that keeps it back would be given its account's whole scope.
  if (location.pathname.startsWith("/station/") && !state.config.desk) throw new Error(t("This browser does not tell the server on which page it is (Referer), so the desk of one station can't be shown."));
  const query = new URLSearchParams(location.search);
  const number = (name) => (query.has(name) && Number.isFinite(Number(query.get(name))) ? Number(query.get(name)) : null);
  const view = { lon: number("lon"), lat: number("lat"), zoom: number("zoom") };
  let selection = null;
  if (query.get("incident")) selection = { kind: "incident", incident_id: query.get("incident") };
  else if (query.get("unit")) selection = { kind: "unit", unit_id: query.get("unit") };
  else if (query.get("point")) {
    const [lon, lat] = query.get("point").split(",").map(Number);
    if (Number.isFinite(lon) && Number.isFinite(lat)) selection = { kind: "point", lon, lat };
  }
  const at = Date.parse(query.get("at") ?? "") / 1000;
  const replay = Number.isFinite(at) ? { at, speed: number("speed") ?? 1, playing: query.get("playing") === "1" } : null;
  // A link that was cut short must not be taken for the moment it was made for.
  const misread = !replay && (query.has("at") || location.pathname === "/replay");
  return { replay, misread, view: view.lon !== null && view.lat !== null ? view : null, selection, on: query.has("on") ? query.get("on").split(",").filter(Boolean) : null };
}

// What a wall needs to show what this desk shows.
export function currentView() {
  const seen = camera();
  return { lon: seen.lon, lat: seen.lat, zoom: seen.zoom, on: [...state.on], selection: state.selection?.kind === "element" ? null : state.selection, replay: replayView() };
}

function write() {
  const query = new URLSearchParams(location.search);
  for (const name of ["incident", "unit", "point"]) query.delete(name);
  const chosen = state.selection;
  if (chosen?.kind === "incident") query.set("incident", chosen.incident_id);
  if (chosen?.kind === "unit") query.set("unit", chosen.unit_id);
  if (chosen?.kind === "point") query.set("point", `${chosen.lon.toFixed(5)},${chosen.lat.toFixed(5)}`);
  const { lon, lat, zoom } = camera();
  query.set("lon", lon.toFixed(5));
  query.set("lat", lat.toFixed(5));
  query.set("zoom", zoom.toFixed(2));
  query.set("on", [...state.on].join(","));
  for (const name of ["at", "speed", "playing"]) query.delete(name);
  if (inReplay()) {
    query.set("at", isoOf(Math.floor(serverNow() * 10) / 10));
    query.set("speed", String(state.replay.speed));
    if (state.replay.playing) query.set("playing", "1");
  }
  history.replaceState(null, "", `${pathNow()}?${query}`);
}

// The desk of a station, and a wall, keep their address; the account's own desk has one of its own for the past.
function pathNow() {
  if (inReplay() && location.pathname === "/") return "/replay";
  return !inReplay() && location.pathname === "/replay" ? "/" : location.pathname;
}

function later() {
  clearTimeout(pending);
  pending = setTimeout(write, WAIT_MS);
}

export function startAddress() {
  for (const topic of ["camera", "switches", "selection", "replay-clock"]) on(topic, later);
  on("write-address", write);
  addEventListener("popstate", () => {
    const { view, selection } = readAddress();
    if (view) moveCamera(view, true);
    select(selection);
  });
}
