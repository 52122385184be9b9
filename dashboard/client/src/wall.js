// The wall: nobody touches it. It follows the desk when asked to, but never while someone moves the map, and it starts itself
// afresh once a day so that months leave nothing behind, and when something can't be drawn.
import { moveCamera } from "./basemap.js";
import { followView } from "./replay.js";
import { on, presentNow, select, state, tell } from "./state.js";

const LEFT_ALONE_MS = 60_000;
const RENEW_AFTER_MS = 24 * 3600 * 1000;
const MEND_AFTER_MS = 15_000; // where what is wrong stays wrong, it can be read that long
let waiting = null;

export function isWall() {
  return document.documentElement.dataset.page === "wall";
}

export function startWall() {
  const startedAt = performance.now();
  let newest = 0;
  on("view", (message) => {
    if (message.screen === "video") return; // pictures of cameras: video/wall_tiles.js
    if (message.pushed_at <= newest) return; // told again with a new connection
    newest = message.pushed_at;
    waiting = message.view;
    follow();
  });
  on("undrawn", () => setTimeout(() => location.reload(), MEND_AFTER_MS));
  setInterval(() => {
    follow();
    // Only while the live picture stands, nobody is at it and no urgent incident waits: a reload costs two seconds of map.
    const urgent = [...state.incidents.values()].some((incident) => incident.grade <= 2 && incident.stage === "received");
    if (performance.now() - startedAt > RENEW_AFTER_MS && state.connected && leftAlone() && !urgent) location.reload();
  }, 2_000);
}

const leftAlone = () => state.touchedAt === 0 || performance.now() - state.touchedAt > LEFT_ALONE_MS;

function follow() {
  if (!waiting || !leftAlone()) return;
  const view = waiting;
  waiting = null;
  if (Number.isFinite(view.lon) && Number.isFinite(view.lat)) moveCamera(view);
  if (Array.isArray(view.on)) {
    state.on = new Set(view.on);
    tell("switches");
  }
  select(view.selection ?? null);
  followView(view.replay ?? null);
  document.getElementById("wall-followed").dataset.ageOf = String(presentNow());
}
